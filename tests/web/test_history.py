"""What changed: between two versions, and from release to release."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdnserve.origin.lookup import Origin
from cdnserve.release.build import build
from cdnserve.release.store import Store
from cdnserve.web.answers import WebAnswers
from tests.web import site
from tests.web.asking import Asker, links, words
from tests.web.built import BuiltSite


def test_two_versions_are_compared(asker: Asker) -> None:
    html = asker.page("/-/compare/greet/1.0.0...1.1.0")
    text = words(html)
    assert "dist/more.js added" in text
    assert "LICENSE removed" in text
    assert "dist/greet.js changed" in text
    assert "1 added 1 removed 2 changed 1 unchanged" in text
    assert "../../../-/file/npm/greet@1.0.0/LICENSE" in links(html)


def test_a_version_compared_with_itself_has_no_changes(asker: Asker) -> None:
    assert "octet by octet" in words(asker.page("/-/compare/greet/1.0.0...1.0.0"))


def test_ranges_lead_to_the_versions_of_today(asker: Asker) -> None:
    reply = asker.ask("/-/compare/greet/1.0.0...1")
    assert reply is not None
    assert (302, b"../../compare/greet/1.0.0...1.1.0") == (reply.status, reply.header(b"location"))


@pytest.mark.parametrize(
    "target",
    [
        "greet/1.0.0",
        "greet/1.0.0...9.0.0",
        "greet/2.0.0...1.0.0",
        "greet/",
        "greet",
        "hidden/1.0.0...1.0.0",
        "",
        "a/b...c",
    ],
)
def test_what_is_not_listed_is_not_compared(asker: Asker, target: str) -> None:
    text = words(asker.page(f"/-/compare/{target}", 404))
    assert "secret" not in text


def test_releases_say_what_they_changed(asker: Asker) -> None:
    text = words(asker.page("/-/releases"))
    assert "Release 2 served now" in text
    assert 1 == text.count("1 file changed")
    assert "own/app.js" in text
    for name in ("partners", "hidden", "quiet", "second.js"):
        assert name not in text


def test_a_release_that_was_removed_meanwhile_is_not_named(tmp_path: Path) -> None:
    for files in (site.BEFORE, site.AFTER):
        site.write(tmp_path / "root", files)
        build(tmp_path / "root", tmp_path / "state")
    store = Store(tmp_path / "state")
    built = BuiltSite(tmp_path / "root", store, Origin(store.load()))
    asker = Asker(WebAnswers(store, built.read), built)
    assert "Release 1" in words(asker.page("/-/releases"))
    store.catalog(1).unlink()
    text = words(asker.page("/-/releases"))
    assert "Release 1" not in text
    assert "Release 2" in text


def test_behind_the_last_page_there_is_nothing(asker: Asker) -> None:
    asker.page("/-/releases?page=99", 404)
    asker.page("/-/releases/other", 404)

"""The page of a library: what to paste is what the command line prints, and all files are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdnserve.origin.lookup import Origin
from cdnserve.release.build import build
from cdnserve.release.store import Store
from cdnserve.snippets.subject import Options
from cdnserve.snippets.tags import html as html_of
from cdnserve.snippets.targets import Hosted, library_subjects
from cdnserve.web.answers import WebAnswers
from tests.web.asking import Asker, links, snippets, words
from tests.web.built import BuiltSite


def test_what_is_there_to_copy_is_what_sri_prints(asker: Asker) -> None:
    hosted = Hosted(asker.site.root, asker.site.store, asker.site.origin.catalog)
    shown = snippets(asker.page("/-/npm/greet@1.0.0/"))
    for subject in library_subjects("greet@1.0.0", hosted):
        assert html_of([subject], Options()) in shown
        assert subject.url in shown


def test_a_module_has_an_import_map(asker: Asker) -> None:
    html = asker.page("/-/npm/@scope/words@1.2.0/")
    assert "Import map" in words(html)
    assert any('"integrity"' in text and "words.js" in text for text in snippets(html))


def test_without_a_version_it_is_the_newest(asker: Asker) -> None:
    assert "greet 1.1.0" in words(asker.page("/-/npm/greet"))
    assert "greet 1.1.0" in words(asker.page("/-/npm/greet/"))


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/-/npm/greet@1/", "../../npm/greet@1.1.0/"),
        ("/-/npm/greet@latest", "../npm/greet@1.1.0/"),
        ("/-/npm/greet@1.0.0/dist/greet.js", "../../../file/npm/greet@1.0.0/dist/greet.js"),
        ("/-/npm/greet@1.0.0/dist", "../../npm/greet@1.0.0/?dir=dist"),
    ],
)
def test_other_addresses_lead_to_the_page(asker: Asker, target: str, location: str) -> None:
    reply = asker.ask(target)
    assert reply is not None
    assert (302, location.encode()) == (reply.status, reply.header(b"location"))


def test_a_library_that_no_browser_runs_says_what_to_do(asker: Asker) -> None:
    text = words(asker.page("/-/npm/fornode@1.0.0/"))
    assert "No tag stands for this library: it has no script for a tag: index.js runs in Node.js only." in text
    assert "cdnserve add fornode@1.0.0 --esm" in text


def page_of(root: Path, files: dict[str, str]) -> str:
    """Return what people read of the page of a library with these files."""
    for path, text in files.items():
        place = root / "root/npm/lib@1.0.0" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    (root / "root/manifest.toml").write_text('schema = 1\n[[publish]]\npath = "npm/**"\ncors = "any"\n')
    build(root / "root", root / "state")
    store = Store(root / "state")
    built = BuiltSite(root / "root", store, Origin(store.load()))
    return words(Asker(WebAnswers(store, built.read), built).page("/-/npm/lib/"))


def test_a_module_that_needs_what_is_not_here_says_so(tmp_path: Path) -> None:
    """And addresses that have no host are told as such."""
    package = '{"name": "lib", "exports": "./index.js", "dependencies": {"gone": "^1"}}'
    text = page_of(tmp_path, {"package.json": package, "index.js": "import 'gone';\n"})
    assert "No import map can be made: gone@^1: the package is not hosted." in text
    assert "Run cdnserve add 'gone@^1'" in text
    assert "These addresses have no host" in text


def test_what_has_modules_for_browsers_needs_no_tag(tmp_path: Path) -> None:
    package = '{"name": "lib", "main": "lib.cjs", "exports": {"import": "./lib.mjs", "require": "./lib.cjs"}}'
    files = {"lib.cjs": "module.exports = require('fs');\n", "lib.mjs": "export const a = 1;\n"}
    text = page_of(tmp_path, {"package.json": package, **files})
    assert "Import map" in text
    assert 'these may then import "lib"' in text
    assert "No tag stands" not in text


def test_where_the_site_has_an_address_nothing_is_told_of_it(asker: Asker) -> None:
    assert "have no host" not in words(asker.page("/-/npm/greet/") + asker.page("/-/file/own/app.js"))


def test_dependencies_lead_to_what_is_hosted(asker: Asker) -> None:
    html = asker.page("/-/npm/greet@1.0.0/")
    assert "../../../-/npm/@scope/words@1.2.0/" in links(html)
    assert "left-pad 1.x not here" in words(html)
    assert "hidden *" in words(html)
    assert not [link for link in links(html) if "hidden" in link or "javascript" in link]


def test_versions_and_comparisons_are_linked(asker: Asker) -> None:
    found = links(asker.page("/-/npm/greet@1.0.0/"))
    assert {"../../../-/npm/greet@1.1.0/", "../../../-/compare/greet/1.1.0...1.0.0"} <= set(found)
    assert not [link for link in found if "2.0.0" in link]


def test_the_files_can_be_filtered(asker: Asker) -> None:
    html = asker.page("/-/npm/greet@1.0.0/?filter=CSS")
    assert "1 file with “ CSS ”" in words(html)
    assert "../../../-/file/npm/greet@1.0.0/dist/greet.css" in links(html)
    assert "../../../-/file/npm/greet@1.0.0/dist/greet.js" not in links(html)


def test_a_folder_within_is_a_page(asker: Asker) -> None:
    html = asker.page("/-/npm/greet@1.0.0/?dir=dist")
    assert "../../../-/file/npm/greet@1.0.0/dist/greet.js" in links(html)
    assert "../../../-/file/npm/greet@1.0.0/LICENSE" not in links(html)


@pytest.mark.parametrize(
    "target",
    [
        "/-/npm/absent/",
        "/-/npm/hidden@1.0.0/",
        "/-/npm/hidden/",
        "/-/npm/greet@2.0.0/",
        "/-/npm/greet@2.0.0/dist/greet.js",
        "/-/npm/greet@1.0.0/none.js",
        "/-/npm/greet@1.0.0/?dir=none",
        "/-/npm/greet@1.0.0/?dir=../greet@2.0.0/dist",
        "/-/npm/greet@1.0.0/?page=7",
        "/-/folder/partners/",
        "/-/folder/quiet/",
        "/-/folder/none/",
        "/-/npm/",
        "/-/npm/@/",
        "/-/npm/greet@" + "1" * 500,
    ],
)
def test_what_is_not_listed_is_not_there(asker: Asker, target: str) -> None:
    text = words(asker.page(target, 404))
    assert "secret" not in text
    assert "2.0.0" not in text or "2.0.0" in target


def test_folders_of_ones_own_have_pages(asker: Asker) -> None:
    assert "../../../-/file/own/app.js" in links(asker.page("/-/folder/own/"))
    everything = links(asker.page("/-/folder/"))
    assert "../../-/file/top.txt" in everything
    assert not [link for link in everything if "partners" in link or "quiet" in link]

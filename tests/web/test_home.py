"""Home: libraries, folders, search, and what shows where nothing is published yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdnserve.origin.lookup import Origin
from cdnserve.release.build import build
from cdnserve.release.store import Store
from cdnserve.web.answers import WebAnswers
from tests.web.asking import Asker, links, snippets, words
from tests.web.built import BuiltSite


def test_it_lists_libraries_and_folders(asker: Asker) -> None:
    html = asker.page("/-/")
    assert "greet 1.1.0 Says hello to <b>people</b> \\u202e MIT 4 files" in words(html)
    assert {"../-/npm/greet@1.1.0/", "../-/npm/@scope/words@1.2.0/", "../-/folder/own/"} <= set(links(html))
    assert "Acme library CDN" in words(html)


def test_nothing_that_is_not_listed_is_on_it(asker: Asker) -> None:
    text = words(
        asker.page("/-/") + asker.page("/-/?q=secret") + asker.page("/-/?q=quiet") + asker.page("/-/?q=hidden")
    )
    for name in ("hidden@", "2.0.0", "partners", "quiet/", "unpublished", "secret.js"):
        assert name not in text


def test_a_search_needs_no_script(asker: Asker) -> None:
    html = asker.page("/-/?q=polite")
    assert "1 result" in words(html)
    assert "../-/npm/greet@1.1.0/" in links(html)
    assert "../-/file/own/deep/er/copy.js" in links(asker.page("/-/?q=copy.js"))


def test_files_come_behind_and_the_nearest_name_first(asker: Asker) -> None:
    """All of them can be reached, and counted."""
    found = [link.partition("/-/file/")[2] for link in links(asker.page("/-/?q=greet.js")) if "/-/file/" in link]
    assert [f"npm/greet@{version}/dist/greet.js" for version in ("1.0.0", "1.1.0")] == found
    html = asker.page("/-/?q=package.json")
    assert f"{len([link for link in links(html) if '/-/file/' in link])} results" in words(html)
    asker.page("/-/?q=package.json&page=2", 404)


@pytest.mark.parametrize("query", ["%3Cscript%3Ealert(1)%3C/script%3E", "%22%3E%3Cimg%20src=x%3E", "%E2%80%AEsj"])
def test_what_is_looked_for_is_text(asker: Asker, query: str) -> None:
    html = asker.page(f"/-/?q={query}")
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert "\u202e" not in html
    assert "0 results" in words(html)


def test_a_search_that_finds_nothing_names_what_is_near(asker: Asker) -> None:
    html = asker.page("/-/?q=Gret")
    assert "Did you mean greet ?" in words(html)
    assert "../-/npm/greet/" in links(html)


@pytest.mark.parametrize("query", ["gree", "nothing-like-it"])
def test_where_something_is_found_or_nothing_is_near_none_is_named(asker: Asker, query: str) -> None:
    assert "Did you mean" not in words(asker.page(f"/-/?q={query}"))


@pytest.mark.parametrize("page", ["0", "-1", "x", "1e9", "%C2%B2", "9" * 400])
def test_what_is_no_page_is_the_first(asker: Asker, page: str) -> None:
    assert "greet 1.1.0" in words(asker.page(f"/-/?page={page}"))


def test_behind_the_last_page_there_is_nothing(asker: Asker) -> None:
    asker.page("/-/?page=99", 404)


def test_an_empty_site_shows_three_commands(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root/manifest.toml").write_text('schema = 1\n[[publish]]\npath = "npm/**"\ncors = "any"\n')
    build(tmp_path / "root", tmp_path / "state")
    store = Store(tmp_path / "state")
    built = BuiltSite(tmp_path / "root", store, Origin(store.load()))
    html = Asker(WebAnswers(store, built.read), built).page("/-/")
    assert ["cdnserve add jquery", "cdnserve list", "cdnserve sri jquery"] == snippets(html)


def test_an_address_of_nothing_names_what_is_near(asker: Asker) -> None:
    html = asker.page("/-/gret", 404)
    assert "../-/npm/greet/" in links(html)

"""The pages of an audit: which files a folder gives, what is refused, and digests by URL."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from cdnserve.audit.facts import FetchedDigests
from cdnserve.audit.run import PageFile, fetch_digests, read_pages
from cdnserve.errors import Problem
from cdnserve.markup import files
from tests.npm.registry import Answer, LocalRegistry, settings_for

PAGE = b"<!doctype html><title>a</title>"


def read(folder: Path, *names: str | Path) -> list[PageFile | Problem]:
    """Read pages; the root is the folder's `public`."""
    return list(read_pages(map(str, names), folder / "public", settings_for(folder)))


def references(found: list[PageFile | Problem]) -> list[str]:
    """Return the ids of the problems, and the names of the pages."""
    return [one.reference if isinstance(one, Problem) else Path(one.name).name for one in found]


def test_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_bytes(PAGE)
    assert [PageFile(str(tmp_path / "a.html"), PAGE)] == read(tmp_path, tmp_path / "a.html")


def test_what_browsers_take_for_a_url_is_one(tmp_path: Path) -> None:
    """And it is told as one: no file has that name."""
    found = read(tmp_path, "http:\\\\user@127.0.0.1\\a.html", "https:/user@127.0.0.1/a.html")
    assert ["target-url", "target-url"] == references(found)


def test_a_folder_gives_its_pages_and_those_of_its_folders(tmp_path: Path) -> None:
    """Sorted, whatever the case of their endings; other files are no pages."""
    for name in ("b/c.HTM", "a.html", "b/d.js", "e.xhtml", "f.html.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(PAGE)
    assert ["a.html", "c.HTM"] == references(read(tmp_path, tmp_path))


def test_a_folder_is_not_left_by_a_link(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/a.html").write_bytes(PAGE)
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside/link").symlink_to(tmp_path / "outside")
    assert ["page-missing"] == references(read(tmp_path, tmp_path / "inside"))


def test_pages_of_packages_are_not_ones_own(tmp_path: Path) -> None:
    for name in ("a.html", ".git/b.html", "node_modules/c/d.html", "public/npm/x@1.0.0/e.html", "public/demo/f.html"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(PAGE)
    assert ["a.html", "f.html"] == references(read(tmp_path, tmp_path))
    assert ["e.html"] == references(read(tmp_path, tmp_path / "public/npm/x@1.0.0"))


def test_a_page_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_bytes(PAGE)
    assert ["a.html"] == references(read(tmp_path, tmp_path / "a.html", tmp_path))


def test_a_page_below_the_root_has_a_path(tmp_path: Path) -> None:
    (tmp_path / "public/demo").mkdir(parents=True)
    (tmp_path / "public/demo/a.html").write_bytes(PAGE)
    (page,) = read(tmp_path, tmp_path / "public/demo/a.html")
    assert isinstance(page, PageFile)
    assert "demo/a.html" == page.path


def test_what_is_no_page_does_not_keep_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has its own problem."""
    monkeypatch.setattr(files, "LARGEST", 40)
    os.mkfifo(tmp_path / "fifo.html")
    (tmp_path / "large.html").write_bytes(PAGE * 2)
    (tmp_path / "x.xhtml").write_bytes(PAGE)
    (tmp_path / "a.html").write_bytes(PAGE)
    names = ("none.html", "fifo.html", "large.html", "x.xhtml", "a.html")
    expected = ["page-missing", "page-missing", "page-too-large", "page-format", "a.html"]
    assert expected == references(read(tmp_path, *(tmp_path / name for name in names)))


@pytest.mark.parametrize(
    ("media_type", "charset", "expected"),
    [
        pytest.param("text/html; charset=Latin1", "Latin1", ["a.html"], id="a charset"),
        pytest.param('TEXT/HTML;charset="utf-8"', "utf-8", ["a.html"], id="in quotes"),
        pytest.param("text/html", "", ["a.html"], id="none"),
        pytest.param("application/xhtml+xml", "", ["page-format"], id="XHTML"),
        pytest.param("text/javascript", "", ["page-format"], id="a script"),
    ],
)
def test_a_url(registry: LocalRegistry, tmp_path: Path, media_type: str, charset: str, expected: list[str]) -> None:
    """The answer must be HTML, and may say its charset."""
    url = registry.answer("/a.html", Answer(body=PAGE, fields={"Content-Type": media_type}))
    found = read(tmp_path, url)
    assert expected == references(found)
    assert [charset] * (expected == ["a.html"]) == [one.charset for one in found if isinstance(one, PageFile)]


def test_a_url_that_does_not_answer_is_a_problem(registry: LocalRegistry, tmp_path: Path) -> None:
    assert ["target-unreachable"] == references(read(tmp_path, registry.answer("/a", Answer(status=404))))


def test_digests(registry: LocalRegistry, tmp_path: Path) -> None:
    """By URL, whether they came or not."""
    here, gone = registry.answer("/a.js", Answer(body=b"a")), registry.answer("/b.js", Answer(status=404))
    found = fetch_digests([here, gone, here], settings_for(tmp_path))
    assert {here, gone} == set(found)
    assert hashlib.sha384(b"a").digest() == found[here].digests["sha384"]
    assert FetchedDigests(failure="the answer has status 404, not 200") == found[gone]

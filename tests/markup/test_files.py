"""Pages on the disk, read and put back whole."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.files import replace_file
from cdnserve.markup import files
from cdnserve.markup.files import OwnPage, read_own_pages, write_own_pages


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of pages, with a root of ours in it."""
    for path in ("a.html", "sub/b.HTM", "sub/c.txt", ".git/d.html", "node_modules/x/e.html", "public/npm/x@1/f.html"):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(path)
    return tmp_path


def names(pages: tuple[OwnPage, ...], folder: Path) -> list[str]:
    return [page.path.relative_to(folder).as_posix() for page in pages]


def test_a_folder_gives_its_pages_but_none_of_packages(site: Path) -> None:
    pages = read_own_pages([site], site / "public")
    assert ["a.html", "sub/b.HTM"] == names(pages, site)
    assert [b"a.html", b"sub/b.HTM"] == [page.data for page in pages]


def test_a_file_is_taken_whatever_its_name(site: Path) -> None:
    assert ["sub/c.txt"] == names(read_own_pages([site / "sub/c.txt"], site / "public"), site)


def test_a_page_with_two_names_is_one_page(site: Path) -> None:
    (site / "link.html").symlink_to("a.html")
    assert ["a.html"] == names(read_own_pages([site / "a.html", site / "link.html"], site / "public"), site)


def test_every_page_that_can_not_be_read_is_told(site: Path) -> None:
    os.mkfifo(site / "pipe.html")
    with pytest.raises(ConfigurationError) as caught:
        read_own_pages([site / "none.html", site / "pipe.html", site / "a.html"], site / "public")
    assert ["page-missing", "page-missing"] == [problem.reference for problem in caught.value.problems]


def test_xhtml_is_refused(site: Path) -> None:
    """Its tags stand elsewhere than HTML's rules say."""
    (site / "a.xhtml").write_text('<script src="a.js"/>')
    with pytest.raises(ConfigurationError, match="page-format"):
        read_own_pages([site / "a.xhtml"], site / "public")


def test_a_page_that_is_too_large_is_refused(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LARGEST", 3)
    with pytest.raises(ConfigurationError, match="larger than 3 octets"):
        read_own_pages([site / "a.html"], site / "public")


def test_a_page_is_replaced_with_its_mode(site: Path) -> None:
    (site / "a.html").chmod(0o640)
    (page,) = read_own_pages([site / "a.html"], site / "public")
    write_own_pages([(page, b"new")])
    assert b"new" == (site / "a.html").read_bytes()
    assert 0o640 == stat.S_IMODE((site / "a.html").stat().st_mode)


def test_a_link_is_followed(site: Path) -> None:
    (site / "link.html").symlink_to("a.html")
    (page,) = read_own_pages([site / "link.html"], site / "public")
    write_own_pages([(page, b"new")])
    assert (site / "link.html").is_symlink()
    assert b"new" == (site / "a.html").read_bytes()


def test_a_page_that_changed_meanwhile_is_left_and_the_others_too(site: Path) -> None:
    pages = read_own_pages([site / "a.html", site / "sub/b.HTM"], site / "public")
    (site / "sub/b.HTM").write_text("an editor's")
    with pytest.raises(ConfigurationError, match="somebody changed it meanwhile"):
        write_own_pages([(page, b"new") for page in pages])
    assert (b"a.html", b"an editor's") == ((site / "a.html").read_bytes(), (site / "sub/b.HTM").read_bytes())


def test_a_page_that_can_not_be_written_leaves_the_others_as_they_were(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    def refuse(path: Path, data: bytes) -> None:
        if path.name == "b.HTM":
            raise PermissionError(13, "Permission denied")
        replace_file(path, data)

    monkeypatch.setattr(files, "replace_file", refuse)
    with pytest.raises(ConfigurationError, match="Permission denied"):
        write_own_pages([(page, b"new") for page in read_own_pages([site], site / "public")])
    assert b"a.html" == (site / "a.html").read_bytes()


def test_a_page_that_is_gone_is_told(site: Path) -> None:
    pages = read_own_pages([site / "a.html"], site / "public")
    (site / "a.html").unlink()
    with pytest.raises(ConfigurationError, match="somebody changed it meanwhile"):
        write_own_pages([(page, b"new") for page in pages])
    assert not (site / "a.html").exists()

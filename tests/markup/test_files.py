"""Pages on the disk: read, decoded as browsers would, and put back whole."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.errors import ConfigurationError
from cdnserve.files import replace_file
from cdnserve.markup import files
from cdnserve.markup.files import CARRIED, OwnPage, decode, read_own_pages, write_own_pages


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


@pytest.mark.parametrize(
    ("data", "declared", "expected"),
    [
        pytest.param("é".encode(), "", ("é", "utf-8"), id="UTF-8 that nobody declares"),
        pytest.param(b"\xe9", "", ("é", "cp1252"), id="what is no UTF-8 is windows-1252"),
        pytest.param(b"\xe9", "iso-8859-2", ("é", "iso8859-2"), id="declared in the header"),
        pytest.param("é".encode(), "nonsense", ("é", "utf-8"), id="declared, but unknown"),
        pytest.param(b"<meta charset=latin1>\xe9", "", ("<meta charset=latin1>é", "cp1252"), id="declared in the page"),
        pytest.param(
            b"<meta charset=latin1>a", "utf-8", ("<meta charset=latin1>a", "utf-8"), id="the header is stronger"
        ),
        pytest.param(b"\xef\xbb\xbfa", "latin1", ("\ufeffa", "utf-8"), id="a byte order mark is the strongest"),
        pytest.param(b"\xff\xfea\0", "", ("\ufeffa", "utf-16-le"), id="UTF-16, little-endian"),
        pytest.param(b"\xfe\xff\0a", "", ("\ufeffa", "utf-16-be"), id="UTF-16, big-endian"),
        pytest.param(b"<meta charset=utf-16>", "", ("<meta charset=utf-16>", "utf-8"), id="UTF-16 in ASCII is a lie"),
        pytest.param(b"\x81", "windows-1252", ("\udc81", "cp1252"), id="an octet without a character"),
        pytest.param(b"\xff", "utf-8", ("\udcff", "utf-8"), id="an octet that is no UTF-8"),
        pytest.param(b"", "", ("", "utf-8"), id="nothing"),
    ],
)
def test_decode(data: bytes, declared: str, expected: tuple[str, str]) -> None:
    assert expected == decode(data, declared)


@given(
    st.one_of(st.binary(), st.text().map(lambda text: text.encode("utf-8", "replace"))),
    st.sampled_from(["", "utf-8", "latin1", "shift_jis", "gb18030", "euc-kr", "utf-16le", "x-user-defined", "koi8-r"]),
)
def test_what_is_decoded_encodes_back(data: bytes, declared: str) -> None:
    """Octet for octet, or the page is refused."""
    try:
        text, codec = decode(data, declared)
        came_back = text.encode(codec, CARRIED)
    except ConfigurationError as error:
        came_back, refused = data, [problem.reference for problem in error.problems]
    else:
        refused = []
    assert refused in ([], ["page-encoding"])
    assert data == came_back

"""Character encodings: what octets are, and what they declare, however they come."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.rules import charsets
from cdnserve.rules.charsets import Charset, CharsetReader, Form, look

BOMB = gzip.compress(bytes(2**20))
CYRILLIC = "Заказ"
PACKETS = (b"G" + b"\xff" * 187) * 3


@pytest.mark.parametrize(
    ("octets", "form"),
    [
        pytest.param(b"", "text", id="nothing"),
        pytest.param(b"ascii\r\n\t\f\x1b[0m", "text", id="ASCII with the control characters of texts"),
        pytest.param(CYRILLIC.encode(), "text", id="UTF-8"),
        pytest.param(b"\xef\xbb\xbf" + CYRILLIC.encode(), "text", id="UTF-8 with a byte order mark"),
        pytest.param(b"a\0b", "utf-8", id="NUL"),
        pytest.param(b"\x01\x02", "utf-8", id="small numbers"),
        pytest.param("\x85\ufffe".encode(), "text", id="what Unicode has of odd characters"),
        pytest.param(gzip.compress(b"x"), "gzip", id="gzip"),
        pytest.param(gzip.compress(b"x") + gzip.compress(b"y"), "gzip", id="two members of gzip"),
        pytest.param(b"\x1f\x8b\x08", "other", id="the beginning of gzip"),
        pytest.param(gzip.compress(b"x")[:-1], "other", id="gzip that was cut off"),
        pytest.param(gzip.compress(b"x")[:-8] + bytes(8), "other", id="gzip with a wrong sum"),
        pytest.param(gzip.compress(b"x") + b"y", "other", id="something behind gzip"),
        pytest.param(b"\x1f\x8b\x08" + b"\xff" * 400, "other", id="what only begins as gzip does"),
        pytest.param(b"\x1f\x8b\x07\xff", "other", id="gzip's number with another method"),
        pytest.param(PACKETS, "mpeg", id="a transport stream"),
        pytest.param(PACKETS[:189], "mpeg", id="two packets begun"),
        pytest.param(PACKETS[:188], "other", id="one packet"),
        pytest.param(PACKETS[:376] + b"x", "other", id="two packets and something else"),
        pytest.param(b"G" * 400, "text", id="text that looks like packets"),
        pytest.param(CYRILLIC.encode("cp1251"), "other", id="windows-1251"),
        pytest.param(b"\xff\xfea\0", "other", id="UTF-16"),
        pytest.param(b"\xed\xa0\x80", "other", id="half a surrogate pair"),
        pytest.param(b"\xc0\xaf", "other", id="an overlong form"),
        pytest.param(b"\xf4\x90\x80\x80", "other", id="beyond Unicode"),
    ],
)
def test_the_form_of_octets(octets: bytes, form: Form) -> None:
    assert form == look(octets).form


@pytest.mark.parametrize(
    ("octets", "flaw", "line"),
    [
        pytest.param(b"one\ntwo", None, 0, id="none"),
        pytest.param(b"\xe9", 0, 1, id="the first octet"),
        pytest.param(b"one\ntw\xe9\n", 6, 2, id="in the second line"),
        pytest.param(b"one\n\xc3", 4, 2, id="cut short"),
        pytest.param(b"one\n\xc3\n\xe9", 4, 2, id="the first of two"),
        pytest.param("\u00fc\n".encode() * 3 + b"\xe2\x82", 9, 4, id="cut short after characters of several octets"),
    ],
)
def test_the_place_of_the_first_flaw(octets: bytes, flaw: int | None, line: int) -> None:
    for size in (1, 2, 3, 100):
        assert (flaw, line) == (in_pieces(octets, size).flaw, in_pieces(octets, size).line)


@pytest.mark.parametrize(
    ("opening", "declared"),
    [
        pytest.param('<?xml version="1.0" encoding="windows-1251"?>', True, id="XML, another"),
        pytest.param("<?xml version='1.0' encoding = 'ISO-8859-1' standalone='yes'?>", True, id="XML, apostrophes"),
        pytest.param('<?xml version="1.0" encoding="UTF-8"?>', False, id="XML, UTF-8"),
        pytest.param('<?xml version="1.0" encoding="utf8"?>', False, id="XML, UTF-8 in another spelling"),
        pytest.param('<?xml version="1.0"?><a encoding="x"/>', False, id="XML, an attribute of that name"),
        pytest.param('\n<?xml version="1.0" encoding="x"?>', False, id="no XML declaration but at the very beginning"),
        pytest.param('\ufeff<?xml version="1.0" encoding="x"?>', False, id="a byte order mark outranks words"),
        pytest.param('@charset "windows-1252";', True, id="CSS"),
        pytest.param('@charset "UTF-8";', False, id="CSS, UTF-8"),
        pytest.param("@charset 'x';", False, id="CSS knows only quotation marks"),
        pytest.param('<!doctype html><META CHARSET="koi8-r">', True, id="HTML"),
        pytest.param("<meta charset=utf-8>", False, id="HTML, UTF-8"),
        pytest.param('<meta content="text/html; charset=windows-1252" http-equiv=Content-Type>', True, id="HTML 4"),
        pytest.param('<meta charset="">', False, id="HTML, nothing"),
        pytest.param("<metal charset=x>", False, id="another element"),
        pytest.param("<p>charset=x", False, id="words"),
        pytest.param(" " * 1010 + "<meta charset=x>", False, id="where no browser looks any more"),
    ],
)
def test_what_octets_declare(opening: str, declared: bool) -> None:
    assert Charset("text", declared) == look(opening.encode())
    assert declared == in_pieces(opening.encode(), 7).declared


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_declares_itself(encoding: str) -> None:
    assert look('<?xml version="1.0"?><a/>'.encode(encoding)).declared


def test_only_the_beginning_is_kept() -> None:
    looking = CharsetReader()
    for _ in range(100):
        looking.update(b"a" * 1000)
    assert "text" == looking.result().form
    assert max(len(value) for name in ("_opening", "_rest") if (value := getattr(looking, name)) is not None) <= 1024


def in_pieces(octets: bytes, size: int) -> Charset:
    """Look at octets so many at a time."""
    looking = CharsetReader()
    for at in range(0, len(octets), size):
        looking.update(octets[at : at + size])
    return looking.result()


@given(st.binary() | st.text().map(str.encode) | st.text().map(lambda text: text.encode()[:-1]), st.integers(1, 9))
def test_pieces_make_no_difference_and_utf_8_is_what_python_takes_for_it(octets: bytes, size: int) -> None:
    looks = look(octets)
    assert looks == in_pieces(octets, size)
    flaw = first_flaw(octets)
    assert flaw == looks.flaw
    assert (0 if flaw is None else octets.count(b"\n", 0, flaw) + 1) == looks.line
    assert (flaw is None) == (looks.form in ("text", "utf-8"))


def first_flaw(octets: bytes) -> int | None:
    """Ask Python."""
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return None


def test_gzip_is_decoded_so_far_and_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has such files, and it costs time to decode them."""
    monkeypatch.setattr(charsets, "LARGEST_DECODED", 2**20)
    assert "gzip" == look(BOMB).form
    monkeypatch.setattr(charsets, "LARGEST_DECODED", 2**20 - 1)
    assert "other" == look(BOMB).form

"""Templates: which requests are for the whole of a file, and the head of one file filled in for another."""

from __future__ import annotations

import pytest

from cdnserve.origin.files import entity_tag
from cdnserve.release.catalog import Asset, Representation
from cdnserve.server.templates import Template, plain_path

DATE = 784_111_777


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(b"GET /a/b.js HTTP/1.1", "a/b.js", id="a path"),
        pytest.param(b"GET /@a/b~c@1.0.0-x+y/(d).js HTTP/1.1", "@a/b~c@1.0.0-x+y/(d).js", id="what needs no escape"),
        pytest.param(b"GET /a.js?v=1 HTTP/1.1", "a.js", id="a query says nothing"),
        pytest.param(b"GET /a.js? HTTP/1.1", "a.js", id="an empty one neither"),
        pytest.param(b"GET /a.js?meta HTTP/1.1", None, id="but for one that asks about the file"),
        pytest.param(b"GET /-/health HTTP/1.1", None, id="our own"),
        pytest.param(b"GET / HTTP/1.1", None, id="the root"),
        pytest.param(b"GET /a%20b.js HTTP/1.1", None, id="an escape"),
        pytest.param(b"GET /a.js#b HTTP/1.1", None, id="a fragment"),
        pytest.param(b"GET /\xc3\xa9.js HTTP/1.1", None, id="beyond ASCII"),
        pytest.param(b"GET http://a/b.js HTTP/1.1", None, id="RFC 9112 section 3.2.2: absolute-form"),
        pytest.param(b"GET a.js HTTP/1.1", None, id="no slash"),
        pytest.param(b"GET  /a.js HTTP/1.1", None, id="two spaces"),
        pytest.param(b"GET /a.js HTTP/1.0", None, id="another version"),
        pytest.param(b"HEAD /a.js HTTP/1.1", None, id="another method"),
        pytest.param(b"get /a.js HTTP/1.1", None, id="a method in lower case"),
        pytest.param(b"GET /a.js HTTP/1.1\n", None, id="a line feed"),
    ],
)
def test_the_path_of_a_plain_request(line: bytes, expected: str | None) -> None:
    assert expected == plain_path(line)


def asset(size: int, digest: bytes, date: int | None) -> Asset:
    identity = Representation("identity", 10 * size, bytes(32))
    return Asset(0, b"", b"", (identity, Representation("br", size, digest * 32)), date)


def head(size: int, digest: bytes, date: str) -> bytes:
    tag = entity_tag(Representation("br", size, digest * 32)).encode()
    dated = b"last-modified: %b\r\n" % date.encode() if date else b""
    return b"content-length: %d\r\nx: 100%%s, 7\r\netag: %b\r\n%bvary: Origin\r\n\r\n" % (size, tag, dated)


@pytest.mark.parametrize(
    ("first", "then"), [(None, None), (DATE, DATE - 86_400)], ids=["without a date", "with a date"]
)
def test_a_head_is_filled_in(first: int | None, then: int | None) -> None:
    """In those three fields, though others hold the same octets or what stands for something in a format."""
    dates = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sat, 05 Nov 1994 08:49:37 GMT") if first else ("", "")
    template = Template(head(7, b"a", dates[0]), asset(7, b"a", first), b"a" * 32, ((1, 1), (2, 1), (5, 1)))
    other = asset(80, b"b", then)
    assert (head(80, b"b", dates[1]), other.representations[1], ((1, 1), (2, 80), (5, 1))) == template.fill(other)


def test_no_octets_are_not_counted() -> None:
    """As where the origin decides it."""
    template = Template(head(7, b"a", ""), asset(7, b"a", None), b"a" * 32, ((1, 1), (2, 1)))
    assert ((1, 1),) == template.fill(asset(0, b"b", None))[2]

"""The wire (RFC 9112): what the fast lane writes, octet by octet."""

from __future__ import annotations

import httptools
import pytest
from hpack import Decoder
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.origin.message import Reply
from cdnserve.origin.text_replies import Line
from cdnserve.server.wire import (
    CLOSE,
    Opening,
    Openings,
    connection_line,
    field_line,
    head_after_date,
    refusal,
    status_line,
    target_path,
)

DATE = b"date: Thu, 29 Feb 2024 12:34:56 GMT\r\n"
LATER = b"date: Thu, 29 Feb 2024 12:34:57 GMT\r\n"


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (200, b"HTTP/1.1 200 OK\r\n"),
        (206, b"HTTP/1.1 206 Partial Content\r\n"),
        (304, b"HTTP/1.1 304 Not Modified\r\n"),
        (405, b"HTTP/1.1 405 Method Not Allowed\r\n"),
        (431, b"HTTP/1.1 431 Request Header Fields Too Large\r\n"),
    ],
)
def test_status_lines(status: int, line: bytes) -> None:
    assert line == status_line(status)


def test_openings_are_renewed_together() -> None:
    openings = Openings()
    openings.renew(DATE)
    found, absent = openings[200], openings[404]
    assert found is openings[200]
    assert status_line(200) + DATE == found.octets
    openings.renew(LATER)
    assert [status_line(200) + LATER, status_line(404) + LATER] == [found.octets, absent.octets]
    assert status_line(304) + LATER == openings[304].octets


def test_an_opening_takes_a_new_date() -> None:
    opening = Opening(204, DATE)
    opening.renew(LATER)
    assert status_line(204) + LATER == opening.octets


@pytest.mark.parametrize(
    ("reply", "connection", "expected"),
    [
        pytest.param(Reply(204, ()), b"", b"\r\n", id="nothing"),
        pytest.param(Reply(204, ()), CLOSE, b"connection: close\r\n\r\n", id="nothing, then the end"),
        pytest.param(Reply(200, ((b"b", b"1"), (b"a", b"2, 3"))), b"", b"b: 1\r\na: 2, 3\r\n\r\n", id="in order"),
        pytest.param(
            Reply(200, ((b"a", b"1"),), b"content"), CLOSE, b"a: 1\r\nconnection: close\r\n\r\n", id="without content"
        ),
    ],
)
def test_heads(reply: Reply, connection: bytes, expected: bytes) -> None:
    assert expected == head_after_date(reply, connection)


@pytest.mark.parametrize(
    ("version", "close", "line"),
    [
        ("1.0", True, CLOSE),
        ("1.0", False, b"connection: keep-alive\r\n"),
        ("1.1", True, CLOSE),
        ("1.1", False, b""),
        ("1.2", False, b""),
    ],
)
def test_what_a_version_takes_for_granted_is_not_said(version: str, close: bool, line: bytes) -> None:
    assert line == connection_line(version, close=close)


@pytest.mark.parametrize(
    ("method", "target", "path"),
    [
        (b"GET", b"/a/b.js", b"/a/b.js"),
        (b"GET", b"/a%2f?b=/c#d", b"/a%2f"),
        (b"GET", b"//a/b", b"//a/b"),
        (b"GET", b"http://a/b?c", b"/b"),
        (b"GET", b"http://[::1]:80/b", b"/b"),
        (b"GET", b"http://a", b"/"),
        (b"GET", b"http://a?b", b"/"),
        (b"HEAD", b"*", b"*"),
        (b"OPTIONS", b"*", b"*"),
        (b"OPTIONS", b"http://a", b"*"),
        (b"OPTIONS", b"http://a/", b"/"),
        (b"CONNECT", b"a:443", b"*"),
        (b"CONNECT", b"/a", b"*"),
    ],
)
def test_targets(method: bytes, target: bytes, path: bytes) -> None:
    assert path == target_path(method, target)


@pytest.mark.parametrize("target", [b"http://a:99999/", b"http://a:b/", b"http://[::1/", b"http:///a"])
def test_a_target_that_can_t_be_taken_apart(target: bytes) -> None:
    with pytest.raises(httptools.HttpParserInvalidURLError):
        target_path(b"GET", target)


def test_a_refusal_is_a_whole_response() -> None:
    head, _, content = refusal(Line(408, "no-store", "Too slow."), DATE).partition(b"\r\n\r\n")
    assert content == b"Too slow.\n"
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 408 Request Timeout",
        DATE[:-2],
        b"content-length: 10",
        b"content-type: text/plain; charset=utf-8",
        b"x-content-type-options: nosniff",
        b"cache-control: no-store",
        b"connection: close",
    ]


@given(
    name=st.sampled_from([b"etag", b"cache-control", b"vary", b":status", b"x-content-type-options"])
    | st.binary(min_size=1),
    value=st.binary(max_size=300) | st.binary(min_size=16_000, max_size=17_000),
)
def test_a_field_in_http_2_needs_no_state_of_its_connection(name: bytes, value: bytes) -> None:
    """RFC 7541 §6.2.2: the decoder's table stays empty, so the same octets may be sent on any connection."""
    decoder = Decoder(max_header_list_size=2**20)
    assert [(name, value)] == [(n, v) for n, v in decoder.decode(field_line(name, value), raw=True)]
    assert 0 == len(decoder.header_table.dynamic_entries)


@pytest.mark.parametrize("status", [200, 206, 304, 404, 405, 503])
def test_an_opening_in_http_2(status: int) -> None:
    """RFC 9113 §8.3.2: the status comes first."""
    opening = Opening(status, DATE)
    expected = [(b":status", b"%d" % status), (b"date", DATE[6:-2])]
    assert expected == [(n, v) for n, v in Decoder().decode(opening.fields, raw=True)]
    opening.renew(LATER)
    assert LATER[6:-2] in opening.fields

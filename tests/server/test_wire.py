"""The wire (RFC 9112): what the fast lane writes, octet by octet."""

from __future__ import annotations

import httptools
import pytest

from cdnserve.origin import Reply
from cdnserve.origin.replies import Line
from cdnserve.server.wire import (
    Opening,
    Openings,
    head_after_date,
    malformed,
    refusal,
    status_line,
    target_path,
    version_refused,
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
    ("reply", "close", "expected"),
    [
        pytest.param(Reply(204, ()), False, b"\r\n", id="nothing"),
        pytest.param(Reply(204, ()), True, b"connection: close\r\n\r\n", id="nothing, then the end"),
        pytest.param(Reply(200, ((b"b", b"1"), (b"a", b"2, 3"))), False, b"b: 1\r\na: 2, 3\r\n\r\n", id="in order"),
        pytest.param(
            Reply(200, ((b"a", b"1"),), b"content"), True, b"a: 1\r\nconnection: close\r\n\r\n", id="without content"
        ),
    ],
)
def test_heads(reply: Reply, close: bool, expected: bytes) -> None:
    assert expected == head_after_date(reply, close=close)


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


@pytest.mark.parametrize(
    ("version", "status"), [("1.0", None), ("1.1", None), ("2.0", 505), ("0.9", 505), ("1.2", 505)]
)
def test_versions(version: str, status: int | None) -> None:
    reply = version_refused(version)
    assert status == (reply and reply.status)


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


@pytest.mark.parametrize(
    ("error", "data", "status"),
    [
        pytest.param(httptools.HttpParserInvalidMethodError, b"FOO / HTTP/1.1", b"405", id="an unknown method"),
        pytest.param(httptools.HttpParserInvalidMethodError, b"\r\nfoo!# /", b"405", id="behind an empty line"),
        pytest.param(httptools.HttpParserInvalidMethodError, b"FO", b"405", id="a part of a method"),
        pytest.param(httptools.HttpParserInvalidMethodError, b"F(O /", b"400", id="no token"),
        pytest.param(httptools.HttpParserInvalidMethodError, b"\x16\x03\x01", b"400", id="no text"),
        pytest.param(httptools.HttpParserInvalidMethodError, b"x" * 65 + b" /", b"400", id="a very long one"),
        pytest.param(httptools.HttpParserInvalidMethodError, b"", b"400", id="nothing"),
        pytest.param(httptools.HttpParserError, b"GET / HTTP/1.1", b"400", id="another error"),
        pytest.param(httptools.HttpParserCallbackError, b"FOO / HTTP/1.1", b"400", id="an error of ours"),
    ],
)
def test_what_llhttp_refuses(error: type[Exception], data: bytes, status: bytes) -> None:
    response = malformed(error(), data, DATE)
    assert b"HTTP/1.1 " + status == response[:12]
    assert (b"\r\nallow: GET, HEAD, OPTIONS\r\n" in response) == (status == b"405")
    assert b"\r\nconnection: close\r\n" in response

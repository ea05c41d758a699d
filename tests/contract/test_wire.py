"""The judge is judged: the wire client and the invariants refuse what they exist to refuse."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.contract.invariants import violations
from tests.contract.wire import Connection, FramingError, Response, message


@pytest.fixture
def pair() -> Iterator[tuple[Connection, socket.socket]]:
    """A client and the server's end of its connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener, Connection(listener.getsockname(), timeout=5) as client:
        server, _ = listener.accept()
        with server:
            yield client, server


@pytest.mark.parametrize(
    ("method", "octets", "status", "body"),
    [
        pytest.param(
            "GET", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, b"abc", id="content by its length"
        ),
        pytest.param("GET", b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", 200, b"", id="an empty reason phrase"),
        pytest.param("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", 200, b"", id="HEAD states a length only"),
        pytest.param(
            "GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", 304, b"", id="304 states a length"
        ),
        pytest.param(
            "GET", b"HTTP/1.1 204 No Content\r\nA:\t x y \t\r\n\r\n", 204, b"", id="white space around a value"
        ),
        pytest.param("GET", b"HTTP/1.1 204 No Content\r\nA:\r\n\r\n", 204, b"", id="an empty value"),
    ],
)
def test_a_well_framed_response_is_read(
    pair: tuple[Connection, socket.socket], method: str, octets: bytes, status: int, body: bytes
) -> None:
    client, server = pair
    server.sendall(octets)
    response = client.receive(method)
    assert (status, body) == (response.status, response.body)
    server.close()
    assert client.drain() == b""


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\nabc", id="no Content-Length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", id="two equal lengths"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\n\r\nabc", id="a list of lengths"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc", id="a length with a sign"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 03\r\n\r\nabc", id="a length with a leading zero"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", id="chunked"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc", id="content that ends early"),
        pytest.param(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", id="204 with Content-Length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n", id="a folded line"),
        pytest.param(b"HTTP/1.1 200 OK\r\nA : b\r\nContent-Length: 0\r\n\r\n", id="white space before the colon"),
        pytest.param(b"HTTP/1.1 200 OK\r\nA\r\nContent-Length: 0\r\n\r\n", id="a line without a colon"),
        pytest.param(b"HTTP/1.1 200 OK\r\nA: \x00\r\nContent-Length: 0\r\n\r\n", id="a control character"),
        pytest.param(b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", id="bare line feeds"),
        pytest.param(b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n", id="a status of two digits"),
        pytest.param(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", id="another version"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n", id="an interim response"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_a_badly_framed_response_is_refused(pair: tuple[Connection, socket.socket], octets: bytes) -> None:
    client, server = pair
    server.sendall(octets)
    server.close()
    with pytest.raises(FramingError):
        client.receive()


def test_content_after_a_head_response_is_found(pair: tuple[Connection, socket.socket]) -> None:
    client, server = pair
    server.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")
    client.receive("HEAD")
    with pytest.raises(FramingError, match="nobody asked"):
        client.exchange(message("GET", "/"))


def test_pipelined_responses_are_told_apart(pair: tuple[Connection, socket.socket]) -> None:
    client, server = pair
    server.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\nb")
    expected = [(200, b"a"), (404, b"b")]
    assert expected == [(r.status, r.body) for r in (client.receive(), client.receive())]


_GOOD = {
    "date": "Thu, 29 Feb 2024 12:34:56 GMT",
    "content-type": "text/plain; charset=utf-8",
    "content-length": "1",
    "x-content-type-options": "nosniff",
    "cache-control": "public, no-cache",
    "etag": '"a"',
    "access-control-allow-origin": "*",
}


def _response(status: int, changes: dict[str, str | None]) -> Response:
    fields = {name: value for name, value in {**_GOOD, **changes}.items() if value is not None}
    return Response(status, "", tuple(fields.items()), b"x")


def test_a_good_response_breaks_no_promise() -> None:
    assert violations(_response(200, {}), "GET") == []


@pytest.mark.parametrize(
    ("method", "status", "changes", "check"),
    [
        pytest.param("GET", 200, {"ETag": None, "X-A": "b"}, "_names", id="a name in upper case"),
        pytest.param("GET", 200, {"location": "//evil.example"}, "_location", id="a redirect of a file"),
        pytest.param("GET", 302, {"location": "//evil.example"}, "_location", id="a redirect to another host"),
        pytest.param("GET", 500, {}, "_status", id="a failure"),
        pytest.param("POST", 200, {}, "_status", id="another method"),
        pytest.param("HEAD", 206, {"content-range": "bytes 0-0/1"}, "_status", id="a range of HEAD"),
        pytest.param("GET", 200, {"date": None}, "_date", id="no Date"),
        pytest.param("GET", 200, {"date": "2024-02-29"}, "_date", id="another date format"),
        pytest.param("GET", 200, {"cache-control": None}, "_caching", id="no Cache-Control"),
        pytest.param("GET", 406, {}, "_caching", id="a stored 406"),
        pytest.param("GET", 200, {"vary": "*"}, "_caching", id="Vary: *"),
        pytest.param("GET", 200, {"vary": "Range, range"}, "_caching", id="Vary with a repetition"),
        pytest.param("GET", 200, {"x-content-type-options": None}, "_content", id="no nosniff"),
        pytest.param("GET", 200, {"content-type": None}, "_content", id="no Content-Type"),
        pytest.param("GET", 304, {}, "_content", id="304 with Content-Type"),
        pytest.param("GET", 404, {"content-type": "text/html"}, "_content", id="an error page"),
        pytest.param("GET", 405, {"cache-control": "no-store"}, "_allow", id="405 without Allow"),
        pytest.param("GET", 206, {"content-range": "bytes 0-1/9"}, "_range", id="a part of another length"),
        pytest.param("GET", 206, {"content-range": "bytes 9-9/9"}, "_range", id="a part outside of the whole"),
        pytest.param("GET", 206, {}, "_range", id="206 without Content-Range"),
        pytest.param("GET", 416, {}, "_range", id="416 without Content-Range"),
        pytest.param("GET", 200, {"content-range": "bytes 0-0/1"}, "_range", id="200 with Content-Range"),
        pytest.param("GET", 200, {"etag": 'W/"a"'}, "_validators", id="a weak entity tag"),
        pytest.param("GET", 200, {"last-modified": "yesterday"}, "_validators", id="another Last-Modified"),
        pytest.param("GET", 200, {"vary": "Origin"}, "_cors", id="Vary: Origin with *"),
        pytest.param(
            "GET", 200, {"access-control-allow-origin": "https://a.example"}, "_cors", id="echoed without Vary"
        ),
        pytest.param("GET", 200, {"access-control-allow-credentials": "true"}, "_cors", id="credentials with *"),
        pytest.param("GET", 200, {"access-control-max-age": "1"}, "_cors", id="preflight headers elsewhere"),
        pytest.param("OPTIONS", 403, {"cache-control": "no-store"}, "_cors", id="a refusal that grants"),
    ],
)
def test_a_broken_promise_is_found(method: str, status: int, changes: dict[str, str | None], check: str) -> None:
    assert check in {broken.partition(":")[0] for broken in violations(_response(status, changes), method)}


def test_a_repeated_field_is_found() -> None:
    response = Response(200, "", (*_GOOD.items(), ("vary", "A"), ("vary", "B")), b"x")
    assert violations(response, "GET") == ["_names: 'vary' stands more than once"]

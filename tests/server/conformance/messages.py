"""Requests that are malformed (RFC 9113 §8.1.1), and push (§8.4): the stream ends, and the connection goes on."""

from __future__ import annotations

from h2.errors import ErrorCodes

from tests.server.http2_frames import END_HEADERS, END_STREAM, Kind, data, field, frame, head, headers, number
from tests.server.http2_peer import Step, Table, connection_error, stream_error

_GET, _POST = head(), head("POST")
_MALFORMED = stream_error(1, ErrorCodes.PROTOCOL_ERROR)
_METHOD, _SCHEME = field(":method", "GET"), field(":scheme", "https")
_PATH, _AUTHORITY = field(":path", "/any/tiny.txt"), field(":authority", "cdn.example.com")


def _malformed(block: bytes) -> tuple[Step, ...]:
    return headers(1, block), _MALFORMED


CASES: Table = {
    ("http2/8.1/1", "8.1", "trailers without the end of the stream"): (
        headers(1, _POST, END_HEADERS),
        data(1),
        headers(1, field("x-test", "ok"), END_HEADERS),
        _MALFORMED,
    ),
    ("http2/8.1.2/1", "8.2.1", "a name with upper case"): _malformed(_GET + field("X-Test", "ok")),
    ("http2/8.1.2.1/1", "8.3", "an unknown pseudo-header field"): _malformed(_GET + field(":test", "ok")),
    ("http2/8.1.2.1/2", "8.3", "a pseudo-header field of responses"): _malformed(_GET + field(":status", "200")),
    ("http2/8.1.2.1/3", "8.3", "a pseudo-header field in trailers"): (
        headers(1, _POST, END_HEADERS),
        data(1),
        headers(1, field(":method", "POST")),
        _MALFORMED,
    ),
    ("http2/8.1.2.1/4", "8.3", "a pseudo-header field behind others"): _malformed(field("x-test", "ok") + _GET),
    ("http2/8.1.2.2/1", "8.2.2", "a field about the connection"): _malformed(_GET + field("connection", "keep-alive")),
    ("http2/8.1.2.2/2", "8.2.2", "TE with more than trailers"): _malformed(_GET + field("te", "trailers, deflate")),
    ("http2/8.1.2.3/1", "8.3.1", "an empty path"): _malformed(_METHOD + _SCHEME + field(":path", "") + _AUTHORITY),
    ("http2/8.1.2.3/2", "8.3.1", "no method"): _malformed(_SCHEME + _PATH + _AUTHORITY),
    ("http2/8.1.2.3/3", "8.3.1", "no scheme"): _malformed(_METHOD + _PATH + _AUTHORITY),
    ("http2/8.1.2.3/4", "8.3.1", "no path"): _malformed(_METHOD + _SCHEME + _AUTHORITY),
    ("http2/8.1.2.3/5", "8.3.1", "two methods"): _malformed(_METHOD + _GET),
    ("http2/8.1.2.3/6", "8.3.1", "two schemes"): _malformed(_SCHEME + _GET),
    ("http2/8.1.2.3/7", "8.3.1", "two paths"): _malformed(_PATH + _GET),
    ("http2/8.1.2.6/1", "8.1.1", "content of another length than was said"): (
        headers(1, _POST + field("content-length", "1"), END_HEADERS),
        data(1, flags=END_STREAM),
        _MALFORMED,
    ),
    ("http2/8.1.2.6/2", "8.1.1", "content of another length, in several frames"): (
        headers(1, _POST + field("content-length", "1"), END_HEADERS),
        data(1),
        data(1, flags=END_STREAM),
        _MALFORMED,
    ),
    ("http2/8.2/1", "8.4", "push by a client"): (
        headers(1, _POST, END_HEADERS),
        frame(Kind.PUSH_PROMISE, END_HEADERS, 1, number(3) + _GET),
        connection_error(ErrorCodes.PROTOCOL_ERROR),
    ),
}

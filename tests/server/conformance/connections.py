"""Prefaces, frames, streams and their states (RFC 9113 §3 to §5)."""

from __future__ import annotations

from h2.errors import ErrorCodes

from tests.server.http2_frames import (
    ACK,
    END_HEADERS,
    END_STREAM,
    LARGEST,
    PREFACE,
    PRIORITIZED,
    Kind,
    Setting,
    continuation,
    data,
    field,
    frame,
    head,
    headers,
    number,
    ping,
    priority,
    reset,
    settings,
    window,
)
from tests.server.http2_peer import (
    Peer,
    Table,
    answered,
    closed,
    connection_error,
    ended,
    first_is_settings,
    pong,
    stream_error,
)

_GET, _POST = head(), head("POST")
_NO_ROOM = settings((Setting.INITIAL_WINDOW_SIZE, 0))
# Of which no stream ends by itself.
_OPEN, _HALF_CLOSED = headers(1, _POST, END_HEADERS), _NO_ROOM + headers(1, _GET)
_PROTOCOL, _CLOSED = connection_error(ErrorCodes.PROTOCOL_ERROR), ErrorCodes.STREAM_CLOSED
# STREAM_CLOSED says it best (§5.1). To zttp it is a new stream of too low a number (§5.1.1); h2spec passes both.
_NOT_NEW = stream_error(1, _CLOSED, ErrorCodes.PROTOCOL_ERROR)
_MORE = field("x-more", "ok")
_PAYLOAD = b"12345678"
_UNKNOWN = frame(Kind.UNKNOWN, 0, 0, bytes(8))
# Too large a frame, of fields that are right.
_HUGE_HEAD = _GET + field("x-more", "y" * 120) * 130


def _one_too_many(peer: Peer) -> None:
    """Open as many streams as the server said, and one more."""
    (said,) = (got for got in peer.came if got.kind == Kind.SETTINGS and not got.flags & ACK)
    pairs = (said.payload[at : at + 6] for at in range(0, len(said.payload), 6))
    most = {int.from_bytes(pair[:2], "big"): int.from_bytes(pair[2:], "big") for pair in pairs}
    last = 2 * most[Setting.MAX_CONCURRENT_STREAMS] + 1
    peer.send(_NO_ROOM + b"".join(headers(stream, _GET) for stream in range(1, last + 1, 2)))
    stream_error(last, ErrorCodes.PROTOCOL_ERROR, ErrorCodes.REFUSED_STREAM)(peer)


CASES: Table = {
    ("http2/3.5/1", "3.4", "the server's preface"): (PREFACE + settings(), first_is_settings),
    ("http2/3.5/2", "3.4", "no preface"): (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", closed),
    # Frames
    ("http2/4.1/1", "4.1", "an unknown type is ignored"): (_UNKNOWN, ping(_PAYLOAD), pong(_PAYLOAD)),
    ("http2/4.1/2", "4.1", "unknown flags are ignored"): (ping(_PAYLOAD, 0x16), pong(_PAYLOAD)),
    ("http2/4.1/3", "4.1", "the reserved bit is ignored"): (frame(Kind.PING, 0, 1 << 31, _PAYLOAD), pong(_PAYLOAD)),
    ("http2/4.2/1", "4.2", "DATA of 2^14 octets"): (_OPEN, data(1, bytes(LARGEST), END_STREAM), answered(1, 405)),
    ("http2/4.2/2", "4.2", "DATA of an octet more"): (
        _OPEN,
        data(1, bytes(LARGEST + 1), END_STREAM),
        stream_error(1, ErrorCodes.FRAME_SIZE_ERROR),
    ),
    ("http2/4.2/3", "4.2", "HEADERS of more than 2^14 octets"): (
        headers(1, _HUGE_HEAD),
        connection_error(ErrorCodes.FRAME_SIZE_ERROR),
    ),
    ("http2/4.3/1", "4.3", "a field section that breaks off"): (
        headers(1, b"\x40"),
        connection_error(ErrorCodes.COMPRESSION_ERROR),
    ),
    ("http2/4.3/2", "4.3", "PRIORITY inside of a field section"): (
        headers(1, _GET, END_STREAM),
        priority(1),
        continuation(1, _MORE),
        _PROTOCOL,
    ),
    ("http2/4.3/3", "4.3", "HEADERS of another stream inside of a field section"): (
        headers(1, _GET, END_STREAM),
        headers(3, _GET),
        continuation(1, _MORE),
        _PROTOCOL,
    ),
    # States
    ("http2/5.1/1", "5.1", "idle: DATA"): (data(1, flags=END_STREAM), _PROTOCOL),
    ("http2/5.1/2", "5.1", "idle: RST_STREAM"): (reset(1), _PROTOCOL),
    ("http2/5.1/3", "5.1", "idle: WINDOW_UPDATE"): (window(1, 100), _PROTOCOL),
    ("http2/5.1/4", "5.1", "idle: CONTINUATION"): (continuation(1, _GET), _PROTOCOL),
    ("http2/5.1/5", "5.1", "half-closed: DATA"): (_HALF_CLOSED, data(1, flags=END_STREAM), stream_error(1, _CLOSED)),
    ("http2/5.1/6", "5.1", "half-closed: HEADERS"): (_HALF_CLOSED, headers(1, _GET), _NOT_NEW),
    ("http2/5.1/7", "5.1", "half-closed: CONTINUATION"): (_HALF_CLOSED, continuation(1, _GET), _PROTOCOL),
    ("http2/5.1/8", "5.1", "reset: DATA"): (_OPEN, reset(1), data(1, flags=END_STREAM), stream_error(1, _CLOSED)),
    ("http2/5.1/9", "5.1", "reset: HEADERS"): (_OPEN, reset(1), headers(1, _GET), _NOT_NEW),
    ("http2/5.1/10", "5.1", "reset: CONTINUATION"): (_OPEN, reset(1), continuation(1, _MORE), _PROTOCOL),
    ("http2/5.1/11", "5.1", "closed: DATA"): (
        headers(1, _GET),
        ended(1),
        data(1, flags=END_STREAM),
        stream_error(1, _CLOSED),
    ),
    ("http2/5.1/12", "5.1", "closed: HEADERS"): (
        headers(1, _GET),
        ended(1),
        headers(1, _GET),
        _NOT_NEW,
    ),
    ("http2/5.1/13", "5.1", "closed: CONTINUATION"): (headers(1, _GET), ended(1), continuation(1, _MORE), _PROTOCOL),
    ("http2/5.1.1/1", "5.1.1", "a stream of an even number"): (headers(2, _GET), _PROTOCOL),
    ("http2/5.1.1/2", "5.1.1", "a stream of a lower number"): (headers(5, _GET), headers(3, _GET), _PROTOCOL),
    ("http2/5.1.2/1", "5.1.2", "one stream too many"): (_one_too_many,),
    ("http2/5.3.1/1", "RFC 7540 5.3.1", "HEADERS of a stream that depends on itself"): (
        headers(1, number(1) + b"\xff" + _GET, END_STREAM | END_HEADERS | PRIORITIZED),
        stream_error(1, ErrorCodes.PROTOCOL_ERROR),
    ),
    ("http2/5.3.1/2", "RFC 7540 5.3.1", "PRIORITY of a stream that depends on itself"): (
        priority(1, on=1),
        stream_error(1, ErrorCodes.PROTOCOL_ERROR),
    ),
    # Errors and extensions
    ("http2/5.4.1/1", "5.4.1", "an error closes the connection"): (frame(Kind.PING, 0, 3, _PAYLOAD), closed),
    ("http2/5.4.1/2", "5.4.1", "an error is told before"): (
        frame(Kind.PING, 0, 3, _PAYLOAD),
        _PROTOCOL,
    ),
    ("http2/5.5/1", "5.5", "an unknown frame is ignored"): (_UNKNOWN, ping(_PAYLOAD), pong(_PAYLOAD)),
    ("http2/5.5/2", "5.5", "an unknown frame inside of a field section"): (
        headers(1, _GET, END_STREAM),
        _UNKNOWN,
        continuation(1, _MORE),
        _PROTOCOL,
    ),
}

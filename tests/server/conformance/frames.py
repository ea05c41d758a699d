"""Each kind of frame (RFC 9113 §6), and unknown error codes (§7): what must be refused, and how windows count."""

from __future__ import annotations

from h2.errors import ErrorCodes

from tests.server.http2_frames import (
    ACK,
    END_HEADERS,
    END_STREAM,
    PADDED,
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
    Step,
    Table,
    acknowledged,
    answered,
    closed,
    connection_error,
    content,
    only_pong,
    pong,
    stream_error,
)

_GET, _POST = head(), head("POST")
_OPEN = headers(1, _POST, END_HEADERS)
_PROTOCOL = connection_error(ErrorCodes.PROTOCOL_ERROR)
_FLOW, _SIZE = ErrorCodes.FLOW_CONTROL_ERROR, ErrorCodes.FRAME_SIZE_ERROR
_MORE = field("x-more", "ok")
_PAYLOAD, _OTHER = b"12345678", b"87654321"
_WIDEST = 2**31 - 1


def _room(size: int) -> bytes:
    return settings((Setting.INITIAL_WINDOW_SIZE, size))


def _refused(name: Setting, value: int, code: ErrorCodes) -> tuple[Step, ...]:
    return settings((name, value)), connection_error(code)


CASES: Table = {
    # DATA
    ("http2/6.1/1", "6.1", "DATA without a stream"): (data(0, flags=END_STREAM), _PROTOCOL),
    ("http2/6.1/2", "6.1", "DATA where none may come any more"): (
        _room(0),
        headers(1, _POST),
        data(1, flags=END_STREAM),
        stream_error(1, ErrorCodes.STREAM_CLOSED),
    ),
    ("http2/6.1/3", "6.1", "DATA of padding alone"): (_OPEN, data(1, b"\6test", PADDED | END_STREAM), _PROTOCOL),
    # HEADERS
    ("http2/6.2/1", "6.2", "PRIORITY before the end of the head"): (
        headers(1, _GET, 0),
        priority(1),
        continuation(1, _MORE),
        _PROTOCOL,
    ),
    ("http2/6.2/2", "6.2", "HEADERS of another stream before the end of the head"): (
        headers(1, _GET, 0),
        headers(3, _GET),
        continuation(1, _MORE),
        _PROTOCOL,
    ),
    ("http2/6.2/3", "6.2", "HEADERS without a stream"): (headers(0, _GET), _PROTOCOL),
    ("http2/6.2/4", "6.2", "HEADERS with more padding than there is"): (
        headers(1, number(len(_GET) + 1, 1) + _GET, END_STREAM | END_HEADERS | PADDED),
        _PROTOCOL,
    ),
    # PRIORITY and RST_STREAM
    ("http2/6.3/1", "6.3", "PRIORITY without a stream"): (priority(0), _PROTOCOL),
    ("http2/6.3/2", "6.3", "PRIORITY of 4 octets"): (
        _room(0),
        headers(1, _GET),
        frame(Kind.PRIORITY, 0, 1, bytes(4)),
        stream_error(1, _SIZE),
    ),
    ("http2/6.3/3", "6.3", "PRIORITY opens no stream"): (priority(3), headers(1, _GET), answered(1)),
    ("http2/6.4/1", "6.4", "RST_STREAM without a stream"): (reset(0), _PROTOCOL),
    ("http2/6.4/2", "6.4", "RST_STREAM of an idle stream"): (reset(1), _PROTOCOL),
    ("http2/6.4/3", "6.4", "RST_STREAM of 3 octets"): (
        _OPEN,
        frame(Kind.RST_STREAM, 0, 1, bytes(3)),
        connection_error(_SIZE),
    ),
    # SETTINGS
    ("http2/6.5/1", "6.5", "SETTINGS that acknowledge and say something"): (
        frame(Kind.SETTINGS, ACK, 0, b"\0"),
        connection_error(_SIZE),
    ),
    ("http2/6.5/2", "6.5", "SETTINGS of a stream"): (frame(Kind.SETTINGS, 0, 1, b"\0\3\0\0\0\x64"), _PROTOCOL),
    ("http2/6.5/3", "6.5", "SETTINGS of 8 octets"): (
        frame(Kind.SETTINGS, 0, 0, b"\0\3\0\0\0\x64\0\2"),
        connection_error(_SIZE),
    ),
    ("http2/6.5.2/1", "6.5.2", "push that is neither on nor off"): _refused(
        Setting.ENABLE_PUSH, 2, ErrorCodes.PROTOCOL_ERROR
    ),
    ("http2/6.5.2/2", "6.5.2", "too wide a window"): _refused(Setting.INITIAL_WINDOW_SIZE, _WIDEST + 1, _FLOW),
    ("http2/6.5.2/3", "6.5.2", "too small frames"): _refused(
        Setting.MAX_FRAME_SIZE, 2**14 - 1, ErrorCodes.PROTOCOL_ERROR
    ),
    ("http2/6.5.2/4", "6.5.2", "too large frames"): _refused(Setting.MAX_FRAME_SIZE, 2**24, ErrorCodes.PROTOCOL_ERROR),
    ("http2/6.5.2/5", "6.5.2", "an unknown setting is ignored"): (
        settings((Setting.UNKNOWN, 1)),
        acknowledged,
        ping(_PAYLOAD),
        pong(_PAYLOAD),
    ),
    ("http2/6.5.3/1", "6.5.3", "of a setting that comes twice the last counts"): (
        settings((Setting.INITIAL_WINDOW_SIZE, 100), (Setting.INITIAL_WINDOW_SIZE, 1)),
        acknowledged,
        headers(1, _GET),
        content(1, 1),
    ),
    ("http2/6.5.3/2", "6.5.3", "settings are acknowledged"): (settings((Setting.ENABLE_PUSH, 0)), acknowledged),
    # PING and GOAWAY
    ("http2/6.7/1", "6.7", "PING comes back as it was"): (ping(_PAYLOAD), pong(_PAYLOAD)),
    ("http2/6.7/2", "6.7", "an acknowledgement is not answered"): (
        ping(_OTHER, ACK),
        ping(_PAYLOAD),
        only_pong(_PAYLOAD),
    ),
    ("http2/6.7/3", "6.7", "PING of a stream"): (frame(Kind.PING, 0, 1, _PAYLOAD), _PROTOCOL),
    ("http2/6.7/4", "6.7", "PING of 6 octets"): (frame(Kind.PING, 0, 0, bytes(6)), connection_error(_SIZE)),
    ("http2/6.8/1", "6.8", "GOAWAY of a stream"): (frame(Kind.GOAWAY, 0, 1, bytes(8)), _PROTOCOL),
    # WINDOW_UPDATE
    ("http2/6.9/1", "6.9", "a window that grows by nothing"): (window(0, 0), _PROTOCOL),
    ("http2/6.9/2", "6.9", "a stream's window that grows by nothing"): (
        _OPEN,
        window(1, 0),
        stream_error(1, ErrorCodes.PROTOCOL_ERROR),
    ),
    ("http2/6.9/3", "6.9", "WINDOW_UPDATE of 3 octets"): (
        frame(Kind.WINDOW_UPDATE, 0, 0, b"\0\0\1"),
        connection_error(_SIZE),
    ),
    ("http2/6.9.1/1", "6.9.1", "a window of 1"): (_room(1), acknowledged, headers(1, _GET), content(1, 1)),
    ("http2/6.9.1/2", "6.9.1", "a window beyond 2^31-1"): (
        window(0, _WIDEST),
        window(0, _WIDEST),
        connection_error(_FLOW),
    ),
    ("http2/6.9.1/3", "6.9.1", "a stream's window beyond 2^31-1"): (
        _OPEN,
        window(1, _WIDEST),
        window(1, _WIDEST),
        stream_error(1, _FLOW),
    ),
    ("http2/6.9.2/1", "6.9.2", "a change counts for streams that are open"): (
        _room(0),
        acknowledged,
        headers(1, _GET),
        _room(1),
        acknowledged,
        content(1, 1),
    ),
    ("http2/6.9.2/2", "6.9.2", "a window may become negative"): (
        _room(3),
        acknowledged,
        headers(1, _GET),
        content(1, 3),
        _room(2),
        acknowledged,
        window(1, 2),
        content(1, 1),
    ),
    ("http2/6.9.2/3", "6.9.2", "a change beyond 2^31-1"): (_room(_WIDEST + 1), connection_error(_FLOW)),
    # CONTINUATION
    ("http2/6.10/1", "6.10", "a head in three frames"): (
        headers(1, _GET, END_STREAM),
        continuation(1, _MORE, 0),
        continuation(1, _MORE),
        answered(1),
    ),
    ("http2/6.10/2", "6.10", "DATA before the end of the head"): (
        headers(1, _POST, 0),
        continuation(1, _MORE, 0),
        data(1),
        continuation(1, _MORE),
        _PROTOCOL,
    ),
    ("http2/6.10/3", "6.10", "CONTINUATION without a stream"): (
        headers(1, _GET, END_STREAM),
        continuation(0, _MORE),
        _PROTOCOL,
    ),
    ("http2/6.10/4", "6.10", "CONTINUATION behind a whole head"): (headers(1, _GET), continuation(1, _MORE), _PROTOCOL),
    ("http2/6.10/5", "6.10", "CONTINUATION behind the last one"): (
        headers(1, _GET, END_STREAM),
        continuation(1, _MORE),
        continuation(1, _MORE),
        _PROTOCOL,
    ),
    ("http2/6.10/6", "6.10", "CONTINUATION behind DATA"): (_OPEN, data(1), continuation(1, _MORE), _PROTOCOL),
    # Codes
    ("http2/7/1", "7", "GOAWAY with an unknown code"): (frame(Kind.GOAWAY, 0, 0, bytes(7) + b"\xff"), closed),
    ("http2/7/2", "7", "RST_STREAM with an unknown code"): (_OPEN, reset(1, 0xFF), ping(_PAYLOAD), pong(_PAYLOAD)),
}

"""What every client may send, and must be understood."""

from __future__ import annotations

from tests.server.http2_frames import (
    END_HEADERS,
    END_STREAM,
    PADDED,
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
from tests.server.http2_peer import Table, acknowledged, answered, closed, content, ended, first_is_settings, pong

_GET, _POST = head(), head("POST")
_PAYLOAD = b"12345678"
_NO_ROOM = settings((Setting.INITIAL_WINDOW_SIZE, 0))

CASES: Table = {
    ("generic/1/1", "3.4", "the preface"): (PREFACE + settings(), first_is_settings),
    # Streams
    ("generic/2/1", "5.1", "PRIORITY on an idle stream"): (priority(1), ping(_PAYLOAD), pong(_PAYLOAD)),
    ("generic/2/2", "5.1", "WINDOW_UPDATE on a half-closed stream"): (
        _NO_ROOM,
        headers(1, _GET),
        answered(1),
        window(1, 1),
        content(1, 1),
    ),
    ("generic/2/3", "5.1", "PRIORITY on a half-closed stream"): (
        _NO_ROOM,
        headers(1, _GET),
        answered(1),
        priority(1),
        window(1, 1),
        content(1, 1),
    ),
    ("generic/2/4", "5.1", "RST_STREAM on a half-closed stream"): (
        _NO_ROOM,
        headers(1, _GET),
        reset(1),
        ping(_PAYLOAD),
        pong(_PAYLOAD),
    ),
    ("generic/2/5", "5.1", "PRIORITY on a closed stream"): (
        headers(1, _GET),
        ended(1),
        priority(1),
        ping(_PAYLOAD),
        pong(_PAYLOAD),
    ),
    # Frames
    ("generic/3.1/1", "6.1", "DATA"): (headers(1, _POST, END_HEADERS), data(1, flags=END_STREAM), answered(1, 405)),
    ("generic/3.1/2", "6.1", "DATA in several frames"): (
        headers(1, _POST, END_HEADERS),
        data(1),
        data(1, flags=END_STREAM),
        answered(1, 405),
    ),
    ("generic/3.1/3", "6.1", "DATA with padding"): (
        headers(1, _POST + field("content-length", "4"), END_HEADERS),
        data(1, b"\6test" + bytes(6), END_STREAM | PADDED),
        answered(1, 405),
    ),
    ("generic/3.2/1", "6.2", "HEADERS"): (headers(1, _GET), answered(1)),
    ("generic/3.2/2", "6.2", "HEADERS with padding"): (
        headers(1, b"\x08" + _GET + bytes(8), END_STREAM | END_HEADERS | PADDED),
        answered(1),
    ),
    ("generic/3.2/3", "6.2", "HEADERS with a priority"): (
        headers(1, number(0) + b"\xff" + _GET, END_STREAM | END_HEADERS | PRIORITIZED),
        answered(1),
    ),
    ("generic/3.3/1", "6.3", "PRIORITY with weight 1"): (priority(1, weight=0), headers(1, _GET), answered(1)),
    ("generic/3.3/2", "6.3", "PRIORITY with weight 256"): (priority(1, weight=255), headers(1, _GET), answered(1)),
    ("generic/3.3/3", "6.3", "PRIORITY that depends on another"): (priority(3, on=1), headers(1, _GET), answered(1)),
    ("generic/3.3/4", "6.3", "PRIORITY, exclusive"): (priority(1, on=1 << 31), headers(1, _GET), answered(1)),
    ("generic/3.3/5", "6.3", "PRIORITY opens no stream"): (priority(3), headers(1, _GET), answered(1)),
    ("generic/3.4/1", "6.4", "RST_STREAM"): (
        headers(1, _POST, END_HEADERS),
        reset(1),
        ping(_PAYLOAD),
        pong(_PAYLOAD),
    ),
    ("generic/3.5/1", "6.5", "SETTINGS"): (
        settings(
            (Setting.HEADER_TABLE_SIZE, 4096),
            (Setting.ENABLE_PUSH, 1),
            (Setting.MAX_CONCURRENT_STREAMS, 100),
            (Setting.INITIAL_WINDOW_SIZE, 65_535),
            (Setting.MAX_FRAME_SIZE, 16_384),
            (Setting.MAX_HEADER_LIST_SIZE, 100),
        ),
        acknowledged,
    ),
    ("generic/3.7/1", "6.7", "PING"): (ping(_PAYLOAD), pong(_PAYLOAD)),
    ("generic/3.8/1", "6.8", "GOAWAY"): (frame(Kind.GOAWAY, 0, 0, bytes(8) + b"farewell"), closed),
    ("generic/3.9/1", "6.9", "WINDOW_UPDATE of the connection"): (window(0, 1), ping(_PAYLOAD), pong(_PAYLOAD)),
    ("generic/3.9/2", "6.9", "WINDOW_UPDATE of a stream"): (headers(1, _GET), window(1, 1), answered(1)),
    ("generic/3.10/1", "6.10", "CONTINUATION"): (
        headers(1, _GET[:5], END_STREAM),
        continuation(1, _GET[5:]),
        answered(1),
    ),
    ("generic/3.10/2", "6.10", "CONTINUATION, twice"): (
        headers(1, _GET[:5], END_STREAM),
        continuation(1, _GET[5:10], 0),
        continuation(1, _GET[10:]),
        answered(1),
    ),
    # Messages
    ("generic/4/1", "8.1", "GET"): (headers(1, _GET), answered(1), ended(1)),
    ("generic/4/2", "8.1", "HEAD"): (headers(1, head("HEAD")), answered(1), ended(1)),
    ("generic/4/3", "8.1", "POST"): (headers(1, _POST, END_HEADERS), data(1, flags=END_STREAM), answered(1, 405)),
    ("generic/4/4", "8.1", "POST with trailers"): (
        headers(1, _POST + field("trailer", "x-test"), END_HEADERS),
        data(1),
        headers(1, field("x-test", "ok")),
        answered(1, 405),
    ),
}

"""What a client sends without end, or makes the server do for little: it is bounded, on both lanes of HTTP/2."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, ResponseReceived

from tests.server import tree
from tests.server.conftest import Built
from tests.server.connections import Room, until
from tests.server.http2_client import Client, play
from tests.server.http2_frames import (
    END_HEADERS,
    END_STREAM,
    LARGEST,
    PADDED,
    Kind,
    Setting,
    continuation,
    data,
    field,
    frame,
    head,
    headers,
    ping,
    priority,
    reset,
    settings,
    window,
)
from tests.server.serving import LANES

GET, POST = head(path="/any/huge.woff2"), head("POST")
WIDEST = 2**31 - 1
# The last octets on a connection that is ended for it.
CALM = ErrorCodes.ENHANCE_YOUR_CALM.to_bytes(4, "big")

FLOODS = {
    "PING": ping(b"12345678"),
    "SETTINGS": settings(),
    "SETTINGS of many values": settings(*[(Setting.INITIAL_WINDOW_SIZE, 1), (Setting.INITIAL_WINDOW_SIZE, 0)] * 99),
    "PRIORITY": priority(1),
    "empty DATA": data(3, b""),
    "DATA of padding": data(3, b"\xff" + bytes(255), PADDED),
    "WINDOW_UPDATE": window(0, 1),
    "RST_STREAM of what is over": reset(3),
    "GOAWAY": frame(Kind.GOAWAY, 0, 0, bytes(8)),
    "a type that nobody knows": frame(Kind.UNKNOWN),
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
@pytest.mark.parametrize("lane", LANES)
def test_a_flood_of_frames_that_ask_for_nothing_ends_the_connection(built: Built, lane: str, flood: bytes) -> None:
    """A quarter of a megabyte of them; a request, or content that is taken, begins a new count."""

    async def story(room: Room) -> None:
        client = Client(room, lane, window=65_535, settings=0)
        client.ask("/any/font.woff2")  # there is no room for its content
        client.give()
        # Stream 3 stays open, for content may come; hyper-h2 is not shown what zttp says to it.
        client.protocol.data_received(headers(3, GET, END_HEADERS))
        some = flood * (100_000 // len(flood))
        for number in range(6):
            if not client.tape.is_closing():
                client.protocol.data_received(some)
            assert client.tape.is_closing() is (number >= 2)
        assert client.tape.written.endswith(frame(Kind.GOAWAY, 0, 0, b"\0\0\0\3" + CALM))
        assert await until(lambda: not client.protocol.is_active)
        client.protocol.data_received(flood)
        client.protocol.data_received(headers(5, GET))
        assert not client.protocol.is_active

    play(built, story)


# Cancelled by the client (CVE-2023-44487), or by the server, over something wrong (CVE-2025-8671).
RESETS: dict[str, Callable[[int], bytes]] = {
    "RST_STREAM": lambda stream: headers(stream, GET) + reset(stream),
    "a window that grows by nothing": lambda stream: headers(stream, GET) + window(stream, 0),
    "a window that is too wide": lambda stream: headers(stream, GET) + window(stream, WIDEST) * 2,
    "DATA where none may come": lambda stream: headers(stream, GET) + data(stream),
    "a malformed head": lambda stream: headers(stream, GET + field("X", "")),
    "malformed trailers": lambda stream: headers(stream, POST, END_HEADERS) + headers(stream, b"", END_HEADERS),
    "another length than was said": lambda stream: (
        headers(stream, POST + field("content-length", "1"), END_HEADERS) + data(stream, b"12", END_STREAM)
    ),
}


@pytest.mark.parametrize("request_and_reset", RESETS.values(), ids=RESETS)
@pytest.mark.parametrize("lane", LANES)
def test_requests_that_are_reset_end_the_connection(
    built: Built, lane: str, request_and_reset: Callable[[int], bytes]
) -> None:
    """After 256; nothing of them stays, not even until then."""

    async def story(room: Room) -> None:
        client = Client(room, lane, window=65_535, settings=0)
        for number in range(300):
            if not client.tape.is_closing():
                client.protocol.data_received(request_and_reset(2 * number + 1))
                assert await until(lambda: not client.protocol.is_active)
        assert client.tape.is_closing()
        assert client.tape.written.endswith(CALM)
        client.protocol.connection_lost(None)
        assert await until(lambda: not room.state.tasks)
        assert not client.protocol.is_active
        assert not client.protocol.conn.has_pending_send()

    play(built, story)


@pytest.mark.parametrize("lane", LANES)
def test_streams_beyond_the_limit_are_refused(built: Built, lane: str) -> None:
    async def story(room: Room) -> None:
        client = Client(room, lane, window=65_535, settings=0)
        for number in range(129):
            client.protocol.data_received(headers(2 * number + 1, GET))
        await asyncio.sleep(0)
        assert client.tape.written.count(reset(257, ErrorCodes.REFUSED_STREAM)) == 1

    play(built, story)


# An entry of 4000 octets, which a reference of one octet repeats (RFC 7541 §6.1): `x`, and a value of 127 + 3873.
BIG, AGAIN = b"\x40\1x\x7f\xa1\x1e" + b"y" * 4000, b"\xbe"
# CVE-2024-27316, and CVE-2016-1544.
HEADS = {
    "without end, of nothing": headers(1, GET, 0) + continuation(1, b"", 0) * 17,
    "without end, of much": headers(1, GET, 0) + continuation(1, bytes(LARGEST), 0) * 5,
    "of references": headers(1, GET + BIG + AGAIN * 10_000),
    "of references, as trailers": headers(1, POST, END_HEADERS) + headers(1, BIG + AGAIN * 10_000),
    "of short fields": headers(1, GET + field("x", "") * 2000),
}


@pytest.mark.parametrize("flood", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize("lane", LANES)
def test_a_head_beyond_all_bounds_ends_the_connection(built: Built, lane: str, flood: bytes) -> None:
    async def story(room: Room) -> None:
        client = Client(room, lane)
        client.protocol.data_received(flood)
        client.take()
        assert [ErrorCodes.ENHANCE_YOUR_CALM] == [event.error_code for event in client.of(ConnectionTerminated)]
        assert client.tape.is_closing()

    play(built, story)


@pytest.mark.parametrize("lane", LANES)
def test_a_head_counts_as_large_as_it_is_in_full(built: Built, lane: str) -> None:
    """Some 44 KB in 4 KB, and again in 100 octets: 431, and the connection goes on."""

    async def story(room: Room) -> None:
        client = Client(room, lane)
        for most in (4096, 100):
            stream = client.ask("/any/tiny.txt", *[("x", "y" * 3900)] * 11)
            octets = client.h2.data_to_send()
            assert len(octets) <= most
            client.give(octets)
            fields, _ = await client.response(stream)
            assert fields[0] == (b":status", b"431")
        stream = client.ask("/any/tiny.txt")
        client.give()
        assert (await client.response(stream))[1] == tree.TINY

    play(built, story)


@pytest.mark.parametrize("path", ["/any/font.woff2", "/any/large.woff2"])
@pytest.mark.parametrize("lane", LANES)
def test_a_window_that_grows_octet_by_octet_costs_a_write_for_each_read(built: Built, lane: str, path: str) -> None:
    """CVE-2019-9511. Whoever takes content goes on, so this one is not ended."""

    async def story(room: Room) -> None:
        client = Client(room, lane, window=2**20, settings=0)
        stream = client.ask(path)
        client.give()
        assert await client.until(lambda: bool(client.of(ResponseReceived, stream)))
        writes: list[int] = []
        client.tape.on_write = lambda: writes.append(1)
        for number in range(1, 9):
            for _ in range(5000):
                client.h2.increment_flow_control_window(1, stream)
            client.give()
            assert await client.until(lambda: len(client.content(stream)) == 5000 * number)  # noqa: B023
        assert len(writes) <= 2 * 8
        assert client.content(stream) == tree.FILES[path[1:]][:40_000]
        assert not client.tape.is_closing()

    play(built, story)

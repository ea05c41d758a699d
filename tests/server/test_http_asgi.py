"""The way to the application, one connection: what uvicorn lacks, whatever the client does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from cdnserve.server.settings import ServerLimits
from tests.contract.wire import message
from tests.server import tree
from tests.server.conftest import Built
from tests.server.connections import Room, until
from tests.server.transcript import responses

GET = message("GET", "/any/tiny.txt")
POST = message("POST", "/any/tiny.txt", [("Content-Length", "3")])
LARGE = message("GET", "/any/large.woff2")
LIMITS = ServerLimits(head=4096, head_seconds=5, idle_seconds=9, stall_seconds=7)


@pytest.fixture(scope="module")
def room(built: Built) -> Room:
    """A worker."""
    return Room(built, LIMITS)


def play(room: Room, story: Callable[[], Awaitable[None]]) -> None:
    """Run a story while the application runs."""

    async def all_of_it() -> None:
        async with room.serving():
            await story()

    asyncio.run(all_of_it())


def test_a_body_that_comes_later(room: Room) -> None:
    async def story() -> None:
        protocol, tape = room.asgi()
        protocol.data_received(POST)
        assert await until(lambda: b"405" in tape.written)
        protocol.data_received(b"ab")
        protocol.data_received(b"c" + GET)
        assert await until(lambda: tape.written.endswith(tree.TINY))
        assert [405, 200] == [response.status for response in responses(tape.written)]

    play(room, story)


@pytest.mark.parametrize("octets", [LARGE + GET * 3, GET * 2 + LARGE], ids=["in the first", "in the last"])
def test_who_leaves_is_not_written_to(room: Room, octets: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """A transport that is gone bears no write: each response stops, also the one before the last."""

    async def story() -> None:
        protocol, tape = room.asgi()
        protocol.data_received(octets)
        protocol.pause_writing()
        await asyncio.sleep(0)
        protocol.connection_lost(None)
        before = tape.written
        assert await until(lambda: not room.state.tasks)
        assert before == tape.written
        assert protocol not in room.state.connections

    play(room, story)
    assert [] == caplog.records


@pytest.mark.parametrize(
    ("octets", "keeps", "count"),
    [(b"", False, 0), (GET[:9], False, 0), (GET, True, 1), (GET * 3, True, 3)],
    ids=["nothing asked", "half a head", "one request", "several"],
)
def test_half_closed(room: Room, octets: bytes, keeps: bool, count: int) -> None:
    """RFC 9112 §9.6: what was asked is answered, and the last answer closes."""

    async def story() -> None:
        protocol, tape = room.asgi()
        protocol.data_received(octets)
        assert keeps is protocol.eof_received()
        assert await until(lambda: tape.written.count(b"HTTP/1.1 200") == count and (not count or tape.is_closing()))
        assert [None, None, "close"][3 - count :] == [r.get("connection") for r in responses(tape.written)]
        assert not protocol.eof_received()

    play(room, story)


@pytest.mark.parametrize(
    ("pieces", "status"),
    [
        pytest.param([GET[:-2], b"X: ", b"x" * 3000, b"x" * 3000], 431, id="an endless value"),
        pytest.param([GET[:-2], *[b"x" * 3000] * 3], 431, id="an endless name"),
        pytest.param([GET[:-2], *[b"X: %b\r\n" % (b"x" * 1000)] * 7], 431, id="endless fields"),
        pytest.param([b"GET /", b"x" * 5000], 431, id="an endless target"),
        pytest.param([b"\x00"], 400, id="no HTTP"),
        pytest.param([message("GET", "/", version="HTTP/2.0")], 505, id="another version"),
        pytest.param([message("GET", "http://a:99999/")], 400, id="an impossible target"),
        pytest.param([message("GET", "/", [("Transfer-Encoding", "gzip")])], 400, id="content without an end"),
    ],
)
def test_refusals_are_the_last_word(room: Room, pieces: list[bytes], status: int) -> None:
    """Said once; what still comes is let go by, and the connection is cut soon if the client doesn't leave."""

    async def story() -> None:
        protocol, tape = room.asgi()
        for piece in [*pieces, GET, b"x" * 9000]:
            protocol.data_received(piece)
        room.pass_time(protocol, 1)
        assert [(status, "close")] == [(r.status, r["connection"]) for r in responses(tape.written)]
        assert ["write_eof"] == tape.deeds
        room.pass_time(protocol, 1)
        assert ["write_eof", "abort"] == tape.deeds

    play(room, story)


def test_trailers_without_end_are_refused(room: Room) -> None:
    async def story() -> None:
        protocol, tape = room.asgi()
        protocol.data_received(message("POST", "/any/tiny.txt", [("Transfer-Encoding", "chunked")], body=b"0\r\nX: "))
        for _ in range(3):
            protocol.data_received(b"x" * 3000)
        assert await until(lambda: "write_eof" in tape.deeds)
        assert [405] == [response.status for response in responses(tape.written)]

    play(room, story)


def test_content_of_any_length_passes(room: Room) -> None:
    """It is nobody's, so it is not held; only heads have a limit."""

    async def story() -> None:
        protocol, tape = room.asgi()
        protocol.data_received(message("POST", "/any/tiny.txt", [("Content-Length", "90000")]))
        for _ in range(90):
            protocol.data_received(b"x" * 1000)
            await asyncio.sleep(0)
        protocol.data_received(GET)
        assert await until(lambda: tape.written.endswith(tree.TINY))
        assert [405, 200] == [response.status for response in responses(tape.written)]

    play(room, story)


def test_half_a_head_is_408(room: Room) -> None:
    async def story() -> None:
        protocol, tape = room.asgi()
        for place in range(LIMITS.head_seconds):
            assert b"" == tape.written
            protocol.data_received(GET[place : place + 1])
            room.pass_time(protocol, 1)
        assert [408] == [response.status for response in responses(tape.written)]

    play(room, story)


def test_half_a_head_behind_an_answer_under_way_has_time_from_its_end_on(room: Room) -> None:
    async def story() -> None:
        protocol, tape = room.asgi()
        protocol.data_received(GET + GET[:-2])
        room.pass_time(protocol, LIMITS.head_seconds)
        assert await until(lambda: tape.written.endswith(tree.TINY) and not room.state.tasks)
        room.pass_time(protocol, LIMITS.head_seconds)
        assert [(200, None), (408, "close")] == [(r.status, r.get("connection")) for r in responses(tape.written)]

    play(room, story)


@pytest.mark.parametrize(
    ("asked", "octets"),
    [
        pytest.param(b"", b"\r\n", id="empty lines"),
        pytest.param(GET, b"\r\n", id="empty lines behind an answer"),
        pytest.param(message("POST", "/any/tiny.txt", [("Content-Length", "9000")]), b"x", id="content of an answer"),
        pytest.param(
            message("POST", "/any/tiny.txt", [("Transfer-Encoding", "chunked")]),
            b"1\r\nx\r\n",
            id="chunks of an answer",
        ),
    ],
)
def test_octets_that_ask_for_nothing_win_no_time(room: Room, asked: bytes, octets: bytes) -> None:
    async def story() -> None:
        protocol, tape = room.asgi()
        protocol.data_received(asked)
        assert await until(lambda: not room.state.tasks)
        for _ in range(LIMITS.idle_seconds):
            assert [] == tape.deeds
            protocol.data_received(octets)
            room.pass_time(protocol, 1)
        assert ["close"] == tape.deeds

    play(room, story)


def test_what_comes_behind_the_last_response_is_dropped_within_bounds(room: Room) -> None:
    async def story() -> None:
        protocol, tape = room.asgi()
        protocol.data_received(b"\x00")
        for _ in range(16):
            assert ["write_eof"] == tape.deeds
            protocol.data_received(b"x" * (1 << 16))
        protocol.data_received(b"x")
        assert ["write_eof", "abort"] == tape.deeds

    play(room, story)


def test_who_takes_nothing_is_cut_off(room: Room) -> None:
    async def story() -> None:
        protocol, tape = room.asgi()
        protocol.data_received(GET)
        assert await until(lambda: tape.written.endswith(tree.TINY))
        tape.unsent = 2
        room.pass_time(protocol, LIMITS.stall_seconds)
        assert [] == tape.deeds
        tape.unsent = 1
        room.pass_time(protocol, LIMITS.stall_seconds)
        assert [] == tape.deeds
        room.pass_time(protocol, 1)
        assert ["abort"] == tape.deeds

    play(room, story)


def test_in_a_drain_a_request_that_was_on_its_way_is_the_last(built: Built) -> None:
    """Who asks no more is waited for, but a moment."""
    room = Room(built, LIMITS)

    async def story() -> None:
        protocol, tape = room.asgi()
        other, idle = room.asgi()
        protocol.data_received(GET)
        assert await until(lambda: b"connection: close" not in tape.written and tape.written.endswith(tree.TINY))
        room.worker.close()
        protocol.shutdown()
        other.shutdown()
        protocol.data_received(GET)
        assert await until(lambda: "write_eof" in tape.deeds)
        assert [None, "close"] == [r.get("connection") for r in responses(tape.written)]
        assert [] == idle.deeds
        room.pass_time(other, 1)
        assert ["close"] == idle.deeds

    play(room, story)


def test_too_many_connections(built: Built) -> None:
    """Who was let in by the fast lane stays in when it hands over."""
    room = Room(built, ServerLimits(connections=1))

    async def story() -> None:
        first, tape = room.fast()
        _, told = room.asgi()
        assert [503] == [response.status for response in responses(told.written)]
        first.data_received(POST + b"abc")
        assert await until(lambda: b"405" in tape.written)

    play(room, story)

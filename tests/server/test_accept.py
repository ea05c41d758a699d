"""Taking connections: who is answered on the spot, and that nobody can tell from the answer."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
from collections.abc import Awaitable, Callable, Iterator

import pytest

from cdnserve.server import accept
from cdnserve.server.accept import Acceptor, defers
from cdnserve.server.access_log import AccessLog
from cdnserve.server.http_fast import FastConnection
from cdnserve.server.metrics_count import Meter
from cdnserve.server.metrics_shared import SharedMetrics
from cdnserve.server.settings import ServerLimits
from tests.contract.wire import message
from tests.server import tree
from tests.server.conftest import Built
from tests.server.connections import Room, until
from tests.server.serving import PATIENCE

TINY, FONT, LARGE = "/any/tiny.txt", "/any/font.woff2", "/any/large.woff2"
CLOSE = ("Connection", "close")
ASK = message("GET", TINY, (CLOSE,))


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        assert defers(made)
        yield made


class Door:
    """An acceptor, and how many transports it had made."""

    def __init__(self, room: Room, listener: socket.socket) -> None:
        self.room, self.transports = room, 0
        self.listener = listener
        self.acceptor = Acceptor(listener, room.worker, self._is_full, self._make)

    def _is_full(self) -> bool:
        return len(self.room.state.connections) >= self.room.worker.limits.connections

    def _make(self) -> FastConnection:
        self.transports += 1
        return FastConnection(self.room.worker, **self.room.uvicorn)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(*self.listener.getsockname())

    async def ask(self, *pieces: bytes, ends: bool = False) -> bytes:
        """Send pieces on a connection of their own, each for itself; return all that comes."""
        reader, writer = await self.connect()
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)
        if ends:
            writer.write_eof()
        answer = await asyncio.wait_for(reader.read(), PATIENCE)
        writer.close()
        return answer


def play(room: Room, listener: socket.socket, steps: Callable[[Door], Awaitable[None]]) -> Door:
    """Run steps while connections are taken."""

    async def run() -> Door:
        async with room.serving():
            door = Door(room, listener)
            door.acceptor.begin()
            await steps(door)
            door.acceptor.end()
            return door

    return asyncio.run(run())


def lines(answer: bytes) -> list[bytes]:
    """Return the lines but the Date in an order of their own, for the ASGI edge may give one of two answers."""
    return sorted(line for line in answer.split(b"\r\n") if not line.startswith(b"date:"))


@pytest.mark.parametrize(
    "head",
    [
        ASK,
        message("HEAD", TINY, (CLOSE,)),
        message("GET", "/any/nothing.js", (CLOSE,)),
        message("GET", TINY, (CLOSE, ("Origin", "https://app.example.com"), ("Range", "bytes=0-3"))),
        message("GET", TINY, ()).replace(b"HTTP/1.1", b"HTTP/1.0"),
        message("OPTIONS", TINY, (CLOSE, ("Origin", "https://a.example"), ("Access-Control-Request-Method", "GET"))),
    ],
)
def test_the_same_octets_as_over_a_transport(built: Built, listener: socket.socket, head: bytes) -> None:
    async def steps(door: Door) -> None:
        first = await door.ask(head)
        assert door.transports == 1
        assert first.startswith(b"HTTP/1.1 ")
        for _ in range(3):
            assert await door.ask(head) == first
        assert door.transports == 1

    door = play(Room(built), listener, steps)
    assert not door.room.state.connections


@pytest.mark.parametrize(
    "pieces",
    [
        (message("GET", TINY, ()) + ASK,),  # two, of which only the second ends it
        (ASK[:20], ASK[20:]),
        (message("GET", TINY, ()), ASK),
        (ASK[:-2], b"\r\n"),
        (message("GET", LARGE, (CLOSE,)),),
        (message("POST", TINY, (CLOSE, ("Content-Length", "3"))) + b"abc",),
        (b"GET / HTTP/9.9\r\n\r\n",),
        (b"\x16\x03\x01\x02\x00",),
    ],
)
def test_whatever_else_comes_gets_a_transport(built: Built, listener: socket.socket, pieces: tuple[bytes, ...]) -> None:
    async def steps(door: Door) -> None:
        await door.ask(ASK)
        first = await door.ask(*pieces)
        assert first.startswith(b"HTTP/1.1 ")
        assert lines(await door.ask(*pieces)) == lines(first)
        assert door.transports == 3

    play(Room(built), listener, steps)


def test_who_did_not_ask_for_the_end_may_ask_on(built: Built, listener: socket.socket) -> None:
    """Once the end is announced each response is the last, but a next request must not cost the client this one."""

    async def steps(door: Door) -> None:
        door.room.worker.close()
        for transports in (1, 2, 3):
            answer = await door.ask(message("GET", TINY, ()), message("GET", TINY, ()))
            assert answer.endswith(tree.TINY)
            assert answer.count(b"connection: close") == 1
            assert door.transports == transports

    play(Room(built), listener, steps)


def test_who_says_at_once_that_nothing_follows_is_answered(built: Built, listener: socket.socket) -> None:
    """A connection that would persist: its transport sees the end before the connection has its first octets."""

    async def steps(door: Door) -> None:
        whole = await door.ask(ASK)
        for _ in range(3):
            answer = await door.ask(message("GET", TINY, ()), ends=True)
            assert answer == whole.replace(b"connection: close\r\n", b"")

    play(Room(built), listener, steps)


def test_who_says_so_of_a_large_file_gets_all_of_it(
    built: Built, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The transport sees the end before the connection has begun a response that takes many turns."""
    ask, begin = message("GET", "/any/huge.woff2", ()), accept._Beginning.connection_made

    def ended(beginning: accept._Beginning, transport: asyncio.Transport) -> None:
        begin(beginning, transport)
        beginning.eof_received()

    monkeypatch.setattr(accept._Beginning, "connection_made", ended)

    async def steps(door: Door) -> None:
        await door.ask(message("GET", "/any/huge.woff2", (CLOSE,)))  # which proves it
        for _ in range(3):
            reader, writer = await door.connect()
            writer.write(ask + ask)
            writer.write_eof()
            answer = await asyncio.wait_for(reader.read(), PATIENCE)
            writer.close()
            half = len(answer) // 2
            assert tree.HUGE == answer[half - len(tree.HUGE) : half] == answer[-len(tree.HUGE) :]

    play(Room(built), listener, steps)


@pytest.fixture
def cramped(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    """The kernel takes only a part of a font at once, which would be answered on the spot."""
    monkeypatch.setattr(accept, "_LONGEST", 1 << 20)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    return listener


def test_what_the_kernel_does_not_take_at_once_follows(built: Built, cramped: socket.socket) -> None:
    ask = message("GET", FONT, (CLOSE,))

    async def steps(door: Door) -> None:
        first = await door.ask(ask)
        assert len(first) > 64 * 1024
        assert await door.ask(ask) == first
        assert door.transports == 2

    play(Room(built), cramped, steps)


def test_a_response_that_was_begun_is_ended_though_others_have_come_meanwhile(
    built: Built, cramped: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = message("GET", FONT, (CLOSE,))

    async def steps(door: Door) -> None:
        first = await door.ask(ask)
        reader, writer = await door.connect()
        writer.write(message("GET", TINY, ()))
        await reader.readuntil(b"\r\n\r\n")
        # There was room when it was asked.
        monkeypatch.setattr(door.acceptor, "_is_full", lambda: False)
        assert await door.ask(ask) == first
        writer.close()

    play(Room(built, ServerLimits(connections=1)), cramped, steps)


def test_too_many(built: Built, listener: socket.socket) -> None:
    async def steps(door: Door) -> None:
        await door.ask(ASK)
        reader, writer = await door.connect()
        writer.write(message("GET", TINY, ()))
        await reader.readuntil(b"\r\n\r\n")
        assert (await door.ask(ASK)).startswith(b"HTTP/1.1 503 ")
        writer.close()
        assert await until(lambda: not door.room.state.connections)
        assert (await door.ask(ASK)).startswith(b"HTTP/1.1 200 ")

    play(Room(built, ServerLimits(connections=1)), listener, steps)


def test_counted_and_logged(built: Built, listener: socket.socket) -> None:
    lines: list[bytes] = []
    shared = SharedMetrics()
    room = Room(built, log=AccessLog("json", lines.append))
    room.worker.meter = Meter(shared.block(1))
    room.worker.renew_responses()

    async def steps(door: Door) -> None:
        for _ in range(70):
            await door.ask(ASK)
        room.worker.beat()

    door = play(room, listener, steps)
    logged = [json.loads(line) for line in b"".join(lines).splitlines()]
    assert door.transports == 1
    assert len(logged) == 70
    assert {(line["client"], line["status"]) for line in logged} == {("127.0.0.1", 200)}
    counted = {key: amount for key, amount in shared.read()[1].items() if amount}
    assert counted["responses", "200", "any", "identity", "fast"] == 70
    assert counted["accepted",] == 70


def test_no_descriptor_is_left(
    built: Built, listener: socket.socket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Who comes then is turned away rather than kept waiting; a moment later, connections are taken again."""

    async def steps(door: Door) -> None:
        real, fails = door.acceptor._accept, True

        def refuse() -> object:
            nonlocal fails
            if fails:
                fails = False
                raise OSError(errno.EMFILE, "Too many open files")
            return real()

        door.acceptor._accept = refuse
        with pytest.raises(ConnectionError):
            assert await door.ask(ASK)
        assert (await door.ask(ASK)).startswith(b"HTTP/1.1 200 ")

    play(Room(built), listener, steps)
    assert "too many open files" in caplog.text


def test_not_even_the_spare_descriptor_is_left(
    built: Built, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event loop must not spin on a socket that stays readable."""
    monkeypatch.setattr(accept, "_PAUSE_SECONDS", 0.3)

    async def steps(door: Door) -> None:
        calls, real, is_out = 0, door.acceptor._accept, True

        def refuse() -> object:
            nonlocal calls
            calls += 1
            if is_out:
                raise OSError(errno.EMFILE, "Too many open files")
            return real()

        def open_nothing(*_: object) -> int:
            raise OSError(errno.EMFILE, "Too many open files")

        door.acceptor._accept = refuse
        with monkeypatch.context() as patched:
            patched.setattr(os, "open", open_nothing)
            waiting = asyncio.create_task(door.ask(ASK))
            assert await until(lambda: calls > 0)
            await asyncio.sleep(0.1)
            assert calls == 2  # one that failed, and one with the spare descriptor
            is_out = False
        assert (await waiting).startswith(b"HTTP/1.1 200 ")

    play(Room(built), listener, steps)


def test_only_tcp_defers() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        assert not defers(other)

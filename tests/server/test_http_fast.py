"""The fast lane, one connection: what it writes, holds and gives back, whatever the transport tells it."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdnserve.origin.message import Stored
from cdnserve.release.scan import signature
from cdnserve.release.store import Store
from cdnserve.server.connection import Sending
from cdnserve.server.contents import Contents, name_file
from cdnserve.server.http_asgi import AsgiConnection
from cdnserve.server.http_fast import FastConnection
from cdnserve.server.settings import ServerLimits
from tests.contract.wire import message
from tests.server import tree
from tests.server.conftest import Built
from tests.server.connections import Room, Tape, until
from tests.server.transcript import responses

GET = message("GET", "/any/tiny.txt", [("Accept", "*/*")])
ABSENT = message("GET", "/any/absent.js")
HALF = GET[:-2]
LIMITS = ServerLimits(head_seconds=5, idle_seconds=9, stall_seconds=7)


@pytest.fixture(scope="module")
def room(built: Built) -> Room:
    """A worker."""
    return Room(built, LIMITS)


def test_all_ways_to_an_answer_give_the_same(room: Room) -> None:
    """Asked for the first time, again, behind another, and in two pieces."""
    protocol, tape = room.fast()
    protocol.data_received(GET)
    first, tape.written = tape.written, b""
    protocol.data_received(GET)
    protocol.data_received(GET + GET)
    protocol.data_received(GET[:9])
    protocol.data_received(GET[9:])
    assert first * 4 == tape.written
    assert [] == tape.deeds


@settings(max_examples=60)
@given(places=st.lists(st.integers(1, 3 * len(GET) - 1), max_size=6))
def test_no_cut_changes_what_is_said(room: Room, places: list[int]) -> None:
    protocol, tape = room.fast()
    asked = GET + ABSENT + GET
    edges = [0, *sorted(set(places)), len(asked)]
    for start, end in itertools.pairwise(edges):
        protocol.data_received(asked[start:end])
    assert [200, 404, 200] == [response.status for response in responses(tape.written)]


def test_nothing_is_answered_before_the_head_is_whole(room: Room) -> None:
    protocol, tape = room.fast()
    for place in range(len(GET)):
        assert b"" == tape.written
        protocol.data_received(GET[place : place + 1])
    assert tape.written.endswith(tree.TINY)


def test_a_client_who_does_not_read_is_not_read_from(room: Room) -> None:
    protocol, tape = room.fast()
    protocol.data_received(GET)
    protocol.pause_writing()
    assert ["pause"] == tape.deeds
    protocol.resume_writing()
    assert ["pause", "resume"] == tape.deeds


def test_what_comes_all_the_same_waits_its_turn(room: Room) -> None:
    """A transport may hand over what it had read before it was paused; content that belongs to a head, too."""
    protocol, tape = room.fast()
    protocol.data_received(HALF)
    protocol.pause_writing()
    protocol.data_received(GET[-2:] + ABSENT[:5])
    assert b"" == tape.written
    protocol.resume_writing()
    protocol.data_received(ABSENT[5:])
    assert [200, 404] == [response.status for response in responses(tape.written)]


def test_answers_wait_for_the_client_to_take_the_one_before(room: Room) -> None:
    protocol, tape = room.fast()
    tape.on_write = protocol.pause_writing
    protocol.data_received(GET + ABSENT + GET + HALF)
    for count in (1, 2, 3):
        assert count == tape.written.count(b"HTTP/1.1 ")
        protocol.resume_writing()
    assert [200, 404, 200] == [response.status for response in responses(tape.written)]
    protocol.data_received(GET[-2:])
    assert ["pause", "resume"] * 3 + ["pause"] == tape.deeds


def test_what_is_wrong_behind_answers_under_way_is_said_after_them(room: Room) -> None:
    """The ASGI edge says it, once nothing else is under way."""

    async def send() -> None:
        protocol, tape = room.fast()
        tape.on_write = protocol.pause_writing
        protocol.data_received(GET + ABSENT + b"\x00")
        for count in (1, 2):
            assert (count, None) == (tape.written.count(b"HTTP/1.1 "), tape.protocol)
            if count == 2:
                tape.on_write = lambda: None
            protocol.resume_writing()
        assert [200, 404, 400] == [response.status for response in responses(tape.written)]
        assert isinstance(tape.protocol, AsgiConnection)
        assert ["pause", "resume", "pause", "resume", "write_eof"] == tape.deeds

    asyncio.run(send())


def test_content_that_comes_behind_an_answer_under_way_is_no_request(room: Room) -> None:
    """What waited goes to the application together with the head that it belongs to."""
    protocol, tape = room.fast()
    tape.on_write = protocol.pause_writing

    async def send() -> None:
        async with room.serving():
            protocol.data_received(GET + message("POST", "/any/tiny.txt", [("Content-Length", str(len(GET)))]))
            tape.on_write = lambda: None
            protocol.data_received(GET + ABSENT)
            protocol.resume_writing()
            assert await until(lambda: b" 404 " in tape.written)

    asyncio.run(send())
    assert [200, 405, 404] == [response.status for response in responses(tape.written)]


class TestExpiry:
    """What time ends, each limit by itself."""

    def test_half_a_head_is_408(self, room: Room) -> None:
        protocol, tape = room.fast()
        protocol.data_received(GET + HALF)
        tape.written = b""
        room.pass_time(protocol, LIMITS.head_seconds - 1)
        assert (b"", []) == (tape.written, tape.deeds)
        room.pass_time(protocol, 1)
        assert tape.written.startswith(b"HTTP/1.1 408 ")
        assert ["write_eof"] == tape.deeds

    def test_more_of_it_wins_no_time(self, room: Room) -> None:
        protocol, tape = room.fast()
        for place in range(LIMITS.head_seconds):
            protocol.data_received(GET[place : place + 1])
            room.pass_time(protocol, 1)
        assert tape.written.startswith(b"HTTP/1.1 408 ")

    def test_each_head_has_its_own_time(self, room: Room) -> None:
        """Pieces that end one head and begin the next, for longer than one head may take."""
        protocol, tape = room.fast()
        protocol.data_received(HALF)
        for _ in range(LIMITS.head_seconds):
            room.pass_time(protocol, LIMITS.head_seconds - 1)
            protocol.data_received(GET[-2:] + HALF)
        assert {200} == {response.status for response in responses(tape.written)}

    def test_a_head_that_waits_for_its_turn_is_not_late(self, room: Room) -> None:
        protocol, tape = room.fast()
        protocol.data_received(HALF)
        protocol.pause_writing()
        for unsent in range(LIMITS.head_seconds * 2, 0, -1):
            tape.unsent = unsent
            room.pass_time(protocol, 1)
        tape.unsent = 0
        protocol.resume_writing()
        room.pass_time(protocol, LIMITS.head_seconds - 1)
        protocol.data_received(GET[-2:])
        assert [200] == [response.status for response in responses(tape.written)]

    def test_an_idle_connection_is_closed(self, room: Room) -> None:
        protocol, tape = room.fast()
        room.pass_time(protocol, LIMITS.idle_seconds - 1)
        protocol.data_received(GET)
        room.pass_time(protocol, LIMITS.idle_seconds - 1)
        assert [] == tape.deeds
        room.pass_time(protocol, 1)
        assert ["close"] == tape.deeds
        assert tape.written.count(b"HTTP/1.1 ") == 1

    def test_octets_that_ask_for_nothing_win_no_time(self, room: Room) -> None:
        """RFC 9112 §2.2: empty lines are no request."""
        protocol, tape = room.fast()
        for _ in range(LIMITS.idle_seconds):
            assert [] == tape.deeds
            protocol.data_received(b"\r\n")
            room.pass_time(protocol, 1)
        assert ["close"] == tape.deeds

    @pytest.mark.parametrize("paused", [True, False], ids=["much", "little"])
    def test_who_takes_nothing_is_cut_off(self, room: Room, paused: bool) -> None:
        """Also where what is left is too little for the transport to speak of; closing would wait for ever."""
        protocol, tape = room.fast()
        protocol.data_received(GET)
        tape.unsent = 1000
        if paused:
            protocol.pause_writing()
            tape.deeds.clear()
        room.pass_time(protocol, LIMITS.stall_seconds)
        assert [] == tape.deeds
        tape.unsent = 999
        room.pass_time(protocol, LIMITS.stall_seconds)
        assert [] == tape.deeds
        room.pass_time(protocol, 1)
        assert ["abort"] == tape.deeds

    def test_who_was_refused_is_not_waited_for(self, room: Room) -> None:
        protocol, tape = room.fast()
        protocol.data_received(HALF)
        room.pass_time(protocol, LIMITS.head_seconds)
        assert ["write_eof"] == tape.deeds
        protocol.data_received(GET * 10)
        protocol.resume_writing()
        room.pass_time(protocol, 1)
        assert (1, ["write_eof"]) == (tape.written.count(b"HTTP/1.1 "), tape.deeds)
        room.pass_time(protocol, 1)
        assert ["write_eof", "abort"] == tape.deeds


class TestEnd:
    """How a drain ends a connection."""

    def test_idle(self, room: Room) -> None:
        protocol, tape = room.fast()
        protocol.shutdown()
        assert [] == tape.deeds
        room.pass_time(protocol, 1)
        assert ["close"] == tape.deeds

    def test_a_request_that_was_on_its_way_is_the_last(self, built: Built) -> None:
        room = Room(built, LIMITS)
        protocol, tape = room.fast()
        protocol.data_received(GET)
        assert b"connection: close" not in tape.written
        room.worker.close()
        protocol.shutdown()
        protocol.data_received(GET * 2)
        assert tape.written.endswith(b"connection: close\r\n\r\n" + tree.TINY)
        assert (2, ["write_eof"]) == (tape.written.count(b"HTTP/1.1 200"), tape.deeds)

    def test_half_a_head_is_waited_for_but_a_moment(self, room: Room) -> None:
        protocol, tape = room.fast()
        protocol.shutdown()
        protocol.data_received(GET[:20])
        room.pass_time(protocol, 1)
        assert (b"", ["close"]) == (tape.written, tape.deeds)

    def test_under_way(self, room: Room) -> None:
        protocol, tape = room.fast()
        protocol.data_received(GET)
        protocol.pause_writing()
        protocol.shutdown()
        assert ["pause"] == tape.deeds
        protocol.resume_writing()
        room.pass_time(protocol, 1)
        assert ["pause", "resume"] == tape.deeds
        room.pass_time(protocol, 1)
        assert ["pause", "resume", "close"] == tape.deeds

    def test_a_connection_that_came_too_late_to_be_told(self, built: Built) -> None:
        room = Room(built, LIMITS)
        room.worker.close()
        protocol, tape = room.fast()
        room.pass_time(protocol, 2)
        assert ["close"] == tape.deeds

    def test_a_connection_is_counted_until_it_is_lost(self, built: Built) -> None:
        room = Room(built, ServerLimits(connections=1))
        protocol, tape = room.fast()
        refused, told = room.fast()
        assert told.written.startswith(b"HTTP/1.1 503 ")
        assert b"" == tape.written
        for lost in (protocol, refused):
            lost.connection_lost(None)
        assert set() == room.state.connections
        assert b"" == room.fast()[1].written


def test_a_head_that_is_too_large_behind_a_good_one(room: Room) -> None:
    async def send() -> None:
        protocol, tape = room.fast()
        protocol.data_received(GET + message("GET", "/", [("X", "x" * room.worker.limits.head)]))
        assert [200, 431] == [response.status for response in responses(tape.written)]

    asyncio.run(send())


def test_large_content_behind_what_the_transport_still_holds(room: Room) -> None:
    """It is left to the application, and so is what comes after it."""
    protocol, tape = room.fast()
    tape.unsent = 1

    async def send() -> None:
        async with room.serving():
            protocol.data_received(message("GET", "/any/large.woff2") + GET)
            assert isinstance(tape.protocol, AsgiConnection)
            assert await until(lambda: tape.written.endswith(tree.TINY))

    asyncio.run(send())
    assert [tree.LARGE, tree.TINY] == [response.body for response in responses(tape.written)]
    assert [tape.protocol] == [*room.state.connections & {protocol, tape.protocol}]


class TestUnderTls:
    """The transport must see every octet: it gets large content in pieces, as it takes them."""

    @pytest.fixture
    def secure(self, built: Built) -> tuple[Room, FastConnection, Tape]:
        room = Room(built, LIMITS)
        room.worker.live.contents = Trusting(Store(built.state))
        protocol, tape = room.fast(sslcontext=object())
        return room, protocol, tape

    @pytest.mark.parametrize("fields", [(), (("Range", "bytes=7-280000"),), (("Range", "bytes=-1"),)])
    def test_all_of_it_is_sent(
        self, secure: tuple[Room, FastConnection, Tape], fields: tuple[tuple[str, str], ...]
    ) -> None:
        _, protocol, tape = secure

        async def story() -> None:
            protocol.data_received(message("GET", "/any/huge.woff2", fields) + GET)

        asyncio.run(story())
        huge, tiny = responses(tape.written)
        expected = {(): tree.HUGE, (("Range", "bytes=-1"),): tree.HUGE[-1:]}.get(fields, tree.HUGE[7:280_001])
        assert (expected, tree.TINY) == (huge.body, tiny.body)
        assert tape.limits == [128 * 1024, None]

    def test_a_piece_waits_until_the_one_before_was_taken(self, secure: tuple[Room, FastConnection, Tape]) -> None:
        room, protocol, tape = secure
        tape.on_write = protocol.pause_writing
        pieces: list[int] = []

        async def story() -> None:
            protocol.data_received(message("GET", "/any/huge.woff2") + GET)
            while not tape.written.endswith(tree.TINY):
                room.pass_time(protocol, LIMITS.stall_seconds - 1)  # each piece wins time
                pieces.append(len(tape.written))
                protocol.resume_writing()

        asyncio.run(story())
        assert [tree.HUGE, tree.TINY] == [response.body for response in responses(tape.written)]
        assert max(end - start for start, end in itertools.pairwise([0, *pieces])) < 129 * 1024
        assert "abort" not in tape.deeds

    def test_what_is_found_damaged_is_sent_no_further(self, secure: tuple[Room, FastConnection, Tape]) -> None:
        room, protocol, tape = secure
        told: list[bool] = []
        room.worker.live.contents.doubts = lambda *_: lambda: bool(told)  # type: ignore[method-assign]
        tape.on_write = protocol.pause_writing

        async def story() -> None:
            protocol.data_received(message("GET", "/any/huge.woff2"))
            told.append(True)
            protocol.resume_writing()

        before = descriptors()
        asyncio.run(story())
        assert tape.deeds[-1] == "abort"
        assert len(tape.written) < 129 * 1024
        assert before == descriptors()

    def test_who_takes_nothing_is_cut_off(self, secure: tuple[Room, FastConnection, Tape]) -> None:
        room, protocol, tape = secure
        tape.on_write = protocol.pause_writing

        async def story() -> None:
            protocol.data_received(message("GET", "/any/huge.woff2"))
            room.pass_time(protocol, LIMITS.stall_seconds + 1)

        asyncio.run(story())
        assert tape.deeds[-1] == "abort"
        protocol.connection_lost(None)


HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


class Trusting(Contents):
    """Takes every blob for right, whatever it is; where there is one, it has no other."""

    def __init__(self, store: Store, blob: Path | None = None) -> None:
        super().__init__(store)
        self._blob = blob

    def open_blob(self, digest: bytes) -> int:
        return os.open(self._blob, os.O_RDONLY | os.O_CLOEXEC) if self._blob else super().open_blob(digest)

    def is_proved(self, _: bytes, status: os.stat_result) -> bool:
        return status.st_size >= 0


@pytest.fixture
def blob(tmp_path: Path) -> Path:
    """A blob of some megabytes."""
    place = tmp_path / "blob"
    place.write_bytes(tree.HUGE)
    return place


@contextmanager
def connection() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A server's end, which never blocks, and a client's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
    with client, server:
        server.setblocking(False)
        client.setblocking(False)
        yield server, client


def descriptors() -> int:
    """Count what is open in this process."""
    return len(os.listdir("/proc/self/fd"))


async def send(server: socket.socket, client: socket.socket, blob: Path, stored: Stored) -> tuple[bytes, bool]:
    """Send all, and read all until the server closes; tell what came, and what `on_end` was told."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[bool] = loop.create_future()
    sending = Sending(loop, server.fileno(), ended.set_result)
    sending.begin(HEAD, stored, Trusting(Store(blob.parent), blob))
    received = bytearray()
    while not ended.done() or len(received) < len(HEAD) + sending.sent:
        received += await loop.sock_recv(client, 1 << 20)
    return bytes(received), ended.result()


@pytest.mark.parametrize(
    ("start", "length"), [(0, len(tree.HUGE)), (0, 1), (5, 300_000), (len(tree.HUGE) - 1, 1), (0, 0)]
)
def test_all_of_it_is_sent(blob: Path, start: int, length: int) -> None:
    with connection() as (server, client):
        before = descriptors()
        received, complete = asyncio.run(send(server, client, blob, Stored(bytes(32), start, length)))
        assert (HEAD + tree.HUGE[start : start + length], True) == (received, complete)
        assert before == descriptors()


@pytest.mark.parametrize("harm", ["gone", "too short"])
def test_a_lost_blob_is_told_before_anything_is_sent(blob: Path, harm: str) -> None:
    ends: list[bool] = []

    async def begin(server: socket.socket) -> None:
        Sending(asyncio.get_running_loop(), server.fileno(), ends.append).begin(
            HEAD, Stored(bytes(32), 5, 100), Trusting(Store(blob.parent), blob)
        )

    if harm == "gone":
        blob.unlink()
    else:
        os.truncate(blob, 104)
    with connection() as (server, client):
        before = descriptors()
        with pytest.raises(OSError, match=r"No such file|shorter"):
            asyncio.run(begin(server))
        assert ([], before) == (ends, descriptors())
        with pytest.raises(BlockingIOError):
            client.recv(1)


@pytest.mark.parametrize("what", ["the client leaves", "the blob is cut", "it is found damaged", "it is closed"])
def test_what_ends_it_in_the_middle(blob: Path, what: str) -> None:
    ends: list[bool] = []
    contents, told = Trusting(Store(blob.parent), blob), Counter[str]()
    contents.follow(told.__getitem__)
    name = name_file(bytes(32).hex(), signature(blob.stat()))

    async def interrupt(server: socket.socket, client: socket.socket) -> None:
        sending = Sending(asyncio.get_running_loop(), server.fileno(), ends.append)
        sending.begin(HEAD, Stored(bytes(32), 0, len(tree.HUGE)), contents)
        assert sending.sent < len(tree.HUGE)
        if what == "it is closed":
            sending.close()
            sending.close()
            return
        if what == "the client leaves":
            client.close()
        elif what == "it is found damaged":
            told[name] += 1
        else:
            os.truncate(blob, sending.sent)
        for _ in range(2000):
            if ends:
                break
            if what != "the client leaves":
                client.recv(1 << 20)
            await asyncio.sleep(0.005)

    with connection() as (server, client):
        before = descriptors() - (what == "the client leaves")
        asyncio.run(interrupt(server, client))
        assert ([] if what == "it is closed" else [False]) == ends
        assert before == descriptors()


def test_others_get_their_turn(blob: Path) -> None:
    """A client that takes everything at once must not keep the loop for itself."""
    turns: list[int] = []

    async def count(server: socket.socket, client: socket.socket) -> None:
        task = asyncio.create_task(_count(turns))
        await send(server, client, blob, Stored(bytes(32), 0, len(tree.HUGE)))
        task.cancel()

    with connection() as (server, client):
        asyncio.run(count(server, client))
    assert len(turns) > 2


async def _count(turns: list[int]) -> None:
    while True:
        turns.append(1)
        await asyncio.sleep(0)

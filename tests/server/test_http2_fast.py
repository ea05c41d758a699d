"""Both lanes of HTTP/2 without a network: the same answers, windows, and how streams end."""

from __future__ import annotations

import asyncio
import os

import pytest
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, DataReceived, ResponseReceived, StreamEnded, StreamReset

from cdnserve.server import http2_fast
from cdnserve.server.access_log import AccessLog
from tests.server import tree
from tests.server.conftest import Built
from tests.server.connections import Room, until
from tests.server.http2_client import LIMITS, Client, Field, play
from tests.server.serving import LANES

REQUESTS: tuple[tuple[str, str, tuple[Field, ...]], ...] = (
    ("GET", "/any/tiny.txt", ()),
    ("GET", "/any/tiny.txt?a=b", ()),
    ("HEAD", "/any/tiny.txt", ()),
    ("GET", "/any/empty.css", ()),
    ("GET", "/any/app.js", (("accept-encoding", "gzip, br"),)),
    ("GET", "/any/app.js", (("accept-encoding", "gzip"), ("accept-encoding", "br"))),
    ("GET", "/any/font.woff2", ()),
    ("GET", "/any/large.woff2", ()),
    ("HEAD", "/any/large.woff2", ()),
    ("GET", "/any/large.woff2", (("range", "bytes=100-299999"),)),
    ("GET", "/any/tiny.txt", (("range", "bytes=1-2"),)),
    ("GET", "/any/tiny.txt", (("range", "bytes=9-"),)),
    ("GET", "/any/tiny.txt", (("if-none-match", "*"),)),
    ("GET", "/partners/tiny.txt", (("origin", tree.ORIGIN),)),
    ("GET", "/partners/tiny.txt", (("origin", tree.STRANGER),)),
    ("OPTIONS", "/partners/tiny.txt", (("origin", tree.ORIGIN), ("access-control-request-method", "GET"))),
    ("OPTIONS", "*", ()),
    ("FOO", "/any/tiny.txt", ()),
    ("POST", "/any/tiny.txt", ()),
    ("GET", "/any/none.txt", ()),
    ("GET", "/any/%zz", ()),
    ("GET", "/any/../x", ()),
    ("GET", "any", ()),
    ("GET", "/any/tiny.txt", (("host", "cdn.example.com"),)),
    ("GET", "/-/health", ()),
    ("GET", "/-/", (("accept-encoding", "br"),)),
    ("HEAD", "/-/", ()),
    ("POST", "/-/", ()),
    ("GET", "/-/?q=font", ()),
    ("GET", "/-/?q=tiny", ()),
    ("GET", "/-/absent", ()),
    ("GET", "/-/api/v1/search?q=tiny", (("origin", tree.STRANGER),)),
    ("GET", "/v1/packages/npm/absent?structure=flat", ()),
    ("GET", "/any/tiny.txt", (("x", "y" * 2000),)),
    ("GET", "/any/tiny.txt", tuple((f"x{number}", "") for number in range(101))),
)


def test_both_lanes_say_the_same(built: Built) -> None:
    """Twice, for what was asked before is remembered, and all at once."""

    async def story(room: Room) -> None:
        clients = [Client(room, lane) for lane in LANES]
        for _ in range(2):
            asked = [
                [client.ask(path, *fields, method=method) for method, path, fields in REQUESTS] for client in clients
            ]
            for client in clients:
                client.give()
            for request, *streams in zip(REQUESTS, *asked, strict=True):
                fast, asgi = [await client.response(stream) for client, stream in zip(clients, streams, strict=True)]
                assert fast == asgi, request

    play(built, story)


def test_a_page_that_was_made_is_sent_at_once(built: Built) -> None:
    """Each query has its own, and who has it already is told so."""

    async def story(room: Room) -> None:
        targets = ("/-/?q=tiny", "/-/?q=font", "/-/")
        client = Client(room, "fast")
        streams = [client.ask(target) for target in targets]
        client.give()
        made = [await client.response(stream) for stream in streams]
        assert len(targets) == len({content for _, content in made})
        streams = [client.ask(target) for target in targets]
        tags = [dict(head)[b"etag"].decode() for head, _ in made]
        known = [client.ask(target, ("if-none-match", tag)) for target, tag in zip(targets, tags, strict=True)]
        client.give()  # in the same turn of the loop
        assert [content for _, content in made] == [client.content(stream) for stream in streams]
        heads = [dict(head.headers) for stream in known for head in client.of(ResponseReceived, stream)]
        assert [b"304"] * len(targets) == [head[b":status"] for head in heads]

    play(built, story)


def test_requests_of_one_read_are_answered_in_one_write(built: Built) -> None:
    async def story(room: Room) -> None:
        client = Client(room, "fast")
        client.give()
        writes: list[int] = []
        client.tape.on_write = lambda: writes.append(1)
        streams = [client.ask("/any/tiny.txt") for _ in range(9)]
        client.give()
        assert [1] == writes
        assert [128 * 1024] == client.tape.limits
        assert [tree.TINY] * 9 == [client.content(stream) for stream in streams]
        assert not room.state.tasks

    play(built, story)


@pytest.mark.parametrize("path", ["/any/font.woff2", "/any/large.woff2"])
@pytest.mark.parametrize("lane", LANES)
def test_no_window_is_overrun(built: Built, lane: str, path: str) -> None:
    """hyper-h2 ends the connection over one octet too many; the rest comes as windows open, of stream or connection."""

    async def story(room: Room) -> None:
        client = Client(room, lane, window=65_535, settings=40_000)
        first, second = client.ask(path), client.ask(path)
        client.give()
        assert await client.until(lambda: len(client.content(first) + client.content(second)) == 65_535)
        whole = tree.FILES[path[1:]]
        while not (client.of(StreamEnded, first) and client.of(StreamEnded, second)):
            client.h2.increment_flow_control_window(30_000)
            for stream in (first, second):
                if not client.of(StreamEnded, stream):
                    client.h2.increment_flow_control_window(20_000, stream)
            client.give()
            await asyncio.sleep(0)
            client.take()
        assert [whole, whole] == [client.content(first), client.content(second)]
        assert not client.protocol.is_active

    play(built, story)


@pytest.mark.parametrize("lane", LANES)
def test_a_wider_window_is_used_once_it_is_acknowledged(built: Built, lane: str) -> None:
    """RFC 9113 §6.5.3: until then a client may hold to the one before, even if it asked in the same breath."""

    async def story(room: Room) -> None:
        for is_patient in (True, False):  # the first proves the file
            client = Client(room, lane, is_patient=is_patient)
            stream = client.ask("/any/large.woff2")
            client.give()
            assert tree.LARGE == (await client.response(stream))[1]

    play(built, story)


def test_zttp_has_its_windows_back_before_they_overflow(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes past it widens its window of the connection, which has a largest size (RFC 9113 §6.9.1)."""
    monkeypatch.setattr(http2_fast, "_WIDEST", 2**20 + 200_000)

    async def story(room: Room) -> None:
        client = Client(room, "fast", window=2**20)
        for _ in range(20):
            stream = client.ask("/any/font.woff2")
            client.give()
            assert (await client.response(stream))[1] == tree.FONT
            client.h2.increment_flow_control_window(len(tree.FONT))
            client.give()
        assert client.protocol.conn.send_window <= 2**20 + 200_000
        assert not client.tape.is_closing()

    play(built, story)


@pytest.mark.parametrize("lane", LANES)
def test_what_the_transport_still_holds_keeps_the_rest_back(built: Built, lane: str) -> None:
    """And nothing is read meanwhile: a client that asks on and on, for a PING even, would fill the memory."""

    async def story(room: Room) -> None:
        client = Client(room, lane)
        client.protocol.pause_writing()
        assert client.tape.deeds == ["pause"]
        streams = [client.ask("/any/font.woff2") for _ in range(100)]
        client.give()
        await asyncio.sleep(0)
        client.take()
        assert [] == client.of(DataReceived)
        client.protocol.resume_writing()
        assert client.tape.deeds == ["pause", "resume"]
        for stream in streams:
            assert (await client.response(stream))[1] == tree.FONT

    play(built, story)


@pytest.mark.parametrize("path", ["/any/font.woff2", "/any/huge.woff2"])
@pytest.mark.parametrize("lane", LANES)
def test_a_stream_whose_window_stays_closed_is_reset(built: Built, lane: str, path: str) -> None:
    """The connection goes on, and is closed once it is idle."""

    async def story(room: Room) -> None:
        client = Client(room, lane, window=65_535, settings=0)
        stream = client.ask(path)
        client.give()
        assert await client.until(lambda: bool(client.of(ResponseReceived, stream)))
        room.pass_time(client.protocol, LIMITS.stall_seconds - 1)
        assert client.protocol.is_active

        def is_reset() -> bool:
            # The application may have come to its content later.
            room.pass_time(client.protocol, 1)
            return bool(client.of(StreamReset, stream))

        assert await client.until(is_reset)
        assert await until(lambda: not client.protocol.is_active)
        assert not client.tape.is_closing()
        room.pass_time(client.protocol, LIMITS.idle_seconds + 1)
        client.take()
        assert [ErrorCodes.NO_ERROR] == [event.error_code for event in client.of(ConnectionTerminated)]
        assert client.tape.is_closing()

    play(built, story)


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize(("method", "path"), [("G\xc4T", "/any/tiny.txt"), ("G T", "/"), ("GET", "/any/\xff")])
def test_what_is_no_method_or_path_resets_its_stream(built: Built, lane: str, method: str, path: str) -> None:
    """zttp lets it pass (RFC 9113 §8.1.1)."""

    async def story(room: Room) -> None:
        client = Client(room, lane)
        wrong, right = client.ask(path, method=method), client.ask("/any/tiny.txt")
        client.give()
        assert (await client.response(right))[1] == tree.TINY
        assert [ErrorCodes.PROTOCOL_ERROR] == [event.error_code for event in client.of(StreamReset, wrong)]

    play(built, story)


@pytest.mark.parametrize("lane", LANES)
def test_content_of_a_request_is_passed_over(built: Built, lane: str) -> None:
    async def story(room: Room) -> None:
        client = Client(room, lane)
        stream = client.h2.get_next_available_stream_id()
        head = [(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", "/any/tiny.txt")]
        client.h2.send_headers(stream, head)
        client.h2.send_data(stream, bytes(16_000))
        client.h2.end_stream(stream)
        client.give()
        assert (await client.response(stream))[1] == tree.TINY
        assert not client.protocol.is_active

    play(built, story)


@pytest.mark.parametrize("lane", LANES)
def test_the_end_is_announced_and_what_is_under_way_is_sent(built: Built, lane: str) -> None:
    async def story(room: Room) -> None:
        client = Client(room, lane, window=65_535, settings=1000)
        stream = client.ask("/any/font.woff2")
        client.give()
        assert await client.until(lambda: len(client.content(stream)) == 1000)
        client.protocol.shutdown()
        room.pass_time(client.protocol, 3)
        assert not client.tape.is_closing()
        client.h2.increment_flow_control_window(100_000)
        client.h2.increment_flow_control_window(100_000, stream)
        client.protocol.data_received(client.h2.data_to_send())
        assert await until(lambda: not client.protocol.is_active)
        room.pass_time(client.protocol, 1)
        assert client.tape.is_closing()
        # The last octets, the announcement before them, and the end itself.
        assert client.tape.written.count(b"\0\0\x08\7\0\0\0\0\0\x7f\xff\xff\xff\0\0\0\0") == 1
        assert client.tape.written.endswith(b"\0\0\x08\7\0\0\0\0\0\0\0\0\1\0\0\0\0")

    play(built, story)


def test_content_that_is_damaged_meanwhile_resets_its_stream(few: Built) -> None:
    async def story(room: Room) -> None:
        client = Client(room, "fast", window=65_535, settings=1000)
        # Proved as the first is answered.
        first = client.ask("/any/large.woff2")
        client.give()
        assert await client.until(lambda: len(client.content(first)) == 1000)
        stream = client.ask("/any/large.woff2")
        client.give()
        assert len(client.content(stream)) == 1000
        (blob,) = (file for file in few.state.rglob("*") if file.is_file() and file.stat().st_size == len(tree.LARGE))
        blob.chmod(0o644)
        blob.write_bytes(bytes(10))
        client.h2.increment_flow_control_window(1000, stream)
        client.give()
        assert client.of(StreamReset, stream)
        assert not client.tape.is_closing()

    play(few, story)


def test_a_fifo_in_the_place_of_content_is_not_waited_for(few: Built) -> None:
    async def story(room: Room) -> None:
        client = Client(room, "fast", window=65_535, settings=65_535)
        (blob,) = (file for file in few.state.rglob("*") if file.is_file() and file.stat().st_size == len(tree.LARGE))
        blob.unlink()
        os.mkfifo(blob)
        stream = client.ask("/any/large.woff2")
        client.give()
        fields, _ = await client.response(stream)
        assert (b":status", b"503") in fields

    play(few, story)


def test_the_log_tells_what_was_sent(built: Built) -> None:
    """Of what was handed over and what the transport still held, and of what is still to be sent."""
    written: list[bytes] = []
    log = AccessLog("combined", written.append)

    async def story(room: Room) -> None:
        first = Client(room, "fast")
        proves = first.ask("/any/large.woff2")
        first.give()
        await first.response(proves)
        client = Client(room, "fast", window=200_000, settings=100_000)
        client.ask("/any/tiny.txt", ("referer", "r"), ("user-agent", "u"))
        client.give()
        whole, cut = client.ask("/any/font.woff2"), client.ask("/any/large.woff2")
        client.tape.unsent = 120_000
        client.tape.on_write = client.protocol.pause_writing
        client.give()
        assert client.content(whole) == tree.FONT
        assert client.of(ResponseReceived, cut)
        client.protocol.connection_lost(None)

    play(built, story, log)
    log.flush()
    lines = [line.partition(b"] ")[2] for line in b"".join(written).splitlines()]
    assert lines == [
        b'"GET /any/large.woff2 HTTP/2" 200 300000 "-" "-"',
        b'"GET /any/tiny.txt HTTP/2" 200 6 "r" "u"',
        b'"GET /any/large.woff2 HTTP/2" 200 0 "-" "-" cut',
        b'"GET /any/font.woff2 HTTP/2" 200 50004 "-" "-" cut',
    ]

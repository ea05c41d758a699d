"""Any octets, in any pieces: no exception leaves a protocol, both lanes say the same, and nothing hangs."""

from __future__ import annotations

import asyncio
import itertools
import random
import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cdnserve.server.http_asgi import AsgiConnection
from cdnserve.server.http_fast import FastConnection
from cdnserve.server.settings import ServerLimits
from tests.contract.wire import message
from tests.server import tree
from tests.server.conftest import Built
from tests.server.connections import Room, Tape, until
from tests.server.serving import LANES

LIMITS = ServerLimits(head=4096, head_seconds=3, idle_seconds=4, stall_seconds=5)
_DATE = re.compile(rb"\r\ndate: [^\r]*\r\n")
# RFC 9113 §3.4, and an empty SETTINGS frame.
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)

REQUESTS = (
    message("GET", "/any/tiny.txt"),
    message("HEAD", "/any/app.js", [("Accept-Encoding", "gzip")]),
    message("GET", "/partners/tiny.txt", [("Origin", tree.ORIGIN)]),
    message("GET", "/any/tiny.txt", [("Connection", "keep-alive")], version="HTTP/1.0"),
    message("GET", "/any/tiny.txt", version="HTTP/1.2"),
    message("FOO", "/any/tiny.txt"),
    message("OPTIONS", "*"),
    message("CONNECT", "a:443"),
    message("GET", "http://a/any/tiny.txt"),
    message("POST", "/any/tiny.txt", [("Content-Length", "3")], body=b"abc"),
    message("POST", "/any/tiny.txt", [("Transfer-Encoding", "chunked")], body=b"3\r\nabc\r\n0\r\nX: y\r\n\r\n"),
    message("GET", "/any/tiny.txt", [("Connection", "Upgrade"), ("Upgrade", "h2c")]),
    message("GET", "/any/tiny.txt", [("Expect", "100-continue")]),
    message("GET", "/-/health"),
    b"GET /any/tiny.txt\n\r\n",
)
# What requests are made of, and where parsers differ.
BITS = (
    *(b"\r\n", b"\n", b"\r", b" ", b"\t", b"\x00", b"\x80", b":", b"\r\n\r\n", b"\n\r\n", b"\n\n", b"\r\n "),
    *(b"HTTP/1.1", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/1.0", b"GET ", b"PUT ", b"F", b"/", b"*", b"%zz", b"http://"),
    *(b"Host: b\r\n", b"Content-Length: 1\r\n", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip\r\n"),
    *(b"Connection: close\r\n", b"Connection: upgrade\r\nUpgrade: x\r\n", b"0\r\n\r\n", b"fff\r\n", b"x" * 5000),
)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Make requests, with pieces of them lost, doubled and put elsewhere."""
    stream = bytearray(b"".join(draw(st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=3))))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(stream)))
        stream[at : at + draw(st.sampled_from((0, 0, 1, 2, 9)))] = draw(st.sampled_from(BITS) | st.binary(max_size=3))
    return bytes(stream)


def cut(stream: bytes, seed: int) -> list[bytes]:
    """Cut octets at a few places, or at none."""
    order = random.Random(seed)
    places = sorted(order.choices(range(len(stream) + 1), k=seed % 4))
    return [stream[start:end] for start, end in itertools.pairwise([0, *places, len(stream)])]


async def play(room: Room, protocol: FastConnection | AsgiConnection, tape: Tape, pieces: list[bytes]) -> bytes:
    """Send pieces, wait until there is nothing to wait for; give what was said, and make sure that time ends it."""

    def current() -> Any:
        return tape.protocol or protocol

    for piece in pieces:
        if not tape.is_closing():
            current().data_received(piece)
        assert await until(lambda: not room.state.tasks)
    for _ in range(LIMITS.head_seconds + LIMITS.idle_seconds + 5):
        room.pass_time(current(), 1)
    assert tape.is_closing()
    current().connection_lost(None)
    assert not room.state.connections
    return _DATE.sub(b"\r\n", tape.written)


@pytest.fixture(scope="module")
def room(built: Built) -> Room:
    """A worker."""
    return Room(built, LIMITS)


@settings(max_examples=400, deadline=None)
@given(stream=streams() | st.binary(max_size=200), seed=st.integers(0, 99))
@example(stream=b"GET /x\n\r\nfoo bar\r\n\r\n", seed=0)
@example(stream=b"GET /x\n\r\n", seed=0)
@example(stream=b"GET /x\n\r\n", seed=3)
@example(stream=b"GET /any/tiny.txt HTTP/1.1\r\nHost: a\r\n\r\nGET /x\n\r\nfoo bar\r\n\r\n", seed=0)
def test_both_lanes_say_the_same_and_end(room: Room, stream: bytes, seed: int) -> None:
    async def story() -> tuple[bytes, bytes]:
        async with room.serving():
            pieces = cut(stream, seed)
            return await play(room, *room.fast(), pieces), await play(room, *room.asgi(), pieces)

    fast, asgi = asyncio.run(story())
    assert fast == asgi
    assert b" 500 " not in fast  # no defect of ours was answered for


@settings(max_examples=200, deadline=None)
@given(stream=st.binary(max_size=120), seed=st.integers(0, 99), is_preceded=st.booleans(), lane=st.sampled_from(LANES))
def test_no_octets_leave_http_2_with_an_exception(
    room: Room, stream: bytes, seed: int, is_preceded: bool, lane: str
) -> None:
    async def story() -> None:
        async with room.serving():
            protocol, tape = room.http2(lane)
            for piece in cut(_PREFACE * is_preceded + stream, seed):
                if not tape.is_closing():
                    protocol.data_received(piece)
            assert await until(lambda: not room.state.tasks)
            for _ in range(LIMITS.idle_seconds + 5):
                room.pass_time(protocol, 1)
            assert tape.is_closing()
            protocol.connection_lost(None)

    asyncio.run(story())

"""Sending: a blob's octets go to a socket, in turns, and every descriptor comes back."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cdnserve.origin import Stored
from cdnserve.server.sending import Sending
from tests.server import tree

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


def proved(_: bytes, status: os.stat_result) -> bool:
    """Take every blob for right, whatever it is."""
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
    sending.begin(HEAD, blob, stored, proved)
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
            HEAD, blob, Stored(bytes(32), 5, 100), proved
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


@pytest.mark.parametrize("what", ["the client leaves", "the blob is cut", "it is closed"])
def test_what_ends_it_in_the_middle(blob: Path, what: str) -> None:
    ends: list[bool] = []

    async def interrupt(server: socket.socket, client: socket.socket) -> None:
        sending = Sending(asyncio.get_running_loop(), server.fileno(), ends.append)
        sending.begin(HEAD, blob, Stored(bytes(32), 0, len(tree.HUGE)), proved)
        assert sending.sent < len(tree.HUGE)
        if what == "it is closed":
            sending.close()
            sending.close()
            return
        if what == "the client leaves":
            client.close()
        else:
            os.truncate(blob, sending.sent)
        for _ in range(2000):
            if ends:
                break
            if what == "the blob is cut":
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

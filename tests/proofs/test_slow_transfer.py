"""SIGTERM while a slow client takes 16 MB: within the drain time it gets all, and after it the connection is cut."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest

from tests.contract.wire import message
from tests.proofs.instance import PATIENCE, Instance, instance
from tests.proofs.workers import workers
from tests.server import tree
from tests.server.serving import eventually

HUGE = message("GET", "/any/huge.woff2")
# So little is on its way that the server has to wait for the client again and again.
BUFFER = 64 * 1024


def begin(server: Instance) -> tuple[socket.socket, bytes]:
    """Ask for 16 MB through a small buffer; give the connection, and the content that came with the head."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    client.settimeout(PATIENCE)
    client.connect(server.address)
    client.sendall(HUGE)
    received = b""
    while b"\r\n\r\n" not in received:
        received += client.recv(BUFFER)
    head, _, content = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    return client, content


@pytest.mark.parametrize(
    "options",
    [
        pytest.param([], id="the fast lane"),
        pytest.param(["--no-fast-lane"], id="the ASGI edge"),
        pytest.param(["--workers", "2"], id="two workers"),
    ],
)
def test_within_the_drain_time_it_is_completed(root: Path, options: list[str]) -> None:
    with instance(root, "--drain-seconds", "60", *options) as server:
        client, content = begin(server)
        with client:
            children = workers(server.process)
            server.signal(signal.SIGTERM)
            assert eventually(server.refuses)
            pieces = [content]
            while piece := client.recv(BUFFER):
                pieces.append(piece)
                if len(pieces) == 20:
                    # Most of it is still to come, and nobody else is there to wait for.
                    assert server.server.process.poll() is None
            assert tree.HUGE == b"".join(pieces)
        assert 0 == server.ended()
        assert [] == [child for child in children if Path(f"/proc/{child}").exists()]
    assert not [line for line in server.told() if "cut" in line or "Traceback" in line]


def test_after_it_the_connection_is_cut_and_that_is_told(root: Path) -> None:
    """The exit status is that of a good end: what was cut is told in the log, by the worker that had it."""
    with instance(root, "--drain-seconds", "1", "--workers", "2") as server:
        client, content = begin(server)
        with client:
            server.signal(signal.SIGTERM)
            assert 0 == server.ended()
            length = len(content)
            try:
                while piece := client.recv(BUFFER):
                    length += len(piece)
            except ConnectionResetError:
                pass
            assert length < len(tree.HUGE)
    told = server.told()
    assert 1 == len([line for line in told if line.endswith("connections that are cut: 1")])
    assert not [line for line in told if "Traceback" in line or "rror" in line]

"""Draining: who is being served when SIGTERM comes is served to the end, and nobody else begins."""

from __future__ import annotations

import signal
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract.wire import message
from tests.server import tree
from tests.server.conftest import Built
from tests.server.serving import LANES, PATIENCE, Served, eventually, serving, settings

HUGE = message("GET", "/any/huge.woff2")
TINY = message("GET", "/any/tiny.txt")
POST = message("POST", "/any/tiny.txt", [("Content-Length", "3")], body=b"abc")


def _refuses(served: Served) -> bool:
    try:
        socket.create_connection(served.address, PATIENCE).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize(
    ("lane", "before", "number"),
    [
        pytest.param("fast", b"", signal.SIGTERM, id="the fast lane"),
        pytest.param("fast", POST, signal.SIGTERM, id="left to the application"),
        pytest.param("asgi", TINY, signal.SIGTERM, id="the ASGI edge"),
        pytest.param("fast", TINY, signal.SIGINT, id="Ctrl-C"),
    ],
)
def test_a_transfer_under_way_is_completed(
    built: Built, lane: str, before: bytes, number: signal.Signals, tmp_path: Path
) -> None:
    with serving(settings(built.root, built.state, lane), tmp_path / "log.txt") as served:
        with served.connect() as reader, served.connect() as idle, served.connect() as half:
            assert idle.exchange(TINY).status == 200
            half.send(TINY[:20])
            reader.send(before + HUGE)
            assert not before or reader.receive().status == (405 if before == POST else 200)
            served.process.send_signal(number)
            assert eventually(lambda: _refuses(served))
            assert idle.drain() == b""
            assert half.drain() == b""
            assert served.process.poll() is None
            assert tree.HUGE == reader.receive().body
            assert reader.drain() == b""
        assert served.ended() == 0
        assert "Traceback" not in served.told()


@pytest.mark.parametrize("lane", LANES)
def test_patience_ends(built: Built, lane: str, tmp_path: Path) -> None:
    impatient = replace(settings(built.root, built.state, lane), drain_seconds=1)
    with serving(impatient, tmp_path / "log.txt") as served, socket.create_connection(served.address) as reader:
        reader.sendall(HUGE)
        assert len(reader.recv(1)) == 1
        served.terminate()
        assert served.ended() == 0
        told = served.told().splitlines()
    assert "WARNING the drain time is over: connections that are cut: 1" in told
    assert [] == [line for line in told if "Traceback" in line or "Error" in line or line.startswith("ERROR")]


def test_nothing_under_way_ends_at_once(few: Built, tmp_path: Path) -> None:
    with serving(settings(few.root, few.state), tmp_path / "log.txt") as served:
        served.terminate()
        assert served.ended() == 0
        assert _refuses(served)

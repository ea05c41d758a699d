"""Large content goes past the heap: the same octets all the same, whole or in ranges, to whoever reads at any pace."""

from __future__ import annotations

import re
import socket
import struct
import time
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
SIZE = len(tree.HUGE)
# Far below what all these readers together have asked for, far above what their connections cost.
_BOUND = 48 << 20


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        pytest.param("0-", 0, SIZE, id="all"),
        pytest.param("0-0", 0, 1, id="the first octet"),
        pytest.param("-1", SIZE - 1, SIZE, id="the last octet"),
        pytest.param("1-300000", 1, 300_001, id="from the second octet"),
        pytest.param("1048575-9999999", 1_048_575, 10_000_000, id="across the middle"),
        pytest.param("-5000000", SIZE - 5_000_000, SIZE, id="a long end"),
        pytest.param("16000000-99999999", 16_000_000, SIZE, id="beyond the end"),
    ],
)
def test_ranges(served: Served, asked: str, start: int, end: int) -> None:
    response = served.get("/any/huge.woff2", ("Range", f"bytes={asked}"))
    assert (206, f"bytes {start}-{end - 1}/{SIZE}") == (response.status, response["content-range"])
    assert tree.HUGE[start:end] == response.body


def test_again_and_again_on_one_connection(served: Served) -> None:
    with served.connect() as connection:
        for _ in range(3):
            assert tree.HUGE == connection.exchange(HUGE).body
            assert tree.TINY == connection.exchange(TINY).body


def test_close_ends_after_the_last_octet(served: Served) -> None:
    with served.connect() as connection:
        response = connection.exchange(message("GET", "/any/huge.woff2", [("Connection", "close")]))
        assert tree.HUGE == response.body
        assert connection.drain() == b""


@pytest.mark.parametrize(
    "request_", [TINY, POST, message("GET", "/any/large.woff2"), HUGE], ids=["tiny", "POST", "large", "huge"]
)
def test_a_client_that_says_that_nothing_follows_gets_its_answer(served: Served, request_: bytes) -> None:
    """RFC 9112 §9.6: half a connection is closed, the other one still carries what was asked."""
    with served.connect() as connection:
        connection.send(request_ * 3)
        connection.finish()
        assert len({connection.receive().body for _ in range(3)}) == 1
        assert connection.drain() == b""


@pytest.mark.parametrize("lane", LANES)
def test_slow_readers_cost_no_memory(built: Built, lane: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    with serving(settings(built.root, built.state, lane), tmp_path_factory.mktemp("log") / "log.txt") as served:
        assert served.get("/any/huge.woff2").body == tree.HUGE
        resident, descriptors = served.resident(), served.descriptors()
        readers = [socket.create_connection(served.address, PATIENCE) for _ in range(20)]
        for reader in readers:
            reader.sendall(TINY + HUGE * 4)
        for turn in range(100):
            assert {1} == {len(reader.recv(1)) for reader in readers}
            assert turn % 20 or served.get("/any/tiny.txt").body == tree.TINY
        assert served.resident() - resident < _BOUND
        for reader in readers:
            reader.close()
        assert eventually(lambda: served.descriptors() <= descriptors)
        assert "Traceback" not in served.told()


GIVEN_UP = [
    pytest.param(HUGE, id="a large body"),
    pytest.param(TINY + HUGE * 3, id="several of them"),
    pytest.param(POST + HUGE, id="the application's"),
    pytest.param(POST * 5 + HUGE * 5, id="several of the application's"),
    pytest.param(HUGE + POST + HUGE, id="both kinds"),
    pytest.param(b"GET /any", id="half a request line"),
    pytest.param(POST[:-1], id="half a body"),
    pytest.param(b"", id="nothing"),
]


@pytest.mark.parametrize("octets", GIVEN_UP)
def test_who_leaves_in_the_middle_leaves_nothing_behind(served: Served, octets: bytes) -> None:
    """Closed or reset, at once or after a while; no traceback is in the log, which the fixture `lanes` looks at."""
    served.get("/any/large.woff2")
    descriptors = served.descriptors()
    for turn in range(12):
        with socket.create_connection(served.address, PATIENCE) as client:
            client.sendall(octets)
            if octets.endswith(HUGE) and turn % 2:
                client.recv(1 + turn * 1000)
            if turn % 3:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            time.sleep(turn * 0.001)
    assert eventually(lambda: served.descriptors() <= descriptors)
    assert served.get("/any/tiny.txt").body == tree.TINY


_LINE = re.compile(r'(\S+) - - \[[^]]+\] "GET /any/(\S+) HTTP/1.1" 200 ([0-9]+) "-" "-"( cut)?')


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("before", [b"", POST], ids=["at once", "behind the application's"])
def test_a_download_that_is_broken_off_is_logged_with_what_was_sent(
    built: Built, lane: str, before: bytes, tmp_path: Path
) -> None:
    """Less than all of it, and marked; the client has its address, though it is gone."""
    wanted = replace(settings(built.root, built.state, lane), access_log="combined")
    with serving(wanted, tmp_path / "log.txt") as served:
        assert served.get("/any/huge.woff2").body == tree.HUGE
        for taken in (1, 100_000, 3_000_000):
            with socket.create_connection(served.address, PATIENCE) as client:
                client.sendall(before + HUGE)
                # Who goes before its turn has come has no line.
                begun = b""
                while begun.count(b"HTTP/1.1 ") < before.count(b"HTTP/1.1") + 1:
                    begun += client.recv(1000)
                left = taken
                while left > 0:
                    left -= len(client.recv(min(left, 1 << 16)))
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert eventually(lambda: sum("huge" in line for line in served.written()) == 4)
        whole, *cut = [match for line in served.written() if (match := _LINE.fullmatch(line))]
        assert ("127.0.0.1", "huge.woff2", str(SIZE), None) == whole.groups()
        assert {("127.0.0.1", "huge.woff2", " cut")} == {(match[1], match[2], match[4]) for match in cut}
        assert all(int(match[3]) < SIZE for match in cut)
        # What the last one had taken was written, but for what it takes a moment to notice.
        assert max(int(match[3]) for match in cut) > 2_000_000
        assert "Traceback" not in served.told()


@pytest.mark.parametrize("lane", LANES)
def test_who_has_gone_before_the_line_is_written_has_an_address(built: Built, lane: str, tmp_path: Path) -> None:
    wanted = replace(settings(built.root, built.state, lane), access_log="combined")
    with serving(wanted, tmp_path / "log.txt") as served:
        for _ in range(50):
            with socket.create_connection(served.address, PATIENCE) as client:
                client.sendall(TINY * 3)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        served.get("/any/app.js")
        assert eventually(lambda: any("app.js" in line for line in served.written()))
        assert {"127.0.0.1"} == {line.partition(" ")[0] for line in served.written()}

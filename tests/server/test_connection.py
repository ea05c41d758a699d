"""Connections: what a client may hold up, and for how long; and that others don't notice."""

from __future__ import annotations

import os
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from cdnserve.server.connection import sweep
from cdnserve.server.settings import ServerLimits
from tests.contract.wire import Connection, FramingError, message
from tests.forked import template_for
from tests.server import tree
from tests.server.conftest import Built
from tests.server.serving import LANES, PATIENCE, Served, eventually, serving, settings

GET = message("GET", "/any/tiny.txt")
HUGE = message("GET", "/any/huge.woff2")
POST = message("POST", "/any/tiny.txt", [("Content-Length", "3")], body=b"abc")
STRICT = ServerLimits(head_seconds=2, idle_seconds=3, stall_seconds=2)
MANY = 1000


@dataclass(slots=True)
class Clock:
    """A connection that notes what it was told."""

    ticks: list[int]

    def expire(self, tick: int) -> None:
        self.ticks.append(tick)


def test_a_sweep_shows_every_connection_the_clock() -> None:
    connections = [Clock([]), Clock([])]
    sweep(connections, 7)
    assert [[7], [7]] == [connection.ticks for connection in connections]


def test_a_sweep_bears_connections_that_leave() -> None:
    connections: set[object] = set()

    class Leaving:
        def expire(self, tick: int) -> None:
            connections.discard(self)

    connections |= {Leaving(), Leaving()}
    sweep(connections, 1)  # type: ignore[arg-type]
    assert set() == connections


@pytest.fixture(scope="module")
def strict_lanes(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Served]]:
    """Both lanes with little patience."""
    logs = {lane: tmp_path_factory.mktemp("log") / f"{lane}.txt" for lane in LANES}
    with ExitStack() as stack:
        yield {
            lane: stack.enter_context(serving(settings(built.root, built.state, lane, STRICT), log))
            for lane, log in logs.items()
        }
    for log in logs.values():
        assert "Traceback" not in log.read_text()


@pytest.fixture(params=LANES)
def strict(request: pytest.FixtureRequest, strict_lanes: dict[str, Served]) -> Served:
    """Each lane with little patience."""
    return strict_lanes[request.param]


@pytest.fixture(scope="module")
def all_held_up(strict_lanes: dict[str, Served]) -> Iterator[dict[tuple[str, int], dict[str, Connection]]]:
    """Clients that hold something up, all from the same moment on, so that the tests wait for them together."""
    with ExitStack() as stack:
        yield {served.address: _hold_up(served, stack) for served in strict_lanes.values()}


@pytest.fixture
def held_up(strict: Served, all_held_up: dict[tuple[str, int], dict[str, Connection]]) -> dict[str, Connection]:
    """Those of each lane."""
    return all_held_up[strict.address]


def _hold_up(served: Served, stack: ExitStack) -> dict[str, Connection]:
    begun = {
        "half a head": [GET[:-2]],
        "half a second head": [GET, GET[:-2]],
        "half a head behind a large answer": [message("GET", "/any/large.woff2") + GET[:-2]],
        "half a head after content": [POST, GET[:-2]],
        "idle": [GET],
        "idle after content": [POST],
        "large, unread": [HUGE],
        "many, unread": [message("GET", "/any/font.woff2") * 200],
        "large after content, unread": [POST, HUGE],
        "large, then close, unread": [message("GET", "/any/huge.woff2", [("Connection", "close")])],
    }
    clients = {name: stack.enter_context(served.connect()) for name in begun}
    for name, client in clients.items():
        for octets in begun[name]:
            client.send(octets)
    return clients


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("half a head", 0),
        ("half a second head", 1),
        ("half a head behind a large answer", 1),
        ("half a head after content", 1),
    ],
)
def test_half_a_head_is_408(held_up: dict[str, Connection], name: str, answers: int) -> None:
    client = held_up[name]
    for _ in range(answers):
        client.receive()
    last = client.receive()
    assert (408, "close", "no-store") == (last.status, last["connection"], last["cache-control"])
    assert client.drain() == b""


@pytest.mark.parametrize("name", ["idle", "idle after content"])
def test_an_idle_connection_is_closed_without_a_word(held_up: dict[str, Connection], name: str) -> None:
    assert held_up[name].receive().status in (200, 405)
    assert held_up[name].drain() == b""


def test_a_reader_who_stops_is_cut_off(strict: Served, held_up: dict[str, Connection]) -> None:
    """The rest of what the kernel holds may still come, but never all of it."""
    unread = [client for name, client in held_up.items() if name.endswith("unread")]
    assert eventually(lambda: _established(strict) == 0)
    for client in unread:
        with suppress(ConnectionError):  # a reset says the same
            assert len(client.drain()) < len(tree.HUGE) // 2


def _established(served: Served) -> int:
    """Count the connections that the server's process has."""
    inodes = served.opened()
    table = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    port = f":{served.address[1]:04X}"
    return sum(row[1].endswith(port) and row[3] != "0A" and f"socket:[{row[9]}]" in inodes for row in table)


def test_a_head_that_drips_is_408(strict: Served) -> None:
    """The limit is for the whole head: an octet now and then wins no time."""
    with strict.connect(timeout=0.2) as client:
        statuses: list[int] = []
        for octet in GET[:-4]:
            client.send(bytes([octet]))
            with suppress(TimeoutError):
                statuses.append(client.receive().status)
                break
        assert [408] == statuses


def test_a_slow_reader_who_goes_on_is_served(strict: Served) -> None:
    """It takes longer than any of the limits, but is never still."""
    with socket.create_connection(strict.address, PATIENCE) as client, client.makefile("rb") as reader:
        client.sendall(message("GET", "/any/huge.woff2", [("Connection", "close")]))
        received = 0
        while piece := reader.read(1 << 20):
            received += len(piece)
            time.sleep(0.15)
    assert received > len(tree.HUGE)


@pytest.mark.parametrize("lane", LANES)
def test_connections_beyond_the_limit_are_503(built: Built, lane: str, tmp_path: Path) -> None:
    # Who says nothing is taken after some seconds only: so long the others may be idle.
    limits = replace(STRICT, connections=3, idle_seconds=60)
    with serving(settings(built.root, built.state, lane, limits), tmp_path / "log.txt") as served, ExitStack() as stack:
        first, *others = [stack.enter_context(served.connect()) for _ in range(3)]
        assert [200, 200, 200] == [client.exchange(GET).status for client in (first, *others)]
        for _ in range(3):
            with served.connect() as refused:
                last = refused.receive()
                assert (503, "close", "no-store") == (last.status, last["connection"], last["cache-control"])
                # Who was let in stays in, whatever is asked.
                assert [200, 405] == [first.exchange(octets).status for octets in (GET, POST)]
                assert refused.drain() == b""
        first.close()
        assert eventually(lambda: _status(served) == 200)
        assert "Traceback" not in served.told()


def _is_served(server: Served) -> bool:
    """Return whether a new connection is answered; while descriptors are short it may be reset."""
    with suppress(ConnectionError):
        return _status(server) == 200
    return False


def _status(served: Served) -> int:
    with served.connect() as client:
        client.send(GET)
        return client.receive().status


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """As many descriptors as these clients take, here and in the server, which inherits it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 3 * MANY:
        pytest.skip(f"the hard limit of open descriptors is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 3 * MANY), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.usefixtures("many_descriptors")
def test_a_thousand_slow_heads_disturb_nobody(built: Built, lane: str, tmp_path: Path) -> None:
    with serving(settings(built.root, built.state, lane), tmp_path / "log.txt") as served, ExitStack() as stack:
        slow = [stack.enter_context(served.connect()) for _ in range(MANY)]
        for octets in (b"GET /any/tiny.txt HTTP/1.1\r\n", b"Host: a\r\n", b"X: b"):
            for client in slow:
                client.send(octets)
            assert served.get("/any/large.woff2").body == tree.LARGE
        slow[0].send(b"\r\n\r\n")
        assert slow[0].receive().body == tree.TINY
        assert "Traceback" not in served.told()


@pytest.mark.parametrize("lane", LANES)
def test_a_lack_of_descriptors_is_told_and_passes(built: Built, lane: str, tmp_path: Path) -> None:
    """Some are answered, some are not; nobody is told that the release is damaged, and afterwards all is well."""
    template_for(os.environ)  # under the limit as it is: the processes that are forked from it get their own
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # The server inherits the limit, under which this process has to open its pipes and its log.
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(60, len(os.listdir("/proc/self/fd")) + 16), hard))
    try:
        served = ExitStack()
        server = served.enter_context(serving(settings(built.root, built.state, lane), tmp_path / "log.txt"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    with served:
        with ExitStack() as stack:
            clients = [stack.enter_context(server.connect()) for _ in range(80)]
            for client in clients:
                with suppress(ConnectionError):
                    client.send(HUGE)
            assert eventually(lambda: "too many open files" in server.told())
            for client in clients:
                with suppress(ConnectionError, FramingError):
                    assert client.receive().status in (200, 503)
        assert eventually(lambda: _is_served(server))
        assert "build again" not in server.told()
        assert "Traceback" not in server.told()

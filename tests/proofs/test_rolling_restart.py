"""A new server takes an old one's place under load, and not one request fails."""

from __future__ import annotations

import signal
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.contract.wire import Connection, Response, message
from tests.proofs.balancer import balancing
from tests.proofs.instance import PATIENCE, Instance, instance
from tests.proofs.load import Count, loaded, run

pytestmark = pytest.mark.usefixtures("h2load")

TARGETS = ("/any/app.js", "/any/font.woff2", "/any/large.woff2", "/any/tiny.txt")
BACKLOG = 512


def urls(address: tuple[str, int]) -> list[str]:
    """Return what is asked for, in turn."""
    return [f"http://{address[0]}:{address[1]}{target}" for target in TARGETS]


def insist(counts: dict[str, Count], least: int) -> None:
    """Insist that no request failed, and that there were many."""
    for name, count in counts.items():
        assert (name, 0, 0, []) == (name, count.lost, count.refused, count.runs)
        assert count.good > 0
    assert sum(count.good for count in counts.values()) >= least


def drained(server: Instance) -> None:
    """Insist that a server has ended well, and has cut nobody."""
    assert server.ended() == 0
    told = server.told()
    assert [] == [line for line in told if "cut" in line or "Traceback" in line or "rror" in line]


def test_on_a_socket_that_both_listen_on(root: Path) -> None:
    """As with a socket of systemd: the new one listens before the old one drains; one worker, then two, then one."""
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as listener, ExitStack() as stack:
        now = stack.enter_context(instance(root, listener=listener))
        with loaded(urls(listener.getsockname()), kept=10_000) as counts:
            for workers in ("2", "1"):
                before, now = now, stack.enter_context(instance(root, "--workers", workers, listener=listener))
                before.signal(signal.SIGTERM)
                drained(before)
    insist(counts, 2000)


def test_one_after_the_other_on_a_socket_that_stays(root: Path) -> None:
    """As `systemctl restart`: who comes while nobody serves waits for the next one."""
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as listener, ExitStack() as stack:
        now = stack.enter_context(instance(root, listener=listener))
        with loaded(urls(listener.getsockname()), kept=10_000) as counts:
            now.signal(signal.SIGTERM)
            drained(now)
            stack.enter_context(instance(root, listener=listener))
    insist(counts, 600)


def test_behind_a_balancer_that_asks_who_is_ready(root: Path) -> None:
    """As a rolling update in Kubernetes: one more, then one less, until all are new."""
    options = ("--shutdown-delay", "1", "--state", str(root.parent / "state"))
    with ExitStack() as stack:
        old = [stack.enter_context(instance(root, *options)) for _ in range(2)]
        balancer = stack.enter_context(balancing())
        for server in old:
            balancer.add(server.address)
        with loaded(urls(balancer.address), kept=1_000) as counts:
            for server in old:
                balancer.add(stack.enter_context(instance(root, *options)).address)
                server.signal(signal.SIGTERM)
                balancer.wait_without(server.address)
                drained(server)
                balancer.forget(server.address)
    insist(counts, 2000)


def last_answer(connection: Connection, target: str) -> Response:
    """Ask until an answer says that it is the last; a worker looks ten times a second whether its parent is ending."""
    deadline = time.monotonic() + PATIENCE
    while True:
        response = connection.exchange(message("GET", target))
        if not connection.open:
            return response
        assert time.monotonic() < deadline


@pytest.mark.parametrize(
    "options",
    [
        pytest.param([], id="the fast lane"),
        pytest.param(["--no-fast-lane"], id="the ASGI edge"),
        pytest.param(["--workers", "2"], id="two workers"),
    ],
)
@pytest.mark.parametrize("target", ["/any/tiny.txt", "/any/large.woff2", "/any/absent.js"])
def test_a_connection_is_told_before_it_is_closed(root: Path, options: list[str], target: str) -> None:
    """As soon as the server is not ready any more, and before it drains; whoever comes anew is served as well."""
    with instance(root, "--shutdown-delay", "60", *options) as server, server.connect() as kept:
        before = kept.exchange(message("GET", target))
        assert before.get("connection") is None
        server.signal(signal.SIGTERM)
        server.server.stderr.until("the drain begins in 60 seconds")
        assert 503 == server.get("/-/ready").status
        with server.connect() as fresh:
            for connection in (kept, fresh):
                last = last_answer(connection, target)
                assert "close" == last["connection"]
                assert before.comparable() == last.comparable("connection")
                assert b"" == connection.drain()
        server.signal(signal.SIGTERM)
        assert 0 == server.ended()


def test_the_load_sees_what_fails(root: Path) -> None:
    """Of a server that is killed, and of one that has nothing to give."""
    count = Count()
    with instance(root) as server:
        count.add(run([f"http://127.0.0.1:{server.address[1]}/any/absent.js"], "-n", "5"))
        assert (0, 0, 5) == (count.good, count.lost, count.refused)
        server.signal(signal.SIGKILL)
        server.ended()
        count.add(run(urls(server.address), "-n", "7"))
        assert (0, 7, 5) == (count.good, count.lost, count.refused)

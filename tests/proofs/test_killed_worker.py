"""kill -9 of a worker under load: it is replaced, and whoever is served by the others does not notice."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.contract.wire import Connection, Response, message
from tests.proofs.clients import asking
from tests.proofs.instance import Instance, instance
from tests.proofs.workers import holder, workers
from tests.server import tree
from tests.server.serving import eventually

EACH = 4
MANY = 400
REQUESTS = [message("GET", f"/any/{name}") for name in ("tiny.txt", "large.woff2", "app.js")]


def spread(server: Instance) -> dict[Connection, int]:
    """Open connections until each worker has a few; give the worker of each."""
    found: dict[int, list[Connection]] = {worker: [] for worker in workers(server.process)}
    for _ in range(MANY):
        connection = server.connect()
        assert tree.TINY == connection.exchange(REQUESTS[0]).body
        its = found[holder(server.process, connection)]
        if len(its) < EACH:
            its.append(connection)
        else:
            connection.close()
        if all(len(its) == EACH for its in found.values()):
            break
    return {connection: worker for worker, its in found.items() for connection in its}


def test_the_others_do_not_notice(root: Path) -> None:
    bodies: set[bytes] = set()

    def take(_: int, response: Response) -> None:
        assert response.status == 200
        bodies.add(response.body)

    with instance(root, "--workers", "2") as server:
        placed = spread(server)
        victim, other = sorted(set(placed.values()))
        assert [EACH, EACH] == [list(placed.values()).count(worker) for worker in (victim, other)]
        with asking(list(placed), REQUESTS, take) as clients:
            assert eventually(lambda: all(client.answers for client in clients))
            os.kill(victim, signal.SIGKILL)
            assert eventually(lambda: victim not in workers(server.process))
            # Who comes anew is served, by the other one until the new one is there.
            assert eventually(lambda: _comes_to(server) not in (victim, other))
            lucky = [client for client in clients if placed[client.connection] == other]
            before = [client.answers for client in lucky]
            assert eventually(lambda: all(c.answers > n + 20 for c, n in zip(lucky, before, strict=True)))
        assert [victim] * EACH == [placed[client.connection] for client in clients if client.broken]
        assert [None] * len(clients) == [client.failure for client in clients]
        assert {tree.TINY, tree.LARGE, tree.APP} == bodies
        assert 0 == server.end()
    told = [line for line in server.told() if "is replaced" in line]
    assert [f"worker {victim} ended with -9 and is replaced"] == [line.partition(" ")[2] for line in told]


def _comes_to(server: Instance) -> int:
    """Ask on a new connection; tell which worker answered."""
    with server.connect() as connection:
        assert tree.TINY == connection.exchange(REQUESTS[0]).body
        return holder(server.process, connection)

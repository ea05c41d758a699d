"""Health and readiness: the same over both lanes and any number of workers, and what a drain makes of them."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from cdnserve.origin.message import Request
from cdnserve.server.endpoints import Endpoints
from tests.contract.wire import Connection, message
from tests.server import tree
from tests.server.conftest import Built
from tests.server.scraping import admin_address, ask
from tests.server.serving import LANES, Served, eventually, serving, settings

CORS = ("access-control-allow-origin", "access-control-expose-headers", "timing-allow-origin", "vary")
HUGE = message("GET", "/any/huge.woff2")


@pytest.mark.parametrize(
    ("target", "method", "status", "body"),
    [
        pytest.param("/-/health", "GET", 200, b"ok\n", id="the process answers"),
        pytest.param("/-/health", "HEAD", 200, b"", id="HEAD has no content"),
        pytest.param("/-/health?verbose", "GET", 200, b"ok\n", id="a query is ignored"),
        pytest.param("/-/ready", "GET", 200, b"release 1\n", id="a release is served"),
        pytest.param("/-/ready", "HEAD", 200, b"", id="HEAD of readiness"),
        pytest.param("/-/health", "OPTIONS", 405, b"The methods here are GET and HEAD.\n", id="OPTIONS"),
        pytest.param("/-/ready", "DELETE", 405, b"The methods here are GET and HEAD.\n", id="DELETE"),
        pytest.param("/-/metrics", "OPTIONS", 405, b"The methods here are GET and HEAD.\n", id="OPTIONS of metrics"),
    ],
)
def test_answers(served: Served, target: str, method: str, status: int, body: bytes) -> None:
    response = ask(served.address, target, ("Origin", tree.ORIGIN), method=method)
    assert (status, "no-store", body) == (response.status, response["cache-control"], response.body)
    assert ("GET, HEAD" if status == 405 else None) == response.get("allow")
    assert [] == [name for name in CORS if response.get(name)]


@pytest.mark.parametrize("target", ["/-/health/", "/-/healthz", "/-/Ready", "/%2d/health", "/-/absent", "/-"])
def test_other_paths_are_no_public_file(served: Served, target: str) -> None:
    assert served.get(target).status == 404


def test_a_host_that_is_none_is_refused(served: Served) -> None:
    with served.connect() as connection:
        assert connection.exchange(message("GET", "/-/health", host="a b")).status == 400


def test_a_connection_serves_files_as_well(served: Served) -> None:
    with served.connect() as connection:
        for target, status in (("/any/tiny.txt", 200), ("/-/health", 200), ("/any/tiny.txt", 200), ("/-/ready", 200)):
            assert status == connection.exchange(message("GET", target)).status


def test_without_a_release_nothing_is_ready() -> None:
    async def both() -> list[int]:
        own = Endpoints()
        asked = [Request("GET", path, ((b"host", b"a"),)) for path in (b"/-/health", b"/-/ready")]
        return [reply.status for request in asked if (reply := await own.public(request))]

    assert [200, 503] == asyncio.run(both())


@pytest.mark.parametrize("lane", LANES)
def test_none_of_it_is_in_the_access_log(built: Built, tmp_path: Path, lane: str) -> None:
    wanted = replace(settings(built.root, built.state, lane), access_log="combined", admin_port=0)
    with serving(wanted, tmp_path / "log.txt") as served:
        admin = admin_address(served)
        for address, target in ((served.address, "/-/health"), (served.address, "/-/ready"), (admin, "/-/metrics")):
            assert ask(address, target).status == 200
        assert ask(admin, "/-/metrics", method="POST").status == 405
        assert served.get("/any/tiny.txt").status == 200
        served.terminate()
        assert served.ended() == 0
    (line,) = served.written()
    assert '"GET /any/tiny.txt HTTP/1.1" 200' in line


@pytest.mark.parametrize(("lane", "workers"), [("fast", 1), ("asgi", 1), ("fast", 2), ("asgi", 2)])
def test_sigterm_makes_it_unready_while_it_serves_on(few: Built, tmp_path: Path, lane: str, workers: int) -> None:
    """Others get the time to see it; a second signal cuts that short."""
    wanted = replace(settings(few.root, few.state, lane), workers=workers, shutdown_delay=60)
    with serving(wanted, tmp_path / "log.txt") as served:
        assert served.get("/-/ready").status == 200
        served.terminate()
        assert eventually(lambda: served.get("/-/ready").status == 503)
        assert ["The server is ending.\n", "ok\n"] == [served.get(path).text() for path in ("/-/ready", "/-/health")]
        assert tree.TINY == served.get("/any/tiny.txt").body
        assert eventually(lambda: "not ready any more" in served.told())
        served.terminate()
        assert served.ended() == 0
        assert "Traceback" not in served.told()


@pytest.mark.parametrize("workers", [1, 2])
def test_the_delay_ends_by_itself(few: Built, tmp_path: Path, workers: int) -> None:
    wanted = replace(settings(few.root, few.state), workers=workers, shutdown_delay=1)
    with serving(wanted, tmp_path / "log.txt") as served:
        served.terminate()
        assert served.ended() == 0
        told = served.told()
    assert told.index("not ready any more") < told.index("draining, for 30 seconds") < told.index("drained in")


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_does_not_wait(few: Built, tmp_path: Path, workers: int) -> None:
    wanted = replace(settings(few.root, few.state), workers=workers, shutdown_delay=3600)
    with serving(wanted, tmp_path / "log.txt") as served:
        served.process.send_signal(signal.SIGINT)
        assert served.ended() == 0


@pytest.mark.parametrize(("lane", "workers"), [("fast", 1), ("asgi", 2)])
def test_the_admin_port_answers_while_the_public_one_drains(
    built: Built, tmp_path: Path, lane: str, workers: int
) -> None:
    wanted = replace(settings(built.root, built.state, lane), workers=workers, admin_port=0)
    with serving(wanted, tmp_path / "log.txt") as served, served.connect() as reader:
        admin = admin_address(served)
        assert ask(admin, "/-/ready").status == 200
        reader.send(HUGE)
        served.terminate()
        assert eventually(lambda: _ready(admin) == 503)
        assert ask(admin, "/-/health").status == 200
        assert tree.HUGE == reader.receive().body
        assert served.ended() == 0


def _ready(address: tuple[str, int]) -> int:
    return ask(address, "/-/ready").status


@pytest.mark.parametrize("lane", LANES)
def test_the_admin_port_has_no_files_and_a_limit_of_its_own(few: Built, tmp_path: Path, lane: str) -> None:
    few_connections = settings(few.root, few.state, lane)
    wanted = replace(few_connections, admin_port=0, limits=replace(few_connections.limits, connections=1))
    with serving(wanted, tmp_path / "log.txt") as served, served.connect() as only:
        assert only.exchange(message("GET", "/any/tiny.txt")).status == 200
        with Connection(served.address) as other:
            assert other.receive().status == 503
        admin = admin_address(served)
        assert ["ok\n", "release 1\n"] == [ask(admin, path).text() for path in ("/-/health", "/-/ready")]
        assert [404, 404] == [ask(admin, path).status for path in ("/any/tiny.txt", "/")]
        assert served.process.poll() is None
        assert only.exchange(message("GET", "/-/metrics")).status == 404

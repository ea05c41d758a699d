"""The portable application under other ASGI servers: every scene as under our own.

Never judges what those servers do themselves: parsing, `Server`, and the order of fields are theirs.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import cdnserve
from tests.contract import site as sites
from tests.contract.edges import Edge
from tests.contract.scenes import SCENES
from tests.contract.site import Site
from tests.contract.wire import Connection, Response, message

APP = "cdnserve.server.asgi:app"
SERVERS = {
    "uvicorn": ("uvicorn", "--fd", "{fd}", "--no-server-header", APP),
    "hypercorn": ("hypercorn", "--bind", "fd://{fd}", APP),
}
PREFLIGHT = (("Origin", sites.ORIGIN), ("Access-Control-Request-Method", "GET"))


@pytest.fixture(scope="module", params=SERVERS)
def address(
    request: pytest.FixtureRequest, site: Site, state: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, int]]:
    """Where the application listens under another server; the socket is ours, so requests wait until it is up."""
    settings = {"CDNSERVE_ROOT": str(site.root), "CDNSERVE_STATE": str(state)}
    log = tmp_path_factory.mktemp("log") / "server.txt"
    with socket.create_server(("127.0.0.1", 0)) as listener, log.open("wb") as output:
        fd = listener.fileno()
        command = [sys.executable, "-m", *(word.format(fd=fd) for word in SERVERS[request.param])]
        home = Path(cdnserve.__file__).parents[1]
        process = subprocess.Popen(
            command, stdout=output, stderr=output, pass_fds=[fd], env=os.environ | settings, cwd=home
        )
        listening: tuple[str, int] = listener.getsockname()
        listener.close()
        try:
            yield listening
        finally:
            process.terminate()
            process.wait(20)
    assert "Traceback" not in log.read_text(errors="replace")


def _ask(address: tuple[str, int], octets: bytes, method: str) -> Response:
    with Connection(address) as connection:
        return connection.exchange(octets, method)


@pytest.mark.parametrize("folder", ["any/1.0.0", "partners", "none"])
def test_every_scene_is_as_under_our_own_server(address: tuple[str, int], edge: Edge, folder: str) -> None:
    for scene in SCENES:
        fields = (*scene.fields, ("Origin", sites.ORIGIN))
        usual = scene.play(edge, folder, ("Origin", sites.ORIGIN))
        request = message(scene.method, f"/{folder}/{scene.name}", fields, host=scene.host)
        answer = _ask(address, request, scene.method)
        assert usual.comparable("server", "connection") == answer.comparable("server", "connection"), scene.story


@pytest.mark.parametrize(
    ("method", "target"),
    [
        pytest.param("GET", "/secret.txt", id="an unlisted file"),
        pytest.param("GET", "/any/%zz", id="a malformed path"),
        pytest.param("GET", "/any/1.0.0/%61pp.js?query", id="an escape and a query"),
        pytest.param("GET", "/any/odd/%2541.js", id="an escaped percent sign"),
        pytest.param("GET", "/any/1.0.0%2fapp.js", id="an encoded slash"),
        pytest.param("GET", "/any/../secret.txt", id="dots"),
        pytest.param("GET", "//evil.example/app.js", id="two slashes"),
        pytest.param("GET", "/any/1.0.0/big.woff2", id="a large file"),
        pytest.param("OPTIONS", "/partners/app.js", id="a preflight"),
        pytest.param("OPTIONS", "/none/app.js", id="a refused preflight"),
    ],
)
def test_paths_and_preflights_are_as_under_our_own_server(
    address: tuple[str, int], edge: Edge, method: str, target: str
) -> None:
    usual = edge.ask(method, target, *PREFLIGHT)
    answer = _ask(address, message(method, target, PREFLIGHT), method)
    assert usual.comparable("server") == answer.comparable("server")

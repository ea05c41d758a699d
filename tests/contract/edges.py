"""The edges that must give the same answers: one process each, started as `cdnserve serve` starts it.

Never shares a process with the judge, and never listens anywhere but on a loopback port of the system's choice.
"""

from __future__ import annotations

import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import cdnserve
from tests.certificates import identity
from tests.contract.h2wire import Connection2
from tests.contract.invariants import violations
from tests.contract.wire import Connection, Field, Response, Text, message, octets

# The names of all edges; every table runs against each.
H1_EDGES = ("asgi", "fastlane", "asgi over TLS", "fastlane over TLS")
EDGES = (*H1_EDGES, "http2")

_LAUNCH = """
import sys
from pathlib import Path
from cdnserve.server.run import run
from cdnserve.server.settings import ServerSettings
from cdnserve.server.tls import Pair
name, (root, state, *pair) = sys.argv[1], map(Path, sys.argv[2:])
settings = ServerSettings(
    root,
    state,
    port=0,
    fast_lane=not name.startswith("asgi"),
    pair=Pair(*pair) if pair else None,
    http2=name == "http2",
)
run(settings, lambda url: print(url, flush=True))
"""


@dataclass(slots=True)
class Edge:
    """A running edge: where it listens, what it logs, and one connection that is used again and again."""

    name: str
    address: tuple[str, int]
    log: Path
    context: ssl.SSLContext | None = None
    _connection: Connection | Connection2 | None = field(default=None, repr=False)

    def connect(self) -> Connection:
        """Open a connection of one's own, for octets of HTTP/1.1."""
        if self.name == "http2":
            pytest.skip("octets of HTTP/1.1, its connections and how they end: nothing of that is in HTTP/2")
        return Connection(self.address, context=self.context)

    def _open(self) -> Connection | Connection2:
        if self.name != "http2":
            return self.connect()
        assert self.context
        return Connection2(self.address, self.context)

    def ask(self, method: Text, target: Text, *fields: Field, host: Text | None = "cdn.example.com") -> Response:
        """Send one request on the shared connection and hold its response against what holds on every status."""
        return self.exchange(message(method, target, fields, host=host), method)

    def exchange(self, request: bytes, method: Text = "GET") -> Response:
        """Send octets as they are, as one request, and judge the response as `ask` does."""
        asked = octets(method).decode("latin-1")
        connection = self._connection = self._connection or self._open()
        try:
            response = connection.exchange(request, asked)
        except BaseException:
            self.close()
            raise
        if not connection.open:
            self.close()
        broken = violations(response, asked)
        assert not broken, f"{request[:300]!r} -> {response}"
        return response

    def get(self, target: Text, *fields: Field) -> Response:
        """GET with the usual Host."""
        return self.ask("GET", target, *fields)

    def close(self) -> None:
        """Close the shared connection."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None


@contextmanager
def running(name: str, root: Path, state: Path, log: Path) -> Iterator[Edge]:
    """Run an edge on a root until the block ends; it says its address once it listens."""
    with log.open("wb") as errors:
        secret = identity(log.with_name(f"{log.name}-tls")) if name not in ("asgi", "fastlane") else None
        pair = [str(secret.certificate), str(secret.key)] if secret else []
        command = [sys.executable, "-c", _LAUNCH, name, str(root), str(state), *pair]
        # From the folder of the package under test, wherever the suite was started from.
        home = Path(cdnserve.__file__).parents[1]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, cwd=home)
        assert process.stdout
        with process.stdout as output:
            host, _, port = output.readline().decode().strip().partition("://")[2].rpartition(":")
            context = secret.client("h2" if name == "http2" else "http/1.1") if secret else None
            edge = Edge(name, (host, int(port or 0)), log, context)
            try:
                assert port, log.read_text()
                yield edge
            finally:
                edge.close()
                process.terminate()
                process.wait(20)

"""The edges that must give the same answers: one process each, started as `cdnserve serve` starts it.

Never shares a process with the judge, and never listens anywhere but on a loopback port of the system's choice.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import cdnserve
from tests.contract.invariants import violations
from tests.contract.wire import Connection, Field, Response, Text, message, octets

# The names of all edges; every table runs against each.
EDGES = ("asgi", "fastlane")

_LAUNCH = """
import sys
from pathlib import Path
from cdnserve.server.run import run
from cdnserve.server.settings import Settings
root, state = map(Path, sys.argv[2:])
settings = Settings(root, state, port=0, fast_lane=sys.argv[1] == "fastlane")
run(settings, lambda url: print(url, flush=True))
"""


@dataclass(slots=True)
class Edge:
    """A running edge: where it listens, what it logs, and one connection that is used again and again."""

    name: str
    address: tuple[str, int]
    log: Path
    _connection: Connection | None = field(default=None, repr=False)

    def connect(self) -> Connection:
        """Open a connection of one's own."""
        return Connection(self.address)

    def ask(self, method: Text, target: Text, *fields: Field, host: Text | None = "cdn.example.com") -> Response:
        """Send one request on the shared connection and hold its response against what holds on every status."""
        return self.exchange(message(method, target, fields, host=host), method)

    def exchange(self, request: bytes, method: Text = "GET") -> Response:
        """Send octets as they are, as one request, and judge the response as `ask` does."""
        asked = octets(method).decode("latin-1")
        connection = self._connection = self._connection or self.connect()
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
        command = [sys.executable, "-c", _LAUNCH, name, str(root), str(state)]
        # From the folder of the package under test, wherever the suite was started from.
        home = Path(cdnserve.__file__).parents[1]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, cwd=home)
        assert process.stdout
        with process.stdout as output:
            host, _, port = output.readline().decode().strip().removeprefix("http://").rpartition(":")
            edge = Edge(name, (host, int(port or 0)), log)
            try:
                assert port, log.read_text()
                yield edge
            finally:
                edge.close()
                process.terminate()
                process.wait(20)

"""The origin server behind an edge: a process of its own, what it was asked, and new releases of its root.

Never asked by a test what an edge should answer but as a client: its answers are the measure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

from cdnserve.release.build import build
from tests.contract.wire import Connection, Field, Response, message
from tests.edges.site import FILES, MANIFEST
from tests.release.roots import plant
from tests.server.serving import Served, eventually, serving, settings

_PIECE = 4096
_SERVED = re.compile(r"release (\d+) is served: ")


def ask(address: tuple[str, int], method: str, target: str, *fields: Field) -> Response:
    """Send one request on a connection of its own."""
    with Connection(address) as connection:
        return connection.exchange(message(method, target, fields), method)


@dataclass(slots=True)
class OriginServer:
    """A running server: its root, its releases, its log."""

    root: Path
    state: Path
    served: Served
    _marks: Iterator[int] = field(default_factory=count)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return self.served.address

    def ask(self, method: str, target: str, *fields: Field) -> Response:
        """Ask it, past the edge."""
        return ask(self.address, method, target, *fields)

    def asked(self, path: str) -> list[tuple[str, int]]:
        """Return the method and the status of each request for a path so far, in order."""
        mark = f"/mark/{next(self._marks)}"
        for target in (mark, *[f"/mark/{'-' * _PIECE}"] * 2):
            self.ask("GET", target)
        # Lines are written in the order of the answers, once a second or when there are enough for a piece.
        assert eventually(lambda: any(f" {mark} " in line for line in self.served.written()))
        entries = [json.loads(line) for line in self.served.written() if line.startswith("{")]
        requests = [(entry["request"].split(" "), entry["status"]) for entry in entries]
        return [(method, status) for (method, target, _), status in requests if target == path]

    def publish(self, files: Mapping[str, bytes | str]) -> None:
        """Write files, make a release, and wait until it is served."""
        plant(self.root, files, (self.root / "manifest.toml").read_text())
        self.await_release(build(self.root, self.state).number)

    def await_release(self, number: int) -> None:
        """Wait until a release is served: now, for after a rollback it may have been served before."""
        assert eventually(lambda: [str(number)] == _SERVED.findall(self.served.told())[-1:]), self.served.told()


@contextmanager
def origin_server(folder: Path, port: int = 0) -> Iterator[OriginServer]:
    """Plant the root in a folder, unless it is there, build it, and serve it until the block ends."""
    root, state = folder / "root", folder / "state"
    if not root.exists():
        plant(root, FILES, MANIFEST)
    build(root, state)
    wanted = replace(settings(root, state), access_log="json", port=port)
    with serving(wanted, folder / "origin.log") as served:
        yield OriginServer(root, state, served)

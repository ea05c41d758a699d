"""The edges that must give the same answers: one process each, started as `cdnserve serve` starts it.

Never shares a process with the judge, and never listens anywhere but on a loopback port of the system's choice.
"""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest
from hypothesis import currently_in_test_context, reject

import cdnserve
from cdnserve.release.blobs import take_stock
from cdnserve.release.compact import compact
from cdnserve.release.store import Store
from tests.certificates import identity
from tests.contract.h2wire import Connection2, Inexpressible
from tests.contract.invariants import violations
from tests.contract.wire import Connection, Field, Response, Text, message, octets

H1_EDGES = ("asgi", "fastlane", "asgi over TLS", "fastlane over TLS")
EDGES = (*H1_EDGES, "http2")
# No two differ more: the fast lane reads fields by itself, remembers answers and writes their octets; under ASGI every
# request is parsed, decided and sent anew. And both take whatever a row sends; HTTP/2 has no form for some of it.
TWO = ("asgi", "fastlane")
# These have no root: they take the release from a store, each blob when it is first asked for. So every row of a table
# is asked of a replica as well; by `make proofs`, of replicas alone.
REPLICAS = EDGES if os.environ.get("CDNSERVE_PROOF_REPLICAS") else ("asgi", "fastlane over TLS")
# The release of these has the own octets of no file that has codings: they are decoded from one.
ONLY_CODED = "only coded"
# The name of what asks every edge and compares the answers.
ALL_AT_ONCE = "all at once"

_LAUNCH = """
import sys
from pathlib import Path
from cdnserve.server.run import run
from cdnserve.server.replica import acquire
from cdnserve.server.settings import ReplicaSettings, ServerSettings
from cdnserve.server.tls import Pair
name, store, (root, state, *pair) = sys.argv[1], sys.argv[2], map(Path, sys.argv[3:])
replica = ReplicaSettings(store) if store else None
if replica:
    acquire(replica, state)
settings = ServerSettings(
    root,
    state,
    port=0,
    fast_lane=not name.startswith("asgi"),
    pair=Pair(*pair) if pair else None,
    http2=name == "http2",
    replica=replica,
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

    def open(self) -> Connection | Connection2:
        """Open a connection of one's own, for requests in whatever the edge speaks."""
        if self.name != "http2":
            return self.connect()
        assert self.context
        return Connection2(self.address, self.context)

    def ask(self, method: Text, target: Text, *fields: Field, host: Text | None = "cdn.example.com") -> Response:
        """Send one request on the shared connection and hold its response against what holds on every status."""
        return self.exchange(message(method, target, fields, host=host), method)

    def exchange(self, request: bytes, method: Text = "GET") -> Response:
        """Send octets as they are, as one request, and judge the response; skip what HTTP/2 has no form for."""
        try:
            return self.attempt(request, method)
        except Inexpressible as error:
            if currently_in_test_context():
                reject()
            pytest.skip(str(error))

    def attempt(self, request: bytes, method: Text) -> Response:
        """Send one request and hold its response against what holds on every status."""
        asked = octets(method).decode("latin-1")
        connection = self._connection = self._connection or self.open()
        try:
            response = connection.exchange(request, asked)
        except Inexpressible:
            raise
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


@dataclass(slots=True)
class AllAtOnce(Edge):
    """Every edge of a release: each gets the same request, and their responses must be the same but for Date."""

    edges: tuple[Edge, ...] = ()

    def connect(self) -> Connection:
        """Refuse: each edge has its own connections."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the shared connection of each."""
        for edge in self.edges:
            edge.close()

    def attempt(self, request: bytes, method: Text) -> Response:
        """Return the response that all agree on; what HTTP/2 has no form for is not asked there."""
        responses = []
        for edge in self.edges:
            with suppress(Inexpressible):
                responses.append((edge.name, edge.attempt(request, method)))
        (name, first), *others = responses
        for other, response in others:
            assert on_the_wire(first) == on_the_wire(response), f"{name} and {other} differ: {request[:300]!r}"
        return first


def on_the_wire(response: Response) -> tuple[int, str, list[tuple[str, str]], bytes]:
    """Return status line, fields in their order, and content; only Date may tick on."""
    fields = [(name, "" if name == "date" else value) for name, value in response.fields]
    return response.status, response.reason, fields, response.body


class Edges:
    """The edges of one release: each is started when it is first asked for, and runs until the end."""

    def __init__(self, root: Path, state: Path, logs: Path) -> None:
        self._place = root, state
        self._logs = logs
        self._stack = ExitStack()
        self._started: dict[str, Edge] = {}

    def __getitem__(self, name: str) -> Edge:
        if name not in self._started:
            self._started[name] = self._start(name)
        return self._started[name]

    def _start(self, name: str) -> Edge:
        if name == ALL_AT_ONCE:
            return self._at_once(name, EDGES)
        if name == ONLY_CODED:
            return self._at_once(name, [f"{one}, {ONLY_CODED}" for one in TWO])
        root, state = self._place
        if name.endswith(ONLY_CODED):
            log = self._logs / f"{name}.txt"
            return self._stack.enter_context(running(name.partition(",")[0], root, self._compacted(), log))
        place = (self._logs / f"{name} cache", self._logs / f"{name}.txt", state.as_uri())
        if name not in REPLICAS:
            place = (state, self._logs / f"{name}.txt", "")
        return self._stack.enter_context(running(name, root, *place))

    def _at_once(self, name: str, names: Iterable[str]) -> AllAtOnce:
        every = tuple(self[one] for one in names)
        return AllAtOnce(name, every[0].address, every[0].log, edges=every)

    def _compacted(self) -> Path:
        """Return a copy of the state in which all that can be lies there only coded."""
        folder = self._logs / ONLY_CODED
        if not folder.exists():
            shutil.copytree(self._place[1], folder)
            assets = Store(folder).load().assets.values()
            coded = (
                (asset.identity, item) for asset in assets for item in asset.representations if item.coding == "br"
            )
            pairs = {own.sha256.hex(): item.sha256.hex() for own, item in coded if own.coding == "identity"}
            compact(str(folder), pairs)
            assert pairs
            assert pairs.keys() == take_stock(str(folder)).coded
        return folder

    def lend(self, name: str) -> Iterator[Edge]:
        """Yield an edge; its connection is closed afterwards, before it is idle for too long."""
        edge = self[name]
        yield edge
        edge.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Stop all; whatever was sent, no log holds a traceback in the end."""
        self._stack.close()
        for edge in self._started.values():
            assert "Traceback" not in edge.log.read_text(errors="replace")


@contextmanager
def running(name: str, root: Path, state: Path, log: Path, store: str = "") -> Iterator[Edge]:
    """Run an edge on a root, or on a store, until the block ends; it says its address once it listens."""
    with log.open("wb") as errors:
        secret = identity(log.with_name(f"{log.name}-tls")) if name not in ("asgi", "fastlane") else None
        pair = [str(secret.certificate), str(secret.key)] if secret else []
        command = [sys.executable, "-c", _LAUNCH, name, store, str(root), str(state), *pair]
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

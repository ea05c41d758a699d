"""A small edge in front of a server, that commits one sin: a proxy with a place to put it.

Never caches or changes anything by itself.
"""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_HOP_BY_HOP = ("connection", "content-length", "date", "keep-alive", "server", "transfer-encoding")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it reached the edge; field names are in lower case."""

    method: str
    target: str
    fields: dict[str, str]

    def without(self, *names: str) -> Asked:
        """Leave fields out."""
        return replace(self, fields={name: value for name, value in self.fields.items() if name not in names})


@dataclass(frozen=True, slots=True)
class Got:
    """A response; field names are in lower case."""

    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes

    def value(self, name: str) -> str:
        """Return a field's value, `""` where it is absent."""
        return next((value for key, value in self.fields if key == name), "")

    def without(self, *names: str) -> Got:
        """Leave fields out."""
        return replace(self, fields=tuple(field for field in self.fields if field[0] not in names))

    def having(self, *fields: tuple[str, str]) -> Got:
        """Put fields in the place of those of the same names."""
        others = self.without(*(name for name, _ in fields))
        return replace(others, fields=(*others.fields, *fields))


Forward = Callable[[Asked], Got]
Sin = Callable[[Asked, Forward], Got]


def forward(upstream: tuple[str, int], asked: Asked) -> Got:
    """Ask the server behind the edge."""
    connection = http.client.HTTPConnection(*upstream, timeout=20)
    try:
        connection.putrequest(asked.method, asked.target, skip_host=True, skip_accept_encoding=True)
        for name, value in asked.fields.items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        fields = tuple((name.lower(), value) for name, value in response.getheaders())
        return Got(response.status, fields, response.read())
    finally:
        connection.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, _Server)
        asked = Asked(self.command, self.path, {name.lower(): value for name, value in self.headers.items()})
        self._send(server.sin(asked, partial(forward, server.upstream)))

    def __getattr__(self, name: str) -> object:
        # The base class looks for a method of each name; all are handled alike.
        if name in ("do_HEAD", "do_OPTIONS"):
            return self.do_GET
        raise AttributeError(name)

    def _send(self, got: Got) -> None:
        self.send_response(got.status)
        for name, value in got.fields:
            if name not in _HOP_BY_HOP:
                self.send_header(name, value)
        # What edges do, and may.
        for name, value in (("Age", "3"), ("Via", "1.1 edge"), ("X-Cache", "HIT")):
            self.send_header(name, value)
        has_content = self.command != "HEAD" and got.status not in (204, 304)
        if has_content:
            self.send_header("Content-Length", str(len(got.body)))
        self.end_headers()
        if has_content:
            self.wfile.write(got.body)

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, upstream: tuple[str, int], sin: Sin) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = upstream
        self.sin = sin

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that go away."""


@contextmanager
def edge(
    upstream: tuple[str, int], sin: Sin, wrap: Callable[[socket.socket], socket.socket] = lambda s: s
) -> Iterator[str]:
    """Run an edge until the block ends, and give its authority; `wrap` may put TLS around its listening socket."""
    server = _Server(upstream, sin)
    server.socket = wrap(server.socket)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

"""The health of a running server, asked over HTTP: on a port or a Unix socket, with TLS or without.

Imports nothing that serving takes: images run it every few seconds.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from dataclasses import dataclass
from ipaddress import ip_address

from cdnserve.errors import ConfigurationError, Problem

_LONGEST = 200
# No client connects to the address that means all interfaces.
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 # nothing is bound


@dataclass(frozen=True, slots=True)
class RunningServer:
    """Where a server listens, as it was told: a host and port, or the path of its Unix socket."""

    host: str
    port: int
    secure: bool = False
    socket: str = ""

    @property
    def name(self) -> str:
        """What problems call it: its URL or its socket."""
        if self.socket:
            return self.socket
        host = f"[{self._address}]" if ":" in self._address else self._address
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}"

    def connect(self, seconds: float) -> http.client.HTTPConnection:
        """Return a connection; no step of it may take longer than so many seconds."""
        context = _context(is_ours=bool(self.socket) or _is_loopback(self._address)) if self.secure else None
        if self.socket:
            return _UnixConnection(self.socket, seconds, context)
        if context:
            return http.client.HTTPSConnection(self._address, self.port, timeout=seconds, context=context)
        return http.client.HTTPConnection(self._address, self.port, timeout=seconds)

    @property
    def _address(self) -> str:
        return _LOOPBACK.get(self.host, self.host)


def ask(server: RunningServer, target: str, seconds: float) -> str:
    """Return the answer's text; raise ConfigurationError where it is no 200."""
    connection = server.connect(seconds)
    try:
        connection.request("GET", target, headers={"Connection": "close"})
        response = connection.getresponse()
        text = response.read(_LONGEST).decode("ascii", "replace").strip()
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = str(error) or type(error).__name__
        hint = "see whether it runs there"
        raise ConfigurationError([Problem("server-unreachable", "no answer", server.name, reason, hint)]) from error
    finally:
        connection.close()
    if response.status != http.client.OK:
        value = f"{response.status} {text}"
        raise ConfigurationError([Problem("server-unwell", "the server is not well", server.name + target, value)])
    return text


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, seconds: float, context: ssl.SSLContext | None) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = path
        self._seconds = seconds
        self._context = context

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self._seconds)
        self.sock.connect(self._path)
        if self._context:
            self.sock = self._context.wrap_socket(self.sock)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _context(*, is_ours: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if is_ours:
        # No certificate names this machine's own address; and nobody is between us and it.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context

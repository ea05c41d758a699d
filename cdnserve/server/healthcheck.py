"""The health of a running server, asked over HTTP: on a port or a Unix socket, with TLS or without.

Imports nothing that serving takes: images run it every few seconds.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address

from cdnserve.client import HttpClient, NoAnswerError, OutgoingRequest, Patience, Response
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

    @property
    def url(self) -> str:
        """The URL that is asked, without a path."""
        return f"{'https' if self.secure else 'http'}://localhost" if self.socket else self.name

    def client(self, seconds: float) -> HttpClient:
        """Return a client that takes no longer than so many seconds for an answer."""
        is_ours = bool(self.socket) or _is_loopback(self._address)
        patience = Patience(connect=seconds, silence=seconds, exchange=seconds)
        return HttpClient(patience, lambda: _context(is_ours=is_ours), unix_socket=self.socket)

    @property
    def _address(self) -> str:
        return _LOOPBACK.get(self.host, self.host)


def ask(server: RunningServer, target: str, seconds: float) -> str:
    """Return the answer's text; raise ConfigurationError where it is no 200."""
    client = server.client(seconds)
    request = OutgoingRequest(server.url + target, {"User-Agent": "cdnserve", "Connection": "close"})
    try:
        with client.exchange() as exchange, exchange.ask(request) as response:
            status, text = response.status, _opening(response)
    except NoAnswerError as error:
        hint = "see whether it runs there"
        raise ConfigurationError([Problem("server-unreachable", "no answer", server.name, str(error), hint)]) from None
    finally:
        client.close()
    if status != HTTPStatus.OK:
        value = f"{status} {text}"
        raise ConfigurationError([Problem("server-unwell", "the server is not well", server.name + target, value)])
    return text


def _opening(response: Response) -> str:
    """Return the first octets of the content as text."""
    text = b""
    for piece in response.pieces():
        text += piece
        if len(text) >= _LONGEST:
            break
    return text[:_LONGEST].decode("ascii", "replace").strip()


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

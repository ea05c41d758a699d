"""`cdnserve healthcheck`: whether a running server is well, for images that have no other client.

Never imports what serving takes: it runs every few seconds.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

import click

from cdnserve.cli.command import Command, setting
from cdnserve.errors import ConfigurationError, Problem

_LONGEST = 200
# No client connects to the address that means all interfaces.
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 # nothing is bound


@dataclass(frozen=True, slots=True)
class _Server:
    host: str
    port: int
    secure: bool = False
    socket: str = ""

    @property
    def name(self) -> str:
        if self.socket:
            return self.socket
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}"

    def connect(self, seconds: float) -> http.client.HTTPConnection:
        context = _context(is_ours=bool(self.socket) or _is_loopback(self.host)) if self.secure else None
        if self.socket:
            return _UnixConnection(self.socket, seconds, context)
        if context:
            return http.client.HTTPSConnection(self.host, self.port, timeout=seconds, context=context)
        return http.client.HTTPConnection(self.host, self.port, timeout=seconds)


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


@click.command(cls=Command)
@click.argument("url", default="")
@click.option("--ready", is_flag=True, help="Ask whether it wants requests, not only whether it runs.")
@setting(
    "--host",
    default="127.0.0.1",
    help="The address that it listens on.",
)
@setting(
    "--port",
    default=8000,
    type=click.IntRange(0, 65_535),
    metavar="NUMBER",
    help="Its port.",
)
@setting(
    "--admin-host",
    default="127.0.0.1",
    help="The address of its admin port.",
)
@setting(
    "--admin-port",
    type=click.IntRange(0, 65_535),
    metavar="NUMBER",
    help="Its admin port; where it has one, that is asked.",
)
@setting(
    "--uds",
    "--socket",
    "path",
    default="",
    metavar="PATH",
    help="Ask on a Unix socket.",
)
@setting(
    "--tls-cert",
    default="",
    metavar="FILE",
    help="Its certificate; where it has one, TLS is spoken. On this machine it is not checked.",
)
@click.option(
    "--timeout", default=3.0, type=click.FloatRange(0.1, 600), metavar="SECONDS", show_default=True, help="Patience."
)
def command(
    url: str,
    ready: bool,
    host: str,
    port: int,
    admin_host: str,
    admin_port: int | None,
    path: str,
    tls_cert: str,
    timeout: float,
) -> None:
    """Ask a running server whether it is well; the exit status says it.

    URL is the server's address, as http://127.0.0.1:8000. Without it the server is asked that would run in the same
    environment.
    """
    if url:
        server, target = _named(url)
    elif admin_port is not None and not path:
        server, target = _Server(_LOOPBACK.get(admin_host, admin_host), admin_port), ""
    else:
        server, target = _Server(_LOOPBACK.get(host, host), port, bool(tls_cert), path), ""
    click.echo(_ask(server, target or ("/-/ready" if ready else "/-/health"), timeout))


def _named(url: str) -> tuple[_Server, str]:
    try:
        parts: SplitResult = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise click.BadParameter(f"{url!r} is no URL", param_hint="URL") from error
    secure = parts.scheme == "https"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise click.BadParameter(f"{url!r} is no URL such as http://127.0.0.1:8000", param_hint="URL")
    return _Server(parts.hostname, port or (443 if secure else 80), secure), parts.path.rstrip("/")


def _ask(server: _Server, target: str, seconds: float) -> str:
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

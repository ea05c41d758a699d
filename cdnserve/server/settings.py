"""Settings of a running server: an option, else `CDNSERVE_*` of the environment, else the default.

Never reads `os.environ` itself: the environment is passed in.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import resource
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Protocol

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.release.store import state_folder
from cdnserve.server.access_log import DESCRIPTORS, AccessFormat, event
from cdnserve.server.proxies import Proxies
from cdnserve.server.sockets import Unix
from cdnserve.server.tls import Pair

logger = logging.getLogger("cdnserve")

# More fields than this in a request's head, be they ever so short, are 431 on every edge.
MOST_FIELDS = 100
# How long, and how much, a client may still send to a connection whose last response is on its way.
LINGER_SECONDS = 2
_LINGER_OCTETS = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """Octets, seconds and connections per worker; see `cdnserve serve --help` for what each is for."""

    head: int = 64 * 1024
    head_seconds: int = 10
    idle_seconds: int = 75
    stall_seconds: int = 60
    connections: int = 10_000
    memory: int = 256 * 1024 * 1024


class Expiring(Protocol):
    """A connection that knows when it has been held up for too long."""

    def expire(self, tick: int) -> None:
        """End the connection if it is over a limit; `tick` counts seconds."""


class Connection(Expiring, Protocol):
    """A connection of any kind: one whose keys are not agreed on yet, or a lane's."""

    transport: asyncio.Transport

    @property
    def is_active(self) -> bool:
        """Return whether a request is under way."""


class Shortage:
    """Tells that the process has no descriptor left, once a minute at most."""

    _PAUSE_SECONDS = 60

    def __init__(self) -> None:
        self._told_at = -float(self._PAUSE_SECONDS)

    def look(self) -> None:
        """Look whether there is one left, for nobody hears of a connection that could not be accepted."""
        try:
            os.close(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        except OSError as error:
            if is_out_of_descriptors(error):
                self.tell()

    def tell(self) -> None:
        """Tell it, unless it was told a moment ago."""
        if monotonic() - self._told_at < self._PAUSE_SECONDS:
            return
        self._told_at = monotonic()
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        logger.error(
            "too many open files, the limit is %d: clients get 503 or no answer; raise it (LimitNOFILE=, ulimit -n)",
            limit,
            extra=event(DESCRIPTORS, limit=limit),
        )


def is_out_of_descriptors(error: BaseException | None) -> bool:
    """Return whether an error says that the process, or the system, has no descriptor left."""
    return isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE)


class Linger:
    """A connection whose last response was written: what still comes is read and dropped, within bounds.

    Closing at once, with octets that were not read, could cost the client that response (RFC 9112 §9.6).
    """

    __slots__ = ("_left", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._left = _LINGER_OCTETS
        if transport.can_write_eof():
            transport.write_eof()
        else:
            # TLS ends both ways at once; its own end, too, reads and drops what comes.
            transport.close()

    def drop(self, data: bytes) -> None:
        """Drop what came."""
        self._left -= len(data)
        if self._left < 0:
            self._transport.abort()


def sweep(connections: Iterable[Expiring], tick: int) -> None:
    """Let each connection look at the clock."""
    for connection in tuple(connections):
        connection.expire(tick)


@dataclass(frozen=True, slots=True)
class Notices:
    """Where notices go; without an address, nowhere."""

    address: str = ""
    watched: bool = False

    def ready(self) -> None:
        """Say that connections are taken."""
        self._say("READY=1")

    def stopping(self) -> None:
        """Say that the end has begun."""
        self._say("STOPPING=1")

    @contextmanager
    def reloading(self) -> Iterator[None]:
        """Say that something is read anew, and when that is done."""
        self._say(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            yield
        finally:
            self.ready()

    def alive(self) -> None:
        """Say that the process is not stuck, if somebody watches; once a second is often enough."""
        if self.watched:
            self._say("WATCHDOG=1")

    def _say(self, state: str) -> None:
        if not self.address:
            return
        # A name that begins with @ is one of the abstract namespace.
        place = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto(state.encode("ascii"), place)


def read_notices(environment: Mapping[str, str]) -> Notices:
    """Take what the service manager says of where it listens."""
    return Notices(environment.get("NOTIFY_SOCKET", ""), "WATCHDOG_USEC" in environment)


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where the files and releases lie, and where to listen; port 0 asks the system for a free one.

    A descriptor, else a Unix socket, is listened on instead of host and port. Without an admin port health and metrics
    are answered on the public one. HTTP/2 needs a pair, which is a certificate and its key. The scrubber reads
    `scrub_rate` octets a second at most, with 0 none.
    """

    root: Path
    state: Path
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    fast_lane: bool = True
    drain_seconds: int = 30
    access_log: AccessFormat | None = None
    limits: ServerLimits = field(default_factory=ServerLimits)
    shutdown_delay: int = 0
    admin_host: str = "127.0.0.1"
    admin_port: int | None = None
    unix: Unix | None = None
    descriptor: int | None = None
    pair: Pair | None = None
    http2: bool = False
    proxies: Proxies = field(default_factory=Proxies)
    notices: Notices = field(default_factory=Notices)
    scrub_rate: int = 4 * 1024 * 1024


def read_settings(environment: Mapping[str, str]) -> ServerSettings:
    """Read the settings of `cdnserve.server.asgi:app`, which has no options."""
    root = Path(environment.get("CDNSERVE_ROOT") or "public")
    port = environment.get("CDNSERVE_PORT") or "8000"
    if not (port.isascii() and port.isdigit() and int(port[:6]) <= 65_535):
        hint = "give a whole number from 0 to 65535"
        raise ConfigurationError([Problem("port-invalid", "no port", "CDNSERVE_PORT", port, hint)])
    state = state_folder(root, environment.get("CDNSERVE_STATE"))
    return ServerSettings(root, state, environment.get("CDNSERVE_HOST") or "127.0.0.1", int(port))

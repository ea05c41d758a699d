"""Settings of a running server: an option, else `CDNSERVE_*` of the environment, else the default."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.release.store import state_folder
from cdnserve.server.access_log import AccessFormat
from cdnserve.server.proxies import Proxies
from cdnserve.server.sockets import Unix
from cdnserve.server.tls import Pair

# More fields than this in a request's head, be they ever so short, are 431 on every edge.
MOST_FIELDS = 100


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """Octets, seconds and connections per worker; see `cdnserve serve --help` for what each is for."""

    head: int = 64 * 1024
    head_seconds: int = 10
    idle_seconds: int = 75
    stall_seconds: int = 60
    connections: int = 10_000
    memory: int = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Notices:
    """The service manager (sd_notify(3)): where it is told how the server is; without an address it isn't."""

    address: str = ""
    watched: bool = False

    def ready(self) -> None:
        """Send that connections are taken."""
        self._send("READY=1")

    def stopping(self) -> None:
        """Send that the end has begun."""
        self._send("STOPPING=1")

    @contextmanager
    def reloading(self) -> Iterator[None]:
        """Send that something is read anew, and when that is done."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            yield
        finally:
            self.ready()

    def alive(self) -> None:
        """Send that the process is not stuck, if somebody watches; once a second is often enough."""
        if self.watched:
            self._send("WATCHDOG=1")

    def _send(self, state: str) -> None:
        if not self.address:
            return
        # A name that begins with @ is one of the abstract namespace.
        place = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto(state.encode("ascii"), place)


@dataclass(frozen=True, slots=True)
class ReplicaSettings:
    """The store that a replica's releases come from, and how: it keeps `cache_size` octets of them on disk.

    It looks for another release every `look_seconds`, give or take a fifth; with `prefetch` it has all of it before it
    serves it. Who asks for a file waits `patience` seconds for it at most: CDNs wait for 30.
    """

    store: str
    cache_size: int = 10 * 2**30
    prefetch: bool = False
    look_seconds: float = 5.0
    patience: float = 25.0


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where the files and releases lie, and where to listen; port 0 asks the system for a free one.

    A descriptor, else a Unix socket, is listened on instead of host and port. Without an admin port health and metrics
    are answered on the public one. HTTP/2 needs a pair, which is a certificate and its key. The scrubber reads
    `scrub_rate` octets a second at most, with 0 none. A replica has no root; its state is a cache.
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
    replica: ReplicaSettings | None = None


def replica_folder(store: str, environment: Mapping[str, str]) -> Path:
    """Return where a replica of a store keeps what it fetched, where nobody has said so; one for each store.

    >>> str(replica_folder("s3://releases", {"HOME": "/home/kim"}).parent)
    '/home/kim/.cache/cdnserve-replicas'
    """
    shared = Path(environment.get("XDG_CACHE_HOME", ""))
    # XDG Base Directory Specification: a relative path is invalid and must be ignored.
    folder = shared if shared.is_absolute() else Path(environment.get("HOME") or "/var/tmp", ".cache")  # noqa: S108
    return folder / "cdnserve-replicas" / sha256(store.encode()).hexdigest()[:32]


def speaks_http2(wanted: bool | None) -> bool:
    """Return whether HTTP/2 is spoken over TLS; where nobody has said so, it is if its parser is installed."""
    return find_spec("zttp") is not None if wanted is None else wanted


def read_settings(environment: Mapping[str, str]) -> ServerSettings:
    """Read the settings of `cdnserve.server.asgi:app`, which has no options."""
    root = Path(environment.get("CDNSERVE_ROOT") or "public")
    port = environment.get("CDNSERVE_PORT") or "8000"
    if not (port.isascii() and port.isdigit() and int(port[:6]) <= 65_535):
        hint = "give a whole number from 0 to 65535"
        raise ConfigurationError([Problem("port-invalid", "no port", "CDNSERVE_PORT", port, hint)])
    state = state_folder(root, environment.get("CDNSERVE_STATE"))
    return ServerSettings(root, state, environment.get("CDNSERVE_HOST") or "127.0.0.1", int(port))


def read_notices(environment: Mapping[str, str]) -> Notices:
    """Read where the service manager listens, and whether it watches."""
    return Notices(environment.get("NOTIFY_SOCKET", ""), "WATCHDOG_USEC" in environment)

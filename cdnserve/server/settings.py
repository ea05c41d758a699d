"""Settings of a running server: an option, else `CDNSERVE_*` of the environment, else the default.

Never reads `os.environ` itself: the environment is passed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.server.access_log import AccessFormat
from cdnserve.server.limits import Limits
from cdnserve.server.notices import Notices
from cdnserve.server.pair import Pair
from cdnserve.server.proxies import Proxies
from cdnserve.server.sockets import Unix

_STATE_FOLDER = ".cdnserve"


@dataclass(frozen=True, slots=True)
class Settings:
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
    limits: Limits = field(default_factory=Limits)
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


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings of `cdnserve.server.asgi:app`, which has no options."""
    root = Path(environment.get("CDNSERVE_ROOT") or "public")
    port = environment.get("CDNSERVE_PORT") or "8000"
    if not (port.isascii() and port.isdigit() and int(port[:6]) <= 65_535):
        hint = "give a whole number from 0 to 65535"
        raise ConfigurationError([Problem("port-invalid", "no port", "CDNSERVE_PORT", port, hint)])
    state = state_folder(root, environment.get("CDNSERVE_STATE"))
    return Settings(root, state, environment.get("CDNSERVE_HOST") or "127.0.0.1", int(port))


def state_folder(root: Path, chosen: str | None) -> Path:
    """Give the folder of the releases: the chosen one, else a dot-folder of the root, which is never public."""
    return Path(chosen) if chosen else root / _STATE_FOLDER

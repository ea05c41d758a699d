"""What a command on libraries is given: where it runs, who it speaks for, how far it goes."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class DownloadLimits:
    """How much a registry may send and how long it may take; sizes in octets, times in seconds.

    An `exchange` ends in that time, or brings `rate` octets a second; what failed is tried again until `total`.
    `members` are read of a tarball at most; `kept` are the files that stay, with the folders they lie in.
    """

    metadata: int = 64 * MEBIBYTE
    tarball: int = 256 * MEBIBYTE
    unpacked: int = 1024 * MEBIBYTE
    members: int = 500_000
    kept: int = 50_000
    path: int = 1024
    redirects: int = 5
    attempts: int = 5
    first_pause: float = 0.5
    longest_pause: float = 60.0
    connect: float = 10.0
    silence: float = 30.0
    exchange: float = 60.0
    rate: int = 8192
    total: float = 600.0
    at_once: int = 8


@dataclass(frozen=True, slots=True)
class NpmSettings:
    """Where a command runs; `registry` is what the command line says, `""` when it says nothing.

    `directory` is where npm would look for its project's configuration. Without `caches` no tarball is kept for the
    next command. `clock` only ever measures, `now` gives seconds since 1970. `wait` pauses for so many seconds or until
    the event is set, and tells whether it is; `chance` is between 0 and 1, and spreads the pauses of many clients.
    """

    environment: Mapping[str, str] = field(repr=False)
    home: Path
    directory: Path
    registry: str = ""
    limits: DownloadLimits = DownloadLimits()
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    caches: bool = True
    wait: Callable[[threading.Event, float], bool] = threading.Event.wait
    chance: Callable[[], float] = random.random

"""What a command on libraries is given: where it runs, who it speaks for, how far it goes.

Never reads the environment itself: whoever starts a command passes these values in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a registry may send and how long it may take; sizes in octets, times in seconds."""

    metadata: int = 64 * MEBIBYTE
    tarball: int = 256 * MEBIBYTE
    unpacked: int = 1024 * MEBIBYTE
    members: int = 50_000
    path: int = 1024
    redirects: int = 5
    attempts: int = 5
    first_pause: float = 0.5
    longest_pause: float = 60.0
    connect: float = 10.0
    silence: float = 30.0
    total: float = 600.0
    at_once: int = 8


@dataclass(frozen=True, slots=True)
class Settings:
    """Where a command runs; `registry` is what the command line says, `""` when it says nothing.

    `directory` is where npm would look for its project's configuration. `clock` only ever measures,
    `now` gives seconds since 1970.
    """

    environment: Mapping[str, str] = field(repr=False)
    home: Path
    directory: Path
    registry: str = ""
    limits: Limits = Limits()
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time


class Progress(Protocol):
    """Hears of every download; called from several threads at once."""

    def begin(self, library: str, size: int | None) -> None:
        """Hear that a tarball begins, or begins again after a failure; `size` is `None` when unknown."""

    def advance(self, library: str, octets: int) -> None:
        """Hear that more octets have come."""

    def finish(self, library: str) -> None:
        """Hear that the library is verified and unpacked."""


class Silent:
    """Progress that nobody looks at."""

    def begin(self, library: str, size: int | None) -> None:
        """Say nothing."""

    def advance(self, library: str, octets: int) -> None:
        """Say nothing."""

    def finish(self, library: str) -> None:
        """Say nothing."""

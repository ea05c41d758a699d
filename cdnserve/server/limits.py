"""Limits of a connection: what a client may hold up, and for how long.

Never a timer for each request: one sweep a second looks at all connections.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Limits:
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
        """Tell whether a request is under way."""


def sweep(connections: Iterable[Expiring], tick: int) -> None:
    """Let each connection look at the clock."""
    for connection in tuple(connections):
        connection.expire(tick)

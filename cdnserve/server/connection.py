"""What all connections have in common: deadlines, a lingering close (RFC 9112 §9.6), and descriptors that run out."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import resource
from collections.abc import Iterable
from time import monotonic
from typing import Protocol

from cdnserve.server.access_log import DESCRIPTORS, event

logger = logging.getLogger("cdnserve")

# How long, and how much, a client may still send to a connection whose last response is on its way.
LINGER_SECONDS = 2
_LINGER_OCTETS = 1024 * 1024


class Expiring(Protocol):
    """A connection that knows when it has been held up for too long."""

    def expire(self, tick: int) -> None:
        """End the connection if it is over a limit; `tick` counts seconds."""


class Connection(Expiring, Protocol):
    """A connection of any kind, also one whose keys are not agreed on yet."""

    transport: asyncio.Transport

    @property
    def is_active(self) -> bool:
        """Return whether a request is under way."""


def sweep(connections: Iterable[Expiring], tick: int) -> None:
    """Let each connection look at the clock."""
    for connection in tuple(connections):
        connection.expire(tick)


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


class DescriptorShortage:
    """Logs that the process has no descriptor left, once a minute at most."""

    _PAUSE_SECONDS = 60

    def __init__(self) -> None:
        self._logged_at = -float(self._PAUSE_SECONDS)

    def check(self) -> None:
        """Check that one is left, for nobody hears of a connection that could not be accepted."""
        try:
            os.close(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        except OSError as error:
            if is_out_of_descriptors(error):
                self.log()

    def log(self) -> None:
        """Log the shortage, unless that was done a moment ago."""
        if monotonic() - self._logged_at < self._PAUSE_SECONDS:
            return
        self._logged_at = monotonic()
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        logger.error(
            "too many open files, the limit is %d: clients get 503 or no answer; raise it (LimitNOFILE=, ulimit -n)",
            limit,
            extra=event(DESCRIPTORS, limit=limit),
        )


def is_out_of_descriptors(error: BaseException | None) -> bool:
    """Return whether an error says that the process, or the system, has no descriptor left."""
    return isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE)

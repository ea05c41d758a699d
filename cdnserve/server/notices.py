"""Notices to the service manager (sd_notify): ready, reloading, stopping, alive.

Never waits, and never fails a server that nobody manages.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass


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

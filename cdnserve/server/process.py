"""A serving process: uvicorn's server with our clock, our signals and our way to end.

Never cuts a response before the drain time is over.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from types import FrameType
from typing import cast

import uvicorn

from cdnserve.server.access_log import DRAIN_BEGIN, DRAIN_CUT, DRAIN_END, SHUTDOWN_DELAY, event
from cdnserve.server.admin import Admin
from cdnserve.server.endpoints import Own
from cdnserve.server.settings import Connection, Notices, sweep
from cdnserve.server.worker import Lane

logger = logging.getLogger("cdnserve")

# uvicorn's main loop calls on_tick ten times a second.
_TICKS_A_SECOND = 10
# For what still runs after its connection was cut; then uvicorn cancels it.
_AFTER_CUT_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Ending:
    """How a process ends: `delay` is for how long it serves on after SIGTERM, `tells` whether it says so.

    The notices are the service manager's, who hears nothing of a worker.
    """

    drain_seconds: int
    delay: int
    tells: bool
    notices: Notices = field(default_factory=Notices)


class Server(uvicorn.Server):
    """uvicorn's server; it has an admin port where one is set before it runs."""

    def __init__(
        self, config: uvicorn.Config, lane: Lane, own: Own, ending: Ending, on_started: Callable[[], None]
    ) -> None:
        config.timeout_graceful_shutdown = ending.drain_seconds + _AFTER_CUT_SECONDS
        super().__init__(config)
        self.admin: Admin | None = None
        self._lane = lane
        self._own = own
        self._ending = ending
        self._on_started = on_started
        self._leaves_at: float | None = None
        self._leaving_is_told = False
        own.meter.connections = lambda: [connection.is_active for connection in self._connections()]

    def _connections(self) -> Iterable[Connection]:
        # Every one is of a class of ours.
        return cast(Iterable[Connection], self.server_state.connections)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        if self.started:
            if self.admin:
                await self.admin.start()
            self._on_started()

    async def on_tick(self, counter: int) -> bool:
        """Look at the clock; tell whether to end."""
        self._wait_to_leave()
        if self._own.draining or self._own.house.draining:
            self._lane.close()
        ends = await super().on_tick(counter)
        if counter % _TICKS_A_SECOND == 0:
            self._beat()
        return ends

    def _beat(self) -> None:
        self._lane.beat()
        sweep(self._connections(), self._lane.tick)
        self._lane.live.shortage.look()
        self._ending.notices.alive()
        if self.admin:
            self.admin.beat(self.server_state.default_headers)

    async def _keep_time(self) -> None:
        """Let the clock go on, which uvicorn stops for the drain."""
        while True:
            await asyncio.sleep(1)
            await super().on_tick(0)
            self._beat()

    def _wait_to_leave(self) -> None:
        if self._leaves_at is None:
            return
        if not self._leaving_is_told:
            self._leaving_is_told = True
            tell_delay(self._ending.delay)
        if monotonic() >= self._leaves_at:
            self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal: SIGTERM for the first time may leave time for others to see that we end."""
        self._own.draining = True
        if self._ending.delay and sig == signal.SIGTERM and self._leaves_at is None:
            self._own.house.draining = True
            self._leaves_at = monotonic() + self._ending.delay
        else:
            super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain: nobody new, and those under way to their end, while there is time."""
        began, self._own.draining = monotonic(), True
        if self._ending.tells:
            self._own.house.draining = True
            self._ending.notices.stopping()
            tell_drain(self._ending.drain_seconds)
        self._lane.close()
        cut = asyncio.get_running_loop().call_later(self._ending.drain_seconds, self._cut)
        clock = asyncio.create_task(self._keep_time())
        await super().shutdown(sockets)
        clock.cancel()
        cut.cancel()
        self._own.meter.settle()
        if self.admin:
            self.admin.end()
        if self._ending.tells:
            tell_drained(monotonic() - began)

    def _cut(self) -> None:
        left = tuple(self._connections())
        if left:
            facts = event(DRAIN_CUT, connections=len(left))
            logger.warning("the drain time is over: connections that are cut: %d", len(left), extra=facts)
        for connection in left:
            connection.transport.abort()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Listen to signals; uvicorn's own raises them again after the drain, but a drained server has ended well."""
        signals = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) is not signal.SIG_IGN]
        before = {number: signal.signal(number, self.handle_exit) for number in signals}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def tell_delay(seconds: int) -> None:
    """Tell that the server is not ready any more, and serves on."""
    logger.info(
        "not ready any more: the drain begins in %d seconds", seconds, extra=event(SHUTDOWN_DELAY, seconds=seconds)
    )


def tell_drain(seconds: int) -> None:
    """Tell that nobody new is served, and for how long the others may be."""
    logger.info("draining, for %d seconds at most", seconds, extra=event(DRAIN_BEGIN, seconds=seconds))


def tell_drained(seconds: float) -> None:
    """Tell that the drain has ended."""
    logger.info("drained in %.1f seconds", seconds, extra=event(DRAIN_END, seconds=round(seconds, 3)))

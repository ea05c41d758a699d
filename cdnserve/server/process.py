"""A serving process: uvicorn's server with our clock, our signals, and a drain at the end."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from types import FrameType
from typing import cast

import uvicorn

from cdnserve.server.accept import Acceptor, defers
from cdnserve.server.access_log import DRAIN_BEGIN, DRAIN_CUT, DRAIN_END, SHUTDOWN_DELAY, event
from cdnserve.server.admin import Admin
from cdnserve.server.connection import Connection, sweep
from cdnserve.server.endpoints import Endpoints
from cdnserve.server.http_fast import FastConnection
from cdnserve.server.settings import Notices
from cdnserve.server.worker import Worker

logger = logging.getLogger("cdnserve")

# uvicorn's main loop calls on_tick ten times a second.
_TICKS_A_SECOND = 10
# For what still runs after its connection was cut; then uvicorn cancels it.
_AFTER_CUT_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Shutdown:
    """How a process ends: `delay` is for how long it serves on after SIGTERM, `logs` whether it logs that.

    A worker has no notices: the service manager hears of the supervisor alone.
    """

    drain_seconds: int
    delay: int
    logs: bool
    notices: Notices = field(default_factory=Notices)


class Server(uvicorn.Server):
    """uvicorn's server; what is set before it runs: its admin port, and whether it may answer as it accepts.

    It may where connections are `FastConnection`s from their first octet.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        worker: Worker,
        endpoints: Endpoints,
        shutdown: Shutdown,
        on_started: Callable[[], None],
    ) -> None:
        config.timeout_graceful_shutdown = shutdown.drain_seconds + _AFTER_CUT_SECONDS
        super().__init__(config)
        self.admin: Admin | None = None
        self.answers_on_accept = False
        self._acceptors: list[Acceptor] = []
        self._worker = worker
        self._endpoints = endpoints
        self._shutdown = shutdown
        self._on_started = on_started
        self._ends_at: float | None = None
        self._delay_is_logged = False
        endpoints.meter.connections = lambda: [connection.is_active for connection in self._connections()]

    def _connections(self) -> Iterable[Connection]:
        # Every one is of a class of ours.
        return cast(Iterable[Connection], self.server_state.connections)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and call `on_started`."""
        ours = [listener for listener in sockets or [] if self.answers_on_accept and defers(listener)]
        await super().startup([listener for listener in sockets or [] if listener not in ours])
        if self.started:
            for listener in ours:
                self._begin_accepting(listener)
            if self.admin:
                await self.admin.start()
            self._on_started()

    def _begin_accepting(self, listener: socket.socket) -> None:
        state, most = self.server_state, self._worker.limits.connections
        protocol = cast(Callable[..., FastConnection], self.config.http_protocol_class)
        make = partial(protocol, config=self.config, server_state=state, app_state=self.lifespan.state)
        acceptor = Acceptor(listener, self._worker, lambda: len(state.connections) >= most, make)
        acceptor.begin()
        self._acceptors.append(acceptor)

    async def on_tick(self, counter: int) -> bool:
        """Look at the clock; return whether to end."""
        self._wait_to_end()
        if self._endpoints.draining or self._endpoints.supervisor.draining:
            self._worker.close()
        ends = await super().on_tick(counter)
        if counter % _TICKS_A_SECOND == 0:
            self._beat()
        return ends

    def _beat(self) -> None:
        self._worker.beat()
        sweep(self._connections(), self._worker.tick)
        self._worker.live.shortage.check()
        self._shutdown.notices.alive()
        if self.admin:
            self.admin.beat(self.server_state.default_headers)

    async def _keep_time(self) -> None:
        """Keep the clock going, which uvicorn stops for the drain."""
        while True:
            await asyncio.sleep(1)
            await super().on_tick(0)
            self._beat()

    def _wait_to_end(self) -> None:
        if self._ends_at is None:
            return
        if not self._delay_is_logged:
            self._delay_is_logged = True
            log_delay(self._shutdown.delay)
        if monotonic() >= self._ends_at:
            self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal: SIGTERM for the first time may leave time for others to see that we end."""
        self._endpoints.draining = True
        if self._shutdown.delay and sig == signal.SIGTERM and self._ends_at is None:
            self._endpoints.supervisor.draining = True
            self._ends_at = monotonic() + self._shutdown.delay
        else:
            super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain: nobody new, and those under way to their end, while there is time."""
        began, self._endpoints.draining = monotonic(), True
        if self._shutdown.logs:
            self._endpoints.supervisor.draining = True
            self._shutdown.notices.stopping()
            log_drain(self._shutdown.drain_seconds)
        self._worker.close()
        cut = asyncio.get_running_loop().call_later(self._shutdown.drain_seconds, self._cut)
        clock = asyncio.create_task(self._keep_time())
        for acceptor in self._acceptors:
            acceptor.end()
        await super().shutdown(sockets)
        clock.cancel()
        cut.cancel()
        self._endpoints.meter.settle()
        if self.admin:
            self.admin.end()
        if self._shutdown.logs:
            log_drained(monotonic() - began)

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


def log_delay(seconds: int) -> None:
    """Log that the server is not ready any more, and serves on."""
    logger.info(
        "not ready any more: the drain begins in %d seconds", seconds, extra=event(SHUTDOWN_DELAY, seconds=seconds)
    )


def log_drain(seconds: int) -> None:
    """Log that nobody new is served, and for how long the others may be."""
    logger.info("draining, for %d seconds at most", seconds, extra=event(DRAIN_BEGIN, seconds=seconds))


def log_drained(seconds: float) -> None:
    """Log that the drain has ended."""
    logger.info("drained in %.1f seconds", seconds, extra=event(DRAIN_END, seconds=round(seconds, 3)))

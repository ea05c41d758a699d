"""A server process under uvicorn: sockets, signals, draining.

Never prints: what happens is told to the logger and to `on_listening`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import cast

import uvicorn

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.release.store import Store
from cdnserve.server.access_log import AccessLog
from cdnserve.server.asgi import create_app
from cdnserve.server.asgilane import AsgiLane
from cdnserve.server.fastlane import FastLane
from cdnserve.server.lane import Lane
from cdnserve.server.limits import Expiring, sweep
from cdnserve.server.live import Live
from cdnserve.server.settings import Settings
from cdnserve.server.watch import Watcher, rebuild
from cdnserve.server.workers import Workers

# uvicorn's main loop calls on_tick ten times a second.
_TICKS_A_SECOND = 10
_BACKLOG = 2048
_STANDARD_OUTPUT = 1


Telling = Callable[[], AbstractContextManager[None]]


def run(settings: Settings, on_listening: Callable[[str], None], telling: Telling = nullcontext) -> bool:
    """Serve the current release until SIGTERM or SIGINT, then drain; tell whether it started.

    `on_listening` gets the base URL as soon as connections are taken. While `telling` is entered, which it is in every
    process, what the logger "cdnserve" is told reaches people.
    """
    with telling(), _listen(settings) as listener:

        def on_started() -> None:
            on_listening(_url(settings.host, listener))

        if settings.workers > 1:
            return Workers(partial(work, telling), settings, listener).run(on_started)
        return _serve(settings, listener, on_started, rebuild)


def work(telling: Telling, settings: Settings, listener: socket.socket, on_started: Callable[[], None]) -> None:
    """Be one of several workers: serve and take up new releases, which the parent builds."""
    # Ctrl-C reaches every process of the terminal, but the parent alone decides when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with telling():
        # Of new releases the parent tells, once for all.
        logging.getLogger("cdnserve").setLevel(logging.WARNING)
        _serve(settings, listener, on_started)


def _serve(settings: Settings, listener: socket.socket, on_started: Callable[[], None], *also: Watcher) -> bool:
    log = AccessLog(settings.access_log, partial(os.write, _STANDARD_OUTPUT)) if settings.access_log else None
    lane = Lane(Live(Store(settings.state)), settings.limits, log)
    config = uvicorn.Config(
        create_app(lambda: settings, lambda _: lane.live, *also, log=log),
        http=cast(type[asyncio.Protocol], partial(FastLane if settings.fast_lane else AsgiLane, lane)),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=settings.limits.idle_seconds,
        timeout_graceful_shutdown=settings.drain_seconds,
    )
    server = _Server(config, lane, on_started)
    server.run(sockets=[listener])
    if log:
        log.flush()
    return server.started


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, lane: Lane, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._lane = lane
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_started()

    async def on_tick(self, counter: int) -> bool:
        ends = await super().on_tick(counter)
        if counter % _TICKS_A_SECOND == 0:
            self._lane.beat()
            # Every connection of ours is one of the two lanes.
            sweep(cast(Iterable[Expiring], self.server_state.connections), self._lane.tick)
        return ends

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn's own raises the signal again after the drain; a drained server has ended well.
        signals = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) is not signal.SIG_IGN]
        before = {number: signal.signal(number, self.handle_exit) for number in signals}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        where, hint = f"{settings.host}:{settings.port}", "choose another with --host and --port"
        raise ConfigurationError([Problem("address-unusable", str(error.strerror), where, hint=hint)]) from error
    return listener


def _url(host: str, listener: socket.socket) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"

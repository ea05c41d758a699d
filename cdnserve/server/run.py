"""Running: sockets, and one process or several that serve on them.

Never prints: what happens is told to the logger and to `on_listening`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from importlib.util import find_spec
from typing import cast

import uvicorn

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.release.store import Store
from cdnserve.server.access_log import ADMIN, START, AccessLog, event
from cdnserve.server.admin import Admin
from cdnserve.server.asgi import create_app
from cdnserve.server.contents import scrub
from cdnserve.server.endpoints import Own
from cdnserve.server.handshake import Handshake, TlsContext
from cdnserve.server.http_asgi import AsgiLane
from cdnserve.server.http_fast import FastLane
from cdnserve.server.live import Live
from cdnserve.server.metrics_shared import SharedMetrics, SupervisorMetrics
from cdnserve.server.process import Ending, Server
from cdnserve.server.settings import ServerSettings
from cdnserve.server.sockets import address_of, on_descriptor, on_path, on_port
from cdnserve.server.supervisor import WorkerContext, Workers
from cdnserve.server.tls import CertificateFiles, keep_renewing, tell_warnings
from cdnserve.server.watch import OnBuild, Watcher, obey_hangups, rebuild
from cdnserve.server.worker import Lane
from cdnserve.version import running_version

# The names of RFC 7301's registry, the best first.
_H1, _H2 = "http/1.1", "h2"

# What uvicorn makes of a class: it is called with its configuration, state and loop.
Entrance = type[asyncio.Protocol]


def open_certificate(settings: ServerSettings) -> CertificateFiles | None:
    """Load the certificate that the settings name; raises ConfigurationError where it or HTTP/2 can't be had."""
    if settings.http2 and find_spec("zttp") is None:
        hint = "install it: python -m pip install 'cdnserve[http2]'"
        raise ConfigurationError([Problem("http2-not-installed", "HTTP/2 is not installed", "--http2", hint=hint)])
    if settings.pair is None:
        return None
    return CertificateFiles(settings.pair, [_H2, _H1] if settings.http2 else [_H1])


def entrance(settings: ServerSettings, lane: Lane, *, tells: bool) -> tuple[Entrance, list[Watcher]]:
    """Return what makes a protocol for each connection, and what must run beside it; `tells` who speaks for all."""
    plain = partial(FastLane if settings.fast_lane else AsgiLane, lane)
    certificate = open_certificate(settings)
    if certificate is None:
        return cast(Entrance, plain), []

    async def renew(_: ServerSettings, stop: asyncio.Event, __: OnBuild) -> None:
        await keep_renewing(certificate, stop, tells=tells)

    protocols: dict[str, Callable[..., asyncio.Protocol]] = {_H1: plain}
    if settings.http2:
        from cdnserve.server.http2 import H2Lane  # noqa: PLC0415 - its parser may not be installed

        protocols[_H2] = partial(H2Lane, lane)
    return cast(Entrance, partial(Handshake, TlsContext(lane, certificate, protocols))), [renew]


logger = logging.getLogger("cdnserve")

_STANDARD_OUTPUT = 1


Telling = Callable[[], AbstractContextManager[None]]


def run(settings: ServerSettings, on_listening: Callable[[str], None], telling: Telling = nullcontext) -> bool:
    """Serve the current release until SIGTERM or SIGINT, then drain; tell whether it started.

    `on_listening` gets the base URL as soon as connections are taken, or `unix:` and the path of the socket. While
    `telling` is entered, which it is in every process, what the logger "cdnserve" is told reaches people.
    """
    with telling(), ExitStack() as stack:
        if certificate := open_certificate(settings):
            tell_warnings(certificate)
        listener = _listen(settings, stack)
        admin = None
        if settings.admin_port is not None:
            admin = on_port(settings.admin_host, settings.admin_port, "--admin-host and --admin-port")
            stack.enter_context(admin)
        board = SharedMetrics.shared(settings.workers) if settings.workers > 1 else SharedMetrics()
        SupervisorMetrics(board).move_in()
        post = WorkerContext(listener, admin, board)
        address = _address(settings, listener)

        def on_started() -> None:
            # First, so that also who reads stdout and the log as one begins with it.
            on_listening(address)
            _tell_start(settings, post, address)
            settings.notices.ready()

        if settings.workers > 1:
            return Workers(partial(work, telling), settings, post).run(on_started)
        ending = Ending(settings.drain_seconds, settings.shutdown_delay, True, settings.notices)
        return _serve(settings, post, ending, on_started, rebuild, scrub)


def work(telling: Telling, settings: ServerSettings, post: WorkerContext, on_started: Callable[[], None]) -> None:
    """Be one of several workers: serve and take up new releases, which the parent builds."""
    # Ctrl-C reaches every process of the terminal, but the parent alone decides when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Nor is it a worker that builds; what is built it takes up by itself.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with telling():
        # Of a new release one tells, for all.
        logging.getLogger("cdnserve").setLevel(logging.INFO if post.worker == 1 else logging.WARNING)
        _serve(settings, post, Ending(settings.drain_seconds, 0, False), on_started)


def _serve(
    settings: ServerSettings, post: WorkerContext, ending: Ending, on_started: Callable[[], None], *also: Watcher
) -> bool:
    log = AccessLog(settings.access_log, partial(os.write, _STANDARD_OUTPUT)) if settings.access_log else None
    own = Own(post.board, post.worker, metrics_are_public=post.admin is None)
    lane = Lane(Live(Store(settings.state)), settings.limits, log, own.meter, settings.proxies)
    if also:
        also += (partial(obey_hangups, lane.live),)
    protocol, renewal = entrance(settings, lane, tells=post.worker == 1)
    config = uvicorn.Config(
        create_app(lambda: settings, lambda _: lane.live, *also, *renewal, log=log, own=own),
        http=protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        # Its own would believe whoever is on this machine; ours is asked in the lanes.
        proxy_headers=False,
        timeout_keep_alive=settings.limits.idle_seconds,
    )
    server = Server(config, lane, own, ending, on_started)
    if post.admin:
        server.admin = Admin(own, lane.live, post.admin)
    server.run(sockets=[post.listener])
    if log:
        log.flush()
    return server.started


def _listen(settings: ServerSettings, stack: ExitStack) -> socket.socket:
    if settings.descriptor is not None:
        return stack.enter_context(on_descriptor(settings.descriptor))
    if settings.unix is not None:
        return stack.enter_context(on_path(settings.unix))
    return stack.enter_context(on_port(settings.host, settings.port, "--host and --port"))


def _address(settings: ServerSettings, listener: socket.socket) -> str:
    host = settings.host if settings.descriptor is None else ""
    return address_of(listener, secure=settings.pair is not None, host=host)


def _tell_start(settings: ServerSettings, post: WorkerContext, address: str) -> None:
    release, program = Store(settings.state).current(), running_version()
    facts = event(START, version=program, release=release, workers=settings.workers, address=address)
    logger.info("serving release %s on %s", release, address, extra=facts)
    if post.admin:
        address = address_of(post.admin, secure=False, host=settings.admin_host)
        logger.info("health and metrics are on %s", address, extra=event(ADMIN, address=address))

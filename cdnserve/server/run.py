"""Running a server: its sockets, and one process or several that serve on them."""

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
from cdnserve.server.endpoints import Endpoints
from cdnserve.server.handshake import Handshake, TlsContext
from cdnserve.server.http_asgi import AsgiConnection
from cdnserve.server.http_fast import FastConnection
from cdnserve.server.metrics_shared import SharedMetrics, SupervisorMetrics
from cdnserve.server.process import Server, Shutdown
from cdnserve.server.replica import Source, open_live, source_of
from cdnserve.server.settings import ServerSettings
from cdnserve.server.sockets import address_of, on_descriptor, on_path, on_port
from cdnserve.server.supervisor import Supervisor, WorkerContext
from cdnserve.server.tls import CertificateFiles, keep_renewing, log_warnings
from cdnserve.server.watch import OnBuild, Watcher, obey_hangups
from cdnserve.server.worker import Worker
from cdnserve.version import running_version

logger = logging.getLogger("cdnserve")

# The names of RFC 7301's registry, the best first.
_H1, _H2 = "http/1.1", "h2"
_STANDARD_OUTPUT = 1

LogContext = Callable[[], AbstractContextManager[None]]
# What uvicorn makes of a class: it is called with its configuration, state and loop.
ProtocolFactory = type[asyncio.Protocol]


def run(settings: ServerSettings, on_listening: Callable[[str], None], log_context: LogContext = nullcontext) -> bool:
    """Serve the current release until SIGTERM or SIGINT, then drain; return whether it started.

    `on_listening` gets the base URL as soon as connections are taken, or `unix:` and the path of the socket. Every
    process enters `log_context`, which brings what the logger "cdnserve" records to people.
    """
    with log_context(), ExitStack() as stack:
        if certificate := open_certificate(settings):
            log_warnings(certificate)
        listener = _listen(settings, stack)
        admin = None
        if settings.admin_port is not None:
            admin = on_port(settings.admin_host, settings.admin_port, "--admin-host and --admin-port")
            stack.enter_context(admin)
        shared = SharedMetrics.shared(settings.workers) if settings.workers > 1 else SharedMetrics()
        metrics = SupervisorMetrics(shared)
        metrics.register()
        context = WorkerContext(listener, admin, shared)
        address = _address(settings, listener)

        def on_started() -> None:
            # First, so that also who reads stdout and the log as one begins with it.
            on_listening(address)
            _log_start(settings, context, address)
            settings.notices.ready()

        if settings.workers > 1:
            return Supervisor(partial(work, log_context), settings, context).run(on_started)
        shutdown = Shutdown(settings.drain_seconds, settings.shutdown_delay, True, settings.notices)
        return _serve(settings, context, shutdown, on_started, source_of(settings, metrics))


def work(
    log_context: LogContext, settings: ServerSettings, context: WorkerContext, on_started: Callable[[], None]
) -> None:
    """Be one of several workers: serve and take up new releases, which the supervisor builds."""
    # Ctrl-C reaches every process of the terminal, but the supervisor alone decides when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Nor does a worker build; what is built it takes up by itself.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with log_context():
        # One logs a new release, for all.
        logging.getLogger("cdnserve").setLevel(logging.INFO if context.number == 1 else logging.WARNING)
        _serve(settings, context, Shutdown(settings.drain_seconds, 0, False), on_started)


def open_certificate(settings: ServerSettings) -> CertificateFiles | None:
    """Load the certificate that the settings name; raise ConfigurationError where it or HTTP/2 can't be had."""
    if settings.http2 and find_spec("zttp") is None:
        hint = "install it: python -m pip install 'cdnserve[http2]'"
        raise ConfigurationError([Problem("http2-not-installed", "HTTP/2 is not installed", "--http2", hint=hint)])
    if settings.pair is None:
        return None
    return CertificateFiles(settings.pair, [_H2, _H1] if settings.http2 else [_H1])


def _listen(settings: ServerSettings, stack: ExitStack) -> socket.socket:
    if settings.descriptor is not None:
        return stack.enter_context(on_descriptor(settings.descriptor))
    if settings.unix is not None:
        return stack.enter_context(on_path(settings.unix))
    return stack.enter_context(on_port(settings.host, settings.port, "--host and --port"))


def _address(settings: ServerSettings, listener: socket.socket) -> str:
    host = settings.host if settings.descriptor is None else ""
    return address_of(listener, secure=settings.pair is not None, host=host)


def _log_start(settings: ServerSettings, context: WorkerContext, address: str) -> None:
    release, program = Store(settings.state).current(), running_version()
    facts = event(START, version=program, release=release, workers=settings.workers, address=address)
    logger.info("serving release %s on %s", release, address, extra=facts)
    if context.admin:
        address = address_of(context.admin, secure=False, host=settings.admin_host)
        logger.info("health and metrics are on %s", address, extra=event(ADMIN, address=address))


def _serve(
    settings: ServerSettings,
    context: WorkerContext,
    shutdown: Shutdown,
    on_started: Callable[[], None],
    source: Source | None = None,
) -> bool:
    log = AccessLog(settings.access_log, partial(os.write, _STANDARD_OUTPUT)) if settings.access_log else None
    endpoints = Endpoints(context.shared, context.number, metrics_are_public=context.admin is None)
    worker = Worker(open_live(settings), settings.limits, log, endpoints.meter, settings.proxies)
    watchers = (source.follow, partial(obey_hangups, worker.live, source.look)) if source else ()
    protocol, renewal = _protocol(settings, worker, logs=context.number == 1)
    config = uvicorn.Config(
        create_app(
            lambda: settings,
            lambda _: worker.live,
            *watchers,
            *renewal,
            log=log,
            endpoints=endpoints,
            scrubs=source is not None,
        ),
        http=protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        # uvicorn's own would believe whoever is on this machine; `Worker.client` asks `proxies`.
        proxy_headers=False,
        timeout_keep_alive=settings.limits.idle_seconds,
    )
    server = Server(config, worker, endpoints, shutdown, on_started)
    server.answers_on_accept = settings.fast_lane and settings.pair is None
    if context.admin:
        server.admin = Admin(endpoints, worker.live, context.admin)
    server.run(sockets=[context.listener])
    if log:
        log.flush()
    return server.started


def _protocol(settings: ServerSettings, worker: Worker, *, logs: bool) -> tuple[ProtocolFactory, list[Watcher]]:
    """Return what makes a protocol for each connection, and what must run beside it; one worker `logs` for all."""
    plain = partial(FastConnection if settings.fast_lane else AsgiConnection, worker)
    certificate = open_certificate(settings)
    if certificate is None:
        return cast(ProtocolFactory, plain), []

    async def renew(_: ServerSettings, stop: asyncio.Event, __: OnBuild) -> None:
        await keep_renewing(certificate, stop, logs=logs)

    protocols: dict[str, Callable[..., asyncio.Protocol]] = {_H1: plain}
    if settings.http2:
        # Its parser may not be installed.
        from cdnserve.server.http2 import Http2Connection  # noqa: PLC0415
        from cdnserve.server.http2_fast import FastHttp2Connection  # noqa: PLC0415

        protocols[_H2] = partial(FastHttp2Connection if settings.fast_lane else Http2Connection, worker)
    return cast(ProtocolFactory, partial(Handshake, TlsContext(worker, certificate, protocols))), [renew]

"""The ASGI edge: carries what `origin.respond` decides over ASGI 3, under any ASGI server."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from urllib.parse import quote

from aiofiles.threadpool import wrap
from aiofiles.threadpool.binary import AsyncBufferedReader
from starlette.applications import Starlette
from starlette.types import Message, Receive, Scope, Send

from cdnserve.origin.lookup import Origin
from cdnserve.origin.message import Reply, Request, Stored
from cdnserve.release.build import build
from cdnserve.release.store import Store
from cdnserve.server.access_log import AccessLog, LoggedExchange
from cdnserve.server.contents import Contents, mend_damage, scrub
from cdnserve.server.endpoints import Endpoints, is_for_web
from cdnserve.server.live import Live
from cdnserve.server.metrics_count import Meter, outcome
from cdnserve.server.settings import ServerSettings, read_settings
from cdnserve.server.watch import OnBuild, Watcher, follow, rebuild

logger = logging.getLogger("cdnserve")

_CHUNK = 256 * 1024
# A connection of HTTP/2 may wait with many responses at once.
_SMALL_CHUNK = 32 * 1024


def create_app(
    settings: Callable[[], ServerSettings],
    open_live: Callable[[ServerSettings], Live],
    *watchers: Watcher,
    log: AccessLog | None = None,
    endpoints: Endpoints | None = None,
    scrubs: bool = False,
) -> Starlette:
    """Make the application: as it starts it asks for its settings and its release, then it serves.

    While it does, it follows the store's current release, runs the other watchers, and `scrubs` if nobody else does.
    `endpoints` answer below `/-/`.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        chosen = settings()
        app.state.live = live = await asyncio.to_thread(open_live, chosen)
        app.state.endpoints = ours = endpoints or _alone()
        ours.take_up(live)
        builds = ours.supervisor.count_build
        mender = partial(mend_damage, live.contents, chosen)
        scrubber = (partial(scrub, ours.supervisor.count_damage, chosen),) if scrubs else ()
        watching = (partial(_watch, watcher, chosen, builds) for watcher in watchers)
        async with _running(partial(follow, live), mender, *scrubber, *watching):
            yield
        live.contents.close()

    app = Starlette(lifespan=lifespan)
    app.state.log = log
    app.router.default = serve
    return app


def _alone() -> Endpoints:
    endpoints = Endpoints()
    endpoints.supervisor.register()
    return endpoints


async def _watch(watcher: Watcher, settings: ServerSettings, on_build: OnBuild, stop: asyncio.Event) -> None:
    await watcher(settings, stop, on_build)


@asynccontextmanager
async def _running(*watchers: Callable[[asyncio.Event], Coroutine[None, None, None]]) -> AsyncIterator[None]:
    stop = asyncio.Event()
    tasks = [asyncio.create_task(watcher(stop)) for watcher in watchers]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)


async def serve(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request from the release that is current as it arrives."""
    began, endpoints = perf_counter(), scope["app"].state.endpoints
    request = read_request(scope)
    with suppress(ClientDisconnected):
        if reply := await endpoints.public(request):
            await send_reply(send, reply)
        else:
            await _serve_public(scope, send, request)
            endpoints.meter.asgi.add(perf_counter() - began)


async def _serve_public(scope: Scope, send: Send, request: Request) -> None:
    live: Live = scope["app"].state.live
    origin = live.origin
    reply, source = await _decide(live, origin, request, scope["query_string"]), None
    if isinstance(stored := reply.body, Stored):
        try:
            await live.contents.provide(stored)
            source = await _open(live.contents, stored, _SMALL_CHUNK if request.http_version == "2" else _CHUNK)
        except OSError as error:
            reply = live.lost(request, origin, stored, error)
    _count(scope, request, reply, origin)
    sending = _Sending(send)
    try:
        if source and isinstance(reply.body, Stored):
            await _stream(sending.hand_over, reply, reply.body, source)
        else:
            await send_reply(sending.hand_over, reply)
    finally:
        _log(scope, request, reply, sending)  # before anything is awaited: the client's next request may be here
        if source:
            await source.file.close()


async def _decide(live: Live, origin: Origin, request: Request, query: bytes) -> Reply:
    """Decide the reply: pages and API do, for whatever they have."""
    if is_for_web(request.raw_path, query, origin):
        web = live.web
        if web is None:
            web = await asyncio.to_thread(live.open_web)
        if reply := await web.answer(request, query, origin):
            return reply
    return live.reply(request, origin)


@dataclass(frozen=True, slots=True)
class _Source:
    """Stored content on its way: how much of it is read at a time, and whether it was found damaged meanwhile."""

    file: AsyncBufferedReader
    chunk: int
    is_damaged: Callable[[], bool]

    async def read(self, left: int) -> bytes:
        content = await self.file.read(min(left, self.chunk))
        return b"" if self.is_damaged() else content


async def _open(contents: Contents, stored: Stored, chunk: int) -> _Source:
    file, is_damaged = await asyncio.to_thread(contents.open, stored)
    return _Source(wrap(file), chunk, is_damaged)


def read_request(scope: Scope) -> Request:
    """Take the facts of a request from its scope."""
    # raw_path is optional in ASGI; where it is absent, the decoded path is all that there is.
    raw_path: bytes = scope.get("raw_path") or quote(scope["path"]).encode("ascii")
    return Request(scope["method"], raw_path, tuple(scope["headers"]), scope["http_version"])


class ClientDisconnected(ConnectionError):
    """What a connection raises to the application when the client has left.

    `unsent` counts the octets of content that were handed over and that the client had not taken by then.
    """

    def __init__(self, unsent: int) -> None:
        super().__init__("the client has left")
        self.unsent = unsent


@dataclass(slots=True)
class _Sending:
    """How much of a response was sent."""

    send: Send
    octets: int = 0
    whole: bool = False

    async def hand_over(self, message: Message) -> None:
        """Send a message, and count its content."""
        octets = len(message.get("body", b""))
        try:
            await self.send(message)
        except ClientDisconnected as gone:
            self.octets = max(0, self.octets + octets - gone.unsent)
            raise
        self.octets += octets
        self.whole = message["type"] == "http.response.body" and not message["more_body"]


def _count(scope: Scope, request: Request, reply: Reply, origin: Origin) -> None:
    octets = reply.body.length if isinstance(reply.body, Stored) else len(reply.body)
    meter: Meter = scope["app"].state.endpoints.meter
    meter.add(meter.tally("asgi", outcome(request, reply, origin), octets))


def _log(scope: Scope, request: Request, reply: Reply, sending: _Sending) -> None:
    log: AccessLog | None = scope["app"].state.log
    if log:
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        target = (request.raw_path + query).decode("latin-1")
        voice = (request.value(b"referer") or "", request.value(b"user-agent") or "")
        client = scope["client"][0] if scope["client"] else ""
        line = f"{request.method} {target} HTTP/{request.http_version}"
        log.record(LoggedExchange(client, line, reply.status, sending.octets, *voice, cut=not sending.whole))


async def send_reply(send: Send, reply: Reply) -> None:
    """Send a reply whose content is at hand."""
    with suppress(ClientDisconnected):
        await send({"type": "http.response.start", "status": reply.status, "headers": list(reply.headers)})
        await send({"type": "http.response.body", "body": reply.body, "more_body": False})


async def _stream(send: Send, reply: Reply, stored: Stored, source: _Source) -> None:
    left, is_more = stored.length, True
    await source.file.seek(stored.start)
    await send({"type": "http.response.start", "status": reply.status, "headers": list(reply.headers)})
    # Nothing is awaited behind the last octet: who has it may ask on, and the log is in the order of the answers.
    while is_more and (content := await source.read(left)):
        left -= len(content)
        is_more = left > 0
        await send({"type": "http.response.body", "body": content, "more_body": is_more})
    # A blob that is cut, or found damaged, while it is sent leaves the response short of its Content-Length: the
    # server cuts the connection.
    if is_more:
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _environment_settings() -> ServerSettings:
    return read_settings(os.environ)


def _build_and_open(settings: ServerSettings) -> Live:
    built = build(settings.root, settings.state, quick=True)
    for warning in built.told:
        logger.warning("%s", warning)
    return Live(Store(settings.state))


app = create_app(_environment_settings, _build_and_open, rebuild, scrubs=True)

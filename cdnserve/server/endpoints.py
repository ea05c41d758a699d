"""The server's own paths, below `/-/`: health, readiness and metrics, without CORS headers and in no access log."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from time import gmtime, strftime

from cdnserve.origin.lookup import NO_SNIFF, Origin
from cdnserve.origin.message import Reply, Request
from cdnserve.origin.respond import is_valid_host
from cdnserve.origin.text_replies import Line, text_reply
from cdnserve.rules.caching import NO_STORE
from cdnserve.server.live import Live
from cdnserve.server.metrics_count import Meter
from cdnserve.server.metrics_shared import SharedMetrics, SupervisorMetrics
from cdnserve.server.metrics_text import Exposition

_METHODS = ("GET", "HEAD")
_ALLOW = (b"allow", ", ".join(_METHODS).encode("ascii"))
HEALTH, READY, METRICS = b"/-/health", b"/-/ready", b"/-/metrics"
OURS = b"/-/"
"""Below it nothing is published: here are the paths above, and what `web` answers."""
_JSDELIVR, _CDNJS = (b"/v1/packages/npm/", b"/v1/lookup/hash/"), b"/libraries/"
ASKED_BY_QUERY = (OURS, *_JSDELIVR, _CDNJS)
"""Below these a query may change the answer."""


def is_for_web(path: bytes, query: bytes, origin: Origin) -> bool:
    """Return whether `web` may have the answer: below `/-/`, and to what clients of other CDNs ask.

    A public file has its address, whatever they ask there; but unpkg's `?meta` asks about a file.
    """
    if path.startswith(OURS):
        return True
    site = origin.catalog.site
    if site.unpkg_addresses and query.startswith(b"meta"):
        return query in (b"meta", b"meta=")
    asks = path.startswith(_JSDELIVR) or (site.cdnjs_addresses and path.startswith(_CDNJS))
    return asks and origin.locate(path).asset is None


class Endpoints:
    """What one process answers below `/-/`; `live` is set once there is a release."""

    def __init__(
        self, shared: SharedMetrics | None = None, number: int = 1, *, metrics_are_public: bool = True
    ) -> None:
        shared = shared or SharedMetrics()
        self.supervisor = SupervisorMetrics(shared)
        self.meter = Meter(shared.block(number))
        self.live: Live | None = None
        self.draining = False
        self._exposition = Exposition(shared)
        self._one_at_a_time = asyncio.Lock()
        self._public = {HEALTH, READY, METRICS} if metrics_are_public else {HEALTH, READY}

    def take_up(self, live: Live) -> None:
        """Answer for what is served from now on."""
        self.live = live
        self.meter.follow(live)
        live.contents.follow(self.supervisor.times_damaged)

    async def public(self, request: Request) -> Reply | None:
        """Answer a request to the public port, `None` where its path is none of these."""
        return await self._reply(request) if request.raw_path in self._public else None

    async def admin(self, request: Request) -> Reply:
        """Answer a request to the admin port, where there is nothing else."""
        if request.raw_path in (HEALTH, READY, METRICS):
            return await self._reply(request)
        return text_reply(Line(404, NO_STORE, "Here are /-/health, /-/ready and /-/metrics."))

    async def _reply(self, request: Request) -> Reply:
        reply = _refusal(request) or await self._answer(request)
        return replace(reply, body=b"") if request.method == "HEAD" else reply

    async def _answer(self, request: Request) -> Reply:
        if request.raw_path == HEALTH:
            return text_reply(Line(200, NO_STORE, "ok"))
        if request.raw_path == READY:
            release = self.live.origin.catalog.number if self.live else None
            draining, lost = self.draining or self.supervisor.draining, self.supervisor.store_lost
            return _readiness(release, lost, draining=draining)
        return await self._metrics(request.value(b"accept") or "")

    async def _metrics(self, accept: str) -> Reply:
        self.meter.settle()
        catalog = self.live.origin.catalog if self.live else None
        async with self._one_at_a_time:
            media_type, content = await asyncio.to_thread(self._exposition.text, accept, catalog)
        length, kind = (b"content-length", b"%d" % len(content)), (b"content-type", media_type.encode("ascii"))
        headers = (length, kind, NO_SNIFF, (b"cache-control", NO_STORE.encode("ascii")), (b"vary", b"Accept"))
        return Reply(200, headers, content)


def _refusal(request: Request) -> Reply | None:
    if not is_valid_host(request.values(b"host"), request.http_version):
        return text_reply(Line(400, NO_STORE, "Host must stand exactly once and be well-formed."))
    if request.method not in _METHODS:
        return text_reply(Line(405, NO_STORE, f"The methods here are {' and '.join(_METHODS)}."), (_ALLOW,))
    return None


def _readiness(release: int | None, lost: float, *, draining: bool) -> Reply:
    """Return whether requests are welcome: not while the server drains, nor without a release.

    A replica whose store is lost serves what it has: if it were not ready, all would be gone, and at once.
    """
    if draining:
        return text_reply(Line(503, NO_STORE, "The server is ending."))
    if release is None:
        return text_reply(Line(503, NO_STORE, "There is no release."))
    since = f", and no answer from the store since {strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(lost))}" if lost else ""
    return text_reply(Line(200, NO_STORE, f"release {release}{since}"))

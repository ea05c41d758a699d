"""Answers below `/-/`: a request to its route, off the event loop, and what it returns as a whole response.

What was answered is remembered for its release within a budget, so that the lanes can send it at once.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import logging
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import brotli

from cdnserve.origin.lookup import NO_SNIFF, Origin
from cdnserve.origin.message import Fields, Reply, Request
from cdnserve.origin.respond import is_valid_host
from cdnserve.release.store import Releases
from cdnserve.rules.caching import NO_STORE
from cdnserve.rules.codings import choose
from cdnserve.rules.conditional import Outcome, Preconditions, Validators, evaluate
from cdnserve.web.listing import Read
from cdnserve.web.message import BASE, BadTargetError, WebContent, WebRequest, problem, read_target
from cdnserve.web.rendering import problem_page
from cdnserve.web.routes import CLIENT_ROUTES, ROUTES, Route, first_route
from cdnserve.web.view import CatalogView

logger = logging.getLogger("cdnserve")

BUDGET = 16 << 20
# More wait only where somebody asks faster than anything can be answered.
_MOST_WAITING = 64
_OVERHEAD = 1024
# So long what could not be read is not asked for again.
_LACKING_SECONDS = 5.0
_BASE = BASE.encode("ascii")
_METHODS = ("GET", "HEAD", "OPTIONS")
_ALLOW = (b"allow", ", ".join(_METHODS).encode("ascii"))
# Shorter content would hardly become shorter. The efforts are what an answer may take while somebody waits.
_SHORTEST_CODED, _BROTLI_EFFORT, _GZIP_EFFORT = 1024, 5, 6
_IS_CODED = re.compile(r"text/|image/svg|application/(?:[a-z0-9.-]+\+)?json")
_VARY = (b"vary", b"Accept-Encoding")
_ANY_ORIGIN: Fields = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"*"),
    (b"cross-origin-resource-policy", b"cross-origin"),
)
_PREFLIGHT: Fields = (
    (b"access-control-allow-methods", b"GET, HEAD, OPTIONS"),
    (b"access-control-allow-headers", b"*"),
    (b"access-control-max-age", b"86400"),
)


@dataclass(frozen=True, slots=True)
class _Answered:
    """An answer in the content codings that it has, identity first, each with its strong entity tag."""

    content: WebContent
    codings: tuple[tuple[str, bytes], ...]
    digest: str
    route: Route | None

    def select(self, accept_encoding: str | None) -> tuple[str, bytes]:
        """Return the best coding for a client, and the octets; identity for who takes none of them."""
        sizes = [(coding, len(octets)) for coding, octets in self.codings]
        wanted = choose(accept_encoding, sizes)
        return next((one for one in self.codings if one[0] == wanted), self.codings[0])

    def etag(self, coding: str) -> str:
        """Return the strong entity tag of a coding."""
        return f'"{self.digest}"' if coding == "identity" else f'"{self.digest}-{coding}"'


class WebAnswers:
    """What one process answers below `/-/`, but for the server's own paths."""

    def __init__(
        self,
        store: Releases,
        read: Read,
        routes: Sequence[Route] = ROUTES,
        budget: int = BUDGET,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._clock = clock
        self._read = read
        self._routes = routes
        self._budget = budget
        self._origin: Origin | None = None
        self._view: tuple[Origin, CatalogView, float] | None = None  # and when it was made
        self._remembered: OrderedDict[tuple[bytes, bytes], _Answered] = OrderedDict()
        self._size = 0
        self._waiting = 0
        # One is made at a time, beside one that takes long.
        self._turn, self._long_turn = asyncio.Lock(), asyncio.Lock()
        self._viewing = threading.Lock()

    def known(self, request: Request, query: bytes, origin: Origin) -> Reply | None:
        """Return a reply that needs no work: it was made before, of this release; `None` for all others."""
        if origin is not self._origin or not is_valid_host(request.values(b"host"), request.http_version):
            return None
        answered = self._remembered.get((request.raw_path, query))
        if answered is None or request.method not in ("GET", "HEAD"):
            return None
        return _reply(request, answered, origin.clock())

    async def answer(self, request: Request, query: bytes, origin: Origin) -> Reply | None:
        """Answer a request below `/-/`, or at an address of another CDN; `None` where no route has such a path."""
        if reply := self.known(request, query, origin) or _refusal(request):
            return reply
        if request.method == "OPTIONS":
            return self._options(request)
        if self._waiting >= _MOST_WAITING:
            return _reply(request, _answered(problem(503, "busy", "Too much is asked at once."), None), 0)
        self._waiting += 1
        try:
            async with self._turn_of(request):
                if reply := self.known(request, query, origin):
                    return reply  # made while this one waited
                self._follow(origin)
                answered = await asyncio.to_thread(self._make, request, query, origin)
                if origin is self._origin:
                    self._remember((request.raw_path, query), answered)
        finally:
            self._waiting -= 1
        return _reply(request, answered, origin.clock()) if answered else None

    def _turn_of(self, request: Request) -> asyncio.Lock:
        route = self._route(request)
        return self._long_turn if route and route.takes_long else self._turn

    def _follow(self, origin: Origin) -> None:
        """Let go of all that was made of another release."""
        if origin is not self._origin:
            self._remembered.clear()
            self._origin, self._size = origin, 0

    def _view_of(self, origin: Origin) -> CatalogView:
        with self._viewing:
            if self._view:
                of, view, made = self._view
                if of is origin and not (view.is_lacking and self._clock() - made > _LACKING_SECONDS):
                    return view
            view = CatalogView(origin, self._store, self._read)
            self._view = origin, view, self._clock()
            return view

    def _make(self, request: Request, query: bytes, origin: Origin) -> _Answered | None:
        route: Route | None = None
        try:
            path, pairs = read_target(request.raw_path, query)
            asked, view = WebRequest(path.removeprefix(BASE[1:]), pairs, request), self._view_of(origin)
            for route in self._routes_of(request):
                may = route.takes(asked.path) and (view.site.pages or not route.is_page)
                if may and (content := route.answer(asked, view)):
                    return _answered(replace(content, lasting=content.lasting and not view.is_lacking), route)
        except BadTargetError as error:
            return self._failed(request, origin, self._route(request), problem(400, "bad-address", str(error)))
        except OSError:
            lost = problem(503, "damaged", "Stored bytes are damaged, or can't be had.")
            return self._failed(request, origin, route, lost)
        except Exception:
            logger.exception("no answer could be made")
            return self._failed(request, origin, route, problem(500, "failed", "The server failed."))
        return None

    def _failed(self, request: Request, origin: Origin, route: Route | None, told: WebContent) -> _Answered:
        """Return a problem as it is; to who wanted a page, as a page."""
        if route and route.is_page and origin.catalog.site.pages:
            told = problem_page(WebRequest("", (), request), self._view_of(origin), told)
        return _answered(told, route)

    def _remember(self, key: tuple[bytes, bytes], answered: _Answered | None) -> None:
        if answered is None or answered.content.status != 200 or not answered.content.lasting:
            return
        size = _weight(key, answered)
        if size > self._budget // 2:
            return
        self._remembered[key] = answered
        self._size += size
        while self._size > self._budget:
            self._size -= _weight(*self._remembered.popitem(last=False))

    def _options(self, request: Request) -> Reply | None:
        route = self._route(request)
        if route is None:
            return None
        return Reply(204, (_ALLOW, *_ANY_ORIGIN, *_PREFLIGHT) if route.cors else (_ALLOW,))

    def _route(self, request: Request) -> Route | None:
        """Return the first route whose prefix fits, by the path as it came."""
        path = request.raw_path.removeprefix(_BASE).removeprefix(b"/").decode("latin-1")
        return first_route(self._routes_of(request), path)

    def _routes_of(self, request: Request) -> Sequence[Route]:
        return self._routes if request.raw_path.startswith(_BASE) else CLIENT_ROUTES


def _weight(key: tuple[bytes, bytes], answered: _Answered) -> int:
    return len(key[0]) + len(key[1]) + sum(len(octets) for _, octets in answered.codings) + _OVERHEAD


def _answered(content: WebContent, route: Route | None) -> _Answered:
    digest = base64.urlsafe_b64encode(sha256(content.body).digest()).rstrip(b"=").decode("ascii")
    codings: tuple[tuple[str, bytes], ...] = (("identity", content.body),)
    if content.status == 200 and len(content.body) >= _SHORTEST_CODED and _IS_CODED.match(content.media_type):
        coded = brotli.compress(content.body, brotli.MODE_TEXT, _BROTLI_EFFORT)
        codings += (("br", coded), ("gzip", gzip.compress(content.body, _GZIP_EFFORT, mtime=0)))
    return _Answered(content, codings, digest, route)


def _refusal(request: Request) -> Reply | None:
    if not is_valid_host(request.values(b"host"), request.http_version):
        content = problem(400, "bad-host", "Host must stand exactly once and be well-formed.")
        return _reply(request, _answered(content, None), 0)
    if request.method not in _METHODS:
        content = problem(405, "bad-method", f"The methods here are {', '.join(_METHODS)}.")
        return _reply(request, _answered(replace(content, headers=(_ALLOW,)), None), 0)
    return None


def _reply(request: Request, answered: _Answered, now: float) -> Reply:
    """Make the whole response of an answer: 304 and 412 by its entity tag (RFC 9110 §13), no content to HEAD."""
    content = answered.content
    shared = _ANY_ORIGIN if answered.route is None or answered.route.cors else ()
    if content.status != 200:
        return _whole(request, content, content.body, ((b"cache-control", NO_STORE.encode("ascii")), *shared))
    coding, octets = answered.select(request.value(b"accept-encoding"))
    tag = answered.etag(coding)
    vary = (_VARY,) if len(answered.codings) > 1 else ()
    fresh = (b"cache-control", content.cache_control.encode("ascii"))
    steering = ((b"etag", tag.encode("ascii")), fresh, *vary, *shared)
    asked = Preconditions(request.value(b"if-match"), request.value(b"if-none-match"), None, None)
    outcome = evaluate(asked, Validators(tag, None, date_is_strong=False), now)
    if outcome is Outcome.NOT_MODIFIED:
        return Reply(304, (*steering, *content.headers))
    if outcome is Outcome.FAILED:
        refused = problem(412, "changed", f"If-Match is not met: the current entity tag is {tag}.")
        return _whole(request, refused, refused.body, ((b"cache-control", NO_STORE.encode("ascii")), *vary, *shared))
    coded = ((b"content-encoding", coding.encode("ascii")),) if coding != "identity" else ()
    return _whole(request, content, octets, (*coded, *steering))


def _whole(request: Request, content: WebContent, octets: bytes, more: Fields) -> Reply:
    headers = (
        (b"content-length", b"%d" % len(octets)),
        (b"content-type", content.media_type.encode("latin-1")),
        NO_SNIFF,
        *content.headers,
        *more,
    )
    return Reply(content.status, headers, b"" if request.method == "HEAD" else octets)

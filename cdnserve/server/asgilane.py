"""uvicorn's httptools protocol with the limits that it lacks: the way to the ASGI application.

Never answers a request itself, but where none can be read or a limit is crossed.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from cdnserve.origin.replies import Line
from cdnserve.server.lane import Lane
from cdnserve.server.wire import (
    HEAD_TOO_LARGE,
    HEAD_TOO_SLOW,
    TOO_MANY,
    VERSION_UNKNOWN,
    malformed,
    part,
    refusal,
    target_path,
    version_refused,
)

# llhttp keeps part of a field until it has all of it: in pieces, what it keeps can be measured.
_PIECE = 16 * 1024
# How long a client may take to read why it was refused, before the connection is cut.
LINGER_SECONDS = 2


class _TooLarge(Exception):
    """The head of a request is larger than the limit."""


class _VersionRefused(Exception):
    """A version of HTTP that we don't speak."""


class _EndUnknown(Exception):
    """A body whose end can't be told (RFC 9112 §6.3)."""


class AsgiLane(HttpToolsProtocol):
    """One connection whose requests are answered by the ASGI application."""

    def __init__(
        self,
        lane: Lane,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._lane = lane
        self._head_size = 0
        self._head_began: int | None = lane.tick
        self._seen = lane.tick
        self._progress = 0
        self._untold = 0  # octets since llhttp told anything of them: they lie on the heap
        self._running: RequestResponseCycle | None = None
        # From this tick on, if nothing is under way.
        self._leaves = lane.tick + 2 if lane.closing else None
        self._deaf = False  # nothing that still comes is asked of us

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection, unless there are too many."""
        super().connection_made(transport)
        self._lane.meter.accept()
        if len(self.connections) > self._lane.limits.connections:
            self._lane.meter.refuse()
            self._refuse(TOO_MANY)

    def take_over(self, transport: asyncio.Transport) -> None:
        """Go on with a connection that the fast lane began."""
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the response under way; uvicorn itself stops the last one that was asked for."""
        if self._running is not None:
            self._running.disconnected = True
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Answer what was asked before the client said that nothing follows (RFC 9112 §9.6)."""
        if self.cycle is None or self.cycle.response_complete:  # type: ignore[redundant-expr]
            return False
        self.cycle.keep_alive = False
        # Under TLS there is no such half: asyncio ends both directions.
        return self.scheme != "https"

    def data_received(self, data: bytes) -> None:
        """Feed llhttp; what it refuses ends the connection."""
        self._unset_keepalive_if_required()
        while data and not self._deaf:
            data = data[self._feed(data[:_PIECE]) :]
            if self._untold > self._lane.limits.head and not self._deaf:
                self._refuse(HEAD_TOO_LARGE)

    def _feed(self, piece: bytes) -> int:
        """Feed llhttp; tell how much it took."""
        self._untold += len(piece)
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as upgrade:
            # We upgrade to nothing (RFC 9110 §7.8), so what follows is the next request. But not where it
            # may be content, which llhttp doesn't tell apart here: it must never be taken for a request.
            if self._may_have_content():
                self._end(b"")
            return int(upgrade.args[0])
        except httptools.HttpParserError as error:
            self._fail(piece, error)
        return len(piece)

    def _may_have_content(self) -> bool:
        framed = any(name in (b"content-length", b"transfer-encoding") for name, _ in self.headers)
        return framed or self.scope["method"] == "CONNECT"

    def _fail(self, data: bytes, error: Exception) -> None:
        if isinstance(error.__context__, _TooLarge):
            self._refuse(HEAD_TOO_LARGE)
        elif isinstance(error.__context__, _VersionRefused):
            self._refuse(VERSION_UNKNOWN)
        else:
            # Where the head was read, its request has its answer: what is wrong with its body gets no other.
            self._end(b"" if self._head_began is None else malformed(error, data, self._lane.openings.date))

    def _refuse(self, line: Line) -> None:
        self._end(refusal(line, self._lane.openings.date))

    def _end(self, response: bytes) -> None:
        self._deaf = True
        # uvicorn's annotation hides that there is no cycle before the first request.
        if self.cycle is not None and not self.cycle.response_complete:  # type: ignore[redundant-expr]
            self.cycle.keep_alive = False  # the response under way is the last
            return
        if response:
            self._lane.count_refusal("asgi", self.client[0] if self.client else "", response)
        self._seen = self._lane.tick
        part(self.transport, response)

    def on_message_begin(self) -> None:
        """Begin to measure a head."""
        super().on_message_begin()
        self._head_size = self._untold = 0
        self._head_began = self._lane.tick

    def on_url(self, url: bytes) -> None:
        """Take a part of the request target."""
        super().on_url(url)
        self._measure(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one field of a head; a trailer field (RFC 9110 §6.5.1) is none, and has no say."""
        self._untold = 0
        if self._head_began is not None:
            super().on_header(name, value)
            self._measure(len(name) + len(value) + 3)

    def on_body(self, body: bytes) -> None:
        """Let content pass."""
        self._untold = 0
        super().on_body(body)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        if self._lane.closing:
            cycle.keep_alive = False
        super()._start_asgi_task(cycle, app)

    def _measure(self, octets: int) -> None:
        self._head_size += octets
        if self._head_size > self._lane.limits.head:
            raise _TooLarge

    def on_headers_complete(self) -> None:
        """Hand the request to the application, with a target that uvicorn can take apart."""
        if version_refused(self.parser.get_http_version()):
            raise _VersionRefused
        codings = [value for name, value in self.headers if name == b"transfer-encoding"]
        if codings and codings[-1].lower().rpartition(b",")[2].strip() != b"chunked":
            raise _EndUnknown
        method = self.parser.get_method()
        if method == b"CONNECT" or httptools.parse_url(self.url).path is None:
            self.url = target_path(method, self.url)
        self._head_began, self._untold = None, 0
        self.scope["client"] = self._lane.client(self.client, self.headers)
        super().on_headers_complete()

    def shutdown(self) -> None:
        """Close soon after what is under way has been sent (uvicorn calls this as it drains)."""
        self._leaves = self._lane.tick + 1

    def on_response_complete(self) -> None:
        """Go on with the next request, if one comes."""
        super().on_response_complete()
        if self._leaves is not None:
            self._leaves = self._lane.tick + 2

    @property
    def is_active(self) -> bool:
        """Tell whether a request is under way."""
        return self.cycle is not None and not self.cycle.response_complete  # type: ignore[redundant-expr]

    def expire(self, tick: int) -> None:
        """End the connection if it is over a limit; uvicorn itself ends idle ones."""
        limits, left = self._lane.limits, self.transport.get_write_buffer_size()
        if (self._deaf and not self.is_active) or (self.transport.is_closing() and not left):
            if tick - self._seen >= LINGER_SECONDS:
                self.transport.abort()
            return
        if self._leaves is not None and tick >= self._leaves and not self.is_active:
            self.transport.close()
            return
        if self._head_began is not None and tick - self._head_began >= limits.head_seconds:
            self._refuse(HEAD_TOO_SLOW)
        if left == 0 or left != self._progress:
            self._progress, self._seen = left, tick
        elif tick - self._seen >= limits.stall_seconds:
            self.transport.abort()

"""HTTP/1.1 to the ASGI application: uvicorn's httptools protocol with the limits that it lacks."""

from __future__ import annotations

import asyncio
import re
from functools import partial
from typing import NoReturn, Unpack

import httptools
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from cdnserve.origin.text_replies import Line
from cdnserve.server.asgi import ClientDisconnected
from cdnserve.server.connection import LINGER_SECONDS, Linger
from cdnserve.server.settings import MOST_FIELDS
from cdnserve.server.wire import (
    HEAD_TOO_LARGE,
    HEAD_TOO_SLOW,
    MALFORMED,
    TOO_MANY,
    VERSION_UNKNOWN,
    is_spoken,
    new_parser,
    persists,
    refusal,
    target_path,
)
from cdnserve.server.worker import FromUvicorn, Worker, address_of_peer

# llhttp keeps part of a field until it has all of it: in pieces, what it keeps can be measured.
_PIECE = 16 * 1024
# So much is written before it is looked whether the client takes it.
_WRITTEN_AT_ONCE = 64 * 1024
_METHOD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
_KEEPS_ALIVE = (b"connection", b"keep-alive")


class _Refused(Exception):
    """What llhttp takes, and we don't."""


class AsgiConnection(HttpToolsProtocol):
    """One connection whose requests are answered by the ASGI application, one at a time."""

    def __init__(self, worker: Worker, **uvicorn: Unpack[FromUvicorn]) -> None:
        super().__init__(**uvicorn)
        self.parser = new_parser(self)
        self._worker = worker
        self._waiting = b""  # behind a request that has no answer yet; llhttp has not seen it
        self._line = b""  # the request line, as far as it has come
        self._method = b""  # one that llhttp doesn't know
        self._is_odd = False  # such a method is still on its way
        self._reason: Line | None = None  # of a refusal of what llhttp took
        self._in_content = False
        self._content_left = 0  # where its length is known
        self._head_size = 0
        self._head_began: int | None = None
        self._unreported = 0  # octets since llhttp last called: they lie on the heap
        self._idle_since = self._seen = worker.tick
        self._unsent = 0
        # From this tick on, if nothing is under way.
        self._closes = worker.tick + 2 if worker.closing else None
        self._is_deaf = False  # nothing that still comes is asked of us
        self._has_ended = False  # nothing more comes
        self._linger: Linger | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection, unless there are too many."""
        self.take_over(transport)
        self._worker.meter.accept()
        if len(self.connections) > self._worker.limits.connections:
            self._worker.meter.refuse()
            self._refuse(TOO_MANY)

    def take_over(self, transport: asyncio.Transport) -> None:
        """Go on with a connection that the fast lane began."""
        super().connection_made(transport)
        self.client = address_of_peer(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the response under way, and ask for no other."""
        self._is_deaf, self._waiting = True, b""
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Answer what was asked before the client said that nothing follows (RFC 9112 §9.6)."""
        self._has_ended = True
        if not self.is_active:
            return False
        if not self._waiting:
            self.cycle.keep_alive = False
        # Under TLS there is no such half: asyncio ends both directions.
        return self.scheme != "https"

    def data_received(self, data: bytes) -> None:
        """Feed llhttp, one request at a time; what it refuses ends the connection."""
        if self._linger:
            self._linger.drop(data)
            return
        at, data = 0, self._waiting + data
        while at < len(data) and not self._is_deaf:
            if self._must_wait():
                self.flow.pause_reading()
                break
            at += self._feed(data[at : self._next_piece(data, at)])
        self._waiting = b"" if self._is_deaf else data[at:]
        if self._has_ended and not self._waiting:
            self._end()

    def _must_wait(self) -> bool:
        return self.is_active and self._head_began is None and not self._in_content

    def _next_piece(self, data: bytes, at: int) -> int:
        """Return where the piece ends that llhttp may see: never behind the end of a request, nor of a line."""
        if self._content_left:
            return at + min(self._content_left, _PIECE)
        return data.find(b"\n", at, at + _PIECE) + 1 or at + _PIECE

    def _feed(self, piece: bytes) -> int:
        """Feed llhttp; return how much it took."""
        self._unreported += len(piece)
        in_request_line = not self._line.endswith(b"\n")
        if in_request_line:
            # RFC 9112 §2.2: empty lines before a request line are ignored.
            self._line = (self._line + piece).lstrip(b"\r\n")
        try:
            if self._is_odd:
                self._read_method()
            else:
                self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as upgrade:
            # We upgrade to nothing (RFC 9110 §7.8), so what follows is the next request. But not where it
            # may be content, which llhttp doesn't tell apart here: it must never be taken for a request.
            if self._may_have_content():
                self._end()
            return int(upgrade.args[0])
        except httptools.HttpParserError:
            self._fail(in_request_line=in_request_line)
        if self._unreported > self._worker.limits.head and not self._is_deaf:
            self._refuse(HEAD_TOO_LARGE)
        return len(piece)

    def _may_have_content(self) -> bool:
        framed = any(name in (b"content-length", b"transfer-encoding") for name, _ in self.headers)
        return framed or self.scope["method"] == "CONNECT"

    def _fail(self, *, in_request_line: bool) -> None:
        if self._reason:
            self._refuse(self._reason)
        elif in_request_line and not self._method:
            self._read_method()
        elif self._in_content:
            # Its request has its answer: what is wrong with its content gets no other.
            self._end()
        else:
            self._refuse(MALFORMED)

    def _read_method(self) -> None:
        """Let llhttp read a request line with a method that it knows instead, as the application refuses this one."""
        method, space, rest = self._line.partition(b" ")
        self._is_odd = not space
        if not _METHOD.fullmatch(method):
            self._refuse(MALFORMED)
        elif space:
            self._method, self.parser = method, new_parser(self)
            try:
                self.parser.feed_data(b"PUT " + rest)
            except httptools.HttpParserError:
                self._fail(in_request_line=True)

    def _refuse(self, line: Line) -> None:
        self._end(refusal(line, self._worker.openings.date))

    def _end(self, response: bytes = b"") -> None:
        """Send a last response; or let the one under way be the last."""
        self._is_deaf = True
        if self.is_active:
            self.cycle.keep_alive = False
            return
        if response:
            self._worker.count_refusal("asgi", self.client[0] if self.client else "", response)
            self.transport.write(response)
        self._begin_linger()

    def _begin_linger(self) -> None:
        if self._has_ended:
            self._close()
            return
        self._seen = self._worker.tick
        self.flow.resume_reading()
        self._linger = Linger(self.transport)

    def _close(self) -> None:
        self._seen = self._worker.tick
        self.transport.close()

    # Called by llhttp

    def on_message_begin(self) -> None:
        """Begin to measure a head."""
        super().on_message_begin()
        self._head_size = self._unreported = 0
        if self._head_began is None:
            self._head_began = self._worker.tick

    def on_url(self, url: bytes) -> None:
        """Take a part of the request target."""
        super().on_url(url)
        self._head_size += len(url)
        self._measure()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one field of a head; a trailer field (RFC 9110 §6.5.1) is none, and has no say."""
        self._unreported = 0
        if self._head_began is not None:
            super().on_header(name, value)
            self._head_size += len(name) + len(value) + 3
            self._measure()

    def _measure(self) -> None:
        if self._head_size > self._worker.limits.head or len(self.headers) > MOST_FIELDS:
            self._because(HEAD_TOO_LARGE)

    def _because(self, reason: Line) -> NoReturn:
        self._reason = reason
        raise _Refused

    def on_headers_complete(self) -> None:
        """Hand the request to the application, with a target that uvicorn can take apart."""
        version = self.parser.get_http_version()
        if not is_spoken(self._line, version):
            self._because(VERSION_UNKNOWN)
        codings = [value for name, value in self.headers if name == b"transfer-encoding"]
        # RFC 9112 §6.3, §6.1: where it ends can't be told; and HTTP/1.0 has no such field, whoever passed it on.
        if codings and (version == "1.0" or codings[-1].lower().rpartition(b",")[2].strip() != b"chunked"):
            self._because(MALFORMED)
        method = self._method or self.parser.get_method()
        if method == b"CONNECT" or httptools.parse_url(self.url).path is None:
            self.url = target_path(method, self.url)
        self.scope["client"] = self._worker.client(self.client, self.headers)
        super().on_headers_complete()
        self._head_began, self._unreported, self._in_content = None, 0, True
        self._content_left = int(dict(self.headers).get(b"content-length", 0))
        # Its task has not begun yet.
        self.scope["method"] = method.decode("ascii")
        goes_on = persists(version, self.headers, by_llhttp=self.parser.should_keep_alive())
        self.cycle.keep_alive = not self._worker.closing and goes_on
        self.cycle.send = partial(self._send, self.cycle)  # type: ignore[method-assign]

    def on_body(self, body: bytes) -> None:
        """Let content pass."""
        self._unreported = 0
        self._content_left = max(0, self._content_left - len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Get ready for the next request."""
        super().on_message_complete()
        if not self.parser.should_keep_alive():
            # Also where only a trailer field says "close", which has no say: llhttp would drop all that follows.
            self.parser = new_parser(self)
        self._line = self._method = b""
        self._in_content, self._content_left = False, 0

    # Called by the application

    async def _send(self, cycle: RequestResponseCycle, message: ASGISendEvent) -> None:
        """Send; raise ClientDisconnected once the client has left."""
        send = partial(RequestResponseCycle.send, cycle)
        if message["type"] == "http.response.start":
            if cycle.keep_alive and cycle.scope["http_version"] == "1.0":
                message = {**message, "headers": [*message["headers"], _KEEPS_ALIVE]}
            await send(message)
        elif message["type"] == "http.response.body":
            await self._send_content(cycle, message.get("body", b""))
            if not message.get("more_body", False):
                # uvicorn would close at once; `on_response_complete` does it better.
                self._is_deaf = self._is_deaf or not cycle.keep_alive
                cycle.keep_alive = True
            await send({"type": "http.response.body", "body": b"", "more_body": message.get("more_body", False)})

    async def _send_content(self, cycle: RequestResponseCycle, content: bytes) -> None:
        for at in range(0, len(content), _WRITTEN_AT_ONCE):
            await self._has_room(cycle, len(content) - at)
            piece = content[at : at + _WRITTEN_AT_ONCE]
            await RequestResponseCycle.send(cycle, {"type": "http.response.body", "body": piece, "more_body": True})
            self._look_at_unsent()
        await self._has_room(cycle)

    async def _has_room(self, cycle: RequestResponseCycle, octets: int = 0) -> None:
        """Wait until the client takes more; raise ClientDisconnected where it has left, `octets` not even written."""
        await self.flow.drain()
        if cycle.disconnected:
            raise ClientDisconnected(self._unsent + octets)

    def _look_at_unsent(self) -> int:
        left = self.transport.get_write_buffer_size()
        if left != self._unsent:
            self._unsent, self._seen = left, self._worker.tick
        return left

    def on_response_complete(self) -> None:
        """Go on with the next request, if one has come."""
        super().on_response_complete()
        if self.transport.is_closing():
            return
        # The clock of `expire` is the one that counts.
        self._unset_keepalive_if_required()
        self._idle_since = self._worker.tick
        if self._closes is not None:
            self._closes = self._worker.tick + 2
        if self._is_deaf:
            self._begin_linger()
        elif self._waiting or self._has_ended:
            self.data_received(b"")

    # Called by the server

    def shutdown(self) -> None:
        """Close soon after what is under way has been sent (uvicorn calls this as it drains)."""
        self._closes = self._worker.tick + 1

    @property
    def is_active(self) -> bool:
        """Return whether a request is under way."""
        return self.cycle is not None and not self.cycle.response_complete  # type: ignore[redundant-expr]

    def expire(self, tick: int) -> None:
        """End the connection if it is over a limit."""
        limits = self._worker.limits
        if self._look_at_unsent():
            if tick - self._seen >= limits.stall_seconds:
                self.transport.abort()
        elif self._linger or self.transport.is_closing():
            if tick - self._seen >= LINGER_SECONDS:
                self.transport.abort()
        elif self.is_active:
            return
        elif self._closes is not None and tick >= self._closes:
            self._close()
        elif self._head_began is not None:
            if tick - self._head_began >= limits.head_seconds:
                self._refuse(HEAD_TOO_SLOW)
        # Octets that ask for nothing win no time.
        elif tick - self._idle_since >= limits.idle_seconds:
            self._close()

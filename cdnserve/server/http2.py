"""HTTP/2 (RFC 9113) to the ASGI application: uvicorn's protocol with the limits that it lacks.

Its parser, zttp, is experimental, as its authors say.
"""

from __future__ import annotations

import asyncio
import re
from functools import partial
from typing import Unpack, cast

import zttp
from starlette.types import Receive, Scope, Send
from uvicorn._types import ASGI3Application, ASGISendEvent
from uvicorn.protocols.http.zttp_h2_impl import RequestResponseCycle, ZttpH2Protocol

from cdnserve.origin.text_replies import text_reply
from cdnserve.server.asgi import ClientDisconnected, send_reply
from cdnserve.server.connection import LINGER_SECONDS
from cdnserve.server.settings import MOST_FIELDS
from cdnserve.server.wire import HEAD_TOO_LARGE, refusal
from cdnserve.server.worker import FromUvicorn, Worker, address_of_peer

# What is handed over at once: so much waits in memory for a client whose window is closed (RFC 9113 §5.2).
_PIECE = 16 * 1024
# A client that asks more often, a thousand times, gets a new connection, when it is idle, or else a little later; zttp
# would end this one at the 4096th stream, with what is under way. The numbers of its streams are odd.
_MANY_STREAMS, _MOST_STREAMS = 2 * 1000 - 1, 2 * 3000 - 1
# RFC 9113 §6.5.2.
_INITIAL_WINDOW_SIZE, _WINDOW = 4, 65_535
# RFC 9113 §6.8: how the end is announced before it is known which stream is the last.
_NO_ERROR, _EVERY_STREAM = 0, 2**31 - 1
# RFC 9113 §7.
_PROTOCOL_ERROR, _ENHANCE_YOUR_CALM = 1, 11
# RFC 9113 §6.5.2: what each field counts besides its octets.
_OVERHEAD = 32
# zttp takes no larger head: it ends the connection.
_LARGEST_HEAD = 64 * 1024
# So many octets of frames that ask for nothing may come before the next request, or while content is taken.
_MOST_UNASKED = 256 * 1024
_METHOD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Http2Connection(ZttpH2Protocol):
    """One connection with many requests at once, which the ASGI application answers."""

    def __init__(self, worker: Worker, **uvicorn: Unpack[FromUvicorn]) -> None:
        super().__init__(**uvicorn)
        self._worker = worker
        self._serve = self.app
        self._refuse = cast(ASGI3Application, partial(_refuse_head, worker))
        self._seen = worker.tick  # the last request, or its end
        self._taken = worker.tick  # the last time that the client took octets, or none waited
        self._unsent = 0
        self._moved = asyncio.Event()  # something was taken, or time has passed
        self._newest = 0  # the number of the last stream that the client has opened
        self._window = _WINDOW  # of each stream that it opens
        self._unasked = 0  # octets since the last request
        # Content that went past zttp: its window of the connection is so much wider than the client's.
        self._past = 0
        self._closes: int | None = None  # once the client was told to ask elsewhere

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection."""
        super().connection_made(transport)
        self.client = address_of_peer(transport)
        self._worker.meter.accept()
        if self._worker.closing:
            self.shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        """End all that waits for the client."""
        super().connection_lost(exc)
        self._wake()

    def data_received(self, data: bytes) -> None:
        """Take frames; what is none ends the connection."""
        if self.transport.is_closing():
            return
        self._unasked += len(data)
        try:
            self.conn.receive_data(data)
            self.handle_events()
        except zttp.RemoteProtocolError:
            self.end()  # zttp has said why
            return
        if self._unasked > _MOST_UNASKED:
            self.end(_ENHANCE_YOUR_CALM)
            return
        self.flush()
        if self.cycles:
            self._wake()
        if self._newest >= _MANY_STREAMS:
            self._look_at_streams()

    def end(self, *reason: int) -> None:
        """End the connection, and say why."""
        for cycle in self.cycles.values():
            cycle.disconnected = True  # nothing can be sent any more but why
        if reason:
            self.conn.close(*reason)
        self.flush()
        self.transport.close()
        self._wake()

    def handle_events(self) -> None:
        """Take what zttp has read; content is nothing that is asked for."""
        next_event = self.conn.next_event
        while (event := next_event()) is not zttp.NEED_DATA:
            if isinstance(event, zttp.Request):
                self._newest, self._unasked = event.stream_id, 0
                self.handle_request(event)
            elif isinstance(event, zttp.Data):
                self._unasked -= len(event.data)
            elif isinstance(event, zttp.RstStream):
                self.handle_rst_stream(event)
            elif isinstance(event, zttp.Settings):
                self.handle_settings(event)
            elif isinstance(event, zttp.GoAway):
                self._closes = self._worker.tick

    def handle_settings(self, event: zttp.Settings) -> None:
        """Note what the client wishes; zttp has acknowledged it."""
        self._window = dict(event.params).get(_INITIAL_WINDOW_SIZE, self._window)

    def handle_request(self, event: zttp.Request) -> None:
        """Hand a request to the application."""
        if is_malformed(event):
            self.conn.stream(event.stream_id).reset(_PROTOCOL_ERROR)
            return
        self.app = self._refuse if self._is_too_large(event) else self._serve
        self._seen = self._worker.tick
        super().handle_request(event)
        # Its task has not begun yet.
        cycle = self.cycles[event.stream_id]
        cycle.scope["client"] = self._worker.client(self.client, cycle.scope["headers"])
        cycle.send = partial(self._send, cycle)  # type: ignore[method-assign]

    def _is_too_large(self, event: zttp.Request) -> bool:
        fields, limit = event.headers, self._worker.limits.head
        if len(fields) > MOST_FIELDS or limit >= _LARGEST_HEAD:
            return len(fields) > MOST_FIELDS
        size = sum(len(name) + len(value) + _OVERHEAD for name, value in fields)
        return size + len(event.target) > limit

    async def _send(self, cycle: RequestResponseCycle, message: ASGISendEvent) -> None:
        """Send, and wait until the client has room: uvicorn's own would keep whole files for it."""
        send = partial(RequestResponseCycle.send, cycle)
        if message["type"] != "http.response.body":
            await send(message)
            return
        content, at = message.get("body", b""), 0
        while at < len(content):
            room = await self._room(cycle)
            piece = content[at : at + room]
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            if cycle.disconnected:
                raise ClientDisconnected(len(content) - at)
            at += len(piece)
        if cycle.disconnected:
            raise ClientDisconnected(0)
        # At the end, the stream counts as under way no more.
        await send({"type": "http.response.body", "body": b"", "more_body": message.get("more_body", False)})

    async def _room(self, cycle: RequestResponseCycle) -> int:
        """Wait for room in the client's windows, and return how much there is: none where the client has left."""
        began = self._worker.tick
        while not cycle.disconnected:
            room = min(cycle.stream.send_window or 0, self.conn.send_window - self._past, _PIECE)
            if room > 0:
                self._unasked = 0
                return room
            if self._worker.tick - began >= self._worker.limits.stall_seconds:
                cycle.abort_stream()
            else:
                await self._moved.wait()
        return 0

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    def on_stream_closed(self) -> None:
        """Begin to wait for the next request; the clock of `expire` is the one that counts."""
        self._seen = self._worker.tick
        super().on_stream_closed()
        self._unset_keepalive_if_required()
        self._look_at_streams()

    def _look_at_streams(self) -> None:
        if self._newest >= (_MOST_STREAMS if self.is_active else _MANY_STREAMS):
            self.shutdown()

    def pause_writing(self) -> None:
        """Read nothing while the client takes nothing: what it asks meanwhile, if only for a PING, would wait here."""
        super().pause_writing()
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on."""
        super().resume_writing()
        self.transport.resume_reading()

    def shutdown(self) -> None:
        """Let the client ask elsewhere; what is under way, and what it asked before it knew, is answered."""
        if self._closes is None:
            self._closes = self._worker.tick + 2
            self.conn.close(_NO_ERROR, _EVERY_STREAM)
            self.flush()

    @property
    def is_active(self) -> bool:
        """Return whether a request is under way."""
        return bool(self.cycles)

    def expire(self, tick: int) -> None:
        """End the connection if it is over a limit."""
        limits, unsent = self._worker.limits, self.transport.get_write_buffer_size()
        if self.transport.is_closing() and not unsent:
            if tick - self._taken >= LINGER_SECONDS:
                self.transport.abort()
            return
        if unsent == 0 or unsent != self._unsent:
            self._unsent, self._taken = unsent, tick
        elif tick - self._taken >= limits.stall_seconds:
            self.transport.abort()
        # Frames that ask for nothing win no time.
        is_over = tick - self._seen >= limits.idle_seconds or (self._closes is not None and tick >= self._closes)
        if is_over and not self.is_active:
            self._close_connection()
        self._wake()


def is_malformed(event: zttp.Request) -> bool:
    """Return whether zttp let pass what is no method, or no path (RFC 9113 §8.3.1)."""
    return not _METHOD.fullmatch(event.method) or not event.target.isascii()


async def _refuse_head(worker: Worker, scope: Scope, receive: Receive, send: Send) -> None:
    client = scope["client"][0] if scope["client"] else ""
    worker.count_refusal("asgi", client, refusal(HEAD_TOO_LARGE, b""))
    await send_reply(send, text_reply(HEAD_TOO_LARGE))

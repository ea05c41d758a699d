"""HTTP/2 (RFC 9113): uvicorn's protocol with the limits that it lacks; experimental, as it is there."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, cast

import zttp
from starlette.types import Receive, Scope, Send
from uvicorn._types import ASGI3Application, ASGISendEvent
from uvicorn.config import Config
from uvicorn.protocols.http.zttp_h2_impl import RequestResponseCycle, ZttpH2Protocol
from uvicorn.server import ServerState

from cdnserve.origin.text_replies import text_reply
from cdnserve.server.asgi import ClientDisconnected, send_reply
from cdnserve.server.connection import LINGER_SECONDS
from cdnserve.server.settings import MOST_FIELDS
from cdnserve.server.wire import HEAD_TOO_LARGE, refusal
from cdnserve.server.worker import Worker, address_of_peer

# What is handed over at once: so much waits in memory for a client whose window is closed (RFC 9113 §5.2).
_PIECE = 16 * 1024
# A client that asks more often gets a new connection, when it is idle, or else a little later; zttp would end this one
# at 4096, with what is under way.
_MANY_REQUESTS, _MOST_REQUESTS = 1000, 3000
# RFC 9113 §6.8: how the end is announced before it is known which stream is the last.
_NO_ERROR, _EVERY_STREAM = 0, 2**31 - 1
# RFC 9113 §6.5.2: what each field counts besides its octets.
_OVERHEAD = 32


class Http2Connection(ZttpH2Protocol):
    """One connection with many requests at once."""

    def __init__(
        self,
        worker: Worker,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._worker = worker
        self._serve = self.app
        self._refuse = cast(ASGI3Application, partial(_refuse_head, worker))
        self._seen = worker.tick  # the last request, or its end
        self._taken = worker.tick  # the last time that the client took octets, or none waited
        self._unsent = 0
        self._moved = asyncio.Event()  # something was taken, or time has passed
        self._requests = 0
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
        try:
            self.conn.receive_data(data)
            self.handle_events()
        except zttp.RemoteProtocolError:
            for cycle in self.cycles.values():
                cycle.disconnected = True  # nothing can be sent any more but why
            self.flush()
            self.transport.close()
        else:
            self.flush()
        self._wake()

    def handle_request(self, event: zttp.Request) -> None:
        """Hand a request to the application."""
        size = sum(len(name) + len(value) + _OVERHEAD for name, value in event.headers)
        is_too_large = size + len(event.target) > self._worker.limits.head or len(event.headers) > MOST_FIELDS
        self.app = self._refuse if is_too_large else self._serve
        self._seen = self._worker.tick
        self._requests += 1
        if self._requests == _MOST_REQUESTS:
            self.shutdown()
        super().handle_request(event)
        # Its task has not begun yet.
        cycle = self.cycles[event.stream_id]
        cycle.scope["client"] = self._worker.client(self.client, cycle.scope["headers"])
        cycle.send = partial(self._send, cycle)  # type: ignore[method-assign]

    async def _send(self, cycle: RequestResponseCycle, message: ASGISendEvent) -> None:
        """Send, and wait until the client has room: uvicorn's own would keep whole files for it."""
        send = partial(RequestResponseCycle.send, cycle)
        if message["type"] != "http.response.body":
            await send(message)
            return
        content = message.get("body", b"")
        for at in range(0, len(content), _PIECE):
            await send({"type": "http.response.body", "body": content[at : at + _PIECE], "more_body": True})
            await self._room(cycle)
            if cycle.disconnected:
                raise ClientDisconnected(len(content) - at)
        if cycle.disconnected:
            raise ClientDisconnected(0)
        # At the end, the stream counts as under way no more.
        await send({"type": "http.response.body", "body": b"", "more_body": message.get("more_body", False)})

    async def _room(self, cycle: RequestResponseCycle) -> None:
        began = self._worker.tick
        while cycle.stream.pending_bytes and not cycle.disconnected:
            if self._worker.tick - began >= self._worker.limits.stall_seconds:
                cycle.abort_stream()
                return
            await self._moved.wait()

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    def on_stream_closed(self) -> None:
        """Begin to wait for the next request; the clock of `expire` is the one that counts."""
        self._seen = self._worker.tick
        super().on_stream_closed()
        self._unset_keepalive_if_required()
        if self._requests >= _MANY_REQUESTS and not self.cycles:
            self.shutdown()

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
        if is_over and not self.cycles:
            self._close_connection()
        self._wake()


async def _refuse_head(worker: Worker, scope: Scope, receive: Receive, send: Send) -> None:
    client = scope["client"][0] if scope["client"] else ""
    worker.count_refusal("asgi", client, refusal(HEAD_TOO_LARGE, b""))
    await send_reply(send, text_reply(HEAD_TOO_LARGE))

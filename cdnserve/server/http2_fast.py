"""The fast lane of HTTP/2 (RFC 9113): prepared responses, sent as soon as zttp has read a request.

What it leaves goes to the ASGI application, stream by stream.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from dataclasses import replace
from time import perf_counter
from typing import Unpack

import zttp

from cdnserve.server.access_log import LoggedExchange, logged_exchange
from cdnserve.server.contents import Awaited, too_short
from cdnserve.server.endpoints import ASKED_BY_QUERY
from cdnserve.server.http2 import Http2Connection, is_malformed
from cdnserve.server.live import Live
from cdnserve.server.metrics_count import UNTIMED
from cdnserve.server.prepared import RELEVANT, Http2Response
from cdnserve.server.worker import FromUvicorn, Worker

# What one write has at most, and one turn of the event loop, so that others get theirs.
_WRITE, _TURN = 128 * 1024, 4 * 1024 * 1024
# A DATA frame of so much content, with its nine octets, is one record of TLS; it has no flags.
_FRAME, _DATA = 16 * 1024 - 9, b"\x00\x00"
# RFC 9113 §6.9.1.
_WIDEST = 2**31 - 1


class _Sending:
    """Content on its way, as the client has room for it: from memory, or from a file that is open while it moves."""

    __slots__ = ("at", "began", "descriptor", "end", "exchange", "moved", "past", "response", "start", "stream")

    def __init__(
        self, response: Http2Response, stream: zttp.Stream, exchange: LoggedExchange | None, tick: int
    ) -> None:
        self.response = response
        self.stream = stream
        self.exchange = exchange  # where there is an access log
        self.start = self.at = response.stored.start if response.stored else 0
        self.end = self.at + response.octets
        self.past = 0  # octets that went past zttp
        self.descriptor = -1
        self.began = perf_counter()
        self.moved = tick

    @property
    def sent(self) -> int:
        """Return how much was handed over."""
        return self.at - self.start

    def prove(self, live: Live) -> None:
        """Raise OSError if content is a file's that is not (yet) found right, or not any more."""
        if stored := self.response.stored:
            if self.descriptor < 0:
                self.descriptor = live.contents.open_blob(stored.sha256)
            if not live.contents.is_proved(stored.sha256, os.fstat(self.descriptor)):
                raise OSError("the blob has to be read before it is sent")

    def piece(self, live: Live, size: int) -> memoryview:
        """Return the next octets. Raises OSError."""
        if not self.response.stored:
            return self.response.content[self.at : self.at + size]
        self.prove(live)
        octets = os.pread(self.descriptor, size, self.at)
        if len(octets) < size:
            raise too_short()
        return memoryview(octets)

    def close(self) -> None:
        """Close the file; it can be opened again."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


class FastHttp2Connection(Http2Connection):
    """One connection with many requests at once; the ASGI application answers those that have no prepared response."""

    def __init__(self, worker: Worker, **uvicorn: Unpack[FromUvicorn]) -> None:
        super().__init__(worker, **uvicorn)
        # Frames that go before those of zttp. It looks after the windows of the client (RFC 9113 §5.2), but is slow to
        # write: heads don't depend on the connection, and content need not be copied into it.
        self._frames: list[bytes | memoryview] = []
        self._free = 0  # for so much content, as far as was looked
        self._widest = 0  # the client's window of the connection
        self._began = 0.0  # when the requests came that are being answered
        self._sendings: dict[int, _Sending] = {}
        self._unlogged: list[LoggedExchange] = []  # the transport may still hold their content
        self._held = 0  # octets that it holds, as far as is known
        self._paused = self._goes_on = False

    # Called by the transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection; so much content waits for it in memory, and no more."""
        transport.set_write_buffer_limits(_WRITE)
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop what the client did not take."""
        super().connection_lost(exc)
        self._give_up()
        self._log_lost()

    def end(self, *reason: int) -> None:
        """End the connection, and say why."""
        super().end(*reason)
        self._give_up()

    def _give_up(self) -> None:
        for sending in self._sendings.values():
            self._log_cut(sending)
        self._sendings.clear()

    def pause_writing(self) -> None:
        """Send no more than what was handed over."""
        self._paused, self._held = True, self.transport.get_write_buffer_size()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Go on with what waited."""
        self._paused, self._held = False, 0
        self._log_whole()
        super().resume_writing()
        self._send_more()

    def flush(self) -> None:
        """Write what waits, in one piece."""
        octets = self.conn.data_to_send()
        if self._frames:
            octets = b"".join((*self._frames, octets))
            self._frames.clear()
        if octets:
            self.transport.write(octets)
        if self._unlogged and not self._paused:
            self._log_whole()

    # Requests

    def handle_events(self) -> None:
        """Take what zttp has read, and send what there is room for now."""
        self._began = perf_counter()
        self._look_for_room()
        super().handle_events()
        if self._sendings:
            self._send_more()

    def _look_for_room(self) -> None:
        """Look how much content the client, or what is written at once, has room for, past zttp.

        But no more than zttp's window of the connection may be wider than the client's: it would overflow.
        """
        window = self.conn.send_window - self._past
        self._widest = max(self._widest, window)
        self._free = 0 if self._paused else min(window, _WIDEST - self._widest - self._past, _WRITE)

    def handle_request(self, event: zttp.Request) -> None:
        """Answer a request at once if its response is prepared."""
        response = self._find(event)
        if response is None:
            super().handle_request(event)
        elif response.octets and not self._has_room(response):
            self._begin(event, response)
        else:
            self._answer(event, response)

    def handle_settings(self, event: zttp.Settings) -> None:
        """Let the acknowledgement go before all that relies on it (RFC 9113 §6.5.3)."""
        super().handle_settings(event)
        self._frames.append(self.conn.data_to_send())

    def _find(self, event: zttp.Request) -> Http2Response | None:
        path, query = event.path, event.query
        # unpkg's ?meta asks about a file; elsewhere a query changes no answer.
        if not event.end_stream or self._is_too_large(event) or query.startswith(b"meta"):
            return None
        if query and path.startswith(ASKED_BY_QUERY):
            path = b"%b?%b" % (path, query)
        key = event.method, path, tuple([field for field in event.headers if field[0] in RELEVANT])
        responses = self._worker.responses
        try:
            return responses.asked[key]
        except KeyError:
            with suppress(Awaited):  # the ASGI application waits for it
                return None if is_malformed(event) else responses.ask(key)
            return None

    def _has_room(self, response: Http2Response) -> bool:
        size = response.octets
        if response.stored or size > self._window:
            return False
        if size > self._free:
            self.flush()
            self._look_for_room()
        return size <= self._free

    def _answer(self, event: zttp.Request, response: Http2Response) -> None:
        number, prepared = event.stream_id.to_bytes(4, "big"), response.prepared
        self._frames += (response.begin, number, response.opening.fields, response.fields)
        if size := response.octets:
            self._frame(number, response.content)
            self._free -= size
        self.conn.stream(event.stream_id).end_message()
        self._seen = self._worker.tick
        if prepared.hits & UNTIMED:
            prepared.hits += 1
        else:
            self._worker.meter.count(prepared, perf_counter() - self._began)
        if self._worker.log:
            self._unlogged.append(self._exchange(event, response))

    def _frame(self, number: bytes, content: memoryview) -> None:
        """Put DATA frames (RFC 9113 §6.1) before those of zttp."""
        size = len(content)
        self._past += size
        if size <= _FRAME:
            self._frames += (size.to_bytes(3, "big"), _DATA, number, content)
            return
        for at in range(0, size, _FRAME):
            piece = content[at : at + _FRAME]
            self._frames += (len(piece).to_bytes(3, "big"), _DATA, number, piece)

    # Content that takes more than one turn

    def _begin(self, event: zttp.Request, response: Http2Response) -> None:
        exchange = self._exchange(event, response) if self._worker.log else None
        sending = _Sending(response, self.conn.stream(event.stream_id), exchange, self._worker.tick)
        try:
            sending.prove(self._worker.live)
        except OSError:
            sending.close()
            super().handle_request(event)  # the ASGI application reads it, or says what is wrong
            return
        number = event.stream_id.to_bytes(4, "big")
        self._frames += (response.begin, number, response.opening.fields, response.fields)
        self._sendings[event.stream_id] = sending
        self._worker.meter.add(response.prepared.tally)

    def _send_more(self) -> None:
        """Hand over a piece of each in turn, as long as windows and transport have room."""
        left, is_moving = _TURN, True
        while is_moving and left > 0:
            is_moving = False
            for number, sending in tuple(self._sendings.items()):
                if not self._paused and (sent := self._send_piece(number, sending)):
                    left, is_moving = left - sent, True
        if is_moving and not self._goes_on:
            self._goes_on = True
            self.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._goes_on = False
        self._send_more()

    def _send_piece(self, number: int, sending: _Sending) -> int:
        window = sending.stream.send_window or 0
        size = min(sending.end - sending.at, window - sending.past, self.conn.send_window - self._past, _WRITE)
        if size <= 0:
            if not self._worker.live.contents.is_partial:
                sending.close()
            return 0
        try:
            piece = sending.piece(self._worker.live, size)
        except OSError:
            self._break_off(number, sending)
            return 0
        self._look_for_room()
        if size <= self._free and window + sending.sent + size <= _WIDEST:
            self._frame(number.to_bytes(4, "big"), piece)
            sending.past += size
        else:
            sending.stream.send_data(piece)
        sending.at += size
        sending.moved, self._unasked = self._worker.tick, 0
        if sending.at == sending.end:
            self._finish(number, sending)
        self.flush()
        return size

    def _finish(self, number: int, sending: _Sending) -> None:
        del self._sendings[number]
        sending.close()
        sending.stream.end_message()
        self._seen = self._worker.tick
        self._worker.meter.fast.add(perf_counter() - sending.began)
        if sending.exchange:
            self._unlogged.append(sending.exchange)

    def _break_off(self, number: int, sending: _Sending) -> None:
        """Reset one stream, so that the others of the connection go on."""
        del self._sendings[number]
        sending.stream.reset()
        self.flush()
        self._log_cut(sending)

    def handle_rst_stream(self, event: zttp.RstStream) -> None:
        """Forget what the client wants no more."""
        if sending := self._sendings.pop(event.stream_id, None):
            self._log_cut(sending)
            self._seen = self._worker.tick
        else:
            super().handle_rst_stream(event)

    # The access log

    def _exchange(self, event: zttp.Request, response: Http2Response) -> LoggedExchange:
        client = self._worker.client(self.client, event.headers)
        line = b"%b %b HTTP/2" % (event.method, event.target)
        host, status = client[0] if client else "", response.opening.status
        return logged_exchange(host, line, event.headers, status, response.octets)

    def _record(self, exchange: LoggedExchange) -> None:
        if self._worker.log:
            self._worker.log.record(exchange)

    def _log_whole(self) -> None:
        for exchange in self._unlogged:
            self._record(exchange)
        self._unlogged.clear()

    def _log_lost(self) -> None:
        """Log what was handed over, and what of it the transport held to the end."""
        behind = sum(exchange.octets for exchange in self._unlogged)
        for exchange in self._unlogged:
            behind -= exchange.octets
            unsent = min(exchange.octets, max(0, self._held - behind))
            self._record(replace(exchange, octets=exchange.octets - unsent, cut=unsent > 0))
        self._unlogged.clear()

    def _log_cut(self, sending: _Sending) -> None:
        sending.close()
        unsent = min(sending.sent, self._held)
        self._held -= unsent
        if sending.exchange:
            self._record(replace(sending.exchange, octets=sending.sent - unsent, cut=True))

    # Called by the server

    @property
    def is_active(self) -> bool:
        """Return whether a request is under way."""
        return bool(self.cycles or self._sendings)

    def expire(self, tick: int) -> None:
        """End what is over a limit: a stream whose window stays closed, or the connection."""
        self._held = self.transport.get_write_buffer_size()
        for number, sending in tuple(self._sendings.items()):
            if tick - sending.moved >= self._worker.limits.stall_seconds:
                self._break_off(number, sending)
        super().expire(tick)

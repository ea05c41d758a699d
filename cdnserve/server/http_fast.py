"""The fast lane: HTTP/1.1 from prepared responses, one look-up after llhttp has accepted a head."""

from __future__ import annotations

import asyncio
from functools import partial
from time import perf_counter
from typing import Unpack

import httptools

from cdnserve.origin.message import Stored
from cdnserve.origin.text_replies import Line
from cdnserve.server.connection import LINGER_SECONDS, Linger, SecureSending, Sending
from cdnserve.server.contents import Awaited
from cdnserve.server.http_asgi import AsgiConnection
from cdnserve.server.metrics_count import UNTIMED
from cdnserve.server.prepared import PreparedResponse
from cdnserve.server.wire import HEAD_TOO_SLOW, TOO_MANY, Acceptance, new_parser, refusal
from cdnserve.server.worker import FromUvicorn, Peer, Worker, address_of_peer

_END = b"\r\n\r\n"
_REFUSED = (httptools.HttpParserError, httptools.HttpParserUpgrade)


class FastConnection(asyncio.Protocol):
    """One connection; from its first request with content or to the application on, the ASGI edge has it."""

    def __init__(self, worker: Worker, **uvicorn: Unpack[FromUvicorn]) -> None:
        self._worker = worker
        self._meter = worker.meter
        self._state = uvicorn["server_state"]
        self._make_asgi = partial(AsgiConnection, worker, **uvicorn)
        self._left: AsgiConnection | None = None  # the connection to the ASGI edge
        self._acceptance = Acceptance()
        self._feed = new_parser(self._acceptance).feed_data
        self._pending = b""  # accepted, but not answered yet: part of a head, or heads that wait
        self._waiting = b""  # not even given to llhttp, for a response is under way
        self._busy = False
        self._peer: Peer | None = None  # where there is an access log
        # From this tick on, if nothing is under way.
        self._closes = worker.tick + 2 if worker.closing else None
        self._linger: Linger | None = None
        self._has_failed = False  # what llhttp said of octets behind a response that is under way
        self._sending: Sending | None = None
        self._awaited: asyncio.Task[None] | None = None  # what brings content that is not here yet
        self._again = b""  # the head that is answered when it has
        self._tried: Stored | None = None
        # The response under way, for the log, and how much of it was left to send as it began.
        self._unlogged: tuple[bytes, PreparedResponse, int] | None = None
        self._began = self._seen = worker.tick  # of the pending head; of the last sign of life
        self._asked = 0.0  # when the head was whole whose response is under way
        self._progress = 0
        self.is_admitted = False  # it is too late to turn it away: a response was begun before there was a transport

    # Called by the transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection, unless there are too many."""
        self.transport = transport
        self._write = transport.write
        self._state.connections.add(self)  # type: ignore[arg-type]
        self._meter.accept()
        if log := self._worker.log:
            self._peer = self._worker.peer(address_of_peer(transport), log)
        if len(self._state.connections) > self._worker.limits.connections and not self.is_admitted:
            self._meter.refuse()
            self._refuse(TOO_MANY)

    def connection_lost(self, exc: Exception | None) -> None:
        """Release everything that the connection held."""
        self._state.connections.discard(self)
        self._log_cut()
        if self._sending:
            self._sending.close()
            self._sending = None

    def data_received(self, data: bytes) -> None:
        """Answer at once one whole head whose relevant lines were seen before; everything else takes the longer way."""
        if self._busy or self._pending:
            self._receive_more(data)
            return
        self._acceptance.complete = 0
        try:
            self._feed(data)
        except _REFUSED as error:
            self._fail(data, error)
            return
        worker, asked = self._worker, 0.0
        whole = self._acceptance.complete == 1 and len(data) <= worker.limits.head
        response = worker.responses.known(data) if whole else None
        if response is None and whole:
            asked = perf_counter()
            response = worker.responses.fill(data)
        if response is None:
            self._began = worker.tick
            self._take_heads(data)
            return
        self._seen = worker.tick
        if response.plain and response.hits & UNTIMED:
            self._write_all(response)
            response.hits += 1
            if self._peer:
                self._note(data, response)
        else:
            self._asked = asked or perf_counter()
            self._acceptance.complete = 0
            self._send_response(response, data, is_last=True)

    def eof_received(self) -> bool:
        """Keep the connection for the response that is under way; who reads on then meets the end again."""
        return self._busy and not self._linger

    def pause_writing(self) -> None:
        """Read no further requests while the client does not take the responses."""
        if isinstance(self._sending, SecureSending):
            self._sending.hold()
        else:
            self._hold()

    def resume_writing(self) -> None:
        """Go on with what waited."""
        if isinstance(self._sending, SecureSending):
            self._sending.go_on()
            return
        self._log_whole()
        if not self._linger and not self._awaited:
            self._release()

    # Called by the server

    def go_on(self, head: bytes, response: PreparedResponse, rest: bytes) -> None:
        """Send the rest of a response that ends the connection; what came before it was sent without a transport."""
        self._write(rest)
        self._meter.count(response, 0.0)
        self._note(head, response)
        self._begin_linger()

    def shutdown(self) -> None:
        """Close soon after what is under way has been sent (uvicorn calls this as it drains)."""
        # Not at once: a request may be on its way. Its response then tells the client that it is the last.
        self._closes = self._worker.tick + 1

    @property
    def is_active(self) -> bool:
        """Return whether a request is under way."""
        return (self._busy or bool(self._pending)) and not self._linger

    def expire(self, tick: int) -> None:
        """End the connection if it is over a limit."""
        limits = self._worker.limits
        if (self._busy and not self._linger) or self.transport.get_write_buffer_size():
            self._expire_stalled(tick, limits.stall_seconds)
        elif self._linger or self.transport.is_closing():
            if tick - self._seen >= LINGER_SECONDS:
                self.transport.abort()
        elif self._closes is not None and tick >= self._closes:
            self._close()
        elif self._pending:
            if tick - self._began >= limits.head_seconds:
                self._refuse(HEAD_TOO_SLOW)
        # Octets that ask for nothing win no time.
        elif tick - self._seen >= limits.idle_seconds:
            self._close()

    def _close(self) -> None:
        self._seen = self._worker.tick
        self.transport.close()

    def _expire_stalled(self, tick: int, seconds: int) -> None:
        progress = self._sending.sent if self._sending else self.transport.get_write_buffer_size()
        if progress != self._progress:
            self._progress, self._seen = progress, tick
        elif tick - self._seen >= seconds:
            self.transport.abort()

    # The longer way

    def _receive_more(self, data: bytes) -> None:
        if self._linger:
            self._linger.drop(data)
        elif self._busy:
            self._waiting += data
        else:
            self._accept(data)

    def _accept(self, data: bytes) -> None:
        try:
            self._feed(data)
        except _REFUSED as error:
            self._fail(data, error)
        else:
            self._take_heads(data)

    def _take_heads(self, data: bytes) -> None:
        """Answer each whole head, in order; `data` has been fed to llhttp."""
        # RFC 9112 §2.2: empty lines before a request line are ignored, as llhttp did.
        buffer = (self._pending + data).lstrip(b"\r\n")
        self._pending = b""
        while (end := buffer.find(_END) + len(_END)) >= len(_END) and not self._busy:
            head = buffer[:end]
            self._asked = perf_counter()
            is_ours = end <= self._worker.limits.head and self._acceptance.take()
            try:
                response = self._worker.responses.find(head) if is_ours else None
            except Awaited as awaited:
                if self._tried != awaited.stored:
                    self._await(awaited.stored, head)
                    buffer = buffer[end:]
                    break
                response = None  # it was waited for in vain, which the ASGI edge has to tell
            if response is None:
                self._delegate(buffer)
                return
            buffer = buffer[end:].lstrip(b"\r\n")
            self._began = self._seen = self._worker.tick
            self._send_response(response, head, is_last=not buffer)
            if self._left:
                self._left.data_received(buffer)
            if self._left or self._linger:
                return
        # A head too large, or a request that llhttp sees where we see none (HTTP/0.9), is the ASGI edge's to refuse.
        if not self._busy and (self._acceptance.complete or len(buffer) > self._worker.limits.head):
            self._delegate(buffer)
        else:
            self._pending = buffer

    def _send_response(self, response: PreparedResponse, head: bytes, *, is_last: bool) -> None:
        self._unlogged = (head, response, 0)
        if response.stored is not None:
            self._send_large(response, response.stored, head)
            # What was left to the ASGI edge is counted there, and what is not here yet when it is.
            if not self._left and not self._awaited:
                self._meter.add(response.tally)
            return
        self._write_all(response)
        self._meter.count(response, perf_counter() - self._asked)
        self._note(head, response)
        if not response.close:
            return
        # RFC 9112 §9.6: who asked for the end sends nothing more, so there is nothing to wait for.
        if is_last and not self._busy and not self._worker.closing and self.transport.can_write_eof():
            self._close()
        else:
            self._begin_linger()

    def _write_all(self, response: PreparedResponse) -> None:
        if response.is_long:
            self.transport.writelines((response.opening.octets, response.tail))  # without a copy of all of it
        else:
            self._write(response.opening.octets + response.tail)

    def _note(self, head: bytes, response: PreparedResponse) -> None:
        self._unlogged = (head, response, self.transport.get_write_buffer_size() if self._busy else 0)
        if not self._busy:  # else the client has not taken all of it yet
            self._log(None)

    def _log_whole(self) -> None:
        self._log(None)

    def _log_cut(self) -> None:
        if self._unlogged:
            _, response, left = self._unlogged
            sent = self._sending.sent if self._sending else response.octets - (self._progress or left)
            self._log(max(0, sent))

    def _log(self, sent: int | None) -> None:
        if self._unlogged and self._peer and (log := self._worker.log):
            head, response, _ = self._unlogged
            self._worker.note(self._peer, head, response, log, sent)
        self._unlogged = None

    def _send_large(self, response: PreparedResponse, stored: Stored, head: bytes) -> None:
        transport, on_end = self.transport, partial(self._sent, close=response.close)
        is_secure = transport.get_extra_info("sslcontext") is not None
        # What the transport still holds goes first: the ASGI edge waits for that.
        if transport.get_write_buffer_size() and not is_secure:
            self._delegate(head)
            return
        contents = self._worker.live.contents
        sending: Sending
        try:
            if is_secure:
                sending = SecureSending(transport, on_end)
            else:
                descriptor = transport.get_extra_info("socket").fileno()
                sending = Sending(asyncio.get_running_loop(), descriptor, on_end)
            self._sending = sending
            sending.begin(response.opening.octets + response.tail, stored, contents)
        except OSError:
            self._sending = None
            if contents.is_partial and self._tried != stored:
                self._await(stored, head)
            else:
                self._delegate(head)
        else:
            if self._sending is sending:  # still
                self._hold()

    def _await(self, stored: Stored, head: bytes) -> None:
        """Have content brought that is not here yet; then the head is answered, whatever has come of that."""
        self._unlogged = None
        self._acceptance.complete += 1
        self._again = head
        self._hold()
        self._awaited = asyncio.create_task(self._worker.live.contents.provide(stored))
        self._awaited.add_done_callback(partial(self._provided, stored))

    def _provided(self, stored: Stored, task: asyncio.Task[None]) -> None:
        self._tried, self._awaited = stored, None
        if not task.cancelled():
            task.exception()  # who answers now meets it again
        if not self.transport.is_closing():
            self._pending, self._again = self._again + self._pending, b""
            self._release()
        self._tried = None

    def _sent(self, complete: bool, *, close: bool) -> None:
        if not complete:
            self._log_cut()
            self._sending = None
            self.transport.abort()
            return
        self._sending = None
        self._log_whole()
        self._meter.fast.add(perf_counter() - self._asked)
        if close:
            self._begin_linger()
        elif self._busy:
            self._release()

    def _hold(self) -> None:
        self._busy = True
        self._progress = 0
        self._seen = self._worker.tick
        self.transport.pause_reading()

    def _release(self) -> None:
        if self._closes is not None:
            self._closes = self._worker.tick + 2  # a whole second at least: the current one is partly over
        self._busy = False
        self._began = self._seen = self._worker.tick
        self.transport.resume_reading()
        if self._pending:
            self._take_heads(b"")
        if self._has_failed and not self._busy and not self._left:
            self._delegate(self._pending)
        if self._waiting and not self._busy and not self.transport.is_closing():
            data, self._waiting = self._waiting, b""
            (self._left.data_received if self._left else self._accept)(data)

    def _delegate(self, octets: bytes) -> None:
        """Leave the connection to the ASGI edge, with the octets that have no response yet: it logs that, too."""
        self._unlogged = None
        self._pending = b""
        self._state.connections.discard(self)
        self._left = self._make_asgi()
        self._left.take_over(self.transport)
        self.transport.set_protocol(self._left)
        self._left.data_received(octets)

    def _fail(self, data: bytes, error: Exception) -> None:
        """Answer what llhttp had accepted before it refused the rest, which is for the ASGI edge to judge."""
        if self._acceptance.complete and not isinstance(error, httptools.HttpParserUpgrade):
            self._take_heads(data)
            data = b""  # what is left of it is pending
        if self._left or self._linger:
            return
        if self._busy:
            self._has_failed = True  # what was accepted before is answered first
        else:
            self._delegate(self._pending + data)

    def _refuse(self, line: Line) -> None:
        response = refusal(line, self._worker.openings.date)
        self._worker.count_refusal("fast", self._peer.host if self._peer else "", response)
        self._write(response)
        self._begin_linger()

    def _begin_linger(self) -> None:
        """Close when the client has taken the last response; what still comes is dropped."""
        if self._busy:
            self.transport.resume_reading()
        self._busy = True
        self._pending = self._waiting = b""
        self._seen = self._worker.tick
        self._linger = Linger(self.transport)

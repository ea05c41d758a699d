"""The fast lane: a uvicorn protocol that writes prepared answers, one dictionary look-up after llhttp.

Never parses: llhttp accepts every head before it is answered. Never decides: `origin.respond` did.
"""

from __future__ import annotations

import asyncio
from functools import partial
from time import perf_counter
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.utils import get_remote_addr
from uvicorn.server import ServerState

from cdnserve.origin import Stored
from cdnserve.origin.replies import Line
from cdnserve.server.acceptance import Acceptance
from cdnserve.server.answers import Answer
from cdnserve.server.asgilane import LINGER_SECONDS, AsgiLane
from cdnserve.server.lane import Lane, Peer
from cdnserve.server.metrics.meter import UNTIMED
from cdnserve.server.sending import Sending
from cdnserve.server.wire import HEAD_TOO_LARGE, HEAD_TOO_SLOW, TOO_MANY, malformed, part, refusal

_END = b"\r\n\r\n"
_REFUSED = (httptools.HttpParserError, httptools.HttpParserUpgrade)


class FastLane(asyncio.Protocol):
    """One connection; from its first request with content or to the application on, the ASGI edge has it."""

    def __init__(
        self,
        lane: Lane,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._lane = lane
        self._meter = lane.meter
        self._state = server_state
        self._make_asgi = partial(AsgiLane, lane, config, server_state, app_state, _loop)
        self._left: AsgiLane | None = None  # the connection to the ASGI edge
        self._acceptance = Acceptance()
        self._feed = self._acceptance.parser.feed_data
        self._pending = b""  # accepted, but not answered yet: part of a head, or heads that wait
        self._waiting = b""  # not even given to llhttp, for a response is under way
        self._busy = False
        self._peer: Peer | None = None  # once the access log asks for it
        # From this tick on, if nothing is under way.
        self._leaves = lane.tick + 2 if lane.closing else None
        self._lingers = False
        self._failed: Exception | None = None  # llhttp's, behind a response that is under way
        self._sending: Sending | None = None
        self._began = self._seen = lane.tick  # of the pending head; of the last sign of life
        self._asked = 0.0  # when the head was whole whose answer is under way
        self._progress = 0

    # What the transport tells

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection, unless there are too many."""
        self.transport = transport
        self._write = transport.write
        self._state.connections.add(self)  # type: ignore[arg-type]
        self._meter.accept()
        if len(self._state.connections) > self._lane.limits.connections:
            self._meter.refuse()
            self._refuse(TOO_MANY)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give everything back that the connection held."""
        self._state.connections.discard(self)
        if self._sending:
            self._sending.close()
            self._sending = None

    def data_received(self, data: bytes) -> None:
        """Answer at once one whole head whose parts were seen before; everything else takes the longer way."""
        if self._busy or self._pending:
            self._receive_more(data)
            return
        self._acceptance.complete = 0
        try:
            self._feed(data)
        except _REFUSED as error:
            self._fail(data, error)
            return
        lane = self._lane
        self._seen = lane.tick
        line, _, block = data.partition(b"\r\n")
        answers = lane.answers
        try:
            answer = answers.lines[line][answers.blocks[block]]
        except KeyError:
            self._began = lane.tick
            self._take_heads(data)
            return
        # A known block ends the head, and one with content is never remembered: so this is all there is.
        if answer.plain and lane.log is None and answer.hits & UNTIMED:
            self._write(answer.opening.octets + answer.tail)
            answer.hits += 1
        else:
            self._asked = perf_counter()
            self._give(answer, data)

    def pause_writing(self) -> None:
        """Read no further requests while the client does not take the answers."""
        self._hold()

    def resume_writing(self) -> None:
        """Go on with what waited."""
        if not self._lingers:
            self._release()

    # What the server tells

    def shutdown(self) -> None:
        """Close soon after what is under way has been sent (uvicorn calls this as it drains)."""
        # Not at once: a request may be on its way. Its answer then tells the client that it is the last.
        self._leaves = self._lane.tick + 1

    @property
    def is_active(self) -> bool:
        """Tell whether a request is under way."""
        return (self._busy or bool(self._pending)) and not self._lingers

    def expire(self, tick: int) -> None:
        """End the connection if it is over a limit."""
        limits = self._lane.limits
        unsent = self._busy or self.transport.get_write_buffer_size()
        if self._lingers or (self.transport.is_closing() and not unsent):
            if tick - self._seen >= LINGER_SECONDS:
                self.transport.abort()
        elif unsent:
            self._expire_stalled(tick, limits.stall_seconds)
        elif self._leaves is not None and tick >= self._leaves:
            self.transport.close()
        elif self._pending:
            if tick - self._began >= limits.head_seconds:
                self._refuse(HEAD_TOO_SLOW)
        elif tick - self._seen >= limits.idle_seconds:
            self.transport.close()

    def _expire_stalled(self, tick: int, seconds: int) -> None:
        progress = self._sending.sent if self._sending else self.transport.get_write_buffer_size()
        if progress != self._progress:
            self._progress, self._seen = progress, tick
        elif tick - self._seen >= seconds:
            self.transport.abort()

    # The longer way

    def _receive_more(self, data: bytes) -> None:
        if not self._busy:
            self._accept(data)
        elif not self._lingers:
            self._waiting += data

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
            if end > self._lane.limits.head:
                break
            self._asked = perf_counter()
            answer = self._lane.answers.find(head) if self._acceptance.take() else None
            if answer is None:
                self._delegate(buffer)
                return
            buffer = buffer[end:].lstrip(b"\r\n")
            self._began = self._seen = self._lane.tick
            self._give(answer, head)
            if self._left:
                self._left.data_received(buffer)
            if self._left or self.transport.is_closing():
                return
        self._keep(buffer)

    def _keep(self, buffer: bytes) -> None:
        if not self._busy and len(buffer) > self._lane.limits.head:
            self._refuse(HEAD_TOO_LARGE)
        else:
            self._pending = buffer

    def _give(self, answer: Answer, head: bytes) -> None:
        if answer.stored is not None:
            self._send_large(answer, answer.stored, head)
            if self._left:  # what was left to the ASGI edge is counted and logged there
                return
            self._meter.add(answer.tally)
        else:
            self._write(answer.opening.octets + answer.tail)
            self._meter.count(answer, perf_counter() - self._asked)
            if answer.close:
                self.transport.close()
        if log := self._lane.log:
            self._peer = self._peer or self._lane.peer(self._host(), log)
            self._lane.note(self._peer, head, answer, log)

    def _host(self) -> str:
        address = get_remote_addr(self.transport)
        return address[0] if address else ""

    def _send_large(self, answer: Answer, stored: Stored, head: bytes) -> None:
        transport = self.transport
        # What the transport still holds goes first, and TLS must see every octet: the ASGI edge does both.
        if transport.get_write_buffer_size() or transport.get_extra_info("sslcontext"):
            self._delegate(head)
            return
        descriptor = transport.get_extra_info("socket").fileno()
        self._sending = Sending(asyncio.get_running_loop(), descriptor, partial(self._sent, close=answer.close))
        try:
            self._sending.begin(answer.opening.octets + answer.tail, self._lane.live.store.blob(stored.sha256), stored)
        except OSError:
            self._sending = None
            self._delegate(head)
        if self._sending:
            self._hold()

    def _sent(self, complete: bool, *, close: bool) -> None:
        self._sending = None
        if not complete:
            self.transport.abort()
            return
        self._meter.fast.add(perf_counter() - self._asked)
        if close:
            self.transport.close()
        elif self._busy:
            self._release()

    def _hold(self) -> None:
        self._busy = True
        self._progress = 0
        self._seen = self._lane.tick
        self.transport.pause_reading()

    def _release(self) -> None:
        if self._leaves is not None:
            self._leaves = self._lane.tick + 2  # a whole second at least, for the next one began somewhen
        self._busy = False
        self._began = self._seen = self._lane.tick
        self.transport.resume_reading()
        if self._pending:
            self._take_heads(b"")
        if self._failed and not self._busy:
            self._fail(b"", self._failed)
        if self._waiting and not self._busy and not self.transport.is_closing():
            data, self._waiting = self._waiting, b""
            (self._left.data_received if self._left else self._accept)(data)

    def _delegate(self, octets: bytes) -> None:
        """Leave the connection to the ASGI edge, with the octets that have no answer yet."""
        self._state.connections.discard(self)
        self._left = self._make_asgi()
        self._left.take_over(self.transport)
        self.transport.set_protocol(self._left)
        self._left.data_received(octets)

    def _fail(self, data: bytes, error: Exception) -> None:
        """Answer what llhttp had accepted before it refused the rest."""
        if isinstance(error, httptools.HttpParserUpgrade):
            self._delegate(self._pending + data)
            return
        if self._acceptance.complete:
            self._take_heads(data)
            data = b""  # what is left of it is pending
        if self._busy:
            self._failed = error  # what was accepted before is answered first
        elif not self._left and not self.transport.is_closing():
            self._end(malformed(error, self._pending + data, self._lane.openings.date))

    def _refuse(self, line: Line) -> None:
        self._end(refusal(line, self._lane.openings.date))

    def _end(self, response: bytes) -> None:
        """Send a last response; what still comes is dropped."""
        self._busy = self._lingers = True
        self._pending = self._waiting = b""
        self._seen = self._lane.tick
        self._lane.count_refusal("fast", self._host(), response)
        part(self.transport, response)

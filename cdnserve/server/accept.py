"""Taking connections: a request that is known, and the last of its connection, is answered on the spot.

Whoever asks for one thing a connection (as nginx does of an upstream, unless told otherwise) sends all of its request
at once. A transport of the event loop would cost more than the answer, so only other connections get one.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from time import perf_counter
from typing import cast

import httptools

from cdnserve.server.connection import is_out_of_descriptors
from cdnserve.server.http_fast import FastConnection
from cdnserve.server.metrics_count import UNTIMED
from cdnserve.server.prepared import PreparedResponse
from cdnserve.server.wire import Acceptance, new_parser
from cdnserve.server.worker import Address, Worker

# How long a client may say nothing until the kernel has us take its connection all the same, in seconds.
_QUIET_SECONDS = 1
# What one turn of the event loop takes, so that the connections under way get theirs.
_TURN = 32
_READ = 16 * 1024
# A new connection takes this much at once, but for rare cases; a longer response is left to a transport.
_LONGEST = 16 * 1024
# How long nobody is taken after a failure that turning away doesn't mend.
_PAUSE_SECONDS = 1.0
_REFUSED = (httptools.HttpParserError, httptools.HttpParserUpgrade)


def defers(listener: socket.socket) -> bool:
    """Have the kernel keep each connection until its client has said something; return whether it does.

    Only Linux has this, and of TCP alone (tcp(7)). Without it hardly a request is there as its connection is taken.
    """
    try:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, _QUIET_SECONDS)
    except (AttributeError, OSError):
        return False
    return True


class Acceptor:
    """Takes the connections of a listening socket; `is_full` tells whether there are as many as may be.

    `make` makes the protocol of a connection that gets a transport.
    """

    def __init__(
        self, listener: socket.socket, worker: Worker, is_full: Callable[[], bool], make: Callable[[], FastConnection]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        # accept() would make a socket of several objects of Python's, and most of them end with the answer.
        self._accept = listener._accept  # type: ignore[attr-defined]
        # Asking the socket for its family takes longer than the answer's look-up.
        self._family = listener.family
        self._worker = worker
        self._is_full = is_full
        self._make = make
        self._under_way: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None
        self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def begin(self) -> None:
        """Take connections from now on."""
        self._pause = None
        self._listener.setblocking(False)
        self._loop.add_reader(self._listener, self._take)

    def end(self) -> None:
        """Take no more; the socket is left open."""
        if self._pause:
            self._pause.cancel()
        self._loop.remove_reader(self._listener)
        if self._spare >= 0:
            os.close(self._spare)

    def _take(self) -> None:
        for _ in range(_TURN):
            try:
                descriptor, address = self._accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._rest(error)
                return
            connection = socket.SocketType(self._family, socket.SOCK_STREAM, 0, descriptor)
            try:
                data = connection.recv(_READ, socket.MSG_DONTWAIT)
            except OSError:  # nothing is here yet; or the client has gone, as a transport will see
                data = b""
            response = self._known(data) if data and not self._is_full() else None
            if response:
                self._answer(connection, address[:2], data, response)
            else:
                made = self._make()
                self._hand_over(connection, made, partial(_receive, made, data))

    def _rest(self, error: OSError) -> None:
        """Wait a moment, or the event loop would do nothing else: the socket stays readable."""
        if is_out_of_descriptors(error):
            self._worker.live.shortage.log()
            if self._turn_away():
                return
        self._loop.remove_reader(self._listener)
        self._pause = self._loop.call_later(_PAUSE_SECONDS, self.begin)

    def _turn_away(self) -> bool:
        """Close connections that would wait, with a descriptor kept for this; return whether it could be kept again."""
        if self._spare >= 0:
            os.close(self._spare)
            self._spare = -1
            with suppress(OSError):
                for _ in range(_TURN):
                    descriptor, _ = self._accept()
                    os.close(descriptor)
        with suppress(OSError):
            self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        return self._spare >= 0

    def _known(self, data: bytes) -> PreparedResponse | None:
        """Return the response to one whole request that is the last of its connection, where it is known and short."""
        if self._worker.closing:  # it is our wish then, and the client may be asking on
            return None
        acceptance = Acceptance()
        try:
            new_parser(acceptance).feed_data(data)
        except _REFUSED:
            return None
        if acceptance.complete != 1 or len(data) > self._worker.limits.head:
            return None
        response = self._worker.responses.known(data)
        is_ours = response and response.close and response.stored is None and len(response.tail) <= _LONGEST
        return response if is_ours else None

    def _answer(self, connection: socket.SocketType, address: Address, head: bytes, response: PreparedResponse) -> None:
        began = 0.0 if response.hits & UNTIMED else perf_counter()
        octets = response.opening.octets + response.tail
        try:
            sent = connection.send(octets, socket.MSG_DONTWAIT)
        except OSError:  # the client has gone, or the kernel has no room
            sent = 0
        if sent < len(octets):
            made = self._make()
            made.is_admitted = True
            self._hand_over(connection, made, partial(made.go_on, head, response, octets[sent:]))
            return
        connection.close()
        worker = self._worker
        worker.meter.accept()
        if began:
            worker.meter.count(response, perf_counter() - began)
        else:
            response.hits += 1
        if worker.log:
            worker.note(worker.peer(address, worker.log), head, response, worker.log)

    def _hand_over(self, connection: socket.SocketType, made: FastConnection, begin: Callable[[], None]) -> None:
        """Let the event loop have the connection; what was read of it, or is left to be sent, comes first."""
        whole = socket.socket(self._family, socket.SOCK_STREAM, 0, connection.detach())
        whole.setblocking(False)
        protocol = _Beginning(self._loop, made, begin)
        task = self._loop.create_task(self._attach(protocol, whole))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _attach(self, protocol: asyncio.Protocol, connection: socket.socket) -> None:
        with suppress(OSError):  # the client has gone
            await self._loop.connect_accepted_socket(lambda: protocol, connection)


def _receive(connection: FastConnection, data: bytes) -> None:
    if data:
        connection.data_received(data)


class _Beginning(asyncio.Protocol):
    """A connection until its transport reads, for before that it can't be paused; `begin` comes before what is read."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connection: FastConnection, begin: Callable[[], None]) -> None:
        self._loop, self._connection, self._begin = loop, connection, begin
        self._early = b""
        self._has_ended = self._is_lost = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        self._loop.call_soon(self._go)

    def data_received(self, data: bytes) -> None:
        self._early += data

    def eof_received(self) -> bool:
        self._has_ended = True
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True

    def _go(self) -> None:
        """Let the connection see all in order, as if it had been there from the first."""
        connection, transport = self._connection, self._transport
        connection.connection_made(transport)
        if self._is_lost:
            connection.connection_lost(None)
            return
        transport.set_protocol(connection)
        self._begin()
        # Perhaps the connection has left the rest to the ASGI edge.
        if self._early and not transport.is_closing():
            cast(asyncio.Protocol, transport.get_protocol()).data_received(self._early)
        if self._has_ended and not transport.is_closing():
            keeps_open = cast(asyncio.Protocol, transport.get_protocol()).eof_received()
            if not keeps_open:
                transport.close()

"""What connections have in common: deadlines, a lingering close (RFC 9112 §9.6), sending files, running out of them."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import resource
import socket
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Protocol

from cdnserve.origin.message import Stored
from cdnserve.server.access_log import DESCRIPTORS, event
from cdnserve.server.contents import Contents, too_short

logger = logging.getLogger("cdnserve")

# What one turn of the event loop may send, so that others get theirs.
_TURN = 4 * 1024 * 1024
# What is encrypted at once: more of it would leave the processor's cache before it is sent.
_SECURE_PIECE = 128 * 1024
_MSG_MORE = getattr(socket, "MSG_MORE", 0)
# How long, and how much, a client may still send to a connection whose last response is on its way.
LINGER_SECONDS = 2
LINGER_OCTETS = 1024 * 1024


class Expiring(Protocol):
    """A connection that knows when it has been held up for too long."""

    def expire(self, tick: int) -> None:
        """End the connection if it is over a limit; `tick` counts seconds."""


class Connection(Expiring, Protocol):
    """A connection of any kind, also one whose keys are not agreed on yet."""

    transport: asyncio.Transport

    @property
    def is_active(self) -> bool:
        """Return whether a request is under way."""


def sweep(connections: Iterable[Expiring], tick: int) -> None:
    """Let each connection look at the clock."""
    for connection in tuple(connections):
        connection.expire(tick)


class Linger:
    """A connection whose last response was written: what still comes is read and dropped, within bounds.

    Closing at once, with octets that were not read, could cost the client that response (RFC 9112 §9.6).
    """

    __slots__ = ("_left", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._left = LINGER_OCTETS
        if transport.can_write_eof():
            transport.write_eof()
        else:
            # TLS ends both ways at once; its own end, too, reads and drops what comes.
            transport.close()

    def drop(self, data: bytes) -> None:
        """Drop what came."""
        self._left -= len(data)
        if self._left < 0:
            self._transport.abort()


class Sending:
    """One response on its way from a file; `on_end` learns whether all of it was sent.

    The transport owns its descriptor and refuses a second watcher of it: so a duplicate is written to.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, connection: int, on_end: Callable[[bool], None]) -> None:
        self._loop = loop
        # Family and type are only said so that Python need not ask the kernel for them.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno=os.dup(connection))
        self._file = -1
        self._on_end = on_end
        self._waits = False
        self.sent = 0

    def begin(self, head: bytes, stored: Stored, contents: Contents) -> None:
        """Send the head and as much of the content as the socket takes; raises OSError for a blob not (yet) proved."""
        self._head, self._start, self._at, self._end = head, stored.start, stored.start, stored.start + stored.length
        try:
            self._file = contents.open_blob(stored.sha256)
            status = os.fstat(self._file)
            if status.st_size < self._end:
                raise too_short()
            self._is_damaged = contents.doubts(stored.sha256, status)
            if not contents.is_proved(stored.sha256, status):
                raise OSError("the blob has to be read before it is sent")
        except OSError:
            self.close()
            raise
        self._turn()

    def _turn(self) -> None:
        try:
            self._send()
        except BlockingIOError:
            self._wait()
        except OSError:
            self._finish(complete=False)
        else:
            if self._at >= self._end:
                self._finish(complete=True)

    def _send(self) -> None:
        """Send up to a turn's octets; raises OSError for a blob that is not to be sent any further."""
        if self._is_damaged():
            raise OSError("the blob was found damaged while it was sent")
        while self._head:
            # The head waits for the content that follows, so that both go in full segments.
            count = self._socket.send(self._head, _MSG_MORE)
            self._head = self._head[count:]
        left = _TURN
        while self._at < self._end and left > 0:
            count = os.sendfile(self._socket.fileno(), self._file, self._at, min(self._end - self._at, left))
            if count == 0:
                raise too_short()
            self._at += count
            self.sent += count
            left -= count
        if self._at < self._end:
            raise BlockingIOError

    def _wait(self) -> None:
        if not self._waits:
            self._waits = True
            self._loop.add_writer(self._socket, self._turn)

    def _finish(self, *, complete: bool) -> None:
        self.close()
        self._on_end(complete)

    def close(self) -> None:
        """Close the descriptors; what isn't sent is not sent any more."""
        if self._waits:
            self._waits = False
            self._loop.remove_writer(self._socket)
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        self._socket.close()


class SecureSending(Sending):
    """The same under TLS, where the transport must see every octet: it gets a piece when it has sent the one before."""

    def __init__(self, transport: asyncio.Transport, on_end: Callable[[bool], None]) -> None:
        self._transport = transport
        self._file, self._on_end, self._waits, self.sent = -1, on_end, False, 0
        transport.set_write_buffer_limits(_SECURE_PIECE)

    def hold(self) -> None:
        """Wait: the transport has enough."""
        self._waits = True

    def go_on(self) -> None:
        """Go on: the transport has sent what it had."""
        self._waits = False
        self._turn()

    def _send(self) -> None:
        if self._is_damaged():
            raise OSError("the blob was found damaged while it was sent")
        while (self._head or self._at < self._end) and not self._waits:
            self.sent = self._at - self._start
            content = os.pread(self._file, min(_SECURE_PIECE, self._end - self._at), self._at)
            if not content and self._at < self._end:
                raise too_short()
            head, self._head, self._at = self._head, b"", self._at + len(content)
            self._transport.write(head + content)
        if self._waits:
            raise BlockingIOError
        self.sent = self._at - self._start

    def _wait(self) -> None:
        pass  # the transport says when to go on

    def close(self) -> None:
        """Close the descriptor; what isn't handed over is not sent any more."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            self._transport.set_write_buffer_limits()


class DescriptorShortage:
    """Logs that the process has no descriptor left, once a minute at most."""

    _PAUSE_SECONDS = 60

    def __init__(self) -> None:
        self._logged_at = -float(self._PAUSE_SECONDS)

    def check(self) -> None:
        """Check that one is left, for nobody hears of a connection that could not be accepted."""
        try:
            os.close(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        except OSError as error:
            if is_out_of_descriptors(error):
                self.log()

    def log(self) -> None:
        """Log the shortage, unless that was done a moment ago."""
        if monotonic() - self._logged_at < self._PAUSE_SECONDS:
            return
        self._logged_at = monotonic()
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        logger.error(
            "too many open files, the limit is %d: clients get 503 or no answer; raise it (LimitNOFILE=, ulimit -n)",
            limit,
            extra=event(DESCRIPTORS, limit=limit),
        )


def is_out_of_descriptors(error: BaseException | None) -> bool:
    """Return whether an error says that the process, or the system, has no descriptor left."""
    return isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE)

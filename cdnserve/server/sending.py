"""Large content: from the page cache to the socket with sendfile, past the heap and the transport.

Never blocks, and never holds more than the head of a response in memory.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path

from cdnserve.origin import Stored
from cdnserve.server.live import too_short

# What one turn of the event loop may send, so that others get theirs.
_TURN = 4 * 1024 * 1024
IsProved = Callable[[bytes, os.stat_result], bool]
_MSG_MORE = getattr(socket, "MSG_MORE", 0)


class Sending:
    """One response on its way; `on_end` is told whether all of it was sent.

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

    def begin(self, head: bytes, blob: Path, stored: Stored, is_proved: IsProved) -> None:
        """Send the head and as much of the content as the socket takes; raises OSError for a blob not (yet) proved."""
        self._head, self._at, self._end = head, stored.start, stored.start + stored.length
        try:
            self._file = os.open(blob, os.O_RDONLY)
            status = os.fstat(self._file)
            if status.st_size < self._end:
                raise too_short()
            if not is_proved(stored.sha256, status):
                raise _unproved()
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
        """Send up to a turn's octets."""
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
        """Give the descriptors back; what isn't sent is not sent any more."""
        if self._waits:
            self._waits = False
            self._loop.remove_writer(self._socket)
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        self._socket.close()


def _unproved() -> OSError:
    return OSError("the blob has to be read before it is sent")

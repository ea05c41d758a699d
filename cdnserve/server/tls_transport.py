"""A transport that speaks TLS (RFC 8446) over another one, with OpenSSL between two buffers in memory.

The event loop's own asks OpenSSL once more after each record, to be told by an exception that there is none.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from typing import Any, cast

from cdnserve.server.connection import Linger

# RFC 8446 §5.1: what a record holds at most.
_RECORD = 16 * 1024


class TlsSession:
    """The server's end of one TLS session: octets go in and come out, whoever carries them."""

    __slots__ = ("context", "incoming", "outgoing", "tls")

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)


class TlsTransport(asyncio.Transport, asyncio.Protocol):
    """What a protocol writes to, and the protocol of the transport below; its handshake is done.

    After `close` what still comes is dropped within bounds, until the other end closes too: its last response could be
    lost otherwise (RFC 9112 §9.6, RFC 8446 §6.1). For how long is the protocol's to say, as it sees the time pass.
    """

    def __init__(self, below: asyncio.Transport, session: TlsSession) -> None:
        super().__init__()
        self._below = below
        self._context, self._tls = session.context, session.tls
        self._incoming, self._outgoing = session.incoming, session.outgoing
        # Each is called for every request.
        self._decrypt, self._encrypt, self._encrypted = session.tls.read, session.tls.write, session.outgoing.read
        self._send = below.write
        self._linger: Linger | None = None
        self._is_held = self._is_closing = False

    def begin(self, protocol: asyncio.Protocol) -> None:
        """Let a protocol have the connection, and what came in one segment with the end of the handshake."""
        self.set_protocol(protocol)
        self._below.set_protocol(self)
        protocol.connection_made(self)
        self._read_on()

    # Called by the protocol above

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Let another protocol have what comes from now on."""
        self._protocol = cast(asyncio.Protocol, protocol)
        self._receive = self._protocol.data_received

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return who has what comes."""
        return self._protocol

    def get_extra_info(self, name: str, default: object = None) -> Any:  # noqa: ANN401
        """Return a fact of the session, or of the transport below."""
        if name == "sslcontext":
            return self._context
        return self._tls if name == "ssl_object" else self._below.get_extra_info(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt and send."""
        if data and not self._is_closing:
            # OpenSSL takes a record at a time.
            sent = self._encrypt(data)
            if sent < len(data):
                self._encrypt_all(memoryview(data)[sent:])
            self._send(self._encrypted())

    def writelines(self, pieces: Iterable[bytes | bytearray | memoryview]) -> None:
        """Encrypt each piece, and send them together."""
        if not self._is_closing:
            for piece in pieces:
                self._encrypt_all(memoryview(piece))
            self._send(self._encrypted())

    def _encrypt_all(self, data: memoryview) -> None:
        while data:
            data = data[self._encrypt(data) :]

    def can_write_eof(self) -> bool:
        """Return that there is no closing one direction only."""
        return False

    def pause_reading(self) -> None:
        """Keep what comes from the protocol, and take little more."""
        if not self._is_closing:
            self._is_held = True
            self._below.pause_reading()

    def resume_reading(self) -> None:
        """Let the protocol have what has come meanwhile, but not before it returns."""
        if self._is_held and not self._is_closing:
            self._is_held = False
            self._below.resume_reading()
            if self._incoming.pending:
                asyncio.get_running_loop().call_soon(self._read_on)

    def get_write_buffer_size(self) -> int:
        """Return how many octets wait, encrypted."""
        return self._below.get_write_buffer_size()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return from how many octets the protocol is paused, and resumed: low, high."""
        return self._below.get_write_buffer_limits()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set from how many octets the protocol is paused, and resumed."""
        self._below.set_write_buffer_limits(high, low)

    def is_closing(self) -> bool:
        """Return whether nothing more can be written."""
        return self._is_closing or self._below.is_closing()

    def close(self) -> None:
        """End after what was written: the other end is told that nothing follows, and may close too."""
        if self._is_closing:
            return
        self._is_closing = True
        try:
            self._tls.unwrap()
            is_over = True
        except ssl.SSLError:  # the other end has not closed yet, or something is wrong with it
            is_over = False
        self._send_pending()
        if is_over:
            self._below.close()
        elif not self._below.is_closing():
            self._linger = Linger(self._below)
            self._below.resume_reading()

    def abort(self) -> None:
        """End at once."""
        self._is_closing = True
        self._below.abort()

    # Called by the transport below

    def data_received(self, data: bytes) -> None:
        """Decrypt what came for the protocol."""
        if self._is_closing:
            if self._linger:
                self._linger.drop(data)
            return
        self._incoming.write(data)
        if not self._is_held:
            self._read()

    def _read_on(self) -> None:
        if self._incoming.pending and not self._is_held and not self._is_closing:
            self._read()

    def _read(self) -> None:
        try:
            while True:
                data = self._decrypt(_RECORD)
                if not data:  # the other end's close_notify
                    self._end()
                    return
                self._receive(data)
                if not self._incoming.pending or self._is_held or self._is_closing:
                    return
        except ssl.SSLWantReadError:  # part of a record, or a message of TLS's own, which may want an answer
            self._send_pending()
        except ssl.SSLError:
            # OpenSSL has an alert for the other end (RFC 8446 §6.2), and can do nothing more.
            self._is_closing = True
            self._send_pending()
            self._below.close()

    def _send_pending(self) -> None:
        if self._outgoing.pending and not self._below.is_closing():
            self._send(self._encrypted())

    def _end(self) -> None:
        self._protocol.eof_received()
        self.close()

    def eof_received(self) -> bool:
        """End both directions, whatever the protocol thinks of it: TLS has no half of them."""
        if not self._is_closing:
            self._end()
        return False

    def pause_writing(self) -> None:
        """Let the protocol know that much waits."""
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Let the protocol know that little waits."""
        self._protocol.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the protocol know that it is over."""
        self._is_closing = True
        self._protocol.connection_lost(exc)

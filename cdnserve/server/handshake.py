"""TLS handshakes (RFC 8446 §2): what a connection is until its keys are agreed on."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Unpack, cast

from cdnserve.server.connection import Connection
from cdnserve.server.tls import CertificateFiles
from cdnserve.server.tls_transport import TlsSession, TlsTransport
from cdnserve.server.worker import FromUvicorn, Worker


@dataclass(frozen=True, slots=True)
class TlsContext:
    """What all handshakes of a worker share; `protocols` make connections, by what was negotiated (RFC 7301)."""

    worker: Worker
    certificate: CertificateFiles
    protocols: Mapping[str, Callable[..., asyncio.Protocol]]


class Handshake(asyncio.Protocol):
    """One connection that counts among the others, but can't be asked yet."""

    is_active = False

    def __init__(self, tls: TlsContext, **uvicorn: Unpack[FromUvicorn]) -> None:
        self._tls = tls
        self._uvicorn = uvicorn
        self._connections = cast(set[Connection], uvicorn["server_state"].connections)
        self._ends = tls.worker.tick + tls.worker.limits.head_seconds
        self._session = TlsSession(tls.certificate.context)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, unless there are too many connections: a refusal could only be read after a handshake."""
        self.transport = transport
        self._connections.add(self)
        if len(self._connections) > self._tls.worker.limits.connections:
            self._tls.worker.meter.refuse()
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take the next step; after the last one the connection is a protocol's."""
        session = self._session
        session.incoming.write(data)
        try:
            session.tls.do_handshake()
        except ssl.SSLWantReadError:
            self._answer()
        except ssl.SSLError:
            self._answer()  # an alert (RFC 8446 §6.2): there is nothing that both can, or this is no TLS
            self.transport.close()
        else:
            self._answer()
            self._hand_over()

    def _answer(self) -> None:
        if octets := self._session.outgoing.read():
            self.transport.write(octets)

    def _hand_over(self) -> None:
        self._connections.discard(self)
        # A client that says nothing of protocols wants the oldest (RFC 9112).
        negotiated = self._session.tls.selected_alpn_protocol() or "http/1.1"
        protocol = self._tls.protocols[negotiated](**self._uvicorn)
        TlsTransport(self.transport, self._session).begin(protocol)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count a connection that came to nothing."""
        self._connections.discard(self)
        self._tls.worker.meter.accept()

    def shutdown(self) -> None:
        """End soon, like a connection that is idle: the last step may be on its way, and a request behind it."""
        self._ends = min(self._ends, self._tls.worker.tick + 1)

    def expire(self, tick: int) -> None:
        """End the connection if the handshake takes too long."""
        if tick >= self._ends:
            self.transport.abort()

"""A worker: what its connections share."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, NotRequired, TypedDict

from uvicorn.config import Config
from uvicorn.server import ServerState

from cdnserve.server.access_log import AccessLog, LoggedExchange
from cdnserve.server.live import Live
from cdnserve.server.metrics_count import CountedResponse, LaneName, Meter
from cdnserve.server.prepared import PreparedResponse, PreparedResponses, forwarded
from cdnserve.server.proxies import FORWARDED, Proxies
from cdnserve.server.settings import ServerLimits
from cdnserve.server.wire import Openings

Address = tuple[str, int]


class FromUvicorn(TypedDict):
    """What uvicorn says to each connection that it makes."""

    config: Config
    server_state: ServerState
    app_state: dict[str, Any]
    _loop: NotRequired[asyncio.AbstractEventLoop | None]


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end, also as a line of the log names it, and whether it speaks for others."""

    host: str
    name: bytes
    speaks_for_others: bool


# Linux knows who made a connection also when it was reset before it was accepted; getpeername(2) does not tell.
_SO_PEERNAME = 28
# sockaddr_in and sockaddr_in6: how long they are, and where the address is; the port comes before it.
_ADDRESSES = {socket.AF_INET: (16, slice(4, 8)), socket.AF_INET6: (28, slice(8, 24))}


def address_of_peer(transport: asyncio.BaseTransport) -> Address | None:
    """Return who made a connection, which must not be closed yet; `None` on a Unix socket."""
    address = transport.get_extra_info("peername")
    if isinstance(address, tuple):
        return str(address[0]), int(address[1])
    connection = transport.get_extra_info("socket")
    if address or connection is None or connection.family not in _ADDRESSES:
        return None
    length, place = _ADDRESSES[connection.family]
    try:
        found = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERNAME, length)
    except OSError:
        return None
    return socket.inet_ntop(connection.family, found[place]), int.from_bytes(found[2:4], "big")


class Worker:
    """What the connections of one worker share."""

    def __init__(
        self,
        live: Live,
        limits: ServerLimits | None = None,
        log: AccessLog | None = None,
        meter: Meter | None = None,
        proxies: Proxies | None = None,
    ) -> None:
        self.live = live
        self.limits = limits or ServerLimits()
        self.log = log
        self.meter = meter or Meter()
        self.proxies = proxies or Proxies()
        self.openings = Openings()
        self.tick = 0
        self.closing = False
        self.beat()
        self.renew_responses()
        live.on_swap(self.renew_responses)

    def renew_responses(self) -> None:
        """Begin anew with the release that is live."""
        self.responses = PreparedResponses(
            self.live, self.openings, self.limits.memory, self.meter, closing=self.closing
        )
        self.live.contents.in_memory = self.responses.blobs

    def close(self) -> None:
        """Let each connection say with its next response that it was the last one (RFC 9112 §9.6)."""
        if not self.closing:
            self.closing = True
            self.renew_responses()

    def beat(self) -> None:
        """Begin a new second: connections see the time pass, responses get its Date (RFC 9110 §6.6.1)."""
        self.tick += 1
        self.openings.renew(f"date: {formatdate(usegmt=True)}\r\n".encode("ascii"))
        self.meter.settle()
        if self.log:
            self.log.beat()

    def client(self, peer: Address | None, fields: Iterable[tuple[bytes, bytes]]) -> Address | None:
        """Return the client of a request: its peer, or whom that speaks for; names of fields are in lower case."""
        host = peer[0] if peer else ""
        if not self.proxies.trusts(host):
            return peer
        client = self.proxies.client(host, [value for name, value in fields if name == FORWARDED])
        return peer if client == host else (client, 0)

    def peer(self, address: Address | None, log: AccessLog) -> Peer:
        """Look at who made a connection; its host is empty on a Unix socket."""
        host = address[0] if address else ""
        return Peer(host, log.client(host), self.proxies.trusts(host))

    def note(
        self, peer: Peer, head: bytes, response: PreparedResponse, log: AccessLog, sent: int | None = None
    ) -> None:
        """Log a response of the fast lane; `sent` is how much of its content went, where it was broken off."""
        responses, name = self.responses, peer.name
        entry = responses.entry(head, response, log) if sent is None else responses.cut_entry(head, response, log, sent)
        if peer.speaks_for_others and (others := forwarded(head)):
            name = log.client(self.proxies.client(peer.host, others))
        log.note(name, entry)

    def count_refusal(self, lane: LaneName, client: str, response: bytes) -> None:
        """Count, and log, a lane's own last response to a connection that it then closes."""
        status, octets = int(response[9:12]), len(response.partition(b"\r\n\r\n")[2])
        self.meter.add(self.meter.tally(lane, CountedResponse(status), octets))
        if self.log:
            self.log.record(LoggedExchange(client, "", status, octets))

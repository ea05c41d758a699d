"""The lane: what the connections of one worker share.

Never outlives the worker, and never mixes releases: its answers are those of one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import formatdate

from cdnserve.server.access_log import AccessLog, Exchange
from cdnserve.server.answers import Answer, Answers
from cdnserve.server.limits import Limits
from cdnserve.server.live import Live
from cdnserve.server.metrics.meter import LaneName, Meter
from cdnserve.server.metrics.outcome import Outcome
from cdnserve.server.proxies import FORWARDED, Proxies
from cdnserve.server.wire import Openings

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end, also as a line of the log names it, and whether it speaks for others."""

    host: str
    name: bytes
    speaks_for_others: bool


class Lane:
    """What the connections of one worker share."""

    def __init__(
        self,
        live: Live,
        limits: Limits | None = None,
        log: AccessLog | None = None,
        meter: Meter | None = None,
        proxies: Proxies | None = None,
    ) -> None:
        self.live = live
        self.limits = limits or Limits()
        self.log = log
        self.meter = meter or Meter()
        self.proxies = proxies or Proxies()
        self.openings = Openings()
        self.tick = 0
        self.closing = False
        self.beat()
        self.renew_answers()
        live.on_swap(self.renew_answers)

    def renew_answers(self) -> None:
        """Begin anew with the release that is live."""
        self.answers = Answers(self.live, self.openings, self.limits.memory, self.meter, closing=self.closing)

    def close(self) -> None:
        """Tell each connection with its next response that it was the last one (RFC 9112 §9.6)."""
        if not self.closing:
            self.closing = True
            self.renew_answers()

    def beat(self) -> None:
        """Begin a new second: connections see the time pass, responses get its Date (RFC 9110 §6.6.1)."""
        self.tick += 1
        self.openings.renew(f"date: {formatdate(usegmt=True)}\r\n".encode("ascii"))
        self.meter.settle()
        if self.log:
            self.log.beat()

    def client(self, peer: Address | None, fields: Iterable[tuple[bytes, bytes]]) -> Address | None:
        """Give the client of a request: its peer, or whom that speaks for; names of fields are in lower case."""
        host = peer[0] if peer else ""
        if not self.proxies.trusts(host):
            return peer
        client = self.proxies.client(host, [value for name, value in fields if name == FORWARDED])
        return peer if client == host else (client, 0)

    def peer(self, host: str, log: AccessLog) -> Peer:
        """Look at who made a connection; `host` is empty on a Unix socket."""
        return Peer(host, log.client(host), self.proxies.trusts(host))

    def note(self, peer: Peer, head: bytes, answer: Answer, log: AccessLog) -> None:
        """Log an answer of the fast lane."""
        entry, name = self.answers.entry(head, answer, log), peer.name
        if peer.speaks_for_others and entry.forwarded:
            name = log.client(self.proxies.client(peer.host, entry.forwarded))
        log.note(name, entry.line)

    def count_refusal(self, lane: LaneName, client: str, response: bytes) -> None:
        """Count, and log, what a lane says of its own to a connection that it then closes."""
        status, octets = int(response[9:12]), len(response.partition(b"\r\n\r\n")[2])
        self.meter.add(self.meter.tally(lane, Outcome(status), octets))
        if self.log:
            self.log.record(Exchange(client, "", status, octets))

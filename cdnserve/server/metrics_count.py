"""What a worker counts, written into its block of the shared metrics once a second.

Between two seconds, the fast lane does no more for a response than to add one to a number of its own.
"""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal, Protocol

from cdnserve.origin.lookup import Origin
from cdnserve.origin.message import Reply, Request
from cdnserve.server.live import Live
from cdnserve.server.metrics_shared import Block, SharedMetrics

NONE = "-"
"""The label of what there is none of; no policy can have this name."""


@dataclass(frozen=True, slots=True)
class CountedResponse:
    """What is counted of one response; `preflight` is empty unless the request was one.

    `refused_by` is the number of the rule, from 1 in the order of the manifest, that does not let the origin read.
    """

    status: int
    policy: str = NONE
    coding: str = NONE
    preflight: str = ""
    refused_by: str = ""


def outcome(request: Request, reply: Reply, origin: Origin) -> CountedResponse:
    """Return what is counted of a reply, whichever lane sends it."""
    rule = origin.locate(request.raw_path).rule
    policy = rule.policy.name if rule else NONE
    if request.method == "OPTIONS" and request.value(b"access-control-request-method") is not None:
        allowed = reply.header(b"access-control-allow-methods") is not None
        if allowed or reply.status == HTTPStatus.FORBIDDEN:
            return CountedResponse(reply.status, policy, NONE, "allowed" if allowed else "refused")
    refused = request.value(b"origin") is not None and reply.header(b"access-control-allow-origin") is None
    number = str(origin.rules.index(rule) + 1) if rule and refused else ""
    return CountedResponse(reply.status, policy, _coding(reply), refused_by=number)


def _coding(reply: Reply) -> str:
    """Name the content coding of a response that has a file's content, or would have it but for HEAD."""
    if reply.status not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
        return NONE
    return (reply.header(b"content-encoding") or b"identity").decode("latin-1")


LaneName = Literal["fast", "asgi"]
Tally = tuple[tuple[int, float], ...]
"""What one response adds to which numbers of the block."""

BOUNDS = (0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0)
"""The upper bounds of the buckets for durations, in seconds; the last bucket has none."""
UNTIMED = 63
"""An answer of the fast lane whose `hits` have any of these bits need not be timed: so one in 64 alike is."""


class Counted(Protocol):
    """A prepared answer: how often it was given since the numbers were last settled, and how many have a time."""

    hits: int
    timed: int
    tally: Tally


class Durations:
    """How long the responses of one lane took, from the whole request head to the last octet handed over."""

    def __init__(self, block: Block, lane: LaneName) -> None:
        self._values = block.values
        self._buckets = [block.cell("duration", lane, str(bound)) for bound in (*BOUNDS, "+Inf")]
        self._sum = block.cell("duration_sum", lane)

    def add(self, seconds: float, times: int = 1) -> None:
        """Note how long a response took, or several."""
        self._values[self._buckets[bisect_left(BOUNDS, seconds)]] += times
        self._values[self._sum] += seconds * times


class Meter:
    """The numbers of one worker; what it finds in its block is from one whose place it took, and is counted on."""

    def __init__(self, block: Block | None = None) -> None:
        self._block = block = block or SharedMetrics().block(1)
        self._values = block.values
        self.fast, self.asgi = Durations(block, "fast"), Durations(block, "asgi")
        self._touched: list[Counted] = []
        self._last_seconds = 0.0
        self._accepted, self._refused = block.cell("accepted"), block.cell("refused")
        self._active, self._idle = block.cell("connections", "active"), block.cell("connections", "idle")
        self._number, self._made, self._loaded = (block.cell(name) for name in ("release", "made", "loaded"))
        self.connections: Callable[[], Sequence[bool]] = tuple
        self._values[block.cell("pid")] = os.getpid()

    def tally(self, lane: LaneName, outcome: CountedResponse, octets: int) -> Tally:
        """Resolve once what a response with this outcome, and so much content, adds."""
        cell, policy, coding = self._block.cell, outcome.policy, outcome.coding
        found: list[tuple[int, float]] = [(cell("responses", str(outcome.status), policy, coding, lane), 1)]
        if octets:
            found.append((cell("octets", policy, coding), octets))
        if outcome.preflight:
            found.append((cell("preflights", policy, outcome.preflight), 1))
        if outcome.refused_by:
            found.append((cell("origin_refusals", outcome.refused_by, policy), 1))
        return tuple(found)

    def add(self, tally: Tally, times: int = 1) -> None:
        """Count a response, or several alike."""
        for cell, amount in tally:
            self._values[cell] += amount * times

    def count(self, answer: Counted, seconds: float) -> None:
        """Count a prepared answer, and note how long it took, also for those alike that were not timed before it."""
        if not answer.hits:
            self._touched.append(answer)
        answer.hits += 1
        self.fast.add(seconds, answer.hits - answer.timed)
        answer.timed = answer.hits
        self._last_seconds = seconds

    def accept(self) -> None:
        """Count a connection."""
        self._values[self._accepted] += 1

    def refuse(self) -> None:
        """Count a connection that was one too many."""
        self._values[self._refused] += 1

    def follow(self, live: Live) -> None:
        """Note the release that is served, now and after each swap."""

        def note() -> None:
            number = live.origin.catalog.number
            self._values[self._number], self._values[self._made] = number, live.store.made(number)
            self._values[self._loaded] = time.time()

        note()
        live.on_swap(note)

    def settle(self) -> None:
        """Write into the block what was counted elsewhere since the last time."""
        touched, self._touched = self._touched, []
        for answer in touched:
            self.add(answer.tally, answer.hits)
            if untimed := answer.hits - answer.timed:
                self.fast.add(self._last_seconds, untimed)
            answer.hits = answer.timed = 0
        states = self.connections()
        active = sum(states)
        self._values[self._active], self._values[self._idle] = active, len(states) - active

"""The meter: a worker's own numbers, written into its block of the board.

Never makes the fast lane do more than add one to a number of its own: the board gets the sums once a second.
"""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from cdnserve.server.live import Live
from cdnserve.server.metrics.board import Block, Board
from cdnserve.server.metrics.outcome import Outcome

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
        self._block = block = block or Board().block(1)
        self._values = block.values
        self.fast, self.asgi = Durations(block, "fast"), Durations(block, "asgi")
        self._touched: list[Counted] = []
        self._last_seconds = 0.0
        self._accepted, self._refused = block.cell("accepted"), block.cell("refused")
        self._active, self._idle = block.cell("connections", "active"), block.cell("connections", "idle")
        self._number, self._made, self._loaded = (block.cell(name) for name in ("release", "made", "loaded"))
        self.connections: Callable[[], Sequence[bool]] = tuple
        self._values[block.cell("pid")] = os.getpid()

    def tally(self, lane: LaneName, outcome: Outcome, octets: int) -> Tally:
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
        """Write to the board what was counted elsewhere since the last time."""
        touched, self._touched = self._touched, []
        for answer in touched:
            self.add(answer.tally, answer.hits)
            self.fast.add(self._last_seconds, answer.hits - answer.timed)
            answer.hits = answer.timed = 0
        states = self.connections()
        active = sum(states)
        self._values[self._active], self._values[self._idle] = active, len(states) - active

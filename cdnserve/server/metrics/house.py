"""The house's numbers: what the process that builds releases and keeps the workers counts, and whether it ends.

Never counts a request.
"""

from __future__ import annotations

import os

from cdnserve.server.metrics.board import Board
from cdnserve.server.watch import Outcome

_OUTCOMES: tuple[Outcome, ...] = ("made", "unchanged", "refused", "failed")


class House:
    """The first block of a board; every process may read it, one writes it."""

    def __init__(self, board: Board) -> None:
        self._board = board
        block = board.block(0)
        self._values = block.values
        self._builds = {outcome: block.cell("builds", outcome) for outcome in _OUTCOMES}
        self._failing, self._restarts = block.cell("build_failing"), block.cell("restarts")
        self._draining, self._pid = block.cell("draining"), block.cell("pid")

    def move_in(self) -> None:
        """Say that this is the process whose numbers these are."""
        self._values[self._pid] = os.getpid()

    def count_build(self, outcome: Outcome) -> None:
        """Count a build, and note whether the last one failed."""
        self._values[self._builds[outcome]] += 1
        self._values[self._failing] = outcome in ("refused", "failed")

    def count_restart(self, worker: int) -> None:
        """Count a worker that ended and is replaced; it has no connections any more."""
        self._values[self._restarts] += 1
        block = self._board.block(worker)
        for key in (("pid",), ("connections", "active"), ("connections", "idle")):
            block.values[block.cell(*key)] = 0

    @property
    def draining(self) -> bool:
        """Tell whether the server is ending."""
        return bool(self._values[self._draining])

    @draining.setter
    def draining(self, is_so: bool) -> None:
        self._values[self._draining] = is_so

"""Shared metrics: memory where each process of a server writes numbers of its own, and any reads all.

One process alone writes a block: so nothing is locked, and a worker that takes a dead one's place counts on.
"""

from __future__ import annotations

import multiprocessing
import os
import struct
import time
from collections.abc import Iterator
from typing import Any

from cdnserve.server.watch import Outcome

Key = tuple[str, ...]

# A row is the length of its key, the key, and a double. The length is written last: it says that the key is whole.
_ROW = 128
_LENGTH = struct.Struct("@H")
_LONGEST = _ROW - _LENGTH.size - 8
_VALUES = _ROW // 8
_ROWS = 4096
# Kept for what does not fit any more: one row for each name.
_SPARE = 128
OTHER = "other"
"""The value of every label of a row that there was no room for."""


class Block:
    """The rows of one process: a name and its labels, and a number that is added to."""

    def __init__(self, memory: memoryview) -> None:
        self._memory = memory
        self.values = memory.cast("d")
        self._cells = {key: at for at, key in self._keys()}
        self._count = len(self._cells)

    def cell(self, *key: str) -> int:
        """Return the place in `values` of a name and its labels; too many of them share one."""
        known = self._cells.get(key)
        if known is not None:
            return known
        shared = (key[0], *(OTHER for _ in key[1:]))
        is_full = self._count >= len(self._memory) // _ROW - _SPARE
        return self.cell(*shared) if is_full and shared != key else self._add(key)

    def read(self) -> Iterator[tuple[Key, float]]:
        """Yield all rows as they are now."""
        return ((key, self.values[at]) for at, key in self._keys())

    def _add(self, key: Key) -> int:
        text = "\0".join(key).encode()[:_LONGEST]
        start = self._count * _ROW
        self._memory[start + _LENGTH.size : start + _LENGTH.size + len(text)] = text
        _LENGTH.pack_into(self._memory, start, len(text))
        cell = self._cells[key] = _value_of(self._count)
        self._count += 1
        return cell

    def _keys(self) -> Iterator[tuple[int, Key]]:
        for row in range(len(self._memory) // _ROW):
            start = row * _ROW + _LENGTH.size
            length: int = _LENGTH.unpack_from(self._memory, row * _ROW)[0]
            if not length:
                return
            yield (
                _value_of(row),
                tuple(bytes(self._memory[start : start + length]).decode("utf-8", "replace").split("\0")),
            )


def _value_of(row: int) -> int:
    return row * _VALUES + _VALUES - 1


class SharedMetrics:
    """A block for the supervisor, and one for each worker, counted from 1."""

    def __init__(self, workers: int = 1, memory: Any = None) -> None:  # noqa: ANN401 # ctypes has no type for arrays
        self.workers = workers
        self._memory = bytearray((workers + 1) * _ROWS * _ROW) if memory is None else memory

    @classmethod
    def shared(cls, workers: int) -> SharedMetrics:
        """Make what processes can be given as they are spawned."""
        return cls(workers, multiprocessing.get_context("spawn").RawArray("B", (workers + 1) * _ROWS * _ROW))

    def __reduce__(self) -> tuple[type[SharedMetrics], tuple[int, Any]]:
        return SharedMetrics, (self.workers, self._memory)

    def block(self, number: int) -> Block:
        """Open a worker's block, or with 0 the supervisor's; what is in it stays."""
        size = _ROWS * _ROW
        return Block(memoryview(self._memory).cast("B")[number * size : (number + 1) * size])

    def read(self) -> list[dict[Key, float]]:
        """Return the rows of every block, the supervisor's first."""
        return [dict(self.block(at).read()) for at in range(self.workers + 1)]


_DAMAGED = "damaged"
_OUTCOMES: tuple[Outcome, ...] = ("made", "unchanged", "refused", "failed")


class SupervisorMetrics:
    """The numbers of the supervisor, or of the one process; every process may read them, one writes them."""

    def __init__(self, shared: SharedMetrics) -> None:
        self._shared = shared
        self._block = block = shared.block(0)
        self._values = block.values
        self._builds = {outcome: block.cell("builds", outcome) for outcome in _OUTCOMES}
        self._failing, self._restarts = block.cell("build_failing"), block.cell("restarts")
        self._draining, self._pid = block.cell("draining"), block.cell("pid")
        self._damage = block.cell("damage")
        self._store_lost = block.cell("store_lost")
        self._damaged: dict[str, float] = {}
        self._damage_seen = 0.0

    def register(self) -> None:
        """Note that this is the process that writes them."""
        self._values[self._pid] = os.getpid()

    def count_build(self, outcome: Outcome) -> None:
        """Count a build, and note whether the last one failed."""
        self._values[self._builds[outcome]] += 1
        self._values[self._failing] = outcome in ("refused", "failed")

    def count_restart(self, number: int) -> None:
        """Count a worker that ended and is replaced; it has no connections any more."""
        self._values[self._restarts] += 1
        block = self._shared.block(number)
        for key in (("pid",), ("connections", "active"), ("connections", "idle")):
            block.values[block.cell(*key)] = 0

    def count_damage(self, name: str) -> None:
        """Count a stored file that was found damaged; one thread of this process may do so."""
        self._values[self._block.cell(_DAMAGED, name)] += 1
        self._values[self._damage] += 1  # last: it says that there is more to read

    def note_store(self, *, answers: bool) -> bool:
        """Note whether the store of a replica answers; return whether that is new."""
        is_new = answers == bool(self.store_lost)
        if is_new:
            self._values[self._store_lost] = 0.0 if answers else time.time()
        return is_new

    @property
    def store_lost(self) -> float:
        """Return since when the store does not answer, in seconds since 1970; 0 if it does."""
        return self._values[self._store_lost]

    def times_damaged(self, name: str) -> float:
        """Return how often a file was found damaged; what there was no room for counts for every one."""
        if (seen := self._values[self._damage]) != self._damage_seen:
            self._damaged = {key[1]: value for key, value in self._block.read() if key[0] == _DAMAGED}
            self._damage_seen = seen
        return self._damaged.get(name, 0.0) + self._damaged.get(OTHER, 0.0) if self._damaged else 0.0

    @property
    def draining(self) -> bool:
        """Return whether the server is ending."""
        return bool(self._values[self._draining])

    @draining.setter
    def draining(self, is_so: bool) -> None:
        self._values[self._draining] = is_so

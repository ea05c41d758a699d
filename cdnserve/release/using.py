"""Releases in use: a server marks the release that it serves, so that nobody removes it meanwhile.

Never leaves a mark behind: it is a lock that the system gives up with the process, however that ends.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# How long answers from a release may go on after another one has been taken up.
_LINGERING_SECONDS = 600.0


class Use:
    """A mark on one catalog, from its making until it is closed; there may be many on one."""

    def __init__(self, catalog: Path) -> None:
        self._descriptor = -1
        # What can't be opened is told by whoever reads it; a file system without locks has none to offer.
        with suppress(OSError):
            self._descriptor = os.open(catalog, os.O_RDONLY | os.O_CLOEXEC)
            fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Take the mark away."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class Uses:
    """The marks of one server: on the release that it serves, and on those from which answers may be under way.

    `clock` gives seconds and only ever measures.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._current: Use | None = None
        self._past: list[tuple[float, Use]] = []

    @contextmanager
    def next(self, catalog: Path) -> Iterator[None]:
        """Mark the release that the block loads; only if that succeeds it is the one that is served."""
        use = Use(catalog)
        try:
            yield
        except BaseException:
            use.close()
            raise
        now = self._clock()
        for until, past in self._past:
            if until < now:
                past.close()
        self._past = [(until, past) for until, past in self._past if until >= now]
        if self._current:
            self._past.append((now + _LINGERING_SECONDS, self._current))
        self._current = use


@contextmanager
def unused(catalog: Path) -> Iterator[bool]:
    """Tell whether no server uses this catalog; while the block runs, none begins to."""
    try:
        descriptor = os.open(catalog, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield True
        return
    try:
        yield _lock(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # somebody's mark, or a file system that knows none: then it may be in use
        return False
    return True

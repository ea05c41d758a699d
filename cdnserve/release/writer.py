"""Writing releases: one builder at a time, blobs before the catalog that names them, the pointer last.

Never changes or removes a whole release: whatever happens at whatever moment, the last one stays whole.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol

from cdnserve.errors import Problem
from cdnserve.files import lock, sync_folder
from cdnserve.release.blobs import remove_state_drafts, remove_state_file, storing, write_state_file
from cdnserve.release.store import REMOVED, Store

Phase = Literal["waiting", "proving", "reading", "encoding", "uploading"]


class BuildProgress(Protocol):
    """Listens to a build; phases come one after the other, and a phase without work is left out."""

    def start(self, phase: Phase, files: int, octets: int) -> None:
        """Begin a phase with so much to do: files, blobs or codings, and octets; 0 while waiting."""

    def advance(self, files: int, octets: int) -> None:
        """Count what was done since the last call."""

    def finish(self) -> None:
        """End the phase; called also when the phase fails."""


class Silence:
    """The listener that does not care."""

    def start(self, phase: Phase, files: int, octets: int) -> None:
        """Ignore it."""

    def advance(self, files: int, octets: int) -> None:
        """Ignore it."""

    def finish(self) -> None:
        """Ignore it."""


_FOLDERS = ("blobs", "releases", "drafts")
_OURS = frozenset(
    (*_FOLDERS, "build.lock", "encoding.lock", "current", "index", "proved", "results", "held", REMOVED, "forgotten")
)


class Writer:
    """The only writer of a state folder, from entering the `with` block until leaving it.

    `waited` says that another build was running, and may have done the work. `proved` has the size of each blob that is
    known to be right, once they were proved.
    """

    def __init__(self, state: str, progress: BuildProgress) -> None:
        self.state = state
        self.store = Store(Path(state))
        self.waited = False
        self.proved: Mapping[str, int] = {}
        self._progress = progress
        self._lock = -1

    def __enter__(self) -> Writer:
        with storing():
            _make_folders(self.state)
            self._lock = os.open(f"{self.state}/build.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            with storing():
                self._wait()
            remove_state_drafts(self.state)
            _ignore(self.state)
        except BaseException:
            os.close(self._lock)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        # Closing gives the lock up, and so does being killed.
        os.close(self._lock)

    def clock(self) -> int:
        """Return the time by the clock that stamps files, in nanoseconds."""
        with storing():
            os.utime(self._lock)
            return os.fstat(self._lock).st_mtime_ns

    def next_number(self) -> int:
        """Return a number that no release has or had, also none that was never finished or has lost its catalog."""
        return max((*self.store.numbers(), self.store.last_removed(), self.store.pointed())) + 1

    def publish(self, number: int, catalog: bytes) -> None:
        """Write a catalog whose blobs are stored, then make it the current release."""
        write_state_file(self.state, f"releases/{number}.cat", catalog)
        self.point_to(number)

    def point_to(self, number: int) -> None:
        """Make a release that is there the current one."""
        write_state_file(self.state, "current", b"%d\n" % number)

    def note_removed(self, number: int) -> None:
        """Note that a release is about to be removed, so that its number is never given again."""
        if number > self.store.last_removed():
            write_state_file(self.state, REMOVED, b"%d\n" % number)

    def remove_damaged(self, number: int) -> None:
        """Remove a catalog that can't be read any more, and so is no release."""
        self.note_removed(number)
        with storing():
            remove_state_file(str(self.store.catalog(number)))
            sync_folder(f"{self.state}/releases")

    def _wait(self) -> None:
        if lock(self._lock):
            return
        self.waited = True
        self._progress.start("waiting", 0, 0)
        try:
            lock(self._lock, wait=True)
        finally:
            self._progress.finish()


def _make_folders(state: str) -> None:
    for folder in _FOLDERS:
        os.makedirs(f"{state}/{folder}", exist_ok=True)


def _ignore(state: str) -> None:
    # Nobody shall commit what any build makes again; but other people's files are not ours to hide.
    if set(os.listdir(state)) <= _OURS:
        write_state_file(state, ".gitignore", b"*\n")


@dataclass(frozen=True, slots=True)
class Built:
    """The number of the current release, whether this build made it, and what it has to warn of.

    `unquiet` are the files that are left as they were in the release before, because somebody is writing them.
    `damage` is what was found wrong with the state: mostly made good by now, else it says that it can't be. Unless the
    release is `complete`, some of its codings are left for a later one.
    """

    number: int
    changed: bool
    warnings: tuple[Problem, ...] = ()
    unquiet: tuple[str, ...] = ()
    damage: tuple[Problem, ...] = ()
    complete: bool = True

    @property
    def told(self) -> tuple[Problem, ...]:
        """All that a person should know."""
        return (*self.warnings, *self.damage)

"""What the commands on releases share: the build and its progress on a terminal, the release, and its folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from cdnserve.cli.terminal import bars, write
from cdnserve.display import readable_size
from cdnserve.release.build import build, look
from cdnserve.release.store import Store, find_places, state_folder
from cdnserve.release.writer import BuildProgress, Built, Silence

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from cdnserve.release.catalog import Catalog
    from cdnserve.release.writer import Phase

_LABELS: Mapping[Phase, str] = MappingProxyType(
    {
        "waiting": "waiting for another build",
        "proving": "reading stored bytes: {:,} of {:,}",
        "reading": "reading files: {:,} of {:,}",
        "encoding": "encoding representations: {:,} of {:,}",
    }
)
# A phase that reads less is over soon, and so not worth a line.
_LONG = 32 << 20


def build_release(root: Path, state: str | None, *, lines: bool = True) -> Built:
    """Build what has changed, with progress on stderr; raise ConfigurationError with every problem.

    Files that are being written are left as they were, and what is dear to encode is left for later. `lines` of
    progress are written unless stderr is for machines.
    """
    folder = state_folder(root, state)
    with build_progress(lines=lines) as progress:
        return build(root, folder, quick=True, progress=progress, seen=look(root, folder))


def releases_folder(root: Path, state: str | None) -> Path:
    """Return where releases are kept; raise ConfigurationError for an absent root, unless `state` is given."""
    folder = state_folder(root, state)
    if not state:
        find_places(root, folder)
    return folder


def open_release(root: Path, state: str | None, built: Built) -> tuple[Store, Catalog]:
    """Return the store and the catalog of what was built; the build has seen to it that all blobs are there."""
    store = Store(state_folder(root, state))
    return store, store.read(built.number)


@contextmanager
def build_progress(*, lines: bool = True) -> Iterator[BuildProgress]:
    """Return what shows a build while the block runs: a bar on a terminal; `lines` of long phases elsewhere."""
    progress: BuildProgress = BuildBar() if sys.stderr.isatty() else BuildLines() if lines else Silence()
    try:
        yield progress
    finally:
        progress.finish()


class BuildBar:
    """Shows the phase of a build as one bar, with what is done; nothing at all where there is nothing to do."""

    def __init__(self) -> None:
        self._bars: Progress | None = None
        self._task: TaskID | None = None
        self._phase: Phase = "waiting"
        self._files = self._done = 0

    def start(self, phase: Phase, files: int, octets: int) -> None:
        """Show a bar, one without an end while the build waits for another one."""
        self.finish()
        self._phase, self._files, self._done = phase, files, 0
        # How long the rest takes nobody knows: octets of one kind take a hundred times as long as those of another.
        self._bars = bars(estimate=False)
        self._task = self._bars.add_task(self._label(), total=octets or None)
        self._bars.start()

    def advance(self, files: int, octets: int) -> None:
        """Move the bar."""
        if self._bars and self._task is not None:
            self._done += files
            self._bars.update(self._task, advance=octets, description=self._label())

    def finish(self) -> None:
        """Take the bar away."""
        if self._bars:
            self._bars.stop()
        self._bars = self._task = None

    def _label(self) -> str:
        return _LABELS[self._phase].format(self._done, self._files)


class BuildLines:
    """Writes a line as a long phase of a build begins, and another one as it ends."""

    def __init__(self) -> None:
        self._phase: Phase | None = None
        self._all = self._done = (0, 0)

    def start(self, phase: Phase, files: int, octets: int) -> None:
        """Write what is to be done."""
        self._phase, self._all, self._done = phase if octets >= _LONG else None, (files, octets), (0, 0)
        self._tell()

    def advance(self, files: int, octets: int) -> None:
        """Count what is done."""
        self._done = self._done[0] + files, self._done[1] + octets

    def finish(self) -> None:
        """Write what was done."""
        self._tell()
        self._phase = None

    def _tell(self) -> None:
        if self._phase:
            (done, octets), (files, size) = self._done, self._all
            line = f"{_LABELS[self._phase].format(done, files)}, {readable_size(octets)} of {readable_size(size)}"
            write([[(line, "")]], to_stderr=True)

"""Progress of all that takes over a second: bars on a terminal, lines for what is long in a pipe; both on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING

from cdnserve.cli.terminal import console_of, write
from cdnserve.display import printable, readable_size

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn, TaskID

    from cdnserve.npm.download import DownloadProgress
    from cdnserve.release.writer import BuildProgress, Phase

_LABELS: Mapping[Phase, str] = MappingProxyType(
    {
        "waiting": "waiting for another build",
        "proving": "reading stored bytes: {:,} of {:,}",
        "reading": "reading files: {:,} of {:,}",
        "encoding": "encoding representations: {:,} of {:,}",
        "uploading": "uploading stored files: {:,} of {:,}",
    }
)
# A phase that reads less is over soon, and so not worth a line.
_LONG = 32 << 20
_LONG_DOWNLOAD = 4 << 20
_LONG_COUNT = 500


def _bars(column: ProgressColumn, *, estimate: bool) -> Progress:
    """Return bars that are gone when they stop, each with a column of what is done, and perhaps of the time left."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    times = (TimeRemainingColumn(),) if estimate else ()
    label = TextColumn("{task.description}", markup=False)
    return Progress(label, BarColumn(), column, *times, console=console_of(sys.stderr), transient=True)


def _size_bars(*, estimate: bool) -> Progress:
    from rich.progress import DownloadColumn

    return _bars(DownloadColumn(binary_units=True), estimate=estimate)


def _tell(line: str) -> None:
    write([[(line, "")]], to_stderr=True)


@contextmanager
def count_progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """Return what shows how many things are done, and of how many; a pipe hears of many as they begin."""
    if not sys.stderr.isatty():
        yield lambda done, total: _tell(f"{label}: {total:,}") if (done, total >= _LONG_COUNT) == (1, True) else None
        return
    from rich.progress import MofNCompleteColumn

    bars = _bars(MofNCompleteColumn(), estimate=True)
    task = bars.add_task(label, total=None)

    def show(done: int, total: int) -> None:
        bars.start()
        bars.update(task, completed=done, total=total)
        if done == total:  # whatever comes next may have bars of its own
            bars.stop()

    try:
        yield show
    finally:
        bars.stop()


@contextmanager
def build_progress(*, lines: bool = True) -> Iterator[BuildProgress]:
    """Return what shows a build while the block runs: a bar on a terminal; `lines` of long phases elsewhere."""
    from cdnserve.release.writer import Silence

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
        self._bars = _size_bars(estimate=False)
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
            _tell(f"{_LABELS[self._phase].format(done, files)}, {readable_size(octets)} of {readable_size(size)}")


@contextmanager
def download_progress() -> Iterator[DownloadProgress]:
    """Return what shows downloads while the block runs: a bar for each on a terminal, lines of long ones elsewhere."""
    if not sys.stderr.isatty():
        yield DownloadLines()
        return
    shown = _size_bars(estimate=True)
    try:
        yield DownloadBars(shown)
    finally:
        shown.stop()


class DownloadBars:
    """Shows a bar for each library; the methods may be called from several threads."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def begin(self, library: str, size: int | None) -> None:
        """Show a bar, or begin it again."""
        self._bars.start()
        if library in self._tasks:
            self._bars.reset(self._tasks[library], total=size, description=printable(library))
        else:
            self._tasks[library] = self._bars.add_task(printable(library), total=size)

    def advance(self, library: str, octets: int) -> None:
        """Move a library's bar."""
        if library in self._tasks:
            self._bars.advance(self._tasks[library], octets)

    def finish(self, library: str) -> None:
        """Take a library's bar away, if it has one."""
        if library in self._tasks:
            self._bars.remove_task(self._tasks.pop(library))

    def retry(self, library: str, why: str, pause: float) -> None:
        """Show on a library's bar that it begins again after a while, and why."""
        self._bars.start()
        # Where a line is too long its end is cut off.
        again = _again(library, why, pause)
        if library in self._tasks:
            self._bars.reset(self._tasks[library], description=again)
        else:
            self._tasks[library] = self._bars.add_task(again, total=None)


class DownloadLines:
    """Writes a line as a long download begins and another as it is done, and one for each that is tried again.

    The methods may be called from several threads, not for one library at once.
    """

    def __init__(self) -> None:
        self._long: set[str] = set()

    def begin(self, library: str, size: int | None) -> None:
        """Write what comes, once."""
        if size and size >= _LONG_DOWNLOAD and library not in self._long:
            self._long.add(library)
            _tell(f"downloading {printable(library)}: {readable_size(size)}")

    def advance(self, library: str, octets: int) -> None:
        """Write nothing of what is under way."""

    def finish(self, library: str) -> None:
        """Write that a long one is done."""
        if library in self._long:
            self._long.remove(library)
            _tell(f"downloaded {printable(library)}")

    def retry(self, library: str, why: str, pause: float) -> None:
        """Write that it begins again after a while, and why."""
        _tell(_again(library, why, pause))


def _again(library: str, why: str, pause: float) -> str:
    when = f"in {pause:.0f} s" if pause >= 1 else "at once"
    return f"{printable(library)}: again {when}, {printable(why)}"

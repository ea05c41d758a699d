"""Progress on a terminal: bars for builds and downloads, gone when the work is done.

Never shown in a pipe: `None` stands for nobody who looks.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING

from cdnserve.display import printable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from cdnserve.release.writer import Phase


@contextmanager
def build_progress() -> Iterator[BuildBar | None]:
    """Return what shows a build while the block runs, `None` where stderr is no terminal."""
    progress = BuildBar() if sys.stderr.isatty() else None
    try:
        yield progress
    finally:
        if progress:
            progress.finish()


@contextmanager
def download_progress() -> Iterator[DownloadBars | None]:
    """Return what shows downloads while the block runs, `None` where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    with _bars() as bars:
        yield DownloadBars(bars)


_LABELS: Mapping[Phase, str] = MappingProxyType(
    {
        "waiting": "waiting for another build",
        "proving": "reading stored bytes: {:,}",
        "reading": "reading files: {:,}",
        "encoding": "encoding representations: {:,}",
    }
)


class BuildBar:
    """Shows the phase of a build as one bar; nothing at all where there is nothing to do."""

    def __init__(self) -> None:
        self._bars: Progress | None = None
        self._task: TaskID | None = None

    def start(self, phase: Phase, files: int, octets: int) -> None:
        """Show a bar, one without an end while the build waits for another one."""
        self.finish()
        self._bars = _bars()
        self._task = self._bars.add_task(_LABELS[phase].format(files), total=octets or None)
        self._bars.start()

    def advance(self, files: int, octets: int) -> None:  # noqa: ARG002 # the protocol's signature
        """Move the bar."""
        if self._bars and self._task is not None:
            self._bars.advance(self._task, octets)

    def finish(self) -> None:
        """Take the bar away."""
        if self._bars:
            self._bars.stop()
        self._bars = self._task = None


class DownloadBars:
    """Shows a bar for each library; the methods may be called from several threads."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def begin(self, library: str, size: int | None) -> None:
        """Show a bar, or begin it again."""
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
        """Say on a library's bar that it begins again after a while, and why."""
        # Where a line is too long its end is cut off.
        again = f"{printable(library)}: again in {pause:.0f} s, {printable(why)}"
        if library in self._tasks:
            self._bars.reset(self._tasks[library], description=again)
        else:
            self._tasks[library] = self._bars.add_task(again, total=None)


def _bars() -> Progress:
    from cdnserve.cli.terminal import bars

    return bars()


@contextmanager
def verify_progress() -> Iterator[Callable[[int, int], None]]:
    """Return what shows how many paths are done, and of how many; nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda _, __: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress("verifying paths", *columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("", total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)

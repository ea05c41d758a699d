"""Progress on a terminal: bars for builds and downloads, gone when the work is done.

In a pipe there is none: `None` stands for nobody who looks.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING

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

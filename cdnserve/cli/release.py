"""What the commands on releases share: the build and its progress on a terminal, the release, and its folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from cdnserve.cli.terminal import bars
from cdnserve.release.build import build, look
from cdnserve.release.store import Store, find_places, state_folder
from cdnserve.release.writer import Built

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from cdnserve.release.catalog import Catalog
    from cdnserve.release.writer import Phase

_LABELS: Mapping[Phase, str] = MappingProxyType(
    {
        "waiting": "waiting for another build",
        "proving": "reading stored bytes: {:,}",
        "reading": "reading files: {:,}",
        "encoding": "encoding representations: {:,}",
    }
)


def build_release(root: Path, state: str | None) -> Built:
    """Build what has changed, with progress on a terminal; raise ConfigurationError with every problem.

    Files that are being written are left as they were, and what is dear to encode is left for later.
    """
    folder = state_folder(root, state)
    with build_progress() as progress:
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
def build_progress() -> Iterator[BuildBar | None]:
    """Return what shows a build while the block runs, `None` where stderr is no terminal."""
    progress = BuildBar() if sys.stderr.isatty() else None
    try:
        yield progress
    finally:
        if progress:
            progress.finish()


class BuildBar:
    """Shows the phase of a build as one bar; nothing at all where there is nothing to do."""

    def __init__(self) -> None:
        self._bars: Progress | None = None
        self._task: TaskID | None = None

    def start(self, phase: Phase, files: int, octets: int) -> None:
        """Show a bar, one without an end while the build waits for another one."""
        self.finish()
        self._bars = bars()
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

"""The build: a root and a state folder in, the number of a release out.

Never reads a file that is as it was, never relies on stored bytes that are not, and never prints.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.manifest.governing import LOCK, MANIFEST
from cdnserve.release.blobs import StoreError
from cdnserve.release.built import Built
from cdnserve.release.holding import chosen, held, holds
from cdnserve.release.index import Governing, Index, read_governing, read_index, sum_of
from cdnserve.release.progress import Progress, Silence
from cdnserve.release.proving import are_proved
from cdnserve.release.scan import Tree, scan
from cdnserve.release.store import Store, is_denied
from cdnserve.release.writing import Writer

if TYPE_CHECKING:
    from cdnserve.release.making import Task


@dataclass(frozen=True, slots=True)
class Places:
    """Where a build reads and writes, as real paths; `inner` is the state where it lies in the root, else empty."""

    root: str
    state: str

    @property
    def inner(self) -> str:
        """The folder that a scan has to leave out."""
        return self.state if self.state.startswith(self.root.rstrip("/") + "/") else ""


def find_places(root: Path, state: Path) -> Places:
    """Resolve the two folders; raise ConfigurationError when they can't serve as such."""
    places = Places(os.path.realpath(root), os.path.realpath(state))
    if not os.path.isdir(places.root):
        raise ConfigurationError([_root_missing(root)])
    if places.root == places.state:
        raise ConfigurationError([_state_is_root(state)])
    return places


@dataclass(frozen=True, slots=True)
class Look:
    """What a root was at one moment; `unquiet` are the paths that were otherwise at the look before, if there was one.

    Files that were as they are have `rested` then, for as long as lay between the two.
    """

    tree: Tree
    governing: Governing
    unquiet: frozenset[str] = frozenset()
    rested: bool = False


def look(root: Path, state: Path, before: Look | None = None) -> Look:
    """Look at a root without opening its files; raise ConfigurationError where there is none."""
    places = find_places(root, state)
    now = Look(scan(places.root, places.inner), read_governing(places.root))
    return replace(now, unquiet=_moved(before, now), rested=True) if before else now


def _moved(before: Look, now: Look) -> frozenset[str]:
    if (before.tree.packed(), before.governing) == (now.tree.packed(), now.governing):
        return frozenset()
    pairs = before.tree.signatures().items() ^ now.tree.signatures().items()
    old, new = before.governing, now.governing
    governing = {MANIFEST: old.manifest != new.manifest, LOCK: old.lock != new.lock}
    return frozenset({path for path, _ in pairs} | {name for name, changed in governing.items() if changed})


def build(
    root: Path,
    state: Path,
    *,
    locked: bool = False,
    despite_hold: bool = False,
    progress: Progress | None = None,
    seen: Look | None = None,
) -> Built:
    """Make a release of the files below `root`, unless the current one in `state` is the same.

    A file that is being written is a problem. But a root that was `seen` a moment ago is taken as it was then, and
    files that are being written are left as they were in the release before.
    After a rollback the current one stays while the root is as it was, unless a person asks `despite_hold`.
    `locked` takes the lock as it is and every warning as an error. Raises ConfigurationError with all problems;
    the last release then stays as it was. What is damaged in the state is made again, with a warning. Another build
    of the same state is waited for. Where the state can't be written, its release is served if it is of the same
    files, though they were copied since.
    """
    places = find_places(root, state)
    tree, index = _find(places, seen)
    if index and _is_unchanged(index, tree, places.state, locked):
        return Built(index.number, False, tree.problems)
    kept = None if despite_hold else _held(tree, places.state)
    if kept and Store(Path(places.state)).holds(kept.number) and are_proved(places.state):
        return kept
    progress = progress or Silence()
    try:
        with Writer(places.state, progress) as writer:
            if writer.waited:
                tree, index = _find(places, seen)
            # Once more: somebody may have rolled back a moment ago.
            kept = None if despite_hold else _held(tree, places.state)
            # Only now: a build that finds nothing changed does not wait for what making a release needs.
            from cdnserve.release.making import Task  # noqa: PLC0415

            return _write(writer, Task(tree, index, locked, progress, int(time.time()), seen), kept)
    except StoreError as failure:
        if kept and is_denied(failure):
            return kept
        # Only now: hardly anybody builds where nothing can be written.
        from cdnserve.release.baked import as_built  # noqa: PLC0415

        return as_built(failure, tree, index, places.state, locked=locked)


def _find(places: Places, seen: Look | None) -> tuple[Tree, Index | None]:
    return seen.tree if seen else scan(places.root, places.inner), read_index(places.state)


def _write(writer: Writer, task: Task, kept: Built | None) -> Built:
    """Make a release, or keep one, with stored bytes that were proved."""
    from cdnserve.release.making import make  # noqa: PLC0415
    from cdnserve.release.mending import proved  # noqa: PLC0415

    def work() -> Built:
        if not kept:
            return make(task, writer)
        if writer.store.pointed() != kept.number:
            writer.point_to(kept.number)
        return kept

    return proved(writer, task.tree, task.progress, work)


def _held(tree: Tree, state: str) -> Built | None:
    """Give the release that a rollback chose, while nothing below the root has changed since."""
    store = Store(Path(state))
    hold = holds(state, chosen(store), tree)
    if hold is None:
        return None
    try:
        store.read(hold.number)
    except ConfigurationError:  # what is damaged or gone can't be kept
        return None
    return Built(hold.number, False, (*tree.problems, held(hold)))


def _is_unchanged(index: Index, tree: Tree, state: str, locked: bool) -> bool:
    store = Store(Path(state))
    return (
        index.settled
        and not (locked and tree.problems)
        and index.packed == tree.packed()
        and index.governing == read_governing(tree.root)
        and store.holds(index.number)
        and index.catalog == sum_of(store.catalog(index.number))
        and are_proved(state)
    )


def _root_missing(root: Path) -> Problem:
    return Problem(
        "root-missing",
        "there is no such folder",
        where=str(root),
        hint="name the folder that holds manifest.toml, as in: cdnserve serve public",
    )


def _state_is_root(state: Path) -> Problem:
    return Problem(
        "state-is-root",
        "releases can't be kept in the folder that they are made of",
        where=str(state),
        hint="give another folder with --state or CDNSERVE_STATE; by default it is .cdnserve in the root",
    )

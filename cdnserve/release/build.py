"""The build: scan → gather → immutability → encode → publish; most builds end after the first step.

Here it is decided whether a release is to be made; `make` does it. A build that finds nothing changed loads neither
that module nor what it needs.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from cdnserve.errors import ConfigurationError
from cdnserve.manifest.files import read_governing
from cdnserve.release.blobs import StoreError
from cdnserve.release.scan import Look, Tree, scan
from cdnserve.release.state_files import (
    HOLD_FILE,
    FileIndex,
    are_proved,
    chosen,
    held,
    holds,
    lost_hold,
    read_index,
    record_damaged,
    size_of_results,
    sum_of,
)
from cdnserve.release.store import BuildPaths, Store, find_places, is_denied
from cdnserve.release.writer import BuildProgress, Built, Silence, Writer


def build(  # noqa: PLR0913 - each is another thing that a build may be told
    root: Path,
    state: Path,
    *,
    locked: bool = False,
    despite_hold: bool = False,
    quick: bool = False,
    progress: BuildProgress | None = None,
    seen: Look | None = None,
) -> Built:
    """Make a release of the files below `root`, unless the current one in `state` is the same.

    A file that is being written is a problem. But a root that was `seen` a moment ago is taken as it was then, and
    files that are being written are left as they were in the release before.
    After a rollback the current one stays while the root is as it was, unless a person asks `despite_hold`.
    A `quick` one takes no dear codings but those that are made already: they are left for a later release.
    `locked` takes the lock as it is and every warning as an error. Raises ConfigurationError with all problems;
    the last release then stays as it was. What is damaged in the state is made again, with a warning. Another build
    of the same state is waited for. Where the state can't be written, its release is served if it is of the same
    files, though they were copied since.
    """
    places = find_places(root, state)
    tree, index = _find(places, seen)
    if index and _is_all_made(index, places.state, quick) and _is_unchanged(index, tree, places.state, locked):
        return Built(index.number, False, tree.problems, complete=index.complete)
    kept = None if despite_hold else _held(tree, index, places.state)
    if kept and not kept.damage and Store(Path(places.state)).holds(kept.number) and are_proved(places.state):
        return kept
    progress = progress or Silence()
    try:
        with Writer(places.state, progress) as writer:
            if writer.waited:
                tree, index = _find(places, seen)
            # Once more: somebody may have rolled back a moment ago.
            kept = None if despite_hold else _held(tree, index, places.state)
            from cdnserve.release.make import Task, make  # noqa: PLC0415

            return make(Task(tree, index, locked, progress, int(time.time()), seen, quick), writer, kept)
    except StoreError as failure:
        if kept and is_denied(failure):
            return kept
        from cdnserve.release.prebuilt import as_built  # noqa: PLC0415

        return as_built(failure, tree, index, places.state, locked=locked)


def look(root: Path, state: Path, before: Look | None = None) -> Look:
    """Look at a root without opening its files; raise ConfigurationError where there is none."""
    places = find_places(root, state)
    now = Look(scan(places.root, places.inner), read_governing(places.root))
    return replace(now, unquiet=_moved(before, now), rested=True) if before else now


def _moved(before: Look, now: Look) -> frozenset[str]:
    if (before.tree.packed(), before.governing) == (now.tree.packed(), now.governing):
        return frozenset()
    pairs = before.tree.signatures().items() ^ now.tree.signatures().items()
    return frozenset({path for path, _ in pairs}.union(before.governing.difference(now.governing)))


def _find(places: BuildPaths, seen: Look | None) -> tuple[Tree, FileIndex | None]:
    return seen.tree if seen else scan(places.root, places.inner), read_index(places.state)


def _is_all_made(index: FileIndex, state: str, quick: bool) -> bool:
    """Return whether no coding is to be added to the release, by a quick build none that was made since."""
    return index.complete or (quick and index.left == size_of_results(state))


def _is_unchanged(index: FileIndex, tree: Tree, state: str, locked: bool) -> bool:
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


def _held(tree: Tree, index: FileIndex | None, state: str) -> Built | None:
    """Return the release that a rollback chose, while nothing below the root has changed since."""
    store = Store(Path(state))
    lost = lost_hold(store, index, tree)
    hold = lost or holds(state, chosen(store), tree)
    if hold is None:
        return None
    try:
        store.read(hold.number)
    except ConfigurationError:  # what is damaged or gone can't be kept
        return None
    damage = (record_damaged(f"{state}/{HOLD_FILE}"),) if lost else ()
    return Built(hold.number, False, (*tree.problems, held(hold)), damage=damage)

"""A decision: what a command found right for the tree, the lock and the manifest, carried out all or nothing.

Never downloads, and never asks a person.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cdnserve.libraries.changes.placing import Changes, is_present
from cdnserve.libraries.outcomes import Placed, placed
from cdnserve.libraries.spec import FOLDER, Spec
from cdnserve.manifest.governing import LOCK, MANIFEST
from cdnserve.manifest.lock import Lock, LockedLibrary, read_lock, render_lock
from cdnserve.manifest.reading import read_manifest
from cdnserve.manifest.revising import Revision

if TYPE_CHECKING:
    from cdnserve.libraries.downloads.gathering import Gathered

Libraries = Mapping[str, LockedLibrary]


@dataclass(frozen=True, slots=True)
class Decision:
    """The libraries that lie ready, those that go, and how the manifest's entries change.

    `swept` are paths below the root that go, of which neither lock nor manifest knows.
    """

    gathered: tuple[Gathered, ...] = ()
    removed: tuple[Spec, ...] = ()
    revisions: tuple[Revision, ...] = ()
    swept: tuple[str, ...] = ()


def carry_out(root: Path, folder: Path, decision: Decision, *, beside: bool = False) -> tuple[Placed, ...]:
    """Make all changes or none; `beside` lets other files lie in a library's folder."""
    with Changes(root, folder) as changes:
        libraries = tuple(placed(one, changes.place(one.placement, beside=beside)) for one in decision.gathered)
        for spec in decision.removed:
            if is_present(root / spec.folder):
                changes.take_away(spec.folder)
        for path in decision.swept:
            changes.take_away(path)
        new = {str(one.order.spec): LockedLibrary(one.integrity) for one in decision.gathered}
        gone = frozenset(map(str, decision.removed))
        # Between the writes the lock has more than the manifest wants: that does no harm, the opposite does.
        _write_lock(root, changes, lambda known: {**known, **new})
        _write_manifest(root, changes, decision.revisions)
        _write_lock(root, changes, lambda known: {key: entry for key, entry in known.items() if key not in gone})
        changes.keep()
    for spec in decision.removed:
        _remove_empty_scope(root, spec)
    return libraries


def _write_lock(root: Path, changes: Changes, change: Callable[[Libraries], dict[str, LockedLibrary]]) -> None:
    # Read again, since a build may have written it during the downloads.
    lock = read_lock(root / LOCK)
    libraries = change(lock.libraries)
    if libraries != lock.libraries:
        changes.write(LOCK, render_lock(Lock(libraries, lock.immutable)))


def _write_manifest(root: Path, changes: Changes, revisions: Sequence[Revision]) -> None:
    # Read again, since a person may have written it during the downloads.
    read_manifest(root / MANIFEST)
    if not revisions:
        return
    from cdnserve.manifest import edit  # noqa: PLC0415 - a parser that keeps comments takes long to load

    text = before = (root / MANIFEST).read_bytes().decode()
    for revision in revisions:
        text = edit.revise(text, revision)
    if text != before:
        changes.write(MANIFEST, text.encode())


def _remove_empty_scope(root: Path, spec: Spec) -> None:
    if spec.scope:
        with contextlib.suppress(OSError):
            (root / FOLDER / spec.scope).rmdir()

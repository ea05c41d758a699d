"""`sync`: the libraries that the manifest names, restored as the lock records them.

Never takes the registry's word for what a tarball should be, and never removes anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.libraries.gathering import Gathered, Order, gather
from cdnserve.libraries.incoming import LOCK, MANIFEST, incoming_folder
from cdnserve.libraries.outcomes import Placed, Synced, placed, unnamed
from cdnserve.libraries.placing import Changes, is_present, reported
from cdnserve.libraries.settings import Progress, Settings, Silent
from cdnserve.libraries.spec import FOLDER, Spec, checked_spec
from cdnserve.manifest.lock import Lock, read_lock
from cdnserve.manifest.reading import read_manifest
from cdnserve.manifest.values import Manifest


def sync(root: Path, settings: Settings, progress: Progress | None = None) -> Synced:
    """Restore absent libraries; raise ConfigurationError with every problem, and then nothing has changed.

    A folder that is there is taken as it is: the lock knows tarballs, not files.
    """
    orders = _orders(read_manifest(root / MANIFEST), read_lock(root / LOCK))
    restored: tuple[Placed, ...] = ()
    with reported(root):
        absent = [order for order in orders if not is_present(root / order.spec.folder)]
        if absent:
            with incoming_folder(root) as folder:
                restored = _restore(root, gather(absent, folder, settings, progress or Silent()))
        named = {order.spec.folder for order in orders}
        warnings = tuple(unnamed(folder) for folder in _folders(root) if folder not in named)
    present = tuple(order.spec.folder for order in orders if order not in absent)
    return Synced(restored, present, warnings)


def _orders(manifest: Manifest, lock: Lock) -> tuple[Order, ...]:
    orders: list[Order] = []
    problems: list[Problem] = []
    for library in manifest.libraries:
        spec = checked_spec(library.name, library.version)
        entry = lock.libraries.get(str(spec))
        if entry:
            orders.append(Order(spec, library.files, entry.integrity, is_first=False))
        else:
            problems.append(_not_locked(spec))
    if problems:
        raise ConfigurationError(problems)
    return tuple(orders)


def _restore(root: Path, gathered: Sequence[Gathered]) -> tuple[Placed, ...]:
    with Changes(root) as changes:
        restored = tuple(placed(one, is_new=changes.place(one.placement)) for one in gathered)
        changes.keep()
    return restored


def _folders(root: Path) -> Iterator[str]:
    """Give the folders in the libraries' place, relative to the root; those of a scope lie one level deeper."""
    for name in _visible(root / FOLDER):
        if name.startswith("@"):
            yield from (f"{FOLDER}/{name}/{inner}" for inner in _visible(root / FOLDER / name))
        else:
            yield f"{FOLDER}/{name}"


def _visible(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted(e.name for e in entries if e.is_dir(follow_symlinks=False) and not e.name.startswith("."))


def _not_locked(spec: Spec) -> Problem:
    message = f"{spec} is in the manifest, but the lock does not know its integrity"
    return Problem("library-not-locked", message, LOCK, hint=f"run cdnserve add {spec}")

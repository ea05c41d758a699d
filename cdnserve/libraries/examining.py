"""Examining: what lies in a root, held against the lock, without a network and without a change.

Never says more than it saw: an examination tells what it compared with.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, cast

from cdnserve.libraries.archives.members import is_kept
from cdnserve.libraries.changes.comparing import Comparison, compare_tarball
from cdnserve.libraries.changes.placing import is_present
from cdnserve.libraries.downloads.cache import Cache, cache_folder
from cdnserve.libraries.downloads.orders import Order
from cdnserve.libraries.registries.receiving import Measured
from cdnserve.libraries.scene import Scene
from cdnserve.libraries.settings import Settings
from cdnserve.libraries.spec import FOLDER, checked_spec
from cdnserve.manifest.lock import Lock
from cdnserve.manifest.requirements import hosted, hosted_names
from cdnserve.rules.integrity import hash_expression

Basis = Literal["tarball", "lock", "nothing"]
_IN_MEMORY = 2**23
_PIECE = 2**20


@dataclass(frozen=True, slots=True)
class Examined:
    """One hosted library: whether anything lies at its place, how that differs, and from what.

    `basis` is `"tarball"` where the cache had it (all is seen), `"lock"` where the lock records immutable files (those
    are seen), else `"nothing"`. `is_named` is false where the manifest has no such library.
    """

    order: Order
    is_named: bool
    is_present: bool
    basis: Basis
    difference: Comparison


def hosted_orders(scene: Scene) -> Iterator[tuple[Order, bool]]:
    """Yield an order for each library of the lock, and whether the manifest names it; in the manifest's order."""
    entries = scene.entries
    for name in dict.fromkeys((*entries, *hosted_names(scene.lock))):
        entry = entries.get(name)
        for version in hosted(scene.lock, name):
            spec = checked_spec(name, version)
            files = entry.files if entry else ()
            yield Order(spec, files, scene.lock.libraries[str(spec)].integrity), entry is not None


def examine(root: Path, scene: Scene, settings: Settings) -> Iterator[Examined]:
    """Examine every library that the lock records."""
    folder = cache_folder(settings)
    cache = Cache(folder, settings.limits.tarball) if folder else None
    for order, is_named in hosted_orders(scene):
        place = root / order.spec.folder
        basis: Basis = "nothing"
        difference = Comparison()
        there = is_present(place)
        # What the manifest doesn't name has no globs to be compared by.
        if there and is_named:
            basis, difference = _compared(order, place, scene.lock, cache, settings)
        yield Examined(order, is_named, there, basis, difference)


def surplus_folders(root: Path, lock: Lock) -> Iterator[str]:
    """Give the folders in the libraries' place that the lock does not have, relative to the root, sorted."""
    for name in _visible(root / FOLDER):
        folders = [f"{name}/{inner}" for inner in _visible(root / FOLDER / name)] if name.startswith("@") else [name]
        surplus = (f"{FOLDER}/{folder}" for folder in folders if folder not in lock.libraries)
        yield from (folder for folder in surplus if is_present(root / folder))


def _compared(
    order: Order, place: Path, lock: Lock, cache: Cache | None, settings: Settings
) -> tuple[Basis, Comparison]:
    with _kept_tarball(order, cache) as tarball:
        if tarball:
            keep = functools.partial(is_kept, globs=order.files)
            return "tarball", compare_tarball(tarball, place, keep, settings.limits)
    prefix = f"{order.spec.folder}/"
    recorded = {path.removeprefix(prefix): file for path, file in lock.immutable.items() if path.startswith(prefix)}
    promised = {path: file.integrity for path, file in recorded.items() if is_kept(path, order.files)}
    if not promised:
        return "nothing", Comparison()
    found = {path: _integrity(place / path) for path in promised}
    absent = tuple(sorted(path for path, integrity in found.items() if integrity is None))
    changed = tuple(sorted(path for path, got in found.items() if got not in (None, promised[path])))
    return "lock", Comparison(absent, changed)


@contextlib.contextmanager
def _kept_tarball(order: Order, cache: Cache | None) -> Iterator[BinaryIO | None]:
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as temporary:
        file = cast(BinaryIO, temporary)
        yield file if cache and cache.copy(order.locked, Measured(file, order.locked)) else None


def _integrity(path: Path) -> str | None:
    """Give a file's hash expression, `None` where nothing lies there, `""` where that is no file that can be read."""
    digest = hashlib.sha384()
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return ""
            while piece := file.read(_PIECE):
                digest.update(piece)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return ""
    return hash_expression("sha384", digest.digest())


def _visible(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted(e.name for e in entries if e.is_dir(follow_symlinks=False) and not e.name.startswith("."))

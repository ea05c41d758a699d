"""Promises: bytes that were released as immutable (RFC 8246) and so may never change.

Never takes a promise back unless a person does: caches hold the old bytes for a year, whatever the manifest says now.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from cdnserve.errors import Problem
from cdnserve.manifest.files import LOCK, changing
from cdnserve.manifest.lock import Lock, LockedFile, read_lock, render_lock, write_lock
from cdnserve.manifest.model import Manifest
from cdnserve.manifest.requirements import unresolved
from cdnserve.release.catalog import Catalog
from cdnserve.release.read import FileContent
from cdnserve.rules.integrity import hash_expression, parse_metadata

_NANOSECONDS = 10**9


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the lock holds after a build: its files, its octets where they are known, and what to warn of."""

    files: Mapping[str, LockedFile]
    octets: bytes
    warnings: tuple[Problem, ...] = ()

    def modified(self, path: str) -> int | None:
        """Return the date that is the same on every replica, in seconds since 1970."""
        return self.files[path].modified if path in self.files else None


def promises(
    lock: Lock, *released: Catalog | None, forgotten: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> dict[str, bytes]:
    """Return the sha384 that each promised path must have; what stands first decides, and the lock before all.

    Nobody is held to what releases promised and a person has `forgotten`: digests in hexadecimal, by path.
    """
    kept: dict[str, bytes] = {}
    for catalog in reversed(released):
        kept |= immutable(catalog) if catalog else {}
    for path in forgotten.keys() & kept.keys():
        if kept[path].hex() in forgotten[path]:
            del kept[path]
    return kept | {path: parse_metadata(file.integrity)[0].digest for path, file in lock.immutable.items()}


def immutable(catalog: Catalog) -> dict[str, bytes]:
    """Return the sha384 of each file that a release has as immutable."""
    rules = catalog.rules
    return {path: asset.sha384 for path, asset in catalog.assets.items() if rules[asset.rule].cache.immutable}


def broken(promised: Mapping[str, bytes], contents: Mapping[str, FileContent]) -> Iterator[Problem]:
    """Yield a problem for each file that is no longer what was promised; one that is gone breaks nothing."""
    for path, content in contents.items():
        if promised.get(path, content.sha384) != content.sha384:
            yield _changed(path, promised[path], content.sha384)


def new_promises(lock: Lock, immutable: Mapping[str, FileContent], now: int) -> dict[str, LockedFile]:
    """Return the entries that the lock lacks; a file is no younger than its first release, `now` in seconds."""
    return {
        path: LockedFile(hash_expression("sha384", content.sha384), _date(content, now))
        for path, content in immutable.items()
        if path not in lock.immutable
    }


def _date(content: FileContent, now: int) -> int:
    return max(0, min(content.signature[1] // _NANOSECONDS, now))


def unlocked_libraries(manifest: Manifest, lock: Lock) -> Iterator[Problem]:
    """Yield a warning for each library that the manifest wants in a version of which the lock has none."""
    for library, requirement in unresolved(manifest, lock):
        yield Problem(
            "library-not-locked",
            "the manifest wants this library, the lock has no version of it that is meant",
            where=LOCK,
            value=f"{library.name}@{requirement}",
            hint=f"run cdnserve update {library.name}",
            warning=True,
        )


def record(root: str, lock: Lock, octets: bytes, new: Mapping[str, LockedFile]) -> Recorded:
    """Add promises to the lock that was read from these octets; where the root can't be written, only warn."""
    path = Path(root, LOCK)
    if not new:
        return Recorded(lock.immutable, octets)
    if not os.access(root, os.W_OK):
        return Recorded(lock.immutable, octets, (_lock_left_alone(path),))
    with changing(Path(root)):
        # Read again: a library may have been added while files were encoded.
        fresh = read_lock(path)
        merged = Lock(fresh.libraries, {**new, **fresh.immutable})
        write_lock(path, merged)
    return Recorded(merged.immutable, render_lock(merged) if fresh == lock else b"")


def lock_incomplete(paths: Sequence[str]) -> Problem:
    """Tell that immutable files are released for the first time where the lock may not change."""
    more = f" and {len(paths) - 1} more" if paths[1:] else ""
    return Problem(
        "lock-incomplete",
        "immutable files are not recorded in the lock",
        where=LOCK,
        value=paths[0] + more,
        hint="run cdnserve build without --locked and commit the lock",
    )


def _lock_left_alone(path: Path) -> Problem:
    return Problem(
        "lock-unwritable",
        "new immutable files are not recorded: the root can't be written",
        where=str(path),
        hint="run cdnserve build where it can, and commit the lock",
        warning=True,
    )


def _changed(path: str, promised: bytes, got: bytes) -> Problem:
    return Problem(
        "immutable-changed",
        "an immutable file has changed since it was released",
        where=path,
        value=f"expected {hash_expression('sha384', promised)}, got {hash_expression('sha384', got)}",
        hint="restore the file and publish the new bytes under a new path; caches keep the old ones for a year. "
        f"If the old ones were a mistake: cdnserve forget {path}",
    )

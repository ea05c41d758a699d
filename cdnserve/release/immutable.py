"""Immutability (RFC 8246): the digests that a path may never change, in the lock and in releases, and forgetting them.

Caches hold the old bytes for a year, whatever the manifest says now.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from posixpath import basename
from types import MappingProxyType

from cdnserve.display import printable
from cdnserve.errors import ConfigurationError, Problem, Problems
from cdnserve.files import read_file
from cdnserve.manifest.files import LOCK
from cdnserve.manifest.lock import Lock, LockedFile, changing, read_lock, render_lock, unresolved, write_lock
from cdnserve.manifest.model import Manifest
from cdnserve.release.blobs import StoreError, write_state_file
from cdnserve.release.catalog import Catalog
from cdnserve.release.read import FileContent
from cdnserve.release.store import BuildPaths, Store, find_places, store_problem
from cdnserve.release.writer import BuildProgress, Silence, Writer
from cdnserve.rules.globs import compile_glob, glob_problems
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


def binding(catalog: Catalog, forgotten: Mapping[str, Sequence[str]]) -> dict[str, bytes]:
    """Return the sha384 of each file that a release has as immutable, but for what a person has `forgotten`."""
    return {path: sha384 for path, sha384 in immutable(catalog).items() if sha384.hex() not in forgotten.get(path, ())}


def changed(promised: Mapping[str, bytes], catalog: Catalog, store: str) -> Iterator[Problem]:
    """Yield a problem for each file of a release that is no longer what was promised in an object store."""
    for path, asset in catalog.assets.items():
        if promised.get(path, asset.sha384) != asset.sha384:
            yield _changed(path, promised[path], asset.sha384, f" --store {store}")


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
    """Return the problem of immutable files that are new where the lock may not change."""
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


def _changed(path: str, promised: bytes, got: bytes, more: str = "") -> Problem:
    return Problem(
        "immutable-changed",
        "an immutable file has changed since it was released",
        where=path,
        value=f"expected {hash_expression('sha384', promised)}, got {hash_expression('sha384', got)}",
        hint="restore the file and publish the new bytes under a new path; caches keep the old ones for a year. "
        f"If the old ones were a mistake: cdnserve forget {path}{more}",
    )


FORGOTTEN = "forgotten"
Forgotten = Mapping[str, Sequence[str]]
"""The sha384 in hexadecimal that nobody is held to any more, by path."""


def find_promised(root: Path, state: Path, wanted: Sequence[str]) -> tuple[str, ...]:
    """Return the promised paths that paths and globs stand for; raise ConfigurationError where one stands for none."""
    places = find_places(root, state)
    store = Store(Path(places.state))
    promised = promises(read_lock(Path(places.root, LOCK)), *store.whole(store.numbers())).keys()
    return choose_promised(promised, wanted, basename(places.root))


def choose_promised(promised: Collection[str], wanted: Sequence[str], root: str) -> tuple[str, ...]:
    """Return the promised paths that paths and globs stand for; raise ConfigurationError where one stands for none."""
    found = {one: {one} & set(promised) or set(_matching(one, promised)) for one in wanted}
    Problems(_unknown(one, promised, root) for one, paths in found.items() if not paths).raise_errors()
    return tuple(sorted(set().union(*found.values())))


def forget(root: Path, state: Path, paths: Sequence[str], progress: BuildProgress | None = None) -> None:
    """Take promises back; the next build records what lies there then. A build that is under way is waited for."""
    places = find_places(root, state)
    try:
        with ExitStack() as stack:
            if Store(Path(places.state)).numbers():  # where nothing was ever released, only the lock promises
                stack.enter_context(Writer(places.state, progress or Silence()))
                # First: what is killed in between has forgotten nothing, for the lock decides.
                _forget_released(places, paths)
            stack.enter_context(changing(Path(places.root)))
            lock = read_lock(Path(places.root, LOCK))
            rest = {path: file for path, file in lock.immutable.items() if path not in paths}
            write_lock(Path(places.root, LOCK), Lock(lock.libraries, rest))
    except StoreError as failure:
        raise ConfigurationError([store_problem(failure, places.state)]) from failure


def read_forgotten(state: str) -> Forgotten | None:
    """Read what was forgotten of releases; `None` where that is damaged or not there, so that promises hold."""
    try:
        found = json.loads(read_file(f"{state}/{FORGOTTEN}"))
        return {str(path): [str(digest) for digest in digests] for path, digests in found.items()}
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return None


def _forget_released(places: BuildPaths, paths: Sequence[str]) -> None:
    before = read_forgotten(places.state) or {}
    forgotten = defaultdict(set, {path: set(digests) for path, digests in before.items()})
    # All of them: where the current one is damaged, earlier ones bind a build too.
    store = Store(Path(places.state))
    for catalog in store.whole(store.numbers()):
        released = immutable(catalog)
        for path in released.keys() & set(paths):
            forgotten[path].add(released[path].hex())
    text = json.dumps({path: sorted(digests) for path, digests in sorted(forgotten.items())}, indent=1)
    write_state_file(places.state, FORGOTTEN, text.encode() + b"\n")


def _matching(glob: str, paths: Collection[str]) -> Iterator[str]:
    if not any(glob_problems(glob)):
        yield from filter(compile_glob(glob).matches, paths)


def _unknown(wanted: str, paths: Collection[str], root: str) -> Problem:
    folder, inner = wanted.rstrip("/"), wanted.removeprefix(f"{root}/")
    hint = "cdnserve list shows the paths of files; manifest.lock records which of them are immutable"
    if any(path.startswith(f"{folder}/") for path in paths):
        hint = f"for all that is in the folder, write '{folder}/**'"
    elif inner in paths or any(_matching(inner, paths)):
        hint = f"paths are relative to the root: write {inner}"
    return Problem("promise-unknown", "nothing was promised of this path", LOCK, printable(wanted), hint)

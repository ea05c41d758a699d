"""Forgetting: promises that a person takes back, out of the lock and out of what releases promise.

Never changes a file or a release: caches keep what they have.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from posixpath import basename

from cdnserve.display import printable
from cdnserve.errors import ConfigurationError, Problem, Problems
from cdnserve.manifest.files import LOCK, changing
from cdnserve.manifest.lock import Lock, read_lock, write_lock
from cdnserve.release.blobs import StoreError, write_state_file
from cdnserve.release.immutable import immutable, promises
from cdnserve.release.store import BuildPaths, Store, find_places, store_problem
from cdnserve.release.writer import BuildProgress, Silence, Writer
from cdnserve.rules.globs import compile_glob, glob_problems

FILE = "forgotten"
Forgotten = Mapping[str, Sequence[str]]
"""The sha384 in hexadecimal that nobody is held to any more, by path."""


def find_promised(root: Path, state: Path, wanted: Sequence[str]) -> tuple[str, ...]:
    """Return the promised paths that paths and globs stand for; raise ConfigurationError where one stands for none."""
    places = find_places(root, state)
    store = Store(Path(places.state))
    promised = promises(read_lock(Path(places.root, LOCK)), *store.whole(store.numbers())).keys()
    found = {one: {one} & promised or set(_matching(one, promised)) for one in wanted}
    Problems(_unknown(one, promised, places.root) for one, paths in found.items() if not paths).raise_errors()
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


def read_forgotten(state: str) -> Forgotten:
    """Read what was forgotten of releases; nothing where that is damaged, so that promises hold."""
    try:
        found = json.loads(Path(state, FILE).read_bytes())
        return {str(path): [str(digest) for digest in digests] for path, digests in found.items()}
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return {}


def _forget_released(places: BuildPaths, paths: Sequence[str]) -> None:
    forgotten = defaultdict(set, {path: set(digests) for path, digests in read_forgotten(places.state).items()})
    # All of them: where the current one is damaged, earlier ones bind a build too.
    store = Store(Path(places.state))
    for catalog in store.whole(store.numbers()):
        released = immutable(catalog)
        for path in released.keys() & set(paths):
            forgotten[path].add(released[path].hex())
    text = json.dumps({path: sorted(digests) for path, digests in sorted(forgotten.items())}, indent=1)
    write_state_file(places.state, FILE, text.encode() + b"\n")


def _matching(glob: str, paths: Collection[str]) -> Iterator[str]:
    if not any(glob_problems(glob)):
        yield from filter(compile_glob(glob).matches, paths)


def _unknown(wanted: str, paths: Collection[str], root: str) -> Problem:
    folder, inner = wanted.rstrip("/"), wanted.removeprefix(f"{basename(root)}/")
    hint = "cdnserve list shows the paths of files; manifest.lock records which of them are immutable"
    if any(path.startswith(f"{folder}/") for path in paths):
        hint = f"for all that is in the folder, write '{folder}/**'"
    elif inner in paths or any(_matching(inner, paths)):
        hint = f"paths are relative to the root: write {inner}"
    return Problem("promise-unknown", "nothing was promised of this path", LOCK, printable(wanted), hint)

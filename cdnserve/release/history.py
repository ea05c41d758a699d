"""History: the releases that are there, what each changed, and the way back to one of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.release.blobs import StoreError
from cdnserve.release.catalog import Asset, Catalog
from cdnserve.release.remote import RemoteStore
from cdnserve.release.scan import scan
from cdnserve.release.state_files import Hold, fingerprint, read_hold, write_hold
from cdnserve.release.store import Releases, Store, find_places, store_problem
from cdnserve.release.writer import BuildProgress, Silence, Writer


@dataclass(frozen=True, slots=True)
class Differences:
    """Logical paths, sorted; a file is changed if its content is, or what its rule says of it."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path that is answered otherwise; what an edge has to forget."""
        return tuple(sorted((*self.added, *self.removed, *self.changed)))


def compare(before: Catalog | None, after: Catalog) -> Differences:
    """Compare two releases; without one before, everything is added."""
    if before is None:
        return Differences(added=tuple(sorted(after.assets)))
    old, new = before.assets, after.assets
    both = sorted(old.keys() & new.keys())
    changed = (path for path in both if _facts(before, old[path]) != _facts(after, new[path]))
    return Differences(tuple(sorted(new.keys() - old.keys())), tuple(sorted(old.keys() - new.keys())), tuple(changed))


def _facts(catalog: Catalog, asset: Asset) -> tuple[object, ...]:
    rule = catalog.rules[asset.rule]
    return asset.sha512, asset.identity.sha256, rule.cors, rule.cache, rule.documents, rule.digests


@dataclass(frozen=True, slots=True)
class ReleaseEntry:
    """One release; `made` is in seconds since 1970, `octets` is the size of its files without content codings.

    `differences` are those from the release before that could be read. `left` says that a rollback left it. Where
    `problem` says why the release can't be read, the rest is empty.
    """

    number: int
    made: float
    is_current: bool
    left: bool = False
    files: int = 0
    octets: int = 0
    differences: Differences = field(default_factory=Differences)
    problem: Problem | None = None


def history(state: Path) -> Iterator[ReleaseEntry]:
    """Yield the releases of a state folder, the oldest first."""
    return _entries(Store(state), read_hold(str(state)))


def store_history(remote: RemoteStore) -> Iterator[ReleaseEntry]:
    """Yield the releases of an object store, the oldest first."""
    return _entries(remote, remote.hold())


def _entries(store: Releases, hold: Hold | None) -> Iterator[ReleaseEntry]:
    current = store.current()
    left = hold.left if hold and hold.number == current else None
    before: Catalog | None = None
    for number in store.numbers():
        made = store.made(number)
        try:
            catalog = store.read(number)
        except ConfigurationError as error:
            yield ReleaseEntry(number, made, number == current, number == left, problem=error.problems[0])
            continue
        octets = sum(asset.identity.size for asset in catalog.assets.values())
        differences = compare(before, catalog)
        yield ReleaseEntry(number, made, number == current, number == left, len(catalog.assets), octets, differences)
        before = catalog


@dataclass(frozen=True, slots=True)
class RolledBack:
    """The release that is current now, the one before, and what differs; none where they are the same."""

    number: int
    left: int
    differences: Differences


def roll_back(root: Path, state: Path, number: int | None = None, progress: BuildProgress | None = None) -> RolledBack:
    """Make a release the current one: the one before the current, unless told.

    It stays so until something below `root` changes or a build is asked for. Raises ConfigurationError where there
    is no such release, or where it is not whole. A build that is under way is waited for.
    """
    places = find_places(root, state)
    store = Store(Path(places.state))
    if not store.numbers():  # where nothing was ever released, nothing is written either
        raise ConfigurationError([_nowhere(store) if number is None else _not_there(store, number)])
    try:
        with Writer(places.state, progress or Silence()) as writer:
            left = _current(writer.store, number)
            chosen = _before(writer.store, left) if number is None else number
            differences = _differences(writer.store, left, chosen)
            if chosen != left:
                write_hold(places.state, Hold(chosen, left, fingerprint(scan(places.root, places.inner))))
                writer.point_to(chosen)
            return RolledBack(chosen, left, differences)
    except StoreError as failure:
        raise ConfigurationError([store_problem(failure, places.state)]) from failure


def roll_back_store(remote: RemoteStore, number: int | None = None) -> RolledBack:
    """Make a release of an object store the current one: the one before the current, unless told.

    It stays so until somebody publishes. Raises ConfigurationError where there is no such release, where it is not
    whole, or where somebody else sets the pointer meanwhile.
    """
    pointer = remote.pointer(lenient=number is not None)
    left = pointer.number if pointer else 0
    chosen = _before(remote, left) if number is None else number
    differences = _differences(remote, left, chosen)
    if chosen != left:
        remote.write_hold(chosen, left)
        if not remote.point_to(chosen, pointer) or remote.current() != chosen:
            raise ConfigurationError([_moved(remote)])
    return RolledBack(chosen, left, differences)


def _current(store: Store, wanted: int | None) -> int:
    """Return the current release, 0 where nobody knows it any more but a person says which one is wanted."""
    try:
        return store.current() or 0
    except ConfigurationError:
        if wanted is None:
            raise
        return 0


def _before(store: Releases, current: int) -> int:
    """Return the release before the current one, but none that only lacks codings."""
    earlier = [number for number in store.numbers() if number < current]
    if not earlier:
        raise ConfigurationError([_nowhere(store)])
    now = next((one.without_codings() for one in store.whole([current])), None)
    others = (one.number for one in store.whole(reversed(earlier)) if now and one.without_codings() != now)
    return next(others, earlier[-1])


def _differences(store: Releases, left: int, chosen: int) -> Differences:
    if chosen not in store.numbers():
        raise ConfigurationError([_not_there(store, chosen)])
    after = store.load(chosen)
    try:
        before = store.read(left)
    except ConfigurationError:  # what is left may be damaged: all the more reason to leave it
        before = None
    return compare(before, after)


def _nowhere(store: Releases) -> Problem:
    return Problem(
        "rollback-nowhere",
        "there is no release before the current one",
        where=store.place,
        hint="cdnserve releases lists those that are there",
    )


def _not_there(store: Releases, number: int) -> Problem:
    there = ", ".join(map(str, store.numbers()[-10:]))
    return Problem(
        "release-missing",
        f"release {number} is not there",
        where=store.place,
        hint=f"those that are there: {there}" if there else "run cdnserve build",
    )


def _moved(remote: RemoteStore) -> Problem:
    return Problem(
        "rollback-raced",
        "somebody made another release the current one meanwhile",
        where=remote.place,
        hint="look at cdnserve releases, then say which one you want",
    )

"""History: the releases that are there, when each was made, and what it changed.

Never builds, and never stumbles over a release that it can't read: that is a fact to tell, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.release.catalog import Asset, Catalog
from cdnserve.release.state_files import read_hold
from cdnserve.release.store import Store


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
    store = Store(state)
    current = store.current()
    hold = read_hold(str(state))
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

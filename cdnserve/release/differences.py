"""Differences: what a release has added, removed and changed against another one.

Never compares bytes: their digests are in the catalogs.
"""

from __future__ import annotations

from dataclasses import dataclass

from cdnserve.release.catalog import Asset, Catalog


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

"""Changes, as far as they are listed today: between two versions of a library, and from one release to the next."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache

from cdnserve.errors import ConfigurationError
from cdnserve.manifest.model import RuleMatcher
from cdnserve.release.catalog import Asset, Catalog
from cdnserve.release.history import Differences, compare
from cdnserve.release.store import Releases
from cdnserve.web.listing import Listing
from cdnserve.web.model import FileChange, ListedRelease, Paged, VersionComparison
from cdnserve.web.packages import library_folder_of

# Of a release so many paths of each kind are named; the others are counted.
MOST_NAMED = 200
_MOST_REMEMBERED = 128


def compare_versions(name: str, old: str, new: str, listing: Listing) -> VersionComparison:
    """Compare two hosted versions of a library, file by file, by path in the package."""
    before, after = (_by_inner_path(library_folder_of(name, version), listing) for version in (old, new))
    changes = tuple(_changes(before, after))
    unchanged = len(before.keys() | after.keys()) - len(changes)
    return VersionComparison(name, old, new, _served(before), _served(after), unchanged, changes)


def _by_inner_path(folder: str, listing: Listing) -> dict[str, Asset]:
    return {path[len(folder) + 1 :]: listing.catalog.assets[path] for path in listing.below(folder)}


def _served(files: dict[str, Asset]) -> int:
    return sum(map(_served_size, files.values()))


def _served_size(asset: Asset) -> int:
    return min(item.size for item in asset.representations)


def _changes(before: dict[str, Asset], after: dict[str, Asset]) -> Iterator[FileChange]:
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if old is None and new is not None:
            yield FileChange(path, "added", None, _served_size(new))
        elif old is not None and new is None:
            yield FileChange(path, "removed", _served_size(old), None)
        elif old is not None and new is not None and old.sha512 != new.sha512:
            yield FileChange(path, "changed", _served_size(old), _served_size(new))


class ReleaseHistory:
    """What each release of a store changed; releases are removed while one is served, but what one has stays."""

    def __init__(self, store: Releases, listing: Listing) -> None:
        self._store = store
        self._rules = listing.catalog.rules
        self._current = listing.catalog.number
        self._matcher = RuleMatcher(self._rules)
        # By a number and those before it, for the nearest one that can be read is what it is compared with.
        self._described = lru_cache(_MOST_REMEMBERED)(self._describe)

    def page(self, page: int, per_page: int) -> Paged[ListedRelease]:
        """Return one page of the releases that are there, the newest first, each with what it changed."""
        numbers = self._store.numbers()
        end = len(numbers) - (page - 1) * per_page
        wanted = range(end, max(0, end - per_page), -1)
        return Paged(tuple(self._described(numbers[:at]) for at in wanted), len(numbers), page, per_page)

    def _describe(self, numbers: tuple[int, ...]) -> ListedRelease:
        """Describe the last of some releases."""
        *earlier, number = numbers
        made = datetime.fromtimestamp(int(self._store.made(number)), UTC).isoformat().replace("+00:00", "Z")
        is_current = number == self._current
        catalog = _whole(self._store, number)
        if catalog is None:
            problem = "the catalog of this release can't be read"
            return ListedRelease(number, made, is_current, 0, 0, 0, 0, 0, (), (), (), problem)
        before = next((one for one in (_whole(self._store, at) for at in reversed(earlier)) if one), None)
        changed = self._differences(before, catalog)
        files = [asset for asset in catalog.assets.values() if catalog.rules[asset.rule].is_listed]
        return ListedRelease(
            number,
            made,
            is_current,
            len(files),
            sum(asset.identity.size for asset in files),
            len(changed.added),
            len(changed.removed),
            len(changed.changed),
            changed.added[:MOST_NAMED],
            changed.removed[:MOST_NAMED],
            changed.changed[:MOST_NAMED],
        )

    def _differences(self, before: Catalog | None, after: Catalog) -> Differences:
        """Return what differs, without the paths that were not listed then, or aren't today."""
        found = compare(before, after)
        return Differences(
            self._shown(found.added, after), self._shown(found.removed, before), self._shown(found.changed, after)
        )

    def _shown(self, paths: tuple[str, ...], catalog: Catalog | None) -> tuple[str, ...]:
        if catalog is None:
            return ()
        rules, assets = catalog.rules, catalog.assets
        return tuple(path for path in paths if rules[assets[path].rule].is_listed and self._is_listed(path))

    def _is_listed(self, path: str) -> bool:
        at = self._matcher.find(path)
        return at is not None and self._rules[at].is_listed


def _whole(store: Releases, number: int) -> Catalog | None:
    try:
        return store.read(number)
    except ConfigurationError:
        return None

"""Changes, as far as they are listed today: between two versions of a library, and from one release to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

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


def listed_releases(store: Releases, listing: Listing, page: int, per_page: int) -> Paged[ListedRelease]:
    """Return one page of the releases that are there, the newest first, each with what it changed."""
    numbers = store.numbers()
    matcher = RuleMatcher(listing.catalog.rules)

    def is_listed(path: str) -> bool:
        at = matcher.find(path)
        return at is not None and listing.catalog.rules[at].is_listed

    end = len(numbers) - (page - 1) * per_page
    wanted = range(end - 1, max(-1, end - 1 - per_page), -1) if end > 0 else range(0)
    releases = tuple(_release(store, numbers, at, listing.catalog.number, is_listed) for at in wanted)
    return Paged(releases, len(numbers), page, per_page)


def _release(
    store: Releases, numbers: Sequence[int], at: int, current: int, is_listed: Callable[[str], bool]
) -> ListedRelease:
    number = numbers[at]
    made = datetime.fromtimestamp(int(store.made(number)), UTC).isoformat().replace("+00:00", "Z")
    catalog = _whole(store, number)
    if catalog is None:
        problem = "the catalog of this release can't be read"
        return ListedRelease(number, made, number == current, 0, 0, 0, 0, 0, (), (), (), problem)
    before = next((one for one in (_whole(store, earlier) for earlier in reversed(numbers[:at])) if one), None)
    changed = _listed_differences(before, catalog, is_listed)
    files = [asset for asset in catalog.assets.values() if catalog.rules[asset.rule].is_listed]
    return ListedRelease(
        number,
        made,
        number == current,
        len(files),
        sum(asset.identity.size for asset in files),
        len(changed.added),
        len(changed.removed),
        len(changed.changed),
        changed.added[:MOST_NAMED],
        changed.removed[:MOST_NAMED],
        changed.changed[:MOST_NAMED],
    )


def _whole(store: Releases, number: int) -> Catalog | None:
    try:
        return store.read(number)
    except ConfigurationError:
        return None


def _listed_differences(before: Catalog | None, after: Catalog, is_listed: Callable[[str], bool]) -> Differences:
    """Return what differs, without the paths that were not listed then, or aren't today."""
    found = compare(before, after)

    def shown(paths: tuple[str, ...], catalog: Catalog | None) -> tuple[str, ...]:
        if catalog is None:
            return ()
        rules, assets = catalog.rules, catalog.assets
        return tuple(path for path in paths if rules[assets[path].rule].is_listed and is_listed(path))

    return Differences(shown(found.added, after), shown(found.removed, before), shown(found.changed, after))

"""The listing of one release: what its rules list, by path, by library, by folder and by digest; nothing else is in it.

All that pages and API answer is looked up here, as if an unlisted file didn't exist. It belongs to one release, is made
off the request path, and holds references to the catalog's values: some dozens of octets for each file.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import MappingProxyType

from msgspec.structs import replace

from cdnserve.npm.spec import FOLDER
from cdnserve.origin.aliases import HostedVersions
from cdnserve.origin.files import entity_tag
from cdnserve.origin.lookup import Origin
from cdnserve.release.catalog import Asset, Catalog
from cdnserve.release.package_entries import library_folder
from cdnserve.rules.integrity import ALGORITHMS, HashExpression, hash_expression
from cdnserve.rules.urls import public_url
from cdnserve.web.model import CodedSize, IntegrityValues, ListedFile, ListedFolder

Read = Callable[[Asset], bytes]
"""Returns the content of an asset, proved right; raises OSError where the store has it no more."""

_MOST_MATCHES = 1000


@dataclass(frozen=True, slots=True)
class Sums:
    """How many files, their octets, and their octets as served."""

    files: int
    size: int
    served_size: int


class Listing:
    """What one release lists.

    `origin` answers as the server does, but knows listed files alone; `catalog` is its catalog, `paths` are the logical
    paths, sorted, and `libraries` the hosted versions by name.
    """

    def __init__(self, origin: Origin, read: Read) -> None:
        self.catalog = _listed(origin.catalog)
        self.origin = Origin(self.catalog, origin.clock)
        self.paths: Sequence[str] = self.origin.paths
        self.libraries = HostedVersions(self.paths)
        self._read = read
        # Made for the algorithms that somebody asks for.
        self._order = lru_cache(len(ALGORITHMS))(self._make_order)

    def read(self, asset: Asset) -> bytes:
        """Return an asset's content; raises OSError."""
        return self._read(asset)

    def span(self, folder: str) -> range:
        """Return where in `paths` the files below a folder stand; `""` is the folder of all."""
        if not folder:
            return range(len(self.paths))
        # "0" is the character after "/".
        return range(bisect_left(self.paths, f"{folder}/"), bisect_left(self.paths, f"{folder}0"))

    def below(self, folder: str) -> Sequence[str]:
        """Return the paths of the files below a folder, sorted."""
        span = self.span(folder)
        return self.paths[span.start : span.stop]

    def sums(self, folder: str) -> Sums:
        """Add up the files below a folder."""
        files = size = served = 0
        for path in self.below(folder):
            sizes = [one.size for one in self.catalog.assets[path].representations]
            files, size, served = files + 1, size + sizes[0], served + min(sizes)
        return Sums(files, size, served)

    def file(self, path: str) -> ListedFile:
        """Return what is known of a file; KeyError where it isn't listed."""
        asset = self.catalog.assets[path]
        rule = self.catalog.rules[asset.rule]
        return ListedFile(
            path=path,
            url=self.url(path),
            media_type=asset.media_type(path),
            size=asset.identity.size,
            codings=tuple(CodedSize(one.coding, one.size, entity_tag(one)) for one in asset.representations),
            integrity=None if asset.is_coded else _integrity(asset),
            cors=rule.cors.name,
            cache_control=rule.cache.control,
            library=library_folder(path).removeprefix(f"{FOLDER}/"),
        )

    def url(self, path: str) -> str:
        """Return the address of a logical path: absolute where the site's base URL is known, else from the root."""
        return public_url(path, self.catalog.site.url)

    def children(self, folder: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return what lies directly in a folder: the paths of its folders, and of its files."""
        before = f"{folder}/" if folder else ""
        span, folders, files = self.span(folder), [], []
        at = span.start
        while at < span.stop:
            inner, slash, _ = self.paths[at][len(before) :].partition("/")
            if slash:
                folders.append(before + inner)
                at = bisect_left(self.paths, f"{before}{inner}0", at + 1)
            else:
                files.append(before + inner)
                at += 1
        return tuple(dict.fromkeys(folders)), tuple(files)

    @cached_property
    def own_folders(self) -> tuple[ListedFolder, ...]:
        """The folders at the top with files that belong to no library; `""` last, where files lie in none."""
        folders, files = self.children("")
        found = [ListedFolder(one, sums.files, sums.size, sums.served_size) for one, sums in self._own(folders)]
        sizes = [[item.size for item in self.catalog.assets[path].representations] for path in files]
        alone = ListedFolder("", len(files), sum(size[0] for size in sizes), sum(map(min, sizes)))
        return (*found, alone) if files else tuple(found)

    def _own(self, folders: Sequence[str]) -> Iterator[tuple[str, Sums]]:
        """Yield the folders with their sums; those of libraries don't count in that of `npm`."""
        for folder in folders:
            sums = self.sums(folder)
            if folder == FOLDER:
                homes = (self.sums(library) for library in self.library_folders())
                for home in homes:
                    sums = Sums(sums.files - home.files, sums.size - home.size, sums.served_size - home.served_size)
            if sums.files:
                yield folder, sums

    def library_folders(self) -> Iterator[str]:
        """Yield the folder of each version of each library."""
        for name in self.libraries.names:
            yield from (f"{FOLDER}/{name}@{version}" for version in self.libraries.versions(name))

    def with_digest(self, expression: HashExpression) -> tuple[str, ...]:
        """Return the paths of the files with these octets, sorted; of very many, the first."""
        digest_of, order = _DIGESTS[expression.algorithm], self._order(expression.algorithm)
        at = bisect_left(order, expression.digest, key=lambda index: digest_of(self._asset(index)))
        found: list[str] = []
        while at < len(order) and digest_of(self._asset(order[at])) == expression.digest and len(found) < _MOST_MATCHES:
            found.append(self.paths[order[at]])
            at += 1
        return tuple(sorted(found))

    def _asset(self, index: int) -> Asset:
        return self.catalog.assets[self.paths[index]]

    def _make_order(self, algorithm: str) -> array[int]:
        """Return the files in the order of their digests, four octets for each."""
        digest_of = _DIGESTS[algorithm]
        # Of what is left without a coding nothing is known.
        plain = (index for index in range(len(self.paths)) if not self._asset(index).is_coded)
        return array("I", sorted(plain, key=lambda index: digest_of(self._asset(index))))


def _sha256(asset: Asset) -> bytes:
    return asset.identity.sha256


def _sha384(asset: Asset) -> bytes:
    return asset.sha384


def _sha512(asset: Asset) -> bytes:
    return asset.sha512


_DIGESTS: Mapping[str, Callable[[Asset], bytes]] = MappingProxyType(
    dict(zip(ALGORITHMS, (_sha256, _sha384, _sha512), strict=True))
)


def _integrity(asset: Asset) -> IntegrityValues:
    digests = zip(ALGORITHMS, (asset.identity.sha256, asset.sha384, asset.sha512), strict=True)
    return IntegrityValues(*(hash_expression(algorithm, digest) for algorithm, digest in digests))


def _listed(catalog: Catalog) -> Catalog:
    """Return the part of a release that its rules list; the very catalog where that is all of it."""
    listed = [rule.is_listed for rule in catalog.rules]
    if all(listed):
        return catalog
    return replace(catalog, assets={path: asset for path, asset in catalog.assets.items() if listed[asset.rule]})

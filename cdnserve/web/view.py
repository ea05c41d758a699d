"""The view of one release: every question that pages and API ask of it, answered in values.

Its methods look up, read and compute, so they run off the event loop, one at a time. What isn't listed is `None`, like
what isn't there. A new release gets a new view: nothing of one is ever in the answer of another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache

from cdnserve.explain.explain import PageRequest
from cdnserve.manifest.model import Site
from cdnserve.origin.lookup import Origin
from cdnserve.release.catalog import Asset
from cdnserve.release.store import Releases
from cdnserve.rules.caching import Cache
from cdnserve.rules.cors import ANY, NONE
from cdnserve.rules.integrity import parse_metadata
from cdnserve.rules.semver import newest
from cdnserve.snippets.importmap import HostedImportMap
from cdnserve.web.changes import ReleaseHistory, compare_versions
from cdnserve.web.explained import explain_listed
from cdnserve.web.listing import Listing, Read, Sums
from cdnserve.web.model import (
    FileDetail,
    FolderContents,
    HashMatches,
    Item,
    ListedFile,
    ListedFolder,
    ListedLibrary,
    ListedRelease,
    ListedVersion,
    PackageFacts,
    Paged,
    ResolvedVersion,
    SearchHit,
    ShownExplanation,
    VersionComparison,
)
from cdnserve.web.packages import PackageDescriptions, library_folder_of, package_facts
from cdnserve.web.search import search
from cdnserve.web.usage import file_snippets, library_use, listed_import_map

_MOST_REMEMBERED = 128


class CatalogView:
    """What a server's pages and API know: one release, by what it lists."""

    def __init__(self, origin: Origin, store: Releases, read: Read) -> None:
        self.listing = Listing(origin, read)
        self._history = ReleaseHistory(store, self.listing)
        self._descriptions = PackageDescriptions(self.listing)
        # Deterministic, so that remembering changes nothing but the time that it takes.
        self._version = lru_cache(_MOST_REMEMBERED)(self._make_version)
        self._file = lru_cache(_MOST_REMEMBERED)(self._make_file)

    @property
    def is_lacking(self) -> bool:
        """Whether something could not be read that the release has; what was answered then is not all there is."""
        return self._descriptions.lacking

    @property
    def site(self) -> Site:
        """Who publishes."""
        return self.listing.catalog.site

    @property
    def number(self) -> int:
        """The number of the release."""
        return self.listing.catalog.number

    @cached_property
    def libraries(self) -> tuple[ListedLibrary, ...]:
        """Every listed library, by name."""
        return tuple(self._library(name) for name in sorted(self.listing.libraries.names))

    def _library(self, name: str) -> ListedLibrary:
        versions = self.listing.libraries.versions(name)
        version = newest(versions) or versions[-1]
        folder = library_folder_of(name, version)
        facts, sums = self.package(folder), self.listing.sums(folder)
        return ListedLibrary(
            name,
            version,
            tuple(reversed(versions)),
            facts.description,
            facts.licence,
            facts.keywords,
            sums.files,
            sums.size,
            sums.served_size,
        )

    def library(self, name: str) -> ListedLibrary | None:
        """Return a library by its name."""
        return self._library(name) if self.listing.libraries.versions(name) else None

    @property
    def own_folders(self) -> tuple[ListedFolder, ...]:
        """The folders at the top with files of one's own; one with the path `""` stands for files in no folder."""
        return self.listing.own_folders

    def version(self, name: str, version: str) -> ListedVersion | None:
        """Return an exact version of a library."""
        return self._version(name, version) if version in self.listing.libraries.versions(name) else None

    def _make_version(self, name: str, version: str) -> ListedVersion:
        folder = library_folder_of(name, version)
        used = library_use(f"{name}@{version}", self.listing, self._descriptions)
        sums = self.listing.sums(folder)
        return ListedVersion(
            name,
            version,
            tuple(reversed(self.listing.libraries.versions(name))),
            self.listing.url(folder) + "/",
            sums.files,
            sums.size,
            sums.served_size,
            self.package(folder),
            used.default_files,
            used.snippets,
            used.remark,
            used.hint,
        )

    def package(self, folder: str) -> PackageFacts:
        """Return what the package.json of a library's folder says."""
        return package_facts(self._descriptions.of(folder), self.listing.libraries)

    def files(self, folder: str, page: int, per_page: int) -> Paged[ListedFile]:
        """Return a page of all files below a folder (`npm/NAME@VERSION`), by path."""
        return paged(self.listing.below(folder), page, per_page, self.listing.file)

    def file(self, path: str) -> FileDetail | None:
        """Return a file by its logical path."""
        return self._file(path) if path in self.listing.catalog.assets else None

    def _make_file(self, path: str) -> FileDetail:
        rule = self.listing.catalog.rules[self.listing.catalog.assets[path].rule]
        snippets = file_snippets(path, self.listing)
        return FileDetail(self.listing.file(path), readers(rule.cors.name), freshness(rule.cache), snippets)

    def asset(self, path: str) -> Asset | None:
        """Return the catalog's own value of a file."""
        return self.listing.catalog.assets.get(path)

    def content(self, path: str, most: int) -> bytes | None:
        """Return a file's content; `None` where it isn't listed, or larger than `most` octets. Raises OSError."""
        asset = self.asset(path)
        return self.listing.read(asset) if asset and asset.identity.size <= most else None

    def folder(self, path: str) -> FolderContents | None:
        """Return what lies directly in a folder; `""` is the one of all."""
        folders, files = self.listing.children(path)
        if not folders and not files:
            return None
        summed = tuple(_folder(folder, self.listing.sums(folder)) for folder in folders)
        return FolderContents(path, summed, tuple(map(self.listing.file, files)))

    def resolve(self, name: str, wanted: str | None) -> ResolvedVersion | None:
        """Return the hosted version that a version, a range, `latest` or nothing means."""
        version = self.listing.libraries.best(name, wanted) if self.listing.libraries.versions(name) else None
        if version is None:
            return None
        return ResolvedVersion(name, wanted or "", version, self.listing.url(library_folder_of(name, version)) + "/")

    def with_hash(self, integrity: str) -> HashMatches | None:
        """Return the files with the octets of a hash expression; `None` where the text is none."""
        expressions = parse_metadata(integrity)
        if len(expressions) != 1 or not expressions[0].digest:
            return None
        paths = self.listing.with_digest(expressions[0])
        return HashMatches(str(expressions[0]), tuple(map(self.listing.file, paths)))

    def search(self, query: str, page: int, per_page: int) -> Paged[SearchHit]:
        """Return a page of what has all words of a query."""
        found = search(query, self.libraries, self.listing)
        return paged((*found.named, *found.paths), page, per_page, self._hit)

    def _hit(self, found: SearchHit | str) -> SearchHit:
        return SearchHit("file", found, "", "", self.listing.url(found)) if isinstance(found, str) else found

    def import_map(self, names: Sequence[str]) -> HostedImportMap:
        """Return what `cdnserve importmap` maps; raise ConfigurationError with all that is not hosted."""
        return listed_import_map(names, self.listing, self._descriptions)

    def explain(self, question: PageRequest) -> ShownExplanation | None:
        """Return whether a page may read a file, and why, as `read_question` has read what was asked."""
        return explain_listed(question, self.listing)

    def compare(self, name: str, old: str, new: str) -> VersionComparison | None:
        """Compare two exact versions of a library."""
        versions = self.listing.libraries.versions(name)
        return compare_versions(name, old, new, self.listing) if {old, new} <= set(versions) else None

    def releases(self, page: int, per_page: int) -> Paged[ListedRelease]:
        """Return a page of the releases that are there, the newest first."""
        return self._history.page(page, per_page)


def _folder(path: str, sums: Sums) -> ListedFolder:
    return ListedFolder(path, sums.files, sums.size, sums.served_size)


def paged(found: Sequence[object], page: int, per_page: int, make: Callable[..., Item]) -> Paged[Item]:
    """Return one page of what was found, made into values; behind the last page there is nothing.

    >>> paged(["a", "b", "c"], 2, 2, str.upper)
    Paged(items=('C',), total=3, page=2, per_page=2)
    """
    start = (page - 1) * per_page
    return Paged(tuple(map(make, found[start : start + per_page])), len(found), page, per_page)


def readers(policy: str) -> str:
    """Return in words who may read a file under a CORS policy.

    >>> readers("partners")
    'The origins that the policy “partners” lists may read it, and no others.'
    """
    if policy == ANY.name:
        return "Pages of every origin may read it, without credentials."
    if policy == NONE.name:
        return "Only pages of this host may read it."
    return f"The origins that the policy “{policy}” lists may read it, and no others."


def freshness(cache: Cache) -> str:
    """Return in words for how long an answer is fresh.

    >>> freshness(Cache("weekly", max_age=604800))
    'Fresh for 7 days; then it is asked for again.'
    """
    if cache.immutable:
        return "It never changes: fresh for a year, and not asked for again."
    if not cache.max_age:
        return "It may change: it is kept, and asked for again before each use."
    return f"Fresh for {_duration(cache.max_age)}; then it is asked for again."


def _duration(seconds: int) -> str:
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= size:
            number = round(seconds / size)
            return f"{number} {unit}{'s' * (number != 1)}"
    return f"{seconds} second{'s' * (seconds != 1)}"

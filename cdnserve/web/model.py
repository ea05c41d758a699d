"""What pages and API show of a release, as values: the one shape of the JSON, of its OpenAPI schemas, and of the pages.

Every text may come from a package, so it is hostile: whoever writes HTML escapes it.
"""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

import msgspec

from cdnserve.release.catalog import Coding

Item = TypeVar("Item")


class Paged(msgspec.Struct, Generic[Item], frozen=True):
    """One page of results; the first is page 1."""

    items: tuple[Item, ...]
    total: int
    page: int
    per_page: int


class CodedSize(msgspec.Struct, frozen=True):
    """A representation: its content coding, its octets as sent, and its strong entity tag with the quotes."""

    coding: Coding
    size: int
    etag: str


class IntegrityValues(msgspec.Struct, frozen=True):
    """Integrity metadata in the three algorithms that browsers know, each as an `integrity` attribute has it."""

    sha256: str
    sha384: str
    sha512: str


class ListedFile(msgspec.Struct, frozen=True):
    """One public file; `size` counts its octets without a content coding, `codings` has identity first.

    `integrity` is null for a file whose own octets are under a content coding, for of what is left without it nothing
    is known. `cors` is the name of its policy, `cache_control` the header of its answers. `library` is NAME@VERSION,
    `""` for a file of one's own.
    """

    path: str
    url: str
    media_type: str
    size: int
    codings: tuple[CodedSize, ...]
    integrity: IntegrityValues | None
    cors: str
    cache_control: str
    library: str

    @property
    def served_size(self) -> int:
        """The octets in the smallest coding, which browsers get."""
        return min(coded.size for coded in self.codings)


SnippetUse = Literal["tag", "importmap", "csp", "url"]


class UsageSnippet(msgspec.Struct, frozen=True):
    """Text to paste into a page, exactly as `cdnserve sri` or `cdnserve importmap` prints it.

    `use` says what it is; `kind` is that of the file: script, module, style, font, image, … `path` is the file, `""`
    where it is for several. `notes` say what a person must know.
    """

    use: SnippetUse
    kind: str
    path: str
    text: str
    notes: tuple[str, ...] = ()


class FileDetail(msgspec.Struct, frozen=True):
    """A file with its tags, and its policies in words."""

    file: ListedFile
    readers: str
    freshness: str
    snippets: tuple[UsageSnippet, ...]


class NeededRange(msgspec.Struct, frozen=True):
    """A dependency that a package.json names, and the hosted version that satisfies its range, `""` for none.

    One that is `optional` is no loss where it isn't hosted.
    """

    name: str
    range: str
    hosted: str
    optional: bool = False


class PackageFacts(msgspec.Struct, frozen=True):
    """What the package.json of a version says of it; all of it empty where that file isn't listed or says nothing."""

    description: str = ""
    licence: str = ""
    homepage: str = ""
    repository: str = ""
    keywords: tuple[str, ...] = ()
    dependencies: tuple[NeededRange, ...] = ()
    peer_dependencies: tuple[NeededRange, ...] = ()


class ListedLibrary(msgspec.Struct, frozen=True):
    """A hosted library; `versions` are the newest first, `version` is the newest, of which all the rest is told."""

    name: str
    version: str
    versions: tuple[str, ...]
    description: str
    licence: str
    keywords: tuple[str, ...]
    files: int
    size: int
    served_size: int


class ListedVersion(msgspec.Struct, frozen=True):
    """One version of a library: sums, the files that stand for it in pages, and what to paste.

    `default_files` are the paths of the script and the stylesheet that its package.json names for browsers. Where it
    has none, or its module needs what is not here, `remark` says so, and `hint` what to do.
    """

    name: str
    version: str
    versions: tuple[str, ...]
    url: str
    files: int
    size: int
    served_size: int
    package: PackageFacts
    default_files: tuple[str, ...]
    snippets: tuple[UsageSnippet, ...]
    remark: str = ""
    hint: str = ""


class VersionDetail(msgspec.Struct, frozen=True):
    """One version of a library, with a page of its files by path."""

    library: ListedVersion
    files: Paged[ListedFile]


class ListedFolder(msgspec.Struct, frozen=True):
    """A folder with files that belong to no library; `path` is `""` for the files that lie in none."""

    path: str
    files: int
    size: int
    served_size: int


class FolderContents(msgspec.Struct, frozen=True):
    """What lies directly in a folder."""

    path: str
    folders: tuple[ListedFolder, ...]
    files: tuple[ListedFile, ...]


class ResolvedVersion(msgspec.Struct, frozen=True):
    """The hosted version that a range or tag means today."""

    name: str
    wanted: str
    version: str
    url: str


class HashMatches(msgspec.Struct, frozen=True):
    """The public files that have exactly these octets."""

    integrity: str
    files: tuple[ListedFile, ...]


class SearchHit(msgspec.Struct, frozen=True):
    """Something found: a library, a folder of one's own, or a file."""

    kind: Literal["library", "folder", "file"]
    name: str
    description: str
    version: str
    url: str


class FileChange(msgspec.Struct, frozen=True):
    """A file in two versions; sizes are the octets as served, null where the version lacks it."""

    path: str
    change: Literal["added", "removed", "changed"]
    before: int | None
    after: int | None


class VersionComparison(msgspec.Struct, frozen=True):
    """Two versions of a library, file by file; `before` and `after` are all octets as served."""

    name: str
    old: str
    new: str
    before: int
    after: int
    unchanged: int
    changes: tuple[FileChange, ...]


class ListedRelease(msgspec.Struct, frozen=True):
    """A release and what it changed of what is listed today; `made` is a date in RFC 3339.

    `added`, `removed` and `changed` count; the lists name the first of each. Where `problem` says why it can't be read,
    the rest is empty.
    """

    number: int
    made: str
    is_current: bool
    files: int
    size: int
    added: int
    removed: int
    changed: int
    paths_added: tuple[str, ...]
    paths_removed: tuple[str, ...]
    paths_changed: tuple[str, ...]
    problem: str = ""


class HeaderLine(msgspec.Struct, frozen=True):
    """One header field, as it stands in a head."""

    name: str
    value: str


class ShownExchange(msgspec.Struct, frozen=True):
    """A request that a browser makes for a page, and the exact head of its response; `text` is that of a refusal."""

    method: str
    target: str
    request: tuple[HeaderLine, ...]
    status: int
    response: tuple[HeaderLine, ...]
    text: str


class ShownExplanation(msgspec.Struct, frozen=True):
    """Whether a page may read a file, and why: what `cdnserve explain` answers.

    `path` is the file's own, `target` the address that was asked for. `allowed` is null where no origin was given.
    `preflight` says why the browser asks first, `blocked` why it blocks, `advice` what in the manifest would let the
    page read.
    """

    path: str
    target: str
    readable: bool
    origin: str
    allowed: bool | None
    reason: str
    preflight: tuple[str, ...]
    blocked: str
    advice: tuple[str, ...]
    notes: tuple[str, ...]
    cors: str
    cache_control: str
    exchanges: tuple[ShownExchange, ...]


class ImportMapText(msgspec.Struct, frozen=True, omit_defaults=True):
    """An import map as pages have it: specifier to URL, the same for single folders, and URL to integrity metadata."""

    imports: dict[str, str]
    integrity: dict[str, str]
    scopes: dict[str, dict[str, str]] = {}


class MappedModules(msgspec.Struct, frozen=True):
    """An import map, the logical paths of all modules that it leads to, and what a person must know."""

    importmap: ImportMapText
    modules: tuple[str, ...]
    warnings: tuple[str, ...]

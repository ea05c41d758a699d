"""Aliases: where an address of a hosted library leads that is no file's own path.

Never leads anywhere but to a public file, and never off the host.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal
from urllib.parse import quote

from cdnserve.cdns.cdnjs import Names, npm_file
from cdnserve.cdns.npm_mirrors import FIELDS, default_files
from cdnserve.manifest.model import is_unlisted
from cdnserve.modules.package_json import MADE, made_name
from cdnserve.release.catalog import Catalog, Entries
from cdnserve.release.package_entries import package_folder
from cdnserve.rules import semver
from cdnserve.rules.media_types import destination
from cdnserve.rules.semver import is_pin

LATEST = "latest"
"""The only tag: what the registry calls by others is not known here."""
_HOME = "npm/"
_MOST_REMEMBERED = 1024
_MOST_SHOWN = 10

Shape = Literal["jsdelivr", "unpkg"]
_BEFORE: dict[Shape, str] = {"jsdelivr": "npm/", "unpkg": ""}
# What the path percent-encode set of the URL Standard leaves alone, but for what RFC 3986 §3.3 has in no segment.
_SAFE = "/!$&'()*+,;=:@"


@dataclass(frozen=True, slots=True)
class AliasTarget:
    """The logical path that is meant, whether or not a file lies there.

    `location` is the reference to follow where the address is not exact. `hint` says what to ask for instead of what
    is not hosted.
    """

    path: str
    location: str = ""
    hint: str = ""


class Aliases:
    """Finds what is meant in one release; looks at its paths only once somebody asks for what is no file.

    `cdnjs_names` is asked only where the site has cdnjs's addresses.
    """

    def __init__(
        self, catalog: Catalog, paths: Sequence[str], listed_paths: Sequence[str], cdnjs_names: Callable[[], Names]
    ) -> None:
        self._paths = paths
        self._listed_paths = listed_paths
        self._public: Container[str] = catalog.assets
        self._packages = catalog.packages
        self._site = catalog.site
        self._cdnjs_names = cdnjs_names

    @cached_property
    def _hosted(self) -> HostedVersions:
        return HostedVersions(self._paths)

    @cached_property
    def _listed(self) -> HostedVersions:
        return self._hosted if self._listed_paths is self._paths else HostedVersions(self._listed_paths)

    def find(self, path: str, *, as_folder: bool = False) -> AliasTarget | None:
        """Return where a logical path leads, `None` where it names no hosted library.

        With `as_folder` the path was asked for with a slash behind it.
        """
        if is_unlisted(path):
            return None
        folder = path.split("/") if as_folder else path.split("/")[:-1]
        found = self._follow(read_address(path, "jsdelivr"), folder)
        if not found and self._site.cdnjs_addresses:
            found = self._cdnjs(path)
        if not found and self._site.unpkg_addresses:
            found = self._follow(read_address(path, "unpkg"), folder)
        return found

    def _follow(self, address: LibraryAddress | None, folder: Sequence[str]) -> AliasTarget | None:
        if not address or not self._hosted.versions(address.name):
            return None
        version = self._hosted.best(address.name, address.version)
        if version is None:
            return AliasTarget(
                f"npm/{address.name}@{address.version}/{address.file}", hint=self._listed.hint(address.name)
            )
        home = f"npm/{address.name}@{version}"
        made = made_file(address.file)
        file = made or address.file or self._default(address, home)
        target = f"{home}/{file}" if file else home
        is_exact = address.version == version and bool(address.file) and not made
        if is_exact or target not in self._public:
            return AliasTarget(target)
        return AliasTarget(target, relative_reference(folder, address.exact(version, file)))

    def _default(self, address: LibraryAddress, home: str) -> str:
        return default_file(self._packages.get(home, Entries()), address.shape, home, self._public)

    def _cdnjs(self, path: str) -> AliasTarget | None:
        """Find what cdnjs has under /ajax/libs/: only exact versions, and files that lie elsewhere in the package."""
        segments = path.split("/", 4)
        if segments[:2] != ["ajax", "libs"] or len(segments) < 5:
            return None
        name, version, file = segments[2:]
        found = npm_file(name, version, file, self._cdnjs_names())
        hosted = self._hosted.versions(found.package)
        if not found.is_vouched or not hosted:
            return None
        candidates = [f"npm/{found.package}@{found.version}/{place}" for place in found.files]
        hint = "" if found.version in hosted else self._listed.hint(found.package)
        return AliasTarget(next((path for path in candidates if path in self._public), candidates[0]), hint=hint)


class HostedVersions:
    """The versions of each library, ascending, and the best one for what people ask."""

    def __init__(self, paths: Sequence[str]) -> None:
        """Look at a few of these sorted logical paths: one for each folder."""
        found: dict[str, list[str]] = {}
        at = bisect_left(paths, _HOME)
        while at < len(paths) and paths[at].startswith(_HOME):
            folder = package_folder(paths[at])
            name, _, version = folder.removeprefix(_HOME).rpartition("@")
            if is_pin(f"{name}@{version}"):
                found.setdefault(name, []).append(version)
            # "0" is the character after "/": so this is the end of all that lies in the folder.
            at = bisect_left(paths, f"{folder}0", at + 1) if folder else at + 1
        self._versions = {name: tuple(semver.ascending(known)) for name, known in found.items()}
        # Deterministic, so that remembering changes nothing but the time that it takes.
        self._best = lru_cache(_MOST_REMEMBERED)(self._find_best)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the hosted libraries."""
        return tuple(self._versions)

    def versions(self, name: str) -> tuple[str, ...]:
        """Return the hosted versions of a library, ascending; none of one that isn't hosted."""
        return self._versions.get(name, ())

    def best(self, name: str, wanted: str | None) -> str | None:
        """Return the hosted version that a version, a range, `latest` or `None` (nothing was said) means."""
        return wanted if wanted in self.versions(name) else self._best(name, wanted)

    def hint(self, name: str) -> str:
        """Return a sentence with the hosted versions, the newest first, `""` where there are none."""
        newest = self.versions(name)[: -_MOST_SHOWN - 1 : -1]
        return f"Hosted versions of {name}: {', '.join(newest)}." if newest else ""

    def _find_best(self, name: str, wanted: str | None) -> str | None:
        if wanted in (None, LATEST):
            return semver.newest(self.versions(name))
        # npm takes nothing for any version; but an address made from an empty variable is a mistake.
        return semver.best(wanted, self.versions(name)) if wanted else None


def made_file(path: str) -> str:
    """Return the path of the made module that jsDelivr's address of a module means, `""` where it is no such address.

    >>> made_file("+esm"), made_file("client/+esm"), made_file("client.js")
    ('+esm/index.js', '+esm/client.js', '')
    """
    before, slash, last = path.rpartition("/")
    return f"{MADE}/{made_name(f'.{slash}{before}')}.js" if last == MADE else ""


@dataclass(frozen=True, slots=True)
class LibraryAddress:
    """A library's file as it was asked for; `version` is `None` and `file` is `""` where nothing was said."""

    shape: Shape
    name: str
    version: str | None
    file: str

    def exact(self, version: str, file: str) -> str:
        """Return the logical path of a file of an exact version in the same shape."""
        return f"{_BEFORE[self.shape]}{self.name}@{version}/{file}"


def read_address(path: str, shape: Shape) -> LibraryAddress | None:
    """Take a logical path apart, `None` where it is none of this shape.

    >>> read_address("npm/@scope/x@^1.2/dist/x.js", "jsdelivr")
    LibraryAddress(shape='jsdelivr', name='@scope/x', version='^1.2', file='dist/x.js')
    >>> read_address("vue", "unpkg")
    LibraryAddress(shape='unpkg', name='vue', version=None, file='')
    """
    before = _BEFORE[shape]
    if not path.startswith(before):
        return None
    rest = path.removeprefix(before)
    # The @ of a scope does not begin a version.
    scope, slash, rest = rest.partition("/") if rest.startswith("@") else ("", "", rest)
    pinned, _, file = rest.partition("/")
    name, at, version = pinned.partition("@")
    return LibraryAddress(shape, scope + slash + name, version if at else None, file)


def default_file(entries: Entries, shape: Shape, folder: str, public: Container[str]) -> str:
    """Return the path in the library's folder of its default file, `""` where none is public."""
    named = {field: getattr(entries, field) for field in FIELDS}
    found = default_files(named, shape, accepts=_is_loaded)
    return next((path for path in found if f"{folder}/{path}" in public), "")


def _is_loaded(path: str) -> bool:
    """Return whether a page can load a file: a main file may be Sass or JSON."""
    return destination(path) in ("script", "style")


def relative_reference(folder: Sequence[str], path: str) -> str:
    """Return the reference (RFC 3986 §4.2) from a folder, by its segments, to a logical path.

    It begins with a dot, so that no segment passes for a scheme or a host, and whatever an edge puts before all paths
    stays as it is.

    >>> relative_reference(["npm", "jquery@3", "dist"], "npm/jquery@3.7.1/dist/jquery.min.js")
    '../../jquery@3.7.1/dist/jquery.min.js'
    >>> relative_reference([], "vue@3.5.0/a b.js")
    './vue@3.5.0/a%20b.js'
    """
    segments = path.split("/")
    shared = 0
    while shared < min(len(folder), len(segments) - 1) and folder[shared] == segments[shared]:
        shared += 1
    up = "../" * (len(folder) - shared) or "./"
    return up + quote("/".join(segments[shared:]), safe=_SAFE)

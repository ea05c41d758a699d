"""Aliases: where an address of a hosted library leads that is no file's own path.

Never leads anywhere but to a public file, and never off the host.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from functools import cached_property

from cdnserve.manifest.matching import is_unlisted
from cdnserve.origin.addresses import Address, read_address, relative_reference
from cdnserve.origin.defaults import default_file
from cdnserve.origin.hosted import HostedLibraries
from cdnserve.release.catalog import Catalog, Entries
from cdnserve.rules.cdnjs import Names, npm_file


@dataclass(frozen=True, slots=True)
class Lead:
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

    def __init__(self, catalog: Catalog, paths: Sequence[str], cdnjs_names: Callable[[], Names]) -> None:
        self._paths = paths
        self._public: Container[str] = catalog.assets
        self._packages = catalog.packages
        self._site = catalog.site
        self._cdnjs_names = cdnjs_names

    @cached_property
    def _hosted(self) -> HostedLibraries:
        return HostedLibraries(self._paths)

    def find(self, path: str, *, as_folder: bool = False) -> Lead | None:
        """Give where a logical path leads, `None` where it names no hosted library.

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

    def _follow(self, address: Address | None, folder: Sequence[str]) -> Lead | None:
        if not address or not self._hosted.versions(address.name):
            return None
        version = self._hosted.best(address.name, address.version)
        if version is None:
            return Lead(f"npm/{address.name}@{address.version}/{address.file}", hint=self._hosted.listed(address.name))
        home = f"npm/{address.name}@{version}"
        file = address.file or self._default(address, home)
        target = f"{home}/{file}" if file else home
        is_exact = address.version == version and bool(address.file)
        if is_exact or target not in self._public:
            return Lead(target)
        return Lead(target, relative_reference(folder, address.exact(version, file)))

    def _default(self, address: Address, home: str) -> str:
        return default_file(self._packages.get(home, Entries()), address.shape, home, self._public)

    def _cdnjs(self, path: str) -> Lead | None:
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
        hint = "" if found.version in hosted else self._hosted.listed(found.package)
        return Lead(next((path for path in candidates if path in self._public), candidates[0]), hint=hint)

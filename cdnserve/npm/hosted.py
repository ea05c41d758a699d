"""Hosted packages as a release has them, with their package.json from the root, or from the release (npm's packing).

Never follows a symbolic link to a package.json.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cdnserve.files import open_file
from cdnserve.manifest.lock import Lock, LockedLibrary
from cdnserve.modules.package_json import MADE
from cdnserve.npm.spec import FOLDER
from cdnserve.release.catalog import Asset, Catalog
from cdnserve.release.package_entries import library_folder
from cdnserve.release.store import Releases
from cdnserve.rules.exports import exported
from cdnserve.rules.semver import ascending, resolve

LARGEST_DESCRIPTION = 2**22
"""The octets of a package.json that are read; a larger one counts as none."""
_SCRIPTS = (".js", ".mjs")


def read_description(path: Path) -> Mapping[str, object]:
    """Read a package.json; empty where there is none that can be read."""
    try:
        with open(open_file(path, follow=False), "rb") as file:
            return _described(file.read(LARGEST_DESCRIPTION + 1))
    except OSError:
        return {}


def _described(text: bytes) -> Mapping[str, object]:
    try:
        described = json.loads(text) if len(text) <= LARGEST_DESCRIPTION else {}
    except (ValueError, RecursionError):
        return {}
    return described if isinstance(described, dict) else {}


class HostedLibraries:
    """Answers what is hosted in a root, out of the release that was made of it; without a root, what is public."""

    def __init__(self, root: Path | None, store: Releases, catalog: Catalog) -> None:
        self._root = root
        self._store = store
        self._catalog = catalog
        self._versions = _versions(catalog)

    @property
    def names(self) -> Sequence[str]:
        """The names of the packages that have a public file, sorted."""
        return sorted(self._versions)

    def versions(self, name: str) -> Sequence[str]:
        """Return the versions of a package that have a public file, ascending."""
        return self._versions.get(name, ())

    def described(self, folder: str) -> Mapping[str, object]:
        """Return a folder's package.json, public or not; empty where there is none that can be read."""
        if self._root is None:
            asset = self._catalog.assets.get(f"{folder}/package.json")
            known = asset is not None and asset.identity.size <= LARGEST_DESCRIPTION
            return _described(self.source(f"{folder}/package.json")) if known else {}
        return read_description(self._root / folder / "package.json")

    def is_public(self, path: str) -> bool:
        """Return whether a rule publishes this file."""
        return path in self._catalog.assets

    def is_here(self, name: str) -> bool:
        """Return whether a package lies here in any version, public or not."""
        if self._root is None:
            return name in self._versions
        scope, _, last = f"{FOLDER}/{name}".rpartition("/")
        try:
            with os.scandir(self._root / scope) as entries:
                return any(entry.name.startswith(f"{last}@") for entry in entries)
        except OSError:
            return False

    def lies_unlisted(self, path: str) -> bool:
        """Return whether a file lies here that is not public."""
        if self._root is None or path in self._catalog.assets or "\0" in path:
            return False
        return (self._root / path).is_file()

    def below(self, folder: str) -> Sequence[str]:
        """Return the public files below a folder, sorted."""
        return sorted(path for path in self._catalog.assets if path.startswith(f"{folder}/"))

    def source(self, path: str) -> bytes:
        """Return the content of a public file."""
        return self._store.content(self._catalog.assets[path].identity)


def _versions(catalog: Catalog) -> dict[str, Sequence[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for folder in {library_folder(path) for path in catalog.assets} - {""}:
        name, _, version = folder.removeprefix(f"{FOLDER}/").rpartition("@")
        found[name].append(version)
    return {name: ascending(versions) for name, versions in found.items()}


TOP = "/"
"""What the files that lie in no folder are called together."""


@dataclass(frozen=True, slots=True)
class HostedGroup:
    """The public files of a library, or of a folder of one's own: how many, how large as served, under which policies.

    `versions` are those of a library, the newest first.
    """

    name: str
    is_library: bool
    versions: tuple[str, ...]
    files: int
    octets: int
    cors: tuple[str, ...]
    cache: tuple[str, ...]


def hosted_groups(catalog: Catalog) -> list[HostedGroup]:
    """Return what is public by library, then by folder of one's own."""
    grouped: defaultdict[tuple[bool, str], list[str]] = defaultdict(list)
    for path in catalog.assets:
        library = library_folder(path).removeprefix(f"{FOLDER}/").rpartition("@")[0]
        grouped[not library, library or (path.partition("/")[0] if "/" in path else TOP)].append(path)
    versions = _versions(catalog)
    return [
        _group(name, catalog, paths, () if is_own else tuple(reversed(versions[name])))
        for (is_own, name), paths in sorted(grouped.items())
    ]


def _group(name: str, catalog: Catalog, paths: Sequence[str], versions: tuple[str, ...]) -> HostedGroup:
    rules = [catalog.rules[at] for at in sorted({catalog.assets[path].rule for path in paths})]
    return HostedGroup(
        name,
        bool(versions),
        versions,
        files=len(paths),
        octets=served_size(catalog.assets[path] for path in paths),
        cors=tuple(dict.fromkeys(rule.cors.name for rule in rules)),
        cache=tuple(dict.fromkeys(rule.cache.name for rule in rules)),
    )


def served_size(assets: Iterable[Asset]) -> int:
    """Return the octets of files in the content coding in which each is smallest, which browsers get."""
    return sum(min(one.size for one in asset.representations) for asset in assets)


def public_files(catalog: Catalog, name: str) -> dict[str, Asset]:
    """Return the public files of a library (NAME or NAME@VERSION) or a folder, by logical path."""
    bare = name.strip("/")
    if not bare:
        return {path: asset for path, asset in catalog.assets.items() if "/" not in path}
    begins = (f"{bare}/", f"{bare}@", f"{FOLDER}/{bare}/", f"{FOLDER}/{bare}@")
    return {path: asset for path, asset in catalog.assets.items() if path.startswith(begins) or path == bare}


@dataclass(frozen=True, slots=True)
class NeededPackage:
    """What a package.json asks for: a name, a range, and the hosted version that satisfies it, `""` for none."""

    name: str
    range: str
    hosted: str


@dataclass(frozen=True, slots=True)
class LibraryFacts:
    """What is known here of one version of a hosted library; `dependents` are NAME@VERSION.

    `modules` are the names of ES modules that were made for pages to import, `esbuild` the version that made them;
    `exports` are the names of public scripts that the package.json has one by one, modules or not.
    """

    name: str
    version: str
    versions: tuple[str, ...]
    licence: str
    files: int
    octets: int
    needs: tuple[NeededPackage, ...]
    dependents: tuple[str, ...]
    modules: tuple[str, ...] = ()
    esbuild: str = ""
    exports: tuple[str, ...] = ()


def library_facts(name: str, version: str, packages: HostedLibraries, catalog: Catalog, lock: Lock) -> LibraryFacts:
    """Return what is known of a hosted version: by the release, its package.json, those of the others, and the lock."""
    folder = f"{FOLDER}/{name}@{version}"
    described = packages.described(folder)
    files = public_files(catalog, f"{folder}/")
    needs = _needs(described).items()
    return LibraryFacts(
        name,
        version,
        tuple(reversed(packages.versions(name))),
        declared_licence(described),
        len(files),
        served_size(files.values()),
        tuple(NeededPackage(one, wanted, resolve(wanted, packages.versions(one)) or "") for one, wanted in needs),
        tuple(_dependents(name, version, packages, lock)),
        tuple(_made(name, packages.described(f"{folder}/{MADE}").get("exports"))),
        _esbuild(lock.libraries.get(f"{name}@{version}")),
        tuple(_exported(name, described.get("exports"), files, folder)),
    )


def _made(name: str, exports: object) -> Iterator[str]:
    if isinstance(exports, dict):
        yield from (f"{name}{subpath[1:]}" for subpath in exports)


def _exported(name: str, exports: object, files: Container[str], folder: str) -> Iterator[str]:
    for subpath in exports if isinstance(exports, dict) else ():
        file = exported(exports, subpath) if subpath.startswith(".") and "*" not in subpath else None
        if isinstance(file, str) and file.endswith(_SCRIPTS) and f"{folder}/{file}" in files:
            yield f"{name}{subpath[1:]}"


def _esbuild(locked: LockedLibrary | None) -> str:
    return locked.esm.esbuild if locked and locked.esm else ""


def _needs(described: Mapping[str, object]) -> dict[str, str]:
    """Return what a package.json asks for, peers too, as far as it says so in words."""
    return declared_ranges(described, "dependencies") | declared_ranges(described, "peerDependencies")


def declared_ranges(described: Mapping[str, object], table: str) -> dict[str, str]:
    """Return the range of each package in a table of a package.json, as far as it says so in words."""
    ranges = described.get(table)
    return {name: one for name, one in ranges.items() if isinstance(one, str)} if isinstance(ranges, dict) else {}


def declared_licence(described: Mapping[str, object]) -> str:
    """Return the licence that a package.json names; older ones have an object, or several in a list."""
    said = described.get("license") or described.get("licenses")
    several = said if isinstance(said, list) else [said]
    names = (one.get("type") if isinstance(one, dict) else one for one in several)
    return ", ".join(name for name in names if isinstance(name, str))


def _dependents(name: str, version: str, packages: HostedLibraries, lock: Lock) -> list[str]:
    """Return the hosted libraries whose package.json this version satisfies, and those it was added for."""
    locked = lock.libraries.get(f"{name}@{version}")
    found = set(locked.dependents if locked else ())
    for other in packages.names:
        for one in packages.versions(other):
            wanted = _needs(packages.described(f"{FOLDER}/{other}@{one}")).get(name)
            if wanted is not None and resolve(wanted, packages.versions(name)) == version:
                found.add(f"{other}@{one}")
    return sorted(found)

"""Hosted packages, as the module graph asks for them (Node.js, "Modules: packages"): versions, package.json, files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from cdnserve.errors import Problem
from cdnserve.modules.free_names import free_node_names
from cdnserve.modules.imports import Imports, read_imports
from cdnserve.modules.package_json import MADE, Description
from cdnserve.rules.media_types import essence


@dataclass(frozen=True, slots=True)
class HostedPackage:
    """One hosted package in one version."""

    name: str
    version: str

    @property
    def folder(self) -> str:
        """The logical path of its folder, without a slash at its end."""
        return f"npm/{self}"

    def __str__(self) -> str:
        """Return NAME@VERSION."""
        return f"{self.name}@{self.version}"


class HostedPackages(Protocol):
    """Answers what is hosted; every path is a logical one."""

    def versions(self, name: str) -> Sequence[str]:
        """Return the versions that have at least one public file."""

    def described(self, folder: str) -> Mapping[str, object]:
        """Return a folder's package.json, public or not; empty where there is none that can be read."""

    def is_public(self, path: str) -> bool:
        """Return whether a rule publishes this file."""

    def is_here(self, name: str) -> bool:
        """Return whether a package lies here in any version, public or not."""

    def lies_unlisted(self, path: str) -> bool:
        """Return whether a file lies here that is not public."""

    def source(self, path: str) -> bytes:
        """Return the content of a public file."""

    def below(self, folder: str) -> Sequence[str]:
        """Return the public files below a folder, sorted."""


def package_of(path: str) -> HostedPackage | None:
    """Return the package that a logical path lies in.

    >>> package_of("npm/@scope/x@1.0.0/dist/i.js"), package_of("demo/i.js")
    (HostedPackage(name='@scope/x', version='1.0.0'), None)
    """
    first, _, rest = path.partition("/")
    scope, _, inner = rest.partition("/") if rest.startswith("@") else ("", "", rest)
    name, _, version = inner.partition("/")[0].partition("@")
    return HostedPackage(f"{scope}/{name}" if scope else name, version) if first == "npm" and version else None


def split_bare(specifier: str) -> tuple[str, str]:
    """Split a bare specifier into a package's name and a subpath (`.` or `./…`).

    >>> split_bare("@scope/x/a/b.js"), split_bare("vue")
    (('@scope/x', './a/b.js'), ('vue', '.'))
    """
    parts = specifier.split("/")
    depth = 2 if specifier.startswith("@") else 1
    inner = "/".join(parts[depth:])
    return "/".join(parts[:depth]), f"./{inner}" if inner else "."


@dataclass(frozen=True, slots=True)
class ModuleRequest:
    """What a person asks for: a package, a range (`None` for any version) and a subpath, `.` or `./…`.

    A subpath that ends with a slash is a prefix, for all files below. `file` is the file of the package that stands for
    it, `""` for the one that its package.json means.
    """

    name: str
    range: str | None = None
    subpath: str = "."
    file: str = ""

    @property
    def specifier(self) -> str:
        """What pages import it as."""
        return f"{self.name}{self.subpath[1:]}"


@dataclass(frozen=True, slots=True)
class Edge:
    """One thing that an import map must say: what `dependent` calls `key` is the file at `path`.

    `dependent` is `None` for the page. `key` is a bare specifier, or a logical path where `is_path`; both end with a
    slash where all files of a folder are meant.
    """

    dependent: HostedPackage | None
    key: str
    path: str
    is_path: bool = False


@dataclass(frozen=True, slots=True)
class Graph:
    """All edges, the logical paths of all modules, sorted, those that only `import()` reaches, and what to warn of."""

    edges: tuple[Edge, ...]
    modules: tuple[str, ...]
    later: frozenset[str]
    warnings: tuple[Problem, ...]


ReadModules = dict[str, Imports]
"""What files import, by their logical paths: for several walks through the same ones."""


class Modules:
    """The modules of hosted packages, each parsed once; those that are `read` already aren't parsed again."""

    def __init__(self, packages: HostedPackages, read: ReadModules | None = None) -> None:
        self.packages = packages
        self._read = {} if read is None else read
        self._descriptions: dict[str, Description] = {}
        self._made: dict[str, object] = {}

    def imports(self, path: str) -> Imports:
        """Return what a public file imports; nothing where it is no JavaScript."""
        if path not in self._read:
            is_script = essence(path) == "text/javascript"
            self._read[path] = read_imports(self.packages.source(path)) if is_script else Imports()
        return self._read[path]

    def described(self, package: HostedPackage) -> Description:
        """Return a package's package.json."""
        if package.folder not in self._descriptions:
            self._descriptions[package.folder] = self.packages.described(package.folder)
        return self._descriptions[package.folder]

    def made(self, package: HostedPackage) -> object:
        """Return the `exports` of the modules that were made of a package, `{}` where there are none to be used."""
        if package.folder not in self._made:
            self._made[package.folder] = self.packages.described(f"{package.folder}/{MADE}").get("exports") or {}
        return self._made[package.folder]

    def is_importable(self, path: str) -> bool:
        """Return whether a browser can import a public file: an ES module by its name, its source or its package.

        JSON and stylesheets can be imported too, and are not looked into.
        """
        if essence(path) != "text/javascript" or path.endswith(".mjs"):
            return True
        if path.endswith(".cjs"):
            return False
        if self.imports(path).is_module:
            return True
        package = package_of(path)
        is_said = package is not None and self.described(package).get("type") == "module"
        return is_said and not free_node_names(self.packages.source(path))

    def exports_nothing(self, path: str) -> bool:
        """Return whether a public file is JavaScript without any import or export, as CommonJS is."""
        imports = self.imports(path)
        return essence(path) == "text/javascript" and imports.is_whole and not imports.is_module

    def first_public(self, paths: Iterable[str]) -> str | None:
        """Return the first path that is public."""
        return next((path for path in paths if self.packages.is_public(path)), None)

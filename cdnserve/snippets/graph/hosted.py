"""Hosted packages, as the module graph asks for them (Node.js, "Modules: packages"): versions, package.json, files.

Never says where they come from: whoever holds a release answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Package:
    """One hosted package in one version."""

    name: str
    version: str

    @property
    def folder(self) -> str:
        """The logical path of its folder, without a slash at its end."""
        return f"npm/{self}"

    def __str__(self) -> str:
        """Give NAME@VERSION."""
        return f"{self.name}@{self.version}"


class Shelf(Protocol):
    """Answers what is hosted; every path is a logical one."""

    def versions(self, name: str) -> Sequence[str]:
        """Give the versions that have at least one public file."""

    def described(self, folder: str) -> Mapping[str, object]:
        """Give a folder's package.json, public or not; empty where there is none that can be read."""

    def is_public(self, path: str) -> bool:
        """Tell whether a rule publishes this file."""

    def is_here(self, name: str) -> bool:
        """Tell whether a package lies here in any version, public or not."""

    def lies_unlisted(self, path: str) -> bool:
        """Tell whether a file lies here that is not public."""

    def source(self, path: str) -> bytes:
        """Give the content of a public file."""


def package_of(path: str) -> Package | None:
    """Give the package that a logical path lies in.

    >>> package_of("npm/@scope/x@1.0.0/dist/i.js"), package_of("demo/i.js")
    (Package(name='@scope/x', version='1.0.0'), None)
    """
    first, _, rest = path.partition("/")
    scope, _, inner = rest.partition("/") if rest.startswith("@") else ("", "", rest)
    name, _, version = inner.partition("/")[0].partition("@")
    return Package(f"{scope}/{name}" if scope else name, version) if first == "npm" and version else None


def split_bare(specifier: str) -> tuple[str, str]:
    """Split a bare specifier into a package's name and a subpath (`.` or `./…`).

    >>> split_bare("@scope/x/a/b.js"), split_bare("vue")
    (('@scope/x', './a/b.js'), ('vue', '.'))
    """
    parts = specifier.split("/")
    depth = 2 if specifier.startswith("@") else 1
    inner = "/".join(parts[depth:])
    return "/".join(parts[:depth]), f"./{inner}" if inner else "."

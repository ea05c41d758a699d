"""Hosted packages as a release has them, with their package.json from the root (npm's packing).

Never follows a symbolic link to a package.json.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from cdnserve.npm.spec import FOLDER
from cdnserve.release.catalog import Catalog
from cdnserve.release.package_entries import library_folder
from cdnserve.release.store import Store
from cdnserve.rules.semver import ascending

LARGEST_DESCRIPTION = 2**22
"""The octets of a package.json that are read; a larger one counts as none."""


def read_description(path: Path) -> Mapping[str, object]:
    """Read a package.json; empty where there is none that can be read."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            text = file.read(LARGEST_DESCRIPTION + 1)
        described = json.loads(text) if len(text) <= LARGEST_DESCRIPTION else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return described if isinstance(described, dict) else {}


class HostedLibraries:
    """Answers what is hosted in a root, out of the release that was made of it."""

    def __init__(self, root: Path, store: Store, catalog: Catalog) -> None:
        self._root = root
        self._store = store
        self._catalog = catalog
        self._versions = _versions(catalog)

    def versions(self, name: str) -> Sequence[str]:
        """Return the versions of a package that have a public file, ascending."""
        return self._versions.get(name, ())

    def described(self, folder: str) -> Mapping[str, object]:
        """Return a folder's package.json, public or not; empty where there is none that can be read."""
        return read_description(self._root / folder / "package.json")

    def is_public(self, path: str) -> bool:
        """Return whether a rule publishes this file."""
        return path in self._catalog.assets

    def is_here(self, name: str) -> bool:
        """Return whether a package lies here in any version, public or not."""
        scope, _, last = f"{FOLDER}/{name}".rpartition("/")
        try:
            with os.scandir(self._root / scope) as entries:
                return any(entry.name.startswith(f"{last}@") for entry in entries)
        except OSError:
            return False

    def lies_unlisted(self, path: str) -> bool:
        """Return whether a file lies here that is not public."""
        return path not in self._catalog.assets and "\0" not in path and (self._root / path).is_file()

    def source(self, path: str) -> bytes:
        """Return the content of a public file."""
        return self._store.blob(self._catalog.assets[path].identity.sha256).read_bytes()


def _versions(catalog: Catalog) -> dict[str, Sequence[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for folder in {library_folder(path) for path in catalog.assets} - {""}:
        name, _, version = folder.removeprefix(f"{FOLDER}/").rpartition("@")
        found[name].append(version)
    return {name: ascending(versions) for name, versions in found.items()}

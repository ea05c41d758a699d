"""A shelf made of a few texts, to resolve modules on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from cdnserve.modules.hosted import package_of
from cdnserve.rules.semver import ascending


class TextShelf:
    """Packages by `NAME@VERSION`: each a package.json and files; `unlisted` paths are there, but not public."""

    def __init__(
        self, packages: Mapping[str, tuple[Mapping[str, object], Mapping[str, str]]], unlisted: Sequence[str] = ()
    ) -> None:
        self.descriptions: dict[str, Mapping[str, object]] = {}
        self.files: dict[str, str] = {}
        self.unlisted = set(unlisted)
        for name, (description, files) in packages.items():
            self.descriptions[f"npm/{name}"] = description
            self.files |= {f"npm/{name}/{path}": text for path, text in files.items()}

    def versions(self, name: str) -> Sequence[str]:
        packages = {package_of(path) for path in self.files if self.is_public(path)}
        return ascending({package.version for package in packages if package and package.name == name})

    def described(self, folder: str) -> Mapping[str, object]:
        nested = self.files.get(f"{folder}/package.json")
        return json.loads(nested) if nested else self.descriptions.get(folder, {})

    def is_public(self, path: str) -> bool:
        return path in self.files and path not in self.unlisted

    def is_here(self, name: str) -> bool:
        return any(path.startswith(f"npm/{name}@") for path in self.files)

    def lies_unlisted(self, path: str) -> bool:
        return path in self.unlisted

    def below(self, folder: str) -> Sequence[str]:
        return sorted(path for path in self.files if path.startswith(f"{folder}/") and self.is_public(path))

    def source(self, path: str) -> bytes:
        return self.files[path].encode()

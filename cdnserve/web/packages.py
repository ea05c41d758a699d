"""Hosted packages as a release alone knows them: their package.json and sources come from its listed files.

A server may have no root, and what lies in one unlisted is nobody's business; so nothing here looks at the disk.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

from cdnserve.display import readable_size
from cdnserve.errors import ConfigurationError, Problem
from cdnserve.npm.hosted import declared_licence, declared_ranges
from cdnserve.npm.spec import FOLDER
from cdnserve.origin.aliases import HostedVersions
from cdnserve.release.catalog import Asset
from cdnserve.release.package_entries import LARGEST, library_folder
from cdnserve.rules.semver import LONGEST_RANGE, is_package_name, resolve
from cdnserve.web.listing import Listing
from cdnserve.web.model import NeededRange, PackageFacts

# What one answer may read of sources, and what it takes of a package.json.
MOST_READ = 4 << 20
_MOST_DESCRIPTIONS = 512
_LONGEST_TEXT, _LONGEST_URL = 300, 500
_MOST_KEYWORDS, _MOST_NEEDED = 30, 200

Description = Mapping[str, object]


class PackageDescriptions:
    """The package.json files of one release, the last ones remembered.

    `lacking` says that one of them could not be had, as in a replica whose store is gone: later it may be.
    """

    def __init__(self, listing: Listing) -> None:
        self.lacking = False
        self._listing = listing
        self._read = lru_cache(_MOST_DESCRIPTIONS)(self._decode)

    def of(self, folder: str) -> Description:
        """Return the package.json of a library's folder; empty where none is listed that can be read."""
        asset = self._listing.catalog.assets.get(f"{folder}/package.json")
        if asset is None or asset.identity.size > LARGEST:
            return {}
        try:
            return self._read(asset)
        except (ValueError, RecursionError):
            return {}
        except OSError:
            self.lacking = True
            return {}

    def _decode(self, asset: Asset) -> Description:
        described = json.loads(self._listing.read(asset))
        return described if isinstance(described, dict) else {}


class ListedPackages:
    """Answers what is hosted for one import map; raises ConfigurationError where it would read too much."""

    def __init__(self, listing: Listing, descriptions: PackageDescriptions, most: int) -> None:
        self._listing = listing
        self._descriptions = descriptions
        self._most = self._left = most

    def versions(self, name: str) -> Sequence[str]:
        """Return the listed versions of a package, ascending."""
        return self._listing.libraries.versions(name)

    def described(self, folder: str) -> Description:
        """Return a folder's listed package.json."""
        return self._descriptions.of(folder)

    def is_public(self, path: str) -> bool:
        """Return whether this file is listed."""
        return path in self._listing.catalog.assets

    def is_here(self, name: str) -> bool:
        """Return whether the package is listed in any version."""
        return bool(self.versions(name))

    def lies_unlisted(self, path: str) -> bool:  # noqa: ARG002 - it is nobody's business
        """Return False: what isn't listed isn't told apart from what isn't there."""
        return False

    def below(self, folder: str) -> Sequence[str]:
        """Return the listed files below a folder, sorted."""
        # All modules of a folder are asked for: what is too much is refused before anything is read.
        if library_folder(f"{folder}/") != folder and self._listing.sums(folder).size > self._most:
            raise _too_large(self._most)
        return self._listing.below(folder)

    def source(self, path: str) -> bytes:
        """Return the content of a listed file."""
        asset = self._listing.catalog.assets[path]
        self._left -= asset.identity.size
        if self._left < 0:
            raise _too_large(self._most)
        return self._listing.read(asset)


def _too_large(most: int) -> ConfigurationError:
    message = f"these modules are larger than {readable_size(most)} together"
    return ConfigurationError([Problem("module-graph-size", message, hint="run cdnserve importmap instead")])


def package_facts(described: Description, libraries: HostedVersions) -> PackageFacts:
    """Return what a package.json says, cut to lengths that people read; `libraries` has the hosted versions."""
    return PackageFacts(
        description=_text(described.get("description")),
        licence=_text(declared_licence(described)),
        homepage=_url(described.get("homepage")),
        repository=_url(_repository(described.get("repository"))),
        keywords=_keywords(described.get("keywords")),
        dependencies=_needed(described, "dependencies", libraries),
        peer_dependencies=_needed(described, "peerDependencies", libraries, _optional(described)),
    )


def _text(value: object) -> str:
    """Return a text on one line; JSON can write lone surrogates, which UTF-8 can't."""
    if not isinstance(value, str):
        return ""
    words = " ".join(value[: 4 * _LONGEST_TEXT].encode("utf-8", "replace").decode("utf-8").split())
    return words if len(words) <= _LONGEST_TEXT else f"{words[: _LONGEST_TEXT - 1]}…"


def _url(value: object) -> str:
    """Return an http or https URL as it is, `""` for all else: it becomes a link."""
    if not isinstance(value, str) or len(value) > _LONGEST_URL or not value.isprintable():
        return ""
    return value if value.startswith(("https://", "http://")) else ""


def _repository(value: object) -> object:
    address = value.get("url") if isinstance(value, dict) else value
    if not isinstance(address, str):
        return ""
    return address.removeprefix("git+").removesuffix(".git")


def _keywords(value: object) -> tuple[str, ...]:
    listed = value[:_MOST_KEYWORDS] if isinstance(value, list) else ()
    return tuple(word for one in listed if (word := _text(one)))


def _needed(
    described: Description, table: str, libraries: HostedVersions, optional: Collection[str] = ()
) -> tuple[NeededRange, ...]:
    ranges = declared_ranges(described, table)
    named = [(name, wanted) for name, wanted in ranges.items() if is_package_name(name)][:_MOST_NEEDED]
    return tuple(
        NeededRange(name, _text(wanted), _hosted(wanted, libraries.versions(name)), name in optional)
        for name, wanted in named
    )


def _optional(described: Description) -> set[str]:
    told = described.get("peerDependenciesMeta")
    entries = told.items() if isinstance(told, dict) else ()
    return {name for name, said in entries if isinstance(said, dict) and said.get("optional") is True}


def _hosted(wanted: str, versions: Sequence[str]) -> str:
    return resolve(wanted, versions) or "" if len(wanted) <= LONGEST_RANGE else ""


def library_folder_of(name: str, version: str) -> str:
    """Return the logical path of a version's folder.

    >>> library_folder_of("@scope/x", "1.0.0")
    'npm/@scope/x@1.0.0'
    """
    return f"{FOLDER}/{name}@{version}"

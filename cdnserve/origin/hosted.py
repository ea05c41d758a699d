"""Hosted libraries: which versions of which npm package have a public file, and which of them is meant.

Never counts what is unlisted: a version without a public file is not hosted.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache

from cdnserve.manifest.packages import is_pin
from cdnserve.release.packages import package_folder
from cdnserve.rules import versions

LATEST = "latest"
"""The only tag: what the registry calls by others is not known here."""
_HOME = "npm/"
_MOST_REMEMBERED = 1024
_MOST_SHOWN = 10


class HostedLibraries:
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
        self._versions = {name: tuple(versions.ascending(known)) for name, known in found.items()}
        # Deterministic, so that remembering changes nothing but the time that it takes.
        self._best = lru_cache(_MOST_REMEMBERED)(self._find_best)

    def versions(self, name: str) -> tuple[str, ...]:
        """Give the hosted versions of a library, ascending; none of one that isn't hosted."""
        return self._versions.get(name, ())

    def best(self, name: str, wanted: str | None) -> str | None:
        """Give the hosted version that a version, a range, `latest` or `None` (nothing was said) means."""
        return wanted if wanted in self.versions(name) else self._best(name, wanted)

    def listed(self, name: str) -> str:
        """Give a sentence that lists the hosted versions, the newest first."""
        newest = self.versions(name)[: -_MOST_SHOWN - 1 : -1]
        return f"Hosted versions of {name}: {', '.join(newest)}."

    def _find_best(self, name: str, wanted: str | None) -> str | None:
        if wanted in (None, LATEST):
            return versions.newest(self.versions(name))
        # npm takes nothing for any version; but an address made from an empty variable is a mistake.
        return versions.best(wanted, self.versions(name)) if wanted else None

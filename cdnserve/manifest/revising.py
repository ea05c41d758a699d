"""Revisions: how one entry of `[libraries]` changes, whatever it says by then.

Never a text: `edit` writes it down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from cdnserve.manifest.values import Library


@dataclass(frozen=True, slots=True)
class Revision:
    """Requirements of one library that are replaced (by `""`: dropped) and added; `files` of a new entry."""

    name: str
    replaced: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    added: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    def revised(self, entry: Library | None) -> Library | None:
        """Give the entry as it shall be, `None` where it has no requirement left.

        >>> Revision("x", {"^1.0.0": "^2.0.0"}, ("0.9.0",)).revised(Library("x", ("^1.0.0", "1.5.0")))
        Library(name='x', versions=('^2.0.0', '1.5.0', '0.9.0'), files=())
        """
        kept = [self.replaced.get(version, version) for version in entry.versions] if entry else []
        versions = tuple(dict.fromkeys(version for version in (*kept, *self.added) if version))
        return Library(self.name, versions, entry.files if entry else self.files) if versions else None

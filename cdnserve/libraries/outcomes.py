"""What a command on libraries did, as values for whoever shows it.

Never decides anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdnserve.errors import Problem

if TYPE_CHECKING:
    from cdnserve.libraries.downloads.gathering import Gathered


@dataclass(frozen=True, slots=True)
class Placed:
    """One library in its place; `folder` is relative to the root, `is_new` false if it lay there already.

    `restored` is how many of its files were missing there, and are back.
    """

    name: str
    version: str
    folder: str
    integrity: str
    files: int
    size: int
    is_new: bool
    restored: int = 0

    def __str__(self) -> str:
        """Give NAME@VERSION."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class Added:
    """What `add` did, in the order that was asked for."""

    libraries: tuple[Placed, ...]
    warnings: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Removed:
    """What `remove` did: the libraries that went, NAME@VERSION, and the requirements that went from the manifest."""

    libraries: tuple[str, ...]
    requirements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Move:
    """One requirement and what `update` does about it; versions are `""` where there is none.

    `requirement` becomes `rewritten`, the same where it stays; `current` stays hosted beside `version`.
    """

    name: str
    requirement: str
    rewritten: str
    current: str
    version: str


@dataclass(frozen=True, slots=True)
class Updated:
    """What `update` did, or would do: its moves, the libraries that are new here, those that went (NAME@VERSION)."""

    moves: tuple[Move, ...]
    libraries: tuple[Placed, ...]
    pruned: tuple[str, ...]
    warnings: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Synced:
    """What `sync` did: the libraries that are back, the folders that lay there already, the paths that went."""

    restored: tuple[Placed, ...]
    present: tuple[str, ...]
    warnings: tuple[Problem, ...]
    pruned: tuple[str, ...] = ()


def placed(gathered: Gathered, moved: int) -> Placed:
    """Sum up a library that has been put in its place, of which so many files were moved there."""
    spec, unpacked = gathered.order.spec, gathered.unpacked
    files = len(unpacked.files)
    is_new = moved == files
    restored = 0 if is_new else moved
    return Placed(spec.name, spec.version, spec.folder, gathered.integrity, files, unpacked.size, is_new, restored)

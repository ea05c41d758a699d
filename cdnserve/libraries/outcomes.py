"""What a command on libraries did, as values for whoever shows it.

Never decides anything.
"""

from __future__ import annotations

from dataclasses import dataclass

from cdnserve.errors import Problem
from cdnserve.libraries.gathering import Gathered
from cdnserve.manifest.values import Library


@dataclass(frozen=True, slots=True)
class Placed:
    """One library in its place; `folder` is relative to the root, `is_new` false if it lay there already."""

    library: Library
    folder: str
    integrity: str
    files: int
    size: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class Added:
    """What `add` did, in the order that was asked for."""

    libraries: tuple[Placed, ...]
    warnings: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Synced:
    """What `sync` did: the libraries that were absent and are back, the folders that lay there already."""

    restored: tuple[Placed, ...]
    present: tuple[str, ...]
    warnings: tuple[Problem, ...]


def placed(gathered: Gathered, *, is_new: bool) -> Placed:
    """Sum up a library that has been put in its place."""
    order, unpacked = gathered.order, gathered.unpacked
    return Placed(order.library, order.spec.folder, gathered.integrity, len(unpacked.files), unpacked.size, is_new)


def unnamed(folder: str) -> Problem:
    """Warn of a library's folder that the manifest doesn't name."""
    message = "the manifest names no such library; its files stay, and are public if a rule says so"
    hint = f"delete {folder}/ once nothing depends on it"
    return Problem("library-unnamed", message, folder, hint=hint, warning=True)

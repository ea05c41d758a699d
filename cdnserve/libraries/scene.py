"""The scene: what manifest and lock of a root say, read together, so that what is wrong with both is told at once.

Never looks at the libraries' files.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.manifest.governing import LOCK, MANIFEST
from cdnserve.manifest.lock import Lock, read_lock
from cdnserve.manifest.reading import read_manifest
from cdnserve.manifest.values import Library, Manifest


@dataclass(frozen=True, slots=True)
class Scene:
    """What is wanted, and what is hosted."""

    manifest: Manifest
    lock: Lock

    @property
    def entries(self) -> dict[str, Library]:
        """The libraries of the manifest by their names, in its order."""
        return {library.name: library for library in self.manifest.libraries}


def read_scene(root: Path) -> Scene:
    """Read manifest and lock; raise ConfigurationError with the problems of both."""
    problems: list[Problem] = []
    manifest = lock = None
    try:
        manifest = read_manifest(root / MANIFEST)
    except ConfigurationError as error:
        problems += error.problems
    try:
        lock = read_lock(root / LOCK)
    except ConfigurationError as error:
        problems += error.problems
    if manifest is None or lock is None:
        raise ConfigurationError(problems)
    return Scene(manifest, lock)

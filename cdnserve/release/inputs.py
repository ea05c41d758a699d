"""Inputs: the manifest and its lock, read together so that the problems of both are told together.

Never looks at the files that they govern.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.manifest import Lock, Manifest, RuleMatcher, inspect_manifest, read_lock
from cdnserve.manifest.governing import LOCK, MANIFEST
from cdnserve.release.index import Governing, read_governing
from cdnserve.release.promises import unlocked_libraries
from cdnserve.release.scan import Tree


@dataclass(frozen=True, slots=True)
class Inputs:
    """A valid manifest and lock, their octets, and what is doubtful in them."""

    manifest: Manifest
    lock: Lock
    governing: Governing
    warnings: tuple[Problem, ...]


def read_inputs(root: str) -> Inputs:
    """Read manifest and lock of a root; raise ConfigurationError with the problems of both."""
    # Taken first: a change that comes between is then seen by the next build.
    governing = read_governing(root)
    problems: list[Problem] = []
    reading = lock = None
    try:
        reading = inspect_manifest(Path(root, MANIFEST))
    except ConfigurationError as error:
        problems += error.problems
    try:
        lock = read_lock(Path(root, LOCK))
    except ConfigurationError as error:
        problems += error.problems
    if not reading or not lock:
        raise ConfigurationError(problems)
    warnings = (*reading.warnings, *unlocked_libraries(reading.manifest, lock))
    return Inputs(reading.manifest, lock, governing, warnings)


def published(manifest: Manifest, tree: Tree) -> dict[str, int]:
    """Give the public paths, sorted, each with the index of the rule that publishes it."""
    find = RuleMatcher(manifest.rules).find
    found = ((path, find(path)) for path in sorted(tree.names))
    return {path: rule for path, rule in found if rule is not None}

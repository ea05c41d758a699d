"""The check: every problem of manifest, lock and files at once.

Never writes anything, and needs no state folder: it can run where files are only looked after.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.release.build import find_places
from cdnserve.release.inputs import published, read_inputs
from cdnserve.release.missing import missing
from cdnserve.release.promises import broken, promises
from cdnserve.release.scan import Tree, scan
from cdnserve.release.sources import Content, Sources, probe, read


def check(root: Path, state: Path | None = None) -> tuple[Problem, ...]:
    """Find every problem and warning; `state` needs to be told when it lies in the root and is no dot-folder.

    Files that the lock pins are read, all others only opened.
    """
    try:
        places = find_places(root, state or root / ".cdnserve")
    except ConfigurationError as error:
        return error.problems
    tree = scan(places.root, places.inner)
    try:
        inputs = read_inputs(places.root)
    except ConfigurationError as error:
        return (*error.problems, *tree.problems)
    rules = published(inputs.manifest, tree)
    doubts = (*inputs.warnings, *missing(inputs, tree))
    return (*doubts, *tree.problems, *_file_problems(tree, rules, promises(inputs.lock, None)))


def _file_problems(tree: Tree, rules: Mapping[str, int], promised: Mapping[str, bytes]) -> Iterator[Problem]:
    with Sources(tree.root) as sources:
        for path in rules:
            real = tree.real(path)
            found = read(sources, real) if path in promised else probe(sources, real)
            if isinstance(found, Content):
                yield from broken(promised, {path: found})
            elif found:
                yield found

"""A prebuilt release: served as it was built where its state folder can't be written, as in an image.

A copy keeps no inode numbers, ctimes and fractions of seconds, so these count for nothing. Where times differ, content
decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from cdnserve.display import printable
from cdnserve.errors import ConfigurationError, Problem
from cdnserve.manifest.files import read_governing
from cdnserve.release.blobs import StoreError
from cdnserve.release.catalog import Asset
from cdnserve.release.read import FileContent, Sources, read
from cdnserve.release.scan import Tree
from cdnserve.release.state_files import FileIndex
from cdnserve.release.store import Store, is_denied, store_problem
from cdnserve.release.writer import Built

_SECOND = 1_000_000_000
ELSEWHERE = "build where it can be written, or put the state elsewhere with --state or CDNSERVE_STATE"


def as_built(failure: StoreError, tree: Tree, index: FileIndex | None, state: str, *, locked: bool) -> Built:
    """Return the current release if it is of the very files that lie below the root, with what is damaged as warnings.

    Otherwise, or where the folder is not just protected, raises ConfigurationError with why it can't be written.
    """
    store = Store(Path(state))
    if not index or not is_denied(failure) or (locked and (tree.problems or not index.settled)):
        raise ConfigurationError([store_problem(failure, state)])
    try:
        catalog = store.read(index.number)
    except ConfigurationError as error:
        problems = (replace(problem, hint=ELSEWHERE) for problem in error.problems)
        raise ConfigurationError([store_problem(failure, state), *problems]) from failure
    difference = "current" if not store.holds(index.number) else _difference(tree, index, catalog.assets)
    if difference:
        raise ConfigurationError([_outdated(failure, state, difference)]) from failure
    damage = [replace(problem, hint=ELSEWHERE) for problem in store.damage(catalog)]
    if damage and locked:
        raise ConfigurationError([store_problem(failure, state), *damage])
    return Built(index.number, False, (*tree.problems, *(replace(problem, warning=True) for problem in damage)))


def _difference(tree: Tree, index: FileIndex, assets: Mapping[str, Asset]) -> str:
    """Name the first file that is not as it was built; empty where there is none."""
    governing = index.governing.difference(read_governing(tree.root))
    return governing[0] if governing else _moved(tree, index, assets)


def _moved(tree: Tree, index: FileIndex, assets: Mapping[str, Asset]) -> str:
    before, now = index.signatures(), tree.signatures()
    if gone := before.keys() - now.keys():
        return min(gone)
    doubtful: list[tuple[str, str, bytes]] = []
    for path, (size, modified, _, _) in sorted(now.items()):
        then, asset = before.get(path), assets.get(path)
        if then and then[0] == size and (not asset or modified in (then[1], then[1] - then[1] % _SECOND)):
            continue
        # A tool may have dated all files of an image alike, and a build leaves out what it could not be sure of.
        if not asset or asset.identity.size != size:
            return path
        doubtful.append((tree.real(path), path, asset.identity.sha256))
    return _rewritten(tree.root, tuple(doubtful), tree.packed()) if doubtful else ""


@lru_cache(maxsize=1)
def _rewritten(root: str, expected: tuple[tuple[str, str, bytes], ...], _: bytes) -> str:
    """Name the first file with other content than expected; read once while the signatures stay what they are."""
    return next(_unexpected(root, expected), "")


def _unexpected(root: str, expected: tuple[tuple[str, str, bytes], ...]) -> Iterator[str]:
    with Sources(root) as sources:
        for real, path, sha256 in expected:
            content = read(sources, real)
            if not isinstance(content, FileContent) or content.sha256 != sha256:
                yield path


def _outdated(failure: StoreError, state: str, difference: str) -> Problem:
    return Problem(
        "state-unwritable",
        "the state folder can't be written, and the release in it is of other files",
        where=state,
        value=f"{failure.error.strerror}; first difference: {printable(difference)}",
        hint=ELSEWHERE,
    )

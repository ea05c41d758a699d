"""Inputs: the manifest and its lock, read together so that the problems of both are told together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from posixpath import basename

from cdnserve.display import printable
from cdnserve.errors import Problem, Problems
from cdnserve.manifest.files import LOCK, MANIFEST, Governing, read_governing
from cdnserve.manifest.lock import Lock, read_lock
from cdnserve.manifest.model import Manifest, Rule, RuleMatcher, is_unlisted
from cdnserve.manifest.reader import inspect_manifest
from cdnserve.release.immutable import unlocked_libraries
from cdnserve.release.package_entries import HOME, package_folder
from cdnserve.release.scan import Tree
from cdnserve.rules.globs import compile_glob, is_literal, matches


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
    problems = Problems()
    with problems.caught():
        reading = inspect_manifest(Path(root, MANIFEST))
    with problems.caught():
        lock = read_lock(Path(root, LOCK))
    problems.raise_errors()
    warnings = (*reading.warnings, *unlocked_libraries(reading.manifest, lock))
    return Inputs(reading.manifest, lock, governing, warnings)


def published(manifest: Manifest, tree: Tree) -> dict[str, int]:
    """Return the public paths, sorted, each with the index of the rule that publishes it."""
    find = RuleMatcher(manifest.rules).find
    found = ((path, find(path)) for path in sorted(tree.names))
    return {path: rule for path, rule in found if rule is not None}


_LATER = "paths are relative to the root; if the files shall come later, nothing is wrong"


def missing(inputs: Inputs, tree: Tree) -> Iterator[Problem]:
    """Yield a warning for libraries and their files that the lock has, and for globs of rules that match no file."""
    hosted = {f"{HOME}{pin}" for pin in inputs.lock.libraries}
    absent = hosted - set(map(package_folder, tree.names)) if hosted else hosted
    if absent:
        yield _libraries_absent(sorted(absent))
    if lost := sorted(_lost(inputs.manifest, inputs.lock, hosted - absent, tree)):
        yield _files_absent(lost)
    logo = inputs.manifest.site.logo
    if logo and (logo not in tree.names or RuleMatcher(inputs.manifest.rules).find(logo) is None):
        hint = "write the path of a file that a rule publishes"
        yield Problem("site-logo-absent", "the logo is no public file", MANIFEST, logo, hint, warning=True)
    for rule in inputs.manifest.rules:
        yield from _silent(rule, tree, is_excused=bool(absent))


def _lost(manifest: Manifest, lock: Lock, folders: Set[str], tree: Tree) -> Iterator[str]:
    """Yield the recorded files of libraries that are here in part; what the manifest does not keep may be away."""
    kept = {library.name: library.files for library in manifest.libraries}
    for path in lock.immutable.keys() - set(tree.names) if folders else ():
        folder = package_folder(path)
        globs = kept.get(folder.removeprefix(HOME).rpartition("@")[0])
        if folder in folders and globs is not None:
            inner = path.removeprefix(f"{folder}/")
            if not globs or any(matches(glob, inner) for glob in globs):
                yield path


def _silent(rule: Rule, tree: Tree, *, is_excused: bool) -> Iterator[Problem]:
    """Yield a warning for each glob that is hardly meant so, and for all globs of a rule that has no file.

    A rule for libraries is excused while some are absent, which is told. `npm/**` is right before there are any.
    """
    silent = [glob for glob in rule.paths if not is_unlisted(glob) and not _finds(glob, tree.names)]
    is_idle = len(silent) == len(rule.paths)
    for glob in silent:
        is_awaited = glob == f"{HOME}**" or (is_excused and glob.startswith(HOME))
        hint = _correction(glob, tree) or (_LATER if is_idle and not is_awaited else "")
        if hint:
            message = "this matches no file, so it publishes nothing"
            yield Problem("rule-matches-nothing", message, f"{MANIFEST}:{rule.line}", glob, hint, warning=True)


def _correction(glob: str, tree: Tree) -> str:
    folder = glob.removesuffix("/*") + "/"
    if is_literal(folder) and any(path.startswith(folder) for path in tree.names):
        return f"for all that is in the folder, write {folder}**"
    first, _, rest = glob.partition("/")
    if rest and first == basename(tree.root) and not is_unlisted(rest) and _finds(rest, tree.names):
        return f"paths are relative to the root: write {rest}"
    return ""


def _finds(glob: str, paths: Iterable[str]) -> bool:
    return any(map(compile_glob(glob).matches, paths))


def _libraries_absent(folders: list[str]) -> Problem:
    message = "libraries of the lock are not here, so none of their files is public"
    return Problem("library-absent", message, LOCK, _first(folders), "run cdnserve sync", warning=True)


def _files_absent(paths: list[str]) -> Problem:
    message = "files that the lock records of libraries are not here"
    return Problem("library-incomplete", message, LOCK, _first(paths), "run cdnserve sync", warning=True)


def _first(paths: list[str]) -> str:
    return printable(paths[0]) + (f" and {len(paths) - 1} more" if paths[1:] else "")

"""A project (manifest and lock) and a decision about it: tree, lock and manifest changed together, or none of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import msgspec

from cdnserve.errors import Problem, Problems
from cdnserve.manifest.files import LOCK, MANIFEST
from cdnserve.manifest.lock import Lock, LockedLibrary, read_lock, render_lock
from cdnserve.manifest.model import Library, Manifest, Revision, RuleMatcher
from cdnserve.manifest.reader import read_manifest
from cdnserve.manifest.starter import LIBRARY_RULE
from cdnserve.npm.fetch import StagedLibrary
from cdnserve.npm.spec import FOLDER, PinnedPackage
from cdnserve.npm.transaction import Changes, is_present
from cdnserve.rules.semver import resolve


@dataclass(frozen=True, slots=True)
class Project:
    """What is wanted, and what is hosted."""

    manifest: Manifest
    lock: Lock

    def wanted(self, revisions: Iterable[Revision], gone: Collection[str]) -> set[str]:
        """Return the libraries (NAME@VERSION) that the manifest stands for, once it is revised and some are gone."""
        entries = self.entries
        for revision in revisions:
            entries[revision.name] = revision.revised(entries.get(revision.name)) or Library(revision.name, ())
        found: set[str] = set()
        for entry in entries.values():
            versions = [one for one in self.lock.hosted(entry.name) if f"{entry.name}@{one}" not in gone]
            found |= {f"{entry.name}@{resolve(requirement, versions)}" for requirement in entry.versions}
        return found

    @property
    def pins(self) -> dict[str, list[LockedLibrary]]:
        """What the lock records of the libraries of the manifest, by their names."""
        lock = self.lock
        return {name: [lock.libraries[f"{name}@{one}"] for one in lock.hosted(name)] for name in self.entries}

    @property
    def entries(self) -> dict[str, Library]:
        """The libraries of the manifest by their names, in its order."""
        return {library.name: library for library in self.manifest.libraries}


def read_project(root: Path) -> Project:
    """Read manifest and lock; raise ConfigurationError with the problems of both."""
    problems = Problems()
    with problems.caught():
        manifest = read_manifest(root / MANIFEST)
    with problems.caught():
        lock = read_lock(root / LOCK)
    problems.raise_errors()
    return Project(manifest, lock)


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
        """Return NAME@VERSION."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class Added:
    """What `add` did, in the order that was asked for; `begun` says that it wrote the first manifest, too.

    `asked` are the libraries (NAME@VERSION) that were asked for; the others are their dependencies.
    """

    libraries: tuple[Placed, ...]
    warnings: tuple[Problem, ...]
    begun: bool = False
    asked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Removed:
    """What `remove` did: the libraries that went, NAME@VERSION, and the requirements that went from the manifest."""

    libraries: tuple[str, ...]
    requirements: tuple[str, ...]
    warnings: tuple[Problem, ...] = ()


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


def placed(staged: StagedLibrary, moved: int) -> Placed:
    """Sum up a library that has been put in its place, of which so many files were moved there."""
    spec, unpacked = staged.order.spec, staged.unpacked
    files = len(unpacked.files)
    is_new = moved == files
    restored = 0 if is_new else moved
    return Placed(spec.name, spec.version, spec.folder, staged.integrity, files, unpacked.size, is_new, restored)


Libraries = Mapping[str, LockedLibrary]


@dataclass(frozen=True, slots=True)
class Decision:
    """The libraries that lie ready, those that go, and how the manifest's entries change.

    `swept` are paths below the root that go, of which neither lock nor manifest knows. `publish` adds a rule for
    libraries to the manifest. `dependents` are those that import a library, as far as that was found out.
    """

    staged: tuple[StagedLibrary, ...] = ()
    removed: tuple[PinnedPackage, ...] = ()
    revisions: tuple[Revision, ...] = ()
    swept: tuple[str, ...] = ()
    publish: bool = False
    dependents: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))


def commit(root: Path, folder: Path, decision: Decision, *, beside: bool = False) -> tuple[Placed, ...]:
    """Make all changes or none; `beside` lets other files lie in a library's folder."""
    with Changes(root, folder) as changes:
        libraries = tuple(placed(one, changes.place(one.placement, beside=beside)) for one in decision.staged)
        for spec in decision.removed:
            if is_present(root / spec.folder):
                changes.take_away(spec.folder)
        for path in decision.swept:
            changes.take_away(path)
        gone = frozenset(map(str, decision.removed))
        # Between the writes the lock has more than the manifest wants: that does no harm, the opposite does.
        _write_lock(root, changes, lambda known: _with_new(known, decision))
        _write_manifest(root, changes, decision)
        _write_lock(root, changes, lambda known: _without(known, gone))
        changes.keep()
    for spec in decision.removed:
        _remove_empty_scope(root, spec)
    return libraries


def _with_new(known: Libraries, decision: Decision) -> dict[str, LockedLibrary]:
    libraries = dict(known)
    for one in decision.staged:
        # The bytes are the same as before, but an archive made anew may have another digest.
        entry = libraries.setdefault(str(one.order.spec), LockedLibrary(one.integrity, own=one.order.own))
        if one.esm:
            libraries[str(one.order.spec)] = msgspec.structs.replace(entry, esm=one.esm)
    for pin, dependents in decision.dependents.items():
        if pin in libraries:
            every = sorted({*libraries[pin].dependents, *dependents})
            libraries[pin] = msgspec.structs.replace(libraries[pin], dependents=tuple(every))
    return libraries


def _without(known: Libraries, gone: Collection[str]) -> dict[str, LockedLibrary]:
    left = {pin: entry for pin, entry in known.items() if pin not in gone}
    for pin, entry in left.items():
        if any(one in gone for one in entry.dependents):
            dependents = tuple(one for one in entry.dependents if one not in gone)
            left[pin] = msgspec.structs.replace(entry, dependents=dependents)
    return left


def _write_lock(root: Path, changes: Changes, change: Callable[[Libraries], dict[str, LockedLibrary]]) -> None:
    # Read again, since a build may have written it during the downloads.
    lock = read_lock(root / LOCK)
    libraries = change(lock.libraries)
    if libraries != lock.libraries:
        changes.write(LOCK, render_lock(Lock(libraries, lock.immutable)))


def _write_manifest(root: Path, changes: Changes, decision: Decision) -> None:
    # Read again, since a person may have written it during the downloads.
    read_manifest(root / MANIFEST)
    if not decision.revisions and not decision.publish:
        return
    from cdnserve.manifest import editor  # noqa: PLC0415 - a parser that keeps comments takes long to load

    text = before = (root / MANIFEST).read_bytes().decode()
    for revision in decision.revisions:
        text = editor.revise(text, revision)
    if decision.publish:
        text = editor.with_rule(text, LIBRARY_RULE)
    if text != before:
        changes.write(MANIFEST, text.encode())


def _remove_empty_scope(root: Path, spec: PinnedPackage) -> None:
    if spec.scope:
        with contextlib.suppress(OSError):
            (root / FOLDER / spec.scope).rmdir()


RULE = f"# add to the manifest:\n{LIBRARY_RULE.rstrip()}"
"""The hint for a manifest that does not publish its libraries."""


def notes(staged: Iterable[StagedLibrary]) -> Iterator[Problem]:
    """Yield what is to be told about registries and tarballs, each once."""
    yield from dict.fromkeys(warning for one in staged for warning in one.warnings)


def unlisted(staged: Iterable[StagedLibrary], manifest: Manifest) -> Iterator[Problem]:
    """Warn of each library of which no rule publishes any file."""
    matcher = RuleMatcher(manifest.rules)
    for one in staged:
        folder = one.order.spec.folder
        if not any(matcher.find(f"{folder}/{path}") is not None for path in one.unpacked.files):
            message = "no rule publishes this library: it is there, but not public"
            yield Problem("library-unlisted", message, folder, hint=RULE, warning=True)

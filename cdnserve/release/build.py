"""The build: a root and a state folder in, the number of a release out.

Never reads a file that is as it was, never relies on stored bytes that are not, and never prints.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from zlib import crc32

import msgspec

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.manifest.files import Governing, read_governing
from cdnserve.release.blobs import StoreError, sync_blobs
from cdnserve.release.catalog import SCHEMA, Asset, Catalog, Entries, Representation, encode
from cdnserve.release.encode import Results, cores, run
from cdnserve.release.forget import read_forgotten
from cdnserve.release.gather import GatheredFiles, confirm, gather, keep
from cdnserve.release.immutable import Recorded, broken, lock_incomplete, new_promises, promises, record
from cdnserve.release.inputs import Inputs, missing, published, read_inputs
from cdnserve.release.package_entries import read_packages
from cdnserve.release.read import FileContent, unstable
from cdnserve.release.repair import are_proved
from cdnserve.release.scan import Tree, scan
from cdnserve.release.state_files import (
    FileIndex,
    chosen,
    held,
    holds,
    make_index,
    read_index,
    sum_of,
    write_index,
)
from cdnserve.release.store import BuildPaths, Store, find_places, is_denied
from cdnserve.release.writer import BuildProgress, Built, Silence, Writer
from cdnserve.rules.media_types import coding_by_nature, is_text


@dataclass(frozen=True, slots=True)
class Look:
    """What a root was at one moment; `unquiet` are the paths that were otherwise at the look before, if there was one.

    Files that were as they are have `rested` then, for as long as lay between the two.
    """

    tree: Tree
    governing: Governing
    unquiet: frozenset[str] = frozenset()
    rested: bool = False


def look(root: Path, state: Path, before: Look | None = None) -> Look:
    """Look at a root without opening its files; raise ConfigurationError where there is none."""
    places = find_places(root, state)
    now = Look(scan(places.root, places.inner), read_governing(places.root))
    return replace(now, unquiet=_moved(before, now), rested=True) if before else now


def _moved(before: Look, now: Look) -> frozenset[str]:
    if (before.tree.packed(), before.governing) == (now.tree.packed(), now.governing):
        return frozenset()
    pairs = before.tree.signatures().items() ^ now.tree.signatures().items()
    return frozenset({path for path, _ in pairs}.union(before.governing.difference(now.governing)))


def build(
    root: Path,
    state: Path,
    *,
    locked: bool = False,
    despite_hold: bool = False,
    progress: BuildProgress | None = None,
    seen: Look | None = None,
) -> Built:
    """Make a release of the files below `root`, unless the current one in `state` is the same.

    A file that is being written is a problem. But a root that was `seen` a moment ago is taken as it was then, and
    files that are being written are left as they were in the release before.
    After a rollback the current one stays while the root is as it was, unless a person asks `despite_hold`.
    `locked` takes the lock as it is and every warning as an error. Raises ConfigurationError with all problems;
    the last release then stays as it was. What is damaged in the state is made again, with a warning. Another build
    of the same state is waited for. Where the state can't be written, its release is served if it is of the same
    files, though they were copied since.
    """
    places = find_places(root, state)
    tree, index = _find(places, seen)
    if index and _is_unchanged(index, tree, places.state, locked):
        return Built(index.number, False, tree.problems)
    kept = None if despite_hold else _held(tree, places.state)
    if kept and Store(Path(places.state)).holds(kept.number) and are_proved(places.state):
        return kept
    progress = progress or Silence()
    try:
        with Writer(places.state, progress) as writer:
            if writer.waited:
                tree, index = _find(places, seen)
            # Once more: somebody may have rolled back a moment ago.
            kept = None if despite_hold else _held(tree, places.state)
            # Only now: a build that finds nothing changed does not wait for what making a release needs.

            return _write(writer, Task(tree, index, locked, progress, int(time.time()), seen), kept)
    except StoreError as failure:
        if kept and is_denied(failure):
            return kept
        # Only now: hardly anybody builds where nothing can be written.
        from cdnserve.release.prebuilt import as_built  # noqa: PLC0415

        return as_built(failure, tree, index, places.state, locked=locked)


def _find(places: BuildPaths, seen: Look | None) -> tuple[Tree, FileIndex | None]:
    return seen.tree if seen else scan(places.root, places.inner), read_index(places.state)


def _write(writer: Writer, task: Task, kept: Built | None) -> Built:
    """Make a release, or keep one, with stored bytes that were proved."""
    from cdnserve.release.repair import proved  # noqa: PLC0415

    def work() -> Built:
        if not kept:
            return make(task, writer)
        if writer.store.pointed() != kept.number:
            writer.point_to(kept.number)
        return kept

    return proved(writer, task.tree, task.progress, work)


def _held(tree: Tree, state: str) -> Built | None:
    """Return the release that a rollback chose, while nothing below the root has changed since."""
    store = Store(Path(state))
    hold = holds(state, chosen(store), tree)
    if hold is None:
        return None
    try:
        store.read(hold.number)
    except ConfigurationError:  # what is damaged or gone can't be kept
        return None
    return Built(hold.number, False, (*tree.problems, held(hold)))


def _is_unchanged(index: FileIndex, tree: Tree, state: str, locked: bool) -> bool:
    store = Store(Path(state))
    return (
        index.settled
        and not (locked and tree.problems)
        and index.packed == tree.packed()
        and index.governing == read_governing(tree.root)
        and store.holds(index.number)
        and index.catalog == sum_of(store.catalog(index.number))
        and are_proved(state)
    )


@dataclass(frozen=True, slots=True)
class Task:
    """One build: what the scan found, what the last build found, and how to go about it; `now` in seconds.

    Of a root that was `seen` in a look before, files that are being written are left as they were released.
    """

    tree: Tree
    index: FileIndex | None
    locked: bool
    progress: BuildProgress
    now: int
    seen: Look | None = None


@dataclass(frozen=True, slots=True)
class _Survey:
    """What is known before any file is read; `rules` has the index of its rule for each public path.

    `damage` is what is wrong with pointer and catalog, which this build makes good.
    """

    inputs: Inputs
    previous: Catalog | None
    rules: Mapping[str, int]
    promised: Mapping[str, bytes]
    there: Mapping[str, int]
    warnings: tuple[Problem, ...]
    damage: tuple[Problem, ...]

    def is_immutable(self, path: str) -> bool:
        return self.inputs.manifest.rules[self.rules[path]].cache.immutable

    def immutable(self, paths: Iterable[str]) -> list[str]:
        return [path for path in paths if self.is_immutable(path)]

    def unpromised(self, paths: Iterable[str]) -> list[str]:
        return [path for path in self.immutable(paths) if path not in self.promised]

    def released(self, path: str) -> Asset | None:
        asset = self.previous.assets.get(path) if self.previous else None
        return asset if asset and asset.identity.sha256.hex() in self.there else None


def make(task: Task, writer: Writer) -> Built:
    """Make a release of a scanned root, or find that the current one is the same."""
    survey = _survey(task, writer)
    gathered = _gather(task, writer, survey)
    results = _encode(task, writer, gathered)
    _confirm(task, writer, survey, gathered)
    immutable = {path: gathered.contents[path] for path in survey.immutable(gathered.contents)}
    new = new_promises(survey.inputs.lock, immutable, task.now)
    packages = read_packages(task.tree, task.index, survey.previous, gathered, writer)
    # The promise is written down before anybody can read the bytes.
    recorded = record(task.tree.root, survey.inputs.lock, survey.inputs.governing.lock, new)
    catalog = _catalog(survey, gathered, results, recorded, packages)
    _sync(writer, catalog, writer.proved)
    number, changed = _publish(task, writer, survey, catalog)
    warnings = (*survey.warnings, *gathered.problems, *recorded.warnings)
    governing = replace(survey.inputs.governing, lock=recorded.octets)
    signatures = gathered.signatures(task.tree)
    index = make_index(number, writer.store.catalog(number), governing, signatures, settled=not warnings)
    if index != task.index:
        write_index(writer.state, index)
    told = (*task.tree.problems, *warnings, *gathered.remarks)
    return Built(number, changed, told, tuple(gathered.unquiet), survey.damage)


def _publish(task: Task, writer: Writer, survey: _Survey, catalog: Catalog) -> tuple[int, bool]:
    """Make the catalog the current release, and tell whether that is a new one."""
    pointed, index = writer.store.pointed(), task.index
    if catalog == survey.previous:
        if pointed != catalog.number:
            writer.point_to(catalog.number)
        return catalog.number, False
    if survey.damage and index and index.number == pointed:
        again = encode(msgspec.structs.replace(catalog, number=pointed))
        if crc32(again) == index.catalog:
            writer.publish(pointed, again)
            return pointed, False
    number = writer.next_number()
    writer.publish(number, encode(msgspec.structs.replace(catalog, number=number)))
    if any(problem.reference == "release-corrupt" for problem in survey.damage):
        writer.remove_damaged(pointed)
    return number, True


def _survey(task: Task, writer: Writer) -> _Survey:
    inputs = read_inputs(task.tree.root)
    previous, damage = _previous(writer.store)
    rules = published(inputs.manifest, task.tree)
    # Of a release that is lost, others may know what it promised.
    others = writer.store.left_behind() if previous else writer.store.whole(reversed(writer.store.numbers()))
    promised = promises(inputs.lock, previous, *others, forgotten=read_forgotten(writer.state))
    doubts = (*inputs.warnings, *missing(inputs, task.tree))
    survey = _Survey(inputs, previous, rules, promised, writer.proved, doubts, damage)
    unrecorded = [path for path in survey.immutable(rules) if path not in inputs.lock.immutable]
    if task.locked and unrecorded:
        return replace(survey, warnings=(*survey.warnings, lock_incomplete(unrecorded)))
    return survey


def _previous(store: Store) -> tuple[Catalog | None, tuple[Problem, ...]]:
    """Return the current release, and what is wrong with it; where the pointer is lost, the newest that is whole."""
    try:
        if store.current():
            return store.read(), ()
        damage: tuple[Problem, ...] = ()
    except ConfigurationError as error:
        damage = tuple(replace(problem, warning=True, hint="this build makes it good") for problem in error.problems)
    if store.pointed():
        return None, damage
    return next(store.whole(reversed(store.numbers())), None), damage


def _gather(task: Task, writer: Writer, survey: _Survey) -> GatheredFiles:
    promised = survey.promised
    gathered = keep(survey.rules, task.tree, task.index, survey.previous, writer.proved)
    rest = [path for path in survey.rules if path not in gathered.contents]
    if task.seen:
        gathered.unquiet = [path for path in rest if path in task.seen.unquiet]
        rest = [path for path in rest if path not in task.seen.unquiet]
    # What was promised comes first, so that a broken promise is found before anything new is stored.
    for paths in ([path for path in rest if path in promised], [path for path in rest if path not in promised]):
        gathered.join(gather(paths, task.tree, writer, promised, task.progress, only_quiet=task.seen is not None))
        _leave(task, survey, gathered)
        _insist(task, survey, [*gathered.problems, *broken(promised, gathered.contents)])
    return gathered


def _confirm(task: Task, writer: Writer, survey: _Survey, gathered: GatheredFiles) -> None:
    """Look once more at what is about to be promised for ever: it shall not be half of a file."""
    new = {path: gathered.contents[path] for path in survey.unpromised(gathered.contents)}
    if new:
        gathered.unquiet += confirm(new, task.tree, writer, rested=task.seen is not None and task.seen.rested)
        _leave(task, survey, gathered)
        _insist(task, survey, gathered.problems)


def _leave(task: Task, survey: _Survey, gathered: GatheredFiles) -> None:
    """Leave what is being written as it was, but never so that a build makes a promise of it."""
    told = {problem.where for problem in gathered.problems}
    for path in gathered.unquiet:
        problem, asset = unstable(path), survey.released(path)
        if problem.where not in told:
            may_wait = task.seen is not None and not (asset and survey.unpromised([path]))
            gathered.problems.append(replace(problem, warning=may_wait))
            gathered.leave(path, asset)


def _insist(task: Task, survey: _Survey, problems: Iterable[Problem]) -> None:
    """Stop the build if there is more to tell than warnings."""
    found = [*task.tree.problems, *survey.warnings, *problems]
    if task.locked:
        found = [replace(problem, warning=False) for problem in found]
    if not all(problem.warning for problem in found):
        raise ConfigurationError(found)


def _encode(task: Task, writer: Writer, gathered: GatheredFiles) -> Results:
    results = Results.load(writer.state)
    contents = gathered.contents
    sizes = {content.sha256: content.size for path, content in contents.items() if is_text(path, content.form)}
    jobs = list(results.jobs(sizes, writer.proved))
    if not jobs:
        return results
    task.progress.start("encoding", len(jobs), sum(size for _, size, _ in jobs))
    try:
        for done in run(writer.state, jobs, cores()):
            results.add(done)
            task.progress.advance(len(done), sum(sizes[bytes.fromhex(name)] for name, _, _ in done))
    except BaseException:
        # An interrupted build shall not have worked for nothing.
        with suppress(StoreError):
            results.save(writer.state)
        raise
    finally:
        task.progress.finish()
    results.save(writer.state)
    return results


def _catalog(
    survey: _Survey, gathered: GatheredFiles, results: Results, recorded: Recorded, packages: dict[str, Entries]
) -> Catalog:
    """Put the catalog together under the number of the last release: they are equal when nothing changed."""
    dates = {path: recorded.modified(path) for path in survey.immutable(gathered.contents)}
    assets = {}
    for path, rule in survey.rules.items():
        if content := gathered.contents.get(path):
            assets[path] = _asset(path, rule, content, results, dates.get(path))
    manifest = survey.inputs.manifest
    number = survey.previous.number if survey.previous else 0
    return Catalog(SCHEMA, number, manifest.site, manifest.rules, assets, packages)


def _asset(path: str, rule: int, content: FileContent, results: Results, modified: int | None) -> Asset:
    own = Representation(coding_by_nature(path, content.form) or "identity", content.size, content.sha256)
    coded = results.representations(content.sha256) if is_text(path, content.form) else ()
    declared = content.looks is not None and content.looks.declared
    return Asset(rule, content.sha384, content.sha512, (own, *coded), modified, content.form, declared)


def _sync(writer: Writer, catalog: Catalog, there: Mapping[str, int]) -> None:
    """Make the blobs durable that are new: the catalog that names them comes after."""
    if new := catalog.blobs() - there.keys():
        sync_blobs(writer.state, new)

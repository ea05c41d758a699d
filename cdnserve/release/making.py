"""Making a release: manifest, lock and files become blobs and a catalog.

Never makes a second release of the same files, and never half of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from zlib import crc32

import msgspec

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.release.blobs import StoreError, sync_blobs
from cdnserve.release.build import Look
from cdnserve.release.built import Built
from cdnserve.release.catalog import SCHEMA, Asset, Catalog, Entries, Representation, encode
from cdnserve.release.forgetting import read_forgotten
from cdnserve.release.gathering import Gathered, confirm, gather, keep
from cdnserve.release.index import Index, make_index, write_index
from cdnserve.release.inputs import Inputs, published, read_inputs
from cdnserve.release.missing import missing
from cdnserve.release.packages import read_packages
from cdnserve.release.progress import Progress
from cdnserve.release.promises import Recorded, broken, lock_incomplete, new_promises, promises, record
from cdnserve.release.results import Results
from cdnserve.release.scan import Tree
from cdnserve.release.sources import Content, unstable
from cdnserve.release.store import Store
from cdnserve.release.workers import cores, run
from cdnserve.release.writing import Writer
from cdnserve.rules.media_types import coding_by_nature, is_text


@dataclass(frozen=True, slots=True)
class Task:
    """One build: what the scan found, what the last build found, and how to go about it; `now` in seconds.

    Of a root that was `seen` in a look before, files that are being written are left as they were released.
    """

    tree: Tree
    index: Index | None
    locked: bool
    progress: Progress
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
    """Give the current release, and what is wrong with it; where the pointer is lost, the newest that is whole."""
    try:
        if store.current():
            return store.read(), ()
        damage: tuple[Problem, ...] = ()
    except ConfigurationError as error:
        damage = tuple(replace(problem, warning=True, hint="this build makes it good") for problem in error.problems)
    if store.pointed():
        return None, damage
    return next(store.whole(reversed(store.numbers())), None), damage


def _gather(task: Task, writer: Writer, survey: _Survey) -> Gathered:
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


def _confirm(task: Task, writer: Writer, survey: _Survey, gathered: Gathered) -> None:
    """Look once more at what is about to be promised for ever: it shall not be half of a file."""
    new = {path: gathered.contents[path] for path in survey.unpromised(gathered.contents)}
    if new:
        gathered.unquiet += confirm(new, task.tree, writer, rested=task.seen is not None and task.seen.rested)
        _leave(task, survey, gathered)
        _insist(task, survey, gathered.problems)


def _leave(task: Task, survey: _Survey, gathered: Gathered) -> None:
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


def _encode(task: Task, writer: Writer, gathered: Gathered) -> Results:
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
    survey: _Survey, gathered: Gathered, results: Results, recorded: Recorded, packages: dict[str, Entries]
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


def _asset(path: str, rule: int, content: Content, results: Results, modified: int | None) -> Asset:
    own = Representation(coding_by_nature(path, content.form) or "identity", content.size, content.sha256)
    coded = results.representations(content.sha256) if is_text(path, content.form) else ()
    declared = content.looks is not None and content.looks.declared
    return Asset(rule, content.sha384, content.sha512, (own, *coded), modified, content.form, declared)


def _sync(writer: Writer, catalog: Catalog, there: Mapping[str, int]) -> None:
    """Make the blobs durable that are new: the catalog that names them comes after."""
    if new := catalog.blobs() - there.keys():
        sync_blobs(writer.state, new)

"""Making a release of a scanned root: gather → immutability → encode → publish."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from zlib import crc32

from msgspec.structs import replace as replace_field

from cdnserve.errors import ConfigurationError, Problem, Problems
from cdnserve.files import lock
from cdnserve.manifest.model import ContentCoding
from cdnserve.release.blobs import LARGEST_CODED, remove_state_drafts, storing, sync_blobs, take_stock
from cdnserve.release.catalog import SCHEMA, Asset, Catalog, Entries, Representation, encode
from cdnserve.release.compact import compact
from cdnserve.release.encode import Job, Result, Results, encode_all, find_texts
from cdnserve.release.gather import GatheredFiles, confirm, gather, take_known
from cdnserve.release.immutable import Recorded, broken, lock_incomplete, new_promises, promises, read_forgotten, record
from cdnserve.release.inputs import Inputs, missing, published, read_inputs
from cdnserve.release.package_entries import read_packages
from cdnserve.release.read import FileContent, unstable
from cdnserve.release.repair import mend, mend_records
from cdnserve.release.scan import Look, Tree
from cdnserve.release.state_files import (
    FileIndex,
    known_blobs,
    lost_hold,
    make_index,
    note_proved,
    prove,
    read_index,
    size_of_results,
    write_index,
)
from cdnserve.release.store import Store
from cdnserve.release.writer import BuildProgress, Built, Writer
from cdnserve.rules.media_types import coding_by_nature, is_text

# So many octets are encoded at once: it takes about a second, for which nobody needs two releases.
_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class _Encoded:
    """The codings of each text, by its sha256; where these are not all, the size of the results that were known.

    The `cheap` ones are for tools, not for pages.
    """

    codings: Mapping[bytes, tuple[Representation, ...]]
    left: int | None
    cheap: frozenset[bytes]

    def spare(self) -> dict[str, str]:
        """Return the blobs that few ask for as they are, each with the name of what it is under br."""
        if self.left is not None:
            return {}
        codings = ((digest, item) for digest in self.cheap for item in self.codings[digest])
        return {digest.hex(): item.sha256.hex() for digest, item in codings if item.coding == "br"}


@dataclass(frozen=True, slots=True)
class Task:
    """One build: what the scan found, what the last build found, and how to go about it; `now` in seconds.

    Of a root that was `seen` in a look before, files that are being written are left as they were released. A `quick`
    one leaves what is dear to encode for later.
    """

    tree: Tree
    index: FileIndex | None
    locked: bool
    progress: BuildProgress
    now: int
    seen: Look | None = None
    quick: bool = False


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is known before any file is read; `rules` has the index of its rule for each public path.

    `damage` is what is wrong with pointer and catalog, which this build makes good.
    """

    inputs: Inputs
    previous: Catalog | None
    rules: Mapping[str, int]
    promised: Mapping[str, bytes]
    warnings: tuple[Problem, ...]
    damage: tuple[Problem, ...]

    def immutable(self, paths: Iterable[str]) -> list[str]:
        rules = self.inputs.manifest.rules
        return [path for path in paths if rules[self.rules[path]].cache.immutable]

    def unpromised(self, paths: Iterable[str]) -> list[str]:
        return [path for path in self.immutable(paths) if path not in self.promised]


def make(task: Task, writer: Writer, kept: Built | None) -> Built:
    """Make a release, or keep one that is there, with stored bytes that are proved before and mended after."""
    known = known_blobs(writer.state)
    proof = prove(writer.state, known, task.progress)
    writer.proved = proof.sizes()
    records = mend_records(writer, lost_hold(writer.store, task.index, task.tree) if kept else None)
    built, spare = (_keep(writer, kept), {}) if kept else _make(task, writer)
    right = {name: coding for name, coding in spare.items() if proof.wrong.isdisjoint((name, coding))}
    proof = proof.after(compact(writer.state, right))
    mended = mend(writer, task.tree, proof, known.keys())
    note_proved(writer.state, proof)
    damage = dict.fromkeys((*built.damage, *records, *mended.again, *mended.left))
    return replace(built, damage=tuple(damage))


def _keep(writer: Writer, kept: Built) -> Built:
    if writer.store.pointed() != kept.number:
        writer.point_to(kept.number)
    return kept


def _make(task: Task, writer: Writer) -> tuple[Built, Mapping[str, str]]:
    """Make a release; return it, and the blobs that it can spare, each with the name of its coding."""
    plan = _plan(task, writer)
    gathered = _gather(task, writer, plan)
    packages = read_packages(task.tree, task.index, plan.previous, gathered, writer)
    encoded = _encode(task, writer, gathered, packages, plan.inputs.manifest.site.codings)
    _confirm(task, writer, plan, gathered)
    immutable = {path: gathered.contents[path] for path in plan.immutable(gathered.contents)}
    new = new_promises(plan.inputs.lock, immutable, task.now)
    # The promise is written down before anybody can read the bytes.
    recorded = record(task.tree.root, plan.inputs.lock, plan.inputs.governing.lock, new)
    catalog = _catalog(plan, gathered, encoded, recorded, packages)
    # The catalog comes after the blobs that it names; also those count as new that an unfinished build left.
    if new_blobs := catalog.blobs() - (plan.previous.blobs() if plan.previous else set()):
        sync_blobs(writer.state, new_blobs)
    number, changed = _publish(task, writer, plan, catalog, complete=encoded.left is None)
    warnings = (*plan.warnings, *gathered.problems, *recorded.warnings)
    governing = replace(plan.inputs.governing, lock=recorded.octets)
    signatures = gathered.signatures(task.tree)
    index = make_index(
        number,
        writer.store.catalog(number),
        governing,
        signatures,
        settled=not warnings,
        left=encoded.left,
    )
    if index != task.index:
        write_index(writer.state, index)
    told = (*task.tree.problems, *warnings, *gathered.remarks)
    built = Built(number, changed, told, tuple(gathered.unquiet), plan.damage, encoded.left is None)
    return built, encoded.spare()


def _plan(task: Task, writer: Writer) -> _Plan:
    inputs = read_inputs(task.tree.root)
    previous, damage = _previous(writer.store)
    rules = published(inputs.manifest, task.tree)
    # Of a release that is lost, others may know what it promised.
    others = writer.store.left_behind() if previous else writer.store.whole(reversed(writer.store.numbers()))
    promised = promises(inputs.lock, previous, *others, forgotten=read_forgotten(writer.state) or {})
    plan = _Plan(inputs, previous, rules, promised, (*inputs.warnings, *missing(inputs, task.tree)), damage)
    unrecorded = [path for path in plan.immutable(rules) if path not in inputs.lock.immutable]
    if task.locked and unrecorded:
        return replace(plan, warnings=(*plan.warnings, lock_incomplete(unrecorded)))
    return plan


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


def _gather(task: Task, writer: Writer, plan: _Plan) -> GatheredFiles:
    promised = plan.promised
    gathered = take_known(plan.rules, task.tree, task.index, plan.previous, writer.proved)
    rest = [path for path in plan.rules if path not in gathered.contents]
    if task.seen:
        gathered.unquiet = [path for path in rest if path in task.seen.unquiet]
        rest = [path for path in rest if path not in task.seen.unquiet]
    # What was promised comes first, so that a broken promise is found before anything new is stored.
    for paths in ([path for path in rest if path in promised], [path for path in rest if path not in promised]):
        gathered.join(gather(paths, task.tree, writer, promised, task.progress, only_quiet=task.seen is not None))
        _leave(task, writer, plan, gathered)
        _insist(task, plan, [*gathered.problems, *broken(promised, gathered.contents)])
    return gathered


def _encode(
    task: Task,
    writer: Writer,
    gathered: GatheredFiles,
    packages: Mapping[str, Entries],
    codings: tuple[ContentCoding, ...],
) -> _Encoded:
    files = {path: (content.sha256, content.size, content.form) for path, content in gathered.contents.items()}
    texts = find_texts(files, packages, codings)
    known, results = size_of_results(writer.state), Results.load(writer.state)
    there = dict(writer.proved)
    lacking = list(results.lacking(texts, there))
    jobs = _first_ones(lacking) if task.quick else lacking
    if jobs:
        there |= _keep_results(writer.state, encode_all(writer.state, jobs), jobs, results, task.progress)
    found = {name: results.representations(name, text, there) for name, text in texts.items()}
    cheap = frozenset(name for name, text in texts.items() if text.effort == "cheap" and text.size <= LARGEST_CODED)
    return _Encoded(found, None if len(jobs) == len(lacking) else known, cheap)


def _first_ones(jobs: list[Job]) -> list[Job]:
    """Return the jobs of the first stage: gzip, which is cheap, of what pages load; all where there is little to do."""
    first = [job for job in jobs if job.coding == "gzip" and job.effort == "full"]
    rest = sum(job.size for job in jobs) - sum(job.size for job in first)
    return jobs if rest <= _AT_ONCE else first


def _keep_results(
    state: str, encoding: Iterable[list[Result]], jobs: list[Job], results: Results, progress: BuildProgress
) -> dict[str, int]:
    """Remember what comes of the jobs, and return the sizes of the blobs."""
    made: dict[str, int] = {}
    progress.start("encoding", len(jobs), sum(job.size for job in jobs))
    try:
        for done in encoding:
            # However the build ends, it shall not have worked for nothing.
            results.add(state, done)
            made |= {coded[1].hex(): coded[0] for _, coded in done if coded}
            progress.advance(len(done), sum(job.size for job, _ in done))
    finally:
        progress.finish()
    return made


def encode_rest(state: str, stopped: Event, progress: BuildProgress) -> bool:
    """Make the codings that the current release lacks, and return whether the next build has something to release.

    Works beside builds, which it doesn't keep waiting, and beside a server, to which it gives way; where another
    process is at it, that one does it. Nothing is released here. Raises StoreError, ConfigurationError, and
    EncodingStoppedError once it is `stopped`.
    """
    index, store = read_index(state), Store(Path(state))
    # After a rollback the index is of another release.
    if not index or index.complete or not store.holds(index.number):
        return False
    with _alone(state) as alone:
        if not alone:
            return False
        remove_state_drafts(state, beside=True)
        catalog, results = store.read(index.number), Results.load(state)
        own = {path: (asset.identity, asset.form) for path, asset in catalog.assets.items()}
        files = {path: (item.sha256, item.size, form) for path, (item, form) in own.items()}
        texts = find_texts(files, catalog.packages, catalog.site.codings)
        if jobs := list(results.lacking(texts, take_stock(state).sizes())):
            encoding = encode_all(state, jobs, beside=True, stopped=stopped)
            _keep_results(state, encoding, jobs, results, progress)
    return True


@contextmanager
def _alone(state: str) -> Iterator[bool]:
    """Return whether no other process encodes what a release lacks; while the block runs, none begins to."""
    with storing():
        descriptor = os.open(f"{state}/encoding.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        with storing():
            alone = lock(descriptor)
        yield alone
    finally:
        os.close(descriptor)


def _confirm(task: Task, writer: Writer, plan: _Plan, gathered: GatheredFiles) -> None:
    """Look once more at what is about to be promised for ever: it shall not be half of a file."""
    new = {path: gathered.contents[path] for path in plan.unpromised(gathered.contents)}
    if new:
        gathered.unquiet += confirm(new, task.tree, writer, rested=task.seen is not None and task.seen.rested)
        _leave(task, writer, plan, gathered)
        _insist(task, plan, gathered.problems)


def _leave(task: Task, writer: Writer, plan: _Plan, gathered: GatheredFiles) -> None:
    """Leave what is being written as it was, but never so that a build makes a promise of it."""
    told = {problem.where for problem in gathered.problems}
    for path in gathered.unquiet:
        problem = unstable(path)
        if problem.where not in told:
            asset = plan.previous.assets.get(path) if plan.previous else None
            released = asset if asset and asset.identity.sha256.hex() in writer.proved else None
            may_wait = task.seen is not None and not (released and plan.unpromised([path]))
            gathered.problems.append(replace(problem, warning=may_wait))
            gathered.leave(path, released)


def _insist(task: Task, plan: _Plan, problems: Iterable[Problem]) -> None:
    """Stop the build if there is more to tell than warnings."""
    found = [*task.tree.problems, *plan.warnings, *problems]
    if task.locked:
        found = [replace(problem, warning=False) for problem in found]
    Problems(found).raise_errors()


def _catalog(
    plan: _Plan, gathered: GatheredFiles, encoded: _Encoded, recorded: Recorded, packages: dict[str, Entries]
) -> Catalog:
    """Put the catalog together under the number of the last release: they are equal when nothing changed."""
    dates = {path: recorded.modified(path) for path in plan.immutable(gathered.contents)}
    assets = {}
    for path, rule in plan.rules.items():
        if content := gathered.contents.get(path):
            assets[path] = _asset(path, rule, content, encoded, dates.get(path))
    manifest = plan.inputs.manifest
    number = plan.previous.number if plan.previous else 0
    return Catalog(SCHEMA, number, manifest.site, manifest.rules, assets, packages)


def _asset(path: str, rule: int, content: FileContent, encoded: _Encoded, modified: int | None) -> Asset:
    own = Representation(coding_by_nature(path, content.form) or "identity", content.size, content.sha256)
    coded = encoded.codings[content.sha256] if is_text(path, content.form) else ()
    declared = content.looks is not None and content.looks.declared
    return Asset(rule, content.sha384, content.sha512, (own, *coded), modified, content.form, declared)


def _publish(task: Task, writer: Writer, plan: _Plan, catalog: Catalog, *, complete: bool) -> tuple[int, bool]:
    """Make the catalog the current release, and return its number and whether it is new.

    One that differs in codings alone is made once they are complete.
    """
    pointed, index = writer.store.pointed(), task.index
    previous = plan.previous
    if catalog == previous or (not complete and previous and catalog.without_codings() == previous.without_codings()):
        if pointed != catalog.number:
            writer.point_to(catalog.number)
        return catalog.number, False
    if plan.damage and index and index.number == pointed:
        again = encode(replace_field(catalog, number=pointed))
        if crc32(again) == index.catalog:
            writer.publish(pointed, again)
            return pointed, False
    number = writer.next_number()
    writer.publish(number, encode(replace_field(catalog, number=number)))
    if any(problem.reference == "release-corrupt" for problem in plan.damage):
        writer.remove_damaged(pointed)
    return number, True

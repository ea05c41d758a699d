"""Mending: blobs that are damaged or gone are made again, from the files below the root or from what was coded.

Never makes or changes a release, and never keeps a blob that is not what its name says.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.release.baked import ELSEWHERE
from cdnserve.release.blobs import Blobs, StoreError, blob_path, storing, sync_blobs, take_stock
from cdnserve.release.build import build, find_places
from cdnserve.release.built import Built
from cdnserve.release.catalog import Catalog
from cdnserve.release.encode import Job
from cdnserve.release.progress import Progress, Silence
from cdnserve.release.proving import Proof, known_blobs, note_proved, prove
from cdnserve.release.scan import Signature, Tree, scan, shown
from cdnserve.release.sources import Sources, read
from cdnserve.release.store import Store, is_denied, store_problem
from cdnserve.release.workers import cores, run
from cdnserve.release.writing import Writer

_MOST_TOLD = 10
_Names = Set[str]


@dataclass(frozen=True, slots=True)
class Mended:
    """What was damaged and is made again, and what can't be; all as warnings."""

    again: tuple[Problem, ...] = ()
    left: tuple[Problem, ...] = ()


@dataclass(slots=True)
class _Makings:
    """What a blob can be made of: files by logical path, with their sha384, or another blob that gets a coding."""

    paths: dict[str, bytes] = field(default_factory=dict)
    job: Job | None = None
    held: str = ""


@dataclass(frozen=True, slots=True)
class _Lost:
    """A blob that was damaged, or gone: where it lies, and what it held."""

    place: str
    held: str
    was_there: bool


def proved(writer: Writer, tree: Tree, progress: Progress, work: Callable[[], Built]) -> Built:
    """Do the work of a build with blobs that were proved, and make again what it had no need of."""
    known = known_blobs(writer.state)
    proof = prove(writer.state, known, progress)
    writer.proved = proof.sizes()
    built = work()
    mended = mend(writer, tree, proof, known.keys())
    note_proved(writer.state, proof)
    return replace(built, damage=(*built.damage, *mended.again, *mended.left))


def examine(root: Path, state: Path, names: _Names | None = None, progress: Progress | None = None) -> Mended:
    """Read every release and every blob of a state folder, or only the blobs of these names, and make good what can be.

    Where the state can't be written, only tell. Raises ConfigurationError where it can't even be read, or where the
    current release is damaged and the files allow no build.
    """
    places = find_places(root, state)
    store, progress = Store(Path(places.state)), progress or Silence()
    if not store.numbers():
        return Mended()
    try:
        with Writer(places.state, progress) as writer:
            mended = _examine(writer, scan(places.root, places.inner), names, progress)
    except StoreError as failure:
        if not is_denied(failure):
            raise ConfigurationError([store_problem(failure, places.state)]) from failure
        return _only_tell(store, names, progress)
    if names is None and not _is_readable(store):
        built = build(root, state)
        mended = Mended((*mended.again, *built.damage), mended.left)
    return mended


def _is_readable(store: Store) -> bool:
    try:
        store.read()
    except ConfigurationError:
        return False
    return True


def _examine(writer: Writer, tree: Tree, names: _Names | None, progress: Progress) -> Mended:
    known, expected, damaged = _prepare(writer.store, names)
    proof = prove(writer.state, known, progress)
    writer.proved = proof.sizes()
    mended = mend(writer, tree, proof, expected)
    note_proved(writer.state, proof)
    current = writer.store.pointed()
    gone = {number: problem for number, problem in damaged.items() if number != current}
    for number in gone:
        writer.remove_damaged(number)
    return Mended(mended.again, (*mended.left, *map(_removed, gone.values())))


def _only_tell(store: Store, names: _Names | None, progress: Progress) -> Mended:
    known, expected, damaged = _prepare(store, names)
    proof = prove(str(store.state), known, progress)
    lost = proof.wrong | (expected - proof.found.keys())
    makings = _look_up(store, lost)
    told = map(_unmended, _told(str(store.state), proof, makings, makings.keys()))
    return Mended((), tuple(replace(problem, hint=ELSEWHERE) for problem in (*told, *damaged.values())))


def _prepare(store: Store, names: _Names | None) -> tuple[dict[str, Signature], _Names, dict[int, Problem]]:
    """Give by which signatures blobs are known, which ones there should be, and which catalogs are damaged."""
    if names is not None:
        known = known_blobs(str(store.state))
        return {name: known[name] for name in known.keys() - names}, known.keys() | names, {}
    expected: set[str] = set()
    damaged: dict[int, Problem] = {}
    for number in store.numbers():
        try:
            expected |= store.read(number).blobs()
        except ConfigurationError as error:
            problem = error.problems[0]
            if problem.reference == "release-corrupt":
                damaged[number] = problem
    return {}, expected, damaged


def mend(writer: Writer, tree: Tree, proof: Proof, expected: _Names) -> Mended:
    """Make again the blobs that the proof found wrong, and the expected ones that it did not find.

    What no release names is only removed, and so is what is wrong and can't be made again.
    """
    lost = proof.wrong | (expected - proof.found.keys())
    if not lost:
        return Mended()
    makings = _look_up(writer.store, lost)
    _make(writer, tree, proof, {name: makings[name] for name in _left(writer.state, proof, makings.keys())})
    left = _left(writer.state, proof, makings.keys())
    _remove(writer.state, _left(writer.state, proof, proof.wrong))
    again = _told(writer.state, proof, makings, makings.keys() - left)
    return Mended(tuple(map(_mended, again)), tuple(map(_unmended, _told(writer.state, proof, makings, left))))


def _look_up(store: Store, lost: _Names) -> dict[str, _Makings]:
    """Find what the lost blobs were, in the newest releases that name them."""
    found: dict[str, _Makings] = {}
    for catalog in store.whole(reversed(store.numbers())):
        found |= _named(catalog, lost - found.keys())
        if found.keys() == lost:
            break
    return found


def _named(catalog: Catalog, lost: _Names) -> dict[str, _Makings]:
    found: dict[str, _Makings] = {}
    for path, asset in catalog.assets.items():
        for item in asset.representations:
            name = item.sha256.hex()
            if name not in lost:
                continue
            makings = found.setdefault(name, _Makings(held=f"{shown(path)} ({item.coding})"))
            if item is asset.identity or item.coding == "identity":
                makings.paths[path] = asset.sha384
            else:
                makings.job = asset.identity.sha256.hex(), asset.identity.size, item.coding
    return found


def _left(state: str, proof: Proof, names: _Names) -> _Names:
    """Give those of the blobs that are still wrong or absent."""
    now = take_stock(state).signatures() if names else {}
    return {name for name in names if name not in now or not proof.is_right(name, now[name])}


def _make(writer: Writer, tree: Tree, proof: Proof, makings: Mapping[str, _Makings]) -> None:
    files = {path: sha384 for made in makings.values() for path, sha384 in made.paths.items()}
    there = set(tree.names) if files else set()
    with Sources(tree.root) as sources, Blobs(writer.state, proof.sizes()) as blobs:
        for path, sha384 in files.items():
            if path in there:
                read(sources, tree.real(path), blobs, sha384)
    jobs = [made.job for made in makings.values() if made.job]
    lacking = _left(writer.state, proof, {name for name, _, _ in jobs})
    for _ in run(writer.state, [job for job in jobs if job[0] not in lacking], cores()):
        pass
    sync_blobs(writer.state, makings.keys() - _left(writer.state, proof, makings.keys()))


def _remove(state: str, names: _Names) -> None:
    """Remove wrong blobs; but one that only nobody may read was perhaps right."""
    with storing():
        for name in names:
            path = blob_path(state, name)
            if os.access(path, os.R_OK):
                os.unlink(path)


def _told(state: str, proof: Proof, makings: Mapping[str, _Makings], names: _Names) -> Iterator[_Lost]:
    """Say of each blob where it lies and what it held; of very many, how many more there are."""
    for name in islice(sorted(names, key=lambda name: makings[name].held), _MOST_TOLD):
        yield _Lost(blob_path(state, name), makings[name].held, name in proof.wrong)
    if len(names) > _MOST_TOLD:
        yield _Lost(state, f"{len(names) - _MOST_TOLD} more", bool(names & proof.wrong))


def _mended(lost: _Lost) -> Problem:
    return Problem(
        "blob-mended",
        f"stored bytes were {'damaged' if lost.was_there else 'gone'}, and are made again",
        where=lost.place,
        value=lost.held,
        hint="nothing is left to do; if it happens again, look after the disk",
        warning=True,
    )


def _unmended(lost: _Lost) -> Problem:
    return corrupt(lost.place, lost.held) if lost.was_there else _gone(lost)


def _removed(problem: Problem) -> Problem:
    return replace(
        problem,
        message="the catalog was damaged, and nothing says any more what was in it: the release is removed",
        hint="nothing is left to do; to have it again, restore its file from a backup",
        warning=True,
    )


def corrupt(place: str, held: str) -> Problem:
    """Tell of a blob that is not what its name says."""
    return Problem(
        "blob-corrupt",
        "stored bytes are damaged, and are not served",
        where=place,
        value=held,
        hint="put the file back as it was, then run cdnserve check --deep; or remove the release with cdnserve gc",
        warning=True,
    )


def _gone(lost: _Lost) -> Problem:
    return Problem(
        "blob-missing",
        "stored bytes of a release are gone",
        where=lost.place,
        value=lost.held,
        hint="put the file back as it was, then run cdnserve check --deep; or remove the release with cdnserve gc",
        warning=True,
    )

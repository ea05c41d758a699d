"""Repair: blobs that are damaged or gone are made again, of the files or of other blobs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

from cdnserve.display import printable
from cdnserve.errors import Problem
from cdnserve.files import set_aside
from cdnserve.release.blobs import Blobs, blob_file, decode_blob, read_blob, storing, sync_blobs, take_stock
from cdnserve.release.catalog import Catalog, Representation
from cdnserve.release.encode import Job, Results, encode_all
from cdnserve.release.immutable import FORGOTTEN, read_forgotten
from cdnserve.release.read import Sources, read
from cdnserve.release.scan import Tree
from cdnserve.release.state_files import HOLD_FILE, Hold, Proof, read_hold, record_damaged, write_hold
from cdnserve.release.store import REMOVED, Store
from cdnserve.release.writer import Writer

_MOST_TOLD = 10
BlobNames = Set[str]


@dataclass(frozen=True, slots=True)
class Mended:
    """What was damaged and is made again, and what can't be; all as warnings."""

    again: tuple[Problem, ...] = ()
    left: tuple[Problem, ...] = ()


@dataclass(slots=True)
class _Makings:
    """What a blob can be made of: files by logical path, with their sha384; its codings; or a blob to be coded."""

    paths: dict[str, bytes] = field(default_factory=dict)
    codings: list[Representation] = field(default_factory=list)
    jobs: tuple[Job, ...] = ()
    held: str = ""


@dataclass(frozen=True, slots=True)
class Lost:
    """A blob that was damaged, or gone: where it lies, and what it held."""

    place: str
    held: str
    was_there: bool


def mend(writer: Writer, tree: Tree, proof: Proof, expected: BlobNames) -> Mended:
    """Make again the blobs that the proof found wrong, and the expected ones that it did not find.

    What no release names is only removed, and so is what is wrong and can't be made again.
    """
    lost = proof.wrong | (expected - proof.found.keys())
    if not lost:
        return Mended()
    makings = look_up_makings(writer.store, lost, Results.load(writer.state))
    _make(writer, tree, proof, {name: makings[name] for name in _left(writer.state, proof, makings.keys())})
    left = _left(writer.state, proof, makings.keys())
    _remove(writer.state, _left(writer.state, proof, proof.wrong))
    again = lost_blobs(writer.state, proof, makings, makings.keys() - left)
    return Mended(tuple(map(_mended, again)), tuple(map(unmended, lost_blobs(writer.state, proof, makings, left))))


def look_up_makings(store: Store, lost: BlobNames, results: Results) -> dict[str, _Makings]:
    """Find what the lost blobs were, in the newest releases that name them."""
    found: dict[str, _Makings] = {}
    for catalog in store.whole(reversed(store.numbers())):
        found |= _named(catalog, lost - found.keys(), results)
        if found.keys() == lost:
            break
    return found


def _named(catalog: Catalog, lost: BlobNames, results: Results) -> dict[str, _Makings]:
    found: dict[str, _Makings] = {}
    for path, asset in catalog.assets.items():
        for item in asset.representations:
            name = item.sha256.hex()
            if name not in lost:
                continue
            makings = found.setdefault(name, _Makings(held=f"{printable(path)} ({item.coding})"))
            if item is asset.identity or item.coding == "identity":
                makings.paths[path] = asset.sha384
                makings.codings += asset.representations[1:]
            else:
                own = asset.identity
                makings.jobs = results.made(own.sha256, own.size, item.coding, (item.size, item.sha256))
    return found


def _left(state: str, proof: Proof, names: BlobNames) -> BlobNames:
    """Return those of the blobs that are still wrong or absent."""
    now = take_stock(state).signatures() if names else {}
    return {name for name in names if name not in now or not proof.is_right(name, now[name])}


def _make(writer: Writer, tree: Tree, proof: Proof, makings: Mapping[str, _Makings]) -> None:
    files = {path: sha384 for made in makings.values() for path, sha384 in made.paths.items()}
    there = set(tree.names) if files else set()
    with Sources(tree.root) as sources, Blobs(writer.state, proof.sizes()) as blobs:
        for path, sha384 in files.items():
            if path in there:
                read(sources, tree.real(path), blobs, sha384)
    with Blobs(writer.state) as blobs:
        for name in _left(writer.state, proof, makings.keys()):
            if octets := _decoded(writer.state, name, makings[name].codings):
                blobs.put(name, octets)
    jobs = [job for made in makings.values() for job in made.jobs]
    lacking = _left(writer.state, proof, {job.name for job in jobs})
    for _ in encode_all(writer.state, (job for job in jobs if job.name not in lacking)):
        pass
    sync_blobs(writer.state, makings.keys() - _left(writer.state, proof, makings.keys()))


def _decoded(state: str, name: str, codings: Iterable[Representation]) -> bytes | None:
    """Return the octets of a blob from one of its codings, `None` where none is right."""
    for item in codings:
        with suppress(OSError):
            return decode_blob(read_blob(state, item.sha256.hex()), name, item.coding)
    return None


def _remove(state: str, names: BlobNames) -> None:
    """Remove wrong blobs; but one that only nobody may read was perhaps right."""
    with storing():
        for name in names:
            path = blob_file(state, name)
            if os.access(path, os.R_OK):
                os.unlink(path)


def lost_blobs(state: str, proof: Proof, makings: Mapping[str, _Makings], names: BlobNames) -> Iterator[Lost]:
    """Yield where each blob lies and what it held; of very many, how many more there are."""
    for name in islice(sorted(names, key=lambda name: makings[name].held), _MOST_TOLD):
        yield Lost(blob_file(state, name), makings[name].held, name in proof.wrong)
    if len(names) > _MOST_TOLD:
        yield Lost(state, f"{len(names) - _MOST_TOLD} more", bool(names & proof.wrong))


def mend_records(writer: Writer, hold: Hold | None) -> list[Problem]:
    """Begin anew each record that no build makes and that can't be read; `hold` is what the rollback's has to say."""
    state, before = writer.state, read_hold(writer.state)
    highest = max(writer.next_number() - 1, before.number if before else 0, before.left if before else 0)
    whole = {
        HOLD_FILE: before is not None,
        REMOVED: writer.store.last_removed() > 0,
        FORGOTTEN: read_forgotten(state) is not None,
    }
    damaged = [f"{state}/{name}" for name, is_whole in whole.items() if not is_whole]
    damaged = [path for path in damaged if os.path.lexists(path)]
    with storing():
        for path in damaged:
            set_aside(path)
    if f"{state}/{REMOVED}" in damaged:
        writer.note_removed(highest)
    if hold:
        write_hold(state, hold)
        damaged.append(f"{state}/{HOLD_FILE}")
    return [record_damaged(path) for path in dict.fromkeys(damaged)]


def _mended(lost: Lost) -> Problem:
    return Problem(
        "blob-mended",
        f"stored bytes were {'damaged' if lost.was_there else 'gone'}, and are made again",
        where=lost.place,
        value=lost.held,
        hint="nothing is left to do; if it happens again, look after the disk",
        warning=True,
    )


def unmended(lost: Lost) -> Problem:
    """Return what to tell of a blob that could not be made again."""
    return corrupt(lost.place, lost.held) if lost.was_there else _gone(lost)


def corrupt(place: str, held: str) -> Problem:
    """Return the problem of a blob that is not what its name says."""
    return Problem(
        "blob-corrupt",
        "stored bytes are damaged, and are not served",
        where=place,
        value=held,
        hint="put the file back as it was, then run cdnserve check --deep; or remove the release with cdnserve gc",
        warning=True,
    )


def _gone(lost: Lost) -> Problem:
    return Problem(
        "blob-missing",
        "stored bytes of a release are gone",
        where=lost.place,
        value=lost.held,
        hint="put the file back as it was, then run cdnserve check --deep; or remove the release with cdnserve gc",
        warning=True,
    )

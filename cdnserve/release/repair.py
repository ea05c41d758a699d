"""Proving: which blobs are what their names say, and by which file signatures that is known without reading them.

Never believes a file that has changed since it was hashed, however it is named and however long it is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from itertools import islice
from zlib import crc32

from cdnserve.errors import Problem
from cdnserve.release.blobs import Blobs, Stock, blob_path, is_right, storing, sync_blobs, take_stock, write_state_file
from cdnserve.release.catalog import Catalog
from cdnserve.release.encode import Job, cores, run
from cdnserve.release.read import Sources, read
from cdnserve.release.scan import Signature, Tree, shown, unpack
from cdnserve.release.store import Store
from cdnserve.release.writer import BuildProgress, Built, Silence, Writer

_FILE = "proved"
# Raise it when blobs that an earlier version took for right have to be read again.
_MAGIC = b"cdnserve proved 1\n"
_SUM, _COUNT = 4, 8


@dataclass(frozen=True, slots=True)
class Proof:
    """The blobs that were there, and the names of those among them that are not what these say."""

    found: Mapping[str, Signature]
    wrong: frozenset[str]

    def sizes(self) -> dict[str, int]:
        """Return the size of each right blob."""
        return {name: signature[0] for name, signature in self.found.items() if name not in self.wrong}

    def is_right(self, name: str, now: Signature) -> bool:
        """Return whether a blob is right whose file has this signature now, when only builds have written meanwhile."""
        # A right one is not written again. Whatever else is new, or took a wrong one's place, was hashed as it came.
        was_right = name in self.found and name not in self.wrong
        return (self.found.get(name) == now) is was_right


def read_proved(state: str) -> bytes:
    """Read the packed names and signatures of the blobs that were found right; empty where that is lost."""
    try:
        with open(f"{state}/{_FILE}", "rb") as file:
            octets = file.read()
    except OSError:
        return b""
    whole = crc32(memoryview(octets)[_SUM:]).to_bytes(_SUM) == octets[:_SUM]
    start = _SUM + len(_MAGIC)
    return octets[start:] if whole and octets[_SUM:start] == _MAGIC else b""


def known_blobs(state: str) -> dict[str, Signature]:
    """Return the signatures by which blobs are known to be right."""
    proved = read_proved(state)
    count = int.from_bytes(proved[:_COUNT])
    return unpack(proved[_COUNT:], count) if count else {}


def are_proved(state: str) -> bool:
    """Return whether every blob that is there, and no other, is known to be right."""
    return _packed(take_stock(state)) == read_proved(state)


def prove(state: str, known: Mapping[str, Signature], progress: BuildProgress | None = None) -> Proof:
    """Read every blob that is not known by the signature of its file."""
    progress = progress or Silence()
    found = take_stock(state).signatures()
    doubtful = [name for name, signature in found.items() if known.get(name) != signature]
    if not doubtful:
        return Proof(found, frozenset())
    wrong = set()
    progress.start("proving", len(doubtful), sum(found[name][0] for name in doubtful))
    try:
        for name in doubtful:
            if not is_right(state, name):
                wrong.add(name)
            progress.advance(1, found[name][0])
    finally:
        progress.finish()
    return Proof(found, frozenset(wrong))


def note_proved(state: str, proof: Proof) -> None:
    """Write down what is known to be right, once all that was wrong has been replaced or removed."""
    right = {name: now for name, now in take_stock(state).signatures().items() if proof.is_right(name, now)}
    proved = _packed(Stock(list(right), [fact for signature in right.values() for fact in signature]))
    if proved != read_proved(state):
        rest = _MAGIC + proved
        write_state_file(state, _FILE, crc32(rest).to_bytes(_SUM) + rest)


def _packed(stock: Stock) -> bytes:
    return len(stock.names).to_bytes(_COUNT) + stock.packed()


_MOST_TOLD = 10
BlobNames = Set[str]


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
class Lost:
    """A blob that was damaged, or gone: where it lies, and what it held."""

    place: str
    held: str
    was_there: bool


def proved(writer: Writer, tree: Tree, progress: BuildProgress, work: Callable[[], Built]) -> Built:
    """Do the work of a build with blobs that were proved, and make again what it had no need of."""
    known = known_blobs(writer.state)
    proof = prove(writer.state, known, progress)
    writer.proved = proof.sizes()
    built = work()
    mended = mend(writer, tree, proof, known.keys())
    note_proved(writer.state, proof)
    return replace(built, damage=(*built.damage, *mended.again, *mended.left))


def mend(writer: Writer, tree: Tree, proof: Proof, expected: BlobNames) -> Mended:
    """Make again the blobs that the proof found wrong, and the expected ones that it did not find.

    What no release names is only removed, and so is what is wrong and can't be made again.
    """
    lost = proof.wrong | (expected - proof.found.keys())
    if not lost:
        return Mended()
    makings = look_up_makings(writer.store, lost)
    _make(writer, tree, proof, {name: makings[name] for name in _left(writer.state, proof, makings.keys())})
    left = _left(writer.state, proof, makings.keys())
    _remove(writer.state, _left(writer.state, proof, proof.wrong))
    again = lost_blobs(writer.state, proof, makings, makings.keys() - left)
    return Mended(tuple(map(_mended, again)), tuple(map(unmended, lost_blobs(writer.state, proof, makings, left))))


def look_up_makings(store: Store, lost: BlobNames) -> dict[str, _Makings]:
    """Find what the lost blobs were, in the newest releases that name them."""
    found: dict[str, _Makings] = {}
    for catalog in store.whole(reversed(store.numbers())):
        found |= _named(catalog, lost - found.keys())
        if found.keys() == lost:
            break
    return found


def _named(catalog: Catalog, lost: BlobNames) -> dict[str, _Makings]:
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
    jobs = [made.job for made in makings.values() if made.job]
    lacking = _left(writer.state, proof, {name for name, _, _ in jobs})
    for _ in run(writer.state, [job for job in jobs if job[0] not in lacking], cores()):
        pass
    sync_blobs(writer.state, makings.keys() - _left(writer.state, proof, makings.keys()))


def _remove(state: str, names: BlobNames) -> None:
    """Remove wrong blobs; but one that only nobody may read was perhaps right."""
    with storing():
        for name in names:
            path = blob_path(state, name)
            if os.access(path, os.R_OK):
                os.unlink(path)


def lost_blobs(state: str, proof: Proof, makings: Mapping[str, _Makings], names: BlobNames) -> Iterator[Lost]:
    """Say of each blob where it lies and what it held; of very many, how many more there are."""
    for name in islice(sorted(names, key=lambda name: makings[name].held), _MOST_TOLD):
        yield Lost(blob_path(state, name), makings[name].held, name in proof.wrong)
    if len(names) > _MOST_TOLD:
        yield Lost(state, f"{len(names) - _MOST_TOLD} more", bool(names & proof.wrong))


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
    """Tell of a blob that is not what its name says."""
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

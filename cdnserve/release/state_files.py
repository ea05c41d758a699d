"""What a build notes for the next one: the root as it was, the release that a rollback chose, the blobs that are right.

A note that is damaged or gone only costs time: files are read again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from zlib import crc32

from cdnserve.errors import Problem
from cdnserve.files import read_file
from cdnserve.manifest.files import Governing, read_governing
from cdnserve.release.blobs import Stock, is_right, take_stock, write_state_file
from cdnserve.release.scan import Signature, Tree, pack, unpack
from cdnserve.release.store import REMOVED, Store
from cdnserve.release.writer import BuildProgress, Silence

RESULTS = "results"
_INDEX_FILE = "index"
# Raise it when a release would come out differently from the same files.
_FORMAT = 6
_BEGINNING = b"[%d, " % _FORMAT
_SUM = 4


@dataclass(frozen=True, slots=True)
class FileIndex:
    """The signatures of all files under the root, packed, and what governs them.

    `settled` says that nothing was left to be told or done; `catalog` is the CRC-32 of the release's catalog as a file.
    Where the release lacks codings, `left` has the size that the results of encoders had then.
    """

    number: int
    settled: bool
    catalog: int
    count: int
    governing: Governing
    packed: bytes
    left: int | None = None

    @property
    def complete(self) -> bool:
        """Whether the release has all codings that it shall have."""
        return self.left is None

    def signatures(self) -> dict[str, Signature]:
        """Return the signature of each logical path."""
        return unpack(self.packed, self.count)


def make_index(
    number: int,
    catalog: Path,
    governing: Governing,
    signatures: dict[str, Signature],
    *,
    settled: bool,
    left: int | None = None,
) -> FileIndex:
    """Describe a root by the signatures of its files, and its release by the octets of its catalog."""
    packed = pack(list(signatures), [fact for facts in signatures.values() for fact in facts])
    return FileIndex(number, settled, sum_of(catalog) or 0, len(signatures), governing, packed, left)


def write_index(state: str, index: FileIndex) -> None:
    """Write the index: a sum over the rest, a line of JSON, then octets as they are compared."""
    governing = index.governing
    lengths = [len(governing.manifest), len(governing.lock)]
    facts = (index.number, index.settled, index.catalog, index.count, lengths, index.left)
    head = json.dumps([_FORMAT, *facts]).encode()
    rest = b"".join((head, b"\n", governing.manifest, governing.lock, index.packed))
    write_state_file(state, _INDEX_FILE, crc32(rest).to_bytes(_SUM) + rest)


def read_index(state: str) -> FileIndex | None:
    """Read the index, `None` where there is no whole one of this format."""
    try:
        octets = read_file(f"{state}/{_INDEX_FILE}")
    except OSError:
        return None
    if len(octets) <= _SUM or crc32(memoryview(octets)[_SUM:]).to_bytes(_SUM) != octets[:_SUM]:
        return None
    if not octets.startswith(_BEGINNING, _SUM):  # an index of another version, or another file of ours
        return None
    start = octets.index(b"\n", _SUM) + 1
    head = json.loads(octets[_SUM:start])
    _, number, settled, catalog, count, (manifest, lock), left = head
    middle, end = start + manifest, start + manifest + lock
    governing = Governing(octets[start:middle], octets[middle:end])
    return FileIndex(number, settled, catalog, count, governing, octets[end:], left)


def size_of_results(state: str) -> int:
    """Return the size of what is noted of encoders, which grows with each coding that is made."""
    try:
        return os.stat(f"{state}/{RESULTS}").st_size
    except OSError:
        return 0


def sum_of(path: Path) -> int | None:
    """Return the CRC-32 of a file, `None` where it can't be read."""
    try:
        return crc32(read_file(path))
    except OSError:
        return None


HOLD_FILE = "held"


@dataclass(frozen=True, slots=True)
class Hold:
    """The release to keep, the one that was left for it, and a fingerprint of the root as it was then.

    It means nothing once another release is current, so nobody has to take it away.
    """

    number: int
    left: int
    root: str


def fingerprint(tree: Tree) -> str:
    """Return a sha256 over names and signatures of all files, over the manifest and over its lock."""
    # Only who rolls back waits for what hashes.
    from hashlib import sha256  # noqa: PLC0415

    governing = read_governing(tree.root)
    digest = sha256()
    for octets in (tree.packed(), governing.manifest, governing.lock):
        digest.update(len(octets).to_bytes(8))
        digest.update(octets)
    return digest.hexdigest()


def read_hold(state: str) -> Hold | None:
    """Read the hold of the last rollback, `None` where there is no whole one."""
    try:
        hold = Hold(**json.loads(read_file(f"{state}/{HOLD_FILE}")))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    facts = (int, hold.number), (int, hold.left), (str, hold.root)
    return hold if all(type(fact) is kind for kind, fact in facts) else None


def write_hold(state: str, hold: Hold) -> None:
    """Write a hold; it begins to mean something when its release becomes the current one."""
    write_state_file(state, HOLD_FILE, json.dumps(asdict(hold)).encode() + b"\n")


def holds(state: str, current: int | None, tree: Tree) -> Hold | None:
    """Return the hold on the current release, if the root is still as it was when that was chosen."""
    hold = read_hold(state)
    return hold if hold and hold.number == current and hold.root == fingerprint(tree) else None


def lost_hold(store: Store, index: FileIndex | None, tree: Tree) -> Hold | None:
    """Return the hold of a rollback whose record is damaged or gone: as if it had just been made, `None` without one.

    The last build made a newer release than the current one; where that is lost too, but a record lies there, so did
    some build.
    """
    current, state = store.pointed(), str(store.state)
    if not current or read_hold(state):
        return None
    left = index.number if index else max(store.numbers(), default=0) * os.path.lexists(f"{state}/{HOLD_FILE}")
    return Hold(current, left, fingerprint(tree)) if left > current else None


def chosen(store: Store) -> int | None:
    """Return the current release; where the pointer names none, the one that a rollback chose last."""
    current = store.pointed()
    if store.holds(current):
        return current
    hold = read_hold(str(store.state))
    with suppress(OSError, ValueError):
        if hold and (store.state / HOLD_FILE).stat().st_mtime >= store.made(max(store.numbers())):
            return hold.number
    return None


def held(hold: Hold) -> Problem:
    """Return the warning that the files are not what is served."""
    return Problem(
        "release-held",
        f"release {hold.number} is current since it was rolled back from release {hold.left}",
        hint="a change in the root makes a new release, and so does cdnserve build",
        warning=True,
    )


_RECORDS: Mapping[str, str] = MappingProxyType(
    {
        HOLD_FILE: "a release that was rolled back to stays current until something in the root changes, or until you "
        "run cdnserve build",
        REMOVED: "nothing is left to do: numbers go on from the highest that is known",
        "forgotten": "promises hold again: where a build refuses a file (immutable-changed), run cdnserve forget again",
    }
)


def record_damaged(path: str) -> Problem:
    """Return the problem of a record that can't be read, and that no build makes again."""
    return Problem(
        "record-damaged",
        "a record in the state folder was damaged or gone, and begins anew; what lay there is kept beside it",
        where=path,
        hint=_RECORDS[os.path.basename(path)],
        warning=True,
    )


_PROVED_FILE = "proved"
# Raise it when blobs that an earlier version took for right have to be read again.
_MAGIC = b"cdnserve proved 1\n"
_COUNT = 8


@dataclass(frozen=True, slots=True)
class Proof:
    """The blobs that were there, and the names of those among them that are not what these say."""

    found: Mapping[str, Signature]
    wrong: frozenset[str]

    def sizes(self) -> dict[str, int]:
        """Return the size of each right blob."""
        return {name: signature[0] for name, signature in self.found.items() if name not in self.wrong}

    def after(self, changed: Mapping[str, Signature]) -> Proof:
        """Return the same once files of these blobs have been replaced by others that are as right."""
        return Proof({**self.found, **changed}, self.wrong)

    def is_right(self, name: str, now: Signature) -> bool:
        """Return whether a blob is right whose file has this signature now, when only builds have written meanwhile."""
        # A right one is not written again. Whatever else is new, or took a wrong one's place, was hashed as it came.
        was_right = name in self.found and name not in self.wrong
        return (self.found.get(name) == now) is was_right


def read_proved(state: str) -> bytes:
    """Read the packed names and signatures of the blobs that were found right; empty where that is lost."""
    try:
        octets = read_file(f"{state}/{_PROVED_FILE}")
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
        write_state_file(state, _PROVED_FILE, crc32(rest).to_bytes(_SUM) + rest)


def _packed(stock: Stock) -> bytes:
    return len(stock.names).to_bytes(_COUNT) + stock.packed()

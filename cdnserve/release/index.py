"""The index: what the root looked like when the last release was made, so that most builds end early.

Never decides what is public: a damaged or absent index only means that files are read again.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from cdnserve.manifest.governing import LOCK, MANIFEST
from cdnserve.release.blobs import replace_file
from cdnserve.release.scan import Signature, pack, unpack

_FILE = "index"
# Raise it when a release would come out differently from the same files.
_FORMAT = 4
_BEGINNING = b"[%d, " % _FORMAT
_SUM = 4


@dataclass(frozen=True, slots=True)
class Governing:
    """The octets of the manifest and of its lock, empty where there is none.

    Kept whole: comparing them is faster than hashing them, and loading what hashes is slower than both.
    """

    manifest: bytes
    lock: bytes


@dataclass(frozen=True, slots=True)
class Index:
    """The signatures of all files under the root, packed, and what governs them.

    `settled` says that nothing was left to be told or done; `catalog` is the CRC-32 of the release's catalog as a file.
    """

    number: int
    settled: bool
    catalog: int
    count: int
    governing: Governing
    packed: bytes

    def signatures(self) -> dict[str, Signature]:
        """Give the signature of each logical path."""
        return unpack(self.packed, self.count)


def make_index(
    number: int, catalog: Path, governing: Governing, signatures: dict[str, Signature], *, settled: bool
) -> Index:
    """Describe a root by the signatures of its files, and its release by the octets of its catalog."""
    packed = pack(list(signatures), [fact for facts in signatures.values() for fact in facts])
    return Index(number, settled, sum_of(catalog) or 0, len(signatures), governing, packed)


def write_index(state: str, index: Index) -> None:
    """Write the index: a sum over the rest, a line of JSON, then octets as they are compared."""
    governing = index.governing
    lengths = [len(governing.manifest), len(governing.lock)]
    head = json.dumps([_FORMAT, index.number, index.settled, index.catalog, index.count, lengths]).encode()
    rest = b"".join((head, b"\n", governing.manifest, governing.lock, index.packed))
    replace_file(state, _FILE, crc32(rest).to_bytes(_SUM) + rest)


def read_index(state: str) -> Index | None:
    """Read the index, `None` where there is no whole one of this format."""
    try:
        with open(f"{state}/{_FILE}", "rb") as file:
            octets = file.read()
    except OSError:
        return None
    if len(octets) <= _SUM or crc32(memoryview(octets)[_SUM:]).to_bytes(_SUM) != octets[:_SUM]:
        return None
    if not octets.startswith(_BEGINNING, _SUM):  # an index of another version, or another file of ours
        return None
    start = octets.index(b"\n", _SUM) + 1
    head = json.loads(octets[_SUM:start])
    _, number, settled, catalog, count, (manifest, lock) = head
    middle, end = start + manifest, start + manifest + lock
    governing = Governing(octets[start:middle], octets[middle:end])
    return Index(number, settled, catalog, count, governing, octets[end:])


def sum_of(path: Path) -> int | None:
    """Give the CRC-32 of a file, `None` where it can't be read."""
    try:
        return crc32(path.read_bytes())
    except OSError:
        return None


def read_governing(root: str) -> Governing:
    """Read manifest and lock."""
    return Governing(_octets(f"{root}/{MANIFEST}"), _octets(f"{root}/{LOCK}"))


def _octets(path: str) -> bytes:
    # Opening a FIFO would wait for ever.
    if not os.path.isfile(path):
        return b""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""

"""Proving: which blobs are what their names say, and by which file signatures that is known without reading them.

Never believes a file that has changed since it was hashed, however it is named and however long it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from zlib import crc32

from cdnserve.release.blobs import Stock, is_right, replace_file, take_stock
from cdnserve.release.progress import Progress, Silence
from cdnserve.release.scan import Signature, unpack

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
        """Give the size of each right blob."""
        return {name: signature[0] for name, signature in self.found.items() if name not in self.wrong}

    def is_right(self, name: str, now: Signature) -> bool:
        """Tell whether a blob is right whose file has this signature now, when only builds have written meanwhile."""
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
    """Give the signatures by which blobs are known to be right."""
    proved = read_proved(state)
    count = int.from_bytes(proved[:_COUNT])
    return unpack(proved[_COUNT:], count) if count else {}


def are_proved(state: str) -> bool:
    """Tell whether every blob that is there, and no other, is known to be right."""
    return _packed(take_stock(state)) == read_proved(state)


def prove(state: str, known: Mapping[str, Signature], progress: Progress | None = None) -> Proof:
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
        replace_file(state, _FILE, crc32(rest).to_bytes(_SUM) + rest)


def _packed(stock: Stock) -> bytes:
    return len(stock.names).to_bytes(_COUNT) + stock.packed()

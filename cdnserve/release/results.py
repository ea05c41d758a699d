"""Results: what each encoder made of each blob, in this release and in all earlier ones.

Never asks which file a blob came from: the same octets are encoded once, under however many paths they lie.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from cdnserve.release.blobs import replace_file
from cdnserve.release.catalog import Representation
from cdnserve.release.encode import ENCODERS, Coded, ContentCoding, Job, Result

_Known = dict[bytes, Coded | None]
_FILE = "results"


class Results:
    """Results by encoder and by the sha256 of what was encoded; those of other encoders are kept aside."""

    def __init__(self, known: dict[str, _Known], encoders: Mapping[ContentCoding, str] = ENCODERS) -> None:
        self._known = known
        self._current: dict[ContentCoding, _Known] = {
            coding: known.setdefault(encoder, {}) for coding, encoder in encoders.items()
        }

    @classmethod
    def load(cls, state: str) -> Results:
        """Read the results of earlier builds; none where they are lost or damaged, which only costs time."""
        try:
            return cls(msgspec.msgpack.decode(Path(state, _FILE).read_bytes(), type=dict[str, _Known]))
        except (OSError, msgspec.DecodeError):
            return cls({})

    def save(self, state: str) -> None:
        """Write all results for builds to come."""
        replace_file(state, _FILE, msgspec.msgpack.encode(self._known))

    def add(self, results: Iterable[Result]) -> None:
        """Remember what encoders gave."""
        for name, coding, coded in results:
            self._current[coding][bytes.fromhex(name)] = coded

    def jobs(self, sizes: Mapping[bytes, int], there: Mapping[str, int]) -> Iterator[Job]:
        """Yield what is left to encode of these blobs, when those `there` are right, each of so many octets."""
        for coding, known in self._current.items():
            for sha256, size in sizes.items():
                coded = known.get(sha256)
                if sha256 not in known or (coded and there.get(coded[1].hex()) != coded[0]):
                    yield sha256.hex(), size, coding

    def representations(self, sha256: bytes) -> tuple[Representation, ...]:
        """Give the content codings of a blob that are worth it, from small to large."""
        coded = ((coding, known.get(sha256)) for coding, known in self._current.items())
        found = [Representation(coding, *result) for coding, result in coded if result]
        return tuple(sorted(found, key=lambda representation: (representation.size, representation.coding)))

"""The governing files: the manifest and its lock, by name, and the right to change them."""

from __future__ import annotations

import os
from dataclasses import dataclass

MANIFEST = "manifest.toml"
LOCK = "manifest.lock"


@dataclass(frozen=True, slots=True)
class Governing:
    """The octets of the manifest and of its lock, empty where there is none.

    Kept whole: comparing them is faster than hashing them, and loading what hashes is slower than both.
    """

    manifest: bytes
    lock: bytes

    def difference(self, other: Governing) -> tuple[str, ...]:
        """Name the files that differ."""
        pairs = ((MANIFEST, self.manifest, other.manifest), (LOCK, self.lock, other.lock))
        return tuple(name for name, mine, others in pairs if mine != others)


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

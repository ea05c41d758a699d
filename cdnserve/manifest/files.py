"""The governing files: the manifest and its lock, by name, and the right to change them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cdnserve.files import lock, remove_drafts

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


@contextlib.contextmanager
def changing(root: Path) -> Iterator[None]:
    """Hold the right to change the governing files of a root: whoever reads one to write it anew must have it.

    Waits for its turn. What a writer that was killed left half done is removed.
    """
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # A file system that can't lock a folder is one that no two commands should share anyway.
        with contextlib.suppress(OSError):
            lock(descriptor, wait=True)
            remove_drafts(root, (MANIFEST, LOCK))
        yield
    finally:
        os.close(descriptor)


def _octets(path: str) -> bytes:
    # Opening a FIFO would wait for ever.
    if not os.path.isfile(path):
        return b""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""

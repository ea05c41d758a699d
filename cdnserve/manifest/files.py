"""The governing files: the manifest and its lock, by name, and the right to change them."""

from __future__ import annotations

import os
import shlex
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cdnserve.display import alike

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


def missing_hint(root: Path) -> str:
    """Return a hint for a root that is absent or has no manifest: a likely slip, else the command that writes one."""
    if root.is_file():
        return f"this is a file: name the folder that it lies in, {root.parent}"
    if not root.is_dir() and (near := alike(root.name, _folders(root.parent))):
        return f"did you mean {root.parent / near[0]}?"
    if (beside := Path(os.path.abspath(root)).parent / MANIFEST).is_file():
        return f"{beside} governs its own folder: name that as ROOT, or move the manifest into {root}"
    return f"write a first manifest: cdnserve init {shlex.quote(str(root))}"


def _folders(folder: Path) -> list[str]:
    with suppress(OSError):
        return [entry.name for entry in os.scandir(folder) if entry.is_dir()]
    return []


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

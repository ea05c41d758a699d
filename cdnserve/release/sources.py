"""Sources: one read of each file under the root gives its digests and its stored bytes.

Never opens what a symbolic link stands for, and never waits for a FIFO: the scan was a moment ago.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from hashlib import sha256, sha384, sha512
from types import TracebackType

from cdnserve.errors import Problem
from cdnserve.release.blobs import Blobs, Draft
from cdnserve.release.scan import Signature, shown, signature

# Files up to this size are held in memory for a moment, larger ones pass through it piece by piece.
CHUNK = 1 << 20
_ATTEMPTS = 3
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC
# What a file that was replaced by something else since the scan answers to being opened.
_REPLACED = (errno.ELOOP, errno.ENOTDIR, errno.ENXIO)
_DENIED = (errno.EACCES, errno.EPERM)


@dataclass(frozen=True, slots=True)
class Content:
    """What one read of a file gave: digests as octets, and the signature that the file had then."""

    sha256: bytes
    sha384: bytes
    sha512: bytes
    signature: Signature

    @property
    def size(self) -> int:
        """The number of octets."""
        return self.signature[0]


class Sources:
    """Opens files below the root, each folder on the way by itself and never through a symbolic link.

    Files that follow each other should share a folder: the last one is kept open.
    """

    def __init__(self, root: str) -> None:
        self._root = os.open(root, _FOLDER)
        self._folder = ""
        self._descriptor = self._root

    def __enter__(self) -> Sources:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._leave()
        os.close(self._root)

    def open(self, path: str) -> int:
        """Open a file by its path below the root, for reading; gives the descriptor."""
        folder, _, name = path.rpartition("/")
        if folder != self._folder:
            self._enter(folder)
        return os.open(name, _FILE, dir_fd=self._descriptor)

    def _enter(self, folder: str) -> None:
        self._leave()
        descriptor = self._root
        for part in folder.split("/") if folder else ():
            try:
                inner = os.open(part, _FOLDER, dir_fd=descriptor)
            finally:
                if descriptor != self._root:
                    os.close(descriptor)
            descriptor = inner
        self._folder, self._descriptor = folder, descriptor

    def _leave(self) -> None:
        if self._descriptor != self._root:
            os.close(self._descriptor)
        self._folder, self._descriptor = "", self._root


def read(
    sources: Sources, path: str, blobs: Blobs | None = None, promised: bytes | None = None
) -> Content | Problem | None:
    """Read a file once, by its path below the root; `None` when it is gone.

    The bytes go to `blobs`, but not when their sha384 differs from the `promised` one. A file that changes while
    it is read is read again, a few times.
    """
    try:
        for _ in range(_ATTEMPTS):
            descriptor = sources.open(path)
            try:
                if content := _take(descriptor, blobs, promised):
                    return content
            finally:
                os.close(descriptor)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno not in _REPLACED:
            return _unreadable(path, error)
    return _unstable(path)


def probe(sources: Sources, path: str) -> Problem | None:
    """Tell what would keep a file from being read, by opening it."""
    try:
        os.close(sources.open(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        return _unstable(path) if error.errno in _REPLACED else _unreadable(path, error)
    return None


def _take(descriptor: int, blobs: Blobs | None, promised: bytes | None) -> Content | None:
    before = os.fstat(descriptor)
    if not stat.S_ISREG(before.st_mode):
        return None
    take = _take_whole if before.st_size <= CHUNK else _take_in_pieces
    return take(descriptor, signature(before), blobs, promised)


def _take_whole(descriptor: int, before: Signature, blobs: Blobs | None, promised: bytes | None) -> Content | None:
    octets = os.read(descriptor, before[0] + 1)
    if len(octets) != before[0] or signature(os.fstat(descriptor)) != before:
        return None
    content = Content(sha256(octets).digest(), sha384(octets).digest(), sha512(octets).digest(), before)
    if blobs and promised in (None, content.sha384):
        blobs.put(content.sha256.hex(), octets)
    return content


def _take_in_pieces(descriptor: int, before: Signature, blobs: Blobs | None, promised: bytes | None) -> Content | None:
    if not blobs:
        return _digest(descriptor, before, None)
    with Draft(blobs) as draft:
        content = _digest(descriptor, before, draft)
        if content and promised in (None, content.sha384):
            draft.keep(content.sha256.hex())
    return content


def _digest(descriptor: int, before: Signature, draft: Draft | None) -> Content | None:
    hashes = sha256(), sha384(), sha512()
    length = 0
    # A file that grows as fast as it is read would otherwise be read for ever.
    while length <= before[0] and (chunk := os.read(descriptor, CHUNK)):
        length += len(chunk)
        for algorithm in hashes:
            algorithm.update(chunk)
        if draft:
            draft.write(chunk)
    if length != before[0] or signature(os.fstat(descriptor)) != before:
        return None
    digests = [algorithm.digest() for algorithm in hashes]
    return Content(digests[0], digests[1], digests[2], before)


def _unreadable(path: str, error: OSError) -> Problem:
    return Problem(
        "file-unreadable",
        "left out: the file can't be read" if error.errno in _DENIED else "reading the file failed",
        where=shown(path),
        value=error.strerror or "",
        hint="let the user that builds read it" if error.errno in _DENIED else "look after the disk, then build again",
        warning=error.errno in _DENIED,
    )


def _unstable(path: str) -> Problem:
    return Problem(
        "file-unstable",
        "the file was changed or replaced while it was read",
        where=shown(path),
        hint="build again once nothing writes there",
    )

"""Sources: one read of each file under the root gives its digests and its stored bytes.

Never opens what was swapped in since the scan, a symbolic link or a FIFO.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256, sha384, sha512
from types import TracebackType

from cdnserve.display import printable
from cdnserve.errors import Problem
from cdnserve.release.blobs import Blobs, Draft
from cdnserve.release.scan import Signature, signature
from cdnserve.rules.charsets import Charset, CharsetReader, Form, look

# Files up to this size are held in memory for a moment, larger ones pass through it piece by piece.
CHUNK = 1 << 20
SETTLING_SECONDS = 1
"""For how long a file must have been as it is, where nothing else says that it is not being written."""
_ATTEMPTS = 3
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC
# What a file that was replaced by something else since the scan answers to being opened.
_REPLACED = (errno.ELOOP, errno.ENOTDIR, errno.ENXIO)
_DENIED = (errno.EACCES, errno.EPERM)
# A network file system refuses a lease for reasons of its own; these refuse it only while somebody writes.
_LOCAL = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "tmpfs", "overlay"})
_MOUNTS = "/proc/self/mountinfo"


@dataclass(frozen=True, slots=True)
class FileContent:
    """What one read of a file gave: digests as octets, the signature that it had then, and how its octets look."""

    sha256: bytes
    sha384: bytes
    sha512: bytes
    signature: Signature
    looks: Charset | None = None

    @property
    def size(self) -> int:
        """The number of octets."""
        return self.signature[0]

    @property
    def form(self) -> Form | None:
        """The form of the octets, `None` where nobody looked."""
        return self.looks.form if self.looks else None


class Sources:
    """Opens files below the root, each folder on the way by itself and never through a symbolic link.

    Files that follow each other should share a folder: the last one is kept open.
    """

    def __init__(self, root: str) -> None:
        self._root = os.open(root, _FOLDER)
        self._folder = ""
        self._descriptor = self._root
        self._local: frozenset[int] | None = None

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

    def is_written(self, descriptor: int) -> bool | None:
        """Return whether anybody has a file open for writing, or mapped so; `None` where the system doesn't say.

        A lease for reading is given only while nobody has (fcntl(2)), to the file's owner and to root.
        """
        if not hasattr(fcntl, "F_SETLEASE"):
            return None
        # Who opens it in that very moment waits until the lease is given back; SIGIO would end this process.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        try:
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        except OSError as error:
            if self._local is None:
                self._local = _local_devices()
            return True if error.errno == errno.EAGAIN and os.fstat(descriptor).st_dev in self._local else None
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        return False

    def is_quiet(self, path: str, read: Signature) -> bool | None:
        """Return whether a file is as it was read, and nobody writes it; `None` where only the first is sure."""
        try:
            descriptor = self.open(path)
        except OSError:
            return False
        try:
            is_written = self.is_written(descriptor)
            if is_written or _has_moved(descriptor, read):
                return False
            return None if is_written is None else True
        finally:
            os.close(descriptor)

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
    sources: Sources,
    path: str,
    blobs: Blobs | None = None,
    promised: bytes | None = None,
    *,
    quiet: Signature | None = None,
) -> FileContent | Problem | None:
    """Read a file once, by its path below the root; `None` when it is gone.

    The bytes go to `blobs`, but not when their sha384 differs from the `promised` one. A file that changes while
    it is read is read again, a few times; but where a signature is given that it had while it was `quiet`, it must
    have that one still, and nobody may be writing it.
    """
    try:
        for _ in range(_ATTEMPTS):
            descriptor = sources.open(path)
            try:
                if quiet and (_has_moved(descriptor, quiet) or sources.is_written(descriptor)):
                    return unstable(path)
                if content := _take(descriptor, blobs, promised):
                    return content
            finally:
                os.close(descriptor)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno not in _REPLACED:
            return _unreadable(path, error)
    return unstable(path)


def probe(sources: Sources, path: str) -> Problem | None:
    """Return what would keep a file from being read, by opening it."""
    try:
        os.close(sources.open(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        return unstable(path) if error.errno in _REPLACED else _unreadable(path, error)
    return None


def _has_moved(descriptor: int, before: Signature) -> bool:
    """Return whether size or mtime is another; some network file systems give other inode numbers at each look."""
    return signature(os.fstat(descriptor))[:2] != before[:2]


def still_written(root: str, paths: Iterable[str]) -> bool:
    """Return whether all of these files, by their paths below the root, are known to be open for writing."""
    with Sources(root) as sources:
        for path in paths:
            try:
                descriptor = sources.open(path)
            except OSError:
                return False
            try:
                if not sources.is_written(descriptor):
                    return False
            finally:
                os.close(descriptor)
    return True


def _local_devices() -> frozenset[int]:
    """Return the device numbers of the file systems of this machine (proc_pid_mountinfo(5)); none if unknown."""
    try:
        with open(_MOUNTS, encoding="utf-8", errors="replace") as file:
            mounts = [line.split(" ") for line in file]
    except OSError:
        return frozenset()
    local = (fields[2].split(":") for fields in mounts if fields[fields.index("-") + 1] in _LOCAL)
    return frozenset(os.makedev(int(major), int(minor)) for major, minor in local)


def _take(descriptor: int, blobs: Blobs | None, promised: bytes | None) -> FileContent | None:
    before = os.fstat(descriptor)
    if not stat.S_ISREG(before.st_mode):
        return None
    take = _take_whole if before.st_size <= CHUNK else _take_in_pieces
    return take(descriptor, signature(before), blobs, promised)


def _take_whole(descriptor: int, before: Signature, blobs: Blobs | None, promised: bytes | None) -> FileContent | None:
    octets = os.read(descriptor, before[0] + 1)
    if len(octets) != before[0] or signature(os.fstat(descriptor)) != before:
        return None
    digests = sha256(octets).digest(), sha384(octets).digest(), sha512(octets).digest()
    content = FileContent(*digests, before, look(octets))
    if blobs and promised in (None, content.sha384):
        blobs.put(content.sha256.hex(), octets)
    return content


def _take_in_pieces(
    descriptor: int, before: Signature, blobs: Blobs | None, promised: bytes | None
) -> FileContent | None:
    if not blobs:
        return _digest(descriptor, before, None)
    with Draft(blobs) as draft:
        content = _digest(descriptor, before, draft)
        if content and promised in (None, content.sha384):
            draft.keep(content.sha256.hex())
    return content


def _digest(descriptor: int, before: Signature, draft: Draft | None) -> FileContent | None:
    hashes = sha256(), sha384(), sha512()
    looking = CharsetReader()
    length = 0
    # A file that grows as fast as it is read would otherwise be read for ever.
    while length <= before[0] and (chunk := os.read(descriptor, CHUNK)):
        length += len(chunk)
        for algorithm in hashes:
            algorithm.update(chunk)
        looking.update(chunk)
        if draft:
            draft.write(chunk)
    if length != before[0] or signature(os.fstat(descriptor)) != before:
        return None
    digests = [algorithm.digest() for algorithm in hashes]
    return FileContent(digests[0], digests[1], digests[2], before, looking.result())


def _unreadable(path: str, error: OSError) -> Problem:
    return Problem(
        "file-unreadable",
        "left out: the file can't be read" if error.errno in _DENIED else "reading the file failed",
        where=printable(path),
        value=error.strerror or "",
        hint="let the user that builds read it" if error.errno in _DENIED else "look after the disk, then build again",
        warning=error.errno in _DENIED,
    )


def unstable(path: str) -> Problem:
    """Return the problem of a file that is being written, so that nobody knows what it will be."""
    return Problem(
        "file-unstable",
        "the file is being written: it changed while it was read, or somebody has it open for writing",
        where=printable(path),
        hint="build again once nothing writes there",
    )

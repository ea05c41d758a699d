"""A replica's blobs: fetched from the store on first use, and kept in its state folder within bounds.

Nothing gets its name before all of it has come and is found right. Who fetches holds a lock that has the blob's name,
so that the store is asked once for all workers; who sends a blob locks that, so that it stays.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

from cdnserve.files import NewFile, lock, open_file
from cdnserve.release.blobs import blob_path, remove_state_file, take_stock
from cdnserve.release.catalog import Representation
from cdnserve.release.scan import Signature, signature

Fetch = Callable[[Representation], Iterator[bytes]]
"""What yields a blob piece by piece; raises ConfigurationError, at the latest in the end, unless it is right."""

# What is free after room was made, as a part of the whole: so that it is not made for each blob.
_PART = 8
_FULL = (errno.ENOSPC, errno.EDQUOT)
# A draft that nobody has written for so long is of a process that was killed.
_ABANDONED_SECONDS = 3600.0


class BlobCache:
    """The blobs of a replica, as one of `processes` uses them that share `limit` octets of room."""

    def __init__(self, state: str, fetch: Fetch, limit: int, processes: int = 1) -> None:
        self.used: dict[str, float] = {}  # when, by name, in seconds since 1970; as far as this process knows
        self.in_memory: Callable[[], Iterable[bytes]] = tuple  # digests of what this process answers without a read
        self.is_closed = False
        self._state = state
        self._fetch = fetch
        self._room = limit - limit // _PART
        self._share = limit // _PART // processes
        self._added = self._share  # since room was made
        self._making_room = threading.Lock()

    def has(self, item: Representation) -> bool:
        """Return whether a blob is here, in its size."""
        try:
            return os.stat(blob_path(self._state, item.sha256.hex())).st_size == item.size
        except OSError:
            return False

    def bring(self, item: Representation) -> Signature | None:
        """Fetch a blob unless it is here; return the signature of the file that was found right.

        Raises ConfigurationError for a store that does not give it, and OSError where it can't be kept.
        """
        try:
            return self._bring(item)
        except OSError as error:
            if error.errno not in _FULL:
                raise
        # The disk is smaller than what may be kept, or others fill it.
        with self._making_room:
            self._remove_least_used(item.size, is_full=True)
        return self._bring(item)

    def _bring(self, item: Representation) -> Signature | None:
        name = item.sha256.hex()
        os.makedirs(os.path.dirname(blob_path(self._state, name)), exist_ok=True)
        with _alone(f"{self._state}/drafts/{name}.lock"):
            if self.has(item):
                return None
            self._make_room(item.size)
            return self._download(item)

    def _download(self, item: Representation) -> Signature:
        draft = NewFile(f"{self._state}/drafts/{os.urandom(16).hex()}.part")
        try:
            for piece in self._fetch(item):
                draft.write(piece)
                if self.is_closed:
                    raise OSError("the server is ending")
            os.replace(draft.path, blob_path(self._state, item.sha256.hex()))
            # Not before: to be renamed changes a file's signature.
            found = signature(os.fstat(draft.descriptor))
        except BaseException:
            draft.remove()
            raise
        os.close(draft.descriptor)
        self.used[item.sha256.hex()] = time.time()
        return found

    def _make_room(self, size: int) -> None:
        """Remove what was used least lately, once this process has added its share since the last time."""
        with self._making_room:
            self._added += size
            if self._added > self._share:
                self._remove_least_used(size)
                self._added = size

    def _remove_least_used(self, size: int, *, is_full: bool = False) -> None:
        with _waited_for(os.open(f"{self._state}/blobs", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)):
            there = take_stock(self._state).signatures()
            self.used |= dict.fromkeys((digest.hex() for digest in self.in_memory()), time.time())
            # A copy is made at once: the event loop notes uses meanwhile.
            self.used = {name: when for name, when in self.used.copy().items() if name in there}
            total = sum(now[0] for now in there.values())
            excess = total + size - (min(self._room, total - total // _PART) if is_full else self._room)
            for name in sorted(there, key=lambda name: max(self.used.get(name, 0.0), there[name][1] / 1e9)):
                if excess <= 0:
                    break
                excess -= self._remove(name)

    def _remove(self, name: str) -> int:
        """Remove a blob unless somebody sends it; return how many octets went."""
        path = blob_path(self._state, name)
        with suppress(OSError):
            descriptor = open_file(path)
            try:
                if _is_unused(descriptor):
                    os.unlink(path)
                    self.used.pop(name, None)
                    return os.fstat(descriptor).st_size
            finally:
                os.close(descriptor)
        return 0


def _is_unused(descriptor: int) -> bool:
    try:
        return lock(descriptor)
    except OSError:  # where nothing locks, nobody knows; but room has to be made, and who has it open reads on
        return True


@contextmanager
def _alone(path: str) -> Iterator[None]:
    """Hold a lock that has a file of its own, which is there only meanwhile."""
    while True:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        with _waited_for(descriptor):
            # Who held it before has removed it: others hold, or will hold, the one that is there now.
            if not _is_at(descriptor, path):
                continue
            try:
                yield
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(path)
            return


def _is_at(descriptor: int, path: str) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    return False


@contextmanager
def _waited_for(descriptor: int) -> Iterator[None]:
    try:
        with suppress(OSError):  # where nothing locks, the store may be asked twice
            lock(descriptor, wait=True)
        yield
    finally:
        os.close(descriptor)


def remove_abandoned(state: str) -> None:
    """Remove what fetches that were killed have left."""
    for name in os.listdir(f"{state}/drafts"):
        path = f"{state}/drafts/{name}"
        with suppress(OSError):
            if os.stat(path).st_mtime < time.time() - _ABANDONED_SECONDS:
                remove_state_file(path)

"""Blobs: content-addressed octets in the state folder, each written once and whole.

Never believes a name: it is the sha256 of what the file shall hold, and disks and people change files. A blob that few
ask for may lie there only coded, in a file of its name and `.br`; who reads it through this module need not know.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType

from cdnserve.files import NewFile, open_file, replace_file, set_aside, sync_folder
from cdnserve.release.scan import Signature, pack, signature, unpack

# So many are synced together: one journal commit of the file system then serves them all.
_BATCH = 128
_DRAFT = re.compile(r"[0-9a-f]{32}\.part")
# Of those who encode beside the one builder.
_DRAFT_BESIDE = re.compile(r"[0-9a-f]{32}\.beside")
_CHUNK = 1 << 18
CODED = ".br"
"""What the name of a file ends with that is a blob under that coding."""
LARGEST_CODED = 1 << 20
"""The octets, decoded, of the largest blob that may lie there only coded: it is decoded each time it is asked for."""
_NAME = 64  # the length of a sha256 in hexadecimal
_LENGTHS = (_NAME, _NAME + len(CODED))


class StoreError(Exception):
    """The state folder could not be written; `error` says why."""

    def __init__(self, error: OSError) -> None:
        self.error = error
        super().__init__(str(error))


@contextmanager
def storing() -> Iterator[None]:
    """Raise `StoreError` for failures of the state folder, to tell them from those of the files that are read."""
    try:
        yield
    except OSError as error:
        raise StoreError(error) from error


def blob_path(state: str, name: str) -> str:
    """Return where the blob lies whose sha256 is `name`, in hexadecimal.

    >>> blob_path("/state", "ab" * 32)[:17]
    '/state/blobs/ab/a'
    """
    return f"{state}/blobs/{name[:2]}/{name}"


def blob_file(state: str, name: str) -> str:
    """Return the file that a blob is read from, which need not be there."""
    path = blob_path(state, name)
    return path + CODED if not os.path.lexists(path) and os.path.lexists(path + CODED) else path


def decode_blob(coded: bytes, name: str, coding: str = "br") -> bytes:
    """Return the octets of a blob from one of its codings, proved right; raise OSError where it is damaged."""
    # A build that finds nothing changed does not wait for what decodes and hashes.
    from hashlib import sha256  # noqa: PLC0415

    from cdnserve.decode import OversizeError, UndecodableError, decoded  # noqa: PLC0415

    try:
        octets = decoded([coded], coding, LARGEST_CODED)
    except (UndecodableError, OversizeError) as error:
        raise OSError("the blob is damaged") from error
    if sha256(octets).hexdigest() != name:
        raise OSError("the blob is damaged")
    return octets


def read_coded(state: str, name: str) -> bytes:
    """Read and decode a blob that lies there only coded; the octets are proved right. Raises OSError."""
    with open(open_file(blob_path(state, name) + CODED), "rb") as file:
        return decode_blob(file.read(LARGEST_CODED + 1), name)


def blob_pieces(state: str, name: str, size: int = _CHUNK) -> Iterator[bytes]:
    """Yield a blob in pieces of so many octets, right or not; all of it at once where it is decoded. Raises OSError."""
    try:
        descriptor = open_file(blob_path(state, name))
    except FileNotFoundError:
        yield read_coded(state, name)
        return
    with open(descriptor, "rb") as file:
        while octets := file.read(size):
            yield octets


def read_blob(state: str, name: str) -> bytes:
    """Read a blob, right or not. Raises OSError."""
    return b"".join(blob_pieces(state, name))


def is_right(state: str, name: str, pace: Callable[[int], None] | None = None) -> bool:
    """Return whether the blob of this name holds the octets that it shall hold; reads all of it.

    `pace` is told of each piece, and may take its time.
    """
    # A build that finds nothing changed does not wait for what hashes.
    from hashlib import sha256  # noqa: PLC0415

    digest = sha256()
    try:
        for octets in blob_pieces(state, name):
            digest.update(octets)
            if pace:
                pace(len(octets))
    except OSError:
        return False
    return digest.hexdigest() == name


@dataclass(frozen=True, slots=True)
class Stock:
    """The blobs that are there: their names, and the signatures of their files, four numbers each.

    Those that are `coded` lie there only so.
    """

    names: list[str]
    facts: list[int]
    coded: set[str] = field(default_factory=set)

    def packed(self) -> bytes:
        """Return all as octets, equal when and only when no file has changed."""
        return pack(self.names, self.facts)

    def signatures(self) -> dict[str, Signature]:
        """Return the signature of each blob's file."""
        return unpack(self.packed(), len(self.names)) if self.names else {}

    def sizes(self) -> dict[str, int]:
        """Return the size of each blob's file."""
        return dict(zip(self.names, self.facts[::4], strict=True))


def take_stock(state: str) -> Stock:
    """List the blobs, in whatever order the folders have them."""
    stock = Stock([], [])
    try:
        folders = os.listdir(f"{state}/blobs")
    except OSError:
        return stock
    for folder in folders:
        # What can't be listed can't be relied on either; whoever needs it finds that it is not there.
        with suppress(OSError):
            _list_folder(f"{state}/blobs/{folder}", folder, stock)
    return stock


def _list_folder(path: str, folder: str, stock: Stock) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with os.scandir(descriptor) as entries:
            _sort(folder, stock, entries)
    finally:
        os.close(descriptor)


def _sort(folder: str, stock: Stock, entries: Iterable[os.DirEntry[str]]) -> None:
    # Runs for each of perhaps 100,000 blobs in every build: no call in it that is not needed.
    names, facts = stock.names, stock.facts
    first = len(names)
    coded: dict[str, Signature] = {}
    for entry in entries:
        name = entry.name
        if len(name) not in _LENGTHS or name[:2] != folder:
            continue
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            continue
        if status.st_mode & 0o170000 != stat.S_IFREG:
            continue
        if len(name) == _NAME:
            names.append(name)
            facts += (status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns)
        elif name.endswith(CODED):
            coded[name[:_NAME]] = signature(status)
    # Where the blob itself is there, that is what is read.
    there = set(names[first:]) if coded else ()
    for name, facts_of_it in coded.items():
        if name not in there:
            stock.coded.add(name)
            names.append(name)
            facts += facts_of_it


def write_state_file(state: str, name: str, content: bytes) -> None:
    """Put a file of the state folder in place whole; a folder that lies there is set aside."""
    path = f"{state}/{name}"
    with storing():
        try:
            replace_file(path, content, preserve=False, draft=_draft(state))
        except IsADirectoryError:
            set_aside(path)
            replace_file(path, content, preserve=False, draft=_draft(state))


def remove_state_file(path: str) -> None:
    """Remove a file of the state folder, if it is there; a folder that lies there is set aside."""
    with suppress(FileNotFoundError):
        if os.path.isdir(path) and not os.path.islink(path):
            set_aside(path)
        else:
            os.unlink(path)


def append_to_state_file(state: str, name: str, content: bytes) -> None:
    """Add octets to a file of the state folder in one write; whatever else lies there is replaced."""
    path = f"{state}/{name}"
    with suppress(OSError):
        if not stat.S_ISREG(os.lstat(path).st_mode):
            write_state_file(state, name, content)
            return
    with storing():
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
        try:
            os.write(descriptor, content)
        finally:
            os.close(descriptor)


def _draft(state: str, ending: str = "part") -> str:
    return f"{state}/drafts/{os.urandom(16).hex()}.{ending}"


def remove_state_drafts(state: str, *, beside: bool = False) -> None:
    """Remove what killed builds left behind, or those who worked `beside` them; nothing else that may lie there."""
    draft = _DRAFT_BESIDE if beside else _DRAFT
    with storing():
        for name in os.listdir(f"{state}/drafts"):
            if draft.fullmatch(name):
                os.unlink(f"{state}/drafts/{name}")


class Draft:
    """Octets on their way to become a blob: written piece by piece, and dropped at the block's end unless kept."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._kept = False
        with storing():
            self._file = NewFile(_draft(blobs.state, "beside" if blobs.beside else "part"))

    def __enter__(self) -> Draft:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if not self._kept:
            self._file.remove()

    def write(self, content: bytes) -> None:
        """Add octets."""
        with storing():
            self._file.write(content)

    def keep(self, name: str) -> None:
        """Make it the blob of this name at the next flush, unless there is one that is right."""
        if not self._blobs.has(name):
            self._kept = True
            self._blobs.adopt(self._file, name)


class Blobs:
    """Writes blobs: synced in batches, then named; leaving the `with` block does so, or drops them if it failed.

    Those of the names in `proved` are known to be right; any other that is there is read before it is relied on. Who
    works `beside` the one builder keeps its drafts apart.
    """

    def __init__(self, state: str, proved: Container[str] = (), *, beside: bool = False) -> None:
        self.state = state
        self.beside = beside
        self._proved = proved
        self._pending: dict[str, NewFile] = {}
        self._folders: set[str] = set()

    def __enter__(self) -> Blobs:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if kind is None:
                self.flush()
        finally:
            for file in self._pending.values():
                file.remove()
            self._pending.clear()

    def has(self, name: str) -> bool:
        """Return whether a blob of this name is there and right, or will be at the next flush."""
        return name in self._pending or name in self._proved or is_right(self.state, name)

    def put(self, name: str, content: bytes) -> None:
        """Store octets whose sha256 is `name`, unless they are there."""
        if self.has(name):
            return
        with Draft(self) as draft:
            draft.write(content)
            draft.keep(name)

    def adopt(self, file: NewFile, name: str) -> None:
        """Take over a written file as the blob of this name, in place of a wrong one."""
        self._pending[name] = file
        if len(self._pending) == _BATCH:
            self.flush()

    def flush(self) -> None:
        """Sync what was written, then give it its names."""
        with storing():
            for file in self._pending.values():
                os.fsync(file.descriptor)
            for name, file in tuple(self._pending.items()):
                path = blob_path(self.state, name)
                self._make_folder(name[:2])
                if os.path.isdir(path):
                    set_aside(path)
                file.rename(path)
                del self._pending[name]

    def _make_folder(self, folder: str) -> None:
        if folder not in self._folders:
            path = f"{self.state}/blobs/{folder}"
            try:
                os.makedirs(path, exist_ok=True)
            except FileExistsError:
                set_aside(path)
                os.makedirs(path)
            self._folders.add(folder)


def sync_blobs(state: str, names: Iterable[str]) -> None:
    """Make the names of these blobs durable, once all are flushed."""
    with storing():
        for folder in sorted({name[:2] for name in names}):
            sync_folder(f"{state}/blobs/{folder}")
        sync_folder(f"{state}/blobs")

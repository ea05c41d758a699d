"""A package's tarball (POSIX.1-2017 pax, ustar, GNU long names): read once, in order, and unpacked in bounded memory.

Never writes outside the folder that it is given.
"""

from __future__ import annotations

import os
import tarfile
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn

from cdnserve.decode import PIECE, OversizeError, UndecodableError, decoder
from cdnserve.display import excerpt, name_fault, readable_size
from cdnserve.errors import ConfigurationError, Problem
from cdnserve.files import open_file
from cdnserve.npm.settings import DownloadLimits
from cdnserve.npm.spec import PinnedPackage

LONGEST_PART = 255
DEEPEST = 32


def inner_path(name: str) -> str:
    """Return a member's path below the package's folder; only `Names` judges whether it is a path.

    As npm does, the first part is dropped whatever it is called (it is mostly `package`), and so is what leads nowhere.

    >>> inner_path("package/dist/jquery.js"), inner_path("package/./dist//x.js"), inner_path("package/../x.js")
    ('dist/jquery.js', 'dist/x.js', '../x.js')
    """
    *folders, last = name.partition("/")[2].split("/")
    return "/".join([*(part for part in folders if part not in ("", ".")), last])


class Names:
    """The files that have come so far; refuses a name that isn't one path, and no other's, on every system.

    `most` counts files and the folders they lie in, `longest` is in octets.
    """

    def __init__(self, most: int, longest: int) -> None:
        self._most = most
        self._longest = longest
        self._known: dict[str, tuple[str, bool]] = {}

    def add(self, path: str, member: Member) -> bool:
        """Remember a file's `inner_path` and the folders above it; return whether it is new.

        Raise ForbiddenError or OversizeError for what may not be.
        """
        if why := member.forbidden or self._fault(path, member.name):
            raise ForbiddenError(why, member.name)
        parts = path.split("/")
        for depth in range(1, len(parts)):
            self._add("/".join(parts[:depth]), member, is_folder=True)
        is_new = self._add(path, member, is_folder=False)
        if len(self._known) > self._most:
            raise OversizeError(f"it has more than {self._most} files and folders")
        return is_new

    def _fault(self, path: str, name: str) -> str:
        if fault := name_fault(name):
            return f"a name that {fault}"
        if name.startswith("/"):
            return "an absolute name"
        if not path:
            return "a file outside the package's folder"
        parts = path.split("/")
        if parts[-1] in ("", ".") or ".." in name.split("/"):
            return "a name with an empty, '.' or '..' part"
        if len(parts) > DEEPEST:
            return f"a name with more than {DEEPEST} parts"
        octets = [len(part.encode()) for part in parts]
        if max(octets) > LONGEST_PART or sum(octets) + len(parts) > self._longest:
            return "a name that is too long"
        return ""

    def _add(self, path: str, member: Member, *, is_folder: bool) -> bool:
        # macOS and Windows compare names without case, macOS without composition as well.
        plain = path if path.isascii() else unicodedata.normalize("NFC", path)
        folded = unicodedata.normalize("NFC", plain.casefold())
        if folded not in self._known:
            self._known[folded] = (path, is_folder)
            return True
        known, was_folder = self._known[folded]
        if known != path:
            why = f"a name that differs only by case or composition from {known!r}"
        elif was_folder != is_folder:
            why = "a name that is both a file's and a folder's"
        else:
            return False
        raise ForbiddenError(why, member.name)


MODIFIED = 499162500
"""The time that npm gives every file: what is made here gets it, so that the same files are the same everywhere."""


@dataclass(frozen=True, slots=True)
class UnpackedTarball:
    """What was written: the files' paths below the folder, sorted, and all their octets."""

    files: tuple[str, ...]
    size: int


def unpack(
    tarball: BinaryIO,
    folder: Path,
    spec: PinnedPackage,
    keep: Callable[[str], bool],
    limits: DownloadLimits,
    coding: str = "gzip",
) -> UnpackedTarball:
    """Write the files that are kept into a folder that is new and empty; raise ConfigurationError at the first flaw."""
    tarball.seek(0)
    archive = Archive(DecodedReader(tarball, coding, limits.unpacked), limits.members)
    try:
        files, size = _write(_kept(archive, keep, limits), archive, folder)
    except CorruptError as error:
        raise _refused(Problem("tarball-corrupt", f"{spec}: {error}")) from None
    except OversizeError as error:
        raise _refused(Problem("tarball-too-large", f"{spec}: {error}")) from None
    except ForbiddenError as error:
        message = f"{spec}: the tarball holds {error}"
        hint = "nothing was unpacked; tell whoever publishes the package, or choose what you need with --files"
        raise _refused(Problem("tarball-member", message, "", excerpt(error.value), hint)) from None
    return UnpackedTarball(tuple(sorted(files)), size)


def _kept(archive: Archive, keep: Callable[[str], bool], limits: DownloadLimits) -> Iterator[tuple[str, Member, bool]]:
    """Yield the files that are kept, each with whether it is new; what isn't kept is neither judged nor counted."""
    names = Names(limits.kept, limits.path)
    for member in archive:
        path = inner_path(member.name)
        if not member.is_folder and keep(path):
            yield path, member, names.add(path, member)


def _write(members: Iterator[tuple[str, Member, bool]], archive: Archive, folder: Path) -> tuple[list[str], int]:
    files: list[str] = []
    size = 0
    made = set[str]()
    for path, member, is_new in members:
        if not is_new:
            # Some packers write one file under two spellings of its path.
            if not holds(folder / path, archive.content()):
                raise ForbiddenError("a file that comes twice, with different content", member.name)
            continue
        parent, _, name = path.rpartition("/")
        if parent not in made:
            (folder / parent).mkdir(parents=True, exist_ok=True)
            made.add(parent)
        target = os.path.join(folder, parent, name)
        _write_file(target, archive.content())
        os.utime(target, (member.modified, member.modified))
        files.append(path)
        size += member.size
    return files, size


def _write_file(target: str, pieces: Iterator[bytes]) -> None:
    # Exclusive, so that a name that two checks saw differently still can't be written over or through.
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    with open(descriptor, "wb") as file:
        file.writelines(pieces)


def holds(path: Path, pieces: Iterator[bytes]) -> bool:
    """Return whether a regular file, no link to one, has just this content."""
    try:
        descriptor = open_file(path, follow=False)
    except OSError:
        return False
    with open(descriptor, "rb") as file:
        same = all(file.read(len(piece)) == piece for piece in pieces)
        return same and not file.read(1)


def _refused(problem: Problem) -> ConfigurationError:
    return ConfigurationError([problem])


BLOCK = 512
LARGEST_HEADER = 2**18
LATEST = 4_102_444_800  # the year 2100: no release is younger, and every file system can write it down

_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
_KINDS = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a FIFO",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
}
# A frame of zstd that says nothing of its size must not make us hold more than this.
_LARGEST_WINDOW = 2**27


class CorruptError(Exception):
    """The data is damaged or ends too early."""


class ForbiddenError(Exception):
    """The archive holds what no package may; `value` is the member."""

    def __init__(self, why: str, value: str) -> None:
        super().__init__(why)
        self.value = value


@dataclass(frozen=True, slots=True)
class Member:
    """One file or folder, its name as the archive writes it; `modified` is in seconds since 1970.

    What is neither is `forbidden`, which says what it is, and has no content.
    """

    name: str
    is_folder: bool
    size: int
    modified: int
    forbidden: str = ""


class Archive:
    """Reads members one by one; the content of each only until the next is asked for.

    `tarfile` would keep extended headers of any size in memory and list every member, so only its
    reading of a single header block is used.
    """

    def __init__(self, source: DecodedReader, most_members: int) -> None:
        self._source = source
        self._left = 0
        self._padding = 0
        self._most = most_members

    def __iter__(self) -> Iterator[Member]:
        """Yield each member; raise `CorruptError`, `OversizeError` or `ForbiddenError` at the first bad one."""
        headers = 0
        extended: dict[str, str] = {}
        while (block := self._next_header()) is not None:
            headers += 1
            if headers > self._most:
                raise OversizeError(f"it has more than {self._most} members")
            header = _parse_header(block)
            if header.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.XGLTYPE):
                records = _parse_records(self._whole(header))
                _check_records(records, header)
                extended |= records if header.type != tarfile.XGLTYPE else {}
            elif header.type == tarfile.GNUTYPE_LONGNAME:
                extended.setdefault("path", _text(self._whole(header).partition(b"\0")[0]))
            elif header.type == tarfile.GNUTYPE_LONGLINK:
                self._whole(header)  # where a link leads is nothing to us
            else:
                yield self._member(header, extended)
                extended = {}
        self._check_end()

    def content(self) -> Iterator[bytes]:
        """Yield the content of the member that came last, piece by piece."""
        while self._left:
            piece = self._exactly(min(self._left, PIECE))
            self._left -= len(piece)
            yield piece

    def _next_header(self) -> bytes | None:
        for _ in self.content():
            pass
        self._exactly(self._padding)
        self._padding = 0
        block = self._source.read(BLOCK)
        if not block.strip(b"\0"):
            return None
        if len(block) < BLOCK:
            raise CorruptError("the archive ends too early")
        return block

    def _member(self, header: tarfile.TarInfo, extended: dict[str, str]) -> Member:
        name = extended.get("path", header.name)
        is_folder = header.type == tarfile.DIRTYPE
        forbidden = "" if is_folder or header.type in _FILES else _KINDS.get(header.type, "a member of unknown kind")
        size = _whole_number(extended["size"]) if "size" in extended else header.size
        if forbidden and (size or header.type == tarfile.GNUTYPE_SPARSE):
            # Readers of tar don't agree on where the next member begins.
            raise ForbiddenError(forbidden, name)
        if size < 0 or (is_folder and size):
            raise CorruptError("a member has an impossible size")
        self._expect(size)
        return Member(name, is_folder, size, _seconds(extended.get("mtime", header.mtime)), forbidden)

    def _whole(self, header: tarfile.TarInfo) -> bytes:
        if not 0 <= header.size <= LARGEST_HEADER:
            raise OversizeError("an extended header is too large")
        self._expect(header.size)
        return b"".join(self.content())

    def _expect(self, size: int) -> None:
        self._left, self._padding = size, -size % BLOCK

    def _exactly(self, size: int) -> bytes:
        piece = self._source.read(size)
        if len(piece) < size:
            raise CorruptError("the archive ends too early")
        return piece

    def _check_end(self) -> None:
        # What follows the end would be seen by some readers of tar and not by others.
        while piece := self._source.read(PIECE):
            if piece.strip(b"\0"):
                raise CorruptError("the archive goes on behind its end")


def _parse_header(block: bytes) -> tarfile.TarInfo:
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError, OverflowError) as error:
        raise CorruptError(f"a header of the archive is damaged: {error}") from None


def _parse_records(data: bytes) -> dict[str, str]:
    r"""Read pax records: `LENGTH KEY=VALUE\n`, the length counting itself.

    >>> _parse_records(b"11 path=ab\n13 mtime=1.5\n")
    {'path': 'ab', 'mtime': '1.5'}
    """
    records: dict[str, str] = {}
    data = data.rstrip(b"\0")
    start = 0
    while start < len(data):
        space = data.find(b" ", start, start + 20)
        if space <= start:
            _damaged()
        end = start + _whole_number(_text(data[start:space]))
        key, equals, value = data[space + 1 : end - 1].partition(b"=")
        if not space < end <= len(data) or not equals or data[end - 1] != ord("\n"):
            _damaged()
        records[_text(key)] = _text(value)
        start = end
    return records


def _check_records(records: dict[str, str], header: tarfile.TarInfo) -> None:
    if any(key.startswith("GNU.sparse") for key in records):
        raise ForbiddenError("a sparse file", header.name)
    if header.type == tarfile.XGLTYPE and records.keys() & {"path", "size", "linkpath"}:
        raise ForbiddenError("a header that gives every member one name or size", header.name)


def _whole_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        _damaged()
    return int(text)


def _damaged() -> NoReturn:
    raise CorruptError("an extended header of the archive is damaged")


def _seconds(modified: float | str) -> int:
    """Return whole seconds, kept between 1970 and 2100.

    >>> _seconds("499162500.25"), _seconds("nan"), _seconds(-5), _seconds(1e300)
    (499162500, 0, 0, 4102444800)
    """
    try:
        return int(max(0.0, min(float(modified), LATEST)))
    except ValueError:
        return 0


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")


class DecodedReader:
    """Reads an archive without its content coding: all gzip members or zstd frames, one after the other.

    The `limit` of octets may be raised on the way; `most` names it in messages.
    """

    def __init__(self, source: BinaryIO, coding: str, limit: int, most: str = "") -> None:
        self._source = source
        self._coding = coding
        self._ready = bytearray()
        self._pieces = self._decoded()
        self._given = 0
        self._most = most or readable_size(limit)
        self.limit = limit

    def read(self, size: int) -> bytes:
        """Return so many octets, fewer only at the end; raise `CorruptError` or `OversizeError`."""
        try:
            while len(self._ready) < size and (piece := next(self._pieces, None)) is not None:
                self._ready += piece
                self._given += len(piece)
                if self._given > self.limit:
                    raise OversizeError(f"it unpacks to more than {self._most}")
        except UndecodableError as error:
            raise CorruptError(f"it is no sound {self._coding} data: {error}") from None
        piece = bytes(self._ready[:size])
        del self._ready[:size]
        return piece

    def _decoded(self) -> Iterator[bytes]:
        octets = self._source.read(PIECE)
        while True:
            decode = decoder(self._coding, _LARGEST_WINDOW)
            yield from decode(octets)
            while not decode.is_whole:
                if not (octets := self._source.read(PIECE)):
                    raise CorruptError(f"the {self._coding} data ends too early")
                yield from decode(octets)
            octets = decode.rest or self._source.read(PIECE)
            if self._coding == "gzip":
                # Zero octets may pad a gzip file; after them, and only there, another member may begin.
                while octets and not (octets := octets.lstrip(b"\0")):
                    octets = self._source.read(PIECE)
            if not octets:
                return

"""The members of a tar archive (POSIX.1-2017 pax, ustar, GNU long names), read once and in order.

Never holds more than one header in memory.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, NoReturn

from cdnserve.decode import PIECE, OversizeError, UndecodableError, decoder
from cdnserve.display import readable_size

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
    """Says that the data is damaged or ends too early."""


class ForbiddenError(Exception):
    """Says that the archive holds what no package may; `value` is the member."""

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

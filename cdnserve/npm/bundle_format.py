"""The index of an exported archive: each file's size and sha256, the first member, so that all that follows is known.

Never vouches for who made the archive: whoever can change a file can change its entry too.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import BinaryIO, Literal, Protocol

import msgspec
import zstandard

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.npm.tar import ArchiveReader, CorruptError, Gunzip, OversizeError
from cdnserve.rules.integrity import DEFAULT_ALGORITHM, hash_expression

SCHEMA = 1
"""The only value of an index's `schema` that this version reads."""
LARGEST = 2**26
"""The most octets of an index: half a million files, or some more."""
NAME = "index.json"
BUNDLE_FOLDER = "root/"
"""Where the files of the root lie, below the archive's outermost folder."""
OUTERMOST = "cdnserve/"


class BundleEntry(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One file: its octets, and their sha256 as 64 hexadecimal digits."""

    size: int
    sha256: str


class BundleIndex(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All files by their logical path."""

    schema: int
    files: dict[str, BundleEntry]

    @property
    def size(self) -> int:
        """The octets of all files together."""
        return sum(entry.size for entry in self.files.values())


class _Schema(msgspec.Struct, frozen=True):
    schema: int


def encode_index(files: dict[str, BundleEntry]) -> bytes:
    """Write an index as JSON, sorted, an entry a line.

    >>> print(encode_index({"a.js": BundleEntry(1, "00")}).decode(), end="")
    {"schema":1,"files":{
    "a.js":{"size":1,"sha256":"00"}
    }}
    """
    encode = msgspec.json.encode
    lines = ",\n".join(f"{encode(path).decode()}:{encode(files[path]).decode()}" for path in sorted(files))
    return f'{{"schema":{SCHEMA},"files":{{\n{lines}\n}}}}\n'.encode()


def decode_index(octets: bytes) -> BundleIndex:
    """Read an index; raise ConfigurationError where it is none, or one of a later version."""
    try:
        schema = msgspec.json.decode(octets, type=_Schema).schema
        if schema != SCHEMA:
            message = f"this version of cdnserve reads only archives of schema {SCHEMA}"
            raise ConfigurationError([Problem("archive-schema", message, "", str(schema), "update cdnserve")])
        index = msgspec.json.decode(octets, type=BundleIndex)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise not_exported(f"its index is damaged: {error}") from None
    if any(entry.size < 0 for entry in index.files.values()):
        raise not_exported("its index has a size below zero")
    return index


def not_exported(why: str) -> ConfigurationError:
    """Say that a file is not what `export` writes."""
    hint = "take a file that cdnserve export wrote"
    return ConfigurationError([Problem("archive-foreign", f"not an archive of cdnserve: {why}", hint=hint)])


Coding = Literal["", "gzip", "zstd"]

ENDINGS: Mapping[str, Coding] = MappingProxyType(
    {".tar": "", ".tar.gz": "gzip", ".tgz": "gzip", ".tar.zst": "zstd", ".tzst": "zstd"}
)
"""The endings of an archive's name, and what they ask for."""
_GZIP = 16 + zlib.MAX_WBITS
_GZIP_MAGIC, _ZSTD_MAGIC = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
# Also a frame that says nothing of its size must not make us hold more than this.
_LARGEST_WINDOW = 2**27
# A block of 128 KiB may take no more than four octets, so this is what a piece unpacks to at worst: 32 MiB.
_ZSTD_PIECE = 2**10
_LARGEST = 2**50  # the index says what is allowed


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


class _Plain:
    def compress(self, data: bytes, /) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


def coding_of(name: str) -> Coding:
    """Tell the coding that a file's name asks for.

    >>> coding_of("site.tar"), coding_of("site.tar.gz"), coding_of("site.tar.zst")
    ('', 'gzip', 'zstd')
    """
    return next((coding for ending, coding in ENDINGS.items() if name.lower().endswith(ending)), "")


class Encoder:
    """Writes to a stream through a coding, and hashes what comes out."""

    def __init__(self, target: BinaryIO, coding: Coding) -> None:
        self._target = target
        self._compressor = _compressor(coding)
        self._hash = hashlib.new(DEFAULT_ALGORITHM)
        self.size = 0

    def write(self, octets: bytes) -> None:
        """Write octets of the archive."""
        self._put(self._compressor.compress(octets))

    def finish(self) -> str:
        """Write what is left; give the integrity metadata of all that was written."""
        self._put(self._compressor.flush())
        return hash_expression(DEFAULT_ALGORITHM, self._hash.digest())

    def _put(self, octets: bytes) -> None:
        self._target.write(octets)
        self._hash.update(octets)
        self.size += len(octets)


def _compressor(coding: Coding) -> _Compressor:
    if coding == "gzip":
        # Its header has neither a time nor a name.
        return zlib.compressobj(wbits=_GZIP)
    if coding == "zstd":
        return zstandard.ZstdCompressor(level=10, write_checksum=True).compressobj()
    return _Plain()


def decoded(source: BinaryIO, limit: int) -> Decoded:
    """Undo the coding of a seekable archive, which its first octets tell."""
    magic = source.read(4)
    source.seek(0)
    if magic.startswith(_GZIP_MAGIC):
        return Decoded(Gunzip(source, _LARGEST), limit)
    return Decoded(_Unzstd(source) if magic == _ZSTD_MAGIC else source, limit)


class _Unzstd:
    """Reads the decoded octets of a zstd file, all of its frames one after the other."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
        self._frame = self._decompressor.decompressobj()
        self._ready = b""
        self._input = b""

    def read(self, size: int) -> bytes:
        """Return at most so many octets, none only at the end."""
        while not self._ready:
            self._input = self._input or self._source.read(_ZSTD_PIECE)
            if not self._input:
                if not self._frame.eof:
                    raise CorruptError("the zstd data ends too early")
                return b""
            self._expand()
        piece, self._ready = self._ready[:size], self._ready[size:]
        return piece

    def _expand(self) -> None:
        if self._frame.eof:
            self._frame = self._decompressor.decompressobj()
        try:
            self._ready = self._frame.decompress(self._input)
        except zstandard.ZstdError as error:
            raise CorruptError(f"it is no sound zstd data: {error}") from None
        self._input = self._frame.unused_data if self._frame.eof else b""


class Decoded:
    """Reads an archive without its coding, as far as `limit` octets, which may be raised on the way."""

    def __init__(self, source: ArchiveReader | BinaryIO, limit: int) -> None:
        self._source = source
        self._given = 0
        self.limit = limit

    def read(self, size: int) -> bytes:
        """Return so many octets, fewer only at the end; raise `CorruptError` or `OversizeError`."""
        pieces: list[bytes] = []
        missing = size
        while missing and (piece := self._source.read(missing)):
            pieces.append(piece)
            missing -= len(piece)
        self._given += size - missing
        if self._given > self.limit:
            raise OversizeError("it unpacks to more than its index says")
        return b"".join(pieces)

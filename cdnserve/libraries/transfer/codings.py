"""Codings of an archive: none, gzip (RFC 1952) or zstd (RFC 8878), written so that the same files give the same octets.

Never decodes more than a limit, whatever a small archive claims to hold.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import BinaryIO, Literal, Protocol

import zstandard

from cdnserve.libraries.archives.archive import Source
from cdnserve.libraries.archives.gunzip import CorruptError, Gunzip, OversizeError
from cdnserve.rules.integrity import DEFAULT_ALGORITHM, hash_expression

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
        """Give at most so many octets, none only at the end."""
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

    def __init__(self, source: Source | BinaryIO, limit: int) -> None:
        self._source = source
        self._given = 0
        self.limit = limit

    def read(self, size: int) -> bytes:
        """Give so many octets, fewer only at the end; raise `CorruptError` or `OversizeError`."""
        pieces: list[bytes] = []
        missing = size
        while missing and (piece := self._source.read(missing)):
            pieces.append(piece)
            missing -= len(piece)
        self._given += size - missing
        if self._given > self.limit:
            raise OversizeError("it unpacks to more than its index says")
        return b"".join(pieces)

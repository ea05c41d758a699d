"""The gzip content coding (RFC 1952), undone piece by piece in bounded memory.

Never gives out more than its limit, whatever a small file claims to hold.
"""

from __future__ import annotations

import zlib
from typing import BinaryIO

from cdnserve.libraries.wording import counted

PIECE = 2**16
_GZIP = 16 + zlib.MAX_WBITS


class CorruptError(Exception):
    """Says that the data is damaged or ends too early."""


class OversizeError(Exception):
    """Says that the data is larger than allowed."""


class Gunzip:
    """Reads the decoded octets of a gzip file, all of its members one after the other."""

    def __init__(self, source: BinaryIO, limit: int) -> None:
        self._source = source
        self._limit = limit
        self._given = 0
        self._input = b""
        self._ready = bytearray()
        self._member = zlib.decompressobj(_GZIP)

    def read(self, size: int) -> bytes:
        """Give so many octets, fewer only at the end; raise `CorruptError` or `OversizeError`."""
        while len(self._ready) < size and self._fill():
            pass
        piece = bytes(self._ready[:size])
        del self._ready[:size]
        return piece

    def _fill(self) -> bool:
        self._input = self._input or self._source.read(PIECE)
        if self._member.eof:
            # Zero octets may pad a gzip file; after them, and only there, another member may begin.
            while not (rest := self._input.lstrip(b"\0")):
                if not (more := self._source.read(PIECE)):
                    return False
                self._input = more
            self._input = rest
            self._member = zlib.decompressobj(_GZIP)
        elif not self._input:
            raise CorruptError("the gzip data ends too early")
        self._expand()
        return True

    def _expand(self) -> None:
        try:
            piece = self._member.decompress(self._input, PIECE)
        except zlib.error as error:
            raise CorruptError(f"it is no sound gzip data: {error}") from None
        self._input = self._member.unconsumed_tail or self._member.unused_data
        self._given += len(piece)
        if self._given > self._limit:
            raise OversizeError(f"it unpacks to more than {counted(self._limit)}")
        self._ready += piece

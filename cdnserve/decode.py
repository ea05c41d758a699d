"""Content codings (RFC 9110 §8.4.1) taken off piece by piece, in bounded memory however far the content expands."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import brotli
import zstandard

PIECE = 2**16
# RFC 9659 §3: no decoder of zstd needs to take a larger window.
_LARGEST_WINDOW = 8 << 20
# A block of 128 KiB may take no more than four octets, so this is what comes out at once at worst: 8 MiB.
_ZSTD_PIECE = 256


class UndecodableError(Exception):
    """The octets are not in this content coding, or nobody here knows the coding."""


class OversizeError(Exception):
    """There is more content than the limit allows."""


def decoded(pieces: Iterable[bytes], coding: str, limit: int) -> bytes:
    """Take a content coding off; raise UndecodableError, or OversizeError for what is, or becomes, too large."""
    decode = decoder(coding)
    whole = bytearray()
    came = 0
    for piece in pieces:
        came += len(piece)
        for plain in decode(piece):
            whole += plain
            if max(came, len(whole)) > limit:
                raise OversizeError
    if came and not decode.is_whole:
        raise UndecodableError("it ends too early")
    return bytes(whole)


class Decoder(Protocol):
    """Takes a coding off; `rest` is what came behind the end of the content."""

    rest: bytes

    @property
    def is_whole(self) -> bool:
        """Return whether the content may end here."""

    def __call__(self, octets: bytes) -> Iterator[bytes]:
        """Yield small pieces of what these octets are without the coding; raise UndecodableError."""


def decoder(coding: str, window: int = _LARGEST_WINDOW) -> Decoder:
    """Return what takes a coding off; raise UndecodableError for one that nobody here knows.

    A `window` of zstd may have so many octets.
    """
    makers: dict[str, Callable[[], Decoder]] = {
        "identity": _Identity,
        "gzip": lambda: _Zlib(16 + zlib.MAX_WBITS),
        "x-gzip": lambda: _Zlib(16 + zlib.MAX_WBITS),
        "deflate": _Zlib,
        "br": _Brotli,
        "zstd": lambda: _Zstd(window),
    }
    if coding not in makers:
        raise UndecodableError(f"nobody here knows {coding}")
    return makers[coding]()


class _Identity:
    rest = b""
    is_whole = True

    def __call__(self, octets: bytes) -> Iterator[bytes]:
        yield octets


class _Zlib:
    """gzip, or what servers call deflate: RFC 1950, or RFC 1951 alone."""

    def __init__(self, window: int = 0) -> None:
        self._stream = zlib.decompressobj(window) if window else None
        self.rest = b""

    @property
    def is_whole(self) -> bool:
        return self._stream is not None and self._stream.eof

    def __call__(self, octets: bytes) -> Iterator[bytes]:
        if self._stream is None:
            # RFC 1950 §2.2: in its first octet the method stands in the low half, which is 8.
            self._stream = zlib.decompressobj(zlib.MAX_WBITS if octets[:1] and octets[0] & 15 == 8 else -zlib.MAX_WBITS)
        stream = self._stream
        try:
            full = True
            while (full or octets) and not stream.eof:
                piece = stream.decompress(octets, PIECE)
                yield piece
                octets, full = stream.unconsumed_tail, len(piece) == PIECE
        except zlib.error as error:
            raise UndecodableError(str(error)) from error
        self.rest = stream.unused_data


class _Brotli:
    rest = b""

    def __init__(self) -> None:
        self._stream = brotli.Decompressor()

    @property
    def is_whole(self) -> bool:
        return bool(self._stream.is_finished())

    def __call__(self, octets: bytes) -> Iterator[bytes]:
        stream = self._stream
        try:
            piece = stream.process(octets, output_buffer_limit=PIECE)
            yield piece
            while not stream.is_finished() and (piece or not stream.can_accept_more_data()):
                piece = stream.process(b"", output_buffer_limit=PIECE)
                yield piece
        except brotli.error as error:
            raise UndecodableError(str(error)) from error


class _Zstd:
    def __init__(self, window: int) -> None:
        self._stream = zstandard.ZstdDecompressor(max_window_size=window).decompressobj()
        self.rest = b""

    @property
    def is_whole(self) -> bool:
        return self._stream.eof

    def __call__(self, octets: bytes) -> Iterator[bytes]:
        # Its output has no limit of its own: what comes out at once is bounded by what goes in.
        left = memoryview(octets)
        try:
            while left and not self.is_whole:
                yield self._stream.decompress(left[:_ZSTD_PIECE])
                left = left[_ZSTD_PIECE:]
        except zstandard.ZstdError as error:
            raise UndecodableError(str(error)) from error
        self.rest = self._stream.unused_data + left

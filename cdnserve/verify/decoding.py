"""Decoding (RFC 9110 §8.4.1): a content coding is taken off piece by piece, never past a limit.

Never trusts what a server says of its content: a coding that is damaged or unknown decodes to nothing.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

import brotli
import zstandard

_PIECE = 1 << 16
# RFC 9659 §3: no decoder needs to take a larger window.
_WINDOW = 8 << 20

Decode = Callable[[bytes], Iterator[bytes]]


class UndecodableError(Exception):
    """The octets are not in this coding, or nobody here knows the coding."""


def decoder(coding: str) -> Decode:
    """Give what takes this coding off; its pieces are small, however far the content expands."""
    makers: dict[str, Callable[[], Decode]] = {
        "identity": lambda: _identity,
        "gzip": _gzip,
        "x-gzip": _gzip,
        "br": _brotli,
        "zstd": _zstd,
    }
    if coding not in makers:
        raise UndecodableError(coding)
    return makers[coding]()


def _identity(octets: bytes) -> Iterator[bytes]:
    yield octets


def _gzip() -> Decode:
    stream = zlib.decompressobj(31)

    def decode(octets: bytes) -> Iterator[bytes]:
        try:
            full = True
            while (full or octets) and not stream.eof:
                piece = stream.decompress(octets, _PIECE)
                yield piece
                octets, full = stream.unconsumed_tail, len(piece) == _PIECE
        except zlib.error as error:
            raise UndecodableError(str(error)) from error

    return decode


def _brotli() -> Decode:
    stream = brotli.Decompressor()

    def decode(octets: bytes) -> Iterator[bytes]:
        try:
            piece = stream.process(octets, output_buffer_limit=_PIECE)
            yield piece
            while not stream.is_finished() and (piece or not stream.can_accept_more_data()):
                piece = stream.process(b"", output_buffer_limit=_PIECE)
                yield piece
        except brotli.error as error:
            raise UndecodableError(str(error)) from error

    return decode


def _zstd() -> Decode:
    stream = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()

    def decode(octets: bytes) -> Iterator[bytes]:
        # One small piece at a time: what comes out at once is bounded by what goes in.
        try:
            for at in range(0, len(octets), 64):
                if stream.eof:
                    return
                yield stream.decompress(octets[at : at + 64])
        except zstandard.ZstdError as error:
            raise UndecodableError(str(error)) from error

    return decode

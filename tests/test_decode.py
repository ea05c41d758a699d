"""Content codings taken off: piece by piece, to their end, and never past a limit."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard

from cdnserve.decode import OversizeError, UndecodableError, decoded, decoder

Encode = Callable[[bytes], bytes]
ENCODERS: dict[str, Encode] = {
    "identity": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "x-gzip": gzip.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}
CODINGS = pytest.mark.parametrize("coding", ENCODERS)
TEXT = b"".join(b"line %d of a text that codings shorten\n" % number for number in range(9000))


def cut(octets: bytes, size: int) -> list[bytes]:
    return [octets[at : at + size] for at in range(0, len(octets), size)]


@pytest.mark.unmeasured
@CODINGS
@pytest.mark.parametrize("size", [1, 7, 65_536, 1_000_000])
def test_what_was_coded_comes_back_in_pieces_of_any_size(coding: str, size: int) -> None:
    decode = decoder(coding)
    pieces = [piece for part in cut(ENCODERS[coding](TEXT), size) for piece in decode(part)]
    assert TEXT == b"".join(pieces)


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_what_comes_behind_the_end_is_left(coding: str) -> None:
    decode = decoder(coding)
    coded = ENCODERS[coding](TEXT)
    assert (TEXT, b"more" * 99) == (b"".join(decode(coded + b"more" * 99)), decode.rest)


@pytest.mark.unmeasured
@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_pieces_are_small_however_far_content_expands(coding: str) -> None:
    decode, left = decoder(coding), 20
    for part in cut(ENCODERS[coding](bytes(64 << 20)), 1 << 16):
        for piece in decode(part):
            assert len(piece) <= 8 << 20
            left -= 1
            if not left:
                return


@pytest.mark.parametrize("coding", ["compress", "dcz", "br, gzip", ""])
def test_an_unknown_coding_is_told(coding: str) -> None:
    with pytest.raises(UndecodableError):
        decoder(coding)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_content_that_ends_too_early_is_told(coding: str) -> None:
    with pytest.raises(UndecodableError):
        decoded([ENCODERS[coding](TEXT)[:-9]], coding, 1 << 20)


def test_content_is_limited_with_its_coding_on_and_off() -> None:
    assert b"x" * 999 == decoded([gzip.compress(b"x" * 999)], "gzip", 999)
    for content, coding in ((b"x" * 1000, "identity"), (gzip.compress(b"x" * 1000), "gzip")):
        with pytest.raises(OversizeError):
            decoded([content], coding, 999)


def test_no_content_has_no_coding() -> None:
    """As in an answer to HEAD."""
    assert b"" == decoded([], "gzip", 10)

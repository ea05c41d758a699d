"""Decoding: each coding piece by piece, and never past a limit."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.client import UndecodableError, decoder
from cdnserve.verify.client import ENDING, OPENING, receive

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


@CODINGS
@pytest.mark.parametrize("size", [1, 7, 65_536, 1_000_000])
def test_what_was_coded_comes_back_in_pieces_of_any_size(coding: str, size: int) -> None:
    decode = decoder(coding)
    pieces = [piece for part in cut(ENCODERS[coding](TEXT), size) for piece in decode(part)]
    assert TEXT == b"".join(pieces)


@CODINGS
@given(content=st.binary(max_size=3000), size=st.integers(1, 400))
def test_any_content_comes_back(coding: str, content: bytes, size: int) -> None:
    got = receive(cut(ENCODERS[coding](content), size), coding, 1 << 20)
    assert (hashlib.sha384(content).digest(), content) == (got.plain_sha384, got.plain)


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
@given(octets=st.binary(min_size=1, max_size=300))
def test_damaged_content_is_no_error(coding: str, octets: bytes) -> None:
    got = receive([octets], coding, 1 << 16)
    assert (len(octets), hashlib.sha256(octets).digest()) == (got.length, got.sha256)


@pytest.mark.parametrize("coding", ["compress", "dcz", "br, gzip", ""])
def test_an_unknown_coding_is_told(coding: str) -> None:
    with pytest.raises(UndecodableError):
        decoder(coding)
    assert receive([b"abc"], coding, 10).plain_sha384 is None


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_a_bomb_is_left_alone(coding: str) -> None:
    """A little that decodes to a lot."""
    bomb = ENCODERS[coding](bytes(64 << 20))
    assert len(bomb) < 100_000
    got = receive(cut(bomb, 1 << 16), coding, 1 << 20)
    assert (None, len(bomb)) == (got.plain_sha384, got.length)
    assert bytes(OPENING) == got.plain


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_pieces_are_small_however_far_content_expands(coding: str) -> None:
    decode, left = decoder(coding), 20
    for part in cut(ENCODERS[coding](bytes(64 << 20)), 1 << 16):
        for piece in decode(part):
            assert len(piece) <= 8 << 20
            left -= 1
            if not left:
                return


def test_raw_deflate_is_no_gzip() -> None:
    assert receive([zlib.compress(TEXT)], "gzip", 1 << 20).plain_sha384 is None


def test_what_is_kept_of_long_content() -> None:
    got = receive(cut(TEXT, 1000), "identity", 1 << 20)
    assert (TEXT[:OPENING], TEXT[-ENDING:], len(TEXT)) == (got.opening, got.ending, got.length)


def test_nothing_is_read_past_the_limit() -> None:
    read = []

    def pieces() -> object:
        for _ in range(100):
            read.append(1)
            yield b"x" * 1000

    got = receive(pieces(), "identity", 2500)  # type: ignore[arg-type]
    assert (3, 3000, None) == (len(read), got.length, got.plain_sha384)

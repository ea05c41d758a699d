"""Content that is received: hashed as it came and without its coding, and never read past a limit."""

from __future__ import annotations

import hashlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.verify.client import ENDING, OPENING, receive
from tests.test_decode import CODINGS, ENCODERS, TEXT, cut


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
    assert receive([b"abc"], coding, 10).plain_sha384 is None


@pytest.mark.unmeasured
@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_a_bomb_is_left_alone(coding: str) -> None:
    """A little that decodes to a lot."""
    bomb = ENCODERS[coding](bytes(64 << 20))
    assert len(bomb) < 100_000
    got = receive(cut(bomb, 1 << 16), coding, 1 << 20)
    assert (None, len(bomb)) == (got.plain_sha384, got.length)
    assert bytes(OPENING) == got.plain


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

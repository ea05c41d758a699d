"""The gzip content coding, undone within limits."""

from __future__ import annotations

import gzip
import io
import tracemalloc
import zlib
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.libraries.archives.gunzip import CorruptError, Gunzip, OversizeError

CONTENT = bytes(range(256)) * 1000
WHOLE = gzip.compress(CONTENT)


def _all(data: bytes, limit: int = 2**20) -> bytes:
    return Gunzip(io.BytesIO(data), limit).read(limit + 1)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(WHOLE, CONTENT, id="one member"),
        pytest.param(gzip.compress(b""), b"", id="nothing in it"),
        pytest.param(gzip.compress(b"a") + gzip.compress(b"") + gzip.compress(b"b"), b"ab", id="several members"),
        pytest.param(WHOLE + bytes(5), CONTENT, id="padding"),
        pytest.param(gzip.compress(b"a") + bytes(2**17) + gzip.compress(b"b"), b"ab", id="padding between members"),
        pytest.param(gzip.compress(b"a") + bytes(2**17), b"a", id="padding longer than a piece"),
    ],
)
def test_sound_data(data: bytes, expected: bytes) -> None:
    assert expected == _all(data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"not gzip", id="something else"),
        pytest.param(zlib.compress(CONTENT), id="zlib's own format"),
        pytest.param(WHOLE[:-9], id="cut in the data"),
        pytest.param(WHOLE[:-1], id="cut in the trailer"),
        pytest.param(WHOLE[:5], id="cut in the header"),
        pytest.param(WHOLE[:-5] + b"\x00" + WHOLE[-4:], id="a wrong check value"),
        pytest.param(WHOLE + b"junk", id="junk behind it"),
    ],
)
def test_damaged_data(data: bytes) -> None:
    with pytest.raises(CorruptError):
        _all(data)


def test_the_limit_is_exact() -> None:
    assert CONTENT == _all(WHOLE, len(CONTENT))
    with pytest.raises(OversizeError, match="unpacks to more than"):
        _all(WHOLE, len(CONTENT) - 1)


def test_a_bomb_is_not_unpacked_into_memory() -> None:
    """A gibibyte of zeros, of which no more than a few pieces are ever held."""
    bomb = gzip.compress(bytes(2**20)) * 1024
    tracemalloc.start()
    try:
        reader = Gunzip(io.BytesIO(bomb), 64 * 2**20)
        with pytest.raises(OversizeError):
            deque(iter(lambda: reader.read(2**16), b""), maxlen=0)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@given(st.binary(max_size=300), st.lists(st.integers(1, 100), min_size=1))
def test_pieces_of_any_size_make_the_whole(content: bytes, sizes: list[int]) -> None:
    reader = Gunzip(io.BytesIO(gzip.compress(content)), 1000)
    pieces = [reader.read(size) for size in sizes]
    assert content == b"".join(pieces) + reader.read(1000)
    assert b"" == reader.read(1)


@given(st.binary(max_size=200))
def test_any_data_is_read_or_refused(data: bytes) -> None:
    try:
        _all(data)
    except (CorruptError, OversizeError):
        return
    assert data.startswith(b"\x1f\x8b")

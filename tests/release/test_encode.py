"""Content codings: what decodes to the same octets, is worth storing and comes out the same every time."""

from __future__ import annotations

import gzip
import hashlib
import os
import random
import struct
from pathlib import Path
from types import MappingProxyType

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.release import encode as encoding
from cdnserve.release.blobs import Blobs, StoreError, blob_path
from cdnserve.release.encode import ENCODERS, ContentCoding, encode, encode_all
from tests.release.roots import DECODERS, SCRIPT

CODINGS: tuple[ContentCoding, ...] = ("br", "gzip", "zstd")
NOISE = random.Random(1).randbytes(5_000)


@pytest.fixture
def state(tmp_path: Path) -> str:
    for name in ("blobs", "drafts"):
        (tmp_path / name).mkdir()
    return str(tmp_path)


def stored(state: str, octets: bytes) -> str:
    name = hashlib.sha256(octets).hexdigest()
    with Blobs(state) as blobs:
        blobs.put(name, octets)
    return name


def coded(state: str, octets: bytes, coding: ContentCoding) -> bytes | None:
    name = stored(state, octets)
    [(same_name, same_coding, result)] = encode_all(state, [(name, len(octets), coding)])
    assert (name, coding) == (same_name, same_coding)
    if not result:
        return None
    blob = Path(blob_path(state, result[1].hex())).read_bytes()
    assert (len(blob), hashlib.sha256(blob).digest()) == result
    return blob


@pytest.mark.parametrize("coding", CODINGS)
def test_coded_octets_decode_to_the_same(state: str, coding: ContentCoding) -> None:
    blob = coded(state, SCRIPT, coding)
    assert blob is not None
    assert SCRIPT == DECODERS[coding](blob)


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize(
    "octets",
    [pytest.param(b"", id="nothing"), pytest.param(b"a", id="one octet"), pytest.param(NOISE, id="noise")],
)
def test_what_does_not_get_smaller_is_not_stored(state: str, coding: ContentCoding, octets: bytes) -> None:
    assert coded(state, octets, coding) is None
    assert 1 == sum(len(files) for _, _, files in os.walk(f"{state}/blobs"))
    assert [] == os.listdir(f"{state}/drafts")


@pytest.mark.parametrize(
    ("size", "kept"), [pytest.param(95, True, id="5 % saved"), pytest.param(96, False, id="4 % saved")]
)
def test_a_coding_must_save_5_per_cent(state: str, monkeypatch: pytest.MonkeyPatch, size: int, kept: bool) -> None:
    streams = {"gzip": lambda _size: encoding._Stream(lambda _octets: b"", lambda: bytes(size))}
    monkeypatch.setattr(encoding, "_STREAMS", MappingProxyType(streams))
    assert kept == (coded(state, NOISE[:100], "gzip") is not None)


@pytest.mark.parametrize("coding", CODINGS)
def test_the_same_octets_give_the_same_coding(state: str, tmp_path: Path, coding: ContentCoding) -> None:
    """No clock, no name, no chance: replicas agree on every digest."""
    other = tmp_path / "other"
    for name in ("blobs", "drafts"):
        (other / name).mkdir(parents=True)
    assert coded(state, SCRIPT, coding) == coded(str(other), SCRIPT, coding)


def test_gzip_tells_no_time_and_no_name(state: str) -> None:
    """RFC 1952 §2.3: flags and mtime are zero."""
    blob = coded(state, SCRIPT, "gzip")
    assert blob is not None
    assert (b"\x1f\x8b", 8, 0, 0) == struct.unpack("<2sBBI", blob[:8])


def test_the_strongest_efforts_are_used(state: str) -> None:
    """Brotli 11, gzip 9 and zstd 19 are as small as their libraries make them."""
    blobs = {coding: coded(state, SCRIPT, coding) or b"" for coding in CODINGS}
    assert len(blobs["br"]) <= len(brotli.compress(SCRIPT, quality=11))
    assert len(blobs["gzip"]) <= len(gzip.compress(SCRIPT, 9))
    assert len(blobs["zstd"]) <= len(zstandard.compress(SCRIPT, 19))


def test_a_zstd_window_has_no_more_than_8_megabytes(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 9659 §3: a user agent may refuse a larger one."""
    octets = random.Random(2).randbytes(1 << 16) * 160
    for large in (1 << 20, 1 << 30):
        monkeypatch.setattr(encoding, "LARGE", large)
        frame = zstandard.get_frame_parameters(coded(state, octets, "zstd") or b"")
        assert frame.window_size <= 8 << 20
        assert len(octets) == frame.content_size


@pytest.mark.parametrize("coding", CODINGS)
def test_large_blobs_are_encoded_piece_by_piece(
    state: str, monkeypatch: pytest.MonkeyPatch, coding: ContentCoding
) -> None:
    monkeypatch.setattr(encoding, "LARGE", 1 << 10)
    monkeypatch.setattr(encoding, "_CHUNK", 1 << 8)
    blob = coded(state, SCRIPT, coding)
    assert blob is not None
    assert SCRIPT == DECODERS[coding](blob)


@pytest.mark.parametrize("coding", CODINGS)
@given(octets=st.binary(max_size=200), times=st.integers(min_value=1, max_value=50))
def test_whatever_is_stored_decodes(
    tmp_path_factory: pytest.TempPathFactory, coding: ContentCoding, octets: bytes, times: int
) -> None:
    state = tmp_path_factory.mktemp("state")
    for name in ("blobs", "drafts"):
        (state / name).mkdir()
    blob = coded(str(state), octets * times, coding)
    assert blob is None or octets * times == DECODERS[coding](blob)


def test_a_blob_that_is_gone_is_a_failure_of_the_store(state: str) -> None:
    with Blobs(state) as blobs, pytest.raises(StoreError):
        encode(blobs, ("ab" * 32, 10, "gzip"))
    assert [] == os.listdir(f"{state}/drafts")


def test_every_encoder_is_named_with_its_version() -> None:
    assert set(CODINGS) == set(ENCODERS)
    assert brotli.__version__ in ENCODERS["br"]
    assert zstandard.__version__ in ENCODERS["zstd"]

"""Results: a blob is encoded once by each encoder, as long as what came out is still there."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdnserve.release.catalog import Representation
from cdnserve.release.encode import ContentCoding, Results

A, B = b"a" * 32, b"b" * 32
ENCODERS: dict[ContentCoding, str] = {"br": "brotli 1", "gzip": "zlib 1"}


@pytest.fixture
def state(tmp_path: Path) -> str:
    (tmp_path / "drafts").mkdir()
    return str(tmp_path)


def test_what_is_unknown_is_left_to_do() -> None:
    expected = [(A.hex(), 10, "br"), (A.hex(), 10, "gzip")]
    assert expected == list(Results({}, ENCODERS).jobs({A: 10}, {}))


def test_what_is_known_is_not_done_again() -> None:
    """Neither what paid nor what did not."""
    results = Results({}, ENCODERS)
    results.add([(A.hex(), "br", (5, B)), (A.hex(), "gzip", None)])
    assert [] == list(results.jobs({A: 10}, {B.hex(): 5}))


def test_a_coding_whose_blob_is_gone_is_made_again() -> None:
    results = Results({}, ENCODERS)
    results.add([(A.hex(), "br", (5, B)), (A.hex(), "gzip", None)])
    assert [(A.hex(), 10, "br")] == list(results.jobs({A: 10}, {}))


def test_a_coding_whose_blob_has_another_size_is_made_again() -> None:
    """What damage wrote into the results must not get into a catalog."""
    results = Results({}, ENCODERS)
    results.add([(A.hex(), "br", (6, B)), (A.hex(), "gzip", None)])
    assert [(A.hex(), 10, "br")] == list(results.jobs({A: 10}, {B.hex(): 5}))


def test_another_version_of_an_encoder_starts_afresh() -> None:
    """The other encoders' results stay, and so do the old ones for whoever goes back."""
    known: dict[str, dict[bytes, tuple[int, bytes] | None]] = {"brotli 1": {A: None}, "zlib 1": {A: None}}
    results = Results(known, {"br": "brotli 2", "gzip": "zlib 1"})
    assert [(A.hex(), 10, "br")] == list(results.jobs({A: 10}, {}))
    assert {A: None} == known["brotli 1"]


def test_representations_come_from_small_to_large() -> None:
    results = Results({}, {"br": "b", "gzip": "g", "zstd": "z"})
    results.add([(A.hex(), "zstd", (7, B)), (A.hex(), "br", (5, B)), (A.hex(), "gzip", (5, B))])
    expected = (Representation("br", 5, B), Representation("gzip", 5, B), Representation("zstd", 7, B))
    assert expected == results.representations(A)
    assert () == results.representations(B)


def test_results_last(state: str) -> None:
    results = Results.load(state)
    results.add([(A.hex(), "br", (5, B)), (A.hex(), "gzip", None)])
    results.save(state)
    assert [(A.hex(), 10, "zstd")] == list(Results.load(state).jobs({A: 10}, {B.hex(): 5}))


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xc1", id="no MessagePack"),
        pytest.param(b"\x01", id="another shape"),
    ],
)
def test_damaged_results_only_cost_time(state: str, octets: bytes) -> None:
    Path(state, "results").write_bytes(octets)
    assert 3 == len(list(Results.load(state).jobs({A: 10}, {})))

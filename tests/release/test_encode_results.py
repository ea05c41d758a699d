"""Results: a blob is encoded once by each encoder, as long as what came out is still there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cdnserve.release import encode
from cdnserve.release.catalog import Representation
from cdnserve.release.encode import Coded, Encodable, Job, Result, Results

A, B = b"a" * 32, b"b" * 32
BR, GZIP, CHEAP = Job(A.hex(), 10, "br"), Job(A.hex(), 10, "gzip"), Job(A.hex(), 10, "br", "cheap")
TEXT = Encodable(10, "full", ("br", "gzip"))
THERE = {B.hex(): 5}


@pytest.fixture
def state(tmp_path: Path) -> str:
    return str(tmp_path)


@pytest.fixture
def results(state: str) -> Results:
    """What was made with the full effort: br paid, gzip did not."""
    results = Results()
    results.add(state, [Result(BR, (5, B)), Result(GZIP, None)])
    return results


def test_what_is_unknown_is_left_to_do() -> None:
    assert [BR, GZIP] == list(Results().lacking({A: TEXT}, {}))


def test_what_is_known_is_not_done_again(results: Results) -> None:
    """Neither what paid nor what did not."""
    assert [] == list(results.lacking({A: TEXT}, THERE))


def test_another_effort_is_another_result(results: Results) -> None:
    assert [CHEAP] == list(results.lacking({A: Encodable(10, "cheap", ("br",))}, THERE))
    assert () == results.representations(A, Encodable(10, "cheap", ("br",)), THERE)


@pytest.mark.parametrize("there", [{}, {B.hex(): 6}], ids=["gone", "of another size"])
def test_a_coding_whose_blob_is_not_there_is_made_again(results: Results, there: dict[str, int]) -> None:
    """Neither what is lost nor what damage wrote into the results gets into a catalog."""
    assert [BR] == list(results.lacking({A: TEXT}, there))
    assert () == results.representations(A, TEXT, there)


def test_another_version_of_an_encoder_starts_afresh(
    state: str, results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other encoders' results stay, and so do the old ones for whoever goes back."""
    with monkeypatch.context() as newer:
        newer.setattr(encode, "ENCODERS", {**encode.ENCODERS, ("br", "full"): "brotli 2"})
        assert [BR] == list(Results.load(state).lacking({A: TEXT}, THERE))
        Results.load(state).add(state, [Result(BR, (6, A))])
    assert [] == list(Results.load(state).lacking({A: TEXT}, THERE))


def test_representations_come_from_small_to_large(state: str) -> None:
    results, text = Results(), Encodable(10, "full", ("br", "gzip", "zstd"))
    results.add(state, [Result(Job(A.hex(), 10, "zstd"), (7, B)), Result(BR, (5, A)), Result(GZIP, (5, A))])
    there = {A.hex(): 5, B.hex(): 7}
    expected = (Representation("br", 5, A), Representation("gzip", 5, A), Representation("zstd", 7, B))
    assert expected == results.representations(A, text, there)
    assert () == results.representations(B, text, there)


def test_a_coding_that_is_not_wanted_is_not_taken(results: Results) -> None:
    assert () == results.representations(A, Encodable(10, "full", ("gzip",)), THERE)


CODED: Coded = (5, B)


def test_the_effort_that_made_a_blob_is_known(results: Results) -> None:
    assert (BR,) == results.made(A, 10, "br", CODED)


def test_of_a_blob_that_nobody_knows_every_effort_may_have_made_it(results: Results) -> None:
    assert (BR, CHEAP) == results.made(A, 10, "br", (4, B))


def test_results_last(state: str, results: Results) -> None:
    """And what builders add at the same time is all kept."""
    Results.load(state).add(state, [Result(CHEAP, (5, B))])
    again = Results.load(state)
    assert [] == list(again.lacking({A: TEXT}, THERE))
    assert [] == list(again.lacking({A: Encodable(10, "cheap", ("br",))}, THERE))


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xc1\xff", id="no JSON"),
        pytest.param(b"[1]\n[2]\n", id="another shape"),
    ],
)
def test_damaged_results_only_cost_time(state: str, octets: bytes) -> None:
    Path(state, "results").write_bytes(octets)
    results = Results.load(state)
    assert [BR, GZIP] == list(results.lacking({A: TEXT}, {}))
    results.add(state, [Result(BR, None)])
    assert [GZIP] == list(Results.load(state).lacking({A: TEXT}, {}))


def test_a_line_that_was_cut_off_spoils_no_other(state: str, results: Results) -> None:
    os.truncate(f"{state}/results", os.path.getsize(f"{state}/results") - 9)
    Results.load(state).add(state, [Result(CHEAP, (5, B))])
    again = Results.load(state)
    assert [GZIP] == list(again.lacking({A: TEXT}, THERE))
    assert [] == list(again.lacking({A: Encodable(10, "cheap", ("br",))}, THERE))


@pytest.mark.parametrize("put", [os.mkfifo, os.mkdir], ids=["a FIFO", "a folder"])
def test_what_lies_in_place_of_the_results_is_replaced(state: str, put: Callable[[str], None]) -> None:
    os.mkdir(f"{state}/drafts")
    put(f"{state}/results")
    results = Results.load(state)
    results.add(state, [Result(BR, None)])
    assert [GZIP] == list(Results.load(state).lacking({A: TEXT}, {}))

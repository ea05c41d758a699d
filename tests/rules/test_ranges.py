"""Ranges (RFC 9110 §14): any value gives the whole, one slice inside it, or a refusal."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cdnserve.rules.ranges import Refusal, Slice, select

LENGTH = 10_000  # of the examples in §14.1.2


@pytest.mark.parametrize(
    ("value", "start", "length"),
    [
        pytest.param("bytes=0-499", 0, 500, id="§14.1.2: the first 500"),
        pytest.param("bytes=500-999", 500, 500, id="§14.1.2: the second 500"),
        pytest.param("bytes=-500", 9500, 500, id="§14.1.2: the final 500"),
        pytest.param("bytes=9500-", 9500, 500, id="§14.1.2: from 9500 on"),
        pytest.param("bytes=0-0", 0, 1, id="the first octet"),
        pytest.param("bytes=9999-9999", 9999, 1, id="the last octet"),
        pytest.param("bytes=-1", 9999, 1, id="the last octet by its distance from the end"),
        pytest.param("bytes=0-", 0, LENGTH, id="all, open"),
        pytest.param("bytes=0-10000", 0, LENGTH, id="the last position is one too large"),
        pytest.param("bytes=1-99999999999999999999", 1, 9999, id="the last position exceeds every machine number"),
        pytest.param("bytes=-10001", 0, LENGTH, id="more from the end than there is"),
        pytest.param("bytes=-99999999999999999999", 0, LENGTH, id="a suffix that exceeds every machine number"),
        pytest.param("bytes=" + "0" * 5_000 + "7-8", 7, 2, id="thousands of leading zeros"),
        pytest.param("BYTES=0-0", 0, 1, id="§14.1: range units are case-insensitive"),
        pytest.param("bytes=,0-0", 0, 1, id="§5.6.1.2: an empty element before"),
        pytest.param("bytes=0-0 , ,", 0, 1, id="§5.6.1.2: empty elements after"),
    ],
)
def test_a_satisfiable_range_is_a_slice(value: str, start: int, length: int) -> None:
    assert Slice(start, length) == select(value, LENGTH)


@pytest.mark.parametrize(
    ("value", "length"),
    [
        pytest.param("bytes=10000-", LENGTH, id="the first position is the length"),
        pytest.param("bytes=10000-10001", LENGTH, id="both positions are beyond the end"),
        pytest.param("bytes=99999999999999999999-", LENGTH, id="a first position that exceeds every machine number"),
        pytest.param("bytes=" + "9" * 5_000 + "-", LENGTH, id="thousands of digits"),
        pytest.param("bytes=-0", LENGTH, id="§14.1.2: a suffix of no octets"),
        pytest.param("bytes=-0", 0, id="a suffix of no octets of nothing"),
        pytest.param("bytes=0-", 0, id="§14.1.2: no first position is less than 0"),
        pytest.param("bytes=0-0", 0, id="the first octet of nothing"),
    ],
)
def test_a_range_outside_of_the_content_is_unsatisfiable(value: str, length: int) -> None:
    assert Refusal.UNSATISFIABLE is select(value, length)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("bytes=0-0,-1", id="§14.1.2: the first and last octet"),
        pytest.param("bytes= 0-999, 4500-5499, -1000", id="§14.1.2: the first, middle and last 1,000"),
        pytest.param("bytes=500-600,601-999", id="§14.1.2: adjoining ranges"),
        pytest.param("bytes=5-4", id="§14.1.1: the last position is less than the first"),
        pytest.param("bytes=10000-5", id="the last position is less than the first, which is beyond the end"),
        pytest.param("seconds=1-2", id="§14.2: an unknown unit"),
        pytest.param("bytes =1-2", id="a space before the sign"),
        pytest.param("", id="nothing"),
        pytest.param("bytes", id="the unit alone"),
        pytest.param("bytes=", id="no range"),
        pytest.param("bytes=,", id="only empty elements"),
        pytest.param("bytes=-", id="no number"),
        pytest.param("bytes=7", id="no hyphen"),
        pytest.param("bytes=1-2-3", id="two hyphens"),
        pytest.param("bytes=--1", id="a signed suffix"),
        pytest.param("bytes=+1-2", id="a signed position"),
        pytest.param("bytes=1_0-20", id="an underscore"),
        pytest.param("bytes=²-³", id="superscript digits"),
        pytest.param("bytes=\u0661-\u0662", id="Arabic digits"),
        pytest.param("bytes=1 -2", id="a space before the hyphen"),
        pytest.param("bytes=1- 2", id="a space after the hyphen"),
        pytest.param("bytes=1-2;q=1", id="a parameter"),
        pytest.param("bytes=1-2\n", id="a line feed at the end"),
        pytest.param("byte\u017f=1-2", id="a letter that folds to an ASCII one"),
    ],
)
def test_anything_else_is_ignored(value: str) -> None:
    assert select(value, LENGTH) is None


def test_a_suffix_of_no_content_is_ignored() -> None:
    """§14.1.2: satisfiable, and "the entire representation is used", which no Content-Range can name."""
    assert select("bytes=-5", 0) is None


lengths = st.integers(min_value=0, max_value=2**40)
numbers = st.integers(min_value=0, max_value=2**70)
_RANGE_LIKE = st.text(alphabet="bytesBYTES=-, \t0123456789²_+", max_size=40)


@given(st.text() | _RANGE_LIKE | _RANGE_LIKE.map("bytes={}".format), lengths)
@example("bytes=-0", 0)
def test_any_value_gives_the_whole_or_a_slice_inside_it(value: str, length: int) -> None:
    chosen = select(value, length)
    if isinstance(chosen, Slice):
        assert 0 <= chosen.start
        assert chosen.length >= 1
        assert chosen.start + chosen.length <= length
    else:
        assert chosen in (None, Refusal.UNSATISFIABLE)


@given(first=numbers, last=st.none() | numbers, length=lengths)
def test_an_int_range_means_what_the_standard_says(first: int, last: int | None, length: int) -> None:
    """§14.1.2, told again by sets of positions."""
    chosen = select(f"bytes={first}-{'' if last is None else last}", length)
    if last is not None and last < first:
        # §14.2: "MAY ignore or reject a Range header field that contains an invalid ranges-specifier".
        assert not isinstance(chosen, Slice)
    elif first >= length:
        assert Refusal.UNSATISFIABLE is chosen
    else:
        positions = range(first, length if last is None else min(last + 1, length))
        assert Slice(positions[0], len(positions)) == chosen


@given(suffix=st.integers(min_value=1, max_value=2**70), length=st.integers(min_value=1, max_value=2**40))
def test_a_suffix_range_is_the_end_of_the_content(suffix: int, length: int) -> None:
    chosen = select(f"bytes=-{suffix}", length)
    assert isinstance(chosen, Slice)
    assert min(suffix, length) == chosen.length
    assert length == chosen.start + chosen.length

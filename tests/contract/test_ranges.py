"""Ranges (RFC 9110 §14): one byte range of GET is answered with 206 or 416, anything else is ignored."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract import site as sites
from tests.contract.edges import Edge

PATH = "/any/1.0.0/font.woff2"  # without content codings
WHOLE = sites.FONT
SIZE = len(WHOLE)
EMPTY = "/any/1.0.0/empty.css"

PARTS = [
    pytest.param("bytes=0-0", 0, 0, id="the first octet"),
    pytest.param("bytes=0-4", 0, 4, id="the first five"),
    pytest.param("bytes=2-8", 2, 8, id="in the middle"),
    pytest.param("bytes=0-", 0, SIZE - 1, id="all, open"),
    pytest.param("bytes=9-", 9, SIZE - 1, id="from the tenth"),
    pytest.param(f"bytes={SIZE - 1}-", SIZE - 1, SIZE - 1, id="the last, open"),
    pytest.param(f"bytes={SIZE - 1}-{SIZE - 1}", SIZE - 1, SIZE - 1, id="the last"),
    pytest.param(f"bytes=0-{SIZE - 1}", 0, SIZE - 1, id="all, exactly"),
    pytest.param(f"bytes=0-{SIZE}", 0, SIZE - 1, id="one more than all"),
    pytest.param(f"bytes={SIZE - 1}-{SIZE}", SIZE - 1, SIZE - 1, id="the last and one more"),
    pytest.param("bytes=0-99999999", 0, SIZE - 1, id="many more than all"),
    pytest.param("bytes=5-18446744073709551615", 5, SIZE - 1, id="to 2^64 - 1"),
    pytest.param("bytes=5-18446744073709551616", 5, SIZE - 1, id="to 2^64"),
    pytest.param(f"bytes=5-{'9' * 5000}", 5, SIZE - 1, id="to a number of 5,000 digits"),
    pytest.param("bytes=-1", SIZE - 1, SIZE - 1, id="the last one"),
    pytest.param("bytes=-10", SIZE - 10, SIZE - 1, id="the last ten"),
    pytest.param(f"bytes=-{SIZE}", 0, SIZE - 1, id="as many last ones as there are"),
    pytest.param(f"bytes=-{SIZE + 1}", 0, SIZE - 1, id="more last ones than there are"),
    pytest.param(f"bytes=-{'9' * 5000}", 0, SIZE - 1, id="last ones by 5,000 digits"),
    pytest.param("bytes=00002-00008", 2, 8, id="leading zeros"),
    pytest.param(f"bytes={'0' * 5000}2-8", 2, 8, id="5,000 leading zeros"),
    # §14.1: "All range unit names are case-insensitive".
    pytest.param("BYTES=2-8", 2, 8, id="the unit in upper case"),
    pytest.param("Bytes=2-8", 2, 8, id="the unit in mixed case"),
    pytest.param(" \tbytes=2-8 \t", 2, 8, id="white space around the value"),
]

UNSATISFIABLE = [
    pytest.param(f"bytes={SIZE}-", id="from just beyond the end"),
    pytest.param(f"bytes={SIZE}-{SIZE}", id="just beyond the end"),
    pytest.param(f"bytes={SIZE}-{SIZE + 9}", id="beyond the end"),
    pytest.param(f"bytes={SIZE + 1}-", id="from further beyond"),
    pytest.param("bytes=99999999-", id="from far beyond"),
    pytest.param("bytes=18446744073709551615-", id="from 2^64 - 1"),
    pytest.param("bytes=18446744073709551616-18446744073709551617", id="from 2^64"),
    pytest.param(f"bytes={'9' * 5000}-", id="from a number of 5,000 digits"),
    # §14.1.2: a suffix-range is satisfiable where its length is not zero.
    pytest.param("bytes=-0", id="the last none"),
    pytest.param("bytes=-000", id="the last none, three zeros"),
]

# §14.2: MUST ignore a unit that it does not understand, MAY ignore an invalid or a plural set; ours ignores.
IGNORED = [
    pytest.param("", id="empty"),
    pytest.param("bytes", id="the unit alone"),
    pytest.param("bytes=", id="no range"),
    pytest.param("bytes=-", id="a hyphen"),
    pytest.param("=0-1", id="no unit"),
    pytest.param("0-1", id="no unit and no sign"),
    pytest.param("bytes 0-1", id="a space for the sign"),
    pytest.param("bytes:0-1", id="a colon for the sign"),
    pytest.param("bytes=0", id="no hyphen"),
    pytest.param("bytes=9-5", id="last before first"),
    pytest.param(f"bytes={SIZE}-5", id="first beyond the end, last before it"),
    pytest.param("bytes=alpha", id="letters"),
    pytest.param("bytes=10-alpha", id="a last of letters"),
    pytest.param("bytes=alpha-10", id="a first of letters"),
    pytest.param("bytes=--6", id="two hyphens"),
    pytest.param("bytes=---0", id="three hyphens"),
    pytest.param("bytes=-6-", id="a hyphen on either side"),
    pytest.param("bytes=-1-15", id="a first with a sign"),
    pytest.param("bytes=+1-5", id="a plus"),
    pytest.param("bytes=1-+5", id="a plus in the last"),
    pytest.param("bytes=1_0-20", id="an underscore"),
    pytest.param("bytes=0x1-5", id="hexadecimal"),
    pytest.param("bytes=1.0-5", id="a fraction"),
    pytest.param("bytes=1e1-20", id="an exponent"),
    pytest.param("bytes=\xb2-5", id="a superscript two"),
    pytest.param("bytes=1-\xb3", id="a superscript three"),
    pytest.param("bytes=\xd9\xa1-\xd9\xa9", id="Arabic digits in UTF-8"),
    pytest.param("bytes=0 -5", id="a space before the hyphen"),
    pytest.param("bytes=0- 5", id="a space after the hyphen"),
    pytest.param("bytes=0-5 6", id="a word after the range"),
    pytest.param("bytes=0-5/2000", id="a length after the range"),
    pytest.param("bytes=0-5;q=1", id="a parameter"),
    pytest.param("bytes==0-5", id="two equals signs"),
    pytest.param("bytes=bytes=0-5", id="the unit twice"),
    pytest.param('"bytes=0-5"', id="in quotes"),
    pytest.param("asdf", id="a word"),
    pytest.param("items=0-5", id="another unit"),
    pytest.param("Chars=0-10", id="a unit of letters"),
    pytest.param("none=0-5", id="the unit none"),
    pytest.param("bytesX=1-2", id="a unit that begins like ours"),
    pytest.param("Xbytes=1-2", id="a unit that ends like ours"),
    pytest.param("seconds=1.5-3", id="a unit with another syntax"),
    pytest.param("bytes=0-0,5-6", id="two ranges"),
    pytest.param("bytes=0-0, -1", id="two ranges, one from the end"),
    pytest.param("bytes=0-,1-,2-,3-,4-", id="five overlapping ranges"),
    pytest.param("bytes=1-2,3-5", id="two ranges that adjoin"),
    pytest.param("bytes=0-9999,0-0", id="a range within another"),
    pytest.param("bytes=0-9,99999999-", id="one satisfiable, one not"),
    pytest.param("bytes=99999998-,99999999-", id="two unsatisfiable ranges"),
    pytest.param("bytes=" + ",".join(f"{n}-{n}" for n in range(0, 2000, 2)), id="a thousand ranges"),
    pytest.param("bytes=" + "0-," * 2000 + "0-", id="two thousand times all"),
    pytest.param("bytes=0-5,x", id="a range and a word"),
    pytest.param("9" * 5000, id="5,000 digits"),
]


@pytest.mark.parametrize(("value", "first", "last"), PARTS)
def test_a_satisfiable_range_is_206(edge: Edge, value: str, first: int, last: int) -> None:
    """§15.3.7: the part, its place, and the fields of the 200."""
    full, response = edge.get(PATH), edge.get(PATH, ("Range", value))
    assert response.status == 206
    assert f"bytes {first}-{last}/{SIZE}" == response["content-range"]
    assert str(last - first + 1) == response["content-length"]
    assert WHOLE[first : last + 1] == response.body
    part = response.comparable("content-range", "content-length")[1]
    assert full.comparable("content-length")[1] == part


@pytest.mark.parametrize("value", UNSATISFIABLE)
def test_an_unsatisfiable_range_is_416(edge: Edge, value: str) -> None:
    """§15.5.17: SHOULD say the current length."""
    response = edge.get(PATH, ("Range", value))
    assert response.status == 416
    assert f"bytes */{SIZE}" == response["content-range"]


@pytest.mark.parametrize("value", IGNORED)
def test_anything_else_is_ignored(edge: Edge, value: str) -> None:
    full, response = edge.get(PATH), edge.get(PATH, ("Range", value))
    assert full.comparable() == response.comparable()


@pytest.mark.parametrize("value", ["bytes=2-8,", "bytes=,2-8", "bytes=, ,2-8 ,", "bytes=2-8,,"])
def test_empty_elements_of_the_set_are_no_ranges(edge: Edge, value: str) -> None:
    """§5.6.1.2: a recipient MUST parse and ignore a reasonable number of empty list elements; §14.2: MAY ignore all."""
    response = edge.get(PATH, ("Range", value))
    assert response.status in (200, 206)
    assert response.status == 200 or WHOLE[2:9] == response.body


@pytest.mark.parametrize(
    "values", [("bytes=0-1", "bytes=4-5"), ("bytes=0-1", "bytes=0-1"), ("bytes=0-1", ""), ("", "bytes=0-1")]
)
def test_a_range_on_several_lines_never_gives_another_part(edge: Edge, values: tuple[str, str]) -> None:
    """§5.3: combined, most of these are no range."""
    response = edge.get(PATH, *(("Range", value) for value in values))
    assert response.status in (200, 206)
    assert response.status == 200 or WHOLE[:2] == response.body


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("HEAD", PATH, 200, id="HEAD"),
        pytest.param("OPTIONS", PATH, 204, id="OPTIONS"),
        pytest.param("POST", PATH, 405, id="another method"),
        pytest.param("GET", "/any/1.0.0/absent.js", 404, id="a missing file"),
        pytest.param("GET", "/secret.txt", 404, id="an unlisted file"),
        pytest.param("GET", "/any/%zz", 400, id="a malformed path"),
    ],
)
@pytest.mark.parametrize("value", ["bytes=0-1", "bytes=99999999-", "bytes=-0"])
def test_ranges_are_for_the_200_of_a_get(edge: Edge, method: str, path: str, status: int, value: str) -> None:
    """§14.2: MUST ignore Range with any other method, and where the answer without it would be no 200."""
    with_range, without = edge.ask(method, path, ("Range", value)), edge.ask(method, path)
    assert status == with_range.status
    assert without.comparable() == with_range.comparable()


@pytest.mark.parametrize("folder", ["any/1.0.0", "fresh", "partners", "none"])
def test_accept_ranges_is_said_with_every_file(edge: Edge, folder: str) -> None:
    """§14.3."""
    for name in ("app.js", "tiny.txt", "empty.css"):
        for method in ("GET", "HEAD"):
            assert edge.ask(method, f"/{folder}/{name}")["accept-ranges"] == "bytes"
    assert edge.get(f"/{folder}/app.js", ("Range", "bytes=0-1"))["accept-ranges"] == "bytes"


@pytest.mark.parametrize("value", ["bytes=0-", "bytes=0-0", "bytes=1-", "bytes=0-128", "bytes=-0"])
def test_no_range_of_nothing_is_satisfiable(edge: Edge, value: str) -> None:
    """§14.1.2: first-pos must be less than the length, which is zero."""
    response = edge.get(EMPTY, ("Range", value))
    assert response.status == 416
    assert response["content-range"] == "bytes */0"


def test_the_last_octets_of_nothing_are_all_of_it(edge: Edge) -> None:
    """§14.1.2: a non-zero suffix is satisfiable, yet Content-Range can't say "none of 0"; so the whole, 200."""
    response = edge.get(EMPTY, ("Range", "bytes=-5"))
    assert (response.status, response.body) == (200, b"")


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_ranges_are_of_the_coded_representation(edge: Edge, coding: str) -> None:
    """§14.1.2: octets of the selected representation, which is the coded one."""
    accept = ("Accept-Encoding", coding)
    full = edge.get("/any/1.0.0/app.js", accept)
    part = edge.get("/any/1.0.0/app.js", accept, ("Range", "bytes=5-20"))
    assert (206, coding, full["etag"]) == (part.status, part["content-encoding"], part["etag"])
    assert f"bytes 5-20/{len(full.body)}" == part["content-range"]
    assert full.body[5:21] == part.body
    beyond = edge.get("/any/1.0.0/app.js", accept, ("Range", f"bytes={len(full.body)}-"))
    assert (416, f"bytes */{len(full.body)}") == (beyond.status, beyond["content-range"])


def test_a_file_put_together_from_ranges_is_the_file(edge: Edge) -> None:
    """A megabyte, fetched in uneven parts."""
    path, pieces, at = "/any/1.0.0/big.woff2", [], 0
    for step in (1, 2, 65_535, 65_536, 65_537, 262_144, 262_145, 1_048_576):
        response = edge.get(path, ("Range", f"bytes={at}-{at + step - 1}"))
        assert response.status == 206
        pieces.append(response.body)
        at += len(response.body)
    assert sites.BIG == b"".join(pieces)


_NUMBER = st.integers(0, 2_100) | st.integers(0, 2**70)


@settings(max_examples=150, deadline=None)
@given(first=st.none() | _NUMBER, last=st.none() | _NUMBER)
def test_any_range_gives_the_whole_or_a_slice_inside_it(edge: Edge, first: int | None, last: int | None) -> None:
    """§14.1.2, worked out again with Python's own slices."""
    first_text, last_text = ("" if number is None else str(number) for number in (first, last))
    response = edge.get(PATH, ("Range", f"bytes={first_text}-{last_text}"))
    if first is None:
        expected = (200, WHOLE) if last is None else (206, WHOLE[-last:]) if last else (416, None)
    elif last is not None and last < first:
        expected = (200, WHOLE)
    else:
        expected = (416, None) if first >= SIZE else (206, WHOLE[first : None if last is None else last + 1])
    assert expected[0] == response.status
    assert expected[1] is None or expected[1] == response.body


@settings(max_examples=150, deadline=None)
@given(value=st.text(st.sampled_from("bytes=0123456789-, \tx+_\xb2"), max_size=24))
def test_any_text_gives_the_whole_or_a_slice_inside_it(edge: Edge, value: str) -> None:
    response = edge.get(PATH, ("Range", value))
    assert response.status in (200, 206, 416)
    assert response.status == 416 or response.body in WHOLE

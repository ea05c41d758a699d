"""Where downloads arrive."""

from __future__ import annotations

import hashlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.npm.download import Buffer, Measured, continues, strong_validator
from cdnserve.rules.integrity import hash_expression
from tests.npm.registry import sha512


def test_memory_begins_anew() -> None:
    buffer = Buffer()
    buffer.write(b"half")
    buffer.restart('"1"')
    buffer.write(b"whole")
    assert (b"whole", 5, "") == (buffer.data, buffer.size, buffer.validator)


@pytest.mark.parametrize(
    ("integrity", "expected"),
    [
        pytest.param(sha512(b"other"), sha512(b"data"), id="sha512"),
        pytest.param("sha256-AAAA", hash_expression("sha256", hashlib.sha256(b"data").digest()), id="sha256"),
        pytest.param(f"sha256-AAAA {sha512(b'')}", sha512(b"data"), id="the strongest of two"),
        pytest.param("sha1-AAAA", "", id="one that does not count"),
        pytest.param("", "", id="none"),
    ],
)
def test_a_file_is_measured_on_the_way(integrity: str, expected: str) -> None:
    sink = Measured(io.BytesIO(), integrity)
    sink.restart("")
    sink.write(b"da")
    sink.write(b"ta")
    assert (4, expected) == (sink.size, sink.expression)


def test_what_was_begun_counts() -> None:
    sink = Measured(io.BytesIO(b"da"), sha512(b""), '"1"')
    assert (2, '"1"') == (sink.size, sink.validator)
    sink.write(b"ta")
    assert sha512(b"data") == sink.expression


def test_what_was_begun_can_be_forgotten() -> None:
    noted: list[str] = []
    file = io.BytesIO(b"something else")
    sink = Measured(file, sha512(b""), '"1"', noted.append)
    sink.restart('"2"')
    sink.write(b"data")
    assert (b"data", '"2"', ['"2"']) == (file.getvalue(), sink.validator, noted)
    assert sha512(b"data") == sink.expression


@pytest.mark.parametrize(
    ("entity_tag", "expected"),
    [
        pytest.param('"abc"', '"abc"', id="strong"),
        pytest.param('W/"abc"', "", id="weak"),
        pytest.param("abc", "", id="no quotes"),
        pytest.param('"a b"', "", id="a space"),
        pytest.param('"a"\r\nX: "', "", id="a line end"),
        pytest.param('"ü"', "", id="beyond ASCII"),
        pytest.param('""', "", id="empty"),
        pytest.param(f'"{"a" * 201}"', "", id="very long"),
        pytest.param("", "", id="none"),
    ],
)
def test_only_a_strong_entity_tag_can_continue_a_download(entity_tag: str, expected: str) -> None:
    assert expected == strong_validator(entity_tag)


@pytest.mark.parametrize(
    ("content_range", "expected"),
    [
        pytest.param("bytes 4-9/10", True, id="the rest"),
        pytest.param("bytes 4-9/*", True, id="the rest of something"),
        pytest.param("bytes 4-4/5", True, id="the last octet"),
        pytest.param("bytes 3-9/10", False, id="too early"),
        pytest.param("bytes 5-9/10", False, id="too late"),
        pytest.param("bytes 4-3/10", False, id="backwards"),
        pytest.param("bytes */10", False, id="nothing"),
        pytest.param("bytes ٤-9/10", False, id="other digits"),
        pytest.param("bytes 4-9", False, id="no length"),
        pytest.param("", False, id="absent"),
    ],
)
def test_a_part_continues_only_where_the_last_ended(content_range: str, expected: bool) -> None:
    assert expected == continues(content_range, 4)


@given(st.text(), st.integers(0, 100))
def test_any_content_range_is_read(text: str, size: int) -> None:
    assert continues(text, size) in (True, False)


@given(st.text())
def test_any_entity_tag_is_safe_in_a_field(text: str) -> None:
    assert all("\x21" <= character <= "\x7e" for character in strong_validator(text))

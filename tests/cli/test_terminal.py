"""What may be written to a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.cli.terminal import printable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a b/ü.js", "a b/ü.js", id="what can be printed stays"),
        pytest.param("a\x1b]0;title\x07", "a\\x1b]0;title\\x07", id="an escape sequence"),
        pytest.param("a\nb\r\tc", "a\\nb\\r\\tc", id="line breaks and tabs"),
        pytest.param("a\x9b31m", "a\\x9b31m", id="the one-octet introducer of sequences"),
        pytest.param("a\u202egnp.js", "a\\u202egnp.js", id="text that runs backwards"),
        pytest.param("a\udc80", "a\\udc80", id="an octet that is not UTF-8"),
        pytest.param("a\u2028b", "a\\u2028b", id="a line separator"),
    ],
)
def test_what_can_not_be_printed_is_escaped(text: str, expected: str) -> None:
    assert expected == printable(text)


@given(st.text())
def test_what_comes_out_is_always_printable_and_can_be_encoded(text: str) -> None:
    assert printable(text).isprintable()
    assert printable(text) == printable(text).encode().decode()
    assert printable(printable(text)) == printable(text)

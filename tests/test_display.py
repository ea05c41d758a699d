"""Foreign text in messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.display import LONGEST, counted, shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("dist/jquery.js", "dist/jquery.js", id="plain text stays"),
        pytest.param("\x1b]0;title\x07", "\\x1b]0;title\\x07", id="an escape sequence is shown as text"),
        pytest.param("a\r\nb", "a\\r\\nb", id="a line end can't begin a line of its own"),
        pytest.param("a\u202eb", "a\\u202eb", id="a direction override is shown as text"),
        pytest.param("a\udcffb", "a\\udcffb", id="an octet that is not UTF-8 can be encoded again"),
        pytest.param("x" * 200, "x" * 159 + "…", id="a long text is cut"),
    ],
)
def test_shown(text: str, expected: str) -> None:
    assert expected == shown(text)


@given(st.text(st.characters(exclude_categories=()), max_size=300))
def test_whatever_is_shown_is_safe_and_short(text: str) -> None:
    assert shown(text).isprintable()
    assert len(shown(text)) <= LONGEST
    shown(text).encode()


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        pytest.param(0, "0 octets", id="nothing"),
        pytest.param(1023, "1023 octets", id="below a unit"),
        pytest.param(1536, "1.5 KiB", id="a fraction"),
        pytest.param(2**28, "256 MiB", id="a limit"),
    ],
)
def test_counted(octets: int, expected: str) -> None:
    assert expected == counted(octets)

"""Text for people: what others wrote, sizes, and the nearest names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.display import LONGEST, alike, did_you_mean, excerpt, printable, readable_size


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
def test_excerpt(text: str, expected: str) -> None:
    assert expected == excerpt(text)


@given(st.text(st.characters(exclude_categories=()), max_size=300))
def test_whatever_is_shown_is_safe_and_short(text: str) -> None:
    assert excerpt(text).isprintable()
    assert len(excerpt(text)) <= LONGEST
    excerpt(text).encode()


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        pytest.param(0, "0 octets", id="nothing"),
        pytest.param(1023, "1023 octets", id="below a unit"),
        pytest.param(1536, "1.5 KiB", id="a fraction"),
        pytest.param(2**28, "256 MiB", id="a limit"),
    ],
)
def test_readable_size(octets: int, expected: str) -> None:
    assert expected == readable_size(octets)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        pytest.param("jqeury", "did you mean jquery?", id="letters that changed places"),
        pytest.param("vue", "did you mean vue?", id="the word itself"),
        pytest.param("react", "run cdnserve list", id="nothing is near"),
    ],
)
def test_did_you_mean(word: str, expected: str) -> None:
    assert expected == did_you_mean(word, ["jquery", "vue"], "run cdnserve list")


def test_the_nearest_word_comes_first() -> None:
    assert ["core.js", "cors.js"] == alike("core.jss", ["vue.js", "cors.js", "core.js"], most=2, cutoff=0.8)

"""Arrays: strings changed in the text; what is around them stays."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.manifest.arrays import array, quoted, with_elements


@given(st.text())
def test_a_quoted_text_is_read_again(text: str) -> None:
    plain = text.encode("utf-8", "replace").decode()
    assert plain == tomllib.loads(f"a = {quoted(plain)}")["a"]


@given(st.lists(st.text("ab\"\\'\n\x00é", max_size=3)))
def test_an_array_is_read_again(elements: list[str]) -> None:
    assert elements == tomllib.loads(f"a = {array(elements)}")["a"]


@pytest.mark.parametrize(
    ("text", "wanted", "expected"),
    [
        pytest.param("a = []", ["x"], 'a = ["x"]', id="the first one"),
        pytest.param('a = ["x"]', [], "a = []", id="the last one"),
        pytest.param('a = ["x" , "y"]', ["x"], 'a = ["x"]', id="a space before the comma"),
        pytest.param('a = [\n  "x",\n  "y",\n]', [], "a = [\n]", id="all lines"),
        pytest.param('a = [ # all\n  "x" ]', ["x", "y"], 'a = [ # all\n  "x",\n  "y" ]', id="the bracket on its line"),
        pytest.param('a = ["x",\n     "y"]', ["x", "y", "z"], 'a = ["x",\n     "y",\n     "z"]', id="aligned"),
        pytest.param('a = ["x", # one\n]', ["x", "y"], 'a = ["x", "y", # one\n]', id="beside a comment"),
    ],
)
def test_elements(text: str, wanted: list[str], expected: str) -> None:
    assert expected == with_elements(text, ("a",), wanted)


WORDS = ("p", "q", "r", "s")


@st.composite
def arrays(draw: st.DrawFn) -> str:
    """Write arrays of words in many ways."""
    words = draw(st.lists(st.sampled_from(WORDS), unique=True))
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    blanks = st.sampled_from(["", " ", newline, f" # a, b]{newline}", f"{newline}  "])
    text = "a = ["
    for index, word in enumerate(words):
        comma = "," if index < len(words) - 1 or draw(st.booleans()) else ""
        text += draw(blanks) + draw(st.sampled_from([f'"{word}"', f"'{word}'"])) + comma
    return f"{text}{draw(blanks)}]{newline}b = 1{newline}"


@given(arrays(), st.lists(st.sampled_from(WORDS), unique=True))
def test_the_array_says_what_is_wanted_and_keeps_its_comments(text: str, wanted: list[str]) -> None:
    changed = with_elements(text, ("a",), wanted)
    assert {"a": wanted, "b": 1} == tomllib.loads(changed)
    had = tomllib.loads(text)["a"]
    gone = len(set(had) - set(wanted))
    assert text.count("#") - gone <= changed.count("#") <= text.count("#")

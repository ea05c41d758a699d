"""Positions: everything that `tomllib` reads is found, where it was written."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.manifest.positions import Path, locate

DOCUMENT = '''
# [comment]
plain = 1            # = not a key
"quoted.key" = "a # b"
'literal' = 'c:\\d'
"esc\\u0061ped" = true
dotted . "in" . parts = 1979-05-27 07:32:00
text = """
one "two" ""three\\"""
four"""""
raw = \'\'\'
it''s \\ raw\'\'\'\'\'
list = [
  1, # first ]
  [ 2.5, [ ] ],
  { a = "x", b.c = [3] },

]
empty = {}

[table]
key = "value"
[ table . sub ]
key = 0x1f

[[array]]
n = 1
[[array.inner]]
m = 1
[[array.inner]]
m = 2
[array.side]
k = inf
[[ array ]]
n = 2
[[array.inner]]
m = 3
[super.implicit]
x = 1
[super]
'''


def leaves(value: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Yield every path of what tomllib read, tables and arrays too."""
    if path:
        yield path, value
    if isinstance(value, dict):
        for key, child in value.items():
            yield from leaves(child, (*path, key))
    if isinstance(value, list):
        for index, child in enumerate(value):
            yield from leaves(child, (*path, index))


def test_finds_everything_and_nothing_else() -> None:
    assert {path for path, _ in leaves(tomllib.loads(DOCUMENT))} == set(locate(DOCUMENT))


def test_a_value_can_be_read_again_where_it_stands() -> None:
    spans = locate(DOCUMENT)
    for path, value in leaves(tomllib.loads(DOCUMENT)):
        written = DOCUMENT[slice(*spans[path])]
        if not written.startswith("[[") and not isinstance(value, dict) and written != "[[ array ]]":
            assert value == tomllib.loads(f"again = {written}")["again"]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        pytest.param(("plain",), 3, id="a pair"),
        pytest.param(("list",), 13, id="an array begins"),
        pytest.param(("list", 0), 14, id="its first element"),
        pytest.param(("list", 1, 1), 15, id="an array in an array"),
        pytest.param(("list", 2, "b", "c", 0), 16, id="in an inline table"),
        pytest.param(("table",), 21, id="a header"),
        pytest.param(("table", "sub", "key"), 24, id="below a header of two names"),
        pytest.param(("array",), 26, id="an array of tables begins with its first"),
        pytest.param(("array", 0), 26, id="its first table"),
        pytest.param(("array", 0, "inner", 1, "m"), 31, id="an array of tables in an array of tables"),
        pytest.param(("array", 1), 34, id="its second table"),
        pytest.param(("array", 1, "inner", 0, "m"), 37, id="which has its own"),
        pytest.param(("super",), 40, id="a header counts for more than what implied it"),
    ],
)
def test_lines(path: Path, line: int) -> None:
    assert line == DOCUMENT.count("\n", 0, locate(DOCUMENT)[path][0]) + 1


keys = st.text(min_size=1, max_size=3)
values = st.recursive(
    st.one_of(st.text(max_size=5), st.integers(-9, 9), st.booleans(), st.dates(), st.floats(allow_nan=False)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=8,
)


@given(st.dictionaries(keys, values, max_size=4))
def test_agrees_with_tomllib_on_whatever_tomlkit_writes(document: dict[str, object]) -> None:
    text = tomlkit.dumps(document)
    assert {path for path, _ in leaves(tomllib.loads(text))} == set(locate(text))


@given(st.text("ab.\"'=[]{},# \n1", max_size=20))
def test_agrees_with_tomllib_on_all_that_it_accepts(text: str) -> None:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert {path for path, _ in leaves(document)} == set(locate(text))


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_line_ends(newline: str) -> None:
    text = newline.join(["a = [", " 1,", " 2]", "b = 3", ""])
    assert {("a",), ("a", 0), ("a", 1), ("b",)} == set(locate(text))
    assert "3" == text[slice(*locate(text)["b",])]

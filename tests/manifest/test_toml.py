"""Nodes: a value knows its line and its text, and a syntax error is told with its line."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.manifest.toml import Path, TomlNode, TomlSource, locate, parse

TEXT = """[cors.a]
list = [
  "first",
  "second"
]
"""


def at(node: TomlNode, *path: str | int) -> TomlNode:
    for part in path:
        node = dict(node.items())[part] if isinstance(part, str) else list(node.elements())[part]
    return node


def test_a_node_knows_its_place() -> None:
    element = at(parse(TEXT, "m.toml"), "cors", "a", "list", 1)
    assert ("m.toml:4", '"second"', "cors.a.list") == (element.where, element.written, element.label)


def test_a_table_stands_at_its_header() -> None:
    table = at(parse(TEXT, "m.toml"), "cors", "a")
    assert ("m.toml:1", "[cors.a]") == (table.where, table.written)


def test_what_goes_on_for_lines_is_cut() -> None:
    assert "[ …" == at(parse(TEXT, "m.toml"), "cors", "a", "list").written


def test_what_is_long_is_cut() -> None:
    written = at(parse(f'a = "{"x" * 500}"', "m.toml"), "a").written
    assert written.startswith('"xxx')
    assert written.endswith("x …")
    assert len(written) < 130


def test_a_path_that_is_not_found_stands_where_the_thing_around_it_does() -> None:
    source = TomlSource("m.toml", "\n\na = 1", {("a",): (2, 7)}, (0, 1))
    assert (3, 1) == (TomlNode(0, ("a", "b", 0), source).line, TomlNode(0, ("z",), source).line)


def test_only_tables_have_items_and_only_arrays_elements() -> None:
    node = at(parse(TEXT, "m.toml"), "cors", "a", "list", 0)
    assert ([], []) == (list(node.items()), list(node.elements()))


def test_a_label_shows_no_control_characters() -> None:
    label = at(parse('"\\u001b[2J" = 1', "m.toml"), "\x1b[2J").label
    assert "'\\x1b[2J'" == label


def test_a_mark_keeps_what_a_problem_quotes() -> None:
    node = at(parse("a = 1", "m.toml"), "a")
    assert ("m.toml:1", "1") == (node.mark(Problem("x", "")).where, node.mark(Problem("x", "")).value)
    assert "other" == node.mark(Problem("x", "", value="other")).value


SYNTAX = [
    pytest.param("a = 1\nb = \n", "m.toml:2", "b =", id="no value"),
    pytest.param("a = yes", "m.toml:1", "a = yes", id="no quotes"),
    pytest.param("a = 1\na = 2", "m.toml:2", "a = 2", id="a key twice"),
    pytest.param("[a]\n[a]", "m.toml:2", "[a]", id="a table twice"),
    pytest.param("a = [1,\n2", "m.toml:2", "2", id="an array that does not end"),
    pytest.param('a = "x', "m.toml:1", 'a = "x', id="a string that does not end"),
    pytest.param("a = 1\n=======\n", "m.toml:2", "=======", id="half a merge conflict"),
    pytest.param("a = 1\n\0\0", "m.toml:2", "\0\0", id="NUL"),
    pytest.param("a = 2024-13-01", "m.toml:1", "a = 2024-13-01", id="a date that is none"),
]


@pytest.mark.parametrize(("text", "where", "value"), SYNTAX)
def test_a_syntax_error_has_its_line(text: str, where: str, value: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(text, "m.toml")
    (problem,) = caught.value.problems
    assert ("toml-invalid", where, value) == (problem.reference, problem.where, problem.value)


CONFLICT = "a = 1\n<<<<<<< ours\nb = 1\n=======\nb = 2\n>>>>>>> theirs\n"


@pytest.mark.parametrize("text", [CONFLICT, CONFLICT.replace("\n", "\r\n"), CONFLICT.replace(" ours", "")])
def test_every_merge_conflict_is_told_and_nothing_else(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(text + "c = \n" + text, "m.toml")
    expected = [("manifest-conflict", "m.toml:2"), ("manifest-conflict", "m.toml:9")]
    assert expected == [(problem.reference, problem.where) for problem in caught.value.problems]


def test_what_looks_like_a_conflict_in_a_text_is_none() -> None:
    assert parse(f'a = """\n{CONFLICT}"""', "m.toml").value == {"a": CONFLICT}


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("a = yes", "text stands in double quotes, true and false don't"),
        ("[a]\n[a]", "a key or table may stand only once; each rule has its own [[publish]]"),
        ("a", ""),
    ],
)
def test_common_syntax_errors_have_a_hint(text: str, hint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(text, "m.toml")
    assert hint == caught.value.problems[0].hint


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a = " + "[" * 20_000 + "]" * 20_000, id="nested too deep"),
        pytest.param("a = " + "9" * 20_000, id="a number of too many digits"),
    ],
)
def test_what_can_not_be_read_is_no_traceback(text: str) -> None:
    """`tomllib` does not say where these are."""
    with pytest.raises(ConfigurationError) as caught:
        parse(text, "m.toml")
    assert [("toml-invalid", "m.toml")] == [(found.reference, found.where) for found in caught.value.problems]


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

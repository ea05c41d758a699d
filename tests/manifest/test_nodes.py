"""Nodes: a value knows its line and its text, and a syntax error is told with its line."""

from __future__ import annotations

import pytest

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.manifest.nodes import Node, Source, parse

TEXT = """[cors.a]
list = [
  "first",
  "second"
]
"""


def at(node: Node, *path: str | int) -> Node:
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
    source = Source("m.toml", "\n\na = 1", {("a",): (2, 7)}, (0, 1))
    assert (3, 1) == (Node(0, ("a", "b", 0), source).line, Node(0, ("z",), source).line)


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

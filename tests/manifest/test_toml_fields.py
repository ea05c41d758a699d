"""Shape: keys that we know, each of its kind, and a hint for what comes near."""

from __future__ import annotations

import pytest

from cdnserve.errors import Problem
from cdnserve.manifest.keys import CORS, PUBLISH, SITE
from cdnserve.manifest.toml import known_words, parse, read_fields
from tests.manifest.told import problems_of

UNKNOWN = [
    pytest.param("titel = 1", "titel", "known are schema, site, publish, cors, cache, libraries", id="nothing near"),
    pytest.param("[sites]", "sites", "did you mean site?", id="a table"),
    pytest.param("[[publsh]]", "publsh", "did you mean publish?", id="an array of tables"),
    pytest.param("[site]\nURL = 'x'", "URL", "did you mean url?", id="upper case"),
    pytest.param(
        "[cors.a]\nallow-null-origin = true\nmax_age = 1", "max_age", "did you mean max-age?", id="an underscore"
    ),
    pytest.param('"" = 1', "''", "known are schema, site, publish, cors, cache, libraries", id="an empty key"),
    pytest.param(
        '"\\u001b[2J" = 1', "'\\x1b[2J'", "known are schema, site, publish, cors, cache, libraries", id="a control"
    ),
]


@pytest.mark.parametrize(("text", "value", "hint"), UNKNOWN)
def test_an_unknown_key_is_told_with_what_comes_near(text: str, value: str, hint: str) -> None:
    (problem,) = problems_of(f"schema = 1\n{text}\n")
    assert ("key-unknown", value, hint) == (problem.reference, problem.value, problem.hint)


def test_the_message_names_the_whole_key() -> None:
    (problem,) = problems_of("schema = 1\n[site]\ncolour = 'x'\n")
    assert "no key has the name site.colour" == problem.message


TYPES = [
    pytest.param("site = 'x'", "site must be a table, not a string", "write it as a table: [site]", id="no table"),
    pytest.param(
        "[publish]\npath = 'a'",
        "publish must be an array of tables, not a table",
        "each rule begins with [[publish]], in two pairs of brackets",
        id="one pair of brackets",
    ),
    pytest.param(
        "publish = ['a']",
        "each element of publish must be a table, not a string",
        "each rule begins with [[publish]], in two pairs of brackets",
        id="a list of globs for rules",
    ),
    pytest.param(
        "[cors]\nallow-origins = []",
        "cors.allow-origins must be a table, not a list",
        "each policy is a table of its own: [cors.NAME]",
        id="a policy without a name",
    ),
    pytest.param(
        "cache = 5",
        "cache must be a table, not a whole number",
        "each policy is a table of its own: [cache.NAME]",
        id="no policies",
    ),
    pytest.param(
        "[site]\nname = 5", "site.name must be a string, not a whole number", "write it in quotes", id="no quotes"
    ),
    pytest.param(
        "[site]\nname = ['a']",
        "site.name must be a string, not a list",
        "write one string, without brackets",
        id="brackets",
    ),
    pytest.param(
        "[site]\nname = 1979-05-27", "site.name must be a string, not a date or time", "write it in quotes", id="a date"
    ),
    pytest.param(
        "[cors.a]\nallow-origins = ['https://a.example']\nallow-null-origin = 'true'",
        "cors.a.allow-null-origin must be true or false, not a string",
        "write it without quotes",
        id="a truth in quotes",
    ),
    pytest.param(
        "[cors.a]\nallow-null-origin = true\nmax-age = 0.5",
        "cors.a.max-age must be a whole number, not a number with a fraction",
        "",
        id="a fraction",
    ),
    pytest.param(
        "[cors.a]\nallow-origins = 'https://a.example'",
        "cors.a.allow-origins must be a list of strings, not a string",
        "write a list: ['https://a.example']",
        id="a single origin",
    ),
    pytest.param(
        "[cors.a]\nallow-null-origin = true\nallow-methods = [['GET']]",
        "each element of cors.a.allow-methods must be a string, not a list",
        "write one string, without brackets",
        id="a list in a list",
    ),
    pytest.param(
        "libraries = []", "libraries must be a table, not a list", "write it as a table: [libraries]", id="libraries"
    ),
]


@pytest.mark.parametrize(("text", "message", "hint"), TYPES)
def test_a_wrong_type_is_told_in_words(text: str, message: str, hint: str) -> None:
    (problem,) = [problem for problem in problems_of(f"schema = 1\n{text}\n") if not problem.warning]
    assert ("type-wrong", message, hint) == (problem.reference, problem.message, problem.hint)


def test_a_value_that_is_no_choice_is_told_with_what_comes_near() -> None:
    (problem,) = problems_of("schema = 1\n[[publish]]\npath = 'a'\ndocuments = 'liv'\n")
    assert ("publish.documents is one of sandbox, live", "did you mean live?") == (problem.message, problem.hint)


def test_elements_that_are_well_stay_beside_those_that_are_not() -> None:
    table = dict(parse("[a]\nallow-origins = ['x', 5, 'y']", "m").items())["a"]
    problems: list[Problem] = []
    fields = read_fields(table, CORS, problems)
    assert (("x", "y"), 1) == (fields.strings("allow-origins"), len(problems))


def test_what_was_not_written_has_its_default() -> None:
    table = parse("", "m")
    fields = read_fields(table, CORS, [])
    assert (("GET", "HEAD"), False, None) == (
        fields.strings("allow-methods"),
        fields.flag("allow-credentials"),
        fields.number("max-age"),
    )
    assert "" == read_fields(table, SITE, []).string("name")
    assert (()) == read_fields(table, PUBLISH, []).strings("path")
    assert [] == list(read_fields(table, PUBLISH, []).tables("path"))


def test_what_was_refused_is_not_missing_too() -> None:
    table = parse("path = 5", "m")
    problems: list[Problem] = []
    read_fields(table, PUBLISH, problems)
    assert ["type-wrong"] == [problem.reference for problem in problems]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("anny", "did you mean any?"),
        ("ANY", "did you mean any?"),
        ("xyz", "known are any, none"),
        ("", "known are any, none"),
    ],
)
def test_known_words(word: str, expected: str) -> None:
    assert expected == known_words(word, ["any", "none"])

"""npm's dialect of INI."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.libraries.registries.npmrc import expand, parse_npmrc


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a=1\nb = 2\r\nc  =  3 ", {"a": "1", "b": "2", "c": "3"}, id="spaces and line ends"),
        pytest.param("; a=1\n# b=2\n  # c=3\nd=4", {"d": "4"}, id="comments on lines of their own"),
        pytest.param("a=1 ; one\nb=2#two", {"a": "1", "b": "2"}, id="comments behind values"),
        pytest.param(r"a=1\;2\#3\\4\n", {"a": r"1;2#3\4\n"}, id="escaped signs of comments"),
        pytest.param("a=\"1 ; 2\"\nb='3 # 4'", {"a": "1 ; 2", "b": "3 # 4"}, id="quoted values"),
        pytest.param('a="x\\ny"', {"a": "x\ny"}, id="a line end in a quoted value"),
        pytest.param('a="x', {"a": '"x'}, id="an open quote"),
        pytest.param('a="\\q"', {"a": '"\\q"'}, id="a quoted value that is no JSON"),
        pytest.param("a='7'", {"a": "7"}, id="a quoted number stays text"),
        pytest.param("a", {"a": "true"}, id="a key without a value"),
        pytest.param("a=b=c", {"a": "b=c"}, id="an equals sign in the value"),
        pytest.param("=a", {}, id="no key"),
        pytest.param("a=1\na=2", {"a": "2"}, id="the last value counts"),
        pytest.param("a[]=1\na[]=2", {"a": "1\n2"}, id="a list"),
        pytest.param("a=1\n[section]\nb=2", {"a": "1"}, id="a section's keys are left out"),
        pytest.param("//h/:_authToken=${T}", {"//h/:_authToken": "secret"}, id="a token from the environment"),
        pytest.param("//${H}/:_authToken=x", {"//host/:_authToken": "x"}, id="a variable in the key"),
        pytest.param("", {}, id="an empty file"),
    ],
)
def test_parse_npmrc(text: str, expected: dict[str, str]) -> None:
    assert expected == parse_npmrc(text, {"T": "secret", "H": "host"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("${A}", "1", id="a variable"),
        pytest.param("x${A}y${A}z", "x1y1z", id="several"),
        pytest.param("${B}", "${B}", id="one that is not set stays"),
        pytest.param("${B?}", "", id="one that is not set may be empty"),
        pytest.param(r"\${A}", "${A}", id="an escaped one"),
        pytest.param(r"\\${A}", r"\1", id="an escaped backslash"),
        pytest.param("$A ${} ${${A}}", "$A ${} ${1}", id="what is no variable"),
    ],
)
def test_expand(text: str, expected: str) -> None:
    assert expected == expand(text, {"A": "1"})


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_any_text_is_read(text: str) -> None:
    assert all(isinstance(value, str) for value in parse_npmrc(text, {}).values())

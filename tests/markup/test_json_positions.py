"""JSON with the places of its strings and objects."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.markup.json_positions import places

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


def test_strings_have_paths_and_places() -> None:
    text = '{"imports": {"a\\u0062": "x\\"y"}, "list": ["z", 1]}'
    found = [(one.path, one.value, one.is_key, text[slice(*one.span)]) for one in places(text).texts]
    assert [
        (("imports",), "imports", True, '"imports"'),
        (("imports", "ab"), "ab", True, '"a\\u0062"'),
        (("imports", "ab"), 'x"y', False, '"x\\"y"'),
        (("list",), "list", True, '"list"'),
        (("list",), "z", False, '"z"'),
    ] == found


def test_objects_have_spans_and_first_members() -> None:
    text = '{ "a": {}, "b": { "c": 1 } }'
    found = {one.path: (text[slice(*one.span)], one.first) for one in places(text).objects}
    assert {("a",): ("{}", None), ("b",): ('{ "c": 1 }', 18), (): (text, 2)} == found


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("[]", id="a list"),
        pytest.param('{"a": }', id="no JSON"),
        pytest.param('{"a": 1} x', id="something behind"),
        pytest.param('{"a":' * 100_000, id="too deep"),
        pytest.param('{"a": "' + "x" * 2**20 + '"}', id="too long"),
    ],
)
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no JSON object|nests too deep|Expecting|Extra data"):
        places(text)


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=4), st.sampled_from([None, 1, "\t"]), st.booleans())
def test_every_span_holds_its_own_string(value: dict[str, object], indent: int | str | None, is_ascii: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=is_ascii)
    found = places(text)
    assert [one.value for one in found.texts] == [json.loads(text[slice(*one.span)]) for one in found.texts]
    assert all(isinstance(json.loads(text[slice(*one.span)]), dict) for one in found.objects)
    assert text.count('"') >= 2 * len(found.texts)

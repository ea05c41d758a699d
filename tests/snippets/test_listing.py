"""Listings: JSON for programs, lines for shells."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.snippets import as_hashes, as_json, elements
from cdnserve.snippets.notes import ALIAS
from tests.snippets.subjects import ALL, DEFAULT, SITE, alias, digest, subject


def test_json_has_an_object_for_each_subject() -> None:
    one = replace(subject("font", f"{SITE}/f.woff2", b"wOF2"), name="f.woff2", remarks=("new",))
    (found,) = json.loads(as_json([one], ALL))
    notes = found.pop("notes")
    assert {
        "path": "f.woff2",
        "url": f"{SITE}/f.woff2",
        "media_type": "font/woff2",
        "kind": "font",
        "size": 4,
        "exact": True,
        "integrity": {name: digest(name, b"wOF2") for name in ("sha256", "sha384", "sha512")},
        "tags": list(elements(one, ALL)),
    } == found
    assert ["new"] == notes[1:]


def test_json_of_an_alias_has_no_integrity() -> None:
    (found,) = json.loads(as_json([alias()], ALL))
    assert (False, {}, [ALIAS]) == (found["exact"], found["integrity"], found["notes"])
    assert "integrity" not in found["tags"][0]


def test_json_of_what_no_element_loads_still_has_its_integrity() -> None:
    (found,) = json.loads(as_json([subject("json")], DEFAULT))
    assert ([], {"sha384": digest("sha384", b"greet()")}) == (found["tags"], found["integrity"])


def test_json_of_nothing_is_an_empty_list() -> None:
    assert [] == json.loads(as_json([], DEFAULT))


@given(st.text())
def test_json_keeps_any_name(name: str) -> None:
    (found,) = json.loads(as_json([replace(subject(), name=name)], DEFAULT))
    assert name == found["path"]


def test_a_line_has_all_hash_expressions_and_the_name() -> None:
    one = replace(subject(), name="my file.js")
    expected = " ".join(digest(name, b"greet()") for name in ("sha256", "sha384", "sha512"))
    assert f"{expected}  my file.js" == as_hashes([one], ALL)


def test_an_alias_has_no_line() -> None:
    assert 1 == len(as_hashes([alias(), subject()], DEFAULT).splitlines())


@pytest.mark.parametrize("name", ["a\nsha384-x  b.js", "a\rb.js", "a\u2028b.js", "a\x1b[2Jb.js"])
def test_no_name_forges_a_line(name: str) -> None:
    (line,) = as_hashes([replace(subject(), name=name)], DEFAULT).splitlines()
    assert line.isprintable()

"""Pins: `[libraries]` in all its forms, each entry one package at one exact version."""

from __future__ import annotations

import pytest

from cdnserve.manifest.reading import parse_manifest
from cdnserve.manifest.values import Library
from tests.manifest.told import problems_of

FORMS = """schema = 1
[libraries]
jquery = "3.7.1"
"@fontsource/inter" = { version = "5.1.0", files = ["*.css", "files/*.woff2"] }
[libraries.bootstrap]
version = "5.3.3"
"""


def test_an_entry_is_a_version_or_a_table() -> None:
    assert (
        Library("jquery", "3.7.1"),
        Library("@fontsource/inter", "5.1.0", ("*.css", "files/*.woff2")),
        Library("bootstrap", "5.3.3"),
    ) == parse_manifest(FORMS).libraries


REFUSED = [
    pytest.param('"../x" = "1.0.0"', "library-name-invalid", "../x", id="a name that is a path"),
    pytest.param('"a\\u001b" = "1.0.0"', "library-name-invalid", "'a\\x1b'", id="a name with a control character"),
    pytest.param('jquery = "^3.7.1"', "library-version-invalid", '"^3.7.1"', id="a range"),
    pytest.param('jquery = "latest"', "library-version-invalid", '"latest"', id="a tag"),
    pytest.param('jquery = { version = "3.7" }', "library-version-invalid", '"3.7"', id="a range in a table"),
    pytest.param("jquery = 3.7", "type-wrong", "3.7", id="a number"),
    pytest.param("jquery = { version = 3 }", "type-wrong", "3", id="a number in a table"),
    pytest.param("jquery = {}", "key-missing", "{}", id="no version"),
    pytest.param('jquery = { version = "3.7.1", file = [] }', "key-unknown", "file", id="a key that we don't know"),
    pytest.param('jquery = { version = "3.7.1", files = [] }', "list-empty", "[]", id="no files"),
    pytest.param('jquery = { version = "3.7.1", files = "a" }', "type-wrong", '"a"', id="files that are no list"),
    pytest.param('jquery = { version = "3.7.1", files = ["dist/"] }', "glob-invalid", '"dist/"', id="a folder"),
]


@pytest.mark.parametrize(("entry", "reference", "value"), REFUSED)
def test_is_refused(entry: str, reference: str, value: str) -> None:
    (problem,) = problems_of(f"schema = 1\n[libraries]\n{entry}\n")
    assert (reference, "manifest.toml:3", value) == (problem.reference, problem.where, problem.value)


@pytest.mark.parametrize(
    ("version", "hint"),
    [("^3.7.1", 'write "3.7.1"'), ("v1.0.0+b", 'write "1.0.0"'), ("3.7", 'name all three numbers: "1.2.3"')],
)
def test_a_hint_says_the_version(version: str, hint: str) -> None:
    (problem,) = problems_of(f'schema = 1\n[libraries]\njquery = "{version}"\n')
    assert hint == problem.hint

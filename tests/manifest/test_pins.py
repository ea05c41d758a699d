"""Pins: `[libraries]` in all its forms, each entry one package in one version or several."""

from __future__ import annotations

import pytest

from cdnserve.manifest.reading import parse_manifest
from cdnserve.manifest.values import Library
from tests.manifest.told import problems_of

FORMS = """schema = 1
[libraries]
jquery = "3.7.1"
"@fontsource/inter" = { version = "5.1.0", files = ["*.css", "files/*.woff2"] }
vue = ["^3.4", "2.7.16"]
react = { version = ["18.x", ">=19 <20 || 20.0.0-rc.1"] }
[libraries.bootstrap]
version = "5.3.3"
"""


def test_an_entry_is_a_version_several_or_a_table() -> None:
    assert (
        Library("jquery", ("3.7.1",)),
        Library("@fontsource/inter", ("5.1.0",), ("*.css", "files/*.woff2")),
        Library("vue", ("^3.4", "2.7.16")),
        Library("react", ("18.x", ">=19 <20 || 20.0.0-rc.1")),
        Library("bootstrap", ("5.3.3",)),
    ) == parse_manifest(FORMS).libraries


REFUSED = [
    pytest.param('"../x" = "1.0.0"', "library-name-invalid", "../x", id="a name that is a path"),
    pytest.param('"a\\u001b" = "1.0.0"', "library-name-invalid", "'a\\x1b'", id="a name with a control character"),
    pytest.param('jquery = "latest"', "library-version-invalid", '"latest"', id="a tag"),
    pytest.param('jquery = ["^3", "next"]', "library-version-invalid", '"next"', id="a tag in a list"),
    pytest.param('jquery = { version = "beta" }', "library-version-invalid", '"beta"', id="a tag in a table"),
    pytest.param('jquery = ""', "library-version-invalid", '""', id="nothing"),
    pytest.param('jquery = "||"', "library-version-invalid", '"||"', id="nothing, twice"),
    pytest.param('jquery = "npm:x@1"', "library-version-invalid", '"npm:x@1"', id="another package"),
    pytest.param(
        'jquery = "git+https://a.example/b"', "library-version-invalid", '"git+https://a.example/b"', id="git"
    ),
    pytest.param("jquery = []", "list-empty", "[]", id="an empty list"),
    pytest.param('jquery = ["^3", "^3"]', "value-duplicate", '"^3"', id="a range twice"),
    pytest.param('jquery = ["^3", 3]', "type-wrong", "3", id="a number in a list"),
    pytest.param("jquery = { version = [] }", "list-empty", "[]", id="an empty list in a table"),
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


def test_a_hint_says_how_to_find_what_a_tag_stands_for() -> None:
    (problem,) = problems_of('schema = 1\n[libraries]\njquery = "latest"\n')
    assert "cdnserve add NAME@TAG" in problem.hint

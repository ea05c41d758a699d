"""The JSON Schema: it follows the reader, so that what an editor accepts the reader accepts too."""

from __future__ import annotations

import json
import tomllib

import pytest
from jsonschema import Draft202012Validator

from cdnserve.manifest.keys import CACHE, CORS, LIBRARY, PUBLISH, SITE, TOP, Keys
from cdnserve.manifest.schema import manifest_schema
from tests.manifest.test_reader import WHOLE
from tests.manifest.told import problems_of

SCHEMA = manifest_schema()


def errors(text: str) -> list[str]:
    return [error.message for error in Draft202012Validator(SCHEMA).iter_errors(tomllib.loads(text))]


def test_the_schema_is_a_schema_and_json() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA == json.loads(json.dumps(SCHEMA))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(WHOLE, id="all tables"),
        pytest.param("schema = 1", id="the least"),
        pytest.param('schema = 1\n[libraries]\na = { version = "1.0.0", files = ["*.js"] }', id="a library in a table"),
        pytest.param('schema = 1\n[libraries]\na = "^3.6"\nb = ">=1.2 <2 || 3.x"\nc = "*"', id="ranges"),
        pytest.param('schema = 1\n[libraries]\na = ["^3.6", "2.2.4"]', id="several versions"),
        pytest.param('schema = 1\n[libraries]\na = { version = ["v3", "2.2.4-rc.1"] }', id="several in a table"),
    ],
)
def test_a_good_manifest_is_valid(text: str) -> None:
    assert ([], ()) == (errors(text), problems_of(text))


BAD = [
    pytest.param("", id="no schema"),
    pytest.param("schema = 2", id="another schema"),
    pytest.param("schema = 1\ntitel = 1", id="an unknown key"),
    pytest.param("schema = 1\n[site]\ntitel = 1", id="an unknown key of the site"),
    pytest.param("schema = 1\n[site]\ncache-tags = ['X-Tags']", id="no such header for tags"),
    pytest.param("schema = 1\n[[publish]]\npath = 'a'\nexclude = 'b'", id="an unknown key of a rule"),
    pytest.param("schema = 1\n[cors.a]\nallow-origins = ['https://a.example']\nallow_headers = []", id="of a policy"),
    pytest.param("schema = 1\n[cache.a]\nmax-age = 1\ns-maxage = 1", id="of a cache policy"),
    pytest.param("schema = 1\n[libraries]\na = { version = '1.0.0', file = 'a' }", id="of a library"),
    pytest.param("schema = 1\n[[publish]]", id="no path"),
    pytest.param("schema = 1\n[[publish]]\npath = []", id="no glob"),
    pytest.param("schema = 1\n[[publish]]\npath = ['a', 'a']", id="a glob twice"),
    pytest.param("schema = 1\n[[publish]]\npath = 'a'\ndocuments = 'x'", id="no such choice"),
    pytest.param("schema = 1\n[[publish]]\npath = 'a'\ndigests = ['content']", id="no such digest"),
    pytest.param("schema = 1\n[publish]\npath = 'a'", id="a single rule"),
    pytest.param("schema = 1\n[cors.a]\nallow-null-origin = 'true'", id="a truth in quotes"),
    pytest.param("schema = 1\n[cors.a]\nallow-null-origin = true\nmax-age = 2147483648", id="too long an age"),
    pytest.param("schema = 1\n[cors.'a b']\nallow-null-origin = true", id="a policy's name"),
    pytest.param("schema = 1\n[cache.a]\nmax-age = -1", id="a negative age"),
    pytest.param("schema = 1\n[libraries]\n'../a' = '1.0.0'", id="a library's name"),
    pytest.param("schema = 1\n[libraries]\na = 'latest'", id="a tag"),
    pytest.param("schema = 1\n[libraries]\na = ''", id="an empty version"),
    pytest.param("schema = 1\n[libraries]\na = []", id="no version"),
    pytest.param("schema = 1\n[libraries]\na = ['^1', '^1']", id="a version twice"),
    pytest.param("schema = 1\n[libraries]\na = { version = [] }", id="no version in a table"),
]


@pytest.mark.parametrize("text", BAD)
def test_what_the_schema_refuses_the_reader_refuses(text: str) -> None:
    assert errors(text)
    assert any(not problem.warning for problem in problems_of(text))


def at(*path: str) -> object:
    value: object = SCHEMA
    for part in path:
        assert isinstance(value, dict)
        value = value[part]
    return value


@pytest.mark.parametrize(
    ("keys", "path"),
    [
        pytest.param(TOP, (), id="top"),
        pytest.param(SITE, ("properties", "site"), id="site"),
        pytest.param(PUBLISH, ("properties", "publish", "items"), id="publish"),
        pytest.param(CORS, ("properties", "cors", "additionalProperties"), id="cors"),
        pytest.param(CACHE, ("properties", "cache", "additionalProperties"), id="cache"),
    ],
)
def test_every_key_is_described_with_its_default(keys: Keys, path: tuple[str, ...]) -> None:
    assert False is at(*path, "additionalProperties")
    properties = at(*path, "properties")
    assert isinstance(properties, dict)
    assert [key.name for key in keys] == list(properties)
    for key in keys:
        default = list(key.default) if isinstance(key.default, tuple) else key.default
        assert (key.meaning, default) == (properties[key.name]["description"], properties[key.name].get("default"))


def test_every_key_of_a_library_is_described() -> None:
    forms = at("properties", "libraries", "additionalProperties", "anyOf")
    assert isinstance(forms, list)
    assert [key.name for key in LIBRARY] == list(forms[-1]["properties"])

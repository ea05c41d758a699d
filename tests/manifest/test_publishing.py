"""Publishing: rules keep their order and their lines, and none can stand that does nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.manifest.globs import matches
from cdnserve.manifest.publishing import covers
from cdnserve.manifest.reading import manifest_warnings, parse_manifest
from cdnserve.manifest.values import Rule
from cdnserve.rules.caching import IMMUTABLE, REVALIDATE
from cdnserve.rules.cors import ANY, NONE
from tests.manifest.told import Told, told

TWO_RULES = """schema = 1

[[publish]]
path = "npm/**"
except = "**/*.map"
cors = "any"
cache = "immutable"
documents = "live"
digests = ["unencoded", "repr"]

[[publish]]
path = ["a.js", "b/*"]
"""


def test_a_rule_is_what_its_table_says() -> None:
    first, second = parse_manifest(TWO_RULES).rules
    assert Rule(("npm/**",), ("**/*.map",), ANY, IMMUTABLE, "live", 3, ("unencoded", "repr")) == first
    assert Rule(("a.js", "b/*"), (), NONE, REVALIDATE, "sandbox", 11) == second


RULES = [
    pytest.param('cors = "any"', [("key-missing", 2)], id="no path"),
    pytest.param("path = []", [("list-empty", 3)], id="no glob"),
    pytest.param("path = 5", [("type-wrong", 3)], id="a path that is no text"),
    pytest.param('path = ["a", 5]', [("type-wrong", 3)], id="a glob that is no text"),
    pytest.param('path = "a/"', [("glob-invalid", 3)], id="a glob that names a folder"),
    pytest.param(
        'path = [\n"a/",\n"b",\n"/c"]', [("glob-invalid", 4), ("glob-invalid", 6)], id="each glob on its line"
    ),
    pytest.param('path = "**"\nexcept = "{a,b}"', [("glob-invalid", 4)], id="an exception that is no glob"),
    pytest.param('path = ["a", "a"]', [("value-duplicate", 3)], id="a glob twice"),
    pytest.param('path = "-/x"', [("glob-reserved", 3)], id="the server's own paths"),
    pytest.param('path = "**"\nexcept = ["-/**", ".*"]', [], id="what is never public may be excepted"),
    pytest.param('path = "**"\nexcept = []', [], id="no exception"),
    pytest.param('path = "**"\ndocuments = "inert"', [("value-unknown", 4)], id="documents that we don't know"),
    pytest.param('path = "**"\ndigests = []', [], id="no digests"),
    pytest.param('path = "**"\ndigests = ["sha-256"]', [("value-unknown", 4)], id="a digest that we don't know"),
    pytest.param('path = "**"\ndigests = "repr"', [("type-wrong", 4)], id="digests that are no list"),
    pytest.param('path = "**"\ndigests = ["repr", "repr"]', [("value-duplicate", 4)], id="a digest twice"),
    pytest.param('path = "**"\ncors = "sme"', [("name-unknown", 4)], id="a policy that is not there"),
    pytest.param('path = "**"\ncache = "sme"', [("name-unknown", 4)], id="a cache policy that is not there"),
    pytest.param('path = "**"\ncors = "immutable"', [("name-unknown", 4)], id="a cache policy for origins"),
    pytest.param('path = "**"\ncors = ["any"]', [("type-wrong", 4)], id="a list of policies"),
    pytest.param('path = "a"\nexcept = "a"', [("rule-unreachable", 3)], id="an exception that takes all back"),
    pytest.param('path = "a/**"\nexcept = "**"', [("rule-unreachable", 3)], id="an exception that takes more back"),
    pytest.param('path = "**"\nexcept = "a"', [], id="an exception that leaves something"),
]


@pytest.mark.parametrize(("table", "expected"), RULES)
def test_one_rule(table: str, expected: list[Told]) -> None:
    assert expected == told(f"schema = 1\n[[publish]]\n{table}\n")


ORDER = [
    pytest.param('path = "**"', 'path = "npm/**"', [("rule-unreachable", 5)], id="everything comes first"),
    pytest.param('path = "npm/**"', 'path = "npm/**"', [("rule-unreachable", 5)], id="the same glob again"),
    pytest.param('path = "npm/**"', 'path = "npm/a/*.js"', [("rule-unreachable", 5)], id="the folder around it"),
    pytest.param('path = "npm/**"', 'path = ["a", "npm/a"]', [("rule-unreachable", 5)], id="one of two globs"),
    pytest.param('path = "npm/**"', 'path = "**"', [], id="everything comes last"),
    pytest.param('path = "npm/*/**"', 'path = "npm/a/**"', [], id="what is not plain to see"),
    pytest.param('path = "npm/**"', 'path = "npm"', [], id="a file that is named like the folder"),
    pytest.param('path = "npm/**"', 'path = "npm2/**"', [], id="a folder that begins alike"),
    pytest.param('path = "**"\nexcept = "x"', 'path = "npm/**"', [], id="exceptions leave something over"),
]


@pytest.mark.parametrize(("first", "second", "expected"), ORDER)
def test_two_rules(first: str, second: str, expected: list[Told]) -> None:
    first = first.replace("\n", ", ")
    text = f"schema = 1\npublish = [\n{{ {first} }},\n\n{{ {second} }}\n]".replace("\n]", "]")
    assert expected == told(text)


def test_a_hidden_rule_is_told_which_one_hides_it() -> None:
    text = 'schema = 1\n[[publish]]\npath = "a"\n[[publish]]\npath = "**"\n[[publish]]\npath = "b"\n'
    (problem,) = manifest_warnings(text, "manifest.toml")
    assert "the rule on line 4 decides for every path that this matches" == problem.message


globs = st.lists(st.sampled_from(["a", "b", "*", "**", "a*"]), min_size=1, max_size=4).map("/".join)
paths = st.lists(st.sampled_from(["a", "b", "ab"]), min_size=1, max_size=4).map("/".join)


@given(globs, globs, paths)
def test_what_covers_a_glob_matches_all_that_it_does(wide: str, narrow: str, path: str) -> None:
    if covers(wide, narrow) and matches(narrow, path):
        assert matches(wide, path)


@pytest.mark.parametrize("glob", [".env", ".git/**", "a/.*", "manifest.toml", "manifest.lock", "a/.well-known/**"])
def test_a_glob_of_what_is_never_public_is_doubtful(glob: str) -> None:
    (warning,) = manifest_warnings(f'schema = 1\n[[publish]]\npath = "{glob}"\n')
    assert ("glob-never-public", "manifest.toml:3", True) == (warning.reference, warning.where, warning.warning)


@pytest.mark.parametrize("glob", [".well-known/**", "**", "*/manifest.toml", "a.b"])
def test_a_glob_of_what_may_be_public_is_not(glob: str) -> None:
    assert () == manifest_warnings(f'schema = 1\n[[publish]]\npath = "{glob}"\n')

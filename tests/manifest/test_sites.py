"""The site: its base URL is absolute and in the form that browsers use."""

from __future__ import annotations

import pytest

from cdnserve.manifest.reading import parse_manifest
from cdnserve.manifest.values import Site
from tests.manifest.told import problems_of, told


def site(url: str) -> str:
    return f"schema = 1\n[site]\nname = 'Acme'\nurl = '{url}'\n"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("https://cdn.example.com", "https://cdn.example.com", id="a host"),
        pytest.param("https://cdn.example.com/", "https://cdn.example.com", id="a trailing slash"),
        pytest.param("https://cdn.example.com:8443/a/b~%20c/", "https://cdn.example.com:8443/a/b~%20c", id="a path"),
        pytest.param("http://localhost:8000", "http://localhost:8000", id="http"),
        pytest.param("https://[::1]/x", "https://[::1]/x", id="IPv6"),
        pytest.param("https://a.example/a...b/..c", "https://a.example/a...b/..c", id="dots in names"),
    ],
)
def test_a_base_url_has_no_trailing_slash(url: str, expected: str) -> None:
    assert Site("Acme", expected) == parse_manifest(site(url)).site


def test_a_site_may_be_left_out() -> None:
    assert Site() == parse_manifest("schema = 1").site


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("", id="empty"),
        pytest.param("cdn.example.com", id="no scheme"),
        pytest.param("/cdn", id="relative"),
        pytest.param("ftp://cdn.example.com", id="another scheme"),
        pytest.param("https://", id="no host"),
        pytest.param("https://*.example.com", id="a wildcard"),
        pytest.param("https://me@cdn.example.com", id="a user"),
        pytest.param("https://CDN.example.com", id="upper case"),
        pytest.param("https://cdn.example.com:443/x", id="the default port"),
        pytest.param("https://cdn.example.com?a", id="a query"),
        pytest.param("https://cdn.example.com/#a", id="a fragment"),
        pytest.param("https://cdn.example.com//a", id="an empty segment"),
        pytest.param("https://cdn.example.com/a/../b", id="a parent"),
        pytest.param("https://cdn.example.com/a/%2E%2e", id="a parent in disguise"),
        pytest.param("https://cdn.example.com/./a", id="a dot segment"),
        pytest.param("https://cdn.example.com/%zz", id="a bad escape"),
        pytest.param("https://cdn.example.com/a b", id="a space"),
        pytest.param("https://cdn.example.com/<a>", id="angle brackets"),
        pytest.param("https://cdn.example.com/ü", id="not ASCII"),
        pytest.param("https://cdn.example.com\\a", id="a backslash"),
    ],
)
def test_another_url_is_refused(url: str) -> None:
    assert [("site-url-invalid", 4)] == told(site(url))


def test_all_that_is_wrong_with_a_url_is_told() -> None:
    messages = [problem.message for problem in problems_of(site("https://CDN.example.com/../a?b"))]
    assert [
        "the URL is not in the form that browsers use",
        "a base URL has no query and no fragment",
        "the path of the URL is not normal",
    ] == messages


@pytest.mark.parametrize("name", ['"a\\nb"', '"\\u001b[2J"', '"""a\nb"""'])
def test_a_name_is_one_line(name: str) -> None:
    assert [("site-name-invalid", 3)] == told(f"schema = 1\n[site]\nname = {name}\n")


@pytest.mark.parametrize("key", ["unpkg-addresses", "cdnjs-addresses"])
def test_other_shapes_of_addresses_are_asked_for_by_one_line_each(key: str) -> None:
    wanted = parse_manifest(f"schema = 1\n[site]\n{key} = true\n").site
    assert (key == "unpkg-addresses", key == "cdnjs-addresses") == (wanted.unpkg_addresses, wanted.cdnjs_addresses)
    assert Site() == parse_manifest(f"schema = 1\n[site]\n{key} = false\n").site
    assert [("type-wrong", 3)] == told(f"schema = 1\n[site]\n{key} = 'yes'\n")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("[]", (), id="none"),
        pytest.param('["Surrogate-Key"]', ("Surrogate-Key",), id="one"),
        pytest.param('["Surrogate-Key", "Cache-Tag"]', ("Cache-Tag", "Surrogate-Key"), id="both, in our order"),
    ],
)
def test_tags_are_asked_for_by_the_header_that_has_them(value: str, expected: tuple[str, ...]) -> None:
    assert expected == parse_manifest(f"schema = 1\n[site]\ncache-tags = {value}\n").site.cache_tags


@pytest.mark.parametrize(
    ("value", "reference"),
    [
        pytest.param('["Edge-Cache-Tag"]', "value-unknown", id="another header"),
        pytest.param('["cache-tag"]', "value-unknown", id="in another case"),
        pytest.param('["Cache-Tag", "Cache-Tag"]', "value-duplicate", id="twice"),
        pytest.param('"Cache-Tag"', "type-wrong", id="no list"),
        pytest.param("[1]", "type-wrong", id="no text"),
    ],
)
def test_another_header_for_tags_is_refused(value: str, reference: str) -> None:
    assert [(reference, 3)] == told(f"schema = 1\n[site]\ncache-tags = {value}\n")

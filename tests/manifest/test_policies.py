"""Policies: what a table says is what the policy says, and insecure ones can't be written."""

from __future__ import annotations

import pytest

from cdnserve.manifest.reading import parse_manifest
from cdnserve.rules.caching import IMMUTABLE, REVALIDATE, Cache
from cdnserve.rules.cors import ANY, NONE, Policy
from tests.manifest.told import Told, told

RULE = 'schema = 1\n[[publish]]\npath = "**"\n'

WHOLE = """
cors = "partners"
cache = "weekly"
[cors.partners]
allow-origins = ["https://app.example.com", "https://*.example.org:*"]
allow-credentials = true
allow-methods = ["GET", "PUT"]
allow-headers = ["X-Requested-With"]
expose-headers = ["ETag"]
max-age = 0
allow-private-network = true
[cache.weekly]
max-age = 604800
shared-max-age = 86400
stale-while-revalidate = 0
cdn-max-age = 31536000
cdn-stale-while-revalidate = 60
"""


def test_a_policy_is_what_its_table_says() -> None:
    (rule,) = parse_manifest(RULE + WHOLE).rules
    assert rule.cors == Policy(
        "partners",
        allow_origins=("https://app.example.com", "https://*.example.org:*"),
        allow_credentials=True,
        allow_methods=("GET", "PUT"),
        allow_headers=("X-Requested-With",),
        expose_headers=("ETag",),
        max_age=0,
        allow_private_network=True,
    )
    assert rule.cache == Cache(
        "weekly",
        max_age=604_800,
        shared_max_age=86_400,
        stale_while_revalidate=0,
        cdn_max_age=31_536_000,
        cdn_stale_while_revalidate=60,
    )


def test_what_is_left_out_has_its_default() -> None:
    text = 'cors = "a"\ncache = "b"\n[cors.a]\nallow-origins = ["https://a.example"]\n[cache.b]\nmax-age = 1\n'
    (rule,) = parse_manifest(RULE + text).rules
    assert (Policy("a", ("https://a.example",)), Cache("b", max_age=1)) == (rule.cors, rule.cache)


@pytest.mark.parametrize(
    ("cors", "cache", "policy", "caching"),
    [("any", "immutable", ANY, IMMUTABLE), ("none", "revalidate", NONE, REVALIDATE)],
)
def test_every_manifest_has_these(cors: str, cache: str, policy: Policy, caching: Cache) -> None:
    (rule,) = parse_manifest(f'{RULE}cors = "{cors}"\ncache = "{cache}"\n').rules
    assert (policy, caching) == (rule.cors, rule.cache)


def test_only_the_null_origin_may_be_listed() -> None:
    (rule,) = parse_manifest(RULE + 'cors = "a"\n[cors.a]\nallow-null-origin = true\n').rules
    assert ((), True) == (rule.cors.allow_origins, rule.cors.allow_null_origin)


ORIGINS = 'allow-origins = ["https://a.example"]'

CORS = [
    pytest.param("", [("origin-missing", 5)], id="no origin"),
    pytest.param("allow-origins = []", [("origin-missing", 5)], id="an empty list of origins"),
    pytest.param("allow-origins = 1", [("type-wrong", 6)], id="origins of a wrong type are not also missing"),
    pytest.param("allow-origins = [1]", [("type-wrong", 6)], id="nor is an origin of a wrong type"),
    pytest.param('allow-origins = ["*"]', [("origin-any", 6)], id="a star"),
    pytest.param(
        'allow-origins = ["*"]\nallow-credentials = true', [("credentials-with-any", 6)], id="a star with credentials"
    ),
    pytest.param(
        f"{ORIGINS}\nallow-null-origin = true\nallow-credentials = true",
        [("credentials-with-null", 7)],
        id="null with credentials",
    ),
    pytest.param(
        'allow-origins = [\n"https://a.example",\n"https://a.example/",\n"http://b.example"]',
        [("origin-path", 8), ("origin-insecure", 9)],
        id="each origin on its line",
    ),
    pytest.param(
        'allow-origins = ["http://b.example"]\ntolerate-insecure-origins = true', [], id="an insecure one, tolerated"
    ),
    pytest.param(
        'allow-origins = ["https://*.github.io"]\ntolerate-public-suffixes = true', [], id="a public suffix, tolerated"
    ),
    pytest.param(f"{ORIGINS}\nallow-methods = []", [], id="no method besides those that need no preflight"),
    pytest.param(f'{ORIGINS}\nallow-methods = ["get"]', [("method-case", 7)], id="a method in lower case"),
    pytest.param(f'{ORIGINS}\nallow-headers = ["*"]', [], id="every request header"),
    pytest.param(f'{ORIGINS}\nallow-headers = ["*", "Authorization"]', [], id="every request header and Authorization"),
    pytest.param(
        f'{ORIGINS}\nallow-credentials = true\nallow-headers = ["*", "Authorization"]',
        [("header-redundant", 8)],
        id="with credentials * is Authorization too",
    ),
    pytest.param(f'{ORIGINS}\nallow-headers = ["*", "X-A"]', [("header-redundant", 7)], id="a star and a header"),
    pytest.param(f'{ORIGINS}\nallow-headers = ["Cookie"]', [("header-forbidden", 7)], id="a forbidden request header"),
    pytest.param(f'{ORIGINS}\nallow-headers = ["X-A", "x-a"]', [("value-duplicate", 7)], id="a header twice"),
    pytest.param(f'{ORIGINS}\nexpose-headers = ["*"]', [], id="every response header"),
    pytest.param(f'{ORIGINS}\nexpose-headers = ["*", "ETag"]', [("header-redundant", 7)], id="a star and more"),
    pytest.param(
        f'{ORIGINS}\nallow-credentials = true\nexpose-headers = ["*"]',
        [("credentials-with-any-header", 8)],
        id="every response header with credentials",
    ),
    pytest.param(
        f'{ORIGINS}\nexpose-headers = ["Set-Cookie"]', [("header-forbidden", 7)], id="a forbidden response header"
    ),
    pytest.param(f"{ORIGINS}\nmax-age = 86400", [], id="the longest age"),
    pytest.param(f"{ORIGINS}\nmax-age = 2147483648", [("age-invalid", 7)], id="too long an age"),
    pytest.param(f"{ORIGINS}\nmax-age = -1", [("age-invalid", 7)], id="a negative age"),
    pytest.param(f"{ORIGINS}\nmax-age = true", [("type-wrong", 7)], id="a truth is no age"),
    pytest.param(f"{ORIGINS}\nmax-age = 1.0", [("type-wrong", 7)], id="a fraction is no age"),
    pytest.param(
        'allow-origins = ["https://a.example", "https://a.example"]', [("value-duplicate", 6)], id="an origin twice"
    ),
]


@pytest.mark.parametrize(("table", "expected"), CORS)
def test_cors(table: str, expected: list[Told]) -> None:
    assert expected == told(f'{RULE}cors = "a"\n[cors.a]\n{table}\n')


CACHE = [
    pytest.param("max-age = 0", [], id="no time at all"),
    pytest.param("max-age = 2147483647", [], id="the longest time"),
    pytest.param("max-age = 2147483648", [("age-invalid", 6)], id="too long a time"),
    pytest.param("", [], id="no age"),
    pytest.param("shared-max-age = 5", [], id="an age for shared caches only"),
    pytest.param('max-age = "5"', [("type-wrong", 6)], id="an age in quotes"),
    pytest.param("max-age = 1\nstale-while-revalidate = -1", [("age-invalid", 7)], id="a negative time"),
    pytest.param("cdn-max-age = 5", [], id="an age for a CDN only"),
    pytest.param("cdn-max-age = 2147483648", [("age-invalid", 6)], id="too long a time for a CDN"),
    pytest.param("cdn-stale-while-revalidate = -1", [("age-invalid", 6)], id="a negative time for a CDN"),
]


@pytest.mark.parametrize(("table", "expected"), CACHE)
def test_cache(table: str, expected: list[Told]) -> None:
    assert expected == told(f'{RULE}cache = "a"\n[cache.a]\n{table}\n')


NAMES = [
    pytest.param("[cors.any]", "name-reserved", id="any"),
    pytest.param("[cors.none]", "name-reserved", id="none"),
    pytest.param("[cache.immutable]", "name-reserved", id="immutable"),
    pytest.param("[cache.revalidate]", "name-reserved", id="revalidate"),
    pytest.param('[cors."a b"]', "name-invalid", id="a space"),
    pytest.param('[cors.""]', "name-invalid", id="empty"),
    pytest.param("[cache._a]", "name-invalid", id="an underscore first"),
    pytest.param(f"[cache.{'a' * 65}]", "name-invalid", id="too long"),
]


@pytest.mark.parametrize(("header", "reference"), NAMES)
def test_names(header: str, reference: str) -> None:
    body = 'allow-origins = ["https://a.example"]' if "cors" in header else "max-age = 1"
    assert [(reference, 4)] == told(f"{RULE}{header}\n{body}\n")


def test_a_reserved_name_keeps_its_meaning() -> None:
    """A policy that is refused is not also unknown to the rules."""
    assert [("name-reserved", 5)] == told(f'{RULE}cors = "any"\n[cors.any]\nallow-origins = ["https://a.example"]\n')


@pytest.mark.parametrize("name", ["a", "A-1_b.c", "a" * 64, "immutable"])
def test_a_name_is_accepted(name: str) -> None:
    text = f'{RULE}cors = "{name}"\n[cors."{name}"]\nallow-origins = ["https://a.example"]\n'
    assert [] == told(text)

"""From a store's rules to a policy: the same or less, and every difference told."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cdnserve.errors import ConfigurationError
from cdnserve.manifest.reader import parse_manifest, read_manifest
from cdnserve.manifest.s3_cors import StoreRule, covers
from cdnserve.manifest.s3_cors_translate import append_policy, policy_name, policy_text, taken_names, translate
from cdnserve.rules.cors import ANY, NONE, CompiledPolicy, Policy, Preflight, Verdict

APP, OTHER = "https://app.example.com", "https://other.example.com"


def rule(
    *origins: str, methods: str = "GET HEAD", allow: str = "", expose: str = "", age: int | None = None
) -> StoreRule:
    return StoreRule(1, "", origins, tuple(methods.split()), tuple(allow.split()), tuple(expose.split()), age)


def policy_of(*rules: StoreRule) -> Policy:
    policy = translate(rules, "store").policy
    assert policy is not None
    return policy


def told(*rules: StoreRule) -> list[tuple[str, str]]:
    differences = translate(rules, "store").differences
    assert all(problem.warning for problem in differences)
    return [(one.reference, one.value) for one in differences if one.reference != "store-cors-credentials"]


def test_what_has_an_equivalent_is_translated() -> None:
    found = translate([rule(APP, "https://*.example.org", allow="Content-Type", expose="ETag", age=60)], "store")
    expected = Policy(
        "store",
        allow_origins=(APP, "https://*.example.org"),
        allow_headers=("Content-Type",),
        expose_headers=("ETag",),
        max_age=60,
    )
    assert expected == found.policy
    assert ["store-cors-credentials"] == [problem.reference for problem in found.differences]


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param("https://app-*.example.com", id="a part of a label"),
        pytest.param("https://*", id="every host"),
        pytest.param("http*://app.example.com", id="a part of a scheme"),
        pytest.param("*.example.com", id="no scheme"),
        pytest.param("https://app.example.com:*", id="every port, but not none"),
        pytest.param("https://*.*.example.com", id="two stars"),
        pytest.param("https://*.github.io", id="a public suffix"),
        pytest.param("http://app.example.com", id="not secure"),
        pytest.param("https://App.example.com", id="what no browser sends"),
        pytest.param("https://app.example.com/", id="a path"),
        pytest.param("https://app.example.com:443", id="the scheme's own port"),
    ],
)
def test_an_origin_without_equivalent_is_left_out(pattern: str) -> None:
    assert (APP,) == policy_of(rule(APP, pattern)).allow_origins
    assert [("store-cors-origin", pattern)] == told(rule(APP, pattern))


def test_no_hint_names_a_wider_pattern() -> None:
    hints = [problem.hint for problem in translate([rule("https://app-*.example.com", APP)], "x").differences]
    assert not [hint for hint in hints if "*" in hint]


def test_null_is_a_flag() -> None:
    found = policy_of(rule(APP, "null"))
    assert ((APP,), True) == (found.allow_origins, found.allow_null_origin)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        pytest.param([rule(APP, methods="GET PUT")], [("store-cors-method", "PUT")], id="one method"),
        pytest.param([rule(APP), rule(OTHER, methods="PUT")], [("store-cors-method", "PUT")], id="a whole rule"),
        pytest.param([rule(APP), rule(OTHER, methods="HEAD")], [("store-cors-method", "HEAD")], id="HEAD alone"),
    ],
)
def test_methods_that_are_never_answered_are_told(rules: list[StoreRule], expected: list[tuple[str, str]]) -> None:
    assert (APP,) == policy_of(*rules).allow_origins
    assert expected == told(*rules)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param("X-A X-B", "x-b", ("X-B",), id="what both have"),
        pytest.param("*", "X-A", ("X-A",), id="all and some"),
        pytest.param("*", "*", ("*", "Authorization"), id="all, and what a policy's * does not cover"),
        pytest.param("* Authorization", "*", ("*", "Authorization"), id="all, and one again"),
        pytest.param("*", "Authorization", ("Authorization",), id="all, and what no * covers"),
        pytest.param("x-*", "X-A", ("X-A",), id="a pattern that covers it"),
        pytest.param("X-A", "", (), id="none"),
        pytest.param("Host *", "Host X-A", ("X-A",), id="one that no script can send"),
    ],
)
def test_of_several_rules_only_common_headers_hold(first: str, second: str, expected: tuple[str, ...]) -> None:
    assert expected == policy_of(rule(APP, allow=first), rule(OTHER, allow=second)).allow_headers


@pytest.mark.parametrize(
    ("methods", "expected"),
    [
        pytest.param(("GET",), (), id="to any request"),
        pytest.param(("HEAD",), (), id="to HEAD"),
        pytest.param(("PUT",), ("ETag",), id="to an upload only"),
    ],
)
def test_what_an_earlier_rule_hides_is_not_exposed(methods: tuple[str, ...], expected: tuple[str, ...]) -> None:
    """A store answers with the first rule that matches, also where no origin of that one is taken."""
    listed = StoreRule(2, "", ("https://a.example",), ("GET",), expose_headers=("ETag",))
    for order in ([StoreRule(1, "", ("*",), methods), listed], [listed, StoreRule(1, "", ("*",), methods)]):
        policy = translate(order, "store").policy
        assert policy
        assert (expected if order[1] is listed else ("ETag",)) == policy.expose_headers


def test_a_header_that_is_left_out_is_told() -> None:
    rules = [rule(APP, allow="x-amz-* X-A Host", expose="ETag"), rule(OTHER, expose="Set-Cookie")]
    expected = {("store-cors-header", name) for name in ("x-amz-*", "X-A", "Host", "ETag", "Set-Cookie")}
    assert expected == set(told(*rules))


@pytest.mark.parametrize(
    ("ages", "expected"),
    [
        pytest.param((10, 20), 10, id="the shortest"),
        pytest.param((10, None), None, id="the browser's own where one says none"),
        pytest.param((None, None), None, id="none"),
        pytest.param((10, 10), 10, id="the same"),
    ],
)
def test_of_several_times_the_shortest_holds(ages: tuple[int | None, int | None], expected: int | None) -> None:
    rules = [rule(origin, age=age) for origin, age in zip((APP, OTHER), ages, strict=True)]
    assert expected == policy_of(*rules).max_age
    assert [("store-cors-max-age", str(age)) for age in ages if age not in (None, expected)] == told(*rules)


WIDE = rule("*", allow="*", expose="*")


@pytest.mark.parametrize(
    ("rules", "take_any", "expected"),
    [
        pytest.param([WIDE], False, ANY, id="as wide as any"),
        pytest.param([rule("*")], False, None, id="narrower in headers"),
        pytest.param([rule("*", allow="*")], False, None, id="narrower in exposed headers"),
        pytest.param([rule("*", methods="GET", allow="*", expose="*")], False, None, id="narrower in methods"),
        pytest.param([rule("*")], True, ANY, id="narrower, but a person accepts it"),
        pytest.param([rule("*", methods="PUT")], True, None, id="no page reads"),
        pytest.param([rule(APP, methods="PUT"), WIDE], False, ANY, id="behind a rule that lets no page read"),
    ],
)
def test_every_origin(rules: list[StoreRule], take_any: bool, expected: Policy | None) -> None:
    assert expected == translate(rules, "store", take_any=take_any).policy


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        pytest.param(WIDE, ["Authorization"], id="by a star"),
        pytest.param(rule("*", allow="authorization"), ["*", "Authorization"], id="by its name"),
        pytest.param(rule("*", allow="X-A", age=3000), ["*", "3000"], id="a time that is shorter than any's"),
        pytest.param(rule("*", allow="X-A", age=86400), ["*"], id="a time that is any's"),
    ],
)
def test_what_any_takes_away_is_told(one: StoreRule, expected: list[str]) -> None:
    found = translate([one], "store", take_any=True)
    assert (ANY, expected) == (found.policy, [problem.value for problem in found.differences])
    assert "every request header but Authorization" in found.differences[0].message or one is WIDE


def test_every_origin_behind_a_narrower_rule_is_told() -> None:
    assert (APP,) == policy_of(rule(APP), WIDE).allow_origins
    assert [("store-cors-any", "*")] == told(rule(APP), WIDE)


ORIGINS = st.sampled_from(
    [
        *(
            "*",
            "null",
            APP,
            "https://*.example.com",
            "https://app-*.example.com",
            "http*://app.example.com",
            "https://*",
        ),
        *("https://app.example.com:*", "https://*.example.com:8443", "http://localhost:*", "http://*.localhost"),
        *("https://*.com", "https://*example.com", "*://app.example.com", "capacitor://localhost", "https://app.*"),
        *("https://APP.example.com", "https://app.example.com:8443", "http://127.0.0.1:3000", "n*", "https://[::1]"),
    ]
)
PIECES = st.sampled_from(
    ["https://", "http://", "*", "app", ".", "example", "com", ":", "8443", "localhost", "-", "null"]
)
HEADERS = st.sampled_from(["*", "X-A", "x-a", "x-*", "X-B", "Authorization", "Content-Type", "Host"])
RULES = st.builds(
    StoreRule,
    number=st.just(1),
    name=st.just(""),
    origins=st.lists(ORIGINS | st.lists(PIECES, max_size=7).map("".join), min_size=1, max_size=4).map(tuple),
    methods=st.lists(st.sampled_from(["GET", "HEAD", "PUT"]), min_size=1, unique=True).map(tuple),
    allow_headers=st.lists(HEADERS, max_size=3, unique=True).map(tuple),
    expose_headers=st.lists(HEADERS, max_size=3, unique=True).map(tuple),
    max_age=st.none() | st.integers(0, 100),
)
STRANGERS = ("null", "https://evil.example", "http://app.example.com", "https://app.example.com", "https://app.com")


def near(rules: list[StoreRule]) -> set[str]:
    """Return origins that the patterns of the rules mean, or nearly: with and without what a star may stand for."""
    stars = ("", "a", "a.b", "8443", "app", "app-1")
    found = {pattern.replace("*", star) for one in rules for pattern in one.origins for star in stars}
    found |= {origin.removesuffix(":") for origin in found} | {f"{origin}:8443" for origin in found}
    found |= {origin.replace("https:", "http:") for origin in found} | {
        origin.replace("://a.", "://") for origin in found
    }
    return {*found, *STRANGERS}


def lets_in(rule: StoreRule, origin: str) -> bool:
    """Return whether a store's rule matches an origin."""
    return any(covers(pattern, origin) for pattern in rule.origins)


@given(st.lists(RULES, min_size=1, max_size=3))
def test_no_origin_is_let_in_that_the_store_keeps_out(rules: list[StoreRule]) -> None:
    """Whatever the configuration: if the policy lets an origin read, some rule with GET did."""
    policy = translate(rules, "store").policy
    reading = [one for one in rules if "GET" in one.methods]
    for origin in near(rules):
        if policy and CompiledPolicy(policy).admits(origin).allowed:
            assert any(lets_in(one, origin) for one in reading), origin


@given(st.lists(RULES, min_size=1, max_size=3))
def test_no_preflight_succeeds_that_the_store_refuses(rules: list[StoreRule]) -> None:
    policy = translate(rules, "store").policy
    compiled = CompiledPolicy(policy or NONE)
    for origin, method, name in product(near(rules), ("GET", "HEAD"), ("X-A", "x-c", "Authorization", "Content-Type")):
        answer = compiled.preflight(Preflight(origin, method, name))
        allowed = [one for one in rules if method in one.methods and lets_in(one, origin)]
        assert isinstance(answer, Verdict) or any(one.covers_header(name) for one in allowed), (origin, name)


@given(st.lists(RULES, min_size=1, max_size=3), st.booleans())
def test_a_preflight_that_only_the_store_grants_is_told(rules: list[StoreRule], take_any: bool) -> None:
    """For a name that the store's first rule allows and the policy doesn't, there is a warning."""
    found = translate(rules, "store", take_any=take_any)
    told = {problem.reference for problem in found.differences}
    compiled = CompiledPolicy(found.policy or NONE)
    for origin in (origin for origin in near(rules) if compiled.admits(origin).allowed):
        matching = next((one for one in rules if "GET" in one.methods and lets_in(one, origin)), None)
        for name in ("X-A", "Authorization") if matching else ():
            answer = compiled.preflight(Preflight(origin, "GET", name))
            if matching and matching.covers_header(name) and isinstance(answer, Verdict):
                assert told & {"store-cors-header", "store-cors-any"}, (origin, name)


@given(st.lists(RULES, min_size=1, max_size=3))
@example([StoreRule(1, "", ("*",), ("GET",)), StoreRule(2, "", ("null",), ("GET",), expose_headers=("*",))])
def test_no_header_is_exposed_that_the_store_hides(rules: list[StoreRule]) -> None:
    """A store answers with the first rule that matches origin and method."""
    policy = translate(rules, "store").policy
    for origin in near(rules) if policy != ANY else ():
        if policy and CompiledPolicy(policy).admits(origin).allowed:
            first = next(one for one in rules if "GET" in one.methods and lets_in(one, origin))
            assert all(first.exposes(name) for name in policy.expose_headers), origin


@given(st.lists(RULES, min_size=1, max_size=3), st.booleans())
def test_what_is_written_is_read_as_it_was_meant(rules: list[StoreRule], take_any: bool) -> None:
    policy = translate(rules, "store", take_any=take_any).policy
    if policy:
        manifest = parse_manifest(f"schema = 1\n{policy_text(policy, ['data/**'])}")
        assert [(("data/**",), policy)] == [(one.paths, one.cors) for one in manifest.rules]


POLICY = Policy("store", allow_origins=("https://app.example.com",), allow_headers=("X-A",), max_age=60)
BEFORE = '# ours\nschema = 1  # the only one\n\n[[publish]]\npath = "npm/**"\n'


def test_with_paths_it_is_a_rule_and_a_policy() -> None:
    expected = """\
[[publish]]
path = ["data/**", "a.json"]
cors = "store"

[cors.store]
allow-origins = ["https://app.example.com"]
allow-methods = ["GET", "HEAD"]
allow-headers = ["X-A"]
max-age = 60
"""
    assert expected == policy_text(POLICY, ["data/**", "a.json"])


def test_without_paths_the_rule_is_a_comment() -> None:
    text = policy_text(POLICY, [])
    assert '# [[publish]]\n# path =\n# cors = "store"\n' in text
    assert () == parse_manifest(f"schema = 1\n{text}").rules


def test_any_needs_no_table() -> None:
    assert '[[publish]]\npath = ["a/**"]\ncors = "any"\n' == policy_text(ANY, ["a/**"])


def test_a_path_that_is_no_glob_is_told() -> None:
    with pytest.raises(ConfigurationError) as error:
        policy_text(POLICY, ["/data/"])
    assert "glob-invalid" in [problem.reference for problem in error.value.problems]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param("", "object-store", id="no name"),
        pytest.param("Web & app!", "Web-app", id="what no name can hold"),
        pytest.param("web", "web-3", id="one that is taken"),
        pytest.param("none", "none-2", id="one that every manifest has"),
        pytest.param("ü", "object-store", id="nothing that a name can hold"),
        pytest.param("x" * 300, "x" * 48, id="a long one"),
    ],
)
def test_names_are_unique(wanted: str, expected: str) -> None:
    assert expected == policy_name(wanted, ("web", "web-2"))


@pytest.mark.parametrize("before", [BEFORE, BEFORE.rstrip("\n"), BEFORE.replace("\n", "\r\n")])
def test_a_manifest_keeps_all_that_it_says(tmp_path: Path, before: str) -> None:
    (tmp_path / "manifest.toml").write_bytes(before.encode())
    assert () == append_policy(tmp_path, policy_text(POLICY, ["data/**"]))
    after = (tmp_path / "manifest.toml").read_bytes().decode()
    assert after.startswith(before)
    assert ("\r\n" in before) == ("\r\n" in after)
    assert after.count("\r") in (0, after.count("\n"))
    assert POLICY == read_manifest(tmp_path / "manifest.toml").rules[-1].cors


def test_what_is_doubtful_is_told(tmp_path: Path) -> None:
    (tmp_path / "manifest.toml").write_text(BEFORE.replace("npm/", ""))
    told = append_policy(tmp_path, policy_text(POLICY, ["data/**"]))
    assert ["rule-unreachable"] == [problem.reference for problem in told]


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        pytest.param('schema = 1\npublish = [{ path = "a" }]\n', "manifest-edit", id="rules in brackets"),
        pytest.param("schema = 1\ncors = {}\n", "manifest-edit", id="policies in braces"),
        pytest.param("schema = 2\n", "schema-unsupported", id="a manifest with a problem"),
        pytest.param(BEFORE + '[cors.store]\nallow-origins = ["https://a.example.com"]\n', "manifest-edit", id="taken"),
    ],
)
def test_a_manifest_that_can_not_be_continued_is_left(tmp_path: Path, before: str, expected: str) -> None:
    (tmp_path / "manifest.toml").write_text(before)
    with pytest.raises(ConfigurationError) as error:
        append_policy(tmp_path, policy_text(POLICY, ["data/**"]))
    assert expected in [problem.reference for problem in error.value.problems]
    assert before == (tmp_path / "manifest.toml").read_text()


def test_taken_names(tmp_path: Path) -> None:
    assert () == taken_names(tmp_path)
    (tmp_path / "manifest.toml").write_text("[cors.a]\n[cors.b]\n")
    assert ("a", "b") == taken_names(tmp_path)
    (tmp_path / "manifest.toml").write_text("cors = 1")
    assert () == taken_names(tmp_path)

"""The manifest's reader: a manifest whole and valid, or every problem in it, in the order of its lines."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.errors import ConfigurationError
from cdnserve.manifest.model import Library, Manifest, Rule, Site
from cdnserve.manifest.reader import covering_globs, inspect_manifest, inspect_text, parse_manifest, read_manifest
from cdnserve.rules.caching import IMMUTABLE, REVALIDATE, Cache
from cdnserve.rules.cors import ANY, NONE, Policy
from cdnserve.rules.globs import matches
from tests.manifest.told import Told, problems_of, told

WHOLE = """schema = 1

[site]
name = "Acme library CDN"
url = "https://cdn.example.com/"

[[publish]]
path = "npm/**"
except = ["**/*.map"]
cors = "any"
cache = "weekly"

[[publish]]
path = ["partners/**", "*.js"]
cors = "partners"

[cors.partners]
allow-origins = [
  "https://app.example.com",
  "https://*.example.org",
]

[cache.weekly]
max-age = 604800

[libraries]
jquery = "3.7.1"
"""


def test_a_manifest_is_what_its_text_says() -> None:
    partners = Policy("partners", ("https://app.example.com", "https://*.example.org"))
    assert parse_manifest(WHOLE) == Manifest(
        site=Site("Acme library CDN", "https://cdn.example.com"),
        rules=(
            Rule(("npm/**",), ("**/*.map",), ANY, Cache("weekly", 604_800), "sandbox", 7),
            Rule(("partners/**", "*.js"), (), partners, REVALIDATE, "sandbox", 13),
        ),
        libraries=(Library("jquery", ("3.7.1",)),),
    )


def test_the_least_manifest() -> None:
    assert Manifest(Site(), (), ()) == parse_manifest("schema = 1")


def test_a_rule_says_only_what_it_must() -> None:
    """Default deny: without a policy no other origin reads."""
    (rule,) = parse_manifest('schema = 1\n[[publish]]\npath = "**"').rules
    assert (NONE, REVALIDATE, "sandbox") == (rule.cors, rule.cache, rule.documents)


@pytest.mark.parametrize("notation", ["\n[site]\nname = 'a'", "\nsite.name = 'a'", "\nsite = { name = 'a' }"])
def test_every_notation_of_toml_is_the_same(notation: str) -> None:
    assert "a" == parse_manifest(f"schema = 1{notation}").site.name


def test_rules_may_be_inline_tables() -> None:
    rules = parse_manifest('schema = 1\npublish = [\n  { path = "a" },\n  { path = "b" },\n]').rules
    assert [(("a",), 3), (("b",), 4)] == [(rule.paths, rule.line) for rule in rules]


def test_all_problems_are_told_in_the_order_of_their_lines() -> None:
    text = """schema = 2
titel = "x"
[cors.a]
allow-origins = [
  "https://a.example/",
  "http://b.example",
]
max-age = -1
[[publish]]
path = "a/"
cors = "b"
[libraries]
jquery = "next"
"""
    assert [
        ("schema-unsupported", 1),
        ("key-unknown", 2),
        ("origin-path", 5),
        ("origin-insecure", 6),
        ("age-invalid", 8),
        ("glob-invalid", 10),
        ("name-unknown", 11),
        ("library-version-invalid", 13),
    ] == told(text)


SCHEMAS = [
    pytest.param("", "key-missing", 1, id="none"),
    pytest.param("\n[site]\n", "key-missing", 1, id="none, and more"),
    pytest.param("schema = 0", "schema-unsupported", 1, id="0"),
    pytest.param("\nschema = 2", "schema-unsupported", 2, id="2"),
    pytest.param("schema = '1'", "type-wrong", 1, id="in quotes"),
    pytest.param("schema = true", "type-wrong", 1, id="a truth"),
    pytest.param("schema = 1.0", "type-wrong", 1, id="a fraction"),
]


@pytest.mark.parametrize(("text", "reference", "line"), SCHEMAS)
def test_a_manifest_says_its_schema(text: str, reference: str, line: int) -> None:
    assert [(reference, line)] == told(text)
    assert problems_of(text)[0].hint


WARNINGS = [
    pytest.param("", [("nothing-public", 1)], id="no rule"),
    pytest.param('[[publish]]\npath = "a"', [], id="a rule"),
    pytest.param('[[publish]]\npath = "a"\n[cors.a]\nallow-null-origin = true', [("policy-unused", 4)], id="a policy"),
    pytest.param('[[publish]]\npath = "a"\n[cache.a]\nmax-age = 1', [("policy-unused", 4)], id="a cache policy"),
    pytest.param('[[publish]]\npath = "a"\ncache = "a"\n[cache.a]\nmax-age = 1', [], id="a policy that is used"),
]


@pytest.mark.parametrize(("text", "expected"), WARNINGS)
def test_what_is_doubtful_is_told_but_accepted(text: str, expected: list[tuple[str, int]]) -> None:
    text = f"schema = 1\n{text}\n"
    warnings = inspect_text(text).warnings
    assert expected == [(warning.reference, int(warning.where.rpartition(":")[2])) for warning in warnings]
    assert all(warning.warning and warning.hint for warning in warnings)
    assert () == problems_of(text)


def test_warnings_of_a_manifest_that_is_refused_are_told_with_its_problems() -> None:
    problems = problems_of('schema = 1\n[[publish]]\npath = ".env"\ncors = "x"\n')
    assert [("glob-never-public", True), ("name-unknown", False)] == [
        (found.reference, found.warning) for found in problems
    ]


def test_a_byte_order_mark_is_told_beside_the_rest() -> None:
    assert [("manifest-byte-order-mark", 1), ("key-unknown", 2)] == told("\ufeffschema = 1\ntitel = 1\n")


def test_a_byte_order_mark_is_told_beside_an_error_of_syntax() -> None:
    assert [("manifest-byte-order-mark", 1), ("toml-invalid", 2)] == told("\ufeffschema = 1\n=\n")


def test_a_lone_surrogate_is_told() -> None:
    assert [("manifest-not-utf-8", 3)] == told("schema = 1\n[site]\nname = '\ud800'\n")


def test_a_manifest_is_named_as_it_is_called() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_manifest("", "other.toml")
    assert "other.toml:1" == caught.value.problems[0].where


# Files.


def test_a_file_is_read_with_its_warnings(tmp_path: Path) -> None:
    path = tmp_path / "manifest.toml"
    path.write_text("schema = 1\n", encoding="utf-8")
    assert Manifest(Site(), (), ()) == read_manifest(path) == inspect_manifest(path).manifest
    assert ["nothing-public"] == [warning.reference for warning in inspect_manifest(path).warnings]


def test_a_problem_of_a_file_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "manifest.toml"
    path.write_bytes(b"schema = 1\r\nx = 1\r\n")
    with pytest.raises(ConfigurationError) as caught:
        read_manifest(path)
    assert ["manifest.toml:2"] == [problem.where for problem in caught.value.problems]


def refusal(path: Path) -> tuple[str, str]:
    with pytest.raises(ConfigurationError) as caught:
        read_manifest(path)
    (problem,) = caught.value.problems
    assert problem.hint
    return problem.reference, problem.where


def test_a_missing_file(tmp_path: Path) -> None:
    assert ("manifest-missing", str(tmp_path / "manifest.toml")) == refusal(tmp_path / "manifest.toml")


def test_a_dangling_link(tmp_path: Path) -> None:
    (tmp_path / "manifest.toml").symlink_to("nowhere")
    assert "manifest-missing" == refusal(tmp_path / "manifest.toml")[0]


def test_a_folder(tmp_path: Path) -> None:
    assert ("manifest-unreadable", str(tmp_path)) == refusal(tmp_path)


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "manifest.toml")
    assert "manifest-unreadable" == refusal(tmp_path / "manifest.toml")[0]


def test_a_loop_of_links(tmp_path: Path) -> None:
    (tmp_path / "manifest.toml").symlink_to("manifest.toml")
    assert "manifest-unreadable" == refusal(tmp_path / "manifest.toml")[0]


def test_a_file_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert "manifest-unreadable" == refusal(tmp_path / "a" / "manifest.toml")[0]


def test_a_file_that_nobody_may_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As root every file is readable, so the refusal is made up."""
    (tmp_path / "manifest.toml").touch()

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert "manifest-unreadable" == refusal(tmp_path / "manifest.toml")[0]


@pytest.mark.parametrize(
    ("octets", "where"),
    [
        pytest.param("schema = 1\n# ü".encode("latin-1"), "manifest.toml:2", id="Latin-1"),
        pytest.param("schema = 1\n".encode("utf-16"), "manifest.toml:1", id="UTF-16"),
    ],
)
def test_a_file_that_is_not_utf8(tmp_path: Path, octets: bytes, where: str) -> None:
    (tmp_path / "manifest.toml").write_bytes(octets)
    assert ("manifest-not-utf-8", where) == refusal(tmp_path / "manifest.toml")


# Whatever people write.


@given(st.text())
def test_any_text_is_a_manifest_or_told_about(text: str) -> None:
    assert all(problem.reference and problem.where and problem.message for problem in problems_of(text))


FRAGMENTS = [
    "schema = 1",
    "[site]",
    "[[publish]]",
    "[cors.a]",
    "[cache]",
    "[libraries]",
    'path = "**"',
    "cors = 'any'",
    "'a' = 1",
    "allow-origins = ['https://*.a', '*']",
    "max-age = -1",
    "url = 'x'",
    "= []",
    "{",
    "]",
    "x.y.z = {a = [1, {}]}",
]


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=8).map("\n".join))
def test_any_lines_are_a_manifest_or_told_about(text: str) -> None:
    assert all(problem.where.startswith("manifest.toml") for problem in problems_of(text))


@given(st.data())
def test_any_slip_in_a_manifest_is_a_manifest_or_told_about(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(WHOLE)))
    end = data.draw(st.integers(start, min(len(WHOLE), start + 9)))
    inserted = data.draw(
        st.one_of(st.text(max_size=4), st.sampled_from(["true", "-1", "[]", "{}", '"', "\n", "[[x]]", "0.5"]))
    )
    problems = problems_of(WHOLE[:start] + inserted + WHOLE[end:])
    assert all(problem.where.startswith("manifest.toml:") for problem in problems)


VALUES = st.recursive(
    st.one_of(
        st.booleans(),
        st.integers(-1, 2),
        st.floats(),
        st.text("a*/.:-", max_size=6),
        st.sampled_from(["*", "**", "any", "https://*.a"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(st.sampled_from(["path", "version", "allow-origins", "x"]), inner, max_size=2),
    ),
    max_leaves=4,
)
KEYS = st.sampled_from(
    [
        "schema",
        "site",
        "site.url",
        "publish",
        "cors",
        "cors.a",
        "cors.a.allow-origins",
        "cors.a.max-age",
        "cache",
        "cache.a",
        "cache.a.max-age",
        "libraries",
        "libraries.a",
        "libraries.a.files",
        "publish.path",
    ]
)


def toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case list():
            return "[" + ", ".join(map(toml, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{key} = {toml(child)}" for key, child in value.items()) + "}"
        case str():
            return f'"{value}"'
        case _:
            return str(value)


@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_any_value_for_any_key_is_told_about(tables: dict[str, object]) -> None:
    text = "".join(f"{key} = {toml(value)}\n" for key, value in tables.items())
    assert all(problem.where.startswith("manifest.toml:") for problem in problems_of(text))


def test_importing_loads_nothing_that_only_few_need() -> None:
    program = (
        "import sys, cdnserve.manifest\n"
        "print(sorted({'tomlkit', 'publicsuffixlist', 'difflib', 'click', 'starlette'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "[]\n" == done.stdout


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


RULE = 'schema = 1\n[[publish]]\npath = "**"\n'

POLICIES = """
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
    (rule,) = parse_manifest(RULE + POLICIES).rules
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


@pytest.mark.parametrize(
    ("table", "is_listed"),
    [
        pytest.param('cors = "any"', True, id="what every origin may read"),
        pytest.param("", False, id="what no other origin may read"),
        pytest.param('cors = "some"', False, id="what some origins may read"),
        pytest.param('cors = "any"\nlisted = false', False, id="unless the rule says no"),
        pytest.param('cors = "some"\nlisted = true', True, id="unless the rule says yes"),
    ],
)
def test_what_pages_and_api_show(table: str, is_listed: bool) -> None:
    policy = '[cors.some]\nallow-origins = ["https://a.example"]\n'
    (rule,) = parse_manifest(f"{RULE}{table}\n{policy if 'some' in table else ''}").rules
    assert is_listed is rule.is_listed


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
    pytest.param('path = "**"\nlisted = "yes"', [("type-wrong", 4)], id="listed in words"),
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
    (problem,) = inspect_text(text, "manifest.toml").warnings
    assert "the rule on line 4 decides for every path that this matches" == problem.message


globs = st.lists(st.sampled_from(["a", "b", "*", "**", "a*"]), min_size=1, max_size=4).map("/".join)
paths = st.lists(st.sampled_from(["a", "b", "ab"]), min_size=1, max_size=4).map("/".join)


@given(globs, globs, paths)
def test_what_covers_a_glob_matches_all_that_it_does(wide: str, narrow: str, path: str) -> None:
    if wide in covering_globs(narrow) and matches(narrow, path):
        assert matches(wide, path)


@pytest.mark.parametrize("glob", [".env", ".git/**", "a/.*", "manifest.toml", "manifest.lock", "a/.well-known/**"])
def test_a_glob_of_what_is_never_public_is_doubtful(glob: str) -> None:
    (warning,) = inspect_text(f'schema = 1\n[[publish]]\npath = "{glob}"\n').warnings
    assert ("glob-never-public", "manifest.toml:3", True) == (warning.reference, warning.where, warning.warning)


@pytest.mark.parametrize("glob", [".well-known/**", "**", "*/manifest.toml", "a.b"])
def test_a_glob_of_what_may_be_public_is_not(glob: str) -> None:
    assert () == inspect_text(f'schema = 1\n[[publish]]\npath = "{glob}"\n').warnings


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


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param('["zstd", "gzip"]', ("gzip", "zstd"), id="two"),
        pytest.param('["br", "gzip", "zstd"]', ("br", "gzip", "zstd"), id="all"),
        pytest.param("[]", (), id="none"),
    ],
)
def test_a_site_may_say_which_codings_there_are(value: str, expected: tuple[str, ...]) -> None:
    assert expected == parse_manifest(f"schema = 1\n[site]\ncodings = {value}\n").site.codings
    assert ("br", "gzip") == parse_manifest("schema = 1\n[site]\n").site.codings == Site().codings


@pytest.mark.parametrize("value", ['["deflate"]', '["identity"]', '["BR"]'])
def test_another_coding_is_refused(value: str) -> None:
    assert [("value-unknown", 3)] == told(f"schema = 1\n[site]\ncodings = {value}\n")


_ORIGINS = '["https://app.example.com", "https://b.example"]'


@pytest.mark.parametrize(
    ("written", "reference", "hint"),
    [
        pytest.param(
            '"*"', "name-unknown", 'write cors = "any": pages of every origin may read', id="all, as in a header"
        ),
        pytest.param('["*"]', "type-wrong", 'write cors = "any": pages of every origin may read', id="a list of all"),
        pytest.param(_ORIGINS, "type-wrong", f"[cors.pages]\nallow-origins = {_ORIGINS}", id="a list of origins"),
        pytest.param('"https://a.example/"', "name-unknown", '\nallow-origins = ["https://a.example"]', id="an origin"),
        pytest.param('["any", "none"]', "type-wrong", "write one string, without brackets", id="a list of names"),
        pytest.param("[]", "type-wrong", "write one string, without brackets", id="a list of nothing"),
        pytest.param('"all"', "name-unknown", "known are any, none", id="a name of no policy"),
    ],
)
def test_a_rule_with_origins_in_place_of_a_policy_gets_what_to_paste(written: str, reference: str, hint: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse_manifest(f'schema = 1\n[[publish]]\npath = "npm/**"\ncors = {written}\n')
    (problem,) = raised.value.problems
    assert (reference, True) == (problem.reference, hint in problem.hint)

"""Reading: a manifest whole and valid, or every problem in it, in the order of its lines."""

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
from cdnserve.manifest.reader import inspect_manifest, manifest_warnings, parse_manifest, read_manifest
from cdnserve.rules.caching import REVALIDATE, Cache
from cdnserve.rules.cors import ANY, NONE, Policy
from tests.manifest.told import problems_of, told

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
    warnings = manifest_warnings(text)
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

"""A policy as text: alone, and behind a manifest that keeps all that it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.manifest.object_store.writing import append_policy, policy_name, policy_text, taken_names
from cdnserve.manifest.reading import parse_manifest, read_manifest
from cdnserve.rules.cors import ANY, Policy

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

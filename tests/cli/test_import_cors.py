"""`cdnserve import-cors`: a store's configuration as TOML, and what it can't say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cdnserve.manifest.reader import parse_manifest, read_manifest
from tests.cli.conftest import Run

RULES = [
    {
        "ID": "Web app",
        "AllowedOrigins": ["https://app.example.com", "https://pr-*.example.com"],
        "AllowedMethods": ["GET", "HEAD", "PUT"],
        "ExposeHeaders": ["ETag"],
        "MaxAgeSeconds": 600,
    }
]


@pytest.fixture
def file(root: Path) -> Path:
    (root.parent / "cors.json").write_text(json.dumps({"CORSRules": RULES}))
    return root.parent / "cors.json"


def test_the_policy_is_printed(run: Run, file: Path) -> None:
    result = run("import-cors", "cors.json", "--path", "data/**")
    assert 0 == result.exit_code
    (rule,) = parse_manifest(f"schema = 1\n{result.stdout}").rules
    assert (("data/**",), "Web-app", ("https://app.example.com",)) == (
        rule.paths,
        rule.cors.name,
        rule.cors.allow_origins,
    )
    assert "[store-cors-origin]" in result.stderr
    assert "value: https://pr-*.example.com" in result.stderr
    assert "[store-cors-method]" in result.stderr


def test_without_a_path_nothing_is_published(run: Run, file: Path) -> None:
    result = run("import-cors", "cors.json")
    assert () == parse_manifest(f"schema = 1\n{result.stdout}").rules


def test_it_is_written_behind_the_manifest(run: Run, root: Path, file: Path) -> None:
    before = (root / "manifest.toml").read_text()
    result = run(
        "import-cors", "cors.json", "--path", "data/**", "--path", "more.json", "--write", "--name", "partners"
    )
    assert 0 == result.exit_code
    assert 'written to public/manifest.toml: cors = "partners-2"\n' == result.stdout
    assert (root / "manifest.toml").read_text().startswith(before)
    assert ("data/**", "more.json") == read_manifest(root / "manifest.toml").rules[-1].paths


def test_without_a_manifest_there_is_nowhere_to_write(run: Run, root: Path, file: Path) -> None:
    (root / "manifest.toml").unlink()
    result = run("import-cors", "cors.json", "--write")
    assert 1 == result.exit_code
    assert "[manifest-missing]" in result.stderr
    assert not (root / "manifest.toml").exists()


def test_every_origin_takes_a_word(run: Run, root: Path, file: Path) -> None:
    file.write_text('[{"AllowedOrigins": ["*"], "AllowedMethods": ["GET", "HEAD"]}]')
    refused = run("import-cors", "cors.json", "--path", "a/**")
    assert (1, "") == (refused.exit_code, refused.stdout)
    assert "[store-cors-any]" in refused.stderr
    assert "[store-cors-empty]" in refused.stderr
    taken = run("import-cors", "cors.json", "--path", "a/**", "--any")
    assert 0 == taken.exit_code
    assert "any" == parse_manifest(f"schema = 1\n{taken.stdout}").rules[0].cors.name
    assert "[store-cors-any]" in taken.stderr


def test_with_json_it_is_an_object(run: Run, file: Path) -> None:
    found = json.loads(run("import-cors", "cors.json", "--json").stdout)
    assert "Web-app" == found["name"]
    assert "[cors.Web-app]" in found["toml"]
    expected = ["store-cors-method", "store-cors-origin", "store-cors-credentials"]
    assert expected == [problem["reference"] for problem in found["problems"]]


def test_what_is_no_configuration_is_told(run: Run, file: Path) -> None:
    file.write_text('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><CORSConfiguration>&x;</CORSConfiguration>')
    result = run("import-cors", "cors.json")
    assert (1, "") == (result.exit_code, result.stdout)
    assert "[store-cors-foreign]" in result.stderr

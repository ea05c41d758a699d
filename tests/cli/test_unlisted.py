"""Why a path is not public."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cdnserve.cli.unlisted import on_disk, reasons
from cdnserve.manifest import parse_manifest

RULES = parse_manifest(
    """\
schema = 1
[[publish]]
path = ["demo/**", "Fonts/*.woff2"]
except = ["**/*.map", "demo/secret/**"]
[[publish]]
path = "data/*.json"
[[publish]]
path = "**/*.css"
"""
).rules


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("manifest.toml", "the manifest and its lock are never public", id="the manifest"),
        pytest.param("Manifest.Lock", "the manifest and its lock are never public", id="the lock in other case"),
        pytest.param("-/health", "/-/ is the server's own; no rule can publish there", id="our own place"),
        pytest.param(
            "demo/.git/config",
            "dot-files, and files in dot-folders other than .well-known, are never public",
            id="a dot-folder",
        ),
        pytest.param(
            "demo/a.js.map",
            "the rule at manifest.toml:2 matches it, but leaves it out: except **/*.map",
            id="an exception",
        ),
    ],
)
def test_the_reason_is_said(path: str, expected: str) -> None:
    assert [expected] == list(reasons(path, RULES))


def test_every_exception_that_hits_is_named() -> None:
    (said,) = reasons("demo/secret/a.map", RULES)
    assert said.endswith("except **/*.map, demo/secret/**")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("demos/a.js", "the nearest is demo/** (manifest.toml:2)", id="a folder that is spelled alike"),
        pytest.param(
            "fonts/a.woff2",
            "the nearest is Fonts/*.woff2 (manifest.toml:2): upper and lower case differ",
            id="another case",
        ),
        pytest.param(
            "data/2024/a.json",
            "the nearest is data/*.json (manifest.toml:5); * stays within a folder, ** crosses folders",
            id="one star too few",
        ),
        pytest.param("data/a.txt", "the nearest is data/*.json (manifest.toml:5)", id="another ending"),
    ],
)
def test_the_nearest_glob_is_named(path: str, expected: str) -> None:
    assert ["no rule's path matches it", expected] == list(reasons(path, RULES))


def test_a_path_like_no_glob_has_no_nearest_one() -> None:
    assert ["no rule's path matches it"] == list(reasons("somewhere/else.js", RULES))
    assert ["no rule's path matches it"] == list(reasons("somewhere/else.js", ()))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "Demo").mkdir()
    (tmp_path / "Demo" / "Greet.js").write_text("x")
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


def test_a_file_that_is_there_is_shown(root: Path) -> None:
    assert [f"the file exists: {root}/Demo/Greet.js"] == list(on_disk("Demo/Greet.js", root))


def test_a_folder_is_no_file(root: Path) -> None:
    assert [f"{root}/Demo is a folder; only files have addresses"] == list(on_disk("Demo", root))


def test_what_can_not_be_read_as_a_file_is_said(root: Path) -> None:
    assert [f"{root}/pipe exists, but is no file that can be read"] == list(on_disk("pipe", root))


def test_another_case_is_found(root: Path) -> None:
    expected = f"there is no such file, but {root}/Demo/Greet.js: upper and lower case differ"
    assert [expected] == list(on_disk("demo/greet.js", root))


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("demo", id="a folder in another case"),
        pytest.param("demo/other.js", id="another name"),
        pytest.param("Demo/Greet.js/more", id="below a file"),
    ],
)
def test_an_absent_file_is_absent(root: Path, path: str) -> None:
    assert [f"there is no such file in {root}"] == list(on_disk(path, root))

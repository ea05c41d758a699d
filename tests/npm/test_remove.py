"""`remove`, from the command to the files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.manifest.lock import read_lock
from cdnserve.manifest.reader import read_manifest
from cdnserve.npm.add import add
from cdnserve.npm.apply import Removed
from cdnserve.npm.remove import remove
from cdnserve.npm.settings import NpmSettings
from cdnserve.release.build import build
from cdnserve.release.store import Store
from tests.npm.registry import LocalRegistry, packed, settings_for

Hosting = Callable[[str], Path]


@pytest.fixture
def settings(root: Path, registry: LocalRegistry) -> NpmSettings:
    for version in ("1.0.0", "1.1.0", "2.0.0"):
        for name in ("x", "@s/y"):
            registry.publish(name, version, packed({"package.json": "{}", "a.js": f"{name} {version}"}))
    return settings_for(root.parent, registry.url)


def _entry(root: Path, name: str) -> tuple[str, ...]:
    return next((one.versions for one in read_manifest(root / "manifest.toml").libraries if one.name == name), ())


def _locked(root: Path) -> set[str]:
    return set(read_lock(root / "manifest.lock").libraries)


def _snapshot(root: Path) -> dict[str, bytes]:
    files = (path for path in root.rglob("*") if path.is_file() and ".cdnserve" not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def test_a_library_is_removed(root: Path, settings: NpmSettings) -> None:
    before = _snapshot(root)
    add(root, ["x@^1", "@s/y@1.0.0"], settings)
    assert Removed(("x@1.1.0", "@s/y@1.0.0"), ("x@^1", "@s/y@1.0.0")) == remove(root, ["x", "@s/y"])
    assert {} == {path: text for path, text in _snapshot(root).items() if path.startswith("npm/")}
    assert set() == _locked(root)
    assert not (root / "npm" / "@s").exists()
    assert before["manifest.toml"].decode() + "\n[libraries]\n" == (root / "manifest.toml").read_text()


@pytest.mark.parametrize(
    ("requirements", "wanted", "left", "hosted"),
    [
        pytest.param(["^1", "2.0.0", "1.0.0"], "x", (), set(), id="all of it"),
        pytest.param(["^1", "2.0.0"], "x@2.0.0", ("^1",), {"1.1.0"}, id="a version that was asked for exactly"),
        pytest.param(["^1", "2.0.0"], "x@1.1.0", ("2.0.0",), {"2.0.0"}, id="the only version of a range"),
        pytest.param(["^1", "1.0.0"], "x@1.1.0", ("^1", "1.0.0"), {"1.0.0"}, id="a range goes on with another version"),
        pytest.param(["^1", "1.0.0"], "x@1.0.0", ("^1",), {"1.1.0"}, id="an exact version goes though a range stays"),
        pytest.param(["^1", "2.0.0", "1.0.0"], "x@1", ("2.0.0",), {"2.0.0"}, id="all that satisfy a range"),
        pytest.param(["^1", "2.0.0"], "x@<2 || >9", ("2.0.0",), {"2.0.0"}, id="a range of several words"),
        pytest.param(["1.0.0", "1.1.0"], "x@^1", (), set(), id="all of it by a range"),
    ],
)
def test_what_is_named_goes(
    root: Path, settings: NpmSettings, requirements: list[str], wanted: str, left: tuple[str, ...], hosted: set[str]
) -> None:
    add(root, ["@s/y@1.0.0", *(f"x@{requirement}" for requirement in requirements)], settings)
    remove(root, [wanted])
    assert left == _entry(root, "x")
    assert ("1.0.0",) == _entry(root, "@s/y")
    assert {"@s/y@1.0.0", *(f"x@{version}" for version in hosted)} == _locked(root)
    assert {"@s", *(f"x@{version}" for version in hosted)} == set(os.listdir(root / "npm"))


def test_a_requirement_that_had_no_version_before_stays(root: Path, settings: NpmSettings) -> None:
    add(root, ["x@1.0.0"], settings)
    manifest = root / "manifest.toml"
    manifest.write_text(manifest.read_text().replace('"1.0.0"', '["1.0.0", "^9"]'))
    remove(root, ["x@1.0.0"])
    assert ("^9",) == _entry(root, "x")
    assert Removed((), ("x@^9",)) == remove(root, ["x@^9"])
    assert () == _entry(root, "x")


def test_what_only_the_lock_has_can_be_removed(root: Path, settings: NpmSettings) -> None:
    before = (root / "manifest.toml").read_text()
    add(root, ["x@1.0.0"], settings)
    (root / "manifest.toml").write_text(before)
    assert Removed(("x@1.0.0",), ()) == remove(root, ["x"])
    assert (set(), before) == (_locked(root), (root / "manifest.toml").read_text())


def test_a_folder_that_is_gone_already_is_no_matter(root: Path, settings: NpmSettings) -> None:
    add(root, ["x@1.0.0", "x@1.1.0"], settings)
    (root / "npm" / "x@1.0.0" / "a.js").unlink()
    (root / "npm" / "x@1.0.0" / "package.json").unlink()
    assert ("x@1.0.0",) == remove(root, ["x@1.0.0"]).libraries
    assert {"x@1.1.0"} == _locked(root)


def test_files_that_a_person_put_there_go_too(root: Path, settings: NpmSettings) -> None:
    add(root, ["x@1.0.0"], settings)
    (root / "npm" / "x@1.0.0" / "mine.js").write_text("mine")
    remove(root, ["x"])
    assert [] == os.listdir(root / "npm")


@pytest.mark.parametrize(
    ("wanted", "hint"),
    [
        pytest.param("x@9", "here are x@1.0.0, 1.1.0", id="no such version"),
        pytest.param("x@latest", "here are x@1.0.0, 1.1.0", id="a tag"),
        pytest.param("@s/x", "did you mean @s/y?", id="a slip of the pen"),
        pytest.param("z", "cdnserve sync tells", id="no such library"),
    ],
)
def test_what_is_not_here_is_told_and_nothing_changes(
    root: Path, settings: NpmSettings, wanted: str, hint: str
) -> None:
    add(root, ["x@1.0.0", "x@1.1.0", "@s/y@1.0.0"], settings)
    before = _snapshot(root)
    with pytest.raises(ConfigurationError) as raised:
        remove(root, ["x@1.0.0", wanted])
    (problem,) = raised.value.problems
    assert "library-not-hosted" == problem.reference
    assert hint in problem.hint
    assert before == _snapshot(root)


def test_the_manifest_keeps_its_comments(root: Path, settings: NpmSettings) -> None:
    add(root, ["x@1.0.0", "@s/y@1.0.0"], settings)
    manifest = root / "manifest.toml"
    text = manifest.read_text().replace('x = "1.0.0"', '# why\nx = [\n  "1.0.0", # old\n  "^1", # new\n]')
    manifest.write_text(text)
    add(root, ["x@^1"], settings)
    remove(root, ["x@1.0.0"])
    assert text.replace('  "1.0.0", # old\n', "") == manifest.read_text()


def test_what_was_published_can_come_back_with_the_same_bytes_only(root: Path, settings: NpmSettings) -> None:
    state = root / ".cdnserve"
    add(root, ["x@1.0.0", "@s/y@1.0.0"], settings)
    first = build(root, state)
    promised = read_lock(root / "manifest.lock").immutable
    remove(root, ["x"])
    second = build(root, state)
    assert promised == read_lock(root / "manifest.lock").immutable
    assert ["npm/@s/y@1.0.0/a.js", "npm/@s/y@1.0.0/package.json"] == list(Store(state).load().assets)
    add(root, ["x@1.0.0"], settings)
    third = build(root, state, locked=True)
    assert 4 == len(Store(state).load().assets)
    assert [True, True, True] == [first.changed, second.changed, third.changed]
    remove(root, ["x"])
    (root / "npm" / "x@1.0.0").mkdir()
    (root / "npm" / "x@1.0.0" / "a.js").write_text("something else")
    with pytest.raises(ConfigurationError, match="immutable-changed"):
        build(root, state)

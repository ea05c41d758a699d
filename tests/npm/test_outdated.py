"""What the registry has for each requirement, `outdated` and `update`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.manifest.lock import read_lock
from cdnserve.manifest.reader import read_manifest
from cdnserve.npm.add import add
from cdnserve.npm.apply import Move, Updated
from cdnserve.npm.outdated import outdated, rewritten
from cdnserve.npm.settings import NpmSettings
from cdnserve.npm.update import UpdateOptions, update
from cdnserve.rules.semver import is_exact_version, resolve
from tests.npm.registry import LocalRegistry, packed, settings_for

SIZES = {"1.0.0": 1000, "1.1.0": 1500, "1.2.0": 1400, "2.0.0": 9000}


def _publish(registry: LocalRegistry, *versions: str, name: str = "x", **changes: str) -> None:
    for version in versions:
        package = packed({"package.json": "{}", "a.js": f"{name} {version}"})
        registry.publish(name, version, package, unpackedSize=SIZES.get(version), **changes)


@pytest.fixture
def settings(root: Path, registry: LocalRegistry) -> NpmSettings:
    _publish(registry, "1.0.0")
    _publish(registry, "1.0.0", name="@s/y")
    return settings_for(root.parent, registry.url)


def _entry(root: Path, name: str = "x") -> tuple[str, ...]:
    return next(one.versions for one in read_manifest(root / "manifest.toml").libraries if one.name == name)


def _hosted(root: Path) -> set[str]:
    locked = set(read_lock(root / "manifest.lock").libraries)
    assert locked == {f"@s/{path.name}" if "@s" in path.parts else path.name for path in root.glob("npm/**/*@*.*.*")}
    return locked


def _snapshot(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


# update


def test_the_newest_allowed_version_comes_beside_the_old_one(
    root: Path, registry: LocalRegistry, settings: NpmSettings
) -> None:
    add(root, ["x", "@s/y"], settings)
    before = (root / "manifest.toml").read_bytes()
    _publish(registry, "1.1.0", "1.2.0", "2.0.0")
    updated = update(root, [], settings)
    assert (Move("x", "^1.0.0", "^1.0.0", "1.0.0", "1.2.0"),) == updated.moves
    assert (["x@1.2.0"], (), ()) == (list(map(str, updated.libraries)), updated.pruned, updated.warnings)
    assert {"x@1.0.0", "x@1.2.0", "@s/y@1.0.0"} == _hosted(root)
    assert before == (root / "manifest.toml").read_bytes()


def test_an_exact_version_stays(root: Path, registry: LocalRegistry, settings: NpmSettings) -> None:
    add(root, ["x@1.0.0"], settings)
    _publish(registry, "1.1.0")
    assert Updated((), (), (), ()) == update(root, [], settings)
    assert {"x@1.0.0"} == _hosted(root)


def test_only_what_is_named_is_updated(root: Path, registry: LocalRegistry, settings: NpmSettings) -> None:
    add(root, ["x", "@s/y"], settings)
    _publish(registry, "1.1.0")
    _publish(registry, "1.1.0", name="@s/y")
    registry.asked.clear()
    update(root, ["@s/y", "@s/y"], settings)
    assert {"x@1.0.0", "@s/y@1.0.0", "@s/y@1.1.0"} == _hosted(root)
    assert {"/@s%2Fy", "/@s/y/-/y-1.1.0.tgz"} == {path for path in registry.paths() if "keys" not in path}


def test_what_was_written_by_hand_is_fetched(root: Path, registry: LocalRegistry, settings: NpmSettings) -> None:
    _publish(registry, "1.1.0", "2.0.0")
    with (root / "manifest.toml").open("a") as manifest:
        manifest.write('\n[libraries]\nx = ["1.0.x", "^2"]\n')
    expected = (Move("x", "1.0.x", "1.0.x", "", "1.0.0"), Move("x", "^2", "^2", "", "2.0.0"))
    assert expected == update(root, ["x"], settings).moves
    assert {"x@1.0.0", "x@2.0.0"} == _hosted(root)


@pytest.mark.parametrize("dry_run", [True, False])
def test_what_is_deprecated_is_warned_of(
    root: Path, registry: LocalRegistry, settings: NpmSettings, dry_run: bool
) -> None:
    _publish(registry, "1.1.0", deprecated="use y")
    with (root / "manifest.toml").open("a") as manifest:
        manifest.write('\n[libraries]\nx = "1.1.0"\n')
    updated = update(root, [], settings, options=UpdateOptions(dry_run=dry_run))
    assert [("version-deprecated", "use y")] == [(one.reference, one.value) for one in updated.warnings]


def test_the_globs_of_the_manifest_hold(root: Path, registry: LocalRegistry, settings: NpmSettings) -> None:
    with (root / "manifest.toml").open("a") as manifest:
        manifest.write('\n[libraries]\nx = { version = "^1", files = ["*.css", "a.*"] }\n')
    registry.publish("x", "1.1.0", packed({"package.json": "{}", "a.js": "a", "b.js": "b"}))
    (one,) = update(root, [], settings).libraries
    assert {"package.json", "a.js"} == set(os.listdir(root / one.folder))


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        pytest.param('"^1.0.0"', ("^2.0.0",), id="a caret"),
        pytest.param('"~1.0.0"', ("~2.0.0",), id="a tilde"),
        pytest.param('"1.0.0"', ("2.0.0",), id="an exact version"),
        pytest.param('"1.x"', ("2.x",), id="an x"),
        pytest.param('"<2"', ("^2.0.0",), id="another range"),
        pytest.param('">=1"', (">=1",), id="a range that allows it"),
        pytest.param('["^1", "1.0.0"]', ("2", "1.0.0"), id="the higher one of two"),
        pytest.param('["1.0.0", "^2"]', ("1.0.0", "^2"), id="the higher one allows it"),
        pytest.param('["1.x", "~1.2.0"]', ("2.x", "~2.0.0"), id="two that stand for the same"),
        pytest.param('["1.2.0", "2.0.0-rc.1"]', ("1.2.0", "2.0.0"), id="a prerelease"),
    ],
)
def test_the_latest_rewrites_the_manifest_in_its_own_style(
    root: Path, registry: LocalRegistry, settings: NpmSettings, entry: str, expected: tuple[str, ...]
) -> None:
    _publish(registry, "1.1.0", "1.2.0", "2.0.0-rc.1", "2.0.0")
    with (root / "manifest.toml").open("a") as manifest:
        manifest.write(f"\n[libraries]\nx = {entry.replace('^1', '1') if '[' in entry else entry}  # ours\n")
    update(root, [], settings)
    update(root, [], settings, options=UpdateOptions(latest=True))
    assert expected == _entry(root)
    assert "x@2.0.0" in _hosted(root)
    assert (root / "manifest.toml").read_text().endswith("  # ours\n")
    assert () == update(root, [], settings, options=UpdateOptions(latest=True)).moves


def test_the_latest_is_no_step_back(root: Path, registry: LocalRegistry, settings: NpmSettings) -> None:
    _publish(registry, "2.0.0-rc.1", "1.1.0")
    add(root, ["x@2.0.0-rc.1"], settings)
    assert () == update(root, [], settings, options=UpdateOptions(latest=True)).moves


@pytest.mark.parametrize(
    "requirement",
    ["^3.6", "~3.6.0", "3.7.1", "=3.7.1", "v3.7.1", "3", "3.7", "3.x", "3.7.x", "3.x.x", ">=2 <4", "2 - 3"],
)
@pytest.mark.parametrize("version", ["4.1.0", "10.0.0", "5.0.0-rc.1"])
def test_what_is_rewritten_allows_the_version(requirement: str, version: str) -> None:
    new = rewritten(requirement, version)
    assert version == resolve(new, [version])
    assert is_exact_version(requirement) <= is_exact_version(new)


def test_pruning_removes_what_no_requirement_stands_for(
    root: Path, registry: LocalRegistry, settings: NpmSettings
) -> None:
    _publish(registry, "1.1.0")
    add(root, ["x@1.0.0", "x@~1.1.0", "@s/y"], settings)
    add(root, ["x@^1"], settings)
    _publish(registry, "1.2.0")
    updated = update(root, [], settings, options=UpdateOptions(prune=True))
    assert ((Move("x", "^1", "^1", "1.1.0", "1.2.0"),), ()) == (updated.moves, updated.pruned)
    manifest = root / "manifest.toml"
    manifest.write_text(manifest.read_text().replace('["1.0.0", "~1.1.0", "^1"]', '"^1"'))
    assert ("x@1.0.0", "x@1.1.0") == update(root, [], settings, options=UpdateOptions(prune=True)).pruned
    assert {"x@1.2.0", "@s/y@1.0.0"} == _hosted(root)


def test_pruning_and_the_latest_in_one(root: Path, registry: LocalRegistry, settings: NpmSettings) -> None:
    add(root, ["x"], settings)
    _publish(registry, "2.0.0")
    updated = update(root, [], settings, options=UpdateOptions(latest=True, prune=True))
    assert ("x@1.0.0",) == updated.pruned
    assert {"x@2.0.0"} == _hosted(root)
    assert ("^2.0.0",) == _entry(root)


def test_pruning_leaves_what_the_manifest_does_not_name(root: Path, settings: NpmSettings) -> None:
    add(root, ["x", "@s/y"], settings)
    manifest = root / "manifest.toml"
    manifest.write_text(manifest.read_text().replace('x = "^1.0.0"\n', ""))
    assert () == update(root, [], settings, options=UpdateOptions(prune=True)).pruned
    assert {"x@1.0.0", "@s/y@1.0.0"} == _hosted(root)


def test_a_dry_run_says_it_all_and_changes_nothing(root: Path, registry: LocalRegistry, settings: NpmSettings) -> None:
    add(root, ["x"], settings)
    _publish(registry, "1.1.0", deprecated="too new")
    _publish(registry, "2.0.0")
    before = _snapshot(root)
    registry.asked.clear()
    updated = update(root, [], settings, options=UpdateOptions(latest=True, prune=True, dry_run=True))
    move = Move("x", "^1.0.0", "^2.0.0", "1.0.0", "2.0.0")
    assert Updated((move,), (), ("x@1.0.0",), ()) == updated
    assert (before, ["/x"]) == (_snapshot(root), registry.paths())


def test_a_version_that_is_deprecated_is_not_moved_to(
    root: Path, registry: LocalRegistry, settings: NpmSettings
) -> None:
    add(root, ["x"], settings)
    _publish(registry, "1.1.0", deprecated="broken")
    assert Updated((), (), (), ()) == update(root, [], settings)


def test_a_version_that_was_taken_back_stays_hosted(root: Path, registry: LocalRegistry, settings: NpmSettings) -> None:
    add(root, ["x@1.0.0"], settings)
    del registry.documents["x"]
    _publish(registry, "1.1.0")
    assert () == update(root, [], settings).moves
    (behind,) = outdated(root, [], settings)
    assert ("1.0.0", "1.0.0", "1.1.0", None) == (behind.current, behind.wanted, behind.latest, behind.growth)


def test_every_problem_is_told_and_nothing_changes(root: Path, registry: LocalRegistry, settings: NpmSettings) -> None:
    add(root, ["x"], settings)
    _publish(registry, "1.1.0")
    with (root / "manifest.toml").open("a") as manifest:
        manifest.write('y = "^1"\nz = "1"\n"@s/y" = ["7", "8"]\n')
    before = _snapshot(root)
    with pytest.raises(ConfigurationError) as raised:
        update(root, ["@s/y", "x"], settings)
    assert ["version-not-found"] == [problem.reference for problem in raised.value.problems]
    with pytest.raises(ConfigurationError) as raised:
        update(root, [], settings)
    assert ["library-not-found"] * 2 == [problem.reference for problem in raised.value.problems]
    assert before == _snapshot(root)


@pytest.mark.parametrize("name", ["jquery", "x@1.0.0", "\x1b[31m"])
@pytest.mark.parametrize("command", [update, outdated])
def test_a_name_that_the_manifest_does_not_have_is_told(
    root: Path, registry: LocalRegistry, settings: NpmSettings, name: str, command: object
) -> None:
    assert callable(command)
    add(root, ["x"], settings)
    registry.asked.clear()
    with pytest.raises(ConfigurationError) as raised:
        command(root, ["x", name], settings)
    (problem,) = raised.value.problems
    assert ("library-unknown", True) == (problem.reference, problem.value.isprintable())
    assert [] == registry.asked


def test_without_libraries_nobody_is_asked(root: Path) -> None:
    settings = settings_for(root.parent)
    assert (Updated((), (), (), ()), ()) == (update(root, [], settings), outdated(root, [], settings))


# outdated


def test_what_is_behind_is_listed_with_sizes(root: Path, registry: LocalRegistry, settings: NpmSettings) -> None:
    add(root, ["x", "@s/y"], settings)
    _publish(registry, "1.1.0", "1.2.0", "2.0.0")
    before = _snapshot(root)
    (behind,) = outdated(root, [], settings)
    assert ("x", "^1.0.0", "1.0.0", "1.2.0", "2.0.0", "") == (
        behind.name,
        behind.requirement,
        behind.current,
        behind.wanted,
        behind.latest,
        behind.deprecated,
    )
    assert (1000, 1400, 9000, 400) == (behind.current_size, behind.wanted_size, behind.latest_size, behind.growth)
    assert before == _snapshot(root)


def test_where_the_wanted_version_is_here_the_size_is_that_of_the_latest(
    root: Path, registry: LocalRegistry, settings: NpmSettings
) -> None:
    add(root, ["x"], settings)
    _publish(registry, "2.0.0")
    (behind,) = outdated(root, [], settings)
    assert ("1.0.0", "2.0.0", 8000) == (behind.wanted, behind.latest, behind.growth)


def test_an_older_version_beside_a_newer_one_is_meant_to_be_old(
    root: Path, registry: LocalRegistry, settings: NpmSettings
) -> None:
    _publish(registry, "2.0.0")
    add(root, ["x@1.0.0", "x@^2"], settings)
    assert () == outdated(root, [], settings)


def test_what_is_not_here_is_behind(root: Path, settings: NpmSettings) -> None:
    with (root / "manifest.toml").open("a") as manifest:
        manifest.write('\n[libraries]\nx = "^1"\n')
    (behind,) = outdated(root, ["x"], settings)
    assert ("", "1.0.0", None) == (behind.current, behind.wanted, behind.growth)


def test_a_deprecated_version_is_listed_though_nothing_is_newer(
    root: Path, registry: LocalRegistry, settings: NpmSettings
) -> None:
    add(root, ["x"], settings)
    _publish(registry, "1.0.0", deprecated="use\n\x1b[31m y")
    (behind,) = outdated(root, [], settings)
    assert behind.deprecated.startswith("use")
    assert behind.deprecated.isprintable()


def test_nothing_is_behind(root: Path, settings: NpmSettings) -> None:
    add(root, ["x", "@s/y@1.0.0"], settings)
    assert () == outdated(root, [], settings)

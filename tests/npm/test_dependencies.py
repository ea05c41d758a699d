"""`add --deps`: what ES modules import comes too, and goes with those that import it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.manifest.lock import read_lock
from cdnserve.npm import dependencies
from cdnserve.npm.add import AddOptions, add
from cdnserve.npm.apply import Added
from cdnserve.npm.remove import remove
from cdnserve.npm.sync import check, sync
from cdnserve.npm.update import UpdateOptions, update
from tests.npm.registry import LocalRegistry, packed, settings_for


def _publish(registry: LocalRegistry, pin: str, source: str = "", **ranges: str) -> None:
    """Publish an ES module that imports what its ranges name, and more."""
    name, _, version = pin.rpartition("@")
    needs = {needed.replace("_", "-"): wanted for needed, wanted in ranges.items()}
    imports = "".join(f'import "{needed}";\n' for needed in needs)
    described = {"name": name, "version": version, "type": "module", "main": "i.js", "dependencies": needs}
    files = {"package.json": json.dumps(described), "i.js": f"{imports}{source}export {{}};\n"}
    registry.publish(name, version, packed(files))


def _add(root: Path, registry: LocalRegistry, *specs: str) -> Added:
    return add(root, specs, settings_for(root.parent, registry.url), options=AddOptions(deps=True))


def _dependents(root: Path) -> dict[str, tuple[str, ...]]:
    return {pin: entry.dependents for pin, entry in read_lock(root / "manifest.lock").libraries.items()}


def _problems(root: Path, registry: LocalRegistry, *specs: str) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        _add(root, registry, *specs)
    return [problem.reference for problem in raised.value.problems]


@pytest.fixture
def lit(registry: LocalRegistry) -> LocalRegistry:
    """Three packages in a chain, of which the last has two versions."""
    _publish(registry, "base@1.0.0")
    _publish(registry, "base@2.0.0")
    _publish(registry, "element@4.1.0", base="^1.0.0")
    _publish(registry, "lit@3.2.0", element="^4", base="1.0.0")
    return registry


def test_what_modules_import_comes_in_ranges_that_their_packages_name(root: Path, lit: LocalRegistry) -> None:
    added = _add(root, lit, "lit")
    assert ["lit@3.2.0", "element@4.1.0", "base@1.0.0"] == sorted(map(str, added.libraries), reverse=True)
    assert ("lit@3.2.0",) == added.asked
    assert {
        "base@1.0.0": ("element@4.1.0", "lit@3.2.0"),
        "element@4.1.0": ("lit@3.2.0",),
        "lit@3.2.0": (),
    } == _dependents(root)
    libraries = (root / "manifest.toml").read_text().partition("[libraries]\n")[2]
    assert 'lit = "^3.2.0"\n' == libraries, "the manifest keeps only what was asked for"


def test_without_deps_none_comes(root: Path, lit: LocalRegistry) -> None:
    added = add(root, ["lit"], settings_for(root.parent, lit.url))
    assert ["lit@3.2.0"] == list(map(str, added.libraries))


def test_what_is_hosted_and_allowed_is_taken(root: Path, registry: LocalRegistry) -> None:
    _publish(registry, "base@1.0.0")
    _add(root, registry, "base@1.0.0")
    _publish(registry, "base@1.1.0")
    _publish(registry, "top@1.0.0", base="^1.0.0")
    _add(root, registry, "top")
    assert {"base@1.0.0": ("top@1.0.0",), "top@1.0.0": ()} == _dependents(root)


def test_two_dependents_may_need_two_versions(root: Path, registry: LocalRegistry) -> None:
    for version in ("1.0.0", "2.0.0"):
        _publish(registry, f"base@{version}")
    _publish(registry, "old@1.0.0", base="^1")
    _publish(registry, "new@1.0.0", base="^2")
    _add(root, registry, "old", "new")
    assert {"base@1.0.0": ("old@1.0.0",), "base@2.0.0": ("new@1.0.0",), "new@1.0.0": (), "old@1.0.0": ()} == (
        _dependents(root)
    )


def test_packages_may_import_each_other(root: Path, registry: LocalRegistry) -> None:
    _publish(registry, "a@1.0.0", b="^1")
    _publish(registry, "b@1.0.0", a="^1")
    _add(root, registry, "a")
    assert {"a@1.0.0": ("b@1.0.0",), "b@1.0.0": ("a@1.0.0",)} == _dependents(root)


def test_a_classic_script_brings_nothing(root: Path, registry: LocalRegistry) -> None:
    files = {"package.json": json.dumps({"name": "x", "main": "x.js", "dependencies": {"y": "1"}}), "x.js": "let x;"}
    registry.publish("x", "1.0.0", packed(files))
    assert ["x@1.0.0"] == list(map(str, _add(root, registry, "x").libraries))


def test_what_can_not_be_had_keeps_all_from_changing(root: Path, registry: LocalRegistry) -> None:
    _publish(registry, "x@1.0.0", absent="^1", wrong="^9")
    _publish(registry, "wrong@1.0.0")
    before = (root / "manifest.toml").read_text()
    assert ["library-not-found", "version-not-found"] == _problems(root, registry, "x")
    _publish(registry, "absent@1.0.0")
    assert ["version-not-found"] == _problems(root, registry, "x")
    assert before == (root / "manifest.toml").read_text()
    assert not (root / "npm").exists()


def test_what_only_an_import_call_asks_for_may_be_absent(root: Path, registry: LocalRegistry) -> None:
    _publish(registry, "there@1.0.0")
    _publish(registry, "x@1.0.0", source='import("absent"); import("there");\n')
    added = _add(root, registry, "x")
    assert ["x@1.0.0", "there@1.0.0"] == list(map(str, added.libraries))
    assert ["module-not-hosted"] == [problem.reference for problem in added.warnings]


@pytest.mark.parametrize("wanted", ["../../etc", "file:../x", "npm:../x@1", "1 ; rm", "\x1b", "git+ssh://x"])
def test_what_no_registry_has_is_not_asked_for(root: Path, registry: LocalRegistry, wanted: str) -> None:
    _publish(registry, "base@1.0.0")
    _publish(registry, "x@1.0.0", base=wanted)
    _add(root, registry, "x")
    assert {"/x", "/base"} >= {path for path in registry.paths() if "/-/" not in path}


def test_a_module_outside_of_its_package_is_not_looked_for(root: Path, registry: LocalRegistry) -> None:
    (root.parent / "secret.js").write_text('import "base";\n')
    _publish(registry, "base@1.0.0")
    _publish(registry, "x@1.0.0", source='import "../../../secret.js"; import "../../../../secret.js";\n')
    assert ["x@1.0.0"] == list(map(str, _add(root, registry, "x").libraries))


def test_too_many_are_refused(root: Path, lit: LocalRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dependencies, "MOST_LIBRARIES", 2)
    assert ["dependencies-too-many"] == _problems(root, lit, "lit")


def test_what_was_there_for_a_library_alone_goes_with_it(root: Path, lit: LocalRegistry) -> None:
    _add(root, lit, "lit")
    removed = remove(root, ["lit"])
    assert {"lit@3.2.0", "element@4.1.0", "base@1.0.0"} == set(removed.libraries)
    assert {} == _dependents(root)
    assert not (root / "npm" / "base@1.0.0").exists()


def test_packages_that_import_each_other_go_together(root: Path, registry: LocalRegistry) -> None:
    _publish(registry, "a@1.0.0", b="^1")
    _publish(registry, "b@1.0.0", a="^1")
    _add(root, registry, "a")
    assert {"a@1.0.0", "b@1.0.0"} == set(remove(root, ["a"]).libraries)


def test_what_the_manifest_names_or_others_import_stays(root: Path, lit: LocalRegistry) -> None:
    _add(root, lit, "lit", "element")
    assert ["lit@3.2.0"] == list(remove(root, ["lit"]).libraries)
    assert {"element@4.1.0": (), "base@1.0.0": ("element@4.1.0",)} == _dependents(root)


def test_what_others_import_can_not_go_alone(root: Path, lit: LocalRegistry) -> None:
    _add(root, lit, "lit")
    with pytest.raises(ConfigurationError) as raised:
        remove(root, ["base"])
    (problem,) = raised.value.problems
    assert ("library-needed", "element@4.1.0 lit@3.2.0") == (problem.reference, problem.value)
    assert {"lit@3.2.0", "element@4.1.0", "base@1.0.0"} == set(remove(root, ["base", "element", "lit"]).libraries)


def test_what_others_import_goes_from_the_manifest_only(root: Path, lit: LocalRegistry) -> None:
    _add(root, lit, "lit", "element")
    removed = remove(root, ["element"])
    assert ((), ("element@^4.1.0",)) == (removed.libraries, removed.requirements)
    assert ["library-needed"] == [problem.reference for problem in removed.warnings]
    assert (root / "npm" / "element@4.1.0").is_dir()


def test_an_update_brings_what_the_new_version_imports(root: Path, lit: LocalRegistry) -> None:
    _add(root, lit, "lit")
    _publish(lit, "lit@3.3.0", element="^4", base="^2")
    settings = settings_for(root.parent, lit.url)
    updated = update(root, [], settings, options=UpdateOptions(prune=True))
    assert ["base@2.0.0", "lit@3.3.0"] == sorted(map(str, updated.libraries))
    assert ("lit@3.2.0",) == updated.pruned
    assert {
        "base@1.0.0": ("element@4.1.0",),
        "base@2.0.0": ("lit@3.3.0",),
        "element@4.1.0": ("lit@3.3.0",),
        "lit@3.3.0": (),
    } == _dependents(root)


def test_an_update_prunes_what_was_there_for_the_old_version(root: Path, lit: LocalRegistry) -> None:
    _add(root, lit, "lit")
    _publish(lit, "lit@3.3.0")
    updated = update(root, [], settings_for(root.parent, lit.url), options=UpdateOptions(prune=True))
    assert {"lit@3.2.0", "element@4.1.0", "base@1.0.0"} == set(updated.pruned)
    assert {"lit@3.3.0": ()} == _dependents(root)


def test_sync_restores_them_and_has_nothing_to_say(root: Path, lit: LocalRegistry) -> None:
    _add(root, lit, "lit")
    settings = settings_for(root.parent, lit.url)
    assert () == check(root, settings).problems
    (root / "npm" / "base@1.0.0" / "i.js").unlink()
    synced = sync(root, settings)
    assert (["base@1.0.0"], ()) == (list(map(str, synced.restored)), synced.warnings)

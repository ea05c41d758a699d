"""Modules that were made before come from the cache, where they can be proved; made by the real esbuild."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.npm.add import AddOptions, add
from cdnserve.npm.esbuild import VERSION
from cdnserve.npm.settings import NpmSettings
from cdnserve.npm.sync import sync
from tests.npm.real_esbuild import folder_with_esbuild
from tests.npm.registry import LocalRegistry, packed, settings_for

pytestmark = pytest.mark.network


@pytest.fixture(scope="session")
def esbuild(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_with_esbuild(tmp_path_factory.mktemp("esbuild"))


@pytest.fixture
def published(registry: LocalRegistry) -> LocalRegistry:
    described = {"name": "x", "version": "1.0.0", "exports": {".": "./a.js", "./deep/b": "./b.js", "./no": "./no.js"}}
    files = {"a.js": "exports.a = 1", "b.js": "exports.b = 2", "no.js": "require('fs')"}
    registry.publish("x", "1.0.0", packed({"package.json": json.dumps(described), **files}))
    return registry


def _settings(root: Path, registry: LocalRegistry, esbuild: Path, **environment: str) -> NpmSettings:
    return settings_for(root.parent, registry.url, {"PATH": f"{esbuild}:/usr/bin:/bin", **environment})


@pytest.fixture
def settings(root: Path, published: LocalRegistry, esbuild: Path) -> NpmSettings:
    return _settings(root, published, esbuild)


@pytest.fixture
def idle(root: Path, published: LocalRegistry, tmp_path: Path) -> NpmSettings:
    """Settings with an esbuild that says its version, and makes nothing."""
    folder = tmp_path / "idle"
    folder.mkdir()
    (folder / "esbuild").write_text(f"#!/bin/sh\n[ $1 = --version ] && echo {VERSION} || exit 3\n")
    (folder / "esbuild").chmod(0o755)
    return _settings(root, published, folder)


def _other(root: Path, name: str) -> Path:
    other = root.parent / name
    other.mkdir()
    shutil.copy(root / "manifest.toml", other)
    return other


def _made(root: Path) -> dict[str, bytes]:
    folder = root / "npm/x@1.0.0/+esm"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _entry(root: Path) -> Path:
    (entry,) = (root.parent / "home/.cache/cdnserve/modules").iterdir()
    return entry


def test_what_was_made_before_is_taken_again(root: Path, settings: NpmSettings, idle: NpmSettings) -> None:
    pristine = _other(root, "other")
    first = add(root, ["x"], settings, options=AddOptions(esm=True))
    again = add(pristine, ["x"], idle, options=AddOptions(esm=True))
    assert {"index.js", "index.js.map", "deep/b.js", "deep/b.js.map", "package.json"} == set(_made(root))
    assert _made(root) == _made(pristine)
    assert (root / "manifest.lock").read_bytes() == (pristine / "manifest.lock").read_bytes()
    assert (first.libraries, first.warnings) == (again.libraries, again.warnings)
    assert ["esm-left-out"] == [problem.reference for problem in again.warnings]


def _forged(entry: Path) -> None:
    seal, _, content = entry.read_bytes().partition(b"\n")
    kept = msgspec.msgpack.decode(content)
    kept["files"]["index.js"] = b"forged"
    entry.write_bytes(seal + b"\n" + msgspec.msgpack.encode(kept))


def _cut(entry: Path) -> None:
    entry.write_bytes(entry.read_bytes()[:-20])


def _led_out(entry: Path) -> None:
    seal, _, content = entry.read_bytes().partition(b"\n")
    kept = msgspec.msgpack.decode(content)
    kept["files"]["../../escaped"] = b"x"
    entry.write_bytes(seal + b"\n" + msgspec.msgpack.encode(kept))


@pytest.mark.parametrize("change", [_forged, _cut, _led_out, lambda entry: entry.write_bytes(b"")])
def test_what_was_changed_counts_for_nothing(
    root: Path, settings: NpmSettings, idle: NpmSettings, change: Callable[[Path], object]
) -> None:
    pristine = _other(root, "other")
    add(root, ["x"], settings, options=AddOptions(esm=True))
    change(_entry(root))
    with pytest.raises(ConfigurationError):
        add(pristine, ["x"], idle, options=AddOptions(esm=True))
    shutil.rmtree(root / "npm/x@1.0.0/+esm")
    with pytest.raises(ConfigurationError):
        sync(root, idle)
    sync(root, settings)
    add(pristine, ["x"], settings, options=AddOptions(esm=True))
    assert _made(root) == _made(pristine)
    assert not list(root.parent.rglob("escaped"))


def test_the_cache_of_another_machine_is_believed_as_far_as_the_lock_proves_it(
    root: Path, published: LocalRegistry, settings: NpmSettings, idle: NpmSettings
) -> None:
    pristine = _other(root, "other")
    add(root, ["x"], settings, options=AddOptions(esm=True))
    before = _made(root)
    # With another key.
    shutil.rmtree(root.parent / "home/.local")
    shutil.rmtree(root / "npm")
    synced = sync(root, idle)
    assert ((), before) == (synced.warnings, _made(root))
    with pytest.raises(ConfigurationError):
        add(pristine, ["x"], idle, options=AddOptions(esm=True))


def test_without_a_cache_they_are_made(root: Path, published: LocalRegistry, esbuild: Path) -> None:
    add(root, ["x"], _settings(root, published, esbuild, CDNSERVE_CACHE="off"), options=AddOptions(esm=True))
    assert "index.js" in _made(root)
    assert not (root.parent / "home/.cache").exists()
    assert not (root.parent / "home/.local").exists()


def test_the_lock_says_which_esbuild_makes_them_again(
    root: Path, published: LocalRegistry, settings: NpmSettings, tmp_path: Path
) -> None:
    add(root, ["x"], settings, options=AddOptions(esm=True))
    lock, before = (root / "manifest.lock").read_bytes(), _made(root)
    folder = tmp_path / "newer"
    folder.mkdir()
    (folder / "esbuild").write_text("#!/bin/sh\necho 0.29.9\n")
    (folder / "esbuild").chmod(0o755)
    add(root, ["x"], _settings(root, published, folder), options=AddOptions(esm=True))
    assert (lock, before) == ((root / "manifest.lock").read_bytes(), _made(root))

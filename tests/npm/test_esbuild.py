"""esbuild: which one is taken, and what it is let do; the programs are shell scripts that only pretend to be it."""

from __future__ import annotations

import platform
import stat
import sys
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.npm import esbuild
from cdnserve.npm.esbuild import Esbuild, EsbuildFinder
from cdnserve.npm.fetch import Session
from cdnserve.npm.settings import NpmSettings
from tests.npm.registry import LocalRegistry, packed, settings_for, sha512

SYSTEM = "linux-x64"


def _program(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    place = folder / "esbuild"
    place.write_text(f"#!/bin/sh\n{text}\n")
    place.chmod(0o755)
    return place


def _settings(tmp_path: Path, registry: str = "", path: str = "/nowhere") -> NpmSettings:
    return settings_for(tmp_path, registry, {"PATH": path, "CDNSERVE_CACHE": str(tmp_path / "cache")})


def _found(settings: NpmSettings, folder: Path, wanted: str = "") -> Esbuild:
    folder.mkdir(exist_ok=True)
    with Session(settings) as session:
        finder = EsbuildFinder(session, folder)
        return finder.find(wanted or finder.version)


def _problem(settings: NpmSettings, folder: Path, wanted: str = "") -> str:
    with pytest.raises(ConfigurationError) as raised:
        _found(settings, folder, wanted)
    (problem,) = raised.value.problems
    return problem.reference


@pytest.fixture
def published(registry: LocalRegistry, monkeypatch: pytest.MonkeyPatch) -> LocalRegistry:
    """A registry that has an esbuild for this machine, with the integrity that is expected."""
    package = packed({"package.json": "{}", "bin/esbuild": "#!/bin/sh\necho fetched >&2; exit 1\n", "other": "x"})
    for version in (esbuild.VERSION, "0.27.1"):
        registry.publish(f"@esbuild/{SYSTEM}", version, package)
    monkeypatch.setattr(esbuild, "_INTEGRITY", {SYSTEM: sha512(package)})
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(sys, "platform", "linux")
    return registry


def test_the_one_on_the_path_is_taken(tmp_path: Path) -> None:
    program = _program(tmp_path / "bin", "echo 0.28.0")
    found = _found(_settings(tmp_path, path=str(tmp_path / "bin")), tmp_path / "work")
    assert Esbuild(program, "0.28.0") == found


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param("echo 0.12.0", "", id="too old"),
        pytest.param("echo 1.0.0", "", id="nobody knows it"),
        pytest.param("echo something else", "", id="no esbuild"),
        pytest.param("exit 3", "", id="it fails"),
        pytest.param("sleep 60", "", id="it never answers"),
        pytest.param("echo 0.28.0", "0.27.1", id="another version than the lock says"),
    ],
)
def test_another_is_fetched_where_that_will_not_do(
    tmp_path: Path, published: LocalRegistry, monkeypatch: pytest.MonkeyPatch, text: str, wanted: str
) -> None:
    monkeypatch.setattr(esbuild, "_LONGEST_VERSION", 0.3)
    _program(tmp_path / "bin", text)
    found = _found(_settings(tmp_path, published.url, f"{tmp_path / 'bin'}:/bin:/usr/bin"), tmp_path / "work", wanted)
    assert (wanted or esbuild.VERSION) == found.version
    assert "fetched" == found.run([], tmp_path)


def test_what_was_fetched_is_kept_and_proved(tmp_path: Path, published: LocalRegistry) -> None:
    settings = _settings(tmp_path, published.url)
    first = _found(settings, tmp_path / "work")
    assert 0o700 == stat.S_IMODE(first.program.stat().st_mode)
    published.asked.clear()
    assert first == _found(settings, tmp_path / "other")
    first.program.write_text("#!/bin/sh\nexit 0\n")
    assert first == _found(settings, tmp_path / "third")
    assert "fetched" == first.run([], tmp_path)
    # The tarball is in the cache, too.
    assert [] == published.asked


@pytest.mark.parametrize(
    ("text", "expected"),
    [("echo 0.12.0", "is esbuild 0.12.0"), ("echo x", "is no esbuild"), ("sleep 60", "is no esbuild")],
)
def test_one_that_will_not_do_is_told(
    tmp_path: Path, registry: LocalRegistry, monkeypatch: pytest.MonkeyPatch, text: str, expected: str
) -> None:
    monkeypatch.setattr(esbuild, "_LONGEST_VERSION", 0.3)
    program = _program(tmp_path / "bin", text)
    with pytest.raises(ConfigurationError) as raised:
        _found(_settings(tmp_path, registry.url, f"{tmp_path / 'bin'}:/bin:/usr/bin"), tmp_path / "work")
    assert raised.value.problems[0].hint.endswith(f"; {program} {expected}")


def test_without_a_cache_it_lies_where_it_is_used(
    tmp_path: Path, published: LocalRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(tmp_path, published.url, {"CDNSERVE_CACHE": "off"})
    monkeypatch.chdir(tmp_path)
    found = _found(settings, Path("work"))
    assert tmp_path / "work/esbuild/bin/esbuild" == found.program
    assert "fetched" == found.run([], tmp_path / "work")


def test_another_tarball_is_refused(tmp_path: Path, published: LocalRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(esbuild, "_INTEGRITY", {SYSTEM: sha512(b"another")})
    assert "esbuild-missing" == _problem(_settings(tmp_path, published.url), tmp_path / "work")


def test_what_is_missing_is_told(tmp_path: Path, registry: LocalRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "esbuild-missing" == _problem(_settings(tmp_path, registry.url), tmp_path / "work")
    monkeypatch.setattr(platform, "machine", lambda: "vax")
    assert "esbuild-missing" == _problem(_settings(tmp_path, registry.url), tmp_path / "work")
    assert "esbuild-unsupported" == _problem(_settings(tmp_path, registry.url), tmp_path / "work", "0.3.0")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("exit 0", "", id="all went well"),
        pytest.param("echo wrong >&2; exit 1", "wrong", id="what it says"),
        pytest.param("exit 2", "it ended with status 2", id="it says nothing"),
        pytest.param("sleep 60", "it took longer than 0 seconds", id="it never ends"),
        pytest.param(
            'echo "$NODE_PATH$HOME$SECRET" >&2; exit 1', "it ended with status 1", id="it sees nothing of ours"
        ),
        pytest.param("ulimit -v >&2; exit 1", "4194304", id="it is bounded"),
    ],
)
def test_what_comes_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: str) -> None:
    monkeypatch.setenv("SECRET", "x")
    if "sleep" in text:
        monkeypatch.setattr(esbuild, "_LONGEST", 0.3)
    assert expected == Esbuild(_program(tmp_path / "bin", text), "0.28.0").run([], tmp_path)


def test_a_full_disk_is_no_fault_of_the_package(tmp_path: Path) -> None:
    said = "[ERROR] Failed to write to output file: write /x/meta.json: no space left on device"
    program = _program(tmp_path / "bin", f"echo '{said}' >&2; exit 1")
    with pytest.raises(OSError, match="No space left on device"):
        Esbuild(program, "0.28.0").run([], tmp_path)

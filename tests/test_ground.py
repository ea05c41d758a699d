"""The ground that everything stands on: locked requirements, no registry address, one way in."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LOCKED = sorted((ROOT / "requirements").glob("*.txt"), key=lambda file: file.name)
HASH = r"--hash=sha256:[0-9a-f]{64}"


def project() -> dict[str, Any]:
    """Read pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def lines(file: Path) -> list[str]:
    """Read a requirements file, a logical line each."""
    return file.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()


def pins(name: str) -> dict[str, Requirement]:
    """Read what a requirements file pins, by package."""
    requirements = (Requirement(line.partition(" --hash=")[0]) for line in lines(ROOT / "requirements" / f"{name}.txt"))
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


def wanted(name: str) -> Iterator[Requirement]:
    """Yield what pyproject.toml asks for: the dependencies for "serve", else those of a group."""
    document = project()
    if name in ("serve", "test"):
        yield from map(Requirement, document["project"]["dependencies"])
    for entry in document["dependency-groups"].get(name, ()):
        if isinstance(entry, dict):
            yield from map(Requirement, document["dependency-groups"][entry["include-group"]])
        else:
            yield Requirement(entry)


def test_the_requirement_files_are_these() -> None:
    """To run, to install, for the tests and their object store, for what is measured beside, for the docs."""
    expected = ["bench.txt", "build.txt", "docs.txt", "serve.txt", "swift.txt", "test.txt"]
    assert expected == [file.name for file in LOCKED]


@pytest.mark.parametrize("file", LOCKED, ids=lambda file: file.name)
def test_every_requirement_is_pinned_and_hashed(file: Path) -> None:
    """A line is name==version, perhaps a marker, and hashes: no option, no address."""
    for line in lines(file):
        assert re.fullmatch(rf"[a-z0-9-]+==[0-9][0-9a-z.]*( ;[^#/]+)?( +{HASH})+", line), line


@pytest.mark.parametrize("name", ["bench", "build", "docs", "serve", "swift", "test"])
def test_the_locked_versions_are_those_that_the_project_asks_for(name: str) -> None:
    """Each dependency in pyproject.toml is locked, at a version that it allows, under no narrower marker."""
    locked = pins(name)
    for requirement in wanted(name):
        pin = locked[canonicalize_name(requirement.name)]
        (version,) = (specifier.version for specifier in pin.specifier)
        assert version in requirement.specifier, f"{pin} is locked, {requirement} is wanted: make lock"
        assert bool(requirement.marker) == bool(pin.marker), requirement.name


def test_serving_and_testing_use_the_same_versions() -> None:
    """What is locked in two files is locked alike, so what was tested is what serves."""
    tested = pins("test")
    for name in ("bench", "build", "docs", "serve"):
        assert {str(pin.specifier) for pin in pins(name).values()} == {
            str(tested[package].specifier) for package in pins(name)
        }
        assert set(pins(name)) <= set(tested)


# What is installed together: by each target of the Makefile that installs, and by the two steps of the Dockerfile.
INSTALLS = {
    "serve": ("build", "serve"),
    "bench": ("build", "serve", "bench"),
    "docs": ("build", "serve", "docs"),
    "test": ("build", "serve", "test"),
    "image, building": ("build",),
    "image, serving": ("serve",),
}
SYSTEMS = [
    {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
    {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
]
INTERPRETERS = [
    {
        "python_version": version,
        "python_full_version": f"{version}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    for version in ("3.11", "3.12", "3.13", "3.14")
]
MACHINES = [{**system, **interpreter} for system, interpreter in product(SYSTEMS, INTERPRETERS)]


def holds(requirement: Requirement, machine: dict[str, str], extra: str = "") -> bool:
    """Return whether a requirement counts on a machine, for an extra of the package that states it."""
    return requirement.marker is None or requirement.marker.evaluate({**machine, "extra": extra})


def unpinned(pinned: dict[str, Requirement], machine: dict[str, str], dependencies: dict[str, list[str]]) -> set[str]:
    """Return what the pinned packages need on a machine that is not pinned there, at a version that will do."""
    present = {name: pin for name, pin in pinned.items() if holds(pin, machine)}
    waiting, seen, missing = [(name, "") for name in present], set(), set()
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        for needed in map(Requirement, dependencies[name]):
            if not holds(needed, machine, extra):
                continue
            package = canonicalize_name(needed.name)
            if package not in present or not needed.specifier.contains(version_of(present[package])):
                missing.add(f"{name} needs {needed}")
                continue
            waiting += [(package, canonicalize_name(wanted_extra)) for wanted_extra in needed.extras]
    return missing


def version_of(pin: Requirement) -> str:
    """Return the one version that a pin allows."""
    (only,) = pin.specifier
    return only.version


def dependencies_of(pinned: dict[str, Requirement], machine: dict[str, str]) -> dict[str, list[str]]:
    """Read what each package states that it needs, from its own metadata as it is installed here."""
    stated = {}
    for name, pin in pinned.items():
        if holds(pin, machine):
            assert version_of(pin) == metadata.version(name), f"{name}: make test installs what is locked"
            stated[name] = metadata.requires(name) or []
    return stated


@pytest.mark.parametrize(
    "machine", MACHINES, ids=lambda machine: f"{machine['sys_platform']} {machine['python_version']}"
)
@pytest.mark.parametrize("files", INSTALLS.values(), ids=INSTALLS.keys())
def test_every_dependency_of_every_pin_is_pinned_in_the_same_install(
    files: tuple[str, ...], machine: dict[str, str]
) -> None:
    """Nothing is left to resolve, so an install next year is the install of today."""
    pinned = {package: pin for file in files for package, pin in pins(file).items()}
    assert set() == unpinned(pinned, machine, dependencies_of(pinned, machine))


def test_a_dependency_that_is_not_pinned_is_found() -> None:
    """A package that nobody pins, one at another version, one behind an extra and one behind a marker."""
    pinned = {name: Requirement(f"{name}==1.0") for name in ("a", "b", "c")}
    stated = {
        "a": ["b[more]>=1", "gone", 'late ; python_version >= "3.13"'],
        "b": ["c>=2", 'extra-gone ; extra == "more"', 'other ; extra == "unasked"'],
        "c": [],
    }
    now, later = MACHINES[0], MACHINES[3]
    found = {"a needs gone", "b needs c>=2", 'b needs extra-gone; extra == "more"'}
    assert found == unpinned(pinned, now, stated)
    assert found | {'a needs late; python_version >= "3.13"'} == unpinned(pinned, later, stated)


@pytest.mark.parametrize("name", ["Makefile", "Dockerfile"])
def test_what_is_locked_is_installed_without_resolution_and_then_checked(name: str) -> None:
    """Wherever hashes are required nothing is resolved, and pip looks at what stands at the end."""
    script = (ROOT / name).read_text(encoding="utf-8")
    hashed = [line for line in script.splitlines() if "--require-hashes" in line]
    assert hashed
    assert [] == [line for line in hashed if "--no-deps" not in line]
    assert "pip check" in script


def configured(*command: str) -> str:
    """Ask a package manager for a setting; nothing where it isn't installed or has none."""
    try:
        return subprocess.run(command, capture_output=True, check=True, text=True, timeout=60).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def registry_hosts() -> set[str]:
    """Return the hosts of the package registries that this machine knows, from the package managers' own settings."""
    pip = (sys.executable, "-m", "pip", "config", "get")
    addresses = [
        *(os.environ.get(name, "") for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_INDEX_URL")),
        configured(*pip, "global.index-url"),
        configured(*pip, "global.extra-index-url"),
        configured(sys.executable, "-c", "from pip._internal.models.index import PyPI; print(PyPI.url)"),
        configured("npm", "config", "get", "registry"),
    ]
    hosts = (urlsplit(address).hostname for setting in addresses for address in setting.split())
    return {host for host in hosts if host}


def files_of_the_project() -> Iterator[Path]:
    """Yield every file but caches, virtual environments, releases and fetched libraries."""
    for folder, folders, names in os.walk(ROOT):
        here = Path(folder)
        folders[:] = [
            name
            for name in folders
            if (not name.startswith(".") or name == ".ci")
            and name not in ("__pycache__", "node_modules", "dist", "build")
            and not (here / name / "pyvenv.cfg").exists()
            and here / name != ROOT / "public/npm"
        ]
        yield from (here / name for name in names if not name.startswith(".coverage"))


def test_no_file_names_a_package_registry() -> None:
    """Addresses of registries come from the settings of whoever installs, never from the project."""
    hosts = registry_hosts()
    if not hosts:
        pytest.skip("no package registry is configured on this machine")
    files = list(files_of_the_project())
    assert ROOT / "pyproject.toml" in files
    assert ROOT / ".ci/run" in files
    named = [
        (file.relative_to(ROOT).as_posix(), host)
        for file in files
        for host in hosts
        if host.encode() in file.read_bytes().lower()
    ]
    assert [] == named


def test_the_targets_are_told() -> None:
    """Every target of the Makefile is phony, and CONTRIBUTING.md names it."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert phony
    targets = re.findall(r"^([a-z-]+):.*##", makefile, re.MULTILINE)
    assert phony[1].split() == targets
    told = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert [] == [target for target in targets if f"make {target}" not in told]


def test_what_ci_runs_is_what_everyone_runs() -> None:
    """CI adds programs from Debian, demands them, and runs the same targets."""
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert os.access(ROOT / ".ci/run", os.X_OK)
    assert "\nset -euo pipefail\n" in script
    (required,) = re.findall(r"^export (CDNSERVE_REQUIRE_.*)$", script, re.MULTILINE)
    wanted = ("CHROMIUM", "REGISTRY", "EDGES", "H2LOAD", "STORE")
    assert required.split() == [f"CDNSERVE_REQUIRE_{what}=1" for what in wanted]
    targets = ["swift", "check", "test", "docs", "dist", "image-test"]
    assert targets == re.findall(r"^make ([a-z-]+)", script, re.MULTILINE)


def test_ci_runs_the_rules_under_debians_own_python_too() -> None:
    """Its regular expressions are those of 3.11.2, and a machine without it is a failure."""
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert "\n/usr/bin/python3.11 -c 'import ensurepip' 2>/dev/null || missing+=(python3.11-venv)\n" in script
    assert "\nmake VENV=.venv-debian PYTHON=/usr/bin/python3.11 .venv-debian/test.stamp\n" in script
    assert " tests/rules tests/manifest tests/origin tests/release " in script


def test_the_version_is_told_once_more_in_the_changelog() -> None:
    """The project's version has its heading."""
    version = project()["project"]["version"]
    assert f"\n## [{version}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

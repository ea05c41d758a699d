"""A manifest or lock that a merge, an editor or a crash has damaged: a clear problem, and nothing is lost."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.npm.add import add
from cdnserve.npm.outdated import outdated
from cdnserve.npm.remove import remove
from cdnserve.npm.settings import NpmSettings
from cdnserve.npm.sync import check, sync
from cdnserve.npm.update import UpdateOptions, update
from cdnserve.release.build import build
from tests.npm.registry import LocalRegistry, packed, settings_for

Command = Callable[[Path, NpmSettings], object]
CHANGING: Mapping[str, Command] = MappingProxyType(
    {
        "add": lambda root, settings: add(root, ["z@1.0.0"], settings),
        "remove": lambda root, settings: remove(root, ["x@1.0.0"]),
        "update": lambda root, settings: update(root, [], settings, options=UpdateOptions(latest=True, prune=True)),
        "sync": lambda root, settings: sync(root, settings, prune=True),
    }
)
LOOKING: Mapping[str, Command] = MappingProxyType(
    {
        "check": check,
        "outdated": lambda root, settings: outdated(root, [], settings),
        "dry run": lambda root, settings: update(root, [], settings, options=UpdateOptions(latest=True, dry_run=True)),
    }
)
BUILDING: Mapping[str, Command] = MappingProxyType({"build": lambda root, settings: build(root, root.parent / "state")})


@pytest.fixture
def settings(root: Path, registry: LocalRegistry) -> NpmSettings:
    for name in ("x", "@s/y"):
        registry.publish(name, "1.0.0", packed({"package.json": "{}", "a.js": name}))
    settings = settings_for(root.parent, registry.url)
    add(root, ["x", "@s/y@1.0.0"], settings)
    build(root, root.parent / "state")
    return settings


def _snapshot(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def _problems(command: Command, root: Path, settings: NpmSettings) -> tuple[Problem, ...]:
    """Return what a command complains of; if it does, it must not have touched anything."""
    before = _snapshot(root)
    try:
        command(root, settings)
    except ConfigurationError as error:
        assert before == _snapshot(root)
        return error.problems
    return ()


@pytest.mark.parametrize("name", [*CHANGING, *LOOKING, *BUILDING])
def test_a_lock_cut_short_anywhere_is_told_with_its_line(root: Path, settings: NpmSettings, name: str) -> None:
    command = {**CHANGING, **LOOKING, **BUILDING}[name]
    whole = (root / "manifest.lock").read_bytes()
    for length in range(0, len(whole) - 1, 11 if name in BUILDING else 1):
        (root / "manifest.lock").write_bytes(whole[:length])
        (problem,) = _problems(command, root, settings)
        assert "lock-malformed" == problem.reference
        assert re.fullmatch(r"manifest\.lock:[1-9][0-9]*", problem.where)
        assert problem.hint


@pytest.mark.parametrize("name", [*CHANGING, *LOOKING, *BUILDING])
def test_a_manifest_cut_short_anywhere_loses_nothing(root: Path, settings: NpmSettings, name: str) -> None:
    """Some of what is left is a manifest still, of less; the lock knows the rest."""
    command = {**CHANGING, **LOOKING, **BUILDING}[name]
    whole, lock = ((root / name).read_bytes() for name in ("manifest.toml", "manifest.lock"))
    libraries = {path: data for path, data in _snapshot(root).items() if path.startswith("npm/")}
    refused = 0
    for length in range(0, len(whole) - 1, 11 if name in BUILDING else 1):
        (root / "manifest.toml").write_bytes(whole[:length])
        problems = _problems(command, root, settings)
        refused += bool(problems)
        told = [problem for problem in problems if problem.where.startswith("manifest.toml:")]
        assert all(problem.message and problem.reference for problem in told)
        if name == "remove" and not problems:
            add(root, ["x@1.0.0"], settings)
        assert libraries.items() <= _snapshot(root).items()
        if name not in ("remove", "add"):
            assert lock == (root / "manifest.lock").read_bytes()
            assert name in BUILDING or whole[:length] == (root / "manifest.toml").read_bytes()
        (root / "manifest.lock").write_bytes(lock)
    assert refused > 5


def _damages(text: str) -> Iterator[tuple[str, bytes]]:
    """Yield what may happen to a file, each with a name."""
    lines = text.splitlines(keepends=True)
    middle = len(lines) // 2
    merged = [*lines[:middle], "<<<<<<< ours\n", lines[middle], "=======\n", lines[middle], ">>>>>>> theirs\n"]
    yield "a merge conflict", "".join([*merged, *lines[middle + 1 :]]).encode()
    yield "a byte order mark", b"\xef\xbb\xbf" + text.encode()
    yield "another encoding", text.encode("utf-16")
    yield "octets that are no text", text.encode() + b"\xff\xfe\n"
    yield "NULs, as after a crash", b"\0" * len(text)
    yield "nothing", b""


DAMAGES = [
    "a merge conflict",
    "a byte order mark",
    "another encoding",
    "octets that are no text",
    "NULs, as after a crash",
]


@pytest.mark.parametrize("damage", [*DAMAGES, "nothing"])
@pytest.mark.parametrize("file", ["manifest.toml", "manifest.lock"])
def test_a_damaged_file_is_told_by_every_command_and_left(
    root: Path, settings: NpmSettings, file: str, damage: str
) -> None:
    (root / file).write_bytes(dict(_damages((root / file).read_text()))[damage])
    for command in (*CHANGING.values(), *LOOKING.values(), *BUILDING.values()):
        problems = _problems(command, root, settings)
        assert problems
        assert {file} == {problem.where.partition(":")[0] for problem in problems}
        assert any(problem.hint for problem in problems)


def test_damages_of_both_files_are_told_at_once(root: Path, settings: NpmSettings) -> None:
    for file in ("manifest.toml", "manifest.lock"):
        (root / file).write_bytes(dict(_damages((root / file).read_text()))["a merge conflict"])
    for command in (*CHANGING.values(), *LOOKING.values()):
        problems = _problems(command, root, settings)
        assert ["manifest-conflict", "lock-conflict"] == [problem.reference for problem in problems]


@pytest.mark.parametrize(
    ("file", "reference", "line"),
    [("manifest.toml", "manifest-conflict", 6), ("manifest.lock", "lock-conflict", 7)],
)
def test_a_merge_conflict_is_called_one(
    root: Path, settings: NpmSettings, file: str, reference: str, line: int
) -> None:
    (root / file).write_bytes(dict(_damages((root / file).read_text()))["a merge conflict"])
    for command in CHANGING.values():
        (problem,) = _problems(command, root, settings)
        assert (reference, f"{file}:{line}") == (problem.reference, problem.where)
        assert "<<<<<<<" in problem.value


@pytest.mark.parametrize("file", ["manifest.toml", "manifest.lock"])
def test_line_ends_of_another_system_are_no_damage(root: Path, settings: NpmSettings, file: str) -> None:
    (root / file).write_bytes((root / file).read_bytes().replace(b"\n", b"\r\n"))
    for command in (*LOOKING.values(), *BUILDING.values(), *CHANGING.values()):
        if command is not CHANGING["add"]:
            assert () == _problems(command, root, settings)


@pytest.mark.parametrize(
    ("file", "old", "new", "reference"),
    [
        pytest.param("manifest.toml", 'x = "^1.0.0"', 'x = "^1.0.0"\nx = "^2"', "toml-invalid", id="a key twice"),
        pytest.param("manifest.toml", 'x = "^1.0.0"', "x = 1", "type-wrong", id="a number for a version"),
        pytest.param("manifest.toml", "[libraries]", "[[libraries]]", "type-wrong", id="a list of tables"),
        pytest.param("manifest.lock", '"x@1.0.0": ', '"x@1.0.0": 1, "a@1.0.0": ', "lock-entry-invalid", id="a number"),
        pytest.param("manifest.lock", '"libraries": {', '"libraries": [], "a": {', "lock-entry-invalid", id="a list"),
        pytest.param("manifest.lock", '"@s/y@1.0.0"', '"x@1.0.0"', "lock-duplicate", id="an entry twice"),
    ],
)
def test_a_wrong_type_or_a_key_twice_is_told(
    root: Path, settings: NpmSettings, file: str, old: str, new: str, reference: str
) -> None:
    text = (root / file).read_text()
    assert old in text
    (root / file).write_text(text.replace(old, new))
    for command in (*CHANGING.values(), *LOOKING.values(), *BUILDING.values()):
        assert reference in [problem.reference for problem in _problems(command, root, settings)]

"""Forgetting: a promise that was a mistake can be taken back by a person, for the bytes that were promised."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.manifest.lock import Lock, LockedLibrary, read_lock, write_lock
from cdnserve.release.build import build
from cdnserve.release.history import roll_back
from cdnserve.release.immutable import find_promised, forget, read_forgotten
from tests.release.roots import SCRIPT, plant, public_bytes, snapshot

PATH, OTHER = "npm/lib@1.0.0/a.js", "npm/lib@1.0.0/b.js"
FILES: dict[str, bytes | str] = {PATH: SCRIPT[:700], OTHER: b"b", "page.css": b"css"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return plant(tmp_path / "root", FILES)


@pytest.fixture
def state(root: Path) -> Path:
    """A state with a release of the root."""
    build(root, root / ".cdnserve")
    return root / ".cdnserve"


def problems(root: Path, state: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as told:
        build(root, state)
    return [problem.reference for problem in told.value.problems]


def test_half_a_file_is_replaced_by_the_whole_one(root: Path, state: Path) -> None:
    plant(root, {PATH: SCRIPT})
    assert ["immutable-changed"] == problems(root, state)
    forget(root, state, [PATH])
    assert {OTHER} == set(read_lock(root / "manifest.lock").immutable)
    assert build(root, state).changed
    assert SCRIPT == public_bytes(state)[PATH]
    # From now on these bytes are promised, wherever the lock goes.
    plant(root, {PATH: SCRIPT + b"!"})
    assert ["immutable-changed"] == problems(root, state)
    (root / "manifest.lock").unlink()
    assert ["immutable-changed"] == problems(root, state)


def test_the_lock_keeps_its_form_and_all_else(root: Path, state: Path) -> None:
    library = {"jquery@3.7.1": LockedLibrary("sha512-" + "A" * 86 + "==")}
    lock = read_lock(root / "manifest.lock")
    write_lock(root / "manifest.lock", Lock(library, lock.immutable))
    before = (root / "manifest.lock").read_text().splitlines()
    forget(root, state, [PATH])
    after = (root / "manifest.lock").read_text().splitlines()
    assert [line for line in before if PATH not in line] == after


def test_another_machine_learns_it_from_the_lock(root: Path, state: Path, tmp_path: Path) -> None:
    build(root, tmp_path / "elsewhere")
    plant(root, {PATH: SCRIPT})
    forget(root, state, [PATH])
    build(root, state)
    assert build(root, tmp_path / "elsewhere").changed
    assert SCRIPT == public_bytes(tmp_path / "elsewhere")[PATH]


def test_only_the_promised_bytes_are_forgotten(root: Path, state: Path) -> None:
    """Where the lock is lost afterwards, what was released since is promised all the same."""
    plant(root, {PATH: SCRIPT})
    forget(root, state, [PATH])
    build(root, state)
    (root / "manifest.lock").unlink()
    plant(root, {PATH: FILES[PATH], OTHER: b"changed"})
    assert ["immutable-changed"] * 2 == problems(root, state)


def test_what_a_rollback_left_is_forgotten_too(root: Path, state: Path) -> None:
    plant(root, {"npm/lib@2.0.0/c.js": b"half"})
    build(root, state)
    roll_back(root, state, 1)
    forget(root, state, ["npm/lib@2.0.0/c.js"])
    plant(root, {"npm/lib@2.0.0/c.js": b"whole"})
    assert build(root, state).changed
    assert b"whole" == public_bytes(state)["npm/lib@2.0.0/c.js"]


def test_before_the_first_release_only_the_lock_changes(root: Path, state: Path, tmp_path: Path) -> None:
    forget(root, tmp_path / "none", [PATH])
    assert not (tmp_path / "none").exists()
    assert {OTHER} == set(read_lock(root / "manifest.lock").immutable)


def test_a_damaged_release_promises_nothing(root: Path, state: Path) -> None:
    (state / "releases/1.cat").write_bytes(b"damaged")
    forget(root, state, [PATH])
    assert {} == read_forgotten(str(state))
    assert {OTHER} == set(read_lock(root / "manifest.lock").immutable)


@pytest.mark.parametrize("octets", [b"", b"[]", b'{"a": 1}', b"{", b"[" * 100_000])
def test_a_damaged_note_forgets_nothing(tmp_path: Path, octets: bytes) -> None:
    (tmp_path / "forgotten").write_bytes(octets)
    assert read_forgotten(str(tmp_path)) is None


def test_a_second_note_is_added_to_the_first(root: Path, state: Path) -> None:
    for path in (PATH, OTHER):
        forget(root, state, [path])
    assert {PATH, OTHER} == (read_forgotten(str(state)) or {}).keys()
    assert json.loads((state / "forgotten").read_text()).keys() == {PATH, OTHER}
    plant(root, {PATH: SCRIPT, OTHER: b"bb"})
    assert build(root, state).changed


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param([PATH], (PATH,), id="a path"),
        pytest.param(["npm/**"], (PATH, OTHER), id="a glob"),
        pytest.param(["npm/*/b.js", PATH, PATH], (PATH, OTHER), id="several"),
    ],
)
def test_paths_and_globs_stand_for_promises(
    root: Path, state: Path, wanted: list[str], expected: tuple[str, ...]
) -> None:
    assert expected == find_promised(root, state, wanted)


def test_a_name_with_brackets_is_itself_before_it_is_a_glob(root: Path, state: Path) -> None:
    plant(root, {"npm/lib@1.0.0/[a].js": b"brackets"})
    build(root, state)
    assert ("npm/lib@1.0.0/[a].js",) == find_promised(root, state, ["npm/lib@1.0.0/[a].js"])


@pytest.mark.parametrize(
    ("wanted", "hint"),
    [
        pytest.param("npm/lib@1.0.0", "for all that is in the folder, write 'npm/lib@1.0.0/**'", id="a folder"),
        pytest.param("npm/lib@1.0.0/", "for all that is in the folder, write 'npm/lib@1.0.0/**'", id="with a slash"),
        pytest.param(f"root/{PATH}", f"paths are relative to the root: write {PATH}", id="from outside"),
        pytest.param("root/npm/**", "paths are relative to the root: write npm/**", id="a glob from outside"),
        pytest.param("page.css", "manifest.lock records which", id="not immutable"),
        pytest.param("{a,b}", "manifest.lock records which", id="no glob"),
    ],
)
def test_what_was_never_promised_is_told(root: Path, state: Path, wanted: str, hint: str) -> None:
    before = snapshot(root)
    with pytest.raises(ConfigurationError) as told:
        find_promised(root, state, [PATH, wanted])
    [problem] = told.value.problems
    assert isinstance(problem, Problem)
    assert ("promise-unknown", wanted) == (problem.reference, problem.value)
    assert hint in problem.hint
    assert before == snapshot(root)


def test_a_state_that_cannot_be_written_is_told(root: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (state / "build.lock").unlink()
    (state / "build.lock").mkdir()
    with pytest.raises(ConfigurationError):
        forget(root, state, [PATH])
    assert {PATH, OTHER} == set(read_lock(root / "manifest.lock").immutable)

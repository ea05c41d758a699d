"""History: every release with what it changed, also where one can't be read."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.manifest.reader import read_manifest
from cdnserve.release.build import build
from cdnserve.release.history import Differences, RolledBack, history, roll_back
from cdnserve.release.state_files import read_hold
from cdnserve.release.store import Store
from cdnserve.release.writer import Built, Silence, Writer
from tests.forked import run
from tests.release.roots import MANIFEST, SCRIPT, plant, public_bytes


def releases(place: Path) -> tuple[Path, Path]:
    """Make three releases: b.js comes, then a.js changes and the policy of all."""
    root, state = place / "root", place / "state"
    build(plant(root, {"a.js": SCRIPT}), state)
    build(plant(root, {"b.js": "b"}), state)
    build(plant(root, {"a.js": "a"}, MANIFEST.replace('"any"', '"none"')), state)
    return root, state


def test_headers_that_a_rule_changes_are_a_change(tmp_path: Path) -> None:
    root, state = tmp_path / "root", tmp_path / "state"
    build(plant(root, {"a.js": SCRIPT}), state)
    build(plant(root, {}, MANIFEST.replace("cors =", 'digests = ["repr"]\ncors =')), state)
    assert [("a.js",), ()] == [entry.differences.added for entry in history(state)]
    assert [(), ("a.js",)] == [entry.differences.changed for entry in history(state)]


def test_each_release_is_compared_with_the_one_before(tmp_path: Path) -> None:
    _, state = releases(tmp_path)
    first, second, third = history(state)
    assert (1, 2, 3) == (first.number, second.number, third.number)
    assert [False, False, True] == [entry.is_current for entry in (first, second, third)]
    assert (1, len(SCRIPT)) == (first.files, first.octets)
    assert (2, 2) == (third.files, third.octets)
    assert Differences(added=("a.js",)) == first.differences
    assert Differences(added=("b.js",)) == second.differences
    assert Differences(changed=("a.js", "b.js")) == third.differences
    assert Store(state).catalog(1).stat().st_mtime == first.made
    assert not any(entry.left or entry.problem for entry in (first, second, third))


def test_what_was_rolled_back_from_is_marked(tmp_path: Path) -> None:
    root, state = releases(tmp_path)
    roll_back(root, state)
    assert [(2, True, False), (3, False, True)] == [
        (entry.number, entry.is_current, entry.left) for entry in list(history(state))[1:]
    ]


def test_a_release_that_can_not_be_read_is_told_and_passed_over(tmp_path: Path) -> None:
    _, state = releases(tmp_path)
    Store(state).catalog(2).write_bytes(b"half")
    _, damaged, third = history(state)
    assert damaged.problem
    assert ("release-corrupt", 0) == (damaged.problem.reference, damaged.files)
    assert Differences(added=("b.js",), changed=("a.js",)) == third.differences


def test_no_release_is_no_history(tmp_path: Path) -> None:
    assert [] == list(history(tmp_path))


OLD: dict[str, bytes | str] = {"npm/lib@1.0.0/a.js": SCRIPT, "page.css": SCRIPT + b"old", "gone.js": b"gone"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root of which two releases were made."""
    folder = plant(tmp_path / "root", OLD)
    build(folder, tmp_path / "root/.cdnserve")
    (folder / "gone.js").unlink()
    build(plant(folder, {"page.css": SCRIPT + b"new", "new.js": "new"}), tmp_path / "root/.cdnserve")
    return folder


@pytest.fixture
def state(root: Path) -> Path:
    return root / ".cdnserve"


def problems(root: Path, state: Path, number: int | None = None) -> list[str]:
    with pytest.raises(ConfigurationError) as told:
        roll_back(root, state, number)
    return [problem.reference for problem in told.value.problems]


def test_the_release_before_is_current_again(root: Path, state: Path) -> None:
    found = Differences(added=("gone.js",), removed=("new.js",), changed=("page.css",))
    assert RolledBack(1, 2, found) == roll_back(root, state)
    assert OLD == public_bytes(state)
    assert ("gone.js", "new.js", "page.css") == found.paths


def test_builds_leave_it_as_long_as_nothing_changes(root: Path, state: Path) -> None:
    roll_back(root, state)
    for _ in range(2):
        built = build(root, state)
        assert (1, False) == (built.number, built.changed)
        assert [("release-held", True)] == [(problem.reference, problem.warning) for problem in built.warnings]
        assert "release 2" in built.warnings[0].message
    assert OLD == public_bytes(state)
    assert (1, 2) == Store(state).numbers()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda root: (root / "page.css").write_bytes(b"mended"), id="a file"),
        pytest.param(lambda root: (root / "new.js").unlink(), id="a file that goes"),
        pytest.param(lambda root: (root / "unlisted").mkdir() or (root / "unlisted/x").touch(), id="an unlisted file"),
        pytest.param(lambda root: (root / "manifest.toml").write_text(MANIFEST + "# more\n"), id="the manifest"),
        pytest.param(lambda root: (root / "manifest.lock").unlink(), id="the lock"),
        pytest.param(lambda root: os.utime(root / "page.css"), id="a date"),
    ],
)
def test_any_change_ends_it(root: Path, state: Path, change: object) -> None:
    roll_back(root, state)
    assert callable(change)
    change(root)
    built = build(root, state)
    assert (3, True, []) == (built.number, built.changed, [one.reference for one in built.warnings])
    assert Built(3, False) == build(root, state)


def test_a_person_who_builds_means_it(root: Path, state: Path) -> None:
    roll_back(root, state)
    assert Built(3, True) == build(root, state, despite_hold=True)
    assert SCRIPT + b"new" == public_bytes(state)["page.css"]
    assert Built(3, False) == build(root, state)


def test_forward_is_a_rollback_as_well(root: Path, state: Path) -> None:
    roll_back(root, state)
    assert (2, 1) == ((done := roll_back(root, state, 2)).number, done.left)
    assert Built(2, False) == build(root, state)


def test_the_current_release_stays_without_a_hold(root: Path, state: Path) -> None:
    assert RolledBack(2, 2, Differences()) == roll_back(root, state, 2)
    assert read_hold(str(state)) is None
    (root / "page.css").write_bytes(b"mended")
    assert Built(3, True) == build(root, state)


def test_twice_goes_back_twice(root: Path, state: Path) -> None:
    (root / "page.css").write_bytes(b"third")
    build(root, state)
    assert [2, 1] == [roll_back(root, state).number for _ in range(2)]
    assert ["rollback-nowhere"] == problems(root, state)
    assert 1 == build(root, state).number


@pytest.mark.parametrize("number", [0, 3, 99])
def test_a_release_that_is_not_there(root: Path, state: Path, number: int) -> None:
    assert ["release-missing"] == problems(root, state, number)
    assert 2 == Store(state).current()


def test_a_release_that_lacks_a_blob_is_left_alone(root: Path, state: Path) -> None:
    asset = Store(state).read(1).assets["page.css"]
    Store(state).blob(asset.identity.sha256).unlink()
    assert ["blob-missing"] == problems(root, state)
    assert 2 == Store(state).current()
    assert read_hold(str(state)) is None


def test_nothing_to_go_back_to(tmp_path: Path) -> None:
    root = plant(tmp_path / "root", OLD)
    assert ["rollback-nowhere"] == problems(root, tmp_path / "state")
    assert ["release-missing"] == problems(root, tmp_path / "state", 9)
    assert not (tmp_path / "state").exists()
    build(root, tmp_path / "state")
    assert ["rollback-nowhere"] == problems(root, tmp_path / "state")


def test_a_damaged_current_release_can_be_left(root: Path, state: Path) -> None:
    Store(state).catalog(2).write_bytes(b"half")
    assert 1 == roll_back(root, state).number
    assert OLD == public_bytes(state)


def test_a_damaged_pointer_can_be_mended_by_naming_a_release(root: Path, state: Path) -> None:
    (state / "current").write_bytes(b"???")
    assert ["pointer-corrupt"] == problems(root, state)
    assert (1, 0) == ((done := roll_back(root, state, 1)).number, done.left)
    assert OLD == public_bytes(state)


def test_immutable_bytes_stay_promised_where_the_lock_can_not_say_so(root: Path, state: Path) -> None:
    """A release that was left has promised, too: caches hold its bytes."""
    plant(root, {"npm/lib@2.0.0/b.js": "once"})
    build(root, state)
    roll_back(root, state)
    (root / "manifest.lock").unlink()
    plant(root, {"npm/lib@2.0.0/b.js": "twice"})
    with pytest.raises(ConfigurationError, match="immutable-changed"):
        build(root, state)
    assert 2 == Store(state).current()
    Store(state).catalog(3).write_bytes(b"damaged: then nobody knows")
    assert build(root, state).changed


def test_a_rollback_waits_for_a_build_and_is_not_undone_by_one_that_waited(root: Path, state: Path) -> None:
    outcomes: list[Built] = []
    roll_back(root, state)
    with Writer(str(state), Silence()) as writer:
        # As if both had looked at the root before anybody held it.
        writer.point_to(2)
        building = threading.Thread(target=lambda: outcomes.append(build(root, state)))
        (state / "index").unlink()
        building.start()
        writer.point_to(1)
    building.join(30)
    assert [(1, False)] == [(built.number, built.changed) for built in outcomes]


PROGRAM = """
import os, signal, sys
from pathlib import Path
from cdnserve.release.history import roll_back
left = int(sys.argv[3])
def counted(real):
    def call(*arguments, **named):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **named)
    return call
for name in ("write", "fsync", "replace"):
    setattr(os, name, counted(getattr(os, name)))
roll_back(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def test_a_rollback_killed_at_any_step_leaves_either_release(root: Path, state: Path) -> None:
    seen: list[int] = []
    for step in range(20):
        roll_back(root, state, 2)
        command = [sys.executable, "-c", PROGRAM, str(root), str(state), str(step)]
        status = run(command).returncode
        current = Store(state).current() or 0
        seen.append(current)
        assert len(public_bytes(state)) == 3
        # Whichever it is, the next build leaves it.
        assert current == build(root, state).number
        if status == 0:
            break
    assert [*sorted(seen, reverse=True)] == seen
    assert {1, 2} == set(seen)


def test_the_manifest_is_not_touched(root: Path, state: Path) -> None:
    before = read_manifest(root / "manifest.toml")
    roll_back(root, state)
    assert before == read_manifest(root / "manifest.toml")

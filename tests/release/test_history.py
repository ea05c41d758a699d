"""History: every release with what it changed, also where one can't be read."""

from __future__ import annotations

from pathlib import Path

from cdnserve.release.build import build
from cdnserve.release.history import Differences, history
from cdnserve.release.rollback import roll_back
from cdnserve.release.store import Store
from tests.release.roots import MANIFEST, SCRIPT, plant


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

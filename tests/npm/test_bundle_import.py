"""`import`: every byte compared before any is placed, all or nothing, and promises kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.manifest.lock import Lock, LockedFile, LockedLibrary, read_lock, write_lock
from cdnserve.npm import transaction
from cdnserve.npm.bundle_import import Imported
from cdnserve.npm.sync import check, sync
from cdnserve.release.build import build
from tests.npm.bundles.roots import FILES, LIBRARY, PUBLIC, SMALL, archive_of, exported, imported, make_root, tree
from tests.npm.registry import settings_for


def told(root: Path, archive: Path | bytes, *, replace: bool = False, integrity: str = "") -> list[tuple[str, str]]:
    with pytest.raises(ConfigurationError) as error:
        imported(root, archive, replace=replace, integrity=integrity)
    return [(problem.reference, problem.where or problem.value) for problem in error.value.problems]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """An archive of a whole root."""
    exported(make_root(tmp_path / "made"), tmp_path / "a.tar.gz")
    return tmp_path / "a.tar.gz"


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.tar.zst"])
def test_what_was_exported_is_there_and_builds(tmp_path: Path, name: str) -> None:
    root, other = make_root(tmp_path / "made"), tmp_path / "other"
    exported(root, tmp_path / name)
    assert Imported(len(PUBLIC) + 1, 0, 0) == imported(other, tmp_path / name)
    expected = {path: content for path, content in tree(root).items() if path in PUBLIC or path.startswith("manifest.")}
    assert expected == tree(other)
    assert build(other, other / ".cdnserve", locked=True).number == 1


def test_what_is_there_already_is_left_alone(tmp_path: Path, archive: Path) -> None:
    other = tmp_path / "other"
    imported(other, archive)
    (other / "own.txt").write_text("mine")
    before = {file: file.stat().st_mtime_ns for file in other.rglob("*") if file.is_file()}
    assert Imported(0, 0, len(PUBLIC) + 1) == imported(other, archive)
    assert before == {file: file.stat().st_mtime_ns for file in other.rglob("*") if file.is_file()}


def test_what_differs_is_told_all_at_once(tmp_path: Path, archive: Path) -> None:
    other = make_root(tmp_path / "other", built=False)
    (other / "manifest.toml").write_text("schema = 1\n")
    (other / "data" / "d.json").write_text("[1]")
    before = tree(other)
    assert [("import-differs", "data/d.json"), ("import-differs", "manifest.toml")] == sorted(told(other, archive))
    assert before == tree(other)


def test_what_differs_is_replaced_if_a_person_says_so(tmp_path: Path, archive: Path) -> None:
    other = make_root(tmp_path / "other", built=False)
    (other / "manifest.toml").write_text("schema = 1\n")
    (other / "data" / "d.json").write_text("[1]")
    assert 2 == imported(other, archive, replace=True).replaced
    assert FILES["data/d.json"] == (other / "data" / "d.json").read_text()
    assert (tmp_path / "made" / "manifest.toml").read_bytes() == (other / "manifest.toml").read_bytes()
    assert "not public\n" == (other / "data" / "secret.txt").read_text()


def test_a_promise_is_kept_whatever_a_person_says(tmp_path: Path) -> None:
    other = tmp_path / "other"
    imported(other, archive_of(SMALL))
    build(other, other / ".cdnserve")
    before = tree(other)
    assert [("immutable-changed", "a/b.js")] == told(other, archive_of(SMALL | {"a/b.js": b"c\n"}), replace=True)
    assert before == tree(other)


def test_the_archives_own_promises_hold(tmp_path: Path) -> None:
    write_lock(tmp_path / "lock", Lock({}, {"a/b.js": LockedFile("sha384-" + "A" * 64)}))
    made = archive_of(SMALL | {"manifest.lock": (tmp_path / "lock").read_bytes()})
    assert [("immutable-changed", "a/b.js")] == told(tmp_path / "other", made)
    assert not (tmp_path / "other").exists()


def test_both_locks_are_joined(tmp_path: Path, archive: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    mine = LockedFile("sha384-" + "A" * 64)
    write_lock(other / "manifest.lock", Lock({"y@1.0.0": LIBRARY}, {"old.js": mine}))
    imported(other, archive)
    joined, theirs = read_lock(other / "manifest.lock"), read_lock(tmp_path / "made" / "manifest.lock")
    assert {"y@1.0.0", "x@1.0.0"} == set(joined.libraries)
    assert theirs.immutable | {"old.js": mine} == joined.immutable


def test_another_tarball_of_the_same_version_is_told(tmp_path: Path, archive: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    write_lock(other / "manifest.lock", Lock({"x@1.0.0": LockedLibrary("sha512-" + "B" * 85 + "A==")}))
    assert [("import-lock", "manifest.lock")] == told(other, archive, replace=True)


def test_the_archive_may_have_to_be_a_certain_one(tmp_path: Path) -> None:
    found = exported(make_root(tmp_path / "made"), tmp_path / "a.tar")
    wrong = "sha384-" + "A" * 64
    assert ["archive-integrity"] == [one for one, _ in told(tmp_path / "other", tmp_path / "a.tar", integrity=wrong)]
    assert ["archive-integrity"] == [one for one, _ in told(tmp_path / "other", tmp_path / "a.tar", integrity="x")]
    assert not (tmp_path / "other").exists()
    assert imported(tmp_path / "other", tmp_path / "a.tar", integrity=found.integrity).new


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        pytest.param("a/b.js", "folder", id="a folder where a file goes"),
        pytest.param("a/b.js", "link", id="a link where a file goes"),
        pytest.param("a", "link", id="a link where a folder goes"),
        pytest.param("a", "file", id="a file where a folder goes"),
    ],
)
def test_what_is_no_regular_place_is_told(tmp_path: Path, place: str, kind: str) -> None:
    other, outside = tmp_path / "other", tmp_path / "outside"
    outside.mkdir()
    target = other / place
    target.parent.mkdir(parents=True)
    if kind == "folder":
        target.mkdir()
        (target / "x").write_text("x")
    elif kind == "link":
        target.symlink_to(outside, target_is_directory=True)
    else:
        target.write_text("x")
    found = told(other, archive_of(SMALL), replace=True)
    assert {"import-place"} == {reference for reference, _ in found}
    assert [] == os.listdir(outside)
    assert not (other / "manifest.toml").exists()


def test_a_manifest_behind_a_link_stays_behind_it(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (tmp_path / "theirs.toml").write_text("schema = 1\n")
    (other / "manifest.toml").symlink_to(tmp_path / "theirs.toml")
    assert [("import-differs", "manifest.toml")] == told(other, archive_of(SMALL))
    imported(other, archive_of(SMALL), replace=True)
    assert (other / "manifest.toml").is_symlink()
    assert SMALL["manifest.toml"] == (tmp_path / "theirs.toml").read_bytes()


@pytest.mark.parametrize("step", range(7))
def test_an_interruption_leaves_all_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    other = make_root(tmp_path / "other", built=False)
    files = SMALL | {"a/c.js": b"c", "a/d/e.js": b"e", "manifest.lock": b'{"schema":1,"libraries":{},"immutable":{}}'}
    (other / "a").mkdir()
    (other / "a" / "b.js").write_text("old")
    before = tree(other)
    left = step

    def interrupted(name: str) -> None:
        real = getattr(os, name)

        def maybe(*arguments: object, **more: object) -> object:
            nonlocal left
            left -= 1
            if left == -1:
                raise KeyboardInterrupt
            return real(*arguments, **more)

        monkeypatch.setattr(os, name, maybe)

    for name in ("replace", "link", "sync"):
        interrupted(name)
    with pytest.raises(KeyboardInterrupt):
        imported(other, archive_of(files), replace=True)
    monkeypatch.undo()
    assert before == tree(other)
    assert not (other / "npm" / ".incoming").exists()


class Killed(Exception):
    """What no clean-up hears of."""


def test_what_a_killed_import_did_is_taken_back_by_the_next_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever it is, and whatever else it does."""
    other = make_root(tmp_path / "other", built=False)
    (other / "a").mkdir()
    (other / "a" / "b.js").write_text("old")
    before = tree(other)

    def killed(*_: object) -> None:
        raise Killed

    def never(*_: object) -> None:
        """Come to nothing, as where there is no time left."""

    monkeypatch.setattr(transaction, "replace_file", killed)
    monkeypatch.setattr(transaction, "roll_back", never)
    with pytest.raises(Killed):
        imported(other, archive_of(SMALL | {"a/new.js": b"n", "a/d/c.js": b"c"}), replace=True)
    assert SMALL["a/b.js"] == (other / "a" / "b.js").read_bytes()
    assert (other / "a" / "d" / "c.js").exists()
    monkeypatch.undo()
    checked = check(other, settings_for(tmp_path))
    assert "library-interrupted" in [problem.reference for problem in checked.problems]
    sync(other, settings_for(tmp_path))
    assert before == tree(other)
    assert not (other / "a" / "d").exists()


def test_an_archive_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert [("archive-unreadable", str(tmp_path / "no.tar"))] == told(tmp_path / "other", tmp_path / "no.tar")
    assert not (tmp_path / "other").exists()

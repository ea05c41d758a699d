"""The place where libraries are unpacked before they are public."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdnserve.errors import ConfigurationError
from cdnserve.manifest.lock import Lock, LockedFile, LockedLibrary, read_lock, render_lock, write_lock
from cdnserve.manifest.model import is_unlisted
from cdnserve.npm.transaction import Journal, Step, incoming_folder, is_pending, require_folder, roll_back


def _use(root: Path) -> None:
    with incoming_folder(root) as folder:
        (folder / "0").mkdir()
        (folder / "0" / "a.js").write_text("a")


def test_it_is_empty_private_and_gone_again(root: Path) -> None:
    with incoming_folder(root) as folder:
        assert [] == os.listdir(folder)
        assert is_unlisted(f"{folder.relative_to(root).as_posix()}/0/a.js")
        assert root.stat().st_dev == folder.stat().st_dev
    assert ["manifest.toml"] == os.listdir(root)


def test_it_is_gone_after_a_failure_too(root: Path) -> None:
    def fail() -> None:
        with incoming_folder(root) as folder:
            (folder / "0").mkdir()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert ["manifest.toml"] == os.listdir(root)


def test_what_lies_beside_it_stays(root: Path) -> None:
    (root / "npm" / "x@1.0.0").mkdir(parents=True)
    _use(root)
    assert ["x@1.0.0"] == os.listdir(root / "npm")


def test_what_a_killed_command_left_is_removed(root: Path) -> None:
    left = root / "npm" / ".incoming"
    (left / "0" / "dist").mkdir(parents=True)
    (left / "0" / "dist" / "a.js").write_text("a")
    (left / "0.tgz").write_text("half a tarball")
    (left / "link").symlink_to(root)
    with incoming_folder(root) as folder:
        assert [] == os.listdir(folder)
    assert (root / "manifest.toml").exists()


def test_only_one_command_at_a_time(root: Path) -> None:
    with incoming_folder(root) as folder:
        (folder / "mine").mkdir()
        with pytest.raises(ConfigurationError) as raised:
            _use(root)
        assert ["mine"] == os.listdir(folder)
    assert ["root-busy"] == [problem.reference for problem in raised.value.problems]
    _use(root)


def test_a_folder_that_was_removed_meanwhile_is_made_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another command finishes, and removes the folder, between our opening and our locking it."""
    place, original = root / "npm" / ".incoming", os.open
    calls: list[Path] = []

    def opened(path: Path, *rest: Any, **more: Any) -> int:
        descriptor = original(path, *rest, **more)
        if not calls:
            calls.append(path)
            place.rmdir()
        return descriptor

    monkeypatch.setattr(os, "open", opened)
    _use(root)
    assert [place] == calls


def test_a_folder_that_is_removed_before_it_is_opened_is_made_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, original = root / "npm" / ".incoming", os.open
    calls: list[Path] = []

    def opened(path: Path, *rest: Any, **more: Any) -> int:
        if not calls:
            calls.append(path)
            place.rmdir()
        return original(path, *rest, **more)

    monkeypatch.setattr(os, "open", opened)
    _use(root)
    assert [place] == calls


@pytest.mark.parametrize("name", [pytest.param("npm", id="the libraries'"), pytest.param("npm/.incoming", id="ours")])
def test_a_link_in_its_place_is_refused(root: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("precious")
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).symlink_to(tmp_path / "precious")
    with pytest.raises(ConfigurationError) as raised:
        _use(root)
    (problem,) = raised.value.problems
    assert ("library-place", name) == (problem.reference, problem.where)
    assert ["file"] == os.listdir(tmp_path / "precious")


def test_a_file_in_its_place_is_refused(root: Path) -> None:
    (root / "npm").write_text("not a folder")
    with pytest.raises(ConfigurationError, match="library-place"):
        _use(root)


def test_require_folder_tells_whether_it_was_made(root: Path) -> None:
    assert (True, False) == (require_folder(root / "new", root), require_folder(root / "new", root))


INTEGRITY = "sha512-" + "A" * 86 + "=="
FILE = LockedFile("sha384-" + "A" * 64)


@pytest.fixture
def folder(root: Path) -> Path:
    """A folder of a command that was killed."""
    place = root / "npm" / ".incoming"
    place.mkdir(parents=True)
    return place


def _noted(folder: Path, *steps: Step) -> None:
    journal = Journal(folder)
    for step in steps:
        journal.note(step)
    journal.close(done=False)


def _file(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def test_a_journal_that_is_done_is_gone(folder: Path) -> None:
    journal = Journal(folder)
    journal.note(Step("make", "npm/@s"))
    assert is_pending(folder)
    journal.close(done=True)
    assert [] == os.listdir(folder)


def test_a_move_is_taken_back(root: Path, folder: Path) -> None:
    _file(root, "npm/x@1.0.0/a.js", "a")
    _noted(folder, Step("move", "npm/x@1.0.0", "npm/.incoming/0"))
    roll_back(root, folder)
    assert "a" == (folder / "0" / "a.js").read_text()
    assert not (root / "npm/x@1.0.0").exists()
    assert not is_pending(folder)


def test_a_move_that_was_not_made_is_left(root: Path, folder: Path) -> None:
    """Somebody else has put a library there since."""
    _file(root, "npm/x@1.0.0/a.js", "a")
    _file(root, "npm/.incoming/0/a.js", "b")
    _noted(folder, Step("move", "npm/x@1.0.0", "npm/.incoming/0"))
    roll_back(root, folder)
    assert "a" == (root / "npm/x@1.0.0/a.js").read_text()


def test_a_file_that_was_replaced_is_put_back(root: Path, folder: Path) -> None:
    _file(root, "app/a.js", "new")
    _file(root, "npm/.incoming/aside-0", "old")
    _noted(folder, Step("swap", "app/a.js", "npm/.incoming/aside-0"))
    roll_back(root, folder)
    assert "old" == (root / "app/a.js").read_text()


def test_a_file_that_was_not_replaced_yet_is_left(root: Path, folder: Path) -> None:
    """What is put aside first is the same file under two names."""
    _file(root, "app/a.js", "old")
    os.link(root / "app/a.js", folder / "aside-0")
    _noted(folder, Step("swap", "app/a.js", "npm/.incoming/aside-0"), Step("swap", "app/b.js", "npm/.incoming/aside-1"))
    roll_back(root, folder)
    assert "old" == (root / "app/a.js").read_text()
    assert not (root / "app/b.js").exists()
    assert not is_pending(folder)


def test_steps_are_taken_back_in_the_other_order(root: Path, folder: Path) -> None:
    _file(root, "npm/@s/x@1.0.0/a.js", "a")
    _noted(folder, Step("make", "npm/@s"), Step("move", "npm/@s/x@1.0.0", "npm/.incoming/0"))
    roll_back(root, folder)
    assert not (root / "npm/@s").exists()


def test_a_folder_that_was_filled_since_stays(root: Path, folder: Path) -> None:
    _file(root, "npm/@s/x@1.0.0/a.js", "a")
    _noted(folder, Step("make", "npm/@s"))
    roll_back(root, folder)
    assert (root / "npm/@s/x@1.0.0/a.js").exists()


def _written(root: Path, folder: Path, name: str, before: bytes | None, after: bytes) -> None:
    source = f"npm/.incoming/before-{name}" if before is not None else ""
    if before is not None:
        (root / source).write_bytes(before)
    _noted(folder, Step("write", name, source, hashlib.sha256(after).hexdigest()))


@pytest.mark.parametrize("name", ["manifest.toml", "manifest.lock"])
@pytest.mark.parametrize("before", [b"before", None])
def test_a_file_is_put_back(root: Path, folder: Path, name: str, before: bytes | None) -> None:
    (root / name).write_bytes(b"after")
    _written(root, folder, name, before, b"after")
    roll_back(root, folder)
    assert before == ((root / name).read_bytes() if (root / name).exists() else None)


def test_a_file_behind_a_link_is_put_back_behind_it(root: Path, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "real.toml").write_bytes(b"after")
    (root / "manifest.toml").unlink()
    (root / "manifest.toml").symlink_to(tmp_path / "real.toml")
    _written(root, folder, "manifest.toml", b"before", b"after")
    roll_back(root, folder)
    assert (root / "manifest.toml").is_symlink()
    assert b"before" == (tmp_path / "real.toml").read_bytes()


def test_a_file_on_another_file_system_is_put_back(root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = os.replace

    def refuse(source: Path, target: Path) -> None:
        if "before" in str(source):
            raise OSError(18, "Invalid cross-device link")
        replace(source, target)

    (root / "manifest.toml").write_bytes(b"after")
    _written(root, folder, "manifest.toml", b"before", b"after")
    monkeypatch.setattr(os, "replace", refuse)
    roll_back(root, folder)
    assert b"before" == (root / "manifest.toml").read_bytes()


def test_a_manifest_that_a_person_changed_since_is_theirs(root: Path, folder: Path) -> None:
    (root / "manifest.toml").write_bytes(b"theirs")
    _written(root, folder, "manifest.toml", b"before", b"after")
    roll_back(root, folder)
    assert b"theirs" == (root / "manifest.toml").read_bytes()


def test_what_a_build_recorded_since_stays(root: Path, folder: Path) -> None:
    x, y = {"x@1.0.0": LockedLibrary(INTEGRITY)}, {"y@1.0.0": LockedLibrary(INTEGRITY)}
    _written(root, folder, "manifest.lock", render_lock(Lock(x)), render_lock(Lock({**x, **y})))
    write_lock(root / "manifest.lock", Lock({**x, **y}, {"a.js": FILE}))
    roll_back(root, folder)
    assert Lock(x, {"a.js": FILE}) == read_lock(root / "manifest.lock")


def test_a_lock_that_cannot_be_read_is_not_touched(root: Path, folder: Path) -> None:
    _written(root, folder, "manifest.lock", render_lock(Lock()), b"after")
    (root / "manifest.lock").write_bytes(b"{ half")
    with pytest.raises(ConfigurationError, match="lock-malformed"):
        roll_back(root, folder)
    assert b"{ half" == (root / "manifest.lock").read_bytes()
    assert is_pending(folder)


def test_a_roll_back_that_was_interrupted_goes_on(root: Path, folder: Path) -> None:
    """The lock is back, and what it was is used up."""
    (root / "manifest.lock").write_bytes(render_lock(Lock()))
    _noted(folder, Step("write", "manifest.lock", "npm/.incoming/before-manifest.lock", "0" * 64))
    roll_back(root, folder)
    assert Lock() == read_lock(root / "manifest.lock")


def test_a_step_that_was_not_written_down_whole_was_not_taken(root: Path, folder: Path) -> None:
    _file(root, "npm/x@1.0.0/a.js", "a")
    _noted(folder, Step("make", "npm/@s"))
    with (folder / "journal").open("ab") as journal:
        journal.write(b'["move", "npm/x@1.0.0", "npm/.inc')
    roll_back(root, folder)
    assert (root / "npm/x@1.0.0/a.js").exists()


HOSTILE = [
    pytest.param(["move", "npm/x", "../out"], id="out of the root"),
    pytest.param(["move", "npm/x", "npm/../../out"], id="out of the root by a detour"),
    pytest.param(["move", "npm/x", "/out"], id="an absolute path"),
    pytest.param(["move", "npm/x", ".git/hooks/post-merge"], id="into a dot-folder"),
    pytest.param(["swap", ".git/config", "npm/x"], id="a file of a dot-folder"),
    pytest.param(["swap", "index.html", ""], id="for nothing"),
    pytest.param(["move", "manifest.toml", "npm/x"], id="the manifest"),
    pytest.param(["move", "npm/x", ""], id="no path"),
    pytest.param(["move", "npm/x", "npm/linked/out"], id="through a link"),
    pytest.param(["move", "npm", "npm/x"], id="the libraries' place itself"),
    pytest.param(["make", ".git"], id="a dot-folder"),
    pytest.param(["write", "index.html", "npm/x"], id="a file that governs nothing"),
    pytest.param(["write", "manifest.toml", "../out"], id="a file from elsewhere"),
    pytest.param(["write", ["manifest.toml"], ""], id="a name that is none"),
    pytest.param(["burn", "npm/x"], id="an unknown step"),
    pytest.param(["move", 5, 6], id="numbers"),
    pytest.param(["move"], id="too little"),
    pytest.param(["move", "npm/x", "npm/y", "", "z"], id="too much"),
    pytest.param({"kind": "move"}, id="an object"),
    pytest.param("move", id="a string"),
    pytest.param(5, id="a number"),
]


@pytest.mark.parametrize("step", HOSTILE)
def test_a_journal_is_not_believed(root: Path, folder: Path, tmp_path: Path, step: object) -> None:
    """It may come with somebody else's repository."""
    _file(root, "npm/x/a.js", "a")
    (tmp_path / "outside").mkdir()
    (root / "npm" / "linked").symlink_to(tmp_path / "outside")
    (folder / "journal").write_text(json.dumps(step) + "\n")
    with pytest.raises(ConfigurationError) as raised:
        roll_back(root, folder)
    assert ["journal-damaged"] == [problem.reference for problem in raised.value.problems]
    assert "a" == (root / "npm/x/a.js").read_text()
    assert is_pending(folder)


def test_a_journal_that_is_a_link_is_not_followed(root: Path, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("")
    (folder / "journal").symlink_to(tmp_path / "journal")
    with pytest.raises(OSError, match="symbolic links"):
        roll_back(root, folder)


@given(st.binary(max_size=80))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_journal_is_taken_back_or_refused(root: Path, data: bytes) -> None:
    folder = root / "npm" / ".incoming"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "journal").write_bytes(data)
    before = (root / "manifest.toml").read_bytes()
    try:
        roll_back(root, folder)
    except ConfigurationError:
        assert is_pending(folder)
    assert before == (root / "manifest.toml").read_bytes()


def test_the_next_command_takes_back_what_is_pending(root: Path, folder: Path) -> None:
    _file(root, "npm/.incoming/aside-1/a.js", "a")
    _noted(folder, Step("move", "npm/.incoming/aside-1", "npm/x@1.0.0"))
    with incoming_folder(root) as given:
        assert [] == os.listdir(given)
        assert "a" == (root / "npm/x@1.0.0/a.js").read_text()
    assert ["x@1.0.0"] == os.listdir(root / "npm")

"""Promises: immutable means immutable, whatever was lost, moved or forgotten in between."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.manifest.lock import Lock, LockedFile, LockedLibrary, changing, read_lock, write_lock
from cdnserve.release import read
from cdnserve.release.build import build
from cdnserve.release.store import Store
from cdnserve.release.writer import Built
from tests.release.opened import Opened
from tests.release.roots import MANIFEST, SCRIPT, age, plant, public_bytes, snapshot

PATH = "npm/lib@1.0.0/a.js"
FILES: dict[str, bytes | str] = {PATH: SCRIPT, "npm/lib@1.0.0/b.woff2": b"font", "page.css": SCRIPT + b"css"}


def expression(octets: bytes) -> str:
    return "sha384-" + base64.b64encode(hashlib.sha384(octets).digest()).decode()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return plant(tmp_path / "root", FILES)


@pytest.fixture
def state(root: Path) -> Path:
    """A state with a release of the root."""
    build(root, root / ".cdnserve")
    return root / ".cdnserve"


def problems(root: Path, state: Path, *, locked: bool = False) -> tuple[Problem, ...]:
    with pytest.raises(ConfigurationError) as told:
        build(root, state, locked=locked)
    return told.value.problems


def test_immutable_files_are_recorded(root: Path, state: Path) -> None:
    expected = {
        path: LockedFile(expression((root / path).read_bytes()), int((root / path).stat().st_mtime))
        for path in (PATH, "npm/lib@1.0.0/b.woff2")
    }
    assert expected == dict(read_lock(root / "manifest.lock").immutable)


def test_a_changed_immutable_file_stops_the_build(root: Path, state: Path) -> None:
    """Nothing at all is written: no release, no lock, no blob."""
    plant(root, {PATH: SCRIPT + b"!", "page.css": "changed", "new.js": SCRIPT + b"new"})
    before = snapshot(root)
    [problem] = problems(root, state)
    assert before == snapshot(root)
    assert ("immutable-changed", PATH, False) == (problem.reference, problem.where, problem.warning)
    assert [] == [path for path in public_bytes(state) if path == "new.js"]


def test_expected_and_got_are_told(root: Path, state: Path) -> None:
    plant(root, {PATH: SCRIPT + b"!"})
    [problem] = problems(root, state)
    assert f"expected {expression(SCRIPT)}, got {expression(SCRIPT + b'!')}" == problem.value


def test_every_changed_file_is_told(root: Path, state: Path) -> None:
    plant(root, {PATH: "x", "npm/lib@1.0.0/b.woff2": "y"})
    found = problems(root, state)
    assert ["immutable-changed"] * 2 == [problem.reference for problem in found]
    assert {PATH, "npm/lib@1.0.0/b.woff2"} == {problem.where for problem in found}


def test_a_large_immutable_file_is_not_stored_when_it_changed(root: Path, state: Path) -> None:
    plant(root, {"npm/large.bin": bytes(read.CHUNK + 1)})
    build(root, state)
    plant(root, {"npm/large.bin": bytes(read.CHUNK + 2)})
    before = snapshot(state)
    assert ["immutable-changed"] == [problem.reference for problem in problems(root, state)]
    assert before == snapshot(state)


def test_the_restored_file_builds_again(root: Path, state: Path) -> None:
    plant(root, {PATH: SCRIPT + b"!"})
    problems(root, state)
    plant(root, {PATH: SCRIPT})
    assert Built(1, False) == build(root, state)


def test_a_removed_file_may_come_back_only_as_it_was(root: Path, state: Path) -> None:
    lock = (root / "manifest.lock").read_bytes()
    (root / PATH).unlink()
    assert Built(2, True) == build(root, state)
    assert PATH not in Store(state).load().assets
    assert lock == (root / "manifest.lock").read_bytes()
    plant(root, {PATH: "other"})
    assert ["immutable-changed"] == [problem.reference for problem in problems(root, state)]
    plant(root, {PATH: SCRIPT})
    assert Built(3, True) == build(root, state)
    assert lock == (root / "manifest.lock").read_bytes()


def test_the_lock_alone_keeps_the_promise(root: Path, state: Path) -> None:
    """A fresh machine has no state."""
    shutil.rmtree(state)
    plant(root, {PATH: "other"})
    assert ["immutable-changed"] == [problem.reference for problem in problems(root, state)]
    assert Store(state).current() is None
    assert hashlib.sha256(b"other").hexdigest() not in Store(state).blobs()


def test_the_last_release_alone_keeps_the_promise(root: Path, state: Path) -> None:
    """A lock that could not be written, or was deleted."""
    (root / "manifest.lock").unlink()
    plant(root, {PATH: "other"})
    assert ["immutable-changed"] == [problem.reference for problem in problems(root, state)]


def test_the_lock_says_more_than_the_last_release(root: Path, state: Path) -> None:
    """Another branch was released here; the lock that came with the files is what others rely on."""
    lock = read_lock(root / "manifest.lock")
    write_lock(
        root / "manifest.lock", Lock(lock.libraries, {**lock.immutable, PATH: LockedFile(expression(b"other"), 5)})
    )
    plant(root, {PATH: "other"})
    assert Built(2, True) == build(root, state)
    assert b"other" == public_bytes(state)[PATH]


def test_a_lock_that_promises_other_bytes_stops_the_build_of_unchanged_files(root: Path, state: Path) -> None:
    lock = read_lock(root / "manifest.lock")
    write_lock(root / "manifest.lock", Lock(lock.libraries, {PATH: LockedFile(expression(b"other"))}))
    assert ["immutable-changed"] == [problem.reference for problem in problems(root, state)]


def test_a_rule_that_is_no_longer_immutable_takes_nothing_back(root: Path, state: Path) -> None:
    """Caches hold the old bytes for a year, whatever the manifest says now."""
    (root / "manifest.toml").write_text(MANIFEST.replace('"immutable"', '"revalidate"'))
    build(root, state)
    assert Store(state).load().assets[PATH].last_modified is None
    (root / PATH).write_text("other")
    assert ["immutable-changed"] == [problem.reference for problem in problems(root, state)]


def test_a_promise_that_is_no_longer_public_binds_nobody(root: Path, state: Path, opened: Opened) -> None:
    (root / "manifest.toml").write_text(MANIFEST.replace('"npm/**"', '"other/**"').replace("unlisted/**", "npm/**"))
    (root / PATH).write_text("other")
    opened.names.clear()
    built = build(root, state)
    told = [problem.reference for problem in built.warnings]
    assert (2, True, ["rule-matches-nothing"]) == (built.number, built.changed, told)
    assert [] == opened.among([PATH])


def test_the_date_of_an_immutable_file_is_that_of_its_first_release(root: Path, state: Path) -> None:
    """Replicas unpack the same files at other times; the lock gives them all one date."""
    first = read_lock(root / "manifest.lock").immutable[PATH].modified
    assert first == Store(state).load().assets[PATH].last_modified
    age(root / PATH)
    assert Built(1, False) == build(root, state)
    shutil.rmtree(state)
    build(root, state)
    assert first == Store(state).load().assets[PATH].last_modified


def test_other_files_have_no_date(root: Path, state: Path) -> None:
    assert Store(state).load().assets["page.css"].last_modified is None


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        pytest.param(10**10, None, id="in the future"),
        pytest.param(-5, 0, id="before 1970"),
        pytest.param(7, 7, id="long ago"),
    ],
)
def test_a_date_is_between_1970_and_now(root: Path, seconds: int, expected: int | None) -> None:
    os.utime(root / PATH, (seconds, seconds))
    before = (root / PATH).stat().st_ctime
    build(root, root / ".cdnserve")
    found = read_lock(root / "manifest.lock").immutable[PATH].modified
    assert found is not None
    assert expected == found or (expected is None and before - 1 <= found < 10**10)


@pytest.fixture
def read_only(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A root that can't be written, for root as well."""
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != str(root.resolve()) and real(path, mode))


def test_a_read_only_root_is_released_with_a_warning(root: Path, read_only: None, tmp_path: Path) -> None:
    """Without a record there is no date that replicas share."""
    state = tmp_path / "state"
    for changed in (True, False):
        built = build(root, state)
        assert (1, changed) == (built.number, built.changed)
        assert [("lock-unwritable", True)] == [(problem.reference, problem.warning) for problem in built.warnings]
    assert Store(state).load().assets[PATH].last_modified is None
    assert not (root / "manifest.lock").exists()


def test_a_read_only_root_is_recorded_once_it_can_be_written(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda *_: False)
        build(root, tmp_path / "state")
    assert Built(2, True) == build(root, tmp_path / "state")
    assert Store(tmp_path / "state").load().assets[PATH].last_modified is not None


def test_a_complete_lock_needs_no_leave_to_write(root: Path, state: Path, read_only: None) -> None:
    (root / "page.css").write_text("changed")
    assert Built(2, True) == build(root, state)


def test_locked_builds_with_a_complete_lock(root: Path, state: Path) -> None:
    assert Built(1, False) == build(root, state, locked=True)
    (root / "page.css").write_text("changed")
    assert Built(2, True) == build(root, state, locked=True)
    shutil.rmtree(state)
    assert Built(1, True) == build(root, state, locked=True)


def test_locked_refuses_a_lock_that_would_have_to_change(root: Path, tmp_path: Path) -> None:
    [problem] = problems(root, tmp_path / "state", locked=True)
    assert ("lock-incomplete", "manifest.lock") == (problem.reference, problem.where)
    assert f"{PATH} and 1 more" == problem.value
    assert not (root / "manifest.lock").exists()
    assert Store(tmp_path / "state").current() is None


def test_locked_names_the_one_file_that_is_new(root: Path, state: Path) -> None:
    plant(root, {"npm/new.js": "new"})
    lock = (root / "manifest.lock").read_bytes()
    assert [("lock-incomplete", "npm/new.js")] == [(p.reference, p.value) for p in problems(root, state, locked=True)]
    assert lock == (root / "manifest.lock").read_bytes()


def test_locked_makes_warnings_errors(root: Path, state: Path) -> None:
    os.mkfifo(root / "fifo.js")
    build(root, state)
    found = problems(root, state, locked=True)
    assert [("file-special", False)] == [(problem.reference, problem.warning) for problem in found]


def test_locked_needs_every_library_in_the_lock(root: Path, state: Path) -> None:
    (root / "manifest.toml").write_text(MANIFEST + '[libraries]\njquery = "3.7.1"\nvue = "3.5.0"\n')
    found = problems(root, state, locked=True)
    assert [("library-not-locked", "jquery@3.7.1"), ("library-not-locked", "vue@3.5.0")] == [
        (problem.reference, problem.value) for problem in found
    ]
    lock = read_lock(root / "manifest.lock")
    library = LockedLibrary("sha512-" + "A" * 86 + "==")
    write_lock(root / "manifest.lock", Lock({"jquery@3.7.1": library, "vue@3.5.0": library}, lock.immutable))
    assert ["library-absent"] == [problem.reference for problem in problems(root, state, locked=True)]
    for pin in ("jquery@3.7.1", "vue@3.5.0"):
        (root / f"npm/{pin}").mkdir(parents=True)
        shutil.copy(root / PATH, root / f"npm/{pin}/a.js")
    assert Built(2, True) == build(root, state)
    assert Built(2, False) == build(root, state, locked=True)


def test_locked_tells_everything_at_once(root: Path, state: Path) -> None:
    plant(root, {"npm/new.js": "new", PATH: "other"}, MANIFEST + '[libraries]\njquery = "3.7.1"\n')
    os.mkfifo(root / "fifo.js")
    expected = {"file-special", "library-not-locked", "lock-incomplete", "immutable-changed"}
    assert expected == {problem.reference for problem in problems(root, state, locked=True)}


def test_what_another_command_writes_into_the_lock_meanwhile_stays(root: Path, state: Path) -> None:
    """A build waits for whoever is changing the governing files, and reads them after that."""
    pins = {"jquery@3.7.1": LockedLibrary("sha512-" + "A" * 86 + "==")}
    plant(root, {"npm/new.js": "new"})
    with ThreadPoolExecutor() as threads:
        with changing(root):
            building = threads.submit(build, root, state)
            lock = read_lock(root / "manifest.lock")
            write_lock(root / "manifest.lock", Lock(pins, lock.immutable))
        building.result()
    found = read_lock(root / "manifest.lock")
    assert (pins, True) == (found.libraries, "npm/new.js" in found.immutable)

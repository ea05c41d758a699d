"""Writing: one builder at a time, and nothing of anybody else's is touched."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from pathlib import Path

import pytest

from cdnserve.release.blobs import StoreError
from cdnserve.release.store import store_problem
from cdnserve.release.writer import Phase, Silence, Writer


class Listener:
    """Notes what it is told, and lets a test wait for it."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.started = threading.Event()

    def start(self, phase: Phase, files: int, octets: int) -> None:
        self.calls.append((phase, files, octets))
        self.started.set()

    def advance(self, files: int, octets: int) -> None:
        self.calls.append(("advance", files, octets))

    def finish(self) -> None:
        self.calls.append(("finish",))


def test_the_state_folder_is_made_and_hidden_from_git(tmp_path: Path) -> None:
    state = tmp_path / "a/b"
    with Writer(str(state), Silence()) as writer:
        assert not writer.waited
    assert "*\n" == (state / ".gitignore").read_text()
    assert {".gitignore", "blobs", "build.lock", "drafts", "releases"} == set(os.listdir(state))


def test_a_folder_with_other_peoples_files_is_not_hidden(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("")
    with Writer(str(tmp_path), Silence()):
        pass
    assert not (tmp_path / ".gitignore").exists()
    assert (tmp_path / "thesis.tex").exists()


def test_a_gitignore_that_somebody_changed_stays(tmp_path: Path) -> None:
    with Writer(str(tmp_path), Silence()):
        pass
    (tmp_path / ".gitignore").write_text("# mine\n")
    with Writer(str(tmp_path), Silence()):
        pass
    assert "# mine\n" == (tmp_path / ".gitignore").read_text()


def test_leftovers_of_killed_builds_are_removed(tmp_path: Path) -> None:
    draft = tmp_path / "drafts" / ("0a" * 16 + ".part")
    draft.parent.mkdir()
    draft.write_bytes(b"half")
    with Writer(str(tmp_path), Silence()):
        assert not draft.exists()


def test_a_second_builder_waits_for_the_first(tmp_path: Path) -> None:
    listener = Listener()
    waited: list[bool] = []

    def second() -> None:
        with Writer(str(tmp_path), listener) as writer:
            waited.append(writer.waited)

    thread = threading.Thread(target=second)
    with Writer(str(tmp_path), Silence()):
        thread.start()
        assert listener.started.wait(10)
        assert [] == waited
    thread.join(10)
    assert [True] == waited
    assert [("waiting", 0, 0), ("finish",)] == listener.calls


def test_the_lock_is_given_up_at_the_end_also_by_an_exception(tmp_path: Path) -> None:
    def fail() -> None:
        with Writer(str(tmp_path), Silence()):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with (tmp_path / "build.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_the_lock_is_given_up_when_starting_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "drafts").mkdir()
    (tmp_path / "drafts" / ("0a" * 16 + ".part")).mkdir()
    with pytest.raises(StoreError), Writer(str(tmp_path), Silence()):
        pass
    with (tmp_path / "build.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_state_that_can_not_be_made_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError), Writer(str(tmp_path / "file/state"), Silence()):
        pass


def test_numbers_are_never_used_again(tmp_path: Path) -> None:
    """Not even that of a release that was never made current."""
    with Writer(str(tmp_path), Silence()) as writer:
        assert 1 == writer.next_number()
        writer.publish(1, b"one")
        (tmp_path / "releases/4.cat").write_bytes(b"")
        assert 5 == writer.next_number()


def test_the_catalog_is_there_before_it_is_current(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named: list[str] = []
    real = os.replace

    def replace(source: str, target: str) -> None:
        named.append(os.path.basename(target))
        real(source, target)

    with Writer(str(tmp_path), Silence()) as writer:
        monkeypatch.setattr(os, "replace", replace)
        writer.publish(3, b"catalog")
    assert ["3.cat", "current"] == named
    assert (b"catalog", b"3\n") == ((tmp_path / "releases/3.cat").read_bytes(), (tmp_path / "current").read_bytes())


def test_the_clock_is_that_of_the_file_system(tmp_path: Path) -> None:
    with Writer(str(tmp_path), Silence()) as writer:
        before = writer.clock()
        (tmp_path / "file").write_bytes(b"")
        assert before <= (tmp_path / "file").stat().st_ctime_ns <= writer.clock()


def test_where_nothing_locks_nothing_is_built_and_it_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two builders at once would write over each other."""

    def flock(_: int, __: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(StoreError) as caught, Writer(str(tmp_path), Silence()):
        pass
    problem = store_problem(caught.value, str(tmp_path))
    assert ("state-failed", str(tmp_path), "No locks available") == (problem.reference, problem.where, problem.value)
    assert "flock" in problem.hint

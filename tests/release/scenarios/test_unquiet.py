"""Files that are being written: no promise is made of half a file, and what is served stays whole."""

from __future__ import annotations

import base64
import errno
import fcntl
import hashlib
import mmap
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.manifest.lock import read_lock
from cdnserve.release import gather, read
from cdnserve.release import make as make_module
from cdnserve.release.build import build, look
from cdnserve.release.read import Sources, still_written
from tests.release.roots import MANIFEST, SCRIPT, plant, public_bytes

NEW = "npm/lib@2.0.0/a.js"
HALF, WHOLE = SCRIPT[:700], SCRIPT
FILES: dict[str, bytes | str] = {"npm/lib@1.0.0/a.js": SCRIPT, "page.css": SCRIPT + b"css"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return plant(tmp_path / "root", FILES)


@pytest.fixture
def state(root: Path) -> Path:
    """A state with a release of the root."""
    build(root, root / ".cdnserve")
    return root / ".cdnserve"


def is_written(root: Path, path: str) -> bool | None:
    with Sources(str(root)) as opened:
        descriptor = opened.open(path)
        try:
            return opened.is_written(descriptor)
        finally:
            os.close(descriptor)


@pytest.fixture
def writing(root: Path) -> Callable[[str], int]:
    """Begin to write a file, on a file system that says so."""

    def begin(path: str) -> int:
        plant(root, {path: HALF}, (root / "manifest.toml").read_text())
        descriptor = os.open(root / path, os.O_WRONLY | os.O_APPEND)
        if is_written(root, path) is None:
            os.close(descriptor)
            pytest.skip("this file system doesn't say who writes")
        return descriptor

    return begin


def finish(descriptor: int) -> None:
    os.write(descriptor, WHOLE[len(HALF) :])
    os.close(descriptor)


def recorded(root: Path, path: str) -> str | None:
    file = read_lock(root / "manifest.lock").immutable.get(path)
    return file.integrity if file else None


def expression(octets: bytes) -> str:
    return "sha384-" + base64.b64encode(hashlib.sha384(octets).digest()).decode()


def refused(root: Path, state: Path, **more: object) -> list[str]:
    with pytest.raises(ConfigurationError) as told:
        build(root, state, **more)  # type: ignore[arg-type]
    return [f"{problem.reference} {problem.where}" for problem in told.value.problems if not problem.warning]


def test_who_writes_is_known_of_files_and_of_mappings(root: Path, writing: Callable[[str], int]) -> None:
    descriptor = writing("page.css")
    assert is_written(root, "page.css") is True
    os.close(descriptor)
    assert is_written(root, "page.css") is False
    with (root / "page.css").open("r+b") as file:
        mapped = mmap.mmap(file.fileno(), 1)
    assert is_written(root, "page.css") is True
    mapped.close()
    assert is_written(root, "page.css") is False


@pytest.mark.parametrize("refusal", [errno.EAGAIN, errno.EINVAL, errno.EACCES])
def test_where_the_system_does_not_say_nothing_is_concluded(
    root: Path, monkeypatch: pytest.MonkeyPatch, refusal: int
) -> None:
    """A network file system refuses a lease with the words that mean a writer elsewhere."""
    real = fcntl.fcntl

    def refuse(descriptor: int, command: int, argument: int) -> int:
        if command == fcntl.F_SETLEASE:
            raise OSError(refusal, os.strerror(refusal))
        return real(descriptor, command, argument)

    monkeypatch.setattr(read, "_MOUNTS", "/dev/null")
    monkeypatch.setattr(fcntl, "fcntl", refuse)
    assert is_written(root, "page.css") is None
    monkeypatch.setattr(read, "_MOUNTS", "/nowhere")
    assert is_written(root, "page.css") is None
    monkeypatch.delattr(fcntl, "F_SETLEASE")
    assert is_written(root, "page.css") is None


def test_a_file_that_is_open_for_writing_is_no_promise(root: Path, state: Path, writing: Callable[[str], int]) -> None:
    descriptor = writing(NEW)
    assert [f"file-unstable {NEW}"] == refused(root, state)
    assert FILES == public_bytes(state)
    assert recorded(root, NEW) is None
    finish(descriptor)
    assert build(root, state).changed
    assert WHOLE == public_bytes(state)[NEW]
    assert expression(WHOLE) == recorded(root, NEW)


def test_whoever_asks_for_a_build_gets_files_without_promise_as_they_are(
    root: Path, state: Path, writing: Callable[[str], int]
) -> None:
    descriptor = writing("log.txt")
    assert build(root, state).changed
    assert HALF == public_bytes(state)["log.txt"]
    os.close(descriptor)


@pytest.mark.parametrize("path", [NEW, "new.css"])
def test_a_root_that_was_seen_is_taken_without_what_is_being_written(
    root: Path, state: Path, writing: Callable[[str], int], path: str
) -> None:
    descriptor = writing(path)
    plant(root, {"other.js": b"other"})
    done = build(root, state, seen=look(root, state))
    assert ((path,), ["file-unstable"]) == (done.unquiet, [problem.reference for problem in done.warnings])
    assert FILES | {"other.js": b"other"} == public_bytes(state)
    assert recorded(root, path) is None
    assert still_written(str(root), [path])
    again = build(root, state, seen=look(root, state))
    assert (done.number, False, (path,)) == (again.number, again.changed, again.unquiet)
    finish(descriptor)
    assert not still_written(str(root), [path])
    assert not still_written(str(root), ["gone"])
    assert () == build(root, state, seen=look(root, state)).unquiet
    assert WHOLE == public_bytes(state)[path]


def test_a_released_file_stays_as_it_was_while_it_is_rewritten(
    root: Path, state: Path, writing: Callable[[str], int]
) -> None:
    descriptor = writing("page.css")
    plant(root, {"other.js": b"other"})
    assert ("page.css",) == build(root, state, seen=look(root, state)).unquiet
    assert FILES | {"other.js": b"other"} == public_bytes(state)
    finish(descriptor)
    build(root, state, seen=look(root, state))
    assert WHOLE == public_bytes(state)["page.css"]


def test_what_moved_between_two_looks_is_left_as_it_was(root: Path, state: Path) -> None:
    """Whoever opens, appends and closes again and again is seen by size and time alone."""
    plant(root, {NEW: HALF, "other.js": b"other"})
    before = look(root, state)
    plant(root, {NEW: WHOLE, "page.css": b"half", "npm/lib@2.0.0/b.js": b"b"})
    (root / "other.js").unlink()
    (root / "manifest.toml").write_text(MANIFEST + "\n")
    now = look(root, state, before)
    assert {NEW, "page.css", "npm/lib@2.0.0/b.js", "other.js", "manifest.toml"} == now.unquiet
    done = build(root, state, seen=now)
    assert {NEW, "page.css", "npm/lib@2.0.0/b.js"} == set(done.unquiet)
    assert FILES == public_bytes(state)
    rested = look(root, state, now)
    assert frozenset() == rested.unquiet
    build(root, state, seen=rested)
    assert FILES | {NEW: WHOLE, "page.css": b"half", "npm/lib@2.0.0/b.js": b"b"} == public_bytes(state)


def test_what_changed_or_went_since_the_look_is_left_as_it_was(root: Path, state: Path) -> None:
    plant(root, {"page.css": b"a change", "new.css": b"new"})
    seen = look(root, state)
    plant(root, {"page.css": b"half of the next change"})
    (root / "new.css").unlink()
    assert {"page.css", "new.css"} == set(build(root, state, seen=seen).unquiet)
    assert FILES == public_bytes(state)


@pytest.mark.parametrize("is_seen", [False, True])
def test_a_file_that_changes_before_the_promise_is_written_down_is_none(
    root: Path, state: Path, monkeypatch: pytest.MonkeyPatch, is_seen: bool
) -> None:
    plant(root, {NEW: HALF})

    def change(*_: object) -> object:
        (root / NEW).write_bytes(WHOLE)
        yield from ()

    monkeypatch.setattr(make_module, "encode_all", change)
    if is_seen:
        assert (NEW,) == build(root, state, seen=look(root, state)).unquiet
    else:
        assert [f"file-unstable {NEW}"] == refused(root, state)
    assert FILES == public_bytes(state)
    assert recorded(root, NEW) is None


@pytest.mark.parametrize("change", [None, "written", "replaced", "gone"])
def test_where_nobody_knows_who_writes_a_young_file_gets_time_to_change(
    root: Path, state: Path, monkeypatch: pytest.MonkeyPatch, change: str | None
) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if seconds == 1 and change == "written":
            (root / NEW).write_bytes(WHOLE)
        elif seconds == 1 and change == "replaced":
            (root / "new").write_bytes(HALF)
            (root / "new").rename(root / NEW)
        elif seconds == 1 and change == "gone":
            (root / NEW).unlink()

    monkeypatch.setattr(Sources, "is_written", lambda *_: None)
    plant(root, {NEW: HALF})
    monkeypatch.setattr(time, "sleep", sleep)
    if change:
        assert [f"file-unstable {NEW}"] == refused(root, state)
        assert FILES == public_bytes(state)
    else:
        assert build(root, state).changed
        assert expression(HALF) == recorded(root, NEW)
    assert 1 == slept.count(1)


def test_a_file_that_rested_between_two_looks_needs_no_more_time(
    root: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sources, "is_written", lambda *_: None)
    plant(root, {NEW: WHOLE})
    seen = look(root, state, look(root, state))
    monkeypatch.setattr(gather, "SETTLING_SECONDS", 3600)
    assert build(root, state, seen=seen).changed
    assert expression(WHOLE) == recorded(root, NEW)


def test_what_becomes_immutable_while_it_is_written_waits(
    root: Path, state: Path, writing: Callable[[str], int]
) -> None:
    """Neither the old bytes nor half of the new ones become a promise, and it doesn't go from the public."""
    (root / "manifest.toml").write_text(MANIFEST.replace('"npm/**"', '["npm/**", "page.css"]'))
    descriptor = writing("page.css")
    assert ["file-unstable page.css"] == refused(root, state, seen=look(root, state))
    assert FILES == public_bytes(state)
    finish(descriptor)
    build(root, state, seen=look(root, state))
    assert expression(WHOLE) == recorded(root, "page.css")


def test_a_file_that_is_put_in_place_whole_is_never_seen_in_part(root: Path, state: Path) -> None:
    """As rsync does by default: a dot-file, then a rename."""
    plant(root, {"npm/lib@2.0.0/.a.js.Xa3b": HALF})
    assert not build(root, state, seen=look(root, state)).changed
    plant(root, {"npm/lib@2.0.0/.a.js.Xa3b": WHOLE})
    (root / "npm/lib@2.0.0/.a.js.Xa3b").rename(root / NEW)
    build(root, state, seen=look(root, state))
    assert WHOLE == public_bytes(state)[NEW]


def test_a_file_system_may_number_its_files_anew(root: Path, state: Path) -> None:
    """Inode numbers prove that nothing changed, not that something did."""
    plant(root, {NEW: WHOLE})
    seen = look(root, state)
    renumbered = [fact + (at % 4 == 2) for at, fact in enumerate(seen.tree.facts)]
    done = build(root, state, seen=replace(seen, tree=replace(seen.tree, facts=renumbered)))
    assert () == done.unquiet
    assert WHOLE == public_bytes(state)[NEW]

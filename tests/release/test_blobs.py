"""Blobs: written aside, synced, then named; never changed, never half there."""

from __future__ import annotations

import errno
import os
import stat
from hashlib import sha256
from pathlib import Path

import pytest

from cdnserve.release.blobs import (
    Blobs,
    Draft,
    StoreError,
    blob_path,
    remove_state_drafts,
    sync_blobs,
    write_state_file,
)

NAME = sha256(b"content").hexdigest()
OTHER = sha256(b"other").hexdigest()


@pytest.fixture
def state(tmp_path: Path) -> str:
    for name in ("blobs", "drafts"):
        (tmp_path / name).mkdir()
    return str(tmp_path)


def blob(state: str, name: str = NAME) -> bytes:
    return Path(blob_path(state, name)).read_bytes()


def drafts(state: str) -> list[str]:
    return os.listdir(f"{state}/drafts")


def descriptors() -> int:
    return len(os.listdir("/dev/fd"))


def test_a_blob_is_there_after_the_block(state: str) -> None:
    before = descriptors()
    with Blobs(state) as blobs:
        assert not blobs.has(NAME)
        blobs.put(NAME, b"content")
        assert blobs.has(NAME)
        assert not os.path.exists(blob_path(state, NAME))
    assert b"content" == blob(state)
    assert [] == drafts(state)
    assert before == descriptors()


def test_a_blob_that_is_there_is_not_written_again(state: str) -> None:
    with Blobs(state) as blobs:
        blobs.put(NAME, b"content")
    inode = os.stat(blob_path(state, NAME)).st_ino
    with Blobs(state) as blobs:
        blobs.put(NAME, b"content")
        with Draft(blobs) as draft:
            draft.write(b"content")
            draft.keep(NAME)
    assert inode == os.stat(blob_path(state, NAME)).st_ino
    assert [] == drafts(state)


@pytest.mark.parametrize("octets", [b"", b"conten", b"CONTENT", b"contentcontent"])
def test_a_wrong_blob_is_replaced(state: str, octets: bytes) -> None:
    path = Path(blob_path(state, NAME))
    path.parent.mkdir()
    path.write_bytes(octets)
    with Blobs(state) as blobs:
        assert not blobs.has(NAME)
        blobs.put(NAME, b"content")
    assert b"content" == blob(state)


def test_what_was_proved_is_not_read_again(state: str) -> None:
    with Blobs(state, {NAME}) as blobs:
        assert blobs.has(NAME)
        blobs.put(NAME, b"content")
    assert not os.path.exists(blob_path(state, NAME))


def test_the_same_blob_twice_in_one_batch_is_stored_once(state: str) -> None:
    with Blobs(state) as blobs:
        blobs.put(NAME, b"content")
        with Draft(blobs) as draft:
            draft.write(b"content")
            draft.keep(NAME)
        assert 1 == len(drafts(state))
    assert b"content" == blob(state)


def test_a_draft_that_is_not_kept_leaves_nothing(state: str) -> None:
    with Blobs(state) as blobs, Draft(blobs) as draft:
        draft.write(b"content")
    assert [] == drafts(state) + os.listdir(f"{state}/blobs")


def test_a_failure_in_the_block_leaves_nothing_pending(state: str) -> None:
    before = descriptors()

    def fail() -> None:
        with Blobs(state) as blobs:
            blobs.put(NAME, b"content")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [] == drafts(state) + os.listdir(f"{state}/blobs")
    assert before == descriptors()


def test_many_blobs_are_flushed_in_batches(state: str) -> None:
    """No more files are open at the same time than a process may have."""
    names = [f"{number:064x}" for number in range(300)]
    before = descriptors()
    with Blobs(state) as blobs:
        for name in names:
            blobs.put(name, name.encode())
            assert descriptors() - before < 200
    assert all(name.encode() == blob(state, name) for name in names)


def test_content_is_synced_before_it_gets_its_name(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name must not outlive a power failure that its content did not."""
    events: list[str] = []
    fsync, replace = os.fsync, os.replace

    def note_sync(descriptor: int) -> None:
        events.append("sync folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "sync file")
        fsync(descriptor)

    def note_replace(source: str, target: str) -> None:
        events.append("name")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_replace)
    with Blobs(state) as blobs:
        blobs.put(NAME, b"content")
        blobs.put(OTHER, b"other")
    sync_blobs(state, [NAME, OTHER])
    assert ["sync file", "sync file", "name", "name", "sync folder", "sync folder", "sync folder"] == events
    events.clear()
    write_state_file(state, "current", b"1\n")
    assert ["sync file", "name", "sync folder"] == events


def test_a_file_is_replaced_whole(state: str) -> None:
    write_state_file(state, "current", b"1\n")
    write_state_file(state, "current", b"2\n")
    assert b"2\n" == Path(state, "current").read_bytes()
    assert [] == drafts(state)


STEPS = [
    pytest.param("open", id="making the temporary file"),
    pytest.param("write", id="writing"),
    pytest.param("fsync", id="syncing"),
    pytest.param("replace", id="renaming"),
]


@pytest.mark.parametrize("step", STEPS)
def test_a_full_disk_leaves_the_old_file_and_no_rubbish(state: str, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    write_state_file(state, "current", b"1\n")
    before = descriptors()

    def full(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, step, full)
        with pytest.raises(StoreError) as told:
            write_state_file(state, "current", b"2\n")
        with pytest.raises(StoreError), Blobs(state) as blobs:
            blobs.put(NAME, b"content")
    assert errno.ENOSPC == told.value.error.errno
    assert b"1\n" == Path(state, "current").read_bytes()
    assert [] == drafts(state)
    assert not os.path.exists(blob_path(state, NAME))
    assert before == descriptors()


def test_only_our_own_leftovers_are_removed(state: str) -> None:
    mine = [f"{state}/drafts/{'0a' * 16}.part"]
    theirs = [f"{state}/drafts/thesis.part", f"{state}/drafts/{'0a' * 16}.part.bak"]
    for path in mine + theirs:
        Path(path).write_bytes(b"x")
    remove_state_drafts(state)
    assert [False, True, True] == [os.path.exists(path) for path in mine + theirs]

"""Files that are replaced whole, whatever fails; locks that one holds at a time."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from pathlib import Path

import pytest

from cdnserve.files import NewFile, lock, remove_drafts, replace_file, replacing, sync_folder


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file to be replaced, alone in its folder."""
    file = tmp_path / "root" / "manifest.toml"
    file.parent.mkdir()
    file.write_bytes(b"old")
    return file


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o666])
def test_a_file_keeps_its_mode(path: Path, mode: int) -> None:
    path.chmod(mode)
    replace_file(path, b"new")
    assert (b"new", mode) == (path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
    assert ["manifest.toml"] == os.listdir(path.parent)


def test_a_mode_can_be_asked_for_whatever_the_mask_says(path: Path) -> None:
    before = os.umask(0o077)
    try:
        with replacing(path, mode=0o644) as new:
            new.write(b"new")
    finally:
        os.umask(before)
    assert (b"new", 0o644) == (path.read_bytes(), stat.S_IMODE(path.stat().st_mode))


def test_a_new_file_has_the_mode_of_new_files(path: Path) -> None:
    before = os.umask(0o027)
    try:
        replace_file(path.with_name("new"), b"new")
    finally:
        os.umask(before)
    assert 0o640 == stat.S_IMODE(path.with_name("new").stat().st_mode)


@pytest.mark.parametrize("there", [True, False])
def test_a_link_goes_on_pointing(path: Path, tmp_path: Path, there: bool) -> None:
    real, link = tmp_path / "real", path.with_name("link")
    if there:
        real.write_bytes(b"old")
    link.symlink_to(real)
    replace_file(link, b"new")
    assert link.is_symlink()
    assert b"new" == real.read_bytes()


def test_a_link_is_replaced_where_nobody_preserves_it(path: Path, tmp_path: Path) -> None:
    link = path.with_name("link")
    link.symlink_to(tmp_path / "real")
    replace_file(link, b"new", preserve=False)
    assert not link.is_symlink()
    assert (b"new", False) == (link.read_bytes(), (tmp_path / "real").exists())


def test_a_draft_lies_where_it_shall(path: Path, tmp_path: Path) -> None:
    with replacing(path, draft=str(tmp_path / "draft")) as new:
        new.write(b"new")
        assert (b"old", b"new") == (path.read_bytes(), (tmp_path / "draft").read_bytes())
    assert (b"new", False) == (path.read_bytes(), (tmp_path / "draft").exists())


def test_a_refusal_names_the_file_that_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "absent" / "a"
    with pytest.raises(FileNotFoundError) as told:
        replace_file(path, b"new")
    assert str(path) == told.value.filename


@pytest.mark.parametrize("failing", ["write", "fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_a_failed_write_leaves_the_old_file_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch, failing: str, error: BaseException
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(type(error)):
        replace_file(path, b"new")
    assert b"old" == path.read_bytes()
    assert ["manifest.toml"] == os.listdir(path.parent)


def test_content_is_synced_before_it_gets_its_name(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    replace_file(path, b"new")
    assert ["sync file", "name", "sync folder"] == events


def test_octets_are_written_whole_however_few_are_taken_at_a_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, octets: real(descriptor, octets[:3]))
    replace_file(path, b"0123456789")
    assert b"0123456789" == path.read_bytes()


def test_a_new_file_takes_nobody_s_place(path: Path) -> None:
    with pytest.raises(FileExistsError):
        NewFile(str(path))
    assert b"old" == path.read_bytes()


def test_drafts_of_the_named_files_are_removed_and_nothing_else(path: Path) -> None:
    draft, other = (path.with_name(f".{name}.0123456789abcdef.new") for name in ("a+b", "aab"))
    for file in (draft, other):
        file.write_bytes(b"")
    remove_drafts(path.parent, ["a+b", "c"])
    assert {other.name, path.name} == set(os.listdir(path.parent))


def test_a_lock_is_one_holder_s_and_a_shared_one_is_for_many(path: Path) -> None:
    mine, other = (os.open(path, os.O_RDONLY) for _ in range(2))
    assert lock(mine, shared=True)
    assert lock(other, shared=True, wait=True)
    assert not lock(other)
    os.close(mine)
    assert lock(other)
    os.close(other)


def test_where_nothing_can_be_locked_that_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with path.open() as file, pytest.raises(OSError, match="No locks available"):
        lock(file.fileno(), wait=True)


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_a_file_system_that_syncs_no_folders_is_one_to_write_to(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Its files are synced all the same."""
    synced: list[str] = []

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        synced.append(os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))

    monkeypatch.setattr(os, "fsync", fsync)
    replace_file(path, b"new", draft=f"{path}.draft")
    assert (b"new", ["manifest.toml.draft"]) == (path.read_bytes(), synced)


def test_a_disk_that_fails_as_names_are_synced_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="Input/output error"):
        sync_folder(tmp_path)

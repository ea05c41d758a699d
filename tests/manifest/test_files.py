"""The governing files: replaced whole, by one writer at a time."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cdnserve.manifest.files import changing, replace_file
from tests.cli.processes import UNMEASURED, environment


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


@pytest.mark.parametrize("failing", ["fsync", "replace"])
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


def test_one_writer_at_a_time(path: Path) -> None:
    root = path.parent
    with changing(root):
        descriptor = os.open(root, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)


def test_what_a_killed_writer_left_is_removed_and_nothing_else(path: Path) -> None:
    root = path.parent
    kept = {".manifest.toml.swp", ".manifest.lock.0123456789abcdef", ".other.0123456789abcdef.new", "manifest.toml"}
    for name in (*kept, ".manifest.toml.0123456789abcdef.new", ".manifest.lock.fedcba9876543210.new"):
        (root / name).write_bytes(b"")
    with changing(root):
        assert kept == set(os.listdir(root))


def test_where_nothing_can_be_locked_work_goes_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with changing(path.parent):
        replace_file(path, b"new")
    assert b"new" == path.read_bytes()


def test_the_names_cost_no_more_than_the_names() -> None:
    code = (
        "import sys\n"
        "from cdnserve.manifest.files import LOCK, MANIFEST\n"
        "print(MANIFEST, LOCK, [name for name in ('msgspec', 'tomllib', 'nodesemver') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(**UNMEASURED), capture_output=True, text=True, check=True
    )
    assert "manifest.toml manifest.lock []\n" == done.stdout

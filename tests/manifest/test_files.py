"""The governing files: by one writer at a time."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cdnserve.files import replace_file
from cdnserve.manifest.files import Governing, read_governing
from cdnserve.manifest.lock import changing
from tests.cli.processes import UNMEASURED, environment


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file to be replaced, alone in its folder."""
    file = tmp_path / "root" / "manifest.toml"
    file.parent.mkdir()
    file.write_bytes(b"old")
    return file


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


def test_governing_files_are_known_by_their_content(tmp_path: Path) -> None:
    (tmp_path / "manifest.toml").write_bytes(b"schema = 1")
    assert Governing(b"schema = 1", b"") == read_governing(str(tmp_path))


def test_governing_files_that_can_not_be_read_are_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A FIFO is not waited for, and what is wrong is told by those who parse."""
    os.mkfifo(tmp_path / "manifest.toml")
    (tmp_path / "manifest.lock").write_bytes(b"{}")

    def refuse(*_: object) -> object:
        raise PermissionError

    monkeypatch.setattr("builtins.open", refuse)
    assert Governing(b"", b"") == read_governing(str(tmp_path))


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (Governing(b"schema = 1", b"{}"), ()),
        (Governing(b"", b"{}"), ("manifest.toml",)),
        (Governing(b"schema = 1", b""), ("manifest.lock",)),
        (Governing(b"", b""), ("manifest.toml", "manifest.lock")),
    ],
)
def test_what_differs_is_named(other: Governing, expected: tuple[str, ...]) -> None:
    assert expected == Governing(b"schema = 1", b"{}").difference(other)

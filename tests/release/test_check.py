"""The check: everything that is wrong, in one run that writes nothing."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from cdnserve.release.build import build
from cdnserve.release.check import check
from tests.release.roots import MANIFEST, plant, snapshot

FILES: dict[str, bytes | str] = {"npm/lib@1.0.0/a.js": "a", "b.css": "b"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return plant(tmp_path / "root", FILES)


def references(root: Path, state: Path | None = None) -> list[str]:
    before = snapshot(root)
    found = [problem.reference for problem in check(root, state)]
    assert before == snapshot(root)
    return found


def test_a_good_root_has_no_problems(root: Path, tmp_path: Path) -> None:
    assert [] == references(root)
    build(root, tmp_path / "state")
    assert [] == references(root)


def test_a_root_that_is_not_there(tmp_path: Path) -> None:
    assert ["root-missing"] == references(tmp_path / "nowhere")


def test_manifest_lock_and_files_are_told_together(root: Path) -> None:
    (root / "manifest.toml").write_text("schema = 1\nnonsense = 2\n")
    (root / "manifest.lock").write_text("<<<<<<< HEAD\n")
    os.mkfifo(root / "fifo.js")
    found = check(root)
    assert {"manifest.toml", "manifest.lock", "fifo.js"} == {problem.where.partition(":")[0] for problem in found}


def test_files_are_told_with_what_is_doubtful_in_the_manifest(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(root, root / ".cdnserve")
    (root / "manifest.toml").write_text(MANIFEST + '[libraries]\njquery = "3.7.1"\n')
    (root / "npm/lib@1.0.0/a.js").write_text("changed")
    (root / "gone.js").symlink_to("nowhere")
    real = os.open

    def refuse(path: str, *arguments: int, **named: int | None) -> int:
        if path == "b.css":
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refuse)
    expected = ["library-not-locked", "link-dangles", "file-unreadable", "immutable-changed"]
    assert expected == references(root)


def test_a_promised_file_that_can_not_be_read_is_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(root, root / ".cdnserve")

    def fail(*_: object) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "read", fail)
    assert ["file-unreadable"] == references(root)


def test_a_state_inside_the_root_is_not_checked(root: Path) -> None:
    build(root, root / "state")
    os.mkfifo(root / "state/fifo")
    assert [] == references(root, root / "state")
    assert ["file-special"] == references(root)

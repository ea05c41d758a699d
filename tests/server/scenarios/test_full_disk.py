"""A disk that is full, or that takes no more: the build fails and is told, and the last release is served on."""

from __future__ import annotations

import os
import random
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.server import tree
from tests.server.conftest import Built
from tests.server.serving import LANES, Served, eventually, serving, settings

SERVED_ON = "the last good release is served on"
MUCH = random.Random(9).randbytes(3 << 20)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount a file system of two megabytes, where one may."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here: that takes root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _serves_on(served: Served, place: Built) -> None:
    """Put more into the root than the disk takes, then less."""
    (place.root / "any/much.woff2").write_bytes(MUCH)
    (place.root / "any/tiny.txt").write_bytes(b"changed\n")
    assert eventually(lambda: SERVED_ON in served.told())
    for path, content in (("/any/tiny.txt", tree.TINY), ("/any/large.woff2", tree.LARGE)):
        assert content == served.get(path).body
    assert 404 == served.get("/any/much.woff2").status
    (place.root / "any/much.woff2").unlink()
    assert eventually(lambda: served.get("/any/tiny.txt").body == b"changed\n")
    # What is encoded beside has its drafts while that lasts.
    assert eventually(lambda: not os.listdir(place.state / "drafts"))
    assert "Traceback" not in served.told()


@pytest.mark.parametrize("lane", LANES)
def test_a_full_disk(tmp_path: Path, lane: str) -> None:
    with small_disk(tmp_path / "disk") as disk:
        place = Built(tree.write(tmp_path / "root", tree.FEW), disk / "state")
        command = [sys.executable, "-m", "cdnserve", "build", str(place.root), "--state", str(place.state)]
        subprocess.run(command, cwd=Path(__file__).parents[3], check=True, capture_output=True)
        with serving(settings(place.root, place.state, lane), tmp_path / "log.txt") as served:
            _serves_on(served, place)
            assert "[disk-full]" in served.told()


def test_a_disk_that_takes_no_large_file(few: Built, tmp_path: Path) -> None:
    """A limit that the kernel enforces for any user: EFBIG where a full disk says ENOSPC."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # What the server inherits; the test itself writes its files first or below the limit.
    with serving(settings(few.root, few.state), tmp_path / "log.txt") as served:
        resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, (1 << 20, before[1]))
        _serves_on(served, few)
        assert "[state-failed]" in served.told()

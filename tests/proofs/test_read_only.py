"""A root with its release, copied and then read-only, as in an image: it is served, and nobody is told of problems."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cdnserve.release.build import build
from tests.proofs.instance import Instance, instance
from tests.server import tree
from tests.server.serving import eventually


@contextmanager
def read_only(folder: Path, at: Path) -> Iterator[Path]:
    """Mount a folder elsewhere, so that not even the superuser can write there."""
    at.mkdir()
    if (
        not shutil.which("mount")
        or subprocess.run(["mount", "--bind", str(folder), str(at)], capture_output=True, check=False).returncode
    ):
        pytest.skip("nothing can be mounted here: that takes root")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(at)], check=True)
        yield at
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True)


@pytest.fixture(params=[None, 0], ids=["as they were", "dated alike"])
def baked(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A root and its release, copied as layers of an image are: in whole seconds, or all with one date."""
    made = tree.write(tmp_path / "made", tree.FEW)
    build(made, made / ".cdnserve")
    copy = tmp_path / "copy"
    shutil.copytree(made, copy)
    for path in copy.rglob("*"):
        second = int(path.stat().st_mtime) if request.param is None else request.param
        os.utime(path, (second, second))
    return copy


def builds(server: Instance) -> dict[str, int]:
    """Count the builds since the start, by how they ended."""
    lines = server.get("/-/metrics").text().splitlines()
    rows = [line.removeprefix("cdnserve_builds_total").split() for line in lines if line.startswith("cdnserve_builds_")]
    return {label.split('"')[1]: int(float(value)) for label, value in rows}


def look(server: Instance) -> dict[str, int]:
    """Have it look for changes, as it does once a minute; tell how often that ended how."""
    counted: dict[str, int] = {}

    def is_counted() -> bool:
        # Each worker repeats its numbers for a second.
        counted.update({outcome: count for outcome, count in builds(server).items() if count})
        return bool(counted)

    server.signal(signal.SIGHUP)
    assert eventually(is_counted)
    return counted


@pytest.mark.parametrize("options", [[], ["--workers", "2"]], ids=["one worker", "two workers"])
def test_it_is_served_as_built(baked: Path, tmp_path: Path, options: list[str]) -> None:
    with read_only(baked, tmp_path / "public") as root, instance(root, *options) as server:
        assert tree.TINY == server.get("/any/tiny.txt").body
        assert b"release 1\n" == server.get("/-/ready").body
        assert {"unchanged": 1} == look(server)
        assert 0 == server.end()
    assert ["serving", "draining,", "drained"] == [line.split()[1] for line in server.told()]


def test_what_really_differs_is_told_and_the_release_served_on(baked: Path, tmp_path: Path) -> None:
    with read_only(baked, tmp_path / "public") as root, instance(root) as server:
        # Whoever has the folder itself may change it.
        (baked / "any/tiny.txt").write_bytes(b"other\n")
        told = server.server.stderr.until("[state-unwritable]")
        assert "the release in it is of other files" in told
        server.server.stderr.until("the last good release is served on")
        assert tree.TINY == server.get("/any/tiny.txt").body
        (baked / "any/tiny.txt").write_bytes(tree.TINY)
        server.server.stderr.until("the build works again")
        assert 0 == server.end()
    assert "value: Read-only file system; first difference: any/tiny.txt" in "\n".join(server.told())

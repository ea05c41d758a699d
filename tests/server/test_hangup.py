"""SIGHUP: the server builds and takes up at once, and goes on; without its terminal it ends."""

from __future__ import annotations

import os
import pickle
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from cdnserve.release import build
from cdnserve.server.hangup import Terminal
from tests.server import tree
from tests.server.conftest import Built
from tests.server.serving import PATIENCE, Served, eventually, serving, settings

PROJECT = Path(__file__).parents[2]
SERVED_ON = "the last good release is served on"


@pytest.fixture(params=[pytest.param(1, id="alone"), pytest.param(2, id="with workers")])
def running(request: pytest.FixtureRequest, few: Built, tmp_path: Path) -> Iterator[Served]:
    """A server of one process, then one of a parent and two workers."""
    wanted = replace(settings(few.root, few.state), workers=request.param)
    with serving(wanted, tmp_path / "log.txt") as served:
        yield served
        assert "Traceback" not in served.told()


def test_it_builds_at_once_and_goes_on(running: Served, few: Built) -> None:
    """What a build can't do is told again at each signal; so it was one that built."""
    manifest = few.root / "manifest.toml"
    manifest.write_text("schema = 2\n")
    assert eventually(lambda: running.told().count(SERVED_ON) == 1)
    for turn in (2, 3):
        running.process.send_signal(signal.SIGHUP)
        assert eventually(partial(_was_told, running, turn))
    assert tree.TINY == running.get("/any/tiny.txt").body
    manifest.write_text(tree.MANIFEST)
    (few.root / "any/tiny.txt").write_bytes(b"mended\n")
    running.process.send_signal(signal.SIGHUP)
    assert eventually(lambda: running.get("/any/tiny.txt").body == b"mended\n")
    running.terminate()
    assert 0 == running.ended()


def _was_told(running: Served, times: int) -> bool:
    return running.told().count(SERVED_ON) == times


def test_it_takes_up_what_somebody_else_built(few: Built, tmp_path: Path) -> None:
    with serving(settings(few.root, few.state), tmp_path / "log.txt") as served:
        (few.root / "any/tiny.txt").write_bytes(b"elsewhere\n")
        build(few.root, few.state)
        served.process.send_signal(signal.SIGHUP)
        assert eventually(lambda: served.get("/any/tiny.txt").body == b"elsewhere\n")


@pytest.mark.parametrize("workers", [1, 2])
def test_it_ends_with_the_terminal_that_it_ran_on(few: Built, tmp_path: Path, workers: int) -> None:
    """Whoever closes the window of a server does not mean it to live on and keep the port."""
    launch = (
        "import fcntl, pickle, sys, termios\nfrom cdnserve.server.run import run\n"
        "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
        "run(pickle.loads(bytes.fromhex(sys.argv[1])), lambda url: print(url, flush=True))\n"
    )
    wanted = replace(settings(few.root, few.state), workers=workers, drain_seconds=5)
    leader, follower = pty.openpty()
    with (tmp_path / "out.txt").open("wb") as output, (tmp_path / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", launch, pickle.dumps(wanted).hex()],
            stdin=follower,
            stdout=output,
            stderr=log,
            cwd=PROJECT,
            start_new_session=True,
        )
        os.close(follower)
        try:
            assert eventually(lambda: b"\n" in (tmp_path / "out.txt").read_bytes())
            os.close(leader)
            assert 0 == process.wait(PATIENCE)
        finally:
            process.kill()
            process.wait()


def test_a_process_without_a_terminal_loses_none() -> None:
    script = "from cdnserve.server.hangup import Terminal\nprint(Terminal().is_gone())\n"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, cwd=PROJECT, start_new_session=True, check=True
    )
    assert b"False\n" == done.stdout
    assert not Terminal().is_gone()

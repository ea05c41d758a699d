"""Kill -9 at any moment leaves the last release whole."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cdnserve.release.build import build
from cdnserve.release.store import Store
from tests.release.roots import SCRIPT, plant, public_bytes

HERE = Path(__file__).parents[3]
# Of a map the state keeps only codings.
BEFORE: dict[str, bytes | str] = {"npm/lib@1.0.0/a.js.map": SCRIPT, "page.css": SCRIPT + b"css"}
AFTER: dict[str, bytes | str] = {
    "npm/lib@1.0.0/b.js.map": SCRIPT + b"b",
    "page.css": SCRIPT + b"new",
    "c.woff2": b"font",
}


@pytest.fixture
def root(place: Path) -> Path:
    """A root that was released and has changed since."""
    root = plant(place / "root", BEFORE)
    build(root, place / "state")
    return plant(root, AFTER)


def test_a_build_killed_at_any_step_leaves_a_whole_release(root: Path, place: Path) -> None:
    """Before each write, sync, rename and removal, and in the midst of each write; the next build then goes through."""
    shutil.copytree(place / "state", place / "backup")
    command = [
        sys.executable,
        "-m",
        "tests.release.killed",
        str(root),
        str(place / "state"),
        str(place / "backup"),
    ]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    assert ("", 0) == (done.stderr, done.returncode)
    seen = [json.loads(line) for line in done.stdout.splitlines()]
    assert {False, True} == {one["torn"] for one in seen}
    # Before the pointer's rename the old release is served, after it the new one.
    assert {(1, 2), (2, 4)} == {(one["number"], one["served"]) for one in seen}
    for torn, least in ((False, 50), (True, 10)):
        numbers = [one["number"] for one in seen if one["torn"] == torn]
        assert sorted(numbers) == numbers
        assert len(numbers) >= least
    assert {(4, 0, True)} == {(one["next"], one["drafts"], one["settled"]) for one in seen}


PROGRAM = """
import sys
from pathlib import Path
from cdnserve.release import encode as module
from cdnserve.release.build import build
module.cores = lambda: 2
build(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def test_a_build_killed_at_a_random_moment_leaves_a_whole_release(root: Path, place: Path) -> None:
    """While threads encode, and with what earlier kills left behind."""
    state = place / "state"
    chance = random.Random(7)
    old: dict[str, bytes | str] = dict(BEFORE)
    new: dict[str, bytes | str] = dict(BEFORE)
    kills, lasted = 0, 0.0
    for turn in range(12):
        new |= AFTER | {f"{number}.js": b"%d %d" % (turn, number) + SCRIPT * 40 for number in range(6)}
        plant(root, new)
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(root), str(state)], cwd=HERE, stderr=subprocess.DEVNULL
        )
        if turn:
            time.sleep(chance.uniform(0, lasted))
            process.kill()
            kills += process.wait() == -signal.SIGKILL
        else:  # how long one takes that nobody kills
            assert process.wait() == 0
            lasted = time.monotonic() - began
        found = public_bytes(state)
        assert found in (old, new)
        old = dict(found)
    assert kills > 0
    build(root, state)
    assert new == public_bytes(state)
    assert [] == os.listdir(state / "drafts")
    assert Store(state).current() == max(Store(state).numbers())

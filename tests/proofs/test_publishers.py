"""Publishers of a real object store: killed at any moment, and two that race. `make proofs` does more of both."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import TimeoutExpired

from cdnserve.release.build import build
from cdnserve.release.remote import RemoteStore
from tests.cli.processes import environment
from tests.engine import Engine
from tests.forked import Forked
from tests.release.roots import plant
from tests.release.scenarios.test_publish_killed import race
from tests.release.test_publish import Publisher, contents

KILLS = int(os.environ.get("CDNSERVE_PROOF_KILLS", "3"))
RACES = int(os.environ.get("CDNSERVE_PROOF_RACES", "2"))
LARGE = 9 << 20  # goes in parts


def files(turn: int) -> dict[str, bytes | str]:
    """Return what a release has anew: changed, added for ever, and every fifth time a file that goes in parts."""
    rng = random.Random(turn)
    own = {f"own/{number}.txt": f"{turn} {number}" for number in range(8)}
    library = {f"npm/lib@1.0.{turn}/{number}.woff2": rng.randbytes(5_000) for number in range(12)}
    large = {f"npm/lib@1.0.{turn}/large.woff2": rng.randbytes(LARGE)} if turn % 5 == 2 else {}
    return {**own, **library, **large}


def stored(store: RemoteStore) -> dict[str, float]:
    """Return when each blob of a store was written."""
    return {entry.name: entry.written for entry in store.blobs()}


def test_killed_at_any_moment_it_leaves_a_whole_release_and_the_next_one_completes(
    bucket: str, engine: Engine, tmp_path: Path
) -> None:
    publisher, rng, deaths = Publisher(tmp_path, bucket), random.Random(1), 0
    plant(publisher.root, files(0))
    began = time.monotonic()
    assert not publish_and_kill(publisher, engine, 600)
    whole = time.monotonic() - began
    for turn in range(1, KILLS + 1):
        old, new = contents(publisher.store), {path: as_octets(text) for path, text in files(turn).items()}
        shutil.rmtree(publisher.root / "npm")
        plant(publisher.root, files(turn))
        # Not what is killed here: that is for the tests of builds.
        build(publisher.root, publisher.state)
        deaths += publish_and_kill(publisher, engine, rng.uniform(0.05, 0.9) * whole)
        assert contents(publisher.store) in (old, new)
        there = stored(publisher.store)
        publisher()
        assert contents(publisher.store) == new
        after = stored(publisher.store)
        assert {name: after[name] for name in there} == there  # nothing was sent again
    assert deaths


def as_octets(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def publish_and_kill(publisher: Publisher, engine: Engine, seconds: float) -> bool:
    """Publish in a process that is killed after so many seconds; return whether it was."""
    command = [sys.executable, "-m", "cdnserve", "publish", str(publisher.root), "--state", str(publisher.state)]
    process = Forked([*command, "--store", publisher.url], env=environment(**engine.environment))
    try:
        process.wait(seconds)
    except TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    return process.wait(60) == -signal.SIGKILL


def test_of_two_that_race_one_wins_each_number(bucket: str, tmp_path: Path) -> None:
    race(bucket, tmp_path, rounds=RACES)


def test_of_many_that_create_an_object_one_does(bucket: str, tmp_path: Path) -> None:
    """On which all of this stands."""
    objects = Publisher(tmp_path, bucket).store.objects
    for turn in range(RACES):
        with ThreadPoolExecutor(8) as threads:
            won = list(threads.map(lambda n, at=turn: objects.create(f"releases/{at}.cat", b"%d" % n), range(8)))
        assert won.count(True) == 1
        found = objects.get(f"releases/{turn}.cat", 10)
        assert found
        assert found.octets == b"%d" % won.index(True)

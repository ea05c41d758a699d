"""A publisher that is killed at any request, before it or after, and publishers that race."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from threading import Barrier, Thread

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.release.remote import open_store
from tests.cli.processes import environment
from tests.fake_s3 import FakeS3
from tests.forked import Forked
from tests.release.test_publish import BRIEF, LIBRARY, Publisher, contents

RACES = int(os.environ.get("CDNSERVE_PROOF_RACES", "3"))
BEFORE = {"a.txt": "one", "b.txt": "b"}
AFTER = {"a.txt": "two", "c.txt": "c", LIBRARY: "export {}\n"}


def publish_and_die(publisher: Publisher, fake: FakeS3, request: int, *, after: bool) -> bool:
    """Publish in a process that is killed at the request of this number; return whether it came so far."""
    left, killed = request, False
    command = [sys.executable, "-m", "cdnserve", "publish", str(publisher.root), "--state", str(publisher.state)]
    process = Forked([*command, "--store", publisher.url], env=environment(**fake.environment))

    def die(method: str, key: str) -> bytes | None:
        nonlocal left, killed
        left -= 1
        if left >= 0:
            return None
        if left == -1:
            killed = True
            process.send_signal(signal.SIGKILL)
        # What was sent before the kill may still arrive, or not; what would have been sent later does not.
        return None if after and left == -1 else b""

    fake.lie = die
    process.wait(60)
    fake.lie = lambda method, key: None
    return killed


@pytest.mark.parametrize("after", [False, True], ids=["before it arrives", "after it arrived"])
def test_the_store_names_a_whole_release_whenever_a_publisher_is_killed(
    fake: FakeS3, tmp_path: Path, after: bool
) -> None:
    publisher = Publisher(tmp_path, fake.url)
    publisher(dict(BEFORE))
    old = {path: text.encode() for path, text in BEFORE.items()}
    new = old | {path: text.encode() for path, text in AFTER.items()}
    then = dict(fake.objects)
    request, deaths = 0, 0
    # Every fifth request, so that it is soon over; a whole publication has some twenty.
    while True:
        fake.objects = dict(then)
        for path, text in AFTER.items():
            file = publisher.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        if not publish_and_die(publisher, fake, request, after=after):
            break
        deaths += 1
        assert contents(publisher.store) in (old, new)
        there = {key for key in fake.objects if "/blobs/" in key}
        fake.asked.clear()
        publisher()
        assert contents(publisher.store) == new
        sent = [key for method, key in fake.asked if method == "PUT" and "/blobs/" in key]
        assert there.isdisjoint(sent)
        assert len(sent) == len(set(sent))
        request += 5
    assert deaths >= 3
    assert contents(publisher.store) == new


@pytest.mark.parametrize("conditions", [True, False], ids=["with conditions", "without"])
def test_of_two_that_race_one_wins_each_number(fake: FakeS3, tmp_path: Path, conditions: bool) -> None:
    fake.conditions = conditions
    race(fake.url, tmp_path, rounds=RACES)


def race(url: str, folder: Path, rounds: int) -> None:
    """Let two publish at the same moment, each its own files and both one that each wants to be another for ever."""
    publishers = [Publisher(folder / name, url) for name in ("one", "two")]
    for turn in range(rounds):
        outcomes = at_once(publishers, turn)
        winners = [number for number in outcomes if isinstance(number, int)]
        losers = [problem for problem in outcomes if isinstance(problem, str)]
        # Who loses the number is told so; who comes just too late finds what the other one has promised.
        assert set(losers) <= {"publish-raced", "immutable-changed"}
        assert len(winners) == 1, outcomes
        store = open_store(url, BRIEF)
        assert store.current() == winners[0] == max(store.numbers())
        promised: dict[str, bytes] = {}
        for number in store.numbers():
            for path, asset in store.load(number).assets.items():
                if path.startswith("npm/"):
                    assert promised.setdefault(path, asset.sha384) == asset.sha384
        for publisher in publishers:
            (publisher.root / f"npm/shared@1.0.{turn}/x.js").unlink()


def at_once(publishers: list[Publisher], turn: int) -> list[int | str]:
    """Return what each publisher came to: the number of its release, or the id of its problem."""
    start, outcomes = Barrier(len(publishers)), dict[int, int | str]()

    def run(place: int, publisher: Publisher) -> None:
        start.wait()
        try:
            outcomes[place] = publisher({f"npm/shared@1.0.{turn}/x.js": f"{place}", f"{place}.txt": f"{turn}"}).number
        except ConfigurationError as error:
            outcomes[place] = error.problems[0].reference

    threads = [Thread(target=run, args=item) for item in enumerate(publishers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return list(outcomes.values())

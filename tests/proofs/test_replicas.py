"""Three replicas of a store under load, while releases come and go, a replica is killed, and so is the store.

By hand with more of everything: CDNSERVE_PROOF_RELEASES=100 CDNSERVE_PROOF_ROLLBACKS=5 CDNSERVE_PROOF_CLIENTS=2.
"""

from __future__ import annotations

import hashlib
import os
import signal
import tempfile
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest

from cdnserve.release.build import build
from cdnserve.release.history import roll_back_store
from cdnserve.release.publish import publish
from cdnserve.release.remote import open_store
from cdnserve.release.writer import Silence
from cdnserve.server.replica import acquire
from cdnserve.server.settings import ReplicaSettings
from tests.contract.wire import Response, message
from tests.engine import BUCKET, Engine, start_engine, stop_engine
from tests.proofs.clients import Client, asking
from tests.proofs.test_swapped_release import SIZES, content, plant, swap
from tests.server.serving import Served, eventually, serving, settings

RELEASES = int(os.environ.get("CDNSERVE_PROOF_RELEASES", "4"))
ROLLBACKS = int(os.environ.get("CDNSERVE_PROOF_ROLLBACKS", "1"))
CLIENTS = int(os.environ.get("CDNSERVE_PROOF_CLIENTS", "1"))
REQUESTS = [message("GET", f"/{path}") for path in SIZES]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """An engine of this test's own, for it is killed."""
    folder = Path(tempfile.gettempdir()) / f"cdnserve-swift-proof-{os.getpid()}"
    try:
        engine = start_engine(folder)
        for name, value in engine.environment.items():
            monkeypatch.setenv(name, value)
        yield engine
    finally:
        stop_engine(folder)


@dataclass(slots=True)
class Judge:
    """What all clients were given: of which release it was last, which files of it, and what was wrong."""

    known: dict[bytes, tuple[int, str]] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)
    files: defaultdict[tuple[str, int], set[str]] = field(default_factory=lambda: defaultdict(set))
    wrong: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def learn(self, release: int) -> None:
        """Learn what a release has, before anybody can be given it."""
        for path in SIZES:
            self.known[hashlib.sha256(content(release, path)).digest()] = release, path

    def take(self, names: list[str], number: int, response: Response) -> None:
        """Judge a response: all of it must be of one release."""
        with self.lock:
            if response.status != 200:
                self.wrong[f"{response.status} {response.body[:60]!r}"] += 1
                return
            release, path = self.known.get(hashlib.sha256(response.body).digest(), (0, ""))
            if f"public, max-age={1000 + release}" != response["cache-control"] or not path:
                self.wrong["of no release, or of two"] += 1
            self.last[names[number]] = release
            self.files[names[number], release].add(path)

    def all_have(self, names: list[str], release: int) -> bool:
        """Return whether each of these clients was last given this release, and has had all of it."""
        return all(self.last.get(name) == release and len(self.files[name, release]) == len(SIZES) for name in names)


class Publisher:
    """Plants releases and publishes them; knows under which number each lies in the store."""

    def __init__(self, folder: Path, url: str, judge: Judge) -> None:
        self._folder, self._judge = folder, judge
        self.remote = open_store(url)
        self.numbers: dict[int, int] = {}

    def publish(self, release: int) -> None:
        """Publish a release."""
        self._judge.learn(release)
        root, state = self._folder / "public", self._folder / "state"
        swap(root, plant(self._folder / f"release-{release}", release))
        self.numbers[release] = publish(state, build(root, state).number, self.remote, Silence()).number

    def roll_back(self, release: int) -> None:
        """Make an older release the current one."""
        roll_back_store(self.remote, self.numbers[release])


@dataclass(slots=True)
class Fleet:
    """Replicas, each with clients that ask all the time; what was killed is started anew on its cache."""

    folder: Path
    replica: ReplicaSettings
    judge: Judge
    stack: ExitStack
    running: dict[str, tuple[Served, list[Client]]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Start a replica and its clients."""
        place = self.folder / name
        wanted = replace(settings(self.folder, place), replica=self.replica)
        served = self.stack.enter_context(serving(wanted, self.folder / f"{name}-{len(self.running)}.txt"))
        names = [f"{name} {number}" for number in range(CLIENTS)]
        connections = [served.connect() for _ in names]
        clients = asking(connections, REQUESTS, partial(self.judge.take, names))
        self.running[name] = served, self.stack.enter_context(clients)

    def kill(self, name: str) -> None:
        """Kill a replica; its clients notice."""
        served, clients = self.running.pop(name)
        served.process.send_signal(signal.SIGKILL)
        served.ended()
        for client in clients:
            client.stop()
            assert client.broken
        for number in range(CLIENTS):
            self.judge.last.pop(f"{name} {number}", None)

    def all_have(self, release: int) -> bool:
        """Return whether all clients of all replicas were last given all of a release."""
        return self.judge.all_have([f"{name} {number}" for name in self.running for number in range(CLIENTS)], release)

    def answers(self) -> int:
        """Count what the clients of replicas that run were given."""
        return sum(client.answers for _, clients in self.running.values() for client in clients)

    def all_say(self, text: str) -> bool:
        """Return whether each replica says this of whether it is ready, with status 200."""
        said = [served.get("/-/ready") for served, _ in self.running.values()]
        return all(response.status == 200 and text in response.body.decode() for response in said)


def kill_engine(engine: Engine) -> None:
    """End all processes of the store at once."""
    for file in (engine.folder / "run").glob("*.pid"):
        os.kill(int(file.read_text()), signal.SIGKILL)


def test_nothing_wrong_is_ever_sent_and_all_agree_in_the_end(tmp_path: Path, engine: Engine) -> None:
    judge = Judge()
    url = f"s3://{BUCKET}/proof"
    publisher = Publisher(tmp_path, url, judge)
    publisher.publish(1)
    replica = ReplicaSettings(url, look_seconds=0.2)
    with ExitStack() as stack:
        fleet = Fleet(tmp_path, replica, judge, stack)
        for name in ("a", "b", "c"):
            acquire(replica, tmp_path / name)
            fleet.start(name)
        later = RELEASES // (ROLLBACKS + 1)
        for release in range(2, RELEASES + 1):
            publisher.publish(release)
            if release % later == 0 and release < RELEASES:
                wait(fleet, release)
                publisher.roll_back(release - 1)
                wait(fleet, release - 1)
        wait(fleet, RELEASES)
        kill_engine(engine)
        assert eventually(partial(fleet.all_say, "no answer from the store since"))
        fleet.kill("b")
        fleet.start("b")
        before = fleet.answers()
        wait(fleet, RELEASES)
        assert eventually(lambda: fleet.answers() > before + 100)
        start_engine(engine.folder)
        publisher.publish(RELEASES + 1)
        wait(fleet, RELEASES + 1)
        assert eventually(lambda: not fleet.all_say("no answer"))
        clients = [client for _, of_one in fleet.running.values() for client in of_one]
        assert {(None, None)} == {(client.broken, client.failure) for client in clients}
        asked = sum(client.answers for client in clients)
    assert not judge.wrong
    assert asked > 100
    for log in tmp_path.glob("*.txt"):
        assert "Traceback" not in log.read_text()


def wait(fleet: Fleet, release: int) -> None:
    """Wait until all replicas have a release."""
    is_so: Callable[[], bool] = partial(fleet.all_have, release)
    assert eventually(is_so), (release, fleet.judge.last, fleet.judge.wrong)

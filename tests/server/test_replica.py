"""A replica follows its store: which release it takes, what it refuses, and what it does without the store."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.release.build import build
from cdnserve.release.catalog import decode
from cdnserve.release.store import Store
from cdnserve.server.contents import Contents
from cdnserve.server.metrics_shared import SharedMetrics, SupervisorMetrics
from cdnserve.server.replica import Replica, acquire, open_live, source_of
from cdnserve.server.replica_contents import ReplicaContents
from cdnserve.server.settings import ReplicaSettings, ServerSettings
from cdnserve.server.watch import look_again, rebuild
from tests.fake_s3 import FakeS3, answer, head
from tests.server.replicas import upload

MANIFEST = 'schema = 1\n[[publish]]\npath = "**"\ncors = "any"\ncache = "revalidate"\n'
RELEASES = 8
KEY = "prefix/releases/{}.cat"


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder with releases, each with one more small file."""
    root, state = tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("state")
    (root / "manifest.toml").write_text(MANIFEST)
    for number in range(1, RELEASES + 1):
        (root / f"{number}.woff2").write_bytes(b"%d" % number * 10)
        build(root, state)
    return state


@pytest.fixture
def store(fake: FakeS3, state: Path) -> FakeS3:
    """A store with these releases, the last of them current since a while."""
    upload(fake, state, written=1_000_000)
    return fake


@pytest.fixture
def settings(fake: FakeS3) -> ReplicaSettings:
    """The settings of a replica of the store."""
    return ReplicaSettings(fake.url, look_seconds=0.01)


def point(fake: FakeS3, number: int, written: float = 0.0) -> None:
    """Let the store's pointer name a release."""
    fake.objects["prefix/current"] = b"%d\n" % number, written or time.time()


def ids(error: pytest.ExceptionInfo[ConfigurationError]) -> list[str]:
    """Return what went wrong."""
    return [problem.reference for problem in error.value.problems]


def test_it_takes_what_is_current_and_follows_each_new_pointer(
    store: FakeS3, settings: ReplicaSettings, tmp_path: Path
) -> None:
    local = Store(tmp_path)
    replica = Replica(settings, tmp_path)
    assert (True, RELEASES) == (replica.look(), local.pointed())
    assert RELEASES == len(local.read().assets)
    point(store, 3)
    assert (True, 3) == (replica.look(), local.pointed())
    assert (False, 3) == (replica.look(), local.pointed())
    assert not list((tmp_path / "blobs").iterdir())


def test_an_unchanged_pointer_is_all_that_is_asked_for(
    store: FakeS3, settings: ReplicaSettings, tmp_path: Path
) -> None:
    replica = Replica(settings, tmp_path)
    replica.look()
    store.asked.clear()
    replica.look()
    assert [("GET", "prefix/current")] == store.asked


def test_a_release_that_was_taken_before_is_not_fetched_again(
    store: FakeS3, settings: ReplicaSettings, tmp_path: Path
) -> None:
    Replica(settings, tmp_path).look()
    store.asked.clear()
    assert not Replica(settings, tmp_path).look()
    assert [("GET", "prefix/current")] == store.asked


def test_a_few_catalogs_stay_for_a_rollback(store: FakeS3, settings: ReplicaSettings, tmp_path: Path) -> None:
    replica = Replica(settings, tmp_path)
    for number in range(1, RELEASES + 1):
        point(store, number)
        replica.look()
    assert (3, 4, 5, 6, 7, 8) == Store(tmp_path).numbers()


def test_with_prefetch_all_of_it_comes_first(store: FakeS3, settings: ReplicaSettings, tmp_path: Path) -> None:
    Replica(replace(settings, prefetch=True), tmp_path).look()
    Store(tmp_path).load()


def test_with_prefetch_a_release_that_lacks_something_is_not_taken(
    store: FakeS3, settings: ReplicaSettings, tmp_path: Path
) -> None:
    point(store, 1)
    replica = Replica(replace(settings, prefetch=True), tmp_path)
    replica.look()
    taken = {f"prefix/blobs/{name[:2]}/{name}" for name in Store(tmp_path).blobs()}
    gone = {key: store.objects.pop(key) for key in list(store.objects) if "/blobs/" in key and key not in taken}
    point(store, RELEASES)
    for _ in range(2):
        with pytest.raises(ConfigurationError) as error:
            replica.look()
        assert (["blob-missing"], 1) == (ids(error), Store(tmp_path).pointed())
    store.objects |= gone
    assert (True, RELEASES) == (replica.look(), Store(tmp_path).pointed())


def test_prefetch_leaves_room_for_what_is_served(store: FakeS3, settings: ReplicaSettings, tmp_path: Path) -> None:
    Replica(replace(settings, prefetch=True, cache_size=60), tmp_path).look()
    assert 3 == len(Store(tmp_path).blobs())


def test_an_older_pointer_is_not_followed(store: FakeS3, settings: ReplicaSettings, tmp_path: Path) -> None:
    """Also after a start: what was seen last is kept."""
    Replica(settings, tmp_path).look()
    point(store, 3, written=999_000)
    with pytest.raises(ConfigurationError) as error:
        Replica(settings, tmp_path).look()
    assert (["store-pointer-old"], RELEASES) == (ids(error), Store(tmp_path).pointed())


def test_a_store_that_lies_about_a_release(store: FakeS3, settings: ReplicaSettings, tmp_path: Path) -> None:
    replica = Replica(settings, tmp_path)
    replica.look()
    right = store.objects[KEY.format(3)][0]
    lies = {
        "store-release-wrong": answer(store.objects[KEY.format(4)][0]),
        "release-corrupt": answer(right[:-1] + b"x"),
        "store-unreachable": answer(right[:-5], length=len(right)),
        "store-denied": head(403, b""),
        "release-missing": head(404, b"<Error><Code>NoSuchKey</Code></Error>"),
    }
    point(store, 3)
    for reference, octets in lies.items():
        store.lie = lambda _, key, octets=octets: octets if key == KEY.format(3) else None  # type: ignore[misc]
        with pytest.raises(ConfigurationError) as error:
            replica.look()
        assert ([reference], RELEASES) == (ids(error), Store(tmp_path).pointed())
    store.lie = lambda *_: None
    assert (True, 3) == (replica.look(), decode((tmp_path / "releases/3.cat").read_bytes()).number)


@pytest.mark.parametrize("octets", [b"", b"seven\n", b"-1\n", b"9" * 100])
def test_a_pointer_that_names_nothing(store: FakeS3, settings: ReplicaSettings, tmp_path: Path, octets: bytes) -> None:
    Replica(settings, tmp_path).look()
    store.objects["prefix/current"] = octets, time.time()
    with pytest.raises(ConfigurationError) as error:
        Replica(settings, tmp_path).look()
    assert ids(error)[0] in ("pointer-corrupt", "store-too-large")
    assert RELEASES == Store(tmp_path).pointed()


def test_a_store_without_a_release(fake: FakeS3, settings: ReplicaSettings, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as error:
        acquire(settings, tmp_path)
    assert ["release-missing"] == ids(error)


def test_it_starts_without_the_store_if_it_has_a_release(
    store: FakeS3, settings: ReplicaSettings, tmp_path: Path
) -> None:
    store.lie = lambda *_: head(403, b"")
    with pytest.raises(ConfigurationError):
        acquire(settings, tmp_path)
    store.lie = lambda *_: None
    assert () == acquire(settings, tmp_path)
    store.lie = lambda *_: head(403, b"")
    assert ["store-denied"] == [problem.reference for problem in acquire(settings, tmp_path)]


@pytest.mark.parametrize("whose", ["another store's", "a build's"])
def test_a_folder_of_another_is_refused(
    store: FakeS3, settings: ReplicaSettings, state: Path, tmp_path: Path, whose: str
) -> None:
    if whose == "a build's":
        tmp_path = state
    else:
        acquire(settings, tmp_path)
    with pytest.raises(ConfigurationError) as error:
        acquire(replace(settings, store="s3://other/prefix"), tmp_path)
    assert ["replica-foreign"] == ids(error)


def test_a_folder_that_can_not_be_written(store: FakeS3, settings: ReplicaSettings, tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("in the way")
    with pytest.raises(ConfigurationError) as error:
        acquire(settings, tmp_path)
    assert ["state-failed"] == ids(error)


def test_what_is_served_comes_from_the_store(
    store: FakeS3, settings: ReplicaSettings, state: Path, tmp_path: Path
) -> None:
    acquire(settings, tmp_path)
    live = open_live(ServerSettings(Path("nowhere"), tmp_path, replica=settings))
    assert isinstance(live.contents, ReplicaContents)
    assert RELEASES == len(live.origin.catalog.assets)
    point(store, 2)
    Replica(settings, tmp_path).look()
    assert (True, 2) == (live.reload(), len(live.origin.catalog.assets))
    assert type(open_live(ServerSettings(Path("nowhere"), state)).contents) is Contents


async def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    for _ in range(3000):
        if is_so():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it never came true")


def test_the_store_goes_and_comes_back(
    store: FakeS3, settings: ReplicaSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each is told once; what is new meanwhile is taken up."""
    acquire(settings, tmp_path)
    metrics = SupervisorMetrics(SharedMetrics())
    wanted = ServerSettings(Path("nowhere"), tmp_path, replica=settings)
    looks = store.asked

    def begin_to_lie() -> None:
        store.lie = lambda *_: head(403, b"")
        looks.clear()

    async def follow() -> None:
        stop = asyncio.Event()
        following = asyncio.create_task(source_of(wanted, metrics).follow(wanted, stop, lambda _: None))
        begin_to_lie()
        await until(lambda: metrics.store_lost > 0 and len(looks) > 5)
        point(store, 2)
        store.lie = lambda *_: None
        await until(lambda: Store(tmp_path).pointed() == 2 and not metrics.store_lost)
        stop.set()
        await following

    with caplog.at_level(logging.INFO, "cdnserve"):
        asyncio.run(follow())
    told = [record.message.split(":")[0] for record in caplog.records]
    assert ["the store does not answer as it should", "s3", "the store answers again"] == told


def test_a_fault_of_ours_ends_no_looks(
    store: FakeS3, settings: ReplicaSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = SupervisorMetrics(SharedMetrics())
    wanted = ServerSettings(Path("nowhere"), tmp_path, replica=settings)
    source = source_of(wanted, metrics)
    with monkeypatch.context() as patched:
        patched.setattr(Replica, "look", lambda _: 1 // 0)
        asyncio.run(source.look(wanted, lambda _: None))
    assert metrics.store_lost
    asyncio.run(source_of(wanted, metrics).look(wanted, lambda _: None))
    assert (0, RELEASES) == (metrics.store_lost, Store(tmp_path).pointed())


def test_who_has_a_root_builds() -> None:
    source = source_of(ServerSettings(Path(), Path()), SupervisorMetrics(SharedMetrics()))
    assert (rebuild, look_again) == (source.follow, source.look)

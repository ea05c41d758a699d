"""Collecting and rolling back in a store: nothing goes that a server, a publisher or a promise may still need."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import time

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.release.gc import GcOptions
from cdnserve.release.gc_store import collect_store
from cdnserve.release.history import roll_back_store, store_history
from cdnserve.release.publish import forget_in_store
from cdnserve.release.remote import RemoteStore
from tests.fake_s3 import FakeS3, head
from tests.release.test_publish import LIBRARY, Publisher, contents, told

DAY = 86_400.0


@pytest.fixture
def publisher(fake: FakeS3, tmp_path: Path) -> Publisher:
    return Publisher(tmp_path / "one", fake.url)


@pytest.fixture
def store(publisher: Publisher) -> RemoteStore:
    """A store with three releases, each of another text."""
    for text in ("one", "two", "three"):
        publisher({"a.txt": text})
    return publisher.store


def later(keep: int = 1, **more: bool) -> GcOptions:
    """Return options that say it is three days later."""
    return GcOptions(keep, grace=DAY, now=time() + 3 * DAY, **more)


def test_releases_are_listed_with_what_they_changed(store: RemoteStore) -> None:
    entries = list(store_history(store))
    assert [(entry.number, entry.is_current, entry.differences.paths) for entry in entries] == [
        (1, False, ("a.txt",)),
        (2, False, ("a.txt",)),
        (3, True, ("a.txt",)),
    ]
    assert all(abs(entry.made - time()) < DAY for entry in entries)


def test_a_rollback_moves_the_pointer_alone(store: RemoteStore) -> None:
    done = roll_back_store(store)
    assert (done.number, done.left, done.differences.paths) == (2, 3, ("a.txt",))
    assert contents(store) == {"a.txt": b"two"}
    assert [entry.left for entry in store_history(store)] == [False, False, True]
    assert roll_back_store(store, 3).number == 3
    assert roll_back_store(store, 3).differences.paths == ()


def test_a_rollback_ends_with_the_next_publication(publisher: Publisher, store: RemoteStore) -> None:
    roll_back_store(store)
    done = publisher()
    assert (done.number, done.left, done.differences.paths) == (3, 2, ("a.txt",))


@pytest.mark.parametrize(("number", "expected"), [(9, "release-missing"), (1, "blob-missing")])
def test_a_rollback_to_what_is_not_whole_is_refused(
    store: RemoteStore, fake: FakeS3, number: int, expected: str
) -> None:
    for item in store.read(1).blobs():
        del fake.objects[f"prefix/blobs/{item[:2]}/{item}"]
    assert told(lambda: roll_back_store(store, number)) == [expected]
    assert store.current() == 3


def test_there_is_nothing_before_the_first(publisher: Publisher) -> None:
    assert told(lambda: roll_back_store(publisher.store)) == ["rollback-nowhere"]
    publisher({"a.txt": "one"})
    assert told(lambda: roll_back_store(publisher.store)) == ["rollback-nowhere"]


def test_two_who_roll_back_are_told(store: RemoteStore, fake: FakeS3) -> None:
    def meanwhile(method: str, key: str) -> None:
        if method == "PUT" and key.endswith("current"):
            fake.lie = lambda method, key: None
            roll_back_store(store, 1)

    fake.lie = meanwhile
    assert told(lambda: roll_back_store(store, 2)) == ["rollback-raced"]
    assert store.current() == 1


def test_nothing_goes_within_the_grace_time(store: RemoteStore) -> None:
    done = collect_store(store, GcOptions(1, grace=DAY))
    assert (done.releases, done.blobs) == ((), 0)
    assert dict(done.kept) == {1: "current a moment ago", 2: "current a moment ago", 3: "current"}


def test_old_releases_go_and_what_only_they_needed(store: RemoteStore) -> None:
    done = collect_store(store, later())
    assert (done.releases, done.blobs, done.octets) == ((1, 2), 2, 6)
    assert store.numbers() == (3,)
    assert len(list(store.blobs())) == 1
    assert contents(store) == {"a.txt": b"three"}


def test_a_dry_run_only_tells(store: RemoteStore, fake: FakeS3) -> None:
    before = dict(fake.objects)
    done = collect_store(store, later(dry_run=True))
    assert (done.releases, done.blobs) == ((1, 2), 2)
    assert fake.objects == before


def test_what_was_rolled_back_from_stays_unless_it_is_given_up(store: RemoteStore) -> None:
    roll_back_store(store, 1)
    assert dict(collect_store(store, later()).kept) == {1: "current", 3: "rolled back from"}
    assert collect_store(store, later(forget=True)).releases == (3,)


def test_numbers_and_promises_of_what_went_hold(publisher: Publisher, store: RemoteStore, tmp_path: Path) -> None:
    publisher({LIBRARY: "first"})
    (publisher.root / LIBRARY).unlink()
    publisher({"a.txt": "five"})
    roll_back_store(store, 3)
    assert collect_store(store, later(forget=True)).releases == (1, 2, 5)
    assert publisher({"a.txt": "six"}).number == 6
    assert collect_store(store, later()).releases == (3, 4)
    assert store.last_removed() == 5
    other = Publisher(tmp_path / "two", publisher.url)
    assert told(lambda: other({LIBRARY: "second"})) == ["immutable-changed"]
    forget_in_store(store, [LIBRARY])
    assert other({LIBRARY: "second"}).number == 7


def test_what_a_publisher_writes_meanwhile_stays(publisher: Publisher, store: RemoteStore, fake: FakeS3) -> None:
    """It takes up a blob that was about to go, after the collector has seen that nobody needs it."""

    def meanwhile(method: str, key: str) -> None:
        if method == "LIST" and key == "prefix/blobs/":
            fake.lie = lambda method, key: None
            done.append(publisher({"b.txt": "one"}).number)

    done: list[int] = []
    fake.lie = meanwhile
    collect_store(store, later())
    assert done == [4]
    assert contents(store) == {"a.txt": b"three", "b.txt": b"one"}


def test_what_can_not_be_read_keeps_all_blobs(store: RemoteStore, fake: FakeS3) -> None:
    fake.objects["prefix/releases/3.cat"] = b"junk", 0.0
    done = collect_store(store, later())
    assert done.blobs == 0
    assert [problem.reference for problem in done.warnings] == ["release-corrupt", "release-unreadable"]


@pytest.mark.parametrize("what", ["removed", "promised", "releases", "blobs"])
def test_a_collector_that_is_refused_leaves_whole_releases(store: RemoteStore, fake: FakeS3, what: str) -> None:
    def refuse(method: str, key: str) -> bytes | None:
        deleting = method in ("POST", "DELETE") and what in ("releases", "blobs")
        return head(403, b"") if deleting or (method == "PUT" and what in key) else None

    fake.lie = refuse
    assert told(lambda: collect_store(store, later())) == ["store-denied"]
    fake.lie = lambda method, key: None
    assert contents(store) == {"a.txt": b"three"}
    for number in store.numbers():
        store.load(number)


def test_records_that_are_damaged_stop_a_publication(publisher: Publisher, store: RemoteStore, fake: FakeS3) -> None:
    """They may hold a promise that would be broken."""
    damage: list[Callable[[], object]] = [
        lambda: fake.objects.update({"prefix/forgotten": (b"{", 0.0)}),
        lambda: fake.objects.update({"prefix/forgotten": (b"{}", 0.0), "prefix/promised/2.json": (b'{"a": 1}', 0.0)}),
        lambda: fake.objects.update({"prefix/promised/2.json": (b'{"a": "zz"}', 0.0)}),
    ]
    for damaged in damage:
        damaged()
        assert told(lambda: publisher({"a.txt": "four"})) == ["store-record"]
    with pytest.raises(ConfigurationError):
        store.kept_promises()


def test_an_empty_store_has_nothing_to_collect(publisher: Publisher) -> None:
    done = collect_store(publisher.store, later())
    assert (done.releases, done.blobs) == ((), 0)

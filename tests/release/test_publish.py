"""Publishing: what the store lacks is sent once, and it always names a whole release that keeps every promise."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.release.build import build
from cdnserve.release.history import roll_back_store
from cdnserve.release.objects import Timeouts
from cdnserve.release.publish import Publication, forget_in_store, publish
from cdnserve.release.remote import RemoteStore, open_store
from cdnserve.release.writer import Silence
from tests.fake_s3 import FakeS3, answer, head
from tests.release.roots import SCRIPT, plant
from tests.release.test_objects import STORES, place

BRIEF = Timeouts(connect=2.0, read=5.0, whole=20.0, retries=0)
LIBRARY = "npm/lib@1.0.0/lib.js"


class Publisher:
    """A machine that publishes: a root, and a state folder of its own."""

    def __init__(self, folder: Path, url: str) -> None:
        self.root, self.state, self.url = folder / "root", folder / "state", url

    def __call__(
        self, files: dict[str, bytes | str] | None = None, now: Callable[[], float] | None = None
    ) -> Publication:
        if files is not None:
            plant(self.root, files)
        built = build(self.root, self.state, despite_hold=True)
        more = {"now": now} if now else {}
        return publish(self.state, built.number, self.store, Silence(), **more)

    @property
    def store(self) -> RemoteStore:
        return open_store(self.url, BRIEF)


@pytest.fixture
def publisher(fake: FakeS3, tmp_path: Path) -> Publisher:
    return Publisher(tmp_path / "one", fake.url)


@pytest.fixture
def other(fake: FakeS3, tmp_path: Path) -> Publisher:
    return Publisher(tmp_path / "two", fake.url)


def told(action: Callable[[], object]) -> list[str]:
    """Return the ids of the problems that an action ends with."""
    with pytest.raises(ConfigurationError) as caught:
        action()
    return [problem.reference for problem in caught.value.problems]


def contents(store: RemoteStore) -> dict[str, bytes]:
    """Return the proved content of every file of the current release, all of whose representations are there."""
    catalog = store.load()
    for asset in catalog.assets.values():
        for item in asset.representations:
            assert len(store.content(item)) == item.size
    return {path: store.content(asset.identity) for path, asset in catalog.assets.items()}


def blobs_sent(fake: FakeS3) -> list[str]:
    return [key for method, key in fake.asked if method == "PUT" and "/blobs/" in key]


def test_a_release_is_published_whole(publisher: Publisher) -> None:
    done = publisher({"a.js": SCRIPT, LIBRARY: "export {}"})
    assert (done.number, done.changed, done.left) == (1, True, 0)
    assert contents(publisher.store) == {"a.js": SCRIPT, LIBRARY: b"export {}"}
    assert done.differences.added == ("a.js", LIBRARY)


@pytest.mark.parametrize("store", STORES)
def test_a_store_of_each_kind(request: pytest.FixtureRequest, tmp_path: Path, store: str) -> None:
    """Two machines in turns, a rollback, and another publication."""
    (tmp_path / "store").mkdir()
    url = place(request, store, tmp_path / "store")
    one, two = Publisher(tmp_path / "one", url), Publisher(tmp_path / "two", url)
    assert [one({"a.js": "1"}).number, two({"b.js": "2"}).number, one({"a.js": "3"}).number] == [1, 2, 3]
    assert roll_back_store(one.store).number == 2
    assert contents(one.store) == {"b.js": b"2"}
    assert two({LIBRARY: "first"}).number == 4
    assert told(lambda: one({LIBRARY: "second"})) == ["immutable-changed"]
    assert one.store.numbers() == (1, 2, 3, 4)
    assert contents(one.store) == {"b.js": b"2", LIBRARY: b"first"}


def test_a_file_costs_one_request(publisher: Publisher, fake: FakeS3) -> None:
    """And a publication a few, however many files there are."""
    publisher({f"{number}.woff2": f"{number}" for number in range(300)})
    assert len(blobs_sent(fake)) == len(set(blobs_sent(fake))) == 300
    assert len(fake.asked) <= 320


def test_what_is_there_is_not_sent_again(publisher: Publisher, fake: FakeS3) -> None:
    publisher({"a.js": SCRIPT})
    fake.asked.clear()
    done = publisher()
    assert (done.number, done.changed, done.blobs) == (1, False, 0)
    assert not [method for method, _ in fake.asked if method == "PUT"]
    done = publisher({"b.txt": "b"})
    assert (done.number, done.blobs, done.left) == (2, 1, 1)
    assert done.differences.paths == ("b.txt",)


def test_blobs_come_before_the_release_and_the_release_before_the_pointer(publisher: Publisher, fake: FakeS3) -> None:
    publisher({"a.js": SCRIPT, "b.txt": "b"})
    written = [key.removeprefix("prefix/").partition("/")[0] for method, key in fake.asked if method == "PUT"]
    assert written == sorted(written, key=["blobs", "releases", "current"].index)


@pytest.mark.parametrize("conditions", [True, False], ids=["with conditions", "without"])
def test_two_machines_take_turns(publisher: Publisher, other: Publisher, fake: FakeS3, conditions: bool) -> None:
    fake.conditions = conditions
    assert publisher({"a.js": "1"}).number == 1
    assert other({"b.js": "2"}).number == 2
    assert publisher().number == 3
    assert publisher.store.current() == 3
    assert contents(publisher.store) == {"a.js": b"1"}


def test_one_of_two_wins_the_number_and_the_other_can_go_again(
    publisher: Publisher, other: Publisher, fake: FakeS3
) -> None:
    publisher({"a.js": "1"})

    def meanwhile(method: str, key: str) -> None:
        # The other one makes release 2 while ours is on its way.
        if method == "PUT" and key.endswith("/releases/2.cat"):
            fake.lie = lambda method, key: None
            assert other({"b.js": "2"}).number == 2

    fake.lie = meanwhile
    assert told(lambda: publisher({"a.js": "3"})) == ["publish-raced"]
    assert publisher.store.current() == 2
    assert publisher().number == 3


def test_an_answer_that_gets_lost_is_no_other_publisher(publisher: Publisher, fake: FakeS3) -> None:
    def lose(method: str, key: str) -> bytes | None:
        if method == "PUT" and key.endswith(".cat"):
            fake.lie = lambda method, key: None
            # Written, and then the connection breaks: the next try meets its own object.
            local = (publisher.state / "releases/1.cat").read_bytes()
            fake.objects["prefix/releases/1.cat"] = local, 0.0
            return b""
        return None

    plant(publisher.root, {"a.js": "1"})
    build(publisher.root, publisher.state)
    fake.lie = lose
    done = publish(publisher.state, 1, open_store(fake.url), Silence())
    assert (done.number, done.changed) == (1, True)


def test_a_promise_binds_every_machine(publisher: Publisher, other: Publisher) -> None:
    publisher({LIBRARY: "first"})
    assert told(lambda: other({LIBRARY: "second"})) == ["immutable-changed"]
    assert contents(publisher.store) == {LIBRARY: b"first"}


def test_a_promise_that_is_made_meanwhile_binds_too(publisher: Publisher, other: Publisher, fake: FakeS3) -> None:
    publisher({"a.js": "1"})

    def meanwhile(method: str, key: str) -> None:
        if method == "PUT" and "/blobs/" in key:
            fake.lie = lambda method, key: None
            other({LIBRARY: "second"})

    fake.lie = meanwhile
    assert told(lambda: publisher({LIBRARY: "first"})) == ["immutable-changed"]
    assert publisher.store.current() == 2


def test_a_promise_of_a_file_that_is_gone_still_binds(publisher: Publisher, other: Publisher) -> None:
    publisher({LIBRARY: "first"})
    (publisher.root / LIBRARY).unlink()
    publisher({"a.js": "1"})
    assert told(lambda: other({LIBRARY: "second"})) == ["immutable-changed"]


def test_what_was_forgotten_binds_nobody(publisher: Publisher, other: Publisher) -> None:
    publisher({LIBRARY: "first"})
    forget_in_store(publisher.store, [LIBRARY])
    assert other({LIBRARY: "second"}).number == 2
    assert told(lambda: Publisher(other.root.parent / "three", other.url)({LIBRARY: "third"})) == ["immutable-changed"]


def test_a_release_that_nobody_pointed_to_is_taken_up(publisher: Publisher, fake: FakeS3) -> None:
    publisher({"a.js": "1"})
    fake.lie = lambda method, key: head(500, b"") if method == "PUT" and key.endswith("current") else None
    assert told(lambda: publisher({"a.js": "2"})) == ["store-failed"]
    assert publisher.store.current() == 1
    fake.lie = lambda method, key: None
    done = publisher()
    assert (done.number, done.changed, done.left, done.blobs) == (2, True, 1, 0)
    assert publisher.store.numbers() == (1, 2)


def test_an_older_pointer_over_a_newer_one_is_set_right(publisher: Publisher, other: Publisher, fake: FakeS3) -> None:
    fake.conditions = False
    publisher({"a.js": "1"})

    def meanwhile(method: str, key: str) -> None:
        if method == "PUT" and key.endswith("current"):
            fake.lie = lambda method, key: None
            assert other({"b.js": "2"}).number == 3

    fake.lie = meanwhile
    done = publisher({"a.js": "2"})
    assert done.number == 2
    assert [problem.reference for problem in done.warnings] == ["publish-overtaken"]
    assert publisher.store.current() == 3


@pytest.mark.unmeasured
@pytest.mark.parametrize("before", [0, 2], ids=["an empty store", "a store with releases"])
@pytest.mark.parametrize("conditions", [True, False], ids=["with conditions", "without"])
def test_whenever_another_one_publishes_one_of_both_is_refused(
    publisher: Publisher, other: Publisher, fake: FakeS3, before: int, conditions: bool
) -> None:
    """Before each single request of ours a whole publication of another one, with other bytes for ever."""
    fake.conditions = conditions
    for number in range(before):
        other({"a.js": f"{number}"})
    plant(publisher.root, {LIBRARY: "first"})
    plant(other.root, {LIBRARY: "second"})
    then = dict(fake.objects)
    outcomes: list[tuple[str, str]] = []
    while True:
        fake.objects = dict(then)
        left, theirs = len(outcomes), ""

        def meanwhile(method: str, key: str) -> None:
            nonlocal left, theirs
            left -= 1
            if left < 0:
                fake.lie = lambda method, key: None
                theirs = outcome(other)

        fake.lie = meanwhile
        ours = outcome(publisher)
        if left >= 0:
            break
        outcomes.append((ours, theirs))
        assert len(publisher.store.numbers()) == publisher.store.current() == before + 1
        assert contents(publisher.store)[LIBRARY] == (b"first" if ours == "published" else b"second")
    refused = ("immutable-changed", "publish-raced")
    assert {pair for pair in outcomes if "published" not in pair} == set()
    assert {one for pair in outcomes for one in pair} == {"published", *refused}
    assert all(ours in refused or theirs in refused for ours, theirs in outcomes)


def outcome(publisher: Publisher) -> str:
    """Return what a publication comes to: "published", or the id of its problem."""
    try:
        publisher()
    except ConfigurationError as error:
        return error.problems[0].reference
    return "published"


def test_a_listing_that_is_late_hides_no_promise(publisher: Publisher, other: Publisher, fake: FakeS3) -> None:
    publisher({"a.js": "1"})
    page = head(200, fake.page("prefix/releases/", "").encode())
    other({LIBRARY: "second"})
    fake.lie = lambda method, key: page if (method, key) == ("LIST", "prefix/releases/") else None
    assert told(lambda: publisher({LIBRARY: "first"})) == ["immutable-changed"]
    (publisher.root / LIBRARY).unlink()
    assert publisher({"a.js": "2"}).number == 3


def test_a_store_that_says_an_old_pointer_for_ever_is_told(publisher: Publisher, fake: FakeS3) -> None:
    publisher({"a.js": "1"})
    old = answer(fake.objects["prefix/current"][0])
    fake.lie = lambda method, key: old if method == "GET" and key.endswith("current") else None
    assert told(lambda: publisher({"a.js": "2"})) == ["publish-overtaken"]
    fake.lie = lambda method, key: None
    assert contents(publisher.store) == {"a.js": b"2"}


@pytest.mark.parametrize("octets", [b"", b"nonsense\n"])
def test_a_damaged_pointer_is_made_good(publisher: Publisher, fake: FakeS3, octets: bytes) -> None:
    publisher({"a.js": "1"})
    fake.objects["prefix/current"] = octets, 0.0
    done = publisher()
    assert [problem.reference for problem in done.warnings] == ["pointer-corrupt"]
    assert publisher.store.current() == 1


def test_a_damaged_catalog_is_followed_by_a_new_release(publisher: Publisher, fake: FakeS3) -> None:
    publisher({"a.js": "1"})
    fake.objects["prefix/releases/1.cat"] = b"junk", 0.0
    done = publisher()
    assert (done.number, [problem.reference for problem in done.warnings]) == (2, ["release-corrupt"])
    assert contents(publisher.store) == {"a.js": b"1"}


def test_a_blob_of_another_size_is_replaced(publisher: Publisher, fake: FakeS3) -> None:
    publisher({"a.txt": "hello"})
    (key,) = (key for key in fake.objects if "/blobs/" in key)
    fake.objects[key] = b"hell", fake.objects[key][1]
    assert publisher().blobs == 1
    assert contents(publisher.store) == {"a.txt": b"hello"}


def test_a_blob_that_somebody_else_writes_meanwhile_is_compared(publisher: Publisher, fake: FakeS3) -> None:
    def meanwhile(method: str, key: str) -> None:
        if method == "PUT" and "/blobs/" in key:
            fake.objects.setdefault(key, (b"wrong", 0.0))

    fake.lie = meanwhile
    publisher({"a.txt": "hello"})
    assert contents(publisher.store) == {"a.txt": b"hello"}


def test_old_blobs_that_the_current_release_does_not_name_are_written_anew(publisher: Publisher, fake: FakeS3) -> None:
    """They may be collected a moment later."""
    publisher({"a.txt": "one"})
    publisher({"a.txt": "two"})
    fake.objects = {key: (octets, 1000.0) for key, (octets, _) in fake.objects.items()}
    fake.asked.clear()
    publisher({"a.txt": "one", "b.txt": "two"})
    assert len(blobs_sent(fake)) == 1


def test_after_a_long_upload_what_was_there_is_looked_for_again(publisher: Publisher, fake: FakeS3) -> None:
    times = iter([0.0, 4000.0, 4000.0, 4001.0])
    publisher({"a.txt": "one"}, now=lambda: next(times))
    assert [key for method, key in fake.asked if (method, key) == ("LIST", "prefix/blobs/")] == ["prefix/blobs/"] * 2


def test_damaged_bytes_are_not_published(publisher: Publisher) -> None:
    plant(publisher.root, {"a.txt": "hello"})
    built = build(publisher.root, publisher.state)
    (blob,) = (path for path in (publisher.state / "blobs").rglob("*") if path.is_file())
    blob.write_bytes(b"jello")
    assert told(lambda: publish(publisher.state, built.number, publisher.store, Silence())) == ["blob-corrupt"]
    assert publisher.store.current() is None


def test_a_large_file_goes_in_parts(tmp_path: Path, bucket: str) -> None:
    large = os.urandom(1 << 20) * 9
    one = Publisher(tmp_path, bucket)
    one({"large.bin": large, "a.js": SCRIPT})
    assert contents(one.store) == {"large.bin": large, "a.js": SCRIPT}
    assert one().blobs == 0


@pytest.mark.parametrize("status", [403, 404, 500, 503])
@pytest.mark.parametrize("what", ["current", "/releases/", "/blobs/"])
def test_a_store_that_fails_is_told_and_the_next_call_completes(
    publisher: Publisher, fake: FakeS3, what: str, status: int
) -> None:
    publisher({"a.txt": "one"})
    fake.lie = lambda method, key: head(status, b"") if method == "PUT" and what in key else None
    expected = {403: "store-denied", 404: "store-missing"}.get(status, "store-failed")
    assert told(lambda: publisher({"a.txt": "two"})) == [expected]
    assert contents(publisher.store) == {"a.txt": b"one"}
    fake.lie = lambda method, key: None
    publisher()
    assert contents(publisher.store) == {"a.txt": b"two"}

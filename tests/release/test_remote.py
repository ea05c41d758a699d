"""A store of releases: what lies in a bucket is read like a state folder, and never believed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.release.build import build
from cdnserve.release.catalog import Representation
from cdnserve.release.objects import Timeouts
from cdnserve.release.remote import RemoteStore, open_store
from cdnserve.release.store import Store
from tests.fake_s3 import FakeS3, answer
from tests.release.roots import plant

BRIEF = Timeouts(connect=2.0, read=0.5, whole=5.0, retries=0)
ITEM = Representation("identity", 5, sha256(b"hello").digest())
PLACE = f"blobs/{ITEM.sha256.hex()[:2]}/{ITEM.sha256.hex()}"


@pytest.fixture
def store(fake: FakeS3) -> RemoteStore:
    return open_store(fake.url, BRIEF)


def told(action: Callable[[], object]) -> str:
    """Return the id of the problem that an action ends with."""
    with pytest.raises(ConfigurationError) as caught:
        action()
    return caught.value.problems[0].reference


def test_a_state_folder_is_a_store(tmp_path: Path) -> None:
    state = tmp_path / "state"
    built = build(plant(tmp_path / "root", {"a.js": "1", "b.txt": "2"}), state)
    local, remote = Store(state), open_store(f"file://{state}")
    assert remote.current() == built.number
    assert remote.numbers() == local.numbers()
    assert remote.load() == local.load()
    assert remote.made(1) == pytest.approx(local.made(1), abs=1)
    for asset in local.load().assets.values():
        assert remote.content(asset.identity) == local.content(asset.identity)


def test_an_empty_store_has_no_release(store: RemoteStore) -> None:
    assert store.pointer() is None
    assert store.current() is None
    assert store.numbers() == ()
    assert store.last_removed() == 0
    assert told(store.read) == "release-missing"


def test_the_pointer_is_asked_for_only_if_it_has_changed(store: RemoteStore) -> None:
    assert store.point_to(1, None)
    first = store.pointer()
    assert first
    assert first.number == 1
    assert store.pointer(first) is first
    assert store.point_to(2, first)
    second = store.pointer(first)
    assert second
    assert second.number == 2
    assert not store.point_to(3, first)
    assert store.current() == 2


def test_the_first_pointer_is_set_once(store: RemoteStore) -> None:
    assert store.point_to(1, None)
    assert store.point_to(1, None)
    assert not store.point_to(2, None)


def test_a_number_belongs_to_who_creates_it(store: RemoteStore) -> None:
    assert store.create_release(1, b"one")
    assert store.create_release(1, b"one")
    assert not store.create_release(1, b"another")
    assert store.numbers() == (1,)


def test_numbers_of_removed_releases_are_kept(store: RemoteStore) -> None:
    store.note_removed(7)
    store.note_removed(3)
    assert store.last_removed() == 7


@pytest.mark.parametrize("octets", [b"", b"x", b"1", b"0\n", b"-1\n", b"1\n2\n", b"\xff\n", b"9" * 16 + b"\n"])
def test_a_pointer_that_names_nothing_is_told(fake: FakeS3, store: RemoteStore, octets: bytes) -> None:
    fake.lie = lambda method, key: answer(octets)
    assert told(store.current) == "pointer-corrupt"
    assert told(store.pointer) == "pointer-corrupt"


def test_a_pointer_that_is_a_novel_is_not_read(fake: FakeS3, store: RemoteStore) -> None:
    fake.lie = lambda method, key: answer(b"1\n" * 1000)
    assert told(store.pointer) == "store-too-large"


@pytest.mark.parametrize("octets", [b"", b"junk", b"\x93\x02"])
def test_a_catalog_that_is_damaged_is_told(fake: FakeS3, store: RemoteStore, octets: bytes) -> None:
    store.create_release(1, octets)
    assert told(lambda: store.read(1)) == "release-corrupt"


def test_octets_of_a_blob_are_proved(store: RemoteStore) -> None:
    store.objects.create(PLACE, b"hello")
    assert store.content(ITEM) == b"hello"


@pytest.mark.parametrize(
    ("lie", "expected"),
    [
        pytest.param(answer(b"hellO"), "blob-corrupt", id="wrong octets"),
        pytest.param(answer(b"hell"), "store-truncated", id="too few"),
        pytest.param(answer(b"hell", length=5), "store-unreachable", id="cut off"),
        pytest.param(answer(b"hello!"), "store-truncated", id="too many"),
    ],
)
def test_wrong_octets_are_never_content(fake: FakeS3, store: RemoteStore, lie: bytes, expected: str) -> None:
    fake.lie = lambda method, key: lie
    assert told(lambda: store.content(ITEM)) == expected


def test_a_blob_that_is_gone_is_told(store: RemoteStore) -> None:
    assert told(lambda: store.content(ITEM)) == "blob-missing"


def test_only_blobs_are_listed_as_such(store: RemoteStore) -> None:
    name = ITEM.sha256.hex()
    for place in (PLACE, f"blobs/{name}", "blobs/00/" + name, "blobs/README", f"{PLACE}.part", f"blobs/{name[:2]}/x"):
        store.objects.create(place, b"hello")
    assert [(entry.name, entry.size) for entry in store.blobs()] == [(name, 5)]
    assert [(entry.name, entry.size) for entry in store.blobs(name[:2])] == [(name, 5)]


def test_a_release_without_its_blobs_is_none_to_load(tmp_path: Path) -> None:
    state = tmp_path / "state"
    build(plant(tmp_path / "root", {"a.js": "1"}), state)
    shutil.rmtree(state / "blobs")
    assert told(open_store(f"file://{state}").load) == "blob-missing"

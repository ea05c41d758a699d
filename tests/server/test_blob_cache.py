"""Blobs of a replica: whole or not at all, fetched once, and within bounds."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.files import NewFile
from cdnserve.release.blobs import blob_path, take_stock
from cdnserve.release.catalog import Representation
from cdnserve.release.scan import signature
from cdnserve.server import blob_cache
from cdnserve.server.blob_cache import BlobCache, remove_abandoned
from tests.server.replicas import as_item

PIECE = 10_000


class Source:
    """A store of whatever is asked for: octets by digest, and who asked."""

    def __init__(self, *contents: bytes) -> None:
        self.contents = {as_item(content).sha256: content for content in contents}
        self.asked: list[bytes] = []

    def fetch(self, item: Representation) -> Iterator[bytes]:
        self.asked.append(item.sha256)
        content = self.contents[item.sha256]
        for at in range(0, len(content), PIECE):
            yield content[at : at + PIECE]


def contents(count: int, size: int = PIECE) -> list[bytes]:
    """Return so many contents of a size."""
    return [bytes([number]) * size for number in range(count)]


def same_folder() -> list[bytes]:
    """Return two contents whose blobs lie in one folder."""
    first = as_item(b"0").sha256[0]
    other = next(text for number in range(1, 10_000) if as_item(text := b"%d" % number).sha256[0] == first)
    return [b"0", other]


@pytest.fixture
def state(tmp_path: Path) -> str:
    """An empty state folder."""
    for name in ("blobs", "drafts"):
        (tmp_path / name).mkdir()
    return str(tmp_path)


def here(state: str) -> list[bytes]:
    """Return the first octet of each blob that is there."""
    return sorted(Path(blob_path(state, name)).read_bytes()[:1] for name in take_stock(state).names)


def test_it_is_fetched_once_and_is_what_was_found_right(state: str) -> None:
    content = b"x" * 25_000
    source, item = Source(content), as_item(content)
    cache = BlobCache(state, source.fetch, 1 << 20)
    assert not cache.has(item)
    found = cache.bring(item)
    path = blob_path(state, item.sha256.hex())
    assert (signature(os.stat(path)), content) == (found, Path(path).read_bytes())
    assert cache.has(item)
    assert cache.bring(item) is None
    assert ([item.sha256], []) == (source.asked, os.listdir(f"{state}/drafts"))


def test_one_that_is_cut_is_fetched_again(state: str) -> None:
    content = b"x" * 25_000
    source, item = Source(content), as_item(content)
    cache = BlobCache(state, source.fetch, 1 << 20)
    cache.bring(item)
    path = blob_path(state, item.sha256.hex())
    os.truncate(path, 10)
    assert not cache.has(item)
    cache.bring(item)
    assert content == Path(path).read_bytes()


@pytest.mark.parametrize("failure", [ConfigurationError([Problem("a", "b")]), OSError("c")])
def test_what_fails_in_the_end_leaves_nothing(state: str, failure: Exception) -> None:
    def fetch(_: Representation) -> Iterator[bytes]:
        yield b"half"
        raise failure

    item = as_item(b"whole")
    cache = BlobCache(state, fetch, 1 << 20)
    with pytest.raises(type(failure)):
        cache.bring(item)
    assert (False, []) == (cache.has(item), os.listdir(f"{state}/drafts"))


def test_a_herd_asks_once(state: str) -> None:
    """Threads stand for processes here: each opens the folder for itself, and so has a lock of its own."""
    content = b"x" * 25_000
    source, item = Source(content), as_item(content)
    caches = [BlobCache(state, source.fetch, 1 << 20, processes=8) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda cache: cache.bring(item), caches))
    assert ([item.sha256], 7) == (source.asked, found.count(None))


def test_a_herd_on_many_blobs_asks_once_for_each(state: str) -> None:
    octets = contents(30, 100)
    source = Source(*octets)
    caches = [BlobCache(state, source.fetch, 1 << 20, processes=8) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda cache: [cache.bring(as_item(content)) for content in octets], caches))
    assert sorted(as_item(content).sha256 for content in octets) == sorted(source.asked)
    assert [] == os.listdir(f"{state}/drafts")


def test_where_nothing_locks_it_is_whole_and_within_bounds(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> bool:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(blob_cache, "lock", refuse)
    octets = contents(20)
    source = Source(*octets)
    caches = [BlobCache(state, source.fetch, 8 * PIECE, processes=4) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda cache: [cache.bring(as_item(content)) for content in octets], caches))
    assert sum(take_stock(state).sizes().values()) <= 8 * PIECE
    for name in take_stock(state).names:
        assert source.contents[bytes.fromhex(name)] == Path(blob_path(state, name)).read_bytes()
    assert [] == os.listdir(f"{state}/drafts")


def test_a_disk_that_is_smaller_than_the_limit_is_enough(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Draft(NewFile):
        def write(self, data: bytes) -> None:
            if sum(take_stock(state).sizes().values()) + os.fstat(self.descriptor).st_size + len(data) > 5 * PIECE:
                raise OSError(errno.ENOSPC, "No space left on device")
            super().write(data)

    monkeypatch.setattr(blob_cache, "NewFile", Draft)
    octets = contents(12)
    source = Source(*octets)
    cache = BlobCache(state, source.fetch, 1 << 30)
    for content in octets:
        cache.bring(as_item(content))
        assert content == Path(blob_path(state, as_item(content).sha256.hex())).read_bytes()
    too_large = b"l" * 6 * PIECE
    source.contents[as_item(too_large).sha256] = too_large
    with pytest.raises(OSError, match="No space left"):
        cache.bring(as_item(too_large))
    assert [] == os.listdir(f"{state}/drafts")


def test_what_was_used_least_lately_goes_first(state: str) -> None:
    octets = contents(9)
    source = Source(*octets)
    cache = BlobCache(state, source.fetch, 8 * PIECE)
    for number, content in enumerate(octets[:6]):
        cache.bring(as_item(content))
        os.utime(blob_path(state, as_item(content).sha256.hex()), (number + 1, number + 1))
    cache.used = {as_item(octets[0]).sha256.hex(): time.time()}
    for content in octets[6:]:
        cache.bring(as_item(content))
    # A part of the room is left free, so that it need not be made for each.
    assert [bytes([number]) for number in (0, 3, 4, 5, 6, 7, 8)] == here(state)


def test_what_is_answered_from_memory_is_used(state: str) -> None:
    octets = contents(9)
    cache = BlobCache(state, Source(*octets).fetch, 8 * PIECE)
    for number, content in enumerate(octets[:6]):
        cache.bring(as_item(content))
        os.utime(blob_path(state, as_item(content).sha256.hex()), (number + 1, number + 1))
    cache.used.clear()
    cache.in_memory = lambda: {as_item(octets[1]).sha256}
    for content in octets[6:]:
        cache.bring(as_item(content))
    assert [bytes([number]) for number in (1, 3, 4, 5, 6, 7, 8)] == here(state)


def test_it_never_takes_more_room_than_it_has(state: str) -> None:
    octets = contents(40, 3_000)
    source = Source(*octets)
    caches = [BlobCache(state, source.fetch, 40_000, processes=2) for _ in range(2)]
    for number, content in enumerate(octets):
        caches[number % 2].bring(as_item(content))
        assert sum(take_stock(state).sizes().values()) <= 40_000
    assert sum(take_stock(state).sizes().values()) > 20_000


def test_what_is_being_sent_stays(state: str) -> None:
    octets = contents(5)
    cache = BlobCache(state, Source(*octets).fetch, 2 * PIECE)
    cache.bring(as_item(octets[0]))
    descriptor = os.open(blob_path(state, as_item(octets[0]).sha256.hex()), os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    for content in octets[1:4]:
        cache.bring(as_item(content))
    assert b"\x00" in here(state)
    os.close(descriptor)
    cache.bring(as_item(octets[4]))
    assert b"\x00" not in here(state)


def test_one_that_is_larger_than_the_room_is_kept_alone(state: str) -> None:
    small, large = b"s" * 10, b"l" * 50_000
    cache = BlobCache(state, Source(small, large).fetch, 20_000)
    cache.bring(as_item(small))
    cache.bring(as_item(large))
    assert [b"l"] == here(state)


def test_nothing_is_fetched_after_the_end(state: str) -> None:
    content = b"x" * 25_000
    cache = BlobCache(state, Source(content).fetch, 1 << 20)
    cache.is_closed = True
    with pytest.raises(OSError, match="ending"):
        cache.bring(as_item(content))
    assert [] == os.listdir(f"{state}/drafts")


def test_only_what_was_abandoned_is_removed(state: str) -> None:
    old, new = Path(state, "drafts/old.part"), Path(state, "drafts/new.part")
    for path in (old, new):
        path.touch()
    os.utime(old, (1, 1))
    remove_abandoned(state)
    assert ["new.part"] == os.listdir(f"{state}/drafts")


def test_different_blobs_are_fetched_side_by_side(state: str) -> None:
    """Each waits for the other to have begun, and both go into one folder."""
    octets, both = same_folder(), threading.Barrier(2, timeout=60)

    def fetch(item: Representation) -> Iterator[bytes]:
        both.wait()
        yield next(content for content in octets if as_item(content) == item)

    cache = BlobCache(state, fetch, 1 << 20)
    with ThreadPoolExecutor(2) as threads:
        assert [True, True] == [bool(found) for found in threads.map(cache.bring, map(as_item, octets))]

"""Contents of a replica: brought for all who wait, proved before they are sent, refused while they can't be had."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.manifest.model import Site
from cdnserve.origin.message import Stored
from cdnserve.release.blobs import blob_path
from cdnserve.release.catalog import SCHEMA, Asset, Catalog, Representation
from cdnserve.release.store import Store
from cdnserve.server import replica_contents
from cdnserve.server.blob_cache import BlobCache
from cdnserve.server.contents import LARGEST_IN_MEMORY, Awaited, ContentUnavailableError
from cdnserve.server.replica_contents import ReplicaContents
from tests.server.replicas import as_item

SMALL, LARGE = b"small", b"l" * (LARGEST_IN_MEMORY + 1)
BOTH = {as_item(content).sha256: content for content in (SMALL, LARGE)}
Fetch = Callable[[Representation], Iterator[bytes]]
Make = Callable[..., ReplicaContents]


def stored(content: bytes) -> Stored:
    """Return all of a content, as a reply names it."""
    return Stored(as_item(content).sha256, 0, len(content))


def fetch(item: Representation) -> Iterator[bytes]:
    """Yield what is asked for."""
    yield BOTH[item.sha256]


def refuse(reference: str) -> Fetch:
    """Return a store that refuses everything, for this reason."""

    def refused(item: Representation) -> Iterator[bytes]:
        yield from ()
        raise ConfigurationError([Problem(reference, "no", item.sha256.hex())])

    return refused


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """What makes contents of both files that come from a store."""
    for name in ("blobs", "drafts"):
        (tmp_path / name).mkdir(exist_ok=True)

    def make(source: Fetch, patience: float = 60.0) -> ReplicaContents:
        contents = ReplicaContents(Store(tmp_path), BlobCache(str(tmp_path), source, 1 << 30), patience)
        assets = {str(at): Asset(0, b"", b"", (as_item(content),)) for at, content in enumerate((SMALL, LARGE))}
        contents.expect(Catalog(SCHEMA, 1, Site(), (), assets))
        return contents

    return make


def test_what_is_not_here_is_awaited_and_then_read(make: Make) -> None:
    contents = make(fetch)
    with pytest.raises(Awaited) as awaited:
        contents.read(stored(SMALL))
    assert stored(SMALL) == awaited.value.stored
    asyncio.run(contents.provide(stored(SMALL)))
    assert SMALL == contents.read(stored(SMALL))


def test_who_opens_it_waits_for_it(make: Make) -> None:
    """As pages do, in a thread."""
    contents = make(fetch)
    file, is_damaged = contents.open(stored(LARGE))
    with file:
        assert (LARGE, False) == (file.read(), is_damaged())
    lost = make(refuse("blob-corrupt"))
    for _ in range(2):
        with pytest.raises(ContentUnavailableError):
            lost.open(stored(SMALL))


def test_a_large_one_is_proved_when_it_comes(make: Make, tmp_path: Path) -> None:
    contents = make(fetch)
    asyncio.run(contents.provide(stored(LARGE)))
    status = os.stat(blob_path(str(tmp_path), stored(LARGE).sha256.hex()))
    assert contents.is_proved(stored(LARGE).sha256, status)


def test_one_that_another_process_has_brought_is_proved_here_as_well(make: Make, tmp_path: Path) -> None:
    asyncio.run(make(fetch).provide(stored(LARGE)))
    contents, path = make(refuse("never")), blob_path(str(tmp_path), stored(LARGE).sha256.hex())
    assert not contents.is_proved(stored(LARGE).sha256, os.stat(path))
    asyncio.run(contents.provide(stored(LARGE)))
    assert contents.is_proved(stored(LARGE).sha256, os.stat(path))


def test_a_damaged_one_is_told(make: Make, tmp_path: Path) -> None:
    asyncio.run(make(fetch).provide(stored(LARGE)))
    Path(blob_path(str(tmp_path), stored(LARGE).sha256.hex())).write_bytes(LARGE[::-1].replace(b"l", b"m", 1))
    with pytest.raises(OSError, match="damaged"):
        asyncio.run(make(fetch).provide(stored(LARGE)))


def test_all_who_wait_have_one_fetch(make: Make) -> None:
    asked, many = [], threading.Event()

    def slow(item: Representation) -> Iterator[bytes]:
        asked.append(item.sha256)
        assert many.wait(60)
        yield from fetch(item)

    async def herd() -> None:
        waiting = [asyncio.create_task(contents.provide(stored(SMALL))) for _ in range(500)]
        await asyncio.sleep(0)
        many.set()
        await asyncio.gather(*waiting)

    contents = make(slow)
    asyncio.run(herd())
    assert [stored(SMALL).sha256] == asked


def test_large_ones_hold_up_no_small_one(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica_contents, "_LARGE", LARGEST_IN_MEMORY)
    monkeypatch.setattr(replica_contents, "_AT_ONCE", 1)
    monkeypatch.setattr(replica_contents, "_LARGE_AT_ONCE", 1)
    goes_on = threading.Event()

    def slow(item: Representation) -> Iterator[bytes]:
        assert item.size < len(LARGE) or goes_on.wait(60)
        yield from fetch(item)

    async def ask() -> None:
        large = asyncio.create_task(contents.provide(stored(LARGE)))
        try:
            await contents.provide(stored(SMALL))
            assert not large.done()
        finally:
            goes_on.set()
        await large

    contents = make(slow)
    asyncio.run(ask())


@pytest.mark.parametrize(
    ("reference", "others_wait"),
    [pytest.param("blob-corrupt", False, id="one blob"), pytest.param("store-unreachable", True, id="the whole store")],
)
def test_what_could_not_be_had_is_not_asked_for_again_at_once(
    make: Make,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    reference: str,
    others_wait: bool,
) -> None:
    monkeypatch.setattr(replica_contents, "_REST_SECONDS", 3600.0)
    contents = make(refuse(reference))
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            with pytest.raises(ContentUnavailableError):
                asyncio.run(contents.provide(stored(SMALL)))
    assert [reference] == [record.message.partition("[")[2].rstrip("]") for record in caplog.records]
    for content, waits in ((SMALL, True), (LARGE, others_wait)):
        with pytest.raises(ContentUnavailableError if waits else Awaited):
            contents.read(stored(content))


def test_then_it_is_asked_for_again(make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(replica_contents, "_REST_SECONDS", 0.0)
    fails = iter([True, False])

    def sometimes(item: Representation) -> Iterator[bytes]:
        return refuse("store-unreachable")(item) if next(fails) else fetch(item)

    contents = make(sometimes)
    with pytest.raises(ContentUnavailableError):
        asyncio.run(contents.provide(stored(SMALL)))
    asyncio.run(contents.provide(stored(SMALL)))
    assert SMALL == contents.read(stored(SMALL))


def test_nobody_waits_for_ever(make: Make) -> None:
    released = threading.Event()

    def stuck(item: Representation) -> Iterator[bytes]:
        assert released.wait(60)
        yield from fetch(item)

    async def ask() -> None:
        try:
            with pytest.raises(ContentUnavailableError):
                await contents.provide(stored(SMALL))
            # Nor once more: this is what a request meets that has waited in the fast lane.
            again = asyncio.create_task(contents.provide(stored(SMALL)))
            for _ in range(3):
                await asyncio.sleep(0)
            assert isinstance(again.exception(), ContentUnavailableError)
        finally:
            released.set()
        flight, _ = contents._flights[stored(SMALL).sha256]
        await flight
        assert SMALL == contents.read(stored(SMALL))

    contents = make(stuck, patience=0.01)
    asyncio.run(ask())
    contents.close()


def test_what_can_not_be_kept_is_told(make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    contents = make(fetch)
    (tmp_path / "drafts").rmdir()
    with caplog.at_level(logging.ERROR), pytest.raises(ContentUnavailableError):
        asyncio.run(contents.provide(stored(SMALL)))
    assert "stored bytes can't be kept" in caplog.text


def test_what_the_worker_has_in_memory_is_known_to_the_cache(make: Make) -> None:
    contents = make(fetch)
    contents.in_memory = lambda: {b"digest"}
    assert {b"digest"} == set(contents._cache.in_memory())


def test_the_release_before_can_still_be_sent(make: Make) -> None:
    contents = make(fetch)
    contents.expect(Catalog(SCHEMA, 2, Site(), (), {}))
    asyncio.run(contents.provide(stored(SMALL)))
    assert SMALL == contents.read(stored(SMALL))

"""The scrubber: what a disk changes without a trace is found while the server runs, sent no more, and made again."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from cdnserve.origin.message import Stored
from cdnserve.release.blobs import LARGEST_CODED, blob_file, is_right
from cdnserve.release.build import build
from cdnserve.release.scan import signature
from cdnserve.release.store import Store
from cdnserve.server import contents as module
from cdnserve.server.contents import Contents, ContentUnavailableError, name_file, scrub
from cdnserve.server.settings import ServerSettings
from tests.server import tree
from tests.server.conftest import Built
from tests.server.connections import until
from tests.server.scenarios.test_lost_content import change, forbid_mending


def scrubbing_settings(few: Built) -> ServerSettings:
    return replace(ServerSettings(few.root, few.state), scrub_rate=1 << 30)


def test_it_finds_and_mends(few: Built, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(few.state)
    digest = store.read().assets["any/tiny.txt"].identity.sha256
    octets = store.blob(digest).read_bytes()
    store.blob(digest).write_bytes(bytes([octets[0] ^ 1]) + octets[1:])
    damaged = signature(store.blob(digest).stat())

    told: list[str] = []

    async def run() -> None:
        stop = asyncio.Event()
        scrubbing = asyncio.create_task(scrub(told.append, scrubbing_settings(few), stop))
        assert await until(lambda: is_right(str(few.state), digest.hex()) and "blob-mended" in caplog.text)
        stop.set()
        await scrubbing

    with caplog.at_level(logging.WARNING, "cdnserve"):
        asyncio.run(run())
    assert octets == store.blob(digest).read_bytes()
    assert [name_file(digest.hex(), damaged)] == told


def test_no_rate_means_no_scrubber(few: Built) -> None:
    before = os.stat(few.state)

    async def run() -> None:
        stop = asyncio.Event()
        stop.set()
        await scrub(lambda _: None, replace(scrubbing_settings(few), scrub_rate=0), stop)

    asyncio.run(run())
    assert before.st_mtime_ns == os.stat(few.state).st_mtime_ns


LOOK = (len(tree.LARGE), 1, 2, 3)


@dataclass(frozen=True, slots=True)
class Rotting:
    """A large blob whose file looks the same whatever is in it, as one that the disk changes, and who reads it."""

    contents: Contents
    stored: Stored
    blob: Path
    told: Counter[str]

    def is_sent(self) -> bool:
        """Return whether it is sent; both lanes agree, once it was opened."""
        try:
            file, _ = self.contents.open(self.stored)
        except OSError:
            return False
        with file:
            assert self.contents.is_proved(self.stored.sha256, os.fstat(file.fileno()))
        return True

    def tell(self) -> None:
        """Tell that it is wrong, as the scrubber does."""
        self.told[name_file(self.stored.sha256.hex(), LOOK)] += 1

    def is_believed(self) -> bool:
        """Return whether the fast lane sends it at once."""
        return self.contents.is_proved(self.stored.sha256, os.stat(self.blob))


@pytest.fixture
def rotting(few: Built, monkeypatch: pytest.MonkeyPatch) -> Rotting:
    """As in a state folder that can't be written: nothing is made again."""
    forbid_mending(few)
    store, told = Store(few.state), Counter[str]()
    digest = store.read().assets["any/large.woff2"].identity.sha256
    monkeypatch.setattr(module, "signature", lambda _: LOOK)
    contents = Contents(store)
    contents.follow(told.__getitem__)
    return Rotting(contents, Stored(digest, 0, len(tree.LARGE)), store.blob(digest), told)


def test_what_was_proved_is_not_sent_once_it_is_told(
    rotting: Rotting, few: Built, caplog: pytest.LogCaptureFixture
) -> None:
    assert rotting.is_sent()
    change(rotting.blob)
    assert rotting.is_believed()  # nobody can know
    before = rotting.contents.doubts(rotting.stored.sha256, os.stat(rotting.blob))

    async def run() -> None:
        stop = asyncio.Event()
        tell = rotting.told.update
        scrubbing = asyncio.create_task(scrub(lambda name: tell([name]), scrubbing_settings(few), stop))
        assert await until(lambda: bool(rotting.told))
        assert before()
        assert not rotting.is_believed()
        assert not rotting.is_sent()
        stop.set()
        await scrubbing

    asyncio.run(run())
    assert {name_file(rotting.stored.sha256.hex(), LOOK): 1} == rotting.told
    assert "state-failed" in caplog.text


def test_others_stay_believed(rotting: Rotting) -> None:
    assert rotting.is_sent()
    rotting.told[name_file("ab" * 32, LOOK)] += 1
    rotting.told[name_file(rotting.stored.sha256.hex(), (*LOOK[:3], 4))] += 1
    assert rotting.is_believed()


def test_what_was_right_all_the_same_is_proved_again(rotting: Rotting) -> None:
    assert rotting.is_sent()
    rotting.tell()
    assert not rotting.is_believed()
    assert rotting.is_sent()
    assert rotting.is_believed()


def test_what_is_told_while_it_is_read_is_not_proved(rotting: Rotting, monkeypatch: pytest.MonkeyPatch) -> None:
    def pread(descriptor: int, length: int, at: int) -> bytes:
        rotting.tell()
        return read(descriptor, length, at)

    read = os.pread
    monkeypatch.setattr(os, "pread", pread)
    assert not rotting.is_sent()
    assert not rotting.is_believed()
    monkeypatch.undo()


def test_the_build_is_not_believed_any_more(rotting: Rotting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LARGE", 1)
    monkeypatch.setattr(module, "known_blobs", lambda _: {rotting.stored.sha256.hex(): LOOK})
    change(rotting.blob)
    assert rotting.is_sent()
    rotting.tell()
    assert not rotting.is_sent()


def put(blob: Path, what: str) -> None:
    """Put something in a blob's place."""
    blob.unlink()
    if what == "a FIFO":
        os.mkfifo(blob)
    elif what == "a folder":
        blob.mkdir()
    elif what == "a link to what is right":
        (blob.parent / "right").write_bytes(tree.TINY)
        blob.symlink_to("right")
    elif what != "nothing":
        blob.write_bytes({"more": tree.TINY + b"\n", "less": tree.TINY[:-1], "other": tree.TINY.upper()}[what])


@pytest.mark.parametrize("what", ["more", "less", "other", "nothing", "a FIFO", "a folder", "a link to what is right"])
def test_small_content_is_read_if_it_is_right(few: Built, what: str) -> None:
    """All of it or a part: of what has not the digest, no part is given, and nothing is waited for."""
    store = Store(few.state)
    digest = store.read().assets["any/tiny.txt"].identity.sha256
    contents, parts = Contents(store), ((0, 6), (0, 2), (1, 2), (1, 5), (0, 0), (6, 0))
    read = [contents.read(Stored(digest, start, length)) for start, length in parts]
    assert [tree.TINY[start : start + length] for start, length in parts] == read
    for start, length in ((0, 7), (5, 2)):
        with pytest.raises(OSError, match="damaged"):
            contents.read(Stored(digest, start, length))
    put(store.blob(digest), what)
    for start, length in parts:
        if what == "a link to what is right":
            assert tree.TINY[start : start + length] == contents.read(Stored(digest, start, length))
        else:
            with pytest.raises(OSError):  # noqa: PT011 - the system's own, or that it is damaged
                contents.read(Stored(digest, start, length))


def test_large_content_is_given_back(few: Built) -> None:
    """Also a small part of it."""
    store = Store(few.state)
    digest = store.read().assets["any/large.woff2"].identity.sha256
    for stored in (Stored(digest, 0, 10), Stored(digest, 10, 10)):
        assert stored is Contents(store).read(stored)


TYPES = [b"export declare const value%d: number;\n" % number * 400 for number in range(3)]


@pytest.fixture
def types(tmp_path: Path) -> Built:
    """Three files that lie there only coded."""
    files = {f"any/{number}.d.ts": content for number, content in enumerate(TYPES)}
    place = Built(tree.write(tmp_path / "root", files), tmp_path / "state")
    build(place.root, place.state)
    return place


def stored(place: Built, number: int) -> Stored:
    own = Store(place.state).read().assets[f"any/{number}.d.ts"].identity
    return Stored(own.sha256, 0, own.size)


def test_so_much_is_decoded_at_once(types: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sends the same one shares it, and it goes with the last of them; for one more a client has to come again."""
    monkeypatch.setattr(module, "_MOST_DECODED", LARGEST_CODED + 2 * len(TYPES[0]) - 1)
    contents = Contents(Store(types.state))
    taken = [contents.open(stored(types, number))[0] for number in (0, 0, 1)]
    with pytest.raises(ContentUnavailableError):
        contents.open(stored(types, 2))
    assert [TYPES[number] for number in (0, 0, 1)] == [file.read() for file in taken]
    del taken[1]
    with pytest.raises(ContentUnavailableError):
        contents.open(stored(types, 2))
    del taken[:]
    assert TYPES[2] == contents.open(stored(types, 2))[0].read()


def test_what_ends_before_its_part_is_damaged(types: Built) -> None:
    """As under a catalog that promises more."""
    whole, contents = stored(types, 0), Contents(Store(types.state))
    longer = Stored(whole.sha256, 0, whole.length + 1)
    for take in (contents.read, contents.open):
        with pytest.raises(OSError, match="damaged"):
            take(longer)


def test_the_scrubber_finds_what_is_only_coded(types: Built, caplog: pytest.LogCaptureFixture) -> None:
    name = stored(types, 0).sha256.hex()
    path = Path(blob_file(str(types.state), name))
    octets = path.read_bytes()
    path.write_bytes(octets[:-9] + bytes(9))
    assert not is_right(str(types.state), name)

    async def run() -> None:
        stop = asyncio.Event()
        scrubbing = asyncio.create_task(scrub(lambda _: None, scrubbing_settings(types), stop))
        assert await until(lambda: is_right(str(types.state), name) and caplog.text.count("blob-mended") > 1)
        stop.set()
        await scrubbing

    with caplog.at_level(logging.WARNING, "cdnserve"):
        asyncio.run(run())

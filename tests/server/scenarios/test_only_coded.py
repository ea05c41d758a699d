"""What lies in the state only coded is served as it is to whoever takes no coding, on each lane and by replicas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cdnserve.release import make as make_module
from cdnserve.release.blobs import take_stock
from cdnserve.release.build import build
from cdnserve.release.compact import compact
from cdnserve.release.store import Store
from cdnserve.server.contents import LARGEST_IN_MEMORY
from cdnserve.server.replica import acquire
from cdnserve.server.settings import ReplicaSettings
from tests.contract.edges import running
from tests.contract.wire import Response, message
from tests.server import tree
from tests.server.conftest import Built
from tests.server.scraping import scrape, total
from tests.server.serving import LANES, Served, eventually, serving, settings

SMALL, LARGE = "any/small.map", "any/large.map"
FILES = {
    SMALL: json.dumps({"sources": [f"{number}.js" for number in range(900)]}).encode(),
    LARGE: json.dumps({"sources": [f"{number}.js" for number in range(60_000)]}).encode(),
    "any/app.js": tree.APP,
    "any/tiny.txt": tree.TINY,
}


@pytest.fixture
def place(tmp_path: Path) -> Built:
    place = Built(tree.write(tmp_path / "root", FILES), tmp_path / "state")
    build(place.root, place.state)
    assert len(FILES[LARGE]) > LARGEST_IN_MEMORY
    assert {path_of(place, SMALL).stem, path_of(place, LARGE).stem} == take_stock(str(place.state)).coded
    return place


@pytest.fixture(params=LANES)
def served(request: pytest.FixtureRequest, place: Built, tmp_path: Path) -> Iterator[Served]:
    with serving(settings(place.root, place.state, request.param), tmp_path / "log.txt") as running:
        yield running
        assert "Traceback" not in running.told()


def path_of(place: Built, path: str) -> Path:
    """Return the file that a file's octets are decoded from."""
    blob = Store(place.state).blob(Store(place.state).read().assets[path].identity.sha256)
    return blob.with_name(f"{blob.name}.br")


def spoil(path: Path) -> None:
    octets = bytearray(path.read_bytes())
    octets[len(octets) // 2] ^= 1
    path.write_bytes(octets)


def is_whole(response: Response, path: str) -> bool:
    """Return whether it is the file as it is."""
    told = response.status, response.get("content-encoding"), int(response["content-length"]), response.body
    return told == (200, None, len(FILES[path]), FILES[path])


def test_it_is_sent_as_it_is(served: Served) -> None:
    with served.connect() as connection:
        for _ in range(2):
            for path in FILES:
                assert is_whole(connection.exchange(message("GET", f"/{path}")), path)
        assert "br" == connection.exchange(message("GET", f"/{SMALL}", [("Accept-Encoding", "br")]))["content-encoding"]
        head = connection.exchange(message("HEAD", f"/{LARGE}"), "HEAD")
        assert (200, str(len(FILES[LARGE]))) == (head.status, head["content-length"])
        again = connection.exchange(message("GET", f"/{LARGE}", [("If-None-Match", head["etag"])]))
        assert 304 == again.status


@pytest.mark.parametrize("path", [SMALL, LARGE])
def test_a_part_of_it_is_that_part(served: Served, path: str) -> None:
    last = len(FILES[path]) - 1
    ranges = {"bytes=0-0": slice(1), "bytes=-5": slice(-5, None), f"bytes={last}-": slice(last, None)}
    ranges |= {"bytes=9-300000": slice(9, 300_001), "bytes=1-": slice(1, None)}
    with served.connect() as connection:
        for wanted, part in ranges.items():
            response = connection.exchange(message("GET", f"/{path}", [("Range", wanted)]))
            assert (206, FILES[path][part]) == (response.status, response.body)


def test_a_small_one_stays_in_its_lane(place: Built, tmp_path: Path) -> None:
    """And a part of a large one does."""
    with serving(settings(place.root, place.state), tmp_path / "log.txt") as served:
        with served.connect() as connection:
            assert is_whole(connection.exchange(message("GET", f"/{SMALL}")), SMALL)
            assert 206 == connection.exchange(message("GET", f"/{LARGE}", [("Range", "bytes=5-9")])).status
        assert 0 == total(scrape(served.address), "cdnserve_responses_total", lane="asgi")


def test_over_http_2(place: Built, tmp_path: Path) -> None:
    with running("http2", place.root, place.state, tmp_path / "log") as edge:
        for _ in range(2):
            for path in FILES:
                assert is_whole(edge.get(f"/{path}"), path)
            assert FILES[LARGE][7:10] == edge.get(f"/{LARGE}", ("Range", "bytes=7-9")).body


@pytest.mark.parametrize("lane", LANES)
def test_what_goes_while_it_is_served_goes_unnoticed(
    lane: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also by who has begun to take it."""
    monkeypatch.setattr(make_module, "compact", lambda *_: {})
    place = Built(tree.write(tmp_path / "root", FILES), tmp_path / "state")
    build(place.root, place.state)
    assets = Store(place.state).load().assets
    pairs = {path: [item.sha256.hex() for item in assets[path].representations] for path in (SMALL, LARGE)}
    codings = {own: next(name for name in names if name != own) for own, *names in pairs.values()}
    with serving(settings(place.root, place.state, lane), tmp_path / "log.txt") as served, served.connect() as slow:
        assert is_whole(served.get(f"/{LARGE}"), LARGE)
        slow.send(message("GET", f"/{LARGE}"))
        changed = compact(str(place.state), codings)
        assert codings.keys() <= changed.keys()
        assert is_whole(slow.receive(), LARGE)
        for path in FILES:
            assert is_whole(served.get(f"/{path}"), path)
        assert "blob-corrupt" not in served.told()


@pytest.mark.parametrize("path", [SMALL, LARGE])
def test_a_damaged_one_is_not_sent(served: Served, place: Built, path: str) -> None:
    """Where it can't be made again: nobody can hold the lock."""
    (place.state / "build.lock").unlink()
    (place.state / "build.lock").mkdir()
    spoil(path_of(place, path))
    lost = served.get(f"/{path}")
    assert (503, "no-store", "*") == (lost.status, lost["cache-control"], lost["access-control-allow-origin"])
    assert "[blob-corrupt]" in served.told()


@pytest.mark.parametrize("path", [SMALL, LARGE])
def test_a_damaged_one_is_made_again(served: Served, place: Built, path: str) -> None:
    spoil(path_of(place, path))
    assert eventually(lambda: served.get(f"/{path}").body == FILES[path])
    assert eventually(lambda: "[blob-mended]" in served.told())


@pytest.mark.parametrize("lane", LANES)
def test_a_replica_serves_what_its_store_has_only_coded(place: Built, lane: str, tmp_path: Path) -> None:
    """A state folder that is read as a store; one that is wrong there is not sent."""
    spoil(path_of(place, SMALL))
    replica, folder = ReplicaSettings(place.state.as_uri()), tmp_path / "cache"
    acquire(replica, folder)
    with serving(replace(settings(tmp_path, folder, lane), replica=replica), tmp_path / "log.txt") as served:
        for _ in range(2):
            assert is_whole(served.get(f"/{LARGE}"), LARGE)
        assert FILES[LARGE][7:10] == served.get(f"/{LARGE}", ("Range", "bytes=7-9")).body
        assert 503 == served.get(f"/{SMALL}").status
        assert "[blob-corrupt]" in served.told()

"""Rollback and collecting while a server runs: it swaps, stays, and loses nothing that it still has to send."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cdnserve.release.build import build
from cdnserve.release.gc import GcOptions, collect
from cdnserve.release.history import roll_back
from cdnserve.release.store import Store
from cdnserve.server.live import Live
from cdnserve.server.watch import look_again
from tests.contract.wire import message
from tests.server import tree
from tests.server.conftest import Built
from tests.server.serving import LANES, Served, eventually, serving, settings

ALL = GcOptions(1, grace=0)
TINY = "/any/tiny.txt"
FILES = {**tree.FEW, "any/huge.woff2": tree.HUGE}


@pytest.fixture
def place(tmp_path: Path) -> Built:
    """Two releases; the first has a large file that the second has not."""
    place = Built(tree.write(tmp_path / "root", FILES), tmp_path / "state")
    build(place.root, place.state)
    return place


def second(place: Built) -> None:
    """Make the second release."""
    (place.root / "any/tiny.txt").write_bytes(b"second\n")
    (place.root / "any/huge.woff2").unlink()
    build(place.root, place.state)


@pytest.fixture(params=[pytest.param((1, lane), id=lane) for lane in LANES] + [pytest.param((2, "fast"), id="workers")])
def served(request: pytest.FixtureRequest, place: Built, tmp_path: Path) -> Iterator[Served]:
    """A server of the first release: each lane, and two workers."""
    workers, lane = request.param
    wanted = replace(settings(place.root, place.state, lane), workers=workers)
    with serving(wanted, tmp_path / "log.txt") as running:
        yield running
        assert "Traceback" not in running.told()


def shows(served: Served, content: bytes) -> bool:
    """Wait until every one of many answers has this content."""
    return eventually(lambda: {content} == {served.get(TINY).body for _ in range(8)})


def test_a_running_server_swaps_and_stays(served: Served, place: Built) -> None:
    second(place)
    assert shows(served, b"second\n")
    roll_back(place.root, place.state)
    assert shows(served, tree.TINY)
    # As the watch does once a minute, and at each event.
    asyncio.run(look_again(settings(place.root, place.state)))
    assert 1 == Store(place.state).current()
    assert tree.TINY == served.get(TINY).body
    (place.root / "any/tiny.txt").write_bytes(b"third\n")
    assert shows(served, b"third\n")
    assert 3 == Store(place.state).current()


def test_a_server_that_starts_serves_what_was_rolled_back_to(place: Built, tmp_path: Path) -> None:
    second(place)
    roll_back(place.root, place.state)
    assert 1 == build(place.root, place.state).number
    with serving(settings(place.root, place.state), tmp_path / "log.txt") as served:
        assert tree.TINY == served.get(TINY).body
        (place.root / "any/new.txt").write_bytes(b"new\n")
        assert eventually(lambda: served.get("/any/new.txt").status == 200)
        assert b"second\n" == served.get(TINY).body


def test_collecting_takes_nothing_from_answers_under_way(served: Served, place: Built) -> None:
    """A slow reader gets all of a large file whose release has gone; what it asked next is of the new one."""
    with served.connect() as connection:
        connection.send(message("GET", "/any/huge.woff2") + message("GET", TINY))
        second(place)
        assert shows(served, b"second\n")
        done = collect(place.state, ALL)
        assert {1: "in use", 2: "current"} == done.kept
        assert tree.HUGE == connection.receive().body
        assert b"second\n" == connection.receive().body
    assert 404 == served.get("/any/huge.woff2").status


def test_what_was_sent_from_an_open_file_needs_no_name(place: Built, tmp_path: Path) -> None:
    """Even if a blob goes while it is sent, the one that reads it gets all."""
    with serving(settings(place.root, place.state), tmp_path / "log.txt") as served, served.connect() as connection:
        connection.send(message("GET", "/any/huge.woff2"))
        connection.wait()
        asset = Store(place.state).read().assets["any/huge.woff2"]
        assert eventually(lambda: _is_open(served, Store(place.state).blob(asset.identity.sha256)))
        Store(place.state).blob(asset.identity.sha256).unlink()
        assert tree.HUGE == connection.receive().body


def _is_open(served: Served, blob: Path) -> bool:
    return str(blob.resolve()) in served.opened()


def test_a_server_that_lags_keeps_its_release(place: Built) -> None:
    """One whose watch was told nothing answers from the old release on, whatever is collected."""
    live = Live(Store(place.state))
    second(place)
    (place.root / "any/tiny.txt").write_bytes(b"third\n")
    build(place.root, place.state)
    assert {1: "in use", 3: "current"} == collect(place.state, ALL).kept
    assert live.store.missing(live.origin.catalog) == ()
    assert live.reload()
    assert {1: "in use", 3: "current"} == collect(place.state, ALL).kept
    del live
    assert (1,) == collect(place.state, ALL).releases

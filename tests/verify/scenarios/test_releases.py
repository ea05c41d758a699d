"""Other releases: what an edge still has from before is told as that, with the release's number."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cdnserve.release.build import build
from cdnserve.release.history import roll_back
from cdnserve.release.store import Store
from tests.release.roots import plant
from tests.server.serving import Served, eventually, serving, settings
from tests.verify import sins
from tests.verify.conftest import FILES, MANIFEST
from tests.verify.edge import edge
from tests.verify.scenarios.test_verify import found, report

BEFORE = {**FILES, "any/gone.txt": "only before\n"}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A root of which three releases are made by and by."""
    build(plant(tmp_path / "root", BEFORE, MANIFEST), tmp_path / "state")
    return tmp_path


@pytest.fixture
def first(place: Path, tmp_path: Path) -> Iterator[Served]:
    """A server that knows the first release alone, as a cache does that was filled then."""
    root = plant(tmp_path / "before", {}, MANIFEST)
    for path in (tmp_path / "root").rglob("*"):
        if path.is_file():
            target = root / path.relative_to(tmp_path / "root")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    build(root, tmp_path / "old")
    with serving(settings(root, tmp_path / "old"), tmp_path / "log.txt") as served:
        yield served


def later(place: Path, number: int) -> Store:
    """Make one more release."""
    plant(place / "root", {"any/app.js": f"// {number}\n" * 40, "any/new.txt": "new\n"}, MANIFEST)
    (place / "root/any/gone.txt").unlink(missing_ok=True)
    assert number == build(place / "root", place / "state").number
    return Store(place / "state")


def test_an_old_release_in_the_cache_is_told_by_its_number(place: Path, first: Served) -> None:
    later(place, 2)
    store = later(place, 3)
    with edge(first.address, sins.honest) as authority:
        done = found(report(f"http://{authority}", store))
    assert {"old-release"} == set(done)
    assert {"release 1"} == {detail for _, _, detail in done["old-release"]}
    assert {"any/app.js", "any/new.txt"} == {path for path, _, _ in done["old-release"]}


def test_after_a_rollback_the_release_that_was_left_is_an_old_one(place: Path, tmp_path: Path) -> None:
    """Until the edge is purged."""
    store = later(place, 2)
    cache = sins.Cache("accept-encoding", "origin")
    running = serving(settings(place / "root", store.state), tmp_path / "log.txt")
    with running as served, edge(served.address, cache) as authority:
        url = f"http://{authority}"
        assert {} == found(report(url, store))
        roll_back(place / "root", store.state)
        assert eventually(lambda: served.get("/any/gone.txt").status == 200)
        done = found(report(url, store))
    assert {"old-release"} == set(done)
    assert {("any/app.js", "release 2")} == {(path, detail) for path, _, detail in done["old-release"]}


def test_a_policy_that_was_another_is_an_old_release_too(place: Path, first: Served) -> None:
    """The bytes are the same, the headers are those of another manifest."""
    plant(place / "root", {}, MANIFEST.replace('path = "own/**"', 'path = "own/**"\ncors = "any"'))
    build(place / "root", place / "state")
    with edge(first.address, sins.honest) as authority:
        done = found(report(f"http://{authority}", Store(place / "state")))
    assert {"old-release"} == set(done)
    assert {"own/page.txt"} == {path for path, _, _ in done["old-release"] if path.startswith("own/page")}


def test_a_release_that_can_not_be_read_explains_nothing(place: Path, first: Served) -> None:
    store = later(place, 2)
    store.catalog(1).write_bytes(b"half")
    with edge(first.address, sins.honest) as authority:
        done = found(report(f"http://{authority}", store))
    assert "old-release" not in done
    assert {"content-changed", "status-changed"} <= set(done)

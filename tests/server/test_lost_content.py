"""Content that the release names and the store has no more: 500 that scripts may read, until it is there again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cdnserve.release import build
from cdnserve.release.store import Store
from tests.contract.wire import message
from tests.server import tree
from tests.server.conftest import Built
from tests.server.serving import LANES, Served, serving, settings

PATHS = ("partners/tiny.txt", "partners/large.woff2")


@pytest.fixture(params=LANES)
def losing(request: pytest.FixtureRequest, few: Built, tmp_path: Path) -> Iterator[Served]:
    """Each lane, over a store that the test harms."""
    with serving(settings(few.root, few.state, request.param), tmp_path / "log.txt") as served:
        yield served
        assert "Traceback" not in served.told()


def shorten(blob: Path) -> None:
    """Leave a few octets of a blob."""
    blob.chmod(0o600)
    os.truncate(blob, 3)


@pytest.mark.parametrize("harm", [Path.unlink, shorten], ids=["gone", "too short"])
def test_it_is_500_until_it_is_there_again(losing: Served, few: Built, harm: Callable[[Path], None]) -> None:
    assets = Store(few.state).load().assets
    blobs = {path: Store(few.state).blob(assets[path].identity.sha256) for path in PATHS}
    whole = {path: blob.read_bytes() for path, blob in blobs.items()}
    for blob in blobs.values():
        harm(blob)
    for path in PATHS:
        with losing.connect() as connection:
            asked = message("GET", f"/{path}", [("Origin", tree.ORIGIN)])
            for _ in range(2):
                lost = connection.exchange(asked)
                assert (500, "no-store", tree.ORIGIN) == (
                    lost.status,
                    lost["cache-control"],
                    lost["access-control-allow-origin"],
                )
                assert lost.get("etag") is None
            assert connection.exchange(message("HEAD", f"/{path}"), "HEAD").status == 200
            blobs[path].unlink(missing_ok=True)
            blobs[path].write_bytes(whole[path])
            found = connection.exchange(asked)
            assert (200, tree.FILES[path]) == (found.status, found.body)
    assert losing.told().count("build again") == 4


def test_a_build_brings_it_back(losing: Served, few: Built) -> None:
    """Under the same release: nothing else has changed."""
    blob = Store(few.state).blob(Store(few.state).load().assets["any/tiny.txt"].identity.sha256)
    blob.unlink()
    assert losing.get("/any/tiny.txt").status == 500
    build(few.root, few.state)
    assert tree.TINY == losing.get("/any/tiny.txt").body

"""Content that the release names and the store has no more: 503 that scripts may read, until it is there again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from cdnserve.release.store import Store
from tests.contract.wire import message
from tests.server import tree
from tests.server.conftest import Built
from tests.server.serving import LANES, Served, eventually, serving, settings

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


def change(blob: Path) -> None:
    """Turn one octet."""
    octets = blob.read_bytes()
    blob.write_bytes(bytes([octets[0] ^ 1]) + octets[1:])


HARMS = pytest.mark.parametrize("harm", [Path.unlink, shorten, change], ids=["gone", "too short", "changed"])


def blobs_of(few: Built) -> dict[str, Path]:
    assets = Store(few.state).load().assets
    return {path: Store(few.state).blob(assets[path].identity.sha256) for path in PATHS}


def forbid_mending(few: Built) -> None:
    """Let no build begin: nobody can hold the lock."""
    (few.state / "build.lock").unlink()
    (few.state / "build.lock").mkdir()


@HARMS
def test_it_is_503_until_it_is_there_again(losing: Served, few: Built, harm: Callable[[Path], None]) -> None:
    """Where it can't be made again, and is put back by hand."""
    forbid_mending(few)
    blobs = blobs_of(few)
    whole = {path: blob.read_bytes() for path, blob in blobs.items()}
    for blob in blobs.values():
        harm(blob)
    for path in PATHS:
        with losing.connect() as connection:
            asked = message("GET", f"/{path}", [("Origin", tree.ORIGIN)])
            for _ in range(2):
                lost = connection.exchange(asked)
                assert (503, "no-store", tree.ORIGIN) == (
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
    assert losing.told().count("[blob-corrupt]") >= len(PATHS)


@HARMS
def test_it_comes_back_by_itself(losing: Served, few: Built, harm: Callable[[Path], None]) -> None:
    """The first answer may come before it is made again; but nothing wrong is ever sent."""
    blobs = blobs_of(few)
    for path, blob in blobs.items():
        harm(blob)
        assert eventually(partial(is_right, losing, path))
    # Of each at least once: whoever was asked for it, and the scrubber, may find it at the same time.
    assert eventually(lambda: all(is_told_mended(losing, blob) for blob in blobs.values()))


def is_told_mended(losing: Served, blob: Path) -> bool:
    return any("[blob-mended]" in line and blob.name in line for line in losing.told().splitlines())


def is_right(losing: Served, path: str) -> bool:
    found = losing.get(f"/{path}")
    if found.status == 503:
        return False
    assert (200, tree.FILES[path]) == (found.status, found.body)
    return True


def test_a_range_of_a_damaged_file_is_not_sent(losing: Served, few: Built) -> None:
    """Also where the octets that were asked for are right."""
    forbid_mending(few)
    for path, blob in blobs_of(few).items():
        change(blob)
        with losing.connect() as connection:
            for _ in range(2):
                assert 503 == connection.exchange(message("GET", f"/{path}", [("Range", "bytes=2-3")])).status

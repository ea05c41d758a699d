"""A replica at work: cold content on each lane, a herd, a store that lies or is gone, and what is told of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from cdnserve.release.build import build
from cdnserve.release.store import Store
from cdnserve.server.replica import acquire
from cdnserve.server.settings import ReplicaSettings
from tests.contract.edges import running
from tests.contract.wire import Response, message
from tests.fake_s3 import FakeS3, answer, head
from tests.server import tree
from tests.server.replicas import upload
from tests.server.scraping import scrape, total
from tests.server.serving import LANES, Served, eventually, serving, settings

SMALL, LARGE = "partners/tiny.txt", "partners/large.woff2"
# No two are the same blob.
FILES = {
    "any/tiny.txt": tree.TINY,
    "any/large.woff2": tree.LARGE,
    "any/app.js": tree.APP,
    "any/font.woff2": tree.FONT,
    SMALL: b"wholly other\n",
    LARGE: tree.LARGE[::-1],
}
CORS = [("Origin", tree.ORIGIN)]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state folder of a release."""
    root, state = tree.write(tmp_path_factory.mktemp("root"), FILES), tmp_path_factory.mktemp("state")
    build(root, state)
    return state


@pytest.fixture
def store(fake: FakeS3, state: Path) -> FakeS3:
    """A store that has it."""
    upload(fake, state)
    return fake


Start = Callable[..., AbstractContextManager[Served]]


@pytest.fixture
def start(store: FakeS3, tmp_path: Path) -> Iterator[Start]:
    """What runs a replica on a lane, with an empty folder."""
    folder = tmp_path / "cache"
    log = tmp_path / "log.txt"

    def start(lane: str = "fast", workers: int = 1, patience: float = 25.0) -> AbstractContextManager[Served]:
        replica = ReplicaSettings(store.url, look_seconds=0.05, patience=patience)
        acquire(replica, folder)
        return serving(replace(settings(tmp_path, folder, lane), replica=replica, workers=workers), log)

    yield start
    assert not log.exists() or "Traceback" not in log.read_text()


def key(state: Path, path: str) -> str:
    """Return the key of a file's blob, as it is."""
    name = Store(state).read().assets[path].identity.sha256.hex()
    return f"prefix/blobs/{name[:2]}/{name}"


def asked(store: FakeS3, what: str) -> int:
    """Count how often an object was asked for."""
    return [name for _, name in store.asked].count(what)


def refused(response: Response) -> bool:
    """Return whether it is the 503 that a script may read, and that says when to come again."""
    can_read = response["access-control-allow-origin"] in ("*", tree.ORIGIN)
    return (503, "no-store", True) == (response.status, response["cache-control"], can_read) and (
        int(response["retry-after"]) > 0
    )


@pytest.mark.parametrize("lane", LANES)
def test_what_is_cold_is_answered_as_what_is_not(start: Start, store: FakeS3, state: Path, lane: str) -> None:
    with start(lane) as served, served.connect() as connection:
        for _ in range(2):
            for path, content in FILES.items():
                response = connection.exchange(message("GET", f"/{path}", CORS))
                assert (200, content) == (response.status, response.body)
                part = connection.exchange(message("GET", f"/{path}", [("Range", "bytes=1-3")]))
                assert (206, content[1:4]) == (part.status, part.body)
        if lane == "fast":
            # It waits in its lane: a connection is not left to the slower one for a cold file.
            assert 0 == total(scrape(served.address), "cdnserve_responses_total", lane="asgi")
        assert {1} == {asked(store, key(state, path)) for path in FILES}


def test_requests_in_a_row_are_answered_in_their_order(start: Start) -> None:
    """Cold small, cold large, and the same again, written at once."""
    paths = ["any/tiny.txt", LARGE, "any/app.js", LARGE, "any/tiny.txt", "any/absent.js", "any/font.woff2"]
    with start() as served, served.connect() as connection:
        for _ in range(2):
            connection.send(b"".join(message("GET", f"/{path}") for path in paths))
            for path in paths:
                response = connection.receive()
                assert (404, True) == (response.status, True) if path not in FILES else FILES[path] == response.body


def test_over_http_2(store: FakeS3, state: Path, tmp_path: Path) -> None:
    with running("http2", tmp_path, tmp_path / "cache", tmp_path / "log", store.url) as edge:
        for _ in range(2):
            for path, content in FILES.items():
                assert content == edge.get(f"/{path}").body
        assert {1} == {asked(store, key(state, path)) for path in FILES}


def test_two_workers_ask_the_store_once_and_take_up_another_release(start: Start, store: FakeS3, state: Path) -> None:
    """No answer comes before all have asked."""
    wanted, all_asked = key(state, LARGE), threading.Event()

    def wait(_: str, name: str) -> None:
        if name == wanted:
            assert all_asked.wait(60)

    store.lie = wait
    store.objects["prefix/releases/2.cat"] = renumbered(state, 2), time.time()
    with start(workers=2) as served, ExitStack() as stack:
        connections = [stack.enter_context(served.connect()) for _ in range(20)]
        for connection in connections:
            connection.send(message("GET", f"/{LARGE}"))
        assert eventually(lambda: asked(store, wanted) > 0)
        all_asked.set()
        assert [FILES[LARGE]] * 20 == [connection.receive().body for connection in connections]
        assert 1 == asked(store, wanted)
        store.objects["prefix/current"] = b"2\n", time.time()
        assert eventually(lambda: served.get("/-/ready").body == b"release 2\n")
        assert eventually(lambda: total(scrape(served.address), "cdnserve_workers_behind") == 0)
        assert FILES[LARGE] == served.get(f"/{LARGE}").body
        assert 1 == asked(store, wanted)


LIES: dict[str, Callable[[bytes], bytes]] = {
    "blob-corrupt": lambda right: answer(right[:-1] + bytes([right[-1] ^ 1])),
    "store-truncated": lambda right: answer(right + b"x"),
    "store-denied": lambda right: head(403, b""),
    "store-failed": lambda right: head(500, b""),
    "blob-missing": lambda right: head(404, b"<Error><Code>NoSuchKey</Code></Error>"),
    # Last, for then nothing is asked for a while.
    "store-unreachable": lambda right: answer(right[:-1], length=len(right)),
}
"""What a store may say instead of a blob, by the id that it is told with."""


@pytest.mark.parametrize("lane", LANES)
def test_a_store_that_lies_is_never_believed(start: Start, store: FakeS3, state: Path, lane: str) -> None:
    paths = dict(zip(LIES, sorted(FILES, reverse=lane == "fast"), strict=False))
    said = {key(state, path): LIES[name](store.objects[key(state, path)][0]) for name, path in paths.items()}
    store.lie = lambda _, key: said.get(key)
    with start(lane) as served:
        for name, path in paths.items():
            for _ in range(2):
                assert refused(served.get(f"/{path}", *CORS))
            assert f"[{name}]" in served.told()
        store.lie = lambda *_: None

        def is_right(path: str) -> bool:
            response = served.get(f"/{path}", *CORS)
            assert response.body == FILES[path] or refused(response)
            return response.status == 200

        assert all(eventually(partial(is_right, path)) for path in paths.values())


@pytest.mark.parametrize("lane", LANES)
def test_who_asks_for_what_takes_long_is_told_to_come_again(
    start: Start, store: FakeS3, state: Path, lane: str
) -> None:
    """And the fetch goes on meanwhile: it is there for who does, and the store is asked once."""
    slow, goes_on = {key(state, path) for path in (SMALL, LARGE)}, threading.Event()

    def wait(_: str, name: str) -> None:
        if name in slow:
            assert goes_on.wait(60)

    store.lie = wait
    with start(lane, patience=0.2) as served, served.connect() as connection:
        try:
            for path in (SMALL, LARGE, SMALL, LARGE):
                for more in ((), (("Range", "bytes=1-3"),)):
                    assert refused(connection.exchange(message("GET", f"/{path}", [*CORS, *more])))
                    # It waits alone.
                    assert FILES["any/app.js"] == connection.exchange(message("GET", "/any/app.js")).body
        finally:
            goes_on.set()
        for path in (SMALL, LARGE):
            assert eventually(lambda path=path: served.get(f"/{path}").body == FILES[path])  # type: ignore[misc]
        assert {1} == {asked(store, name) for name in slow}


@pytest.mark.parametrize("lane", LANES)
def test_without_the_store_what_is_here_is_served_on(start: Start, store: FakeS3, lane: str) -> None:
    with start(lane) as served, served.connect() as kept:
        warm = kept.exchange(message("GET", f"/{LARGE}", CORS))
        store.lie = lambda *_: head(403, b"")
        assert eventually(lambda: "no answer from the store since" in served.get("/-/ready").body.decode())
        assert 200 == served.get("/-/ready").status
        for _ in range(3):
            assert warm.comparable() == kept.exchange(message("GET", f"/{LARGE}", CORS)).comparable()
            assert refused(kept.exchange(message("GET", f"/{SMALL}", CORS)))
        assert 404 == kept.exchange(message("GET", "/any/absent.js")).status
        assert 1 == total(scrape(served.address), "cdnserve_store_lost")
        store.lie = lambda *_: None
        assert eventually(lambda: kept.exchange(message("GET", f"/{SMALL}", CORS)).body == FILES[SMALL])
        assert eventually(lambda: served.get("/-/ready").body == b"release 1\n")


def test_what_is_damaged_here_is_fetched_again(start: Start, state: Path, tmp_path: Path) -> None:
    blob = Path(str(tmp_path / "cache") + key(state, SMALL).removeprefix("prefix"))
    with start() as served:
        assert FILES[SMALL] == served.get(f"/{SMALL}").body
        blob.write_bytes(FILES[SMALL][::-1])
        # The range is not in memory.
        assert eventually(lambda: served.get(f"/{SMALL}", ("Range", "bytes=2-")).body == FILES[SMALL][2:])
        assert blob.read_bytes() == FILES[SMALL]
        assert "they are fetched from the store again" in served.told()


def renumbered(state: Path, number: int) -> bytes:
    """Return the catalog of the release under another number."""
    import msgspec  # noqa: PLC0415

    from cdnserve.release.catalog import encode  # noqa: PLC0415

    return encode(msgspec.structs.replace(Store(state).read(), number=number))

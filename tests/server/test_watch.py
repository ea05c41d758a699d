"""SIGHUP: the server builds and takes up at once, and goes on; without its terminal it ends."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import pickle
import pty
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.manifest.lock import read_lock
from cdnserve.release import make
from cdnserve.release.blobs import StoreError
from cdnserve.release.build import build, look
from cdnserve.release.encode import EncodingStoppedError
from cdnserve.release.immutable import forget
from cdnserve.release.scan import Look
from cdnserve.release.store import Store
from cdnserve.release.writer import Built as Release
from cdnserve.server import watch
from cdnserve.server.watch import Terminal
from tests.contract.wire import Response, message
from tests.forked import Forked, run
from tests.server import tree
from tests.server.conftest import Built
from tests.server.serving import LANES, PATIENCE, Served, eventually, serving, settings

PROJECT = Path(__file__).parents[2]
SERVED_ON = "the last good release is served on"


@pytest.fixture(params=[pytest.param(1, id="alone"), pytest.param(2, id="with workers")])
def running(request: pytest.FixtureRequest, few: Built, tmp_path: Path) -> Iterator[Served]:
    """A server of one process, then one of a parent and two workers."""
    wanted = replace(settings(few.root, few.state), workers=request.param)
    with serving(wanted, tmp_path / "log.txt") as served:
        yield served
        assert "Traceback" not in served.told()


def test_it_builds_at_once_and_goes_on(running: Served, few: Built) -> None:
    """What a build can't do is told again at each signal; so it was one that built."""
    manifest = few.root / "manifest.toml"
    manifest.write_text("schema = 2\n")
    assert eventually(lambda: running.told().count(SERVED_ON) == 1)
    for turn in (2, 3):
        running.process.send_signal(signal.SIGHUP)
        assert eventually(partial(_was_told, running, turn))
    assert tree.TINY == running.get("/any/tiny.txt").body
    manifest.write_text(tree.MANIFEST)
    (few.root / "any/tiny.txt").write_bytes(b"mended\n")
    running.process.send_signal(signal.SIGHUP)
    assert eventually(lambda: running.get("/any/tiny.txt").body == b"mended\n")
    running.terminate()
    assert 0 == running.ended()


def _was_told(running: Served, times: int) -> bool:
    return running.told().count(SERVED_ON) == times


def test_it_takes_up_what_somebody_else_built(few: Built, tmp_path: Path) -> None:
    with serving(settings(few.root, few.state), tmp_path / "log.txt") as served:
        (few.root / "any/tiny.txt").write_bytes(b"elsewhere\n")
        build(few.root, few.state)
        served.process.send_signal(signal.SIGHUP)
        assert eventually(lambda: served.get("/any/tiny.txt").body == b"elsewhere\n")


@pytest.mark.parametrize("workers", [1, 2])
def test_it_ends_with_the_terminal_that_it_ran_on(few: Built, tmp_path: Path, workers: int) -> None:
    """Whoever closes the window of a server does not mean it to live on and keep the port."""
    launch = (
        "import fcntl, pickle, sys, termios\nfrom cdnserve.server.run import run\n"
        "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
        "run(pickle.loads(bytes.fromhex(sys.argv[1])), lambda url: print(url, flush=True))\n"
    )
    wanted = replace(settings(few.root, few.state), workers=workers, drain_seconds=5)
    leader, follower = pty.openpty()
    with (tmp_path / "out.txt").open("wb") as output, (tmp_path / "log.txt").open("wb") as log:
        process = Forked(
            [sys.executable, "-c", launch, pickle.dumps(wanted).hex()],
            stdin=follower,
            stdout=output,
            stderr=log,
            cwd=PROJECT,
            start_new_session=True,
        )
        os.close(follower)
        try:
            assert eventually(lambda: b"\n" in (tmp_path / "out.txt").read_bytes())
            os.close(leader)
            assert 0 == process.wait(PATIENCE)
        finally:
            process.kill()
            process.wait()


def test_a_process_without_a_terminal_loses_none() -> None:
    script = "from cdnserve.server.watch import Terminal\nprint(Terminal().is_gone())\n"
    done = run([sys.executable, "-c", script], cwd=PROJECT, start_new_session=True)
    assert b"False\n" == done.stdout
    assert not Terminal().is_gone()


@pytest.fixture(params=LANES)
def changing(request: pytest.FixtureRequest, few: Built, tmp_path: Path) -> Iterator[Served]:
    """Each lane, serving a tree that the test changes."""
    with serving(settings(few.root, few.state, request.param), tmp_path / "log.txt") as served:
        yield served
        assert "Traceback" not in served.told()


def shows(served: Served, path: str, status: int, content: bytes | None = None) -> bool:
    """Wait until a path is answered so."""

    def is_so() -> bool:
        response = served.get(path)
        return status == response.status and content in (None, response.body)

    return eventually(is_so)


def test_what_changes_is_served_without_a_restart(changing: Served, few: Built) -> None:
    assert shows(changing, "/any/tiny.txt", 200, tree.TINY)
    (few.root / "any/tiny.txt").write_bytes(b"changed\n")
    assert shows(changing, "/any/tiny.txt", 200, b"changed\n")
    (few.root / "any/folder").mkdir()
    (few.root / "any/folder/new.txt").write_bytes(b"new\n")
    assert shows(changing, "/any/folder/new.txt", 200, b"new\n")
    shutil.rmtree(few.root / "any/folder")
    assert shows(changing, "/any/folder/new.txt", 404)
    replacement = few.root / "any/.replacement"
    replacement.write_bytes(b"replaced\n")
    replacement.rename(few.root / "any/tiny.txt")
    assert shows(changing, "/any/tiny.txt", 200, b"replaced\n")
    manifest = few.root / "manifest.toml"
    manifest.write_text(tree.MANIFEST.replace('"any/**"', '"other/**"'))
    assert shows(changing, "/any/tiny.txt", 404)
    manifest.write_text(tree.MANIFEST)
    assert shows(changing, "/any/tiny.txt", 200, b"replaced\n")


def test_a_broken_manifest_is_told_and_the_last_release_served(changing: Served, few: Built) -> None:
    manifest = few.root / "manifest.toml"
    manifest.write_text('schema = 1\n[[publish]]\npath = "any/**"\ncors = "nobody"\ncache = "revalidate"\n')
    assert eventually(lambda: "the last good release is served on" in changing.told())
    assert "manifest.toml:4" in changing.told()
    (few.root / "any/tiny.txt").write_bytes(b"changed\n")
    assert eventually(lambda: changing.told().count("the last good release is served on") >= 2)
    assert tree.TINY == changing.get("/any/tiny.txt").body
    manifest.write_text(tree.MANIFEST)
    assert shows(changing, "/any/tiny.txt", 200, b"changed\n")


def test_a_root_that_goes_away_and_comes_back(changing: Served, few: Built) -> None:
    away = few.root.with_name("away")
    few.root.rename(away)
    assert eventually(lambda: "root-missing" in changing.told())
    assert tree.TINY == changing.get("/any/tiny.txt").body
    assert tree.LARGE == changing.get("/any/large.woff2").body
    away.rename(few.root)
    (few.root / "any/tiny.txt").write_bytes(b"back\n")
    assert shows(changing, "/any/tiny.txt", 200, b"back\n")


def test_every_answer_is_of_one_release(changing: Served, few: Built) -> None:
    """Two files change together, again and again, while both are asked for; each body has its own validators."""
    stop = threading.Event()
    seen: dict[str, set[tuple[str, bytes]]] = {"/any/tiny.txt": set(), "/any/large.woff2": set()}

    def ask() -> None:
        with changing.connect() as connection:
            while not stop.is_set():
                for path, answers in seen.items():
                    response = connection.exchange(message("GET", path))
                    assert response.status == 200
                    answers.add((_validators(response), response.body))

    def saw(path: str, content: bytes) -> bool:
        return eventually(lambda: content in {body for _, body in tuple(seen[path])})

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        assert saw("/any/tiny.txt", tree.TINY)
        assert saw("/any/large.woff2", tree.LARGE)
        for turn in range(4):
            content = b"%d" % turn
            (few.root / "any/large.woff2").write_bytes(content * len(tree.LARGE))
            (few.root / "any/tiny.txt").write_bytes(content)
            assert saw("/any/tiny.txt", content)
            assert saw("/any/large.woff2", content * len(tree.LARGE))
    finally:
        stop.set()
        asking.join(PATIENCE)
    for answers in seen.values():
        assert len(answers) >= 5  # as it was, and after each change
        assert len({validators for validators, _ in answers}) == len(answers) == len({body for _, body in answers})


def _validators(response: Response) -> str:
    return f"{response['etag']} {response['content-length']}"


def test_a_state_in_the_root_does_not_watch_itself(tmp_path: Path) -> None:
    root = tree.write(tmp_path / "root", tree.FEW)
    build(root, root / ".cdnserve")
    with serving(settings(root, root / ".cdnserve"), tmp_path / "log.txt") as served:
        (root / "any/tiny.txt").write_bytes(b"changed\n")
        assert shows(served, "/any/tiny.txt", 200, b"changed\n")
        assert {"1.cat", "2.cat"} >= {path.name for path in (root / ".cdnserve/releases").iterdir()}


def test_what_a_build_can_t_do_ends_no_watch(
    few: Built, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither problems of a person's making nor a defect: the next change gets its turn."""
    warning = Problem("a-warning", "look here", warning=True)
    outcomes: Iterator[Exception | Release] = iter(
        [
            ConfigurationError([Problem("a-problem", "this is wrong")]),
            RuntimeError("a defect"),
            Release(2, True, (warning,)),
        ]
    )
    caplog.set_level(logging.INFO, "cdnserve")

    def pretend(root: Path, state: Path, **_: object) -> Release:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(watch, "build", pretend)
    asyncio.run(_touch_until(few, caplog, ["[a-problem]", "a defect", "[a-warning]"]))
    assert caplog.text.count("the last good release is served on") == 2


async def _touch_until(place: Built, caplog: pytest.LogCaptureFixture, told: list[str]) -> None:
    stop = asyncio.Event()
    watching = asyncio.create_task(watch.rebuild(settings(place.root, place.state), stop))
    for words in told:
        for turn in range(PATIENCE):
            (place.root / "any/tiny.txt").write_bytes(b"%d" % turn)
            # Long enough for the file to rest, and for a build.
            if await _is_told(caplog, words, seconds=3):
                break
        assert words in caplog.text
    stop.set()
    await watching


async def _is_told(caplog: pytest.LogCaptureFixture, words: str, seconds: float) -> bool:
    for _ in range(round(seconds / 0.02)):
        if words in caplog.text:
            return True
        await asyncio.sleep(0.02)
    return False


@pytest.mark.parametrize("cache", ["immutable", "revalidate"])
def test_a_slow_copy_is_one_release_and_holds_up_nothing_else(tmp_path: Path, cache: str) -> None:
    root = tree.write(tmp_path / "root", tree.FEW)
    manifest = root / "manifest.toml"
    manifest.write_text(manifest.read_text() + f'[[publish]]\npath = "lib/**"\ncors = "any"\ncache = "{cache}"\n')
    build(root, tmp_path / "state")
    with serving(settings(root, tmp_path / "state"), tmp_path / "log.txt") as served:
        (root / "lib").mkdir()
        with (root / "lib/a.js").open("wb", buffering=0) as copy:
            for turn in range(2):
                copy.write(tree.APP[:100])
                (root / "any/tiny.txt").write_bytes(b"%d" % turn)
                assert shows(served, "/any/tiny.txt", 200, b"%d" % turn)
                assert served.get("/lib/a.js").status == 404
            copy.write(tree.APP)
        assert "left as in the release before until nothing writes them any more: lib/a.js" in served.told()
        assert "file-unstable" not in served.told()
        assert shows(served, "/lib/a.js", 200, tree.APP[:100] * 2 + tree.APP)
    # The first, one for each change of the other file, and one for the copy.
    assert (1, 2, 3, 4) == Store(tmp_path / "state").numbers()


def test_a_root_in_motion_is_waited_for_but_not_for_ever(
    few: Built, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody appends to a file, each time anew; the other changes are taken all the same."""
    seen: list[frozenset[str]] = []

    def look_while_it_grows(root: Path, state: Path, before: Look | None = None) -> Look:
        with (root / "any/growing.txt").open("ab") as file:
            file.write(b"more\n")
        found = look(root, state, before)
        seen.append(found.unquiet)
        return found

    monkeypatch.setattr(watch, "look", look_while_it_grows)
    monkeypatch.setattr(watch, "SETTLING_SECONDS", 0.001)
    caplog.set_level(logging.INFO, "cdnserve")
    (few.root / "any/tiny.txt").write_bytes(b"changed\n")
    outcome = asyncio.run(watch._Builder(settings(few.root, few.state), asyncio.Event()).build(again=True))
    assert outcome == "made"
    assert [frozenset(), *[frozenset({"any/growing.txt"})] * 10] == seen
    assert {"any/tiny.txt"} <= Store(few.state).load().assets.keys()
    assert "any/growing.txt" not in Store(few.state).load().assets
    assert caplog.text.count("any/growing.txt") == 2  # waited for, and left out


def test_a_promise_is_taken_back_while_it_is_served(tmp_path: Path) -> None:
    root, state = tree.write(tmp_path / "root", tree.FEW), tmp_path / "state"
    manifest = root / "manifest.toml"
    manifest.write_text(manifest.read_text().replace('"revalidate"', '"immutable"', 1))
    build(root, state)
    with serving(settings(root, state), tmp_path / "log.txt") as served:
        (root / "any/tiny.txt").write_bytes(b"whole\n")
        assert eventually(lambda: "[immutable-changed]" in served.told())
        assert tree.TINY == served.get("/any/tiny.txt").body
        forget(root, state, ["any/tiny.txt"])
        assert shows(served, "/any/tiny.txt", 200, b"whole\n")
    assert "any/tiny.txt" in read_lock(root / "manifest.lock").immutable


def test_the_codings_that_a_release_lacks_follow_in_the_background(
    few: Built, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A server that starts with what is cheap has the rest soon, and says so."""
    monkeypatch.setattr(make, "_AT_ONCE", -1)
    monkeypatch.setattr(watch, "SETTLING_SECONDS", 0.001)
    caplog.set_level(logging.INFO, "cdnserve")
    (few.root / "any/new.css").write_bytes(b"a { color: red }\n" * 99)
    assert not build(few.root, few.state, quick=True).complete

    async def until_complete() -> list[str]:
        stop, done = asyncio.Event(), asyncio.Event()
        outcomes: list[str] = []

        def note(outcome: str) -> None:
            outcomes.append(outcome)
            done.set()

        watching = asyncio.create_task(watch.rebuild(settings(few.root, few.state), stop, note))
        await asyncio.wait_for(done.wait(), PATIENCE)
        stop.set()
        await watching
        return outcomes

    assert ["made"] == asyncio.run(until_complete())
    assert "follow in the background" in caplog.text
    assert {"identity", "gzip", "br"} == {
        item.coding for item in Store(few.state).load().assets["any/new.css"].representations
    }


def test_an_end_waits_for_no_encoder(few: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    at_work, may_end = threading.Event(), threading.Event()

    def encode_rest(_: str, stopped: threading.Event, __: object) -> bool:
        at_work.set()
        may_end.wait(PATIENCE)
        return not stopped.is_set()

    monkeypatch.setattr(make, "encode_rest", encode_rest)

    async def start_and_stop() -> None:
        stop = asyncio.Event()
        watching = asyncio.create_task(watch.rebuild(settings(few.root, few.state), stop))
        assert await asyncio.to_thread(at_work.wait, PATIENCE)
        stop.set()
        await watching

    asyncio.run(start_and_stop())
    may_end.set()
    for thread in threading.enumerate():
        if thread.name == "second stage":
            thread.join(PATIENCE)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        pytest.param(EncodingStoppedError(), "", id="it was stopped"),
        pytest.param(StoreError(OSError(errno.EROFS, "Read-only file system")), "", id="the state is protected"),
        pytest.param(StoreError(OSError(errno.ENOSPC, "No space left")), "disk-full", id="the disk is full"),
        pytest.param(ConfigurationError([Problem("encoder-died", "it died")]), "encoder-died", id="no memory"),
        pytest.param(ValueError("whatever"), "whatever", id="a defect"),
    ],
)
def test_what_ends_the_second_stage_is_told_if_somebody_can_mend_it(
    few: Built, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception, told: str
) -> None:
    def fail(*_: object) -> bool:
        raise error

    monkeypatch.setattr(make, "encode_rest", fail)
    assert not asyncio.run(watch._encode_beside(str(few.state)))
    assert told in caplog.text
    assert bool(told) is bool(caplog.text)


def test_the_second_stage_ends_where_its_modules_cannot_be_loaded(
    few: Built, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As when no descriptor is left at that moment; the next build begins it again."""
    monkeypatch.setitem(sys.modules, "cdnserve.release.make", None)
    ending = asyncio.wait_for(watch._encode_beside(str(few.state)), PATIENCE)
    assert not asyncio.run(ending)
    assert "ModuleNotFoundError" in caplog.text

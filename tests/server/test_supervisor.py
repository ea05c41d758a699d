"""Supervisor: several processes answer on one port, and one that dies is replaced."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from cdnserve.server import supervisor
from cdnserve.server.metrics_shared import SharedMetrics
from cdnserve.server.settings import ServerSettings
from cdnserve.server.supervisor import Supervisor, WorkerContext
from tests.contract.wire import Connection, message
from tests.server import tree
from tests.server.conftest import Built
from tests.server.serving import PATIENCE, Served, eventually, opened, serving, settings

GET = message("GET", "/any/tiny.txt")


def workers(served: Served) -> set[int]:
    """Return the processes that serve: children of the parent that have its listening socket."""
    children = _children(served.process.pid)
    return {child for child in children if b"spawn_main" in _command(child)}


def _children(parent: int) -> set[int]:
    tasks = Path(f"/proc/{parent}/task")
    listed = " ".join((task / "children").read_text() for task in tasks.iterdir())
    return {int(child) for child in listed.split()}


def _command(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def _alive(process: int) -> bool:
    return _command(process) != b""


@pytest.fixture
def pair(few: Built, tmp_path: Path) -> Iterator[Served]:
    """Two workers."""
    wanted = replace(settings(few.root, few.state), workers=2, drain_seconds=5)
    with serving(wanted, tmp_path / "log.txt") as served:
        yield served


def _holders(served: Served, inode: str) -> set[int]:
    """Return the workers that hold a socket."""
    return {worker for worker in workers(served) if f"socket:[{inode}]" in opened(worker)}


def _server_of(served: Served, connection: socket.socket) -> set[int]:
    """Return which worker has the other end of a connection."""
    port = f":{connection.getsockname()[1]:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return set().union(*(_holders(served, row[9]) for row in rows if row[2].endswith(port)))


def _answers(served: Served) -> dict[int, bytes]:
    """Ask on new connections until each worker has answered; give the last content of each."""
    found: dict[int, bytes] = {}
    with ExitStack() as stack:
        for _ in range(200):
            client = stack.enter_context(socket.create_connection(served.address, PATIENCE))
            client.sendall(GET)
            content = client.recv(4096).partition(b"\r\n\r\n")[2]
            found |= dict.fromkeys(_server_of(served, client), content)
            if found.keys() == workers(served):
                break
    return found


def test_all_answer_and_take_up_a_new_release(pair: Served, few: Built) -> None:
    answers = _answers(pair)
    assert answers == dict.fromkeys(workers(pair), tree.TINY)
    assert len(answers) == 2
    (few.root / "any/tiny.txt").write_bytes(b"changed\n")
    assert eventually(lambda: list(_answers(pair).values()) == [b"changed\n", b"changed\n"])


def test_one_that_dies_is_replaced_and_none_outlives_the_parent(pair: Served) -> None:
    before = workers(pair)
    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    for _ in range(20):
        assert tree.TINY == pair.get("/any/tiny.txt").body
    assert eventually(lambda: len(workers(pair)) == 2)
    assert len(workers(pair) & before) == 1
    assert f"worker {victim} ended with -9 and is replaced" in pair.told()
    assert eventually(lambda: list(_answers(pair).values()) == [tree.TINY, tree.TINY])
    children = workers(pair)
    pair.process.kill()
    assert eventually(lambda: not any(map(_alive, children)))
    assert not _accepts(pair)


def test_sigterm_drains_all(pair: Served) -> None:
    children = workers(pair)
    with pair.connect() as reader:
        reader.send(message("GET", "/any/large.woff2") * 40)
        assert reader.receive().body == tree.LARGE
        pair.terminate()
        assert eventually(lambda: not _accepts(pair))
        assert reader.receive().body == tree.LARGE
    assert pair.ended() == 0
    assert [] == [child for child in children if _alive(child)]
    assert "Traceback" not in pair.told()


def _accepts(served: Served) -> bool:
    try:
        Connection(served.address).close()
    except ConnectionRefusedError:
        return False
    return True


def test_ctrl_c_reaches_the_parent_alone(pair: Served) -> None:
    """A terminal sends it to every process; the workers leave it to the parent."""
    for worker in workers(pair):
        os.kill(worker, signal.SIGINT)
    assert tree.TINY == pair.get("/any/tiny.txt").body
    assert len(workers(pair)) == 2
    pair.process.send_signal(signal.SIGINT)
    assert pair.ended() == 0


def _die(_: ServerSettings, __: WorkerContext, ___: object) -> None:
    raise SystemExit(3)


def test_workers_that_can_t_start_are_no_start(few: Built) -> None:
    wanted = replace(settings(few.root, few.state), workers=2)
    told: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        post = WorkerContext(listener, None, SharedMetrics.shared(2))
        assert not Supervisor(_die, wanted, post).run(lambda: told.append("started"))
    assert [] == told


def _sleep(_: ServerSettings, __: WorkerContext, ___: object) -> None:
    signal.pause()


def test_who_ends_it_before_its_workers_are_ready_sees_no_failure(few: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = replace(settings(few.root, few.state), workers=2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        workers = Supervisor(_sleep, wanted, WorkerContext(listener, None, SharedMetrics.shared(2)))
        ready = workers._await_ready

        def ended() -> bool:
            os.kill(os.getpid(), signal.SIGTERM)
            return ready()

        monkeypatch.setattr(workers, "_await_ready", ended)
        assert workers.run(lambda: pytest.fail("it says that it started"))


def test_workers_that_take_too_long_are_told(
    few: Built, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(supervisor, "_START_SECONDS", 0)
    wanted = replace(settings(few.root, few.state), workers=2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert not Supervisor(_sleep, wanted, WorkerContext(listener, None, SharedMetrics.shared(2))).run(lambda: None)
    assert "the workers were not ready within 0 seconds" in caplog.text


def test_the_release_that_is_gone_is_no_start(few: Built, tmp_path: Path) -> None:
    (few.state / "current").unlink()
    wanted = replace(settings(few.root, few.state), workers=2)
    with pytest.raises(AssertionError, match="release-missing"), serving(wanted, tmp_path / "log.txt"):
        pass


def test_many_hangups_while_it_builds_are_one_more_build(few: Built) -> None:
    """And the end, whenever it was asked for, is the end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        workers = Supervisor(
            lambda *_: None, settings(few.root, few.state), WorkerContext(listener, None, SharedMetrics(2))
        )
        for _ in range(5):
            workers._take_signal(signal.SIGHUP, None)
        assert workers._next_call()
        assert workers._calls.empty()
        workers._take_signal(signal.SIGHUP, None)
        workers._take_signal(signal.SIGTERM, None)
        workers._take_signal(signal.SIGHUP, None)
        assert not workers._next_call()

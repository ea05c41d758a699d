"""The worker: one clock, one Date and one release for all connections of a worker."""

from __future__ import annotations

import email.utils

import pytest

from cdnserve.release.build import build
from cdnserve.release.store import Store
from cdnserve.server import worker as module
from cdnserve.server.access_log import AccessLog, LoggedExchange
from cdnserve.server.live import Live
from cdnserve.server.settings import ServerLimits
from cdnserve.server.worker import Worker
from tests.contract.wire import message
from tests.server.conftest import Built

HEAD = message("GET", "/any/tiny.txt")


def make(place: Built, log: AccessLog | None = None) -> Worker:
    """Make the worker of a release."""
    return Worker(Live(Store(place.state)), ServerLimits(memory=1 << 20), log)


def test_a_second_brings_a_new_date(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = make(built)
    answer = worker.responses.find(HEAD)
    assert answer is not None
    now = email.utils.parsedate_to_datetime(worker.openings.date.decode().partition(": ")[2].strip())
    assert now.tzinfo is not None
    monkeypatch.setattr(module, "formatdate", lambda usegmt: "Thu, 29 Feb 2024 12:34:56 GMT")
    tick = worker.tick
    worker.beat()
    assert tick + 1 == worker.tick
    assert answer.opening.octets == b"HTTP/1.1 200 OK\r\ndate: Thu, 29 Feb 2024 12:34:56 GMT\r\n"


def test_a_second_writes_what_waits_for_the_log(built: Built) -> None:
    written: list[bytes] = []
    worker = make(built, AccessLog("json", written.append))
    assert worker.log is not None
    worker.log.record(LoggedExchange("::1", "GET / HTTP/1.1", 200, 6))
    assert [] == written
    worker.beat()
    assert len(written) == 1


def test_a_swap_lets_go_of_every_answer(few: Built) -> None:
    worker = make(few)
    before = worker.responses
    (old,) = [before.find(HEAD)]
    (few.root / "any/tiny.txt").write_bytes(b"other\n")
    build(few.root, few.state)
    assert worker.live.reload()
    assert before is not worker.responses
    assert {} == worker.responses.facts
    new = worker.responses.find(HEAD)
    assert old is not None
    assert new is not None
    assert old.tail.endswith(b"\r\n\r\nHello\n")
    assert new.tail.endswith(b"\r\n\r\nother\n")

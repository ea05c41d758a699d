"""Pipelining (RFC 9112 §9.3.2): every request its answer, in order, however the octets are cut."""

from __future__ import annotations

import itertools
import random
import time
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.wire import Connection, message
from tests.server import tree
from tests.server.serving import LANES, Served
from tests.server.transcript import LAST, statuses, transcript


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, and the answer that it must get."""

    octets: bytes
    status: int = 200
    body: bytes = b""
    method: str = "GET"


GET = Ask(message("GET", "/any/tiny.txt"), body=tree.TINY)
SLOW = Ask(message("POST", "/any/tiny.txt", [("Content-Length", "3")], body=b"abc"), 405)
LARGE = Ask(message("GET", "/any/large.woff2"), body=tree.LARGE)
HUGE = Ask(message("GET", "/any/huge.woff2"), body=tree.HUGE)
KINDS = {
    "GET": GET,
    "HEAD": Ask(message("HEAD", "/any/tiny.txt"), method="HEAD"),
    "empty": Ask(message("GET", "/any/empty.css")),
    "font": Ask(message("GET", "/any/font.woff2"), body=tree.FONT),
    "part": Ask(message("GET", "/any/large.woff2", [("Range", "bytes=5-270004")]), 206, tree.LARGE[5:270_005]),
    "large": LARGE,
    "not modified": Ask(message("GET", "/any/large.woff2", [("If-None-Match", "*")]), 304),
    "absent": Ask(message("GET", "/any/absent.js"), 404),
    "POST": SLOW,
    "chunks": Ask(
        message("POST", "/any/tiny.txt", [("Transfer-Encoding", "chunked")], body=b"3\r\na\r\n\r\n0\r\n\r\n"), 405
    ),
    "OPTIONS": Ask(message("OPTIONS", "/any/tiny.txt"), 204, method="OPTIONS"),
}


def hear(connection: Connection, asked: list[Ask]) -> None:
    """Read the answers to these requests, and make sure that nothing follows the last."""
    for ask in asked:
        response = connection.receive(ask.method)
        assert ask.status == response.status
        assert ask.status not in (200, 206) or ask.body == response.body
    assert connection.exchange(LAST).status == 404
    assert connection.drain() == b""


def cut(octets: bytes, places: list[int]) -> list[bytes]:
    """Cut octets at these places, and at most once at each."""
    edges = [0, *sorted({place % len(octets) for place in places} - {0}), len(octets)]
    return [octets[start:end] for start, end in itertools.pairwise(edges)]


@pytest.mark.parametrize("kind", KINDS)
def test_many_in_one_segment(served: Served, kind: str) -> None:
    asked = [KINDS[kind]] * (400 if len(KINDS[kind].body) < 1000 else 12)
    with served.connect() as connection:
        connection.send(b"".join(ask.octets for ask in asked))
        hear(connection, asked)


@pytest.mark.parametrize("lane", LANES)
@settings(max_examples=25)
@given(
    kinds=st.lists(st.sampled_from(list(KINDS)), min_size=1, max_size=12),
    places=st.lists(st.integers(0, 4000), max_size=8),
)
def test_any_mixture_in_any_pieces(lanes: dict[str, Served], lane: str, kinds: list[str], places: list[int]) -> None:
    asked = [KINDS[kind] for kind in kinds]
    with lanes[lane].connect() as connection:
        for piece in cut(b"".join(ask.octets for ask in asked), places):
            connection.send(piece)
            time.sleep(0.0005)  # so that most pieces arrive by themselves
        hear(connection, asked)


@pytest.mark.parametrize("first", [SLOW, HUGE], ids=["the application's", "a large one"])
def test_a_fast_answer_waits_for_a_slow_one(served: Served, first: Ask) -> None:
    asked = [GET, first, GET, KINDS["HEAD"], first, GET]
    with served.connect() as connection:
        connection.send(b"".join(ask.octets for ask in asked))
        hear(connection, asked)


def test_a_reader_who_begins_late_gets_all_in_order(served: Served) -> None:
    asked = [HUGE, GET, SLOW, LARGE, GET]
    with served.connect() as connection:
        for ask in asked:
            connection.send(ask.octets)
        assert served.get("/any/tiny.txt").body == tree.TINY  # another's, while all of these wait
        hear(connection, asked)


def test_requests_that_come_while_a_large_answer_is_under_way(served: Served) -> None:
    """First a head whose content comes later, so that what comes later is not taken for a request."""
    body = GET.octets
    head = message("POST", "/any/tiny.txt", [("Content-Length", str(len(body)))])
    with served.connect() as connection:
        connection.send(HUGE.octets + head)
        connection.send(body[:10])
        hear_first = connection.receive()
        connection.send(body[10:] + GET.octets)
        assert tree.HUGE == hear_first.body
        hear(connection, [SLOW, GET])


@pytest.mark.parametrize(
    "before", [[GET], [GET, GET, GET], [HUGE, GET, LARGE, GET]], ids=["one", "several", "slow ones"]
)
@pytest.mark.parametrize("wrong", [b"\x00\x01\x02", b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", b"GET /any"], ids=ascii)
def test_good_requests_are_answered_before_a_bad_one_ends_it(served: Served, before: list[Ask], wrong: bytes) -> None:
    """Then 400, or no more than the end: the last good answer may say it."""
    said = statuses(transcript(served, b"".join(ask.octets for ask in before) + wrong + b"\x00"))
    good = [ask.status for ask in before]
    assert said in ([*good, 400], good)


def test_the_fast_lane_says_why_it_ends(lanes: dict[str, Served]) -> None:
    for wrong, status in ((b"\x00", 400), (message("FOO", "/"), 405), (message("GET", "/", version="HTTP/2.0"), 505)):
        assert [200, 200, status] == statuses(transcript(lanes["fast"], GET.octets * 2 + wrong))


def test_hundreds_of_requests_on_one_connection(served: Served) -> None:
    order = random.Random(5)
    with served.connect() as connection:
        for kind in order.choices(list(KINDS), k=600):
            ask = KINDS[kind]
            response = connection.exchange(ask.octets, ask.method)
            assert (kind, ask.status) == (kind, response.status)
            assert ask.status not in (200, 206) or ask.body == response.body

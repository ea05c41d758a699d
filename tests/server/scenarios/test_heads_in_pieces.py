"""A head may come in any pieces (RFC 9112 §2.2): what is answered doesn't depend on how TCP cut it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.wire import Connection, Response, message
from tests.server import tree
from tests.server.serving import LANES, Served

HEAD = message(
    "GET",
    "/partners/tiny.txt?v=1",
    [
        ("Connection", "keep-alive"),
        ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64)"),
        ("Accept-Encoding", "gzip, deflate, br, zstd"),
        ("Origin", tree.ORIGIN),
    ],
)
BODY = message("POST", "/any/tiny.txt", [("Transfer-Encoding", "chunked")], body=b"3\r\n\r\n\r\r\n0\r\n\r\n")


def send(connection: Connection, *pieces: bytes) -> Response:
    """Send pieces that arrive one by one, and read the answer."""
    for piece in pieces:
        connection.send(piece)
        time.sleep(0.001)
    return connection.receive()


@pytest.mark.parametrize(("octets", "status"), [(HEAD, 200), (BODY, 405)], ids=["a head", "a head and chunks"])
def test_cut_at_every_place(served: Served, octets: bytes, status: int) -> None:
    with served.connect() as connection:
        whole = send(connection, octets)
        assert status == whole.status
        for place in range(1, len(octets)):
            assert whole.comparable() == send(connection, octets[:place], octets[place:]).comparable(), place


@pytest.mark.parametrize("lane", LANES)
@settings(max_examples=40)
@given(places=st.tuples(st.integers(1, len(HEAD) - 1), st.integers(1, len(HEAD) - 1)))
def test_cut_in_three(lanes: dict[str, Served], lane: str, places: tuple[int, int]) -> None:
    first, second = sorted(places)
    with lanes[lane].connect() as connection:
        whole = send(connection, HEAD)
        assert whole.comparable() == send(connection, HEAD[:first], HEAD[first:second], HEAD[second:]).comparable()


def test_octet_by_octet_with_empty_lines_before(served: Served) -> None:
    with served.connect() as connection:
        whole = send(connection, HEAD)
        again = send(connection, *(bytes([octet]) for octet in b"\r\n\r\n" + HEAD))
        assert whole.comparable() == again.comparable()


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        pytest.param(message("FOO", "/any/tiny.txt", [("Connection", "close")]), 405, id="an unknown method"),
        pytest.param(message("F(O", "/any/tiny.txt"), 400, id="no method"),
        pytest.param(message("GET", "/any/tiny.txt", version="HTTP/2.0"), 505, id="another version"),
        pytest.param(message("GET", "http://a:99999/"), 400, id="an impossible port"),
        pytest.param(message("GET", "/any/tiny.txt", [("X ", "a")]), 400, id="white space before a colon"),
    ],
)
def test_a_refusal_doesn_t_depend_on_the_pieces(served: Served, octets: bytes, status: int) -> None:
    for place in range(1, len(octets), 3):
        with served.connect() as connection:
            connection.send(octets[:place])
            time.sleep(0.001)
            try:
                connection.send(octets[place:])
            except ConnectionError:
                assert status != 505  # refused by what came first, which holds no version
            assert status == connection.receive().status
            assert connection.drain() == b""

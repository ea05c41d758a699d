"""Connections (RFC 9112 §9): keep-alive, close, pipelining, HTTP/1.0, and however TCP cuts the octets."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract import site as sites
from tests.contract.edges import Edge
from tests.contract.scenes import EVERY_SCENE, SCENES, Scene
from tests.contract.wire import message

PATH = "/any/1.0.0/app.js"


@EVERY_SCENE
def test_close_is_said_and_done(edge: Edge, scene: Scene) -> None:
    """RFC 9112 §9.6: who is asked to close SHOULD say so."""
    with edge.connect() as connection:
        response = connection.exchange(scene.request("any/1.0.0", ("Connection", "close")), scene.method)
    assert "close" in response.members("connection")


def test_pipelined_requests_are_answered_in_order(edge: Edge) -> None:
    """RFC 9112 §9.3.2: all in one segment, of every kind, a part of the next request at its end."""
    requests = [scene.request("any/1.0.0") for scene in SCENES]
    with edge.connect() as connection:
        connection.send(b"".join(requests) + requests[0][:10])
        for scene in SCENES:
            assert scene.status == connection.receive(scene.method).status
        connection.send(requests[0][10:])
        assert sites.APP == connection.receive().body


def test_pipelined_large_files_come_whole(edge: Edge) -> None:
    """More than any buffer holds, with small answers in between, read only when all is asked for."""
    with edge.connect() as connection:
        connection.send((message("GET", "/any/1.0.0/big.woff2") + message("GET", PATH)) * 12)
        for _ in range(12):
            assert sites.BIG == connection.receive().body
            assert sites.APP == connection.receive().body


BODY = message("GET", "/any/1.0.0/tiny.txt") * 2


EXCHANGES = [
    ("GET", message("GET", PATH), 200),
    ("GET", message("GET", "/any/1.0.0/big.woff2", [("Range", "bytes=1-300000")]), 206),
    ("GET", message("GET", "/any/1.0.0/big.woff2"), 200),
    ("HEAD", message("HEAD", PATH), 200),
    ("GET", message("GET", PATH, [("If-None-Match", "*")]), 304),
    ("OPTIONS", message("OPTIONS", "*"), 204),
    ("GET", message("GET", "/any/1.0.0/absent.js"), 404),
    ("POST", message("POST", PATH, [("Content-Length", str(len(BODY)))], body=BODY), 405),
    ("GET", message("GET", PATH, [("Content-Length", "3")], body=b"abc"), 200),
    ("GET", message("GET", PATH, [("Transfer-Encoding", "chunked")], body=b"3\r\nabc\r\n0\r\n\r\n"), 200),
    ("GET", b"\r\n" + message("GET", "/any/1.0.0/tiny.txt"), 200),
]


@settings(max_examples=80, deadline=None)
@given(
    exchanges=st.lists(st.sampled_from(EXCHANGES), min_size=2, max_size=8),
    cuts=st.lists(st.integers(0, 1_200), max_size=12),
)
def test_segments_mean_nothing(edge: Edge, exchanges: list[tuple[str, bytes, int]], cuts: list[int]) -> None:
    """RFC 9112 §2.1: a message is its octets, however TCP cuts them; so each request gets its answer, in order."""
    stream = b"".join(octets for _, octets, _ in exchanges)
    places = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    with edge.connect() as connection:
        for start, end in pairwise(places):
            connection.send(stream[start:end])
        answers = [connection.receive(method) for method, _, _ in exchanges]
        assert [status for _, _, status in exchanges] == [answer.status for answer in answers]
        assert edge.get(PATH).comparable() == connection.exchange(message("GET", PATH)).comparable()


@settings(max_examples=60, deadline=None)
@given(exchanges=st.lists(st.sampled_from(EXCHANGES), min_size=2, max_size=8), cut=st.integers(1, 60))
def test_a_request_that_starts_early_is_not_lost(edge: Edge, exchanges: list[tuple[str, bytes, int]], cut: int) -> None:
    """The first octets of each request come with the one before, the rest only after its answer was read."""
    with edge.connect() as connection:
        sent = 0
        for (method, octets, status), following in zip(exchanges, [*exchanges[1:], ("", b"", 0)], strict=True):
            connection.send(octets[sent:] + following[1][:cut])
            sent = cut
            assert status == connection.receive(method).status


def test_a_request_may_come_octet_by_octet(edge: Edge) -> None:
    with edge.connect() as connection:
        for octet in message("GET", PATH, [("If-Match", "*")]):
            connection.send(bytes([octet]))
        assert connection.receive().status == 200


def test_http_1_0_is_answered_and_closed(edge: Edge) -> None:
    """RFC 9112 §9.3: without keep-alive, an HTTP/1.0 connection ends with its first response."""
    with edge.connect() as connection:
        response = connection.exchange(message("GET", PATH, host=None, version="HTTP/1.0"))
        assert (response.status, response.body) == (200, sites.APP)
        assert "close" in response.members("connection")
        assert connection.drain() == b""


@pytest.mark.parametrize("value", ["keep-alive", "Keep-Alive", "keep-alive, x"])
@EVERY_SCENE
def test_http_1_0_is_kept_alive_for_who_asks(edge: Edge, value: str, scene: Scene) -> None:
    """RFC 9112 §9.3: a client of 1.0 that asked for it must be told, or it waits for the end."""
    octets = scene.request("any/1.0.0", ("Connection", value)).replace(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", 1)
    with edge.connect() as connection:
        for _ in range(2):
            response = connection.exchange(octets, scene.method)
            assert (scene.status, "keep-alive") == (response.status, response.get("connection"))
        assert connection.exchange(message("GET", PATH, version="HTTP/1.0"))["connection"] == "close"
        assert connection.drain() == b""


@pytest.mark.parametrize(
    "field",
    [
        *(("Connection", value) for value in ("keep-alive, close", "close, keep-alive", "Close, Keep-Alive", "x", "")),
        ("Connection", "keep-alivex"),
        ("Connectionx", "keep-alive"),
        ("Keep-Alive", "timeout=5"),
        ("Proxy-Connection", "keep-alive"),
    ],
    ids=": ".join,
)
@pytest.mark.parametrize("path", [PATH, "/any/1.0.0/big.woff2", "/-/health"])
def test_http_1_0_is_closed_where_it_is_not_asked_for(edge: Edge, path: str, field: tuple[str, str]) -> None:
    """RFC 9112 §9.3, appendix C.2.2: close wins, and a proxy that passes Proxy-Connection on doesn't know it."""
    with edge.connect() as connection:
        connection.send(message("GET", path, [field], version="HTTP/1.0") + message("GET", PATH))
        assert connection.receive()["connection"] == "close"
        assert connection.drain() == b""


@pytest.mark.parametrize("path", ["/any/1.0.0/big.woff2", "/any/1.0.0/font.woff2", PATH])
@pytest.mark.parametrize("before", [[], [message("POST", PATH, [("Content-Length", "3")], body=b"abc")]])
def test_a_response_that_closes_is_whole_whatever_the_client_sent_on(
    edge: Edge, path: str, before: list[bytes]
) -> None:
    """RFC 9112 §9.6: octets that were not read would have TCP reset the connection, and the response with it."""
    last = message("GET", path, [("Connection", "close")])
    for _ in range(5):
        with edge.connect() as connection:
            # More than is read at once.
            connection.send(b"".join(before) + last + message("GET", PATH) * 8000)
            for _ in before:
                connection.receive()
            response = connection.receive()
            assert (200, int(response["content-length"])) == (response.status, len(response.body))
            assert connection.drain() == b""


def test_what_follows_a_close_is_not_answered(edge: Edge) -> None:
    """RFC 9112 §9.6: a server that got close MUST NOT process any further requests received on that connection."""
    with edge.connect() as connection:
        connection.send(message("GET", PATH, [("Connection", "close")]) + message("GET", "/any/1.0.0/tiny.txt"))
        assert sites.APP == connection.receive().body
        assert connection.drain() == b""


@pytest.mark.parametrize("value", ["Close", "CLOSE", "x, close", "close, x", "x,close ,", "\tclose"])
def test_close_in_every_spelling(edge: Edge, value: str) -> None:
    """RFC 9110 §7.6.1: a list of tokens without regard to case."""
    with edge.connect() as connection:
        assert sites.APP == connection.exchange(message("GET", PATH, [("Connection", value)])).body
        assert connection.drain() == b""


def test_versions_are_not_mixed_up(edge: Edge) -> None:
    """One and the same header block means another thing in HTTP/1.0; what is remembered of it must know."""
    path, alive = "/any/1.0.0/style.css", [("Connection", "keep-alive")]
    for _ in range(3):
        for fields, version in ((alive, "HTTP/1.0"), ([("Connection", "close")], "HTTP/1.1"), ([], "HTTP/1.0")):
            with edge.connect() as connection:
                assert connection.exchange(message("GET", path, fields, version=version)).status == 200
        for fields in (alive, []):
            with edge.connect() as connection:
                for _ in range(2):
                    assert connection.exchange(message("GET", path, fields)).status == 200
                    assert connection.open


@pytest.mark.parametrize("path", [PATH, "/any/1.0.0/big.woff2", "/any/1.0.0/absent.js"])
def test_a_client_that_has_said_all_gets_its_answer(edge: Edge, path: str) -> None:
    """RFC 9293 §3.6: a half-closed connection still carries the other direction; many a script asks like this."""
    with edge.connect() as connection:
        connection.send(message("GET", path))
        connection.finish()
        assert connection.receive().status == (404 if "absent" in path else 200)
        assert connection.drain() == b""


@pytest.mark.parametrize("value", ["closed", "not-close", "keep-alive", "x", ""])
def test_other_options_keep_the_connection(edge: Edge, value: str) -> None:
    with edge.connect() as connection:
        for _ in range(2):
            assert sites.APP == connection.exchange(message("GET", PATH, [("Connection", value)])).body


def test_many_connections_at_once(edge: Edge) -> None:
    connections = [edge.connect() for _ in range(60)]
    for connection in connections:
        connection.send(message("GET", PATH))
    assert {sites.APP} == {connection.receive().body for connection in connections}
    for connection in connections:
        connection.close()


def test_a_client_that_leaves_harms_nobody(edge: Edge) -> None:
    """In the middle of a head, of a body and of a large response."""
    for octets in (
        b"GET / HT",
        message("POST", PATH, [("Content-Length", "9")], body=b"abc"),
        message("GET", "/any/1.0.0/big.woff2"),
    ):
        with edge.connect() as connection:
            connection.send(octets)
    assert edge.get(PATH).status == 200

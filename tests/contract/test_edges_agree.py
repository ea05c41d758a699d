"""The edges agree: what differs between them would be a bug that depends on which one a request meets."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract import site as sites
from tests.contract.edges import ALL_AT_ONCE, H1_EDGES, AllAtOnce, Edge, Edges, on_the_wire
from tests.contract.scenes import SCENES
from tests.contract.test_vary_honesty import FIELDS, METHODS, PATHS
from tests.contract.wire import Field, message


@pytest.fixture(scope="module")
def all_at_once(edges: Edges) -> Iterator[Edge]:
    """Every edge, side by side on one release."""
    yield from edges.lend(ALL_AT_ONCE)


@pytest.mark.parametrize("folder", sites.FOLDERS)
def test_every_scene_is_the_same_on_every_edge(all_at_once: Edge, folder: str) -> None:
    """RFC 9110 §3.1: what a message means doesn't depend on how it is framed."""
    for scene in SCENES:
        for more in ((), (("Origin", sites.ORIGIN),), (("Origin", sites.STRANGER),), (("Connection", "close"),)):
            scene.play(all_at_once, folder, *more)


_DATE = re.compile(rb"(?m)^date: .*$")

WRONG = (
    b"\x00",
    b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    b"GET /any/1.0.0/app.js\n\r\nfoo bar\r\n\r\n",
    message("GET", "/", version="HTTP/2.0"),
    message("GET", "/any/1.0.0/app.js", [("X", "")] * 200),
    message("GET", "http://a:99999/"),
    message("G(T", "/any/1.0.0/app.js"),
    message("POST", "/any/1.0.0/app.js", [("Transfer-Encoding", "gzip")]),
    message("POST", "/any/1.0.0/app.js", [("Transfer-Encoding", "chunked")], body=b"zz\r\n"),
    message("GET", "/any/1.0.0/app.js", [("Connection", "close")]),
)
BEFORE = (
    message("GET", "/any/1.0.0/big.woff2"),
    message("GET", "/any/1.0.0/app.js"),
    message("POST", "/any/1.0.0/app.js", [("Content-Length", "3")], body=b"abc"),
    message("FOO", "/partners/app.js", [("Origin", sites.ORIGIN)]),
    message("GET", "/any/1.0.0/absent.js", [("Connection", "keep-alive")], version="HTTP/1.0"),
)


def _all_that_is_said(edge: Edge, stream: bytes, count: int) -> list[object]:
    with edge.connect() as connection:
        connection.send(stream)
        said: list[object] = [on_the_wire(connection.receive()) for _ in range(count)]
        return [*said, connection.drain()]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda octets: ascii(octets[:60]))
@pytest.mark.parametrize("before", [(), *((one,) for one in BEFORE), BEFORE], ids=lambda asked: f"behind {len(asked)}")
def test_a_refusal_is_the_same_octets_wherever_it_stands(edges: Edges, before: tuple[bytes, ...], wrong: bytes) -> None:
    """Also behind responses that are under way; and nothing is said behind it."""
    stream = b"".join(before) + wrong + message("GET", "/any/1.0.0/app.js")
    first, *others = (_all_that_is_said(edges[name], stream, len(before) + 1) for name in H1_EDGES)
    assert first[-1] == b""
    for other in others:
        assert first == other


@settings(max_examples=300, deadline=None)
@given(
    method=st.sampled_from(METHODS),
    path=st.sampled_from(PATHS),
    fields=st.lists(st.sampled_from([(n, v) for n, values in FIELDS.items() for v in values]), max_size=5),
)
def test_any_request_gets_the_same_on_every_edge(
    all_at_once: Edge, method: str, path: str, fields: list[Field]
) -> None:
    all_at_once.ask(method, path, *fields)


OF_THE_CONNECTION = [
    *(("Connection", value) for value in ("close", "Keep-Alive", "keep-alive, close", "x", "", " close \t", "Upgrade")),
    *(("Proxy-Connection", value) for value in ("keep-alive", "close")),
    *(("Upgrade", "h2c"), ("Expect", "100-continue"), ("Keep-Alive", "timeout=5"), ("TE", "trailers")),
    *(("Connectionx", "close"), ("CONNECTION", "close"), ("Host", "again.example"), ("Bad Name", "x")),
]
CONTENTS = [
    ((), b""),
    ((("Content-Length", "0"),), b""),
    ((("Content-Length", "3"),), b"abc"),
    ((("Transfer-Encoding", "chunked"),), b"3;x=y\r\nabc\r\n0\r\nConnection: close\r\n\r\n"),
    ((("Transfer-Encoding", "chunked"), ("Content-Length", "3")), b"0\r\n\r\n"),
    ((("Transfer-Encoding", "x"),), b""),
]
LINES = [
    f"{method} {path} {version}"
    for method in ("GET", "POST")
    for path in ("/any/1.0.0/app.js", "/any/1.0.0/big.woff2", "/partners/absent.js", "http://a.example/%zz")
    for version in ("HTTP/1.1", "HTTP/1.0", "RTSP/1.0")
]
LAST = message("GET", "/any/1.0.0/tiny.txt", [("Connection", "close")])


@st.composite
def _requests(draw: st.DrawFn) -> bytes:
    framing, content = draw(st.sampled_from(CONTENTS))
    fields = [("Host", "cdn.example.com"), *draw(st.lists(st.sampled_from(OF_THE_CONNECTION), max_size=2)), *framing]
    empty = draw(st.sampled_from([b"", b"", b"\r\n"]))
    line = draw(st.sampled_from(LINES)).encode()
    return empty + b"\r\n".join([line, *(f"{name}: {value}".encode() for name, value in fields), b"", content])


@settings(max_examples=150, deadline=None)
@given(requests=st.lists(_requests(), min_size=1, max_size=3))
def test_any_stream_gets_the_same_octets_from_every_edge(edges: Edges, requests: list[bytes]) -> None:
    """Which of them are answered, what each answer says, and where the connection ends; twice, as it may be known."""
    said = []
    for name in (*H1_EDGES, *H1_EDGES):
        with edges[name].connect() as connection:
            connection.send(b"".join(requests) + LAST)
            said.append(_DATE.sub(b"", connection.drain()))
    for other in said:
        assert said[0] == other


def test_a_difference_is_told(edges: Edges, library_edges: Edges) -> None:
    """The judge is awake."""
    first, second = edges["asgi"], library_edges["asgi"]
    both = AllAtOnce("both", first.address, first.log, edges=(first, second))
    assert 404 == both.get("/absent.js").status
    with pytest.raises(AssertionError, match="asgi and asgi differ"):
        both.get("/any/1.0.0/app.js")

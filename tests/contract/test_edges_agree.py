"""The edges agree: what differs between them would be a bug that depends on which one a request meets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract import site as sites
from tests.contract.edges import EDGES, H1_EDGES, Edge, running
from tests.contract.scenes import SCENES
from tests.contract.site import Site
from tests.contract.test_vary_honesty import FIELDS, METHODS, PATHS
from tests.contract.wire import Field, Response, message


@pytest.fixture(scope="module")
def all_edges(site: Site, state: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Edge]]:
    """Every edge, side by side on one release."""
    logs = tmp_path_factory.mktemp("logs")
    with ExitStack() as stack:
        yield {name: stack.enter_context(running(name, site.root, state, logs / name)) for name in EDGES}


@pytest.fixture(scope="module")
def edges(all_edges: dict[str, Edge]) -> list[Edge]:
    """Those whose octets can be compared."""
    return [all_edges[name] for name in H1_EDGES]


def _on_the_wire(response: Response) -> tuple[int, str, list[tuple[str, str]], bytes]:
    fields = [(name, "" if name == "date" else value) for name, value in response.fields]
    return response.status, response.reason, fields, response.body


@pytest.mark.parametrize("folder", sites.FOLDERS)
def test_every_scene_is_the_same_octets_on_every_edge(edges: list[Edge], folder: str) -> None:
    """Status line, fields in their order, content; only Date may tick on."""
    for scene in SCENES:
        for more in ((), (("Origin", sites.ORIGIN),), (("Origin", sites.STRANGER),), (("Connection", "close"),)):
            first, *others = (_on_the_wire(scene.play(edge, folder, *more)) for edge in edges)
            for other in others:
                assert first == other


@pytest.mark.parametrize("folder", sites.FOLDERS)
def test_every_scene_says_the_same_in_http_2(all_edges: dict[str, Edge], folder: str) -> None:
    """RFC 9110 §3.1: what a message means doesn't depend on how it is framed."""
    for scene in SCENES:
        for more in ((), (("Origin", sites.ORIGIN),), (("Origin", sites.STRANGER),)):
            known, other = (_on_the_wire(scene.play(all_edges[name], folder, *more)) for name in (H1_EDGES[0], "http2"))
            assert known == other


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
        said: list[object] = [_on_the_wire(connection.receive()) for _ in range(count)]
        return [*said, connection.drain()]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda octets: ascii(octets[:60]))
@pytest.mark.parametrize("before", [(), *((one,) for one in BEFORE), BEFORE], ids=lambda asked: f"behind {len(asked)}")
def test_a_refusal_is_the_same_octets_wherever_it_stands(
    edges: list[Edge], before: tuple[bytes, ...], wrong: bytes
) -> None:
    """Also behind responses that are under way; and nothing is said behind it."""
    stream = b"".join(before) + wrong + message("GET", "/any/1.0.0/app.js")
    first, *others = (_all_that_is_said(edge, stream, len(before) + 1) for edge in edges)
    assert first[-1] == b""
    for other in others:
        assert first == other


@settings(max_examples=300, deadline=None)
@given(
    method=st.sampled_from(METHODS),
    path=st.sampled_from(PATHS),
    fields=st.lists(st.sampled_from([(n, v) for n, values in FIELDS.items() for v in values]), max_size=5),
)
def test_any_request_is_the_same_octets_on_every_edge(
    edges: list[Edge], method: str, path: str, fields: list[Field]
) -> None:
    first, *others = (_on_the_wire(edge.ask(method, path, *fields)) for edge in edges)
    for other in others:
        assert first == other

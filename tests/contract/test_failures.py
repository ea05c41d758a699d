"""Content that can't be read is a 503 that scripts may read, caches don't keep, and that heals."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from cdnserve.release.build import build
from tests.contract import site as sites
from tests.contract.edges import EDGES, REPLICAS, Edge, Edges
from tests.contract.policies import expected, found
from tests.contract.site import Site
from tests.contract.wire import Field, Response, message
from tests.server.serving import eventually

LOST = "app.js"


@pytest.fixture(scope="module")
def every_broken(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Edges, Path]]:
    """Edges whose blobs lie elsewhere, as on a disk that fails, and the folder where they belong."""
    folder = tmp_path_factory.mktemp("broken")
    state = folder / "state"
    build(site.root, state)
    with Edges(site.root, state, folder) as edges:
        for name in EDGES:
            edges[name].close()  # it runs now
        # So that no build makes them again: nobody can hold the lock.
        (state / "build.lock").unlink()
        (state / "build.lock").mkdir()
        blobs = state / "blobs"
        blobs.rename(state / "elsewhere")
        yield edges, blobs


@pytest.fixture(params=EDGES)
def broken(request: pytest.FixtureRequest, every_broken: tuple[Edges, Path]) -> tuple[Edge, Path]:
    """One of the edges, and the folder of its blobs."""
    edges, blobs = every_broken
    return edges[request.param], blobs


def _ask(edge: Edge, method: str, target: str, *fields: Field) -> Response:
    """Ask as `Edge.ask` does, but a 503, which nothing else may get, is no breach."""
    with closing(edge.open()) as connection:
        return connection.exchange(message(method, target, fields), method)


@pytest.mark.parametrize("folder", ["any/1.0.0", "partners", "none"])
def test_lost_content_is_a_503_under_the_policy(broken: tuple[Edge, Path], folder: str) -> None:
    edge, _ = broken
    for coding in ("", "br"):
        response = _ask(edge, "GET", f"/{folder}/{LOST}", ("Origin", sites.ORIGIN), ("Accept-Encoding", coding))
        assert (response.status, response["cache-control"]) == (503, "no-store")
        assert (response["content-type"], response["x-content-type-options"]) == (
            "text/plain; charset=utf-8",
            "nosniff",
        )
        assert expected(folder, sites.ORIGIN, allowed=True) == found(response)
        assert response.get("etag") is None
        assert ("origin" in response.members("vary")) == (folder in sites.LISTED)


def test_what_needs_no_content_is_answered(broken: tuple[Edge, Path]) -> None:
    edge, _ = broken
    assert _ask(edge, "GET", "/any/1.0.0/app.js", ("If-None-Match", "*")).status == 304
    assert _ask(edge, "GET", "/secret.txt").status == 404
    assert _ask(edge, "OPTIONS", "/any/1.0.0/app.js").status == 204


def test_content_that_comes_back_is_served(broken: tuple[Edge, Path], site: Site) -> None:
    """A failure is not remembered, but that a replica lets its store rest for a second."""
    edge, blobs = broken
    paths = ("any/1.0.0/style.css", "any/1.0.0/big.woff2")
    assert [503, 503] == [_ask(edge, "GET", f"/{path}").status for path in paths]

    def is_right(path: str) -> bool:
        answer = _ask(edge, "GET", f"/{path}")
        return (200, site.files[path]) == (answer.status, answer.body)

    elsewhere = (blobs.parent / "elsewhere").rename(blobs)
    try:
        for path in paths:
            assert is_right(path) or (edge.name in REPLICAS and eventually(partial(is_right, path)))
    finally:
        elsewhere.rename(blobs.parent / "elsewhere")

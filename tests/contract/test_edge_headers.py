"""What is said to edges alone, on request in the manifest: Cache-Tag, Surrogate-Key, CDN-Cache-Control (RFC 9213)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cdnserve.release.build import build
from tests.contract.edges import TWO, Edge, running
from tests.contract.site import MODIFIED
from tests.contract.wire import Field, Response

SCRIPT = "".join(f"export const value{n} = {n}; // a line that codings shorten\n" for n in range(60))
MANIFEST = """\
schema = 1

[site]
url = "https://cdn.example.com"
cache-tags = ["Surrogate-Key", "Cache-Tag"]

[[publish]]
path = "npm/**"
cors = "any"
cache = "immutable"

[[publish]]
path = "widgets/**"
cors = "partners"
cache = "purged"

[cors.partners]
allow-origins = ["https://app.example.com"]

[cache.purged]
max-age = 60
cdn-max-age = 31536000
cdn-stale-while-revalidate = 3600
"""
FILES = {"npm/@acme/lib@1.2.0/lib.js": SCRIPT, "widgets/app.js": SCRIPT}
LIBRARY, WIDGET = "/npm/@acme/lib@1.2.0/lib.js", "/widgets/app.js"
FOR_EDGES = ("cache-tag", "surrogate-key", "cdn-cache-control")


def write(root: Path, manifest: str) -> Path:
    for path, text in {**FILES, "manifest.toml": manifest}.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        os.utime(place, (MODIFIED, MODIFIED))
    return root


@pytest.fixture(scope="module")
def edges(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, bool], Edge]]:
    """Two edges with the headers, and two without."""
    folder = tmp_path_factory.mktemp("edge-headers")
    with ExitStack() as stack:
        started = {}
        for asked in (True, False):
            lines = MANIFEST.splitlines(keepends=True)
            wanted = lines if asked else [line for line in lines if not line.startswith(("cache-tags", "cdn-"))]
            root, state = write(folder / f"root-{asked}", "".join(wanted)), folder / f"state-{asked}"
            build(root, state)
            for name in TWO:
                started[name, asked] = stack.enter_context(running(name, root, state, folder / f"{name}-{asked}.txt"))
        yield started


CDN = "max-age=31536000, stale-while-revalidate=3600"
SCENES = [
    pytest.param("GET", LIBRARY, (), 200, ("@acme/lib,@acme/lib@1.2.0", None), id="a library"),
    pytest.param("GET", "/npm/@acme/lib@1/lib.js", (), 302, ("@acme/lib", None), id="an alias"),
    pytest.param("GET", "/npm/@acme/lib@9/lib.js", (), 404, ("@acme/lib", None), id="no such version"),
    pytest.param("GET", WIDGET, (), 200, ("widgets/", CDN), id="a file"),
    pytest.param("HEAD", WIDGET, (), 200, ("widgets/", CDN), id="HEAD"),
    pytest.param("GET", WIDGET, (("Accept-Encoding", "br"),), 200, ("widgets/", CDN), id="a coded file"),
    pytest.param("GET", WIDGET, (("Range", "bytes=0-9"),), 206, ("widgets/", CDN), id="a range"),
    pytest.param("GET", WIDGET, (("If-None-Match", "*"),), 304, ("widgets/", CDN), id="not modified"),
    pytest.param("GET", WIDGET, (("If-Match", '"x"'),), 412, ("widgets/", CDN), id="a precondition that failed"),
    pytest.param("GET", WIDGET, (("Range", "bytes=99999-"),), 416, ("widgets/", CDN), id="an unsatisfiable range"),
    pytest.param("GET", "/widgets/absent.js", (), 404, ("widgets/", None), id="no such file"),
    pytest.param("GET", WIDGET, (("Accept-Encoding", "*;q=0"),), 406, (None, None), id="nothing acceptable"),
    pytest.param("DELETE", WIDGET, (), 405, (None, None), id="another method"),
    pytest.param("OPTIONS", WIDGET, (), 204, (None, None), id="OPTIONS"),
]


def without(response: Response, *names: str) -> tuple[int, list[Field], bytes]:
    return response.status, [field for field in response.fields if field[0] not in names], response.body


@pytest.mark.parametrize(("method", "path", "fields", "status", "expected"), SCENES)
def test_edges_are_told_on_request_and_nothing_else_changes(
    edges: dict[tuple[str, bool], Edge],
    method: str,
    path: str,
    fields: tuple[Field, ...],
    status: int,
    expected: tuple[str | None, str | None],
) -> None:
    """The same on both edges, the second time too, when the fast lane has the answer ready."""
    tags, control = expected
    answers = []
    for name in TWO:
        for _ in range(2):
            told, plain = (edges[name, asked].ask(method, path, *fields) for asked in (True, False))
            assert (status, tags, control) == (told.status, told.get("cache-tag"), told.get("cdn-cache-control"))
            assert (tags and tags.replace(",", " ")) == told.get("surrogate-key")
            assert without(told, "date", *FOR_EDGES) == without(plain, "date")
            answers.append(without(told, "date"))
    assert answers == answers[:1] * len(answers)

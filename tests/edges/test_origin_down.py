"""Stale answers: while the origin server is down, and while an edge asks anew; never of what must be validated."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edges.origin import OriginServer, origin_server
from tests.edges.running import CACHES, EDGES, Edge, free_port
from tests.server.serving import eventually

BRIEF, PATIENT, VALIDATED, ALIAS = "/brief/app.js", "/patient/app.js", "/pages/app.js", "/npm/lib@1/lib.js"
GONE = "/brief/gone.js"
# All that has an age of a second is stale then; nothing tells when that is.
STALE = 2.2


@pytest.fixture(params=CACHES)
def edge_and_port(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Edge, int]]:
    """An edge before a port where an origin server may come and go."""
    port, folder = free_port(), tmp_path / "edge"
    folder.mkdir()
    with EDGES[request.param](folder, ("127.0.0.1", port)) as edge:
        yield edge, port


def is_current(edge: Edge, origin: OriginServer, target: str) -> bool:
    return edge.get(target).body == origin.ask("GET", target).body


def test_what_is_stale_is_given_only_where_that_is_allowed(edge_and_port: tuple[Edge, int], tmp_path: Path) -> None:
    edge, port = edge_and_port
    with origin_server(tmp_path, port) as origin:
        # Varnish looks again every few seconds whether the origin server is there.
        assert eventually(lambda: edge.get(BRIEF).status == 200)
        known = {target: edge.get(target) for target in (BRIEF, PATIENT, VALIDATED, ALIAS, "/widgets/absent.js", GONE)}
        (origin.root / "brief/gone.js").unlink()
        origin.publish({path: f"export default 'new {path}';\n" * 90 for path in ("brief/app.js", "patient/app.js")})
        time.sleep(STALE)
        # stale-while-revalidate: the old answer once more, and the new one soon.
        assert known[PATIENT].body == edge.get(PATIENT).body
        assert eventually(lambda: is_current(edge, origin, PATIENT))
        # Without it nobody gets the old one.
        assert is_current(edge, origin, BRIEF)
        assert (200, 404) == (known[GONE].status, edge.get(GONE).status)
        known |= {target: edge.get(target) for target in (BRIEF, PATIENT)}
    time.sleep(STALE)
    for _ in range(3):
        for target in (BRIEF, PATIENT, ALIAS, "/widgets/absent.js"):
            kept = edge.get(target)
            assert (known[target].status, known[target].body) == (kept.status, kept.body)
            assert known[target]["cache-control"] == kept["cache-control"]
        # Never what had to be validated, nor what nobody asked for before; and no cache keeps the error.
        for target in (VALIDATED, "/widgets/app.js"):
            failed = edge.get(target)
            assert (True, "no-store") == (failed.status in (502, 503, 504), failed["cache-control"])
    with origin_server(tmp_path, port) as origin:
        origin.publish({"brief/app.js": "export default 'newest';\n" * 90})
        targets = (BRIEF, PATIENT, VALIDATED, "/widgets/app.js")
        assert eventually(lambda: all(is_current(edge, origin, target) for target in targets))

"""Each edge with an origin server of its own behind it, started when a test first asks for it.

Never judges: the tests do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.edges.origin import OriginServer, origin_server
from tests.edges.running import CACHES, EDGES, Edge


@dataclass(frozen=True, slots=True)
class Pair:
    """An edge, and the origin server behind it."""

    edge: Edge
    origin: OriginServer


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Pair]]:
    """Return the pair of an edge's name, until the module ends."""
    started: dict[str, Pair] = {}
    with ExitStack() as stack:

        def find(name: str) -> Pair:
            if name not in started:
                behind, before = tmp_path_factory.mktemp(f"origin-{name}"), tmp_path_factory.mktemp(name)
                origin = stack.enter_context(origin_server(behind))
                started[name] = Pair(stack.enter_context(EDGES[name](before, origin.address)), origin)
            return started[name]

        yield find


@pytest.fixture(params=EDGES)
def pair(request: pytest.FixtureRequest, pairs: Callable[[str], Pair]) -> Pair:
    """Every edge."""
    return pairs(request.param)


@pytest.fixture(params=CACHES)
def caching(request: pytest.FixtureRequest, pairs: Callable[[str], Pair]) -> Pair:
    """Every edge that is a cache."""
    return pairs(request.param)

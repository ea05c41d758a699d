"""One root, built once, the edges that serve it, and which of them a table runs on.

Never judges: the tables do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from cdnserve.release.build import build
from tests.contract import libraries
from tests.contract import site as sites
from tests.contract.edges import ALL_AT_ONCE, EDGES, ONLY_CODED, TWO, Edge, Edges
from tests.contract.site import Site

# The tables whose answers `origin.respond` decides, whatever carries them. Each row runs on two edges (TWO), and one
# row in SAMPLED of each test on all five at once, which must agree to the octet. Other tables run on every edge.
DECIDED = {
    *("addresses", "aliases", "caching", "codings", "content_types", "cors", "dates", "host", "httplint", "if_range"),
    *("not_modified", "other_servers", "preconditions", "preflight", "preflight_headers", "private_network", "ranges"),
    *("security_headers", "vary_honesty"),
}
SAMPLED = 20
# Those of them that are about content, in whole and in part: once more where what has codings lies there only coded.
CONTENT = {"codings", "preconditions", "ranges"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a table on the edges that it needs."""
    if "edge" in metafunc.fixturenames:
        concern = metafunc.module.__name__.rpartition(".test_")[2]
        names = (*TWO, ALL_AT_ONCE) if concern in DECIDED else EDGES
        more = (ONLY_CODED,) if concern in CONTENT else ()
        metafunc.parametrize("edge", (*names, *more), indirect=True, scope="module")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave a sample of the rows that run on all edges at once: the first of each test, and some more."""
    seen: Counter[str] = Counter()
    left_out = set()
    for item in items:
        if isinstance(item, pytest.Function) and _edge_of(item) == ALL_AT_ONCE:
            test = f"{item.path}:{item.originalname}"
            if seen[test] % SAMPLED:
                left_out.add(item)
            seen[test] += 1
    config.hook.pytest_deselected(items=list(left_out))
    items[:] = [item for item in items if item not in left_out]


def _edge_of(item: pytest.Function) -> object:
    return item.callspec.params.get("edge") if hasattr(item, "callspec") else None


@pytest.fixture(scope="module", autouse=True)
def _unmeasured(unmeasured: None) -> None:
    """The tables are many thousand requests; each line and branch behind them has tests of its own."""


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The tree and the bytes of its public files."""
    return sites.write(tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory, site: Site) -> Path:
    """The state folder of a release of the site."""
    folder = tmp_path_factory.mktemp("state")
    build(site.root, folder)
    return folder


@pytest.fixture(scope="session")
def edges(site: Site, state: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edges]:
    """Every edge on the site."""
    with Edges(site.root, state, tmp_path_factory.mktemp("logs")) as started:
        yield started


@pytest.fixture(scope="session")
def library_edges(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edges]:
    """Every edge on a root of libraries."""
    folder = tmp_path_factory.mktemp("libraries")
    root, state = libraries.write(folder / "root"), folder / "state"
    build(root, state)
    with Edges(root, state, folder) as started:
        yield started


@pytest.fixture(scope="module")
def edge(request: pytest.FixtureRequest, edges: Edges) -> Iterator[Edge]:
    """An edge on the site, or all at once."""
    yield from edges.lend(request.param)

"""One root, built once, the edges that serve it, and which of them a table runs on.

Never judges: the tables do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from cdnserve.release.build import build
from tests.contract import libraries
from tests.contract import site as sites
from tests.contract.edges import ALL_AT_ONCE, EDGES, ONLY_CODED, TWO, Edge, Edges
from tests.contract.site import Site

# The tables whose answers `origin.respond` decides, whatever carries them. Each row runs on two edges (TWO), but one
# in SAMPLED of each test on all five at once, which must agree to the octet. Other tables run on every edge.
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
        concern = _concern(metafunc.module)
        names = (*TWO, ALL_AT_ONCE) if concern in DECIDED else EDGES
        more = (ONLY_CODED,) if concern in CONTENT else ()
        metafunc.parametrize("edge", (*names, *more), indirect=True, scope="module")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave rows of the sample (the first of each test, and some more) on all edges at once, and others on two."""
    if config.getoption("lf"):
        return  # what failed before is run again, whichever rows these are
    rows = {
        item: _row_of(item) for item in items if isinstance(item, pytest.Function) and _concern(item.module) in DECIDED
    }
    seen: Counter[str] = Counter()
    sampled = set()
    for test, edge, row in rows.values():
        if edge == ALL_AT_ONCE:
            if seen[test] % SAMPLED == 0:
                sampled.add((test, row))
            seen[test] += 1
    left_out = {
        item for item, (test, edge, row) in rows.items() if edge in (TWO if (test, row) in sampled else (ALL_AT_ONCE,))
    }
    config.hook.pytest_deselected(items=list(left_out))
    items[:] = [item for item in items if item not in left_out]


def _row_of(item: pytest.Function) -> tuple[str, str, str]:
    """Return test and edge of an item, and the row's name, which it has on other edges, too."""
    edge = str(item.callspec.params.get("edge", "")) if hasattr(item, "callspec") else ""
    return f"{item.path}:{item.originalname}", edge, item.name.replace(edge, "", 1)


def _concern(module: ModuleType) -> str:
    return module.__name__.rpartition(".test_")[2]


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

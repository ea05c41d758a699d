"""One root, built once, and every edge that serves it.

Never judges: the tables do.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cdnserve.release.build import build
from tests.contract import site as sites
from tests.contract.edges import EDGES, Edge, running
from tests.contract.site import Site


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory, site: Site) -> Path:
    """The state folder of a release of the site."""
    folder = tmp_path_factory.mktemp("state")
    build(site.root, folder)
    return folder


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The tree and the bytes of its public files."""
    return sites.write(tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="session", params=EDGES)
def edge(
    request: pytest.FixtureRequest, site: Site, state: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Edge]:
    """A running edge; whatever the suite sent, its log must hold no traceback in the end."""
    log = tmp_path_factory.mktemp("log") / f"{request.param}.txt"
    with running(request.param, site.root, state, log) as started:
        yield started
    assert "Traceback" not in log.read_text(errors="replace")

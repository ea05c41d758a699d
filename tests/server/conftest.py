"""One tree, built once, and both lanes that serve it.

Never judges: the tests do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from cdnserve.release.build import build
from tests.server import tree
from tests.server.serving import LANES, Served, serving, settings


@dataclass(frozen=True, slots=True)
class Built:
    """A root and the state folder of its release."""

    root: Path
    state: Path


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The tree with all files; nobody changes it."""
    root = tree.write(tmp_path_factory.mktemp("root"))
    state = tmp_path_factory.mktemp("state")
    build(root, state)
    return Built(root, state)


@pytest.fixture
def few(tmp_path: Path) -> Built:
    """A tree of a few files for one test, which may change and break it."""
    place = Built(tree.write(tmp_path / "root", tree.FEW), tmp_path / "state")
    build(place.root, place.state)
    return place


@pytest.fixture(scope="session")
def lanes(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Served]]:
    """Both lanes, running; whatever they were sent, their logs hold no traceback in the end."""
    folder = tmp_path_factory.mktemp("log")
    with ExitStack() as stack:
        yield {
            lane: stack.enter_context(serving(settings(built.root, built.state, lane), folder / f"{lane}.txt"))
            for lane in LANES
        }
    for lane in LANES:
        assert "Traceback" not in (folder / f"{lane}.txt").read_text(errors="replace")


@pytest.fixture(params=LANES)
def served(request: pytest.FixtureRequest, lanes: dict[str, Served]) -> Served:
    """Each lane in turn."""
    return lanes[request.param]

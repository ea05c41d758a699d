"""The Grafana dashboard, and the document on operations: all metrics that they name exist, with the labels they use."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server import tree
from tests.server.conftest import Built
from tests.server.scraping import OPENMETRICS, Samples, ask, scrape
from tests.server.serving import eventually, serving, settings

ROOT = Path(__file__).parents[3]
DASHBOARD = json.loads((ROOT / "deploy/grafana/cdnserve.json").read_text())
OPERATIONS = (ROOT / "docs/operations.md").read_text()
# Whose targets these are, and where in a histogram: Prometheus and the format add them.
ADDED = {"job", "instance", "le"}
NAME = re.compile(r"\bcdnserve_[a-z_]+\b")


def _expressions() -> list[str]:
    return [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]


@pytest.fixture(scope="module")
def samples(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Samples]:
    """A scrape of a server that did all that is counted."""
    with serving(settings(built.root, built.state), tmp_path_factory.mktemp("log") / "log.txt") as served:
        assert served.get("/partners/tiny.txt", ("Origin", tree.STRANGER)).status == 200
        asked = ("Access-Control-Request-Method", "GET")
        assert ask(served.address, "/any/tiny.txt", asked, method="OPTIONS").status == 204

        def found() -> set[str]:
            return {name for name, _ in scrape(served.address, OPENMETRICS)}

        assert eventually(lambda: {"cdnserve_preflights_total", "cdnserve_cors_refusals_total"} <= found())
        yield scrape(served.address, OPENMETRICS)


@pytest.mark.parametrize("expression", _expressions())
def test_a_panel_asks_for_what_there_is(samples: Samples, expression: str) -> None:
    names = set(NAME.findall(expression))
    assert names
    assert names <= {name for name, _ in samples}
    labels = {label for name, has in samples for label, _ in has if name in names}
    groups = re.findall(r"by \(([^)]*)\)", expression)
    wanted = {label.strip() for group in groups for label in group.split(",")}
    wanted |= set(re.findall(r'(\w+)=~?"', expression)) | set(re.findall(r"{{(\w+)}}", expression))
    assert wanted <= labels | ADDED


def test_every_panel_names_its_labels_and_stands_alone() -> None:
    panels: list[dict[str, Any]] = DASHBOARD["panels"]
    assert len(panels) == len({panel["id"] for panel in panels})
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_all_metrics_are_shown_and_documented(samples: Samples) -> None:
    names = {re.sub(r"_(bucket|count|sum)$", "", name) for name, _ in samples}
    shown = {re.sub(r"_(bucket|count|sum)$", "", name) for name in NAME.findall(" ".join(_expressions()))}
    assert {"cdnserve_process_start_time_seconds", "cdnserve_process_virtual_memory_bytes"} == names - shown
    documented = {re.sub(r"_(bucket|count|sum)$", "", name) for name in NAME.findall(OPERATIONS)}
    assert names == documented

"""Scrapes: the exposition, read by the parsers that prometheus_client has for scrapers.

Never made from the server's own names: a test writes them out.
"""

from __future__ import annotations

import re

from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics

from tests.contract.wire import Connection, Response, message
from tests.server.serving import Served, eventually

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def admin_address(served: Served) -> tuple[str, int]:
    """Read from the log where the admin port is."""
    written = re.compile(r"health and metrics are on http://(127\.0\.0\.1):(\d+)\n")
    # It comes after the address for everybody.
    assert eventually(lambda: bool(written.search(served.told()))), served.told()
    found = written.search(served.told())
    assert found
    return found[1], int(found[2])


def ask(address: tuple[str, int], target: str, *fields: tuple[str, str], method: str = "GET") -> Response:
    """Ask on a connection of its own."""
    with Connection(address) as connection:
        return connection.exchange(message(method, target, fields), method)


def scrape(address: tuple[str, int], accept: str = "") -> Samples:
    """Ask for the metrics, and read them."""
    response = ask(address, "/-/metrics", *([("Accept", accept)] if accept else []))
    assert response.status == 200
    read = openmetrics if "openmetrics" in response["content-type"] else parser
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in read.text_string_to_metric_families(response.text())
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    """Return the value of a sample, 0 where there is none."""
    return samples.get((name, frozenset(labels.items())), 0)


def total(samples: Samples, name: str, **labels: str) -> float:
    """Add up all samples of a name that have these labels, whatever others they have."""
    wanted = set(labels.items())
    return sum(amount for (found, has), amount in samples.items() if found == name and wanted <= has)

"""Metrics, over real sockets: right whichever lane answers and whichever worker is asked."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cdnserve.release.store import Store
from tests.contract.wire import message
from tests.server import tree
from tests.server.conftest import Built
from tests.server.scraping import OPENMETRICS, Samples, admin_address, ask, scrape, total, value
from tests.server.serving import LANES, Served, eventually, serving, settings
from tests.server.test_supervisor import workers

PREFLIGHT = ("Access-Control-Request-Method", "GET")
OURS = ("Origin", tree.ORIGIN)
STRANGE = ("Origin", tree.STRANGER)


@pytest.fixture(params=[("fast", 1), ("asgi", 1), ("fast", 2), ("asgi", 2)], ids=lambda p: f"{p[0]} x{p[1]}")
def asked(request: pytest.FixtureRequest, built: Built, tmp_path: Path) -> Iterator[tuple[Served, str]]:
    """A server that was asked a few things, and its lane."""
    lane, number = request.param
    wanted = replace(settings(built.root, built.state, lane), workers=number)
    with serving(wanted, tmp_path / "log.txt") as served:
        yield served, lane


def _seen(served: Served, *expected: tuple[str, float]) -> Samples:
    """Return the first scrape in which these add up: a worker writes, and repeats, its numbers for up to a second."""
    scrapes: list[Samples] = []

    def is_so() -> bool:
        scrapes.append(scrape(served.address))
        return all(total(scrapes[-1], name) == amount for name, amount in expected)

    assert eventually(is_so), expected
    return scrapes[-1]


def test_responses_are_counted(asked: tuple[Served, str]) -> None:
    served, lane = asked
    for _ in range(5):
        assert served.get("/any/tiny.txt").status == 200
    with served.connect() as connection:
        for _ in range(130):
            assert connection.exchange(message("GET", "/any/app.js", [("Accept-Encoding", "gzip")])).status == 200
    assert served.get("/any/large.woff2").body == tree.LARGE
    assert served.get("/any/absent.js").status == 404
    assert served.get("/secret").status == 404
    assert served.get("/any/tiny.txt", ("If-None-Match", "*")).status == 304
    name = "cdnserve_response_duration_seconds"
    samples = _seen(served, ("cdnserve_responses_total", 139), (f"{name}_count", 139))

    def count(status: str, policy: str, coding: str) -> float:
        return value(samples, "cdnserve_responses_total", status=status, policy=policy, coding=coding, lane=lane)

    # The first answer with large content goes through the application, which proves the stored bytes.
    proved = int(lane == "fast")
    assert [6 - proved, 130] == [count("200", "any", coding) for coding in ("identity", "gzip")]
    assert total(samples, "cdnserve_responses_total") == 139
    assert [1, 1, 1] == [count("404", "any", "-"), count("404", "-", "-"), count("304", "any", "-")]
    sent = 5 * len(tree.TINY) + len(tree.LARGE)
    assert sent == value(samples, "cdnserve_response_content_bytes_total", policy="any", coding="identity")
    assert value(samples, f"{name}_bucket", lane=lane, le="+Inf") == 139 - proved
    assert value(samples, f"{name}_sum", lane=lane) > 0


def test_what_cors_decides_is_counted(asked: tuple[Served, str]) -> None:
    served, _ = asked
    refused = ("cdnserve_cors_refusals_total", {"rule": "2", "policy": "partners"})
    for fields in ([OURS], [STRANGE], [STRANGE], []):
        assert served.get("/partners/tiny.txt", *fields).status == 200
    for path, origin, status in (
        ("/partners/tiny.txt", OURS, 204),
        ("/partners/tiny.txt", STRANGE, 403),
        ("/any/tiny.txt", STRANGE, 204),
        ("/none/tiny.txt", STRANGE, 403),
    ):
        assert status == ask(served.address, path, origin, PREFLIGHT, method="OPTIONS").status
    assert ask(served.address, "/any/tiny.txt", method="OPTIONS").status == 204
    samples = _seen(served, ("cdnserve_responses_total", 9))
    assert value(samples, refused[0], **refused[1]) == 2

    def preflights(policy: str, outcome: str) -> float:
        return value(samples, "cdnserve_preflights_total", policy=policy, outcome=outcome)

    assert [1, 1] == [preflights("partners", outcome) for outcome in ("allowed", "refused")]
    assert [1, 0] == [preflights("any", outcome) for outcome in ("allowed", "refused")]
    assert [0, 1] == [preflights("none", outcome) for outcome in ("allowed", "refused")]
    assert total(samples, "cdnserve_preflights_total") == 4


def test_the_release_and_its_builds(few: Built, tmp_path: Path) -> None:
    with serving(replace(settings(few.root, few.state), workers=2), tmp_path / "log.txt") as served:
        before = scrape(served.address)
        assert value(before, "cdnserve_release_number") == 1
        assert value(before, "cdnserve_catalog_assets") == 4
        octets = sum(map(len, tree.FEW.values()))
        assert value(before, "cdnserve_catalog_bytes", coding="identity") == octets
        (few.root / "any/new.txt").write_bytes(b"new\n")
        made = ("cdnserve_catalog_assets", 5)
        after = _seen(served, ("cdnserve_release_number", 2), ("cdnserve_workers_behind", 0), made)
        loaded = "cdnserve_release_loaded_timestamp_seconds"
        assert value(after, loaded) > value(before, loaded) > 1.7e9
        date = "cdnserve_release_made_timestamp_seconds"
        assert value(after, date) == Store(few.state).catalog(2).stat().st_mtime > value(before, date)
        assert value(after, "cdnserve_builds_total", outcome="made") == 1
        assert value(after, "cdnserve_build_failing") == 0
        (few.root / "manifest.toml").write_text("schema = 9\n")
        broken = _seen(served, ("cdnserve_build_failing", 1), ("cdnserve_release_number", 2))
        assert value(broken, "cdnserve_builds_total", outcome="refused") >= 1


@pytest.mark.parametrize("lane", LANES)
def test_a_worker_that_is_killed_leaves_its_numbers(few: Built, tmp_path: Path, lane: str) -> None:
    wanted = replace(settings(few.root, few.state, lane), workers=2)
    with serving(wanted, tmp_path / "log.txt") as served:
        for _ in range(20):
            assert served.get("/any/tiny.txt").status == 200
        _seen(served, ("cdnserve_responses_total", 20))
        for worker in workers(served):
            os.kill(worker, signal.SIGKILL)
        samples = _seen(served, ("cdnserve_worker_restarts_total", 2), ("cdnserve_workers", 2))
        assert total(samples, "cdnserve_responses_total") == 20
        assert served.get("/any/tiny.txt").status == 200
        _seen(served, ("cdnserve_responses_total", 21))


@pytest.mark.parametrize("lane", LANES)
def test_connections(few: Built, tmp_path: Path, lane: str) -> None:
    wanted = settings(few.root, few.state, lane)
    wanted = replace(wanted, admin_port=0, limits=replace(wanted.limits, connections=2))
    with serving(wanted, tmp_path / "log.txt") as served, served.connect() as first, served.connect() as second:
        admin = admin_address(served)
        for connection in (first, second):
            assert connection.exchange(message("GET", "/any/tiny.txt")).status == 200
        with served.connect() as third:
            assert third.receive().status == 503

        def numbers() -> list[float]:
            samples = scrape(admin)
            states = [value(samples, "cdnserve_connections", state=state) for state in ("active", "idle")]
            names = ("cdnserve_connections_accepted_total", "cdnserve_connections_refused_total")
            return states + [total(samples, name) for name in names]

        assert eventually(lambda: numbers() == [0, 2, 3, 1])
        assert value(scrape(admin), "cdnserve_responses_total", status="503", policy="-", coding="-", lane=lane) == 1


def test_a_transfer_under_way_is_an_active_connection(built: Built, tmp_path: Path) -> None:
    with serving(replace(settings(built.root, built.state), admin_port=0), tmp_path / "log.txt") as served:
        admin = admin_address(served)
        with served.connect() as reader:
            reader.send(message("GET", "/any/huge.woff2"))
            assert eventually(lambda: value(scrape(admin), "cdnserve_connections", state="active") == 1)
            counted = "cdnserve_response_duration_seconds_count"
            assert total(scrape(admin), counted) == 0
            assert reader.receive().body == tree.HUGE
            assert eventually(lambda: total(scrape(admin), counted) == 1)


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        pytest.param("", "text/plain; version=0.0.4; charset=utf-8", id="nothing asked"),
        pytest.param("*/*", "text/plain; version=0.0.4; charset=utf-8", id="anything"),
        pytest.param(f"{OPENMETRICS};q=0.5,*/*;q=0.1", f"{OPENMETRICS}; escaping=underscores", id="OpenMetrics"),
        pytest.param(
            "application/openmetrics-text;version=a\x80", "text/plain; version=0.0.4; charset=utf-8", id="odd"
        ),
    ],
)
def test_the_format_is_as_asked(served: Served, accept: str, media_type: str) -> None:
    response = served.get("/-/metrics", *([("Accept", accept)] if accept else []))
    assert (200, media_type) == (response.status, response["content-type"])
    assert ("no-store", "Accept") == (response["cache-control"], response["vary"])
    assert response.get("access-control-allow-origin") is None
    assert response.body.endswith(b"# EOF\n") == ("openmetrics" in media_type)


def test_both_formats_say_the_same(served: Served) -> None:
    assert served.get("/any/tiny.txt").status == 200
    plain, openmetrics = scrape(served.address), scrape(served.address, OPENMETRICS)
    assert _steady(plain).keys() == _steady(openmetrics).keys()
    assert ("cdnserve_draining", frozenset()) in plain


def _steady(samples: Samples) -> Samples:
    return {key: number for key, number in samples.items() if not key[0].startswith("cdnserve_process")}


def test_head_has_no_content(served: Served) -> None:
    response = ask(served.address, "/-/metrics", method="HEAD")
    assert (200, b"") == (response.status, response.body)
    assert int(response["content-length"]) > 1000


def test_labels_hold_neither_paths_nor_origins(served: Served) -> None:
    for target in ("/any/tiny.txt?secret", "/any/made-up-path.js", "/%zz", "/-/made-up-path"):
        served.get(target, ("Origin", "https://made-up.example"), ("User-Agent", "made-up-agent"))
    assert eventually(lambda: total(scrape(served.address), "cdnserve_responses_total", status="400") > 0)
    content = served.get("/-/metrics").body
    assert [] == [word for word in (b"made-up", b"secret", b"tiny", b"%zz") if word in content]


@pytest.mark.parametrize("workers_", [1, 2])
def test_with_an_admin_port_they_are_nowhere_else(few: Built, tmp_path: Path, workers_: int) -> None:
    wanted = replace(settings(few.root, few.state), workers=workers_, admin_port=0)
    with serving(wanted, tmp_path / "log.txt") as served:
        assert [404, 200] == [served.get(path).status for path in ("/-/metrics", "/-/health")]
        samples = scrape(admin_address(served))
        assert value(samples, "cdnserve_workers") == workers_
        names = {dict(labels)["process"] for name, labels in samples if name == "cdnserve_process_open_fds"}
        assert names == ({"worker-1"} if workers_ == 1 else {"parent", "worker-1", "worker-2"})

"""Verifying: our own server has no finding, and each sin of an edge has exactly its own."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from cdnserve.release.build import build
from cdnserve.release.remote import open_store
from cdnserve.release.store import Releases, Store
from cdnserve.verify.client import ClientOptions, parse_target
from cdnserve.verify.run import Choice, Report, verify
from tests.release.roots import plant
from tests.server.serving import LANES, Served, serving, settings
from tests.verify import sins
from tests.verify.conftest import base
from tests.verify.edge import Sin, edge

FOUR = ClientOptions(concurrency=4)


def report(url: str, store: Releases, choice: Choice | None = None, manner: ClientOptions = FOUR) -> Report:
    return verify(parse_target(url), store, choice or Choice(), manner, lambda _, __: None)


def found(report: Report) -> dict[str, list[tuple[str, str, str]]]:
    """Return the findings, with their examples for whom a test fails."""
    return {
        group.reference: [(example.path, example.asked, example.detail) for example in group.examples]
        for group in report.groups
    }


@pytest.mark.parametrize("lane", LANES)
def test_our_own_server_has_no_finding(store: Store, lanes: dict[str, Served], lane: str) -> None:
    done = report(base(lanes[lane].address), store)
    assert {} == found(done)
    assert (1, 12) == (done.release, done.paths)
    assert done.requests > 80


def test_a_release_in_an_object_store_is_what_is_compared(store: Store, server: Served) -> None:
    """A state folder can be read as one."""
    done = report(base(server.address), open_store(f"file://{store.state}"), Choice(number=2))
    assert ({}, 1, 2) == (found(done), done.release, done.paths)


@pytest.mark.parametrize(
    "sin",
    [
        pytest.param(sins.honest, id="one that passes everything on"),
        pytest.param(sins.polite, id="one that does all that it may"),
        pytest.param(sins.Cache("accept-encoding", "origin"), id="one that caches as Vary says"),
    ],
)
def test_an_edge_that_is_set_up_right_has_no_finding(store: Store, server: Served, sin: Sin) -> None:
    with edge(server.address, sin) as authority:
        assert {} == found(report(f"http://{authority}", store))


SINS = [
    pytest.param(sins.minifying, {"content-changed"}, id="it minifies"),
    pytest.param(sins.unpacking, {"etag-changed"}, id="it unpacks, and keeps the entity tag"),
    pytest.param(sins.Cache("accept-encoding"), {"origins-mixed"}, id="its cache takes no notice of Origin"),
    pytest.param(
        sins.primed(sins.Cache("accept-encoding"), None),
        {"origins-mixed"},
        id="its cache has the answer to a request without Origin",
    ),
    pytest.param(sins.Cache("origin"), {"coding-unasked"}, id="its cache takes no notice of Accept-Encoding"),
    pytest.param(sins.unasked, {"coding-unasked"}, id="it gives everybody gzip"),
    pytest.param(sins.without("vary"), {"vary-missing"}, id="it drops Vary"),
    pytest.param(sins.dropping_origin_from_vary, {"vary-missing"}, id="it drops Origin from Vary"),
    pytest.param(sins.stripping_cors, {"cors-stripped"}, id="it strips Access-Control-*"),
    pytest.param(sins.without("access-control-allow-origin"), {"cors-stripped"}, id="it strips the one that matters"),
    pytest.param(
        sins.adding(("access-control-allow-origin", "*")),
        {"cors-added"},
        id="it adds a second Access-Control-Allow-Origin",
    ),
    pytest.param(sins.adding(("access-control-allow-credentials", "true")), {"cors-added"}, id="it adds credentials"),
    pytest.param(sins.without("access-control-expose-headers"), {"cors-changed"}, id="it drops what is exposed"),
    pytest.param(sins.without("cross-origin-resource-policy"), {"cors-changed"}, id="it drops the resource policy"),
    pytest.param(sins.answering_preflights, {"preflight-answered"}, id="it answers OPTIONS without CORS"),
    pytest.param(sins.refusing_options, {"preflight-answered"}, id="it refuses OPTIONS"),
    pytest.param(sins.granting_preflights, {"preflight-answered"}, id="it grants every preflight"),
    pytest.param(sins.ignoring_range, {"range-ignored"}, id="it ignores Range"),
    pytest.param(sins.wrong_octets, {"range-wrong"}, id="it answers ranges with other octets"),
    pytest.param(sins.ignoring_preconditions, {"revalidation-ignored"}, id="it ignores If-None-Match"),
    pytest.param(sins.bare_304, {"not-modified-incomplete"}, id="its 304 is bare"),
    pytest.param(sins.weakening, {"etag-weakened"}, id="it makes entity tags weak"),
    pytest.param(sins.without("etag"), {"etag-changed"}, id="it drops entity tags"),
    pytest.param(sins.error_page, {"error-page"}, id="it has its own page for 404"),
    pytest.param(sins.challenge, {"error-page", "preflight-answered"}, id="it asks who comes to be human"),
    pytest.param(sins.to_https, {"redirected", "preflight-answered"}, id="it redirects"),
    pytest.param(sins.having(("set-cookie", "id=1")), {"cookie-set"}, id="it sets a cookie"),
    pytest.param(sins.without("x-content-type-options"), {"protection-dropped"}, id="it drops nosniff"),
    pytest.param(sins.without("content-security-policy"), {"protection-dropped"}, id="it makes documents live"),
    pytest.param(
        lambda asked, forward: (
            got.having(("cache-control", "max-age=14400")) if (got := forward(asked)).value("cache-control") else got
        ),
        {"cache-control-changed"},
        id="it has its own idea of caching",
    ),
    pytest.param(
        lambda asked, forward: (
            got.having(("content-type", "application/octet-stream"))
            if (got := forward(asked)).status in (200, 206)
            else got
        ),
        {"content-type-changed"},
        id="it changes Content-Type",
    ),
    pytest.param(
        lambda asked, forward: got.having(("location", "/elsewhere")) if (got := forward(asked)).status == 302 else got,
        {"location-changed"},
        id="it changes where an alias leads",
    ),
]


@pytest.mark.parametrize(("sin", "expected"), SINS)
def test_each_sin_is_exactly_its_finding(store: Store, server: Served, sin: Sin, expected: set[str]) -> None:
    with edge(server.address, sin) as authority:
        done = report(f"http://{authority}", store)
    assert expected == set(found(done)), json.dumps(found(done), indent=1)


def test_compressing_again_is_told_apart_from_ignoring_no_transform(store: Store, server: Served) -> None:
    """RFC 9111 §5.2.2.6 forbids it for immutable files; for others it costs integrity of entity tags and ranges."""
    with edge(server.address, sins.recompressing) as authority:
        done = found(report(f"http://{authority}", store))
        assert {"recompressed", "no-transform-ignored"} == set(done)
        assert {"npm/lib@1.2.0/tiny.txt", "npm/lib@1.2.0/package.json"} == {
            path for path, _, _ in done["no-transform-ignored"]
        }
        assert {"no-transform-ignored"} == set(found(report(f"http://{authority}", store, Choice(("npm/**",)))))
        assert {"recompressed"} == set(found(report(f"http://{authority}", store, Choice(("any/short.txt", "own/**")))))


def test_a_file_that_is_coded_by_nature_is_expected_so(tmp_path: Path) -> None:
    """Also where no coding was asked for; and a text that is no UTF-8 has no charset."""
    files = {"a.svgz": gzip.compress(b"<svg/>", mtime=0), "latin.js": b"// caf\xe9\n"}
    root = plant(tmp_path / "root", files, 'schema = 1\n[[publish]]\npath = "**"\ncors = "any"\n')
    build(root, tmp_path / "state")
    with serving(settings(root, tmp_path / "state", "fast"), tmp_path / "log.txt") as served:
        done = report(base(served.address), Store(tmp_path / "state"))
    assert ({}, 2) == (found(done), done.paths)

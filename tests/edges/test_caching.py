"""What an edge keeps, and for whom: few requests reach the origin server, and nobody gets another's answer."""

from __future__ import annotations

import itertools
import threading

import pytest

from tests.contract.wire import Connection, Field, Response, message
from tests.edges.conftest import Pair
from tests.edges.site import APP, OTHER, STRANGER
from tests.server.serving import eventually

ORIGINS = (APP, OTHER, STRANGER, None)


def fields(origin: str | None, coding: str = "identity") -> tuple[Field, ...]:
    return (("Accept-Encoding", coding), *([("Origin", origin)] if origin else []))


def readable_by(response: Response) -> tuple[str | None, str | None]:
    return response.get("access-control-allow-origin"), response.get("access-control-allow-credentials")


@pytest.mark.parametrize("target", ["/partners/app.js", "/accounts/me.json"])
def test_no_origin_gets_the_answer_of_another(pair: Pair, target: str) -> None:
    """Whoever came first: an answer without Origin, or to a stranger, is nobody else's either."""
    credentials = "true" if target.startswith("/accounts") else None
    expected = {APP: (APP, credentials), OTHER: (OTHER, credentials), STRANGER: (None, None), None: (None, None)}
    for coding, order in zip(("identity", "br", "gzip", "zstd") * 6, itertools.permutations(ORIGINS), strict=True):
        for origin in order:
            response = pair.edge.get(target, *fields(origin, coding))
            assert (200, expected[origin]) == (response.status, readable_by(response))
            assert "origin" in response.members("vary")


def test_what_any_page_may_read_is_kept_once_for_all_origins(caching: Pair) -> None:
    target = "/npm/@acme/ui@2.0.0/ui.css"
    for origin in (*ORIGINS, *(f"https://site-{number}.example" for number in range(20))):
        response = caching.edge.get(target, *fields(origin))
        assert (200, "*") == (response.status, response["access-control-allow-origin"])
    assert [("GET", 200)] == caching.origin.asked(target)


def test_an_allow_list_is_kept_once_for_each_origin(caching: Pair) -> None:
    target = "/partners/short.txt"
    for origin in ORIGINS * 3:
        assert caching.edge.get(target, *fields(origin)).status == 200
    assert len(ORIGINS) == len(caching.origin.asked(target))


def test_spellings_of_accept_encoding_do_not_split_the_cache(caching: Pair) -> None:
    """Chrome, Firefox, Safari, and whoever writes the same otherwise; without a field there is no coding."""
    target = "/npm/lib@1.2.0/a%20b%25.js"
    best = caching.origin.ask("GET", target, ("Accept-Encoding", "br, gzip, zstd")).get("content-encoding")
    before = len(caching.origin.asked(target))
    spellings = {
        best: ["gzip, deflate, br, zstd", "zstd,br,gzip", "br;q=1.0, gzip;q=0.8, zstd, *;q=0.1", "GZIP, BR, ZSTD, foo"],
        None: ["identity", "", "deflate", "br;q=0, gzip;q=0.0", "x, y;q=0.3, brr"],
    }
    for coding, values in spellings.items():
        for value in values:
            response = caching.edge.get(target, ("Accept-Encoding", value))
            assert (200, coding) == (response.status, response.get("content-encoding"))
    assert caching.edge.get(target).get("content-encoding") is None
    assert 2 == len(caching.origin.asked(target)) - before


def test_a_query_does_not_split_the_cache(caching: Pair) -> None:
    target = "/widgets/page.html"
    bodies = {caching.edge.get(f"{target}{query}").body for query in ("", "?", "?v=1", "?v=2&utm_source=x", "?a?b")}
    assert 1 == len(bodies)
    assert [("GET", 200)] == caching.origin.asked(target)


def test_a_range_a_head_and_a_304_come_from_what_is_kept(caching: Pair) -> None:
    target = "/widgets/font.woff2"
    assert 200 == caching.edge.ask("HEAD", target).status
    whole = caching.edge.get(target)
    for first in (0, 100, 300_000, 599_990):
        part = caching.edge.get(target, ("Range", f"bytes={first}-{first + 9}"), ("If-Range", whole["etag"]))
        assert (206, whole.body[first : first + 10]) == (part.status, part.body)
    assert 304 == caching.edge.get(target, ("If-None-Match", whole["etag"])).status
    assert [("GET", 200)] == caching.origin.asked(target)


@pytest.mark.parametrize(
    ("target", "status"),
    [
        pytest.param("/npm/lib@1/lib.js", 302, id="an alias"),
        pytest.param("/widgets/absent.js", 404, id="no such file"),
        pytest.param("/nowhere/at/all", 404, id="no rule"),
        pytest.param("/purged/app.js", 200, id="what only a CDN may keep"),
    ],
)
def test_other_answers_are_kept_for_as_long_as_they_say(caching: Pair, target: str, status: int) -> None:
    for _ in range(3):
        assert status == caching.edge.get(target).status
    assert [("GET", status)] == caching.origin.asked(target)


def test_what_must_be_validated_is_validated_each_time(caching: Pair) -> None:
    """RFC 9111 §5.2.2.4: whether or not the edge keeps it, nothing is sent twice to whoever has it."""
    target = "/pages/app.js"
    tag = caching.edge.get(target)["etag"]
    # An edge may end its client's response before it has put away its own copy; by now it has.
    assert 1 == len(caching.origin.asked(target))
    for _ in range(3):
        response = caching.edge.get(target, ("If-None-Match", tag))
        assert (304, "public, no-cache") == (response.status, response["cache-control"])
    statuses = [status for _, status in caching.origin.asked(target)]
    assert (4, [304] * 3) == (len(statuses), statuses[1:])


@pytest.mark.parametrize(
    ("method", "asked"),
    [
        pytest.param("GET", (("Accept-Encoding", "*;q=0"),), id="406"),
        pytest.param("GET", (("If-Match", '"other"'),), id="412"),
        pytest.param("OPTIONS", (("Origin", APP), ("Access-Control-Request-Method", "GET")), id="a preflight"),
        pytest.param("OPTIONS", (("Origin", STRANGER), ("Access-Control-Request-Method", "PUT")), id="a refused one"),
        pytest.param("DELETE", (), id="405"),
    ],
)
def test_what_is_not_to_be_kept_is_not(caching: Pair, method: str, asked: tuple[Field, ...]) -> None:
    target = "/partners/app.js"
    caching.edge.get(target)
    before = len(caching.origin.asked(target))
    answers = [caching.edge.ask(method, target, *asked).status for _ in range(3)]
    assert answers[:1] * 3 == answers
    assert [(method, answers[0])] * 3 == caching.origin.asked(target)[before:]
    assert 200 == caching.edge.get(target).status


def test_of_many_who_ask_at_once_one_reaches_the_origin_server(caching: Pair) -> None:
    target = "/widgets/at-once.js"
    caching.origin.publish({"widgets/at-once.js": "export {};\n" * 20_000})
    together, found = threading.Barrier(16), []

    def ask() -> None:
        with Connection(caching.edge.address) as connection:
            together.wait(20)
            found.append(connection.exchange(message("GET", target)).status)

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [200] * 16 == found
    assert [("GET", 200)] == caching.origin.asked(target)


def test_what_a_client_has_no_business_with_is_not_passed_on(pair: Pair) -> None:
    """A cookie must neither reach the origin server nor keep the cache from being used."""
    cookies = [("Cookie", f"session={number}") for number in range(3)]
    target = "/widgets/empty.css"
    for cookie in cookies:
        assert 200 == pair.edge.get(target, cookie, ("Authorization", "Basic YTpi")).status
    expected = 1 if pair.edge.name != "caddy" else 3
    assert eventually(lambda: expected == len(pair.origin.asked(target)))

"""Answers below `/-/`: methods, preconditions, what is remembered, and that each belongs to one release."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable

import pytest

from cdnserve.origin.lookup import Origin
from cdnserve.origin.message import Reply, Request
from cdnserve.release.catalog import Asset
from cdnserve.web.answers import WebAnswers
from cdnserve.web.message import WebContent, WebRequest
from cdnserve.web.routes import Route
from cdnserve.web.view import CatalogView
from tests.web.built import BuiltSite

HOST = (b"host", b"cdn.example.com")


def told(asked: WebRequest, view: CatalogView) -> WebContent | None:
    """Answer with what was asked of which release, once for each of them."""
    if asked.path == "open/none":
        return None
    if asked.path == "open/broken":
        raise RuntimeError("a defect")
    if asked.path == "open/lost":
        raise OSError("the blob is damaged")
    return WebContent(
        "text/plain", f"{view.number} {asked.path} {asked.query}".encode(), lasting="now" not in asked.path
    )


ROUTES = (
    Route("open", told, cors=True),
    Route("", lambda asked, view: told(asked, view) if asked.path == "" else None),
)


@pytest.fixture
def answers(web_site: BuiltSite) -> WebAnswers:
    return WebAnswers(web_site.store, web_site.read, ROUTES, budget=8192)


@pytest.fixture
def ask(answers: WebAnswers, web_site: BuiltSite) -> Callable[..., Reply | None]:
    """Ask as a lane does."""

    def asking(path: bytes, query: bytes = b"", method: str = "GET", *fields: tuple[bytes, bytes]) -> Reply | None:
        return asyncio.run(answers.answer(Request(method, path, (HOST, *fields)), query, web_site.origin))

    return asking


def test_an_answer_has_a_strong_entity_tag_and_is_asked_for_again(ask: Callable[..., Reply]) -> None:
    reply = ask(b"/-/open/a%20b", b"x=%C3%BC")
    assert (200, b"2 open/a b (('x', '\xc3\xbc'),)") == (reply.status, reply.body)
    assert (b"no-cache", b"*") == (reply.header(b"cache-control"), reply.header(b"access-control-allow-origin"))
    tag = reply.header(b"etag") or b""
    again = ask(b"/-/open/a%20b", b"x=%C3%BC", "GET", (b"if-none-match", tag))
    assert (304, b"", tag) == (again.status, again.body, again.header(b"etag"))
    assert 412 == ask(b"/-/open/a%20b", b"x=%C3%BC", "GET", (b"if-match", b'"other"')).status
    head = ask(b"/-/open/a%20b", b"x=%C3%BC", "HEAD")
    assert (200, b"", reply.headers) == (head.status, head.body, head.headers)


def test_a_preflight_of_a_cors_route(ask: Callable[..., Reply]) -> None:
    fields = ((b"origin", b"https://a.example"), (b"access-control-request-method", b"GET"))
    reply = ask(b"/-/open/a", b"", "OPTIONS", *fields)
    assert (204, b"*") == (reply.status, reply.header(b"access-control-allow-origin"))
    assert b"*" == reply.header(b"access-control-allow-headers")
    other = ask(b"/-/", b"", "OPTIONS", *fields)
    assert (204, None) == (other.status, other.header(b"access-control-allow-origin"))


def test_pages_are_for_this_host(ask: Callable[..., Reply]) -> None:
    assert ask(b"/-/").header(b"access-control-allow-origin") is None


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        pytest.param(b"/-/open/%ff", b"", 400, id="a path that is not UTF-8"),
        pytest.param(b"/-/open/%zz", b"", 400, id="an escape that is none"),
        pytest.param(b"/-/open/a", b"q=%ff", 400, id="a query that is not UTF-8"),
        pytest.param(b"/-/open/a", b"q=\xff", 400, id="raw octets"),
        pytest.param(b"/-/open/a", b"q=" + b"x" * 10_000, 400, id="a query of 10 KB"),
        pytest.param(b"/-/open/" + b"x" * 10_000, b"", 400, id="a path of 10 KB"),
        pytest.param(b"/-/open/a", b"&".join([b"a=1"] * 100), 400, id="a hundred parameters"),
        pytest.param(b"/-/open/broken", b"", 500, id="a defect of ours"),
        pytest.param(b"/-/open/lost", b"", 503, id="a blob that is gone"),
    ],
)
def test_what_goes_wrong_is_a_problem(ask: Callable[..., Reply], path: bytes, query: bytes, status: int) -> None:
    reply = ask(path, query)
    assert isinstance(reply.body, bytes)
    told = json.loads(reply.body)
    assert (status, status) == (reply.status, told["status"])
    assert b"application/problem+json" == reply.header(b"content-type")
    assert (b"no-store", b"*") == (reply.header(b"cache-control"), reply.header(b"access-control-allow-origin"))
    assert "Traceback" not in told["detail"]
    assert told["type"].startswith("/-/api/v1/#")


def test_what_could_not_be_read_is_asked_for_again(web_site: BuiltSite) -> None:
    """As in a replica whose store was gone for a moment: what was shown without it is not remembered."""
    seconds, reads, gone = [0.0], [0], [True]

    def read(asset: Asset) -> bytes:
        reads[0] += 1
        if gone[0]:
            raise OSError("the content can't be had")
        return web_site.read(asset)

    answers = WebAnswers(web_site.store, read, clock=lambda: seconds[0])
    request = Request("GET", b"/-/api/v1/libraries/greet", (HOST,))

    def description() -> object:
        reply = asyncio.run(answers.answer(request, b"", web_site.origin))
        assert reply
        assert isinstance(reply.body, bytes)
        return json.loads(reply.body)["description"]

    assert "" == description()
    assert answers.known(request, b"", web_site.origin) is None
    gone[0], before = False, reads[0]
    seconds[0] = 60.0
    assert "Says hello to <b>people</b> \u202e" == description()
    assert reads[0] > before
    assert answers.known(request, b"", web_site.origin) is not None


def test_what_no_route_knows_is_none(ask: Callable[..., Reply | None]) -> None:
    assert [None] * 4 == [ask(path) for path in (b"/-/open/none", b"/-/opener", b"/own/app.js", b"/-/else")]
    assert ask(b"/-/else", b"", "OPTIONS") is not None


@pytest.mark.parametrize(("method", "host", "status"), [("POST", b"a", 405), ("BREW", b"a", 405), ("GET", b"a b", 400)])
def test_refusals(answers: WebAnswers, web_site: BuiltSite, method: str, host: bytes, status: int) -> None:
    request = Request(method, b"/-/open/a", ((b"host", host),))
    reply = asyncio.run(answers.answer(request, b"", web_site.origin))
    assert reply is not None
    assert (status, b"GET, HEAD, OPTIONS" if status == 405 else None) == (reply.status, reply.header(b"allow"))


def test_an_answer_is_known_until_another_release_is_served(
    answers: WebAnswers, ask: Callable[..., Reply], web_site: BuiltSite
) -> None:
    request = Request("GET", b"/-/open/a", (HOST,))
    assert answers.known(request, b"", web_site.origin) is None
    assert ask(b"/-/open/a") == answers.known(request, b"", web_site.origin)
    first = Origin(web_site.store.read(1))
    assert answers.known(request, b"", first) is None
    reply = asyncio.run(answers.answer(request, b"", first))
    assert reply is not None
    assert b"1 open/a ()" == reply.body
    assert answers.known(request, b"", web_site.origin) is None


def test_what_may_change_with_time_is_not_remembered(
    answers: WebAnswers, ask: Callable[..., Reply], web_site: BuiltSite
) -> None:
    ask(b"/-/open/now")
    ask(b"/-/open/%ff")
    for path in (b"/-/open/now", b"/-/open/%ff"):
        assert answers.known(Request("GET", path, (HOST,)), b"", web_site.origin) is None


def test_the_memory_is_bounded(answers: WebAnswers, ask: Callable[..., Reply], web_site: BuiltSite) -> None:
    """What was asked for first is forgotten first; what is too large is not remembered at all."""
    for number in range(20):
        ask(b"/-/open/%d" % number)
    ask(b"/-/open/" + b"x" * 1500)

    def is_known(path: bytes) -> bool:
        return answers.known(Request("GET", path, (HOST,)), b"", web_site.origin) is not None

    assert [False, True, False] == [is_known(b"/-/open/" + end) for end in (b"0", b"19", b"x" * 1500)]


def test_too_many_at_once_are_sent_away(answers: WebAnswers, web_site: BuiltSite) -> None:
    """And those who wait get their answer."""

    async def all_at_once() -> list[int]:
        asked = [Request("GET", b"/-/open/%d" % number, (HOST,)) for number in range(80)]
        replies = await asyncio.gather(*(answers.answer(request, b"", web_site.origin) for request in asked))
        return [reply.status for reply in replies if reply]

    statuses = asyncio.run(all_at_once())
    assert (64, 16) == (statuses.count(200), statuses.count(503))


def test_what_is_asked_for_at_once_is_made_once(web_site: BuiltSite) -> None:
    made: list[str] = []

    def count(asked: WebRequest, view: CatalogView) -> WebContent | None:
        made.append(asked.path)
        return told(asked, view)

    answers = WebAnswers(web_site.store, web_site.read, (Route("open", count),))

    async def all_at_once() -> set[object]:
        request = Request("GET", b"/-/open/page", (HOST,))
        replies = await asyncio.gather(*(answers.answer(request, b"", web_site.origin) for _ in range(9)))
        return {reply.body for reply in replies if reply}

    assert 1 == len(asyncio.run(all_at_once()))
    assert ["open/page"] == made


def test_what_takes_long_lets_nothing_else_wait(web_site: BuiltSite) -> None:
    short_is_made = threading.Event()

    def wait(asked: WebRequest, view: CatalogView) -> WebContent | None:
        assert short_is_made.wait(30)
        return told(asked, view)

    routes = (Route("long", wait, takes_long=True), Route("open", told))
    answers = WebAnswers(web_site.store, web_site.read, routes)

    async def both() -> list[int]:
        long = asyncio.create_task(answers.answer(Request("GET", b"/-/long/x", (HOST,)), b"", web_site.origin))
        await asyncio.sleep(0)
        short = await answers.answer(Request("GET", b"/-/open/x", (HOST,)), b"", web_site.origin)
        short_is_made.set()
        return [reply.status for reply in (short, await long) if reply]

    assert [200, 200] == asyncio.run(both())

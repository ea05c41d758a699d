"""Questions: what is asked for a path, and as whom."""

from __future__ import annotations

import pytest

from cdnserve.origin.lookup import Origin
from cdnserve.origin.respond import respond
from cdnserve.release.store import Store
from cdnserve.rules.cors import ANY, NONE, CompiledPolicy, Policy
from cdnserve.verify.question import BROWSER, Question, absent, origins, preflights, questions

STRANGER = "https://stranger.example"


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        pytest.param(ANY, (STRANGER, None), id="any"),
        pytest.param(NONE, (STRANGER, None), id="none"),
        pytest.param(
            Policy("p", ("https://a.example", "https://b.example", "https://c.example")),
            ("https://a.example", "https://b.example", STRANGER, None),
            id="two of those that are listed",
        ),
        pytest.param(
            Policy("p", ("https://*.example.org",)),
            ("https://app.example.org", "https://www.example.org", STRANGER, None),
            id="two that a pattern covers",
        ),
        pytest.param(
            Policy("p", ("https://*.example.org:*",)),
            ("https://app.example.org:8443", "https://www.example.org:8443", STRANGER, None),
            id="with any port",
        ),
        pytest.param(
            Policy("p", ("https://a.example", "http://localhost:*")),
            ("https://a.example", "http://localhost:8443", STRANGER, None),
            id="a host with any port",
        ),
        pytest.param(
            Policy("p", ("https://*.example",)),
            ("https://app.example", "https://www.example", "https://stranger.test", None),
            id="a stranger that is none there",
        ),
        pytest.param(Policy("p", (), allow_null_origin=True), ("null", STRANGER, None), id="pages without an origin"),
        pytest.param(Policy("p", ()), (STRANGER, None), id="nobody"),
    ],
)
def test_who_asks(policy: Policy, expected: tuple[str | None, ...]) -> None:
    assert expected == origins(CompiledPolicy(policy))


def asked(store: Store, path: str) -> list[Question]:
    found = (origin := Origin(store.read())).find(path)
    assert found.rule
    assert found.asset
    assert found.rule in origin.rules
    return list(questions(path, found.rule, found.asset))


def test_each_coding_then_none_then_as_others(store: Store) -> None:
    fields = [dict(one.fields) for one in asked(store, "partners/app.js") if one.kind == "whole"]
    assert ["identity", None, "identity", "identity", "identity"] == [one.get("accept-encoding") for one in fields[-5:]]
    assert {"br", "gzip"} == {one["accept-encoding"] for one in fields[:-5]}
    assert ["https://www.example.org", STRANGER, None] == [one.get("origin") for one in fields[-3:]]
    assert {"https://app.example.org"} == {one["origin"] for one in fields[:-3]}


def test_what_has_no_coding_is_asked_for_as_browsers_do(store: Store) -> None:
    codings = [one.field("accept-encoding") for one in asked(store, "any/short.txt") if one.kind == "whole"]
    assert [BROWSER, "identity", None, "identity"] == codings


def test_large_content_is_asked_for_once(store: Store) -> None:
    kinds = [(one.kind, one.method) for one in asked(store, "any/font.woff2")]
    assert 2 == kinds.count(("whole", "GET"))  # as browsers do, and without a coding
    assert 3 == kinds.count(("head", "HEAD"))


def test_ranges_of_content_that_has_any(store: Store) -> None:
    assert ["bytes=1-4", "bytes=-4"] == [one.field("range") for one in asked(store, "npm/lib@1.2.0/tiny.txt")][-3:-1]
    assert not any(one.kind == "range" for one in asked(store, "any/empty.css"))


def test_every_answer_of_ours_is_one_that_is_meant(store: Store) -> None:
    """A question that our own rules refuse would prove nothing."""
    origin = Origin(store.read())
    statuses = {"whole": 200, "head": 200, "conditional": 304, "range": 206}
    for path in origin.paths:
        for one in asked(store, path):
            status = respond(one.request(), origin).status
            assert status == statuses.get(one.kind, status), one
            assert one.kind != "preflight" or status in (204, 403), one


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        pytest.param(ANY, [(STRANGER, "x-requested-with")], id="any"),
        pytest.param(NONE, [(STRANGER, None)], id="none"),
        pytest.param(
            Policy("p", ("https://a.example",), allow_headers=("X-One", "X-Two")),
            [("https://a.example", "x-one"), (STRANGER, "x-one")],
            id="an allow-list with headers",
        ),
        pytest.param(
            Policy("p", ("https://a.example",)),
            [("https://a.example", None), (STRANGER, None)],
            id="an allow-list without",
        ),
    ],
)
def test_preflights(policy: Policy, expected: list[tuple[str, str | None]]) -> None:
    made = list(preflights("a.js", CompiledPolicy(policy)))
    assert expected == [(one.field("origin"), one.field("access-control-request-headers")) for one in made]
    assert {"GET"} == {one.field("access-control-request-method") for one in made}


def test_a_path_that_is_not_there_under_each_rule_and_one_of_no_rule(store: Store) -> None:
    origin = Origin(store.read())
    made = list(absent(origin, "missing.txt"))
    assert [
        "accounts/missing.txt",
        "any/missing.txt",
        "missing.txt",
        "npm/lib@1.2.0/missing.txt",
        "own/missing.txt",
        "partners/missing.txt",
    ] == sorted(one.path for one in made)
    assert {404} == {respond(one.request(), origin).status for one in made}


def test_a_question_says_itself() -> None:
    one = Question("whole", "GET", "a b.js", (("origin", STRANGER), ("accept-encoding", "br")))
    assert ("/a%20b.js", f"GET with origin: {STRANGER}, accept-encoding: br") == (one.target, str(one))
    assert "GET" == str(Question("whole", "GET", "a.js"))
    assert ((b"host", b"cdn.example"), (b"origin", STRANGER.encode()), (b"accept-encoding", b"gzip")) == (
        one.request(("accept-encoding", "gzip")).fields
    )

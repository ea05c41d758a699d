"""Replies without a file: one line of plain text, and the headers that every status carries."""

from __future__ import annotations

import pytest

from cdnserve.origin.lookup import PublishRule
from cdnserve.origin.text_replies import Line, cors_headers, plain, text_reply, vary
from cdnserve.rules.cors import ANY, NONE, Policy
from tests.origin import catalogs
from tests.origin.catalogs import APP, PARTNERS, header

MORE = ((b"allow", b"GET"),)
LINE = Line(404, "no-store", "x")


@pytest.mark.parametrize(
    ("listed", "field"),
    [
        pytest.param((), (), id="nothing"),
        pytest.param(("Origin",), ((b"vary", b"Origin"),), id="one field"),
        pytest.param(("Accept-Encoding", "Origin"), ((b"vary", b"Accept-Encoding, Origin"),), id="two fields"),
    ],
)
def test_vary_names_fields_or_is_absent(listed: tuple[str, ...], field: tuple[tuple[bytes, bytes], ...]) -> None:
    assert field == vary(listed)


def test_a_line_of_text_is_counted_in_octets() -> None:
    reply = text_reply(Line(404, "no-store", "ü"), MORE)
    assert reply.body == b"\xc3\xbc\n"
    assert reply.headers == (
        (b"content-length", b"3"),
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"no-store"),
        *MORE,
    )


def test_without_a_rule_there_are_no_cors_headers() -> None:
    request = catalogs.request("GET", "/x", origin=APP)
    assert cors_headers(request, None) == ()
    assert cors_headers(request, None, ("Range",)) == ((b"vary", b"Range"),)
    assert plain(request, None, LINE, MORE) == text_reply(LINE, MORE)


@pytest.mark.parametrize(
    ("policy", "method", "listed", "origin"),
    [
        pytest.param(ANY, "GET", "Range", "*", id="any"),
        pytest.param(
            ANY,
            "OPTIONS",
            "Range, Access-Control-Request-Method, Access-Control-Request-Headers",
            "*",
            id="any, OPTIONS",
        ),
        pytest.param(PARTNERS, "HEAD", "Range, Origin", APP, id="an allow-list"),
        pytest.param(NONE, "GET", "Range", None, id="none"),
    ],
)
def test_with_a_rule_its_policy_speaks(policy: Policy, method: str, listed: str, origin: str | None) -> None:
    rule = PublishRule(catalogs.rule("**", policy))
    request = catalogs.request(method, "/x", origin=APP)
    reply = plain(request, rule, LINE, MORE, ("Range",))
    assert listed == header(reply, "vary")
    assert origin == header(reply, "access-control-allow-origin")
    assert header(reply, "allow") == "GET"

"""Matching: header fields of an answer against those of a reply."""

from __future__ import annotations

import pytest

from cdnserve.origin.message import Reply
from cdnserve.verify.client import EdgeResponse, ReceivedContent
from cdnserve.verify.judge import (
    cors_differences,
    differences,
    location_differences,
    missing,
    tag_differences,
    told,
    vary_differences,
)

A, B = "https://a.example", "https://b.example"
NOTHING = ReceivedContent(0, b"", None, b"", b"", b"")


def reply(**headers: str) -> Reply:
    return Reply(200, tuple((name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()))


def answer(*fields: tuple[str, str]) -> EdgeResponse:
    return EdgeResponse(200, fields, NOTHING)


@pytest.mark.parametrize(
    ("expected", "got", "found"),
    [
        pytest.param("Origin", "Origin", False, id="the same"),
        pytest.param("Origin", "origin", False, id="in lower case"),
        pytest.param("Origin", "Accept-Encoding,Origin", False, id="with another name"),
        pytest.param("Origin", "*", False, id="all that there is"),
        pytest.param("Accept-Encoding, Origin", "Accept-Encoding", True, id="without one name"),
        pytest.param("Origin", "", True, id="empty"),
    ],
)
def test_vary_may_have_more_names_but_not_fewer(expected: str, got: str, found: bool) -> None:
    assert found == bool(list(vary_differences(reply(vary=expected), answer(("vary", got)))))


def test_vary_on_several_lines_is_one_list() -> None:
    lines = answer(("vary", "Accept-Encoding"), ("vary", "Origin"))
    assert [] == list(vary_differences(reply(vary="Accept-Encoding, Origin"), lines))


@pytest.mark.parametrize(
    ("expected", "got", "found"),
    [
        pytest.param(A, (A,), "", id="the same"),
        pytest.param(None, (), "", id="neither has any"),
        pytest.param(A, (), "cors-stripped", id="it is gone"),
        pytest.param("*", (), "cors-stripped", id="it is gone for all"),
        pytest.param(A, (B,), "origins-mixed", id="it is another one's"),
        pytest.param(None, (A,), "origins-mixed", id="it is an allowed one's"),
        pytest.param(None, ("*",), "cors-added", id="everybody may"),
        pytest.param(A, ("*",), "cors-changed", id="everybody may instead"),
        pytest.param(A, (A, A), "cors-added", id="it comes twice"),
        pytest.param("*", ("*", "*"), "cors-added", id="it comes twice for all"),
        pytest.param("*", ("*, *",), "cors-changed", id="it comes twice on a line"),
        pytest.param(A, ("https://c.example",), "cors-changed", id="it is nobody's whom we asked as"),
    ],
)
def test_allow_origin(expected: str | None, got: tuple[str, ...], found: str) -> None:
    ours = reply(access_control_allow_origin=expected) if expected else reply()
    theirs = answer(*(("access-control-allow-origin", value) for value in got))
    assert ([found] if found else []) == [reference for reference, _ in cors_differences(ours, theirs, (A, B, None))]


def test_other_headers_for_other_origins() -> None:
    ours = reply(access_control_expose_headers="ETag, X-Trace", cross_origin_resource_policy="cross-origin")
    same = answer(
        ("access-control-expose-headers", "x-trace,etag"),
        ("cross-origin-resource-policy", "cross-origin"),
        ("timing-allow-origin", "*"),
    )
    assert [] == list(cors_differences(ours, same, ()))
    other = answer(("access-control-max-age", "5"), ("cross-origin-resource-policy", "same-origin"))
    assert ["cors-changed", "cors-added", "cors-changed"] == [one for one, _ in cors_differences(ours, other, ())]


@pytest.mark.parametrize(
    ("name", "expected", "got", "found"),
    [
        pytest.param("cache-control", "public, max-age=60", "max-age=60,public", "", id="directives in another order"),
        pytest.param("cache-control", "public, no-cache", "max-age=60", "cache-control-changed", id="other directives"),
        pytest.param("cache-control", "public", None, "cache-control-changed", id="no directive"),
        pytest.param("content-type", "text/css; charset=utf-8", "text/css; charset=UTF-8", "", id="another case"),
        pytest.param("content-type", "text/css; charset=utf-8", "text/css", "content-type-changed", id="no charset"),
        pytest.param("x-content-type-options", "nosniff", None, "protection-dropped", id="sniffing"),
        pytest.param("content-security-policy", "sandbox", "", "protection-dropped", id="no sandbox"),
        pytest.param("last-modified", "yesterday", None, "", id="no date"),
    ],
)
def test_other_headers(name: str, expected: str, got: str | None, found: str) -> None:
    theirs = answer(*([(name, got)] if got is not None else []))
    kinds = [one for one, _ in differences(reply(**{name: expected}), theirs, ())]
    assert ([found] if found else []) == kinds


@pytest.mark.parametrize(
    ("got", "found"),
    [('"a"', []), ('W/"a"', ["etag-weakened"]), ('"b"', ["etag-changed"]), (None, ["etag-changed"])],
)
def test_entity_tags(got: str | None, found: list[str]) -> None:
    theirs = answer(*([("etag", got)] if got else []))
    assert found == [one for one, _ in tag_differences(reply(etag='"a"'), theirs)]
    assert [] == list(tag_differences(reply(), theirs))


@pytest.mark.parametrize(
    ("got", "found"),
    [
        pytest.param("../lib@1.2.0/a.js", False, id="as it was"),
        pytest.param("https://cdn.example/x/npm/lib@1.2.0/a.js", False, id="absolute"),
        pytest.param("/npm/lib@1.2.0/a.js", True, id="without the prefix"),
        pytest.param("https://other.example/x/npm/lib@1.2.0/a.js", True, id="on another host"),
        pytest.param(None, True, id="nowhere"),
    ],
)
def test_where_a_redirect_leads(got: str | None, found: bool) -> None:
    theirs = answer(*([("location", got)] if got else []))
    url = "https://cdn.example/x/npm/lib@1/a.js"
    assert found == bool(list(location_differences(reply(location="../lib@1.2.0/a.js"), theirs, url)))


def test_what_is_missing() -> None:
    assert {"etag"} == missing(reply(etag='"a"', vary="Origin"), answer(("vary", "Origin"), ("via", "edge")))


def test_what_others_write_is_cut() -> None:
    assert 300 > len(told("vary", "Origin", "x" * 5000))

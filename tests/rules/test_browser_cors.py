"""The browser's side of CORS (Fetch Standard §4.8 to §4.10)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.rules.browser_cors import (
    Headers,
    ScriptRequest,
    blocks_after_preflight,
    blocks_response,
    normalize_method,
    preflight_headers,
    preflight_reasons,
    unsafe_header_names,
)

PAGE = "https://app.example.com"


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        pytest.param("delete", "DELETE", id="delete"),
        pytest.param("Get", "GET", id="get"),
        pytest.param("options", "OPTIONS", id="options"),
        pytest.param("patch", "patch", id="patch stays, whatever people expect"),
        pytest.param("custom", "custom", id="any other"),
    ],
)
def test_methods_are_normalized_as_fetch_does(method: str, expected: str) -> None:
    assert expected == normalize_method(method)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("Accept", "text/css, */*;q=0.1", id="Accept"),
        pytest.param("Accept", "a\tb", id="a tab"),
        pytest.param("ACCEPT-LANGUAGE", "de-DE, *;q=0.5", id="Accept-Language"),
        pytest.param("Content-Language", "en", id="Content-Language"),
        pytest.param("Content-Type", "text/plain;charset=utf-8", id="text/plain"),
        pytest.param("Content-Type", " Multipart/Form-Data ; boundary=x", id="form data"),
        pytest.param("content-type", "application/x-www-form-urlencoded", id="a form"),
        pytest.param("Range", "bytes=0-", id="an open range"),
        pytest.param("Range", "bytes=5-5", id="a range of one octet"),
        pytest.param("Accept", "x" * 128, id="128 octets"),
    ],
)
def test_a_safelisted_header_needs_no_preflight(name: str, value: str) -> None:
    """Fetch §2.2.2, "CORS-safelisted request-header"."""
    assert () == unsafe_header_names(((name, value),))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("X-Custom", "", id="any other name"),
        pytest.param("Authorization", "Bearer x", id="Authorization"),
        pytest.param("If-None-Match", '"x"', id="a precondition"),
        pytest.param("Accept", 'a"b', id="a quotation mark"),
        pytest.param("Accept", "a{b}", id="braces"),
        pytest.param("Accept", "a\x7f", id="DEL"),
        pytest.param("Accept-Language", "de_DE", id="an underscore in a language"),
        pytest.param("Content-Type", "application/json", id="JSON"),
        pytest.param("Content-Type", "text/plain; a=(b)", id="parentheses in a type"),
        pytest.param("Range", "bytes=-5", id="the last octets"),
        pytest.param("Range", "bytes=5-4", id="a range backwards"),
        pytest.param("Range", "bytes=0-1,3-4", id="two ranges"),
        pytest.param("Range", "bytes = 0-1", id="spaces in a range"),
        pytest.param("Range", "items=0-1", id="another unit"),
        pytest.param("Accept", "x" * 129, id="129 octets"),
    ],
)
def test_any_other_header_needs_one(name: str, value: str) -> None:
    assert (name.lower(),) == unsafe_header_names(((name, value),))


def test_many_safe_values_become_unsafe_together() -> None:
    """Fetch §2.2.2: more than 1024 octets in all."""
    eight = tuple(("Accept", "x" * 128) for _ in range(8))
    assert () == unsafe_header_names(eight)
    assert ("accept", "accept-language") == unsafe_header_names((*eight, ("Accept-Language", "x")))


def test_names_are_in_lower_case_sorted_and_once() -> None:
    assert ("a", "b") == unsafe_header_names((("B", ""), ("a", ""), ("b", "")))


@given(st.lists(st.tuples(st.sampled_from(["accept", "range", "content-type", "x"]), st.text(max_size=140))))
def test_no_value_makes_it_fail(headers: list[tuple[str, str]]) -> None:
    assert set(unsafe_header_names(tuple(headers))) <= {name for name, _ in headers}


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        pytest.param(ScriptRequest(PAGE), (), id="GET"),
        pytest.param(ScriptRequest(PAGE, "HEAD"), (), id="HEAD"),
        pytest.param(ScriptRequest(PAGE, "POST"), (), id="POST"),
        pytest.param(ScriptRequest(PAGE, "PUT"), ("the method PUT is not safelisted",), id="PUT"),
        pytest.param(ScriptRequest(PAGE, "get"), ("the method get is not safelisted",), id="methods differ by case"),
        pytest.param(
            ScriptRequest(PAGE, "GET", (("X-A", "1"), ("Accept", "*/*"))),
            ("the header x-a is not safelisted",),
            id="a header",
        ),
    ],
)
def test_a_browser_asks_first_for_good_reasons_only(request_: ScriptRequest, expected: tuple[str, ...]) -> None:
    assert expected == preflight_reasons(request_)


def test_a_preflight_names_method_headers_and_origin() -> None:
    expected = (
        (b"accept", b"*/*"),
        (b"access-control-request-method", b"PUT"),
        (b"access-control-request-headers", b"x-a,x-b"),
        (b"origin", b"https://app.example.com"),
    )
    assert expected == preflight_headers(ScriptRequest(PAGE, "PUT", (("X-B", ""), ("X-A", ""))))


def test_a_preflight_for_a_method_names_no_headers() -> None:
    assert b"access-control-request-headers" not in dict(preflight_headers(ScriptRequest(PAGE, "PUT")))


def allowing(origin: str, **more: str) -> Headers:
    fields = {"access_control_allow_origin": origin, **{f"access_control_allow_{k}": v for k, v in more.items()}}
    return tuple((name.replace("_", "-").encode(), value.encode()) for name, value in fields.items())


@pytest.mark.parametrize(
    ("credentials", "headers", "expected"),
    [
        pytest.param(False, allowing("*"), "", id="any origin"),
        pytest.param(False, allowing(PAGE), "", id="this origin"),
        pytest.param(True, allowing(PAGE, credentials="true"), "", id="with credentials"),
        pytest.param(False, (), "has no Access-Control-Allow-Origin", id="nothing"),
        pytest.param(False, allowing("https://other.example"), "is https://other.example, not", id="another origin"),
        pytest.param(False, (*allowing(PAGE), *allowing(PAGE)), f"is {PAGE}, {PAGE}, not", id="twice"),
        pytest.param(True, allowing("*", credentials="true"), "is *, which does not cover", id="* with credentials"),
        pytest.param(True, allowing(PAGE), "no Access-Control-Allow-Credentials: true", id="credentials not allowed"),
        pytest.param(True, allowing(PAGE, credentials="True"), "Credentials: true", id="True is not true"),
    ],
)
def test_the_cors_check_is_that_of_fetch(credentials: bool, headers: Headers, expected: str) -> None:
    """Fetch §4.10."""
    said = blocks_response(ScriptRequest(PAGE, credentials=credentials), headers)
    assert expected in said
    assert bool(expected) == bool(said)


WITH_HEADER = (("X-Custom", "1"),)
AUTHORIZED = (("Authorization", "x"),)


@pytest.mark.parametrize(
    ("request_", "status", "headers", "expected"),
    [
        pytest.param(ScriptRequest(PAGE, "PUT"), 204, allowing("*", methods="GET, PUT"), "", id="a listed method"),
        pytest.param(ScriptRequest(PAGE, "PUT"), 204, allowing("*", methods="*"), "", id="any method"),
        pytest.param(ScriptRequest(PAGE, "POST", WITH_HEADER), 200, allowing("*", headers="x-custom"), "", id="POST"),
        pytest.param(
            ScriptRequest(PAGE, "GET", WITH_HEADER), 200, allowing("*", headers="A, X-CUSTOM"), "", id="any case"
        ),
        pytest.param(ScriptRequest(PAGE, "GET", WITH_HEADER), 200, allowing("*", headers="*"), "", id="any header"),
        pytest.param(
            ScriptRequest(PAGE, "GET", AUTHORIZED), 200, allowing("*", headers="authorization"), "", id="Authorization"
        ),
        pytest.param(ScriptRequest(PAGE, "PUT"), 204, (), "no Access-Control-Allow-Origin", id="no origin"),
        pytest.param(ScriptRequest(PAGE, "PUT"), 404, allowing("*", methods="PUT"), "status is 404", id="a status"),
        pytest.param(ScriptRequest(PAGE, "PUT"), 304, allowing("*", methods="PUT"), "status is 304", id="a redirect"),
        pytest.param(ScriptRequest(PAGE, "PUT"), 204, allowing("*"), "does not list PUT", id="no methods"),
        pytest.param(ScriptRequest(PAGE, "PUT"), 204, allowing("*", methods="put"), "does not list PUT", id="put"),
        pytest.param(
            ScriptRequest(PAGE, "PUT", credentials=True),
            204,
            allowing(PAGE, methods="*", credentials="true"),
            "does not list PUT",
            id="any method is a name when credentials go along",
        ),
        pytest.param(
            ScriptRequest(PAGE, "GET", WITH_HEADER), 204, allowing("*"), "does not list x-custom", id="no headers"
        ),
        pytest.param(
            ScriptRequest(PAGE, "GET", AUTHORIZED),
            204,
            allowing("*", headers="*"),
            "does not list authorization",
            id="* does not cover Authorization",
        ),
        pytest.param(
            ScriptRequest(PAGE, "GET", WITH_HEADER, credentials=True),
            204,
            allowing(PAGE, headers="*", credentials="true"),
            "does not list x-custom",
            id="any header is a name when credentials go along",
        ),
    ],
)
def test_the_preflight_check_is_that_of_fetch(
    request_: ScriptRequest, status: int, headers: Headers, expected: str
) -> None:
    """Fetch §4.8."""
    said = blocks_after_preflight(request_, status, headers)
    assert expected in said
    assert bool(expected) == bool(said)

"""CORS-preflight requests (Fetch, CORS protocol): 204 with what Fetch's check needs, or 403 with a word of why."""

from __future__ import annotations

import pytest

from tests.contract import site as sites
from tests.contract.browser import HEADERS, METHOD, passes, preflight, refused
from tests.contract.edges import Edge
from tests.contract.policies import granted


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("headers", [(), ("",), ("x-custom",), ("x-a,x-b,range",), ("if-none-match",)])
@pytest.mark.parametrize("origin", [sites.ORIGIN, sites.STRANGER, "null", None, "garbage"])
def test_any_lets_everyone_pass(edge: Edge, method: str, headers: tuple[str, ...], origin: str | None) -> None:
    """Known by its method and Access-Control-Request-Method alone, so that nothing varies by Origin."""
    response = preflight(edge, "any/1.0.0", method, *headers, origin=origin)
    assert response.status == 204
    assert response["access-control-allow-origin"] == "*"
    assert response["access-control-allow-methods"] == "GET, HEAD, OPTIONS"
    assert response["access-control-allow-headers"] == "*"
    assert response["access-control-max-age"] == "86400"
    assert response.get("access-control-allow-credentials") is None
    assert "origin" not in response.members("vary")
    assert passes(
        response, origin or sites.ORIGIN, method, *(name for value in headers for name in value.split(",") if name)
    )


OTHER_METHODS = [
    "POST",
    "PUT",
    "DELETE",
    "PATCH",
    "TRACE",
    "get",
    "Get",
    "GETT",
    "*",
    "",
    "G E T",
    "GET,HEAD",
    "GET, GET",
    "\xff",
]


@pytest.mark.parametrize("method", OTHER_METHODS)
@pytest.mark.parametrize("folder", sites.ANY)
def test_any_refuses_other_methods(edge: Edge, folder: str, method: str) -> None:
    """RFC 9110 §9.1: methods are case-sensitive; the actual request would be 405."""
    assert refused(preflight(edge, folder, method))
    assert refused(preflight(edge, folder, method, origin=None))


@pytest.mark.parametrize("folder", sites.NONE)
@pytest.mark.parametrize("origin", [sites.ORIGIN, "null", None])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", ""])
def test_none_refuses_everyone(edge: Edge, folder: str, origin: str | None, method: str) -> None:
    response = preflight(edge, folder, method, origin=origin)
    assert refused(response)
    assert granted(response) == []


@pytest.mark.parametrize("folder", sites.LISTED)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_listed_origin_passes(edge: Edge, folder: str, method: str) -> None:
    response = preflight(edge, folder, method)
    assert response.status == 204
    assert response["access-control-allow-origin"] == sites.ORIGIN
    assert ("true" if folder == "accounts" else None) == response.get("access-control-allow-credentials")
    assert {"partners": "3600", "accounts": "600"}.get(folder) == response.get("access-control-max-age")
    assert response.members("vary") >= {"origin", METHOD.lower(), HEADERS.lower()}
    assert passes(response, sites.ORIGIN, method)


@pytest.mark.parametrize(
    "origin",
    [
        "https://a.example.org",
        "https://a.b.example.org",
        "https://dev.example.net:8443",
        "http://localhost:3000",
        "http://[::1]:9000",
        "https://a.apps.example.net:1",
        "capacitor://localhost",
    ],
)
def test_every_kind_of_listed_origin_passes(edge: Edge, origin: str) -> None:
    response = preflight(edge, "partners", "PUT", "x-custom", origin=origin)
    assert response.status == 204
    assert passes(response, origin, "PUT", "x-custom")


@pytest.mark.parametrize(
    "origin",
    [
        sites.STRANGER,
        "null",
        "",
        "*",
        "https://example.org",
        "https://evilexample.org",
        "https://app.example.com/",
        "https://app.example.com.evil.example",
        "http://app.example.com",
        "https://app.example.com, https://app.example.com",
    ],
)
@pytest.mark.parametrize("folder", ["partners", "accounts", "star", "lan"])
def test_another_origin_is_refused(edge: Edge, folder: str, origin: str) -> None:
    response = preflight(edge, folder, "GET", origin=origin)
    assert refused(response)
    assert "origin" in response.members("vary")


def test_null_passes_where_it_is_allowed(edge: Edge) -> None:
    assert passes(preflight(edge, "opaque", "GET", origin="null"), "null", "GET")
    assert refused(preflight(edge, "partners", "GET", origin="null"))


@pytest.mark.parametrize(
    ("folder", "method", "allowed"),
    [
        pytest.param("partners", "PUT", True, id="a listed method"),
        pytest.param("partners", "put", False, id="a listed method in lower case"),
        pytest.param("partners", "Put", False, id="a listed method in mixed case"),
        pytest.param("partners", "PUTT", False, id="a longer method"),
        pytest.param("partners", "PU", False, id="a shorter method"),
        pytest.param("partners", "POST", False, id="a method that is not listed"),
        pytest.param("partners", "DELETE", False, id="another that is not listed"),
        pytest.param("partners", "*", False, id="an asterisk"),
        pytest.param("partners", "GET, PUT", False, id="two methods"),
        pytest.param("partners", "", False, id="an empty method"),
        pytest.param("bare", "PUT", False, id="not listed by default"),
        pytest.param("accounts", "PATCH", False, id="not listed with credentials"),
    ],
)
def test_methods_of_an_allow_list(edge: Edge, folder: str, method: str, allowed: bool) -> None:
    response = preflight(edge, folder, method)
    assert passes(response, sites.ORIGIN, method) if allowed else refused(response)


def test_a_method_that_passes_may_still_be_405(edge: Edge) -> None:
    """The manifest's allow-methods governs preflights; the script reads the 405."""
    response = edge.ask("PUT", "/partners/app.js", ("Origin", sites.ORIGIN))
    assert (response.status, response["access-control-allow-origin"]) == (405, sites.ORIGIN)


@pytest.mark.parametrize("folder", ["any/1.0.0", "partners", "accounts", "none"])
def test_the_method_on_two_lines_is_refused(edge: Edge, folder: str) -> None:
    fields = (("Origin", sites.ORIGIN), (METHOD, "GET"), (METHOD, "GET"))
    assert refused(edge.ask("OPTIONS", f"/{folder}/app.js", *fields))


@pytest.mark.parametrize("folder", sites.LISTED)
def test_two_origins_are_refused(edge: Edge, folder: str) -> None:
    fields = (("Origin", sites.ORIGIN), ("Origin", sites.ORIGIN), (METHOD, "GET"))
    assert refused(edge.ask("OPTIONS", f"/{folder}/app.js", *fields))


@pytest.mark.parametrize("folder", sites.LISTED)
def test_without_origin_it_is_no_preflight(edge: Edge, folder: str) -> None:
    """Fetch: a CORS-preflight request is a CORS request, which includes Origin."""
    response = preflight(edge, folder, "DELETE", "x-other", origin=None)
    assert (response.status, response["allow"], granted(response)) == (204, "GET, HEAD, OPTIONS", [])
    assert "origin" in response.members("vary")


@pytest.mark.parametrize("folder", sites.FOLDERS)
def test_without_a_method_it_is_no_preflight(edge: Edge, folder: str) -> None:
    response = edge.ask("OPTIONS", f"/{folder}/app.js", ("Origin", sites.STRANGER), (HEADERS, "x-other"))
    assert (response.status, response["allow"]) == (204, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("folder", ["any/1.0.0", "partners", "none"])
def test_preflight_fields_on_other_methods_say_nothing(edge: Edge, folder: str, method: str) -> None:
    origin = ("Origin", sites.ORIGIN)
    plain = edge.ask(method, f"/{folder}/app.js", origin)
    assert (
        plain.comparable()
        == edge.ask(method, f"/{folder}/app.js", origin, (METHOD, "PUT"), (HEADERS, "x-a")).comparable()
    )


@pytest.mark.parametrize("folder", sites.FOLDERS)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_missing_file_is_preflighted_by_its_rule(edge: Edge, folder: str, method: str) -> None:
    """So that the script gets to its request, and reads the 404."""
    present, missing = (preflight(edge, folder, method, name=name) for name in ("app.js", "absent.js"))
    assert present.comparable() == missing.comparable()


@pytest.mark.parametrize(
    "path", ["/secret.txt", "/nowhere", "/any/1.0.0/app.js.map", "/any/.hidden.js", "/elsewhere/../any/1.0.0/app.js"]
)
@pytest.mark.parametrize("method", ["GET", "DELETE", ""])
def test_what_is_unlisted_has_no_preflight(edge: Edge, path: str, method: str) -> None:
    response = edge.ask("OPTIONS", path, ("Origin", sites.ORIGIN), (METHOD, method))
    assert (response.status, granted(response)) == (404, [])
    assert "origin" not in response.members("vary")


@pytest.mark.parametrize(
    ("origin", "method", "headers", "word"),
    [
        pytest.param(sites.STRANGER, "GET", "", "origin", id="the origin"),
        pytest.param(sites.ORIGIN, "DELETE", "", "method", id="the method"),
        pytest.param(sites.ORIGIN, "GET", "x-other", "header", id="a header name"),
    ],
)
def test_a_refusal_says_which_check_failed(edge: Edge, origin: str, method: str, headers: str, word: str) -> None:
    response = preflight(edge, "partners", method, headers, origin=origin)
    assert refused(response)
    assert word in response.text().lower()


def test_a_preflight_has_no_exposed_headers_to_speak_of(edge: Edge) -> None:
    """Fetch: Access-Control-Expose-Headers belongs to actual requests; a browser ignores it here."""
    for folder in ("any/1.0.0", "partners", "accounts"):
        response = preflight(edge, folder, "GET")
        assert response.status == 204
        assert response.body == b""

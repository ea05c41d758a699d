"""OPTIONS (RFC 9110 §9.3.7) and preflights (Fetch §3.2.2): answered by the rule, whether or not a file lies there."""

from __future__ import annotations

import pytest

from tests.origin.catalogs import APP, STRANGER, ask, header, members, names

ALLOW = "GET, HEAD, OPTIONS"
ASKED = {"access-control-request-method", "access-control-request-headers"}
FILES = pytest.mark.parametrize("name", ["app.js", "absent.js"])


@FILES
@pytest.mark.parametrize("fields", [{}, {"origin": STRANGER}, {"origin": "null"}])
def test_a_preflight_of_any(name: str, fields: dict[str, str]) -> None:
    """The contract: the same permission for every origin, so Vary does not name it."""
    reply = ask("OPTIONS", f"/any/{name}", access_control_request_method="GET", **fields)
    assert (reply.status, reply.body) == (204, b"")
    assert header(reply, "access-control-allow-origin") == "*"
    assert header(reply, "access-control-allow-methods") == ALLOW
    assert header(reply, "access-control-allow-headers") == "*"
    assert header(reply, "access-control-max-age") == "86400"
    assert header(reply, "access-control-allow-credentials") is None
    assert members(reply, "vary") == ASKED
    assert not {"content-length", "content-type", "etag", "last-modified"} & names(reply)


@FILES
def test_a_preflight_of_an_allow_list(name: str) -> None:
    asked = {"access_control_request_method": "GET", "access_control_request_headers": "x-custom"}
    reply = ask("OPTIONS", f"/partners/{name}", origin=APP, **asked)
    assert (reply.status, reply.body) == (204, b"")
    assert header(reply, "access-control-allow-origin") == APP
    assert header(reply, "access-control-allow-methods") == "GET, HEAD"
    assert header(reply, "access-control-allow-headers") == "X-Custom"
    assert header(reply, "access-control-max-age") == "3600"
    assert members(reply, "vary") == ASKED | {"origin"}


def test_a_preflight_with_credentials_and_private_networks() -> None:
    asked = {"access_control_request_method": "GET", "access_control_request_private_network": "true"}
    reply = ask("OPTIONS", "/accounts/app.js", origin=APP, **asked)
    assert header(reply, "access-control-allow-credentials") == "true"
    assert header(reply, "access-control-allow-private-network") == "true"
    assert "access-control-request-private-network" in members(reply, "vary")
    for other in ("", "TRUE", "1", "true, true"):
        reply = ask(
            "OPTIONS", "/accounts/app.js", origin=APP, **(asked | {"access_control_request_private_network": other})
        )
        assert (reply.status, header(reply, "access-control-allow-private-network")) == (204, None)


@FILES
@pytest.mark.parametrize(
    ("folder", "fields", "word"),
    [
        pytest.param("partners", {"origin": STRANGER}, "origin", id="an origin that is not listed"),
        pytest.param("partners", {"origin": ""}, "origin", id="an empty origin"),
        pytest.param("partners", {"origin": APP, "access_control_request_method": "PUT"}, "method", id="a method"),
        pytest.param("partners", {"origin": APP, "access_control_request_headers": "x-b"}, "header", id="a header"),
        pytest.param("any", {"access_control_request_method": "PUT"}, "method", id="a method of any"),
        pytest.param("any", {"access_control_request_headers": "authorization"}, "header", id="Authorization of any"),
        pytest.param("none", {"origin": APP}, "none", id="none"),
    ],
)
def test_a_preflight_that_fails_is_403(name: str, folder: str, fields: dict[str, str], word: str) -> None:
    """The contract: no Access-Control-Allow-*, and one line that says which check failed."""
    reply = ask("OPTIONS", f"/{folder}/{name}", **({"access_control_request_method": "GET"} | fields))
    assert reply.status == 403
    assert isinstance(reply.body, bytes)
    assert word.encode() in reply.body
    assert reply.body.count(b"\n") == 1
    assert header(reply, "content-length") == str(len(reply.body))
    assert header(reply, "cache-control") == "no-store"
    assert not [name for name in names(reply) if name.startswith("access-control-")]
    assert ("origin" in members(reply, "vary")) == (folder == "partners")
    assert "access-control-request-method" in members(reply, "vary")


@pytest.mark.parametrize(
    ("folder", "fields", "origin", "vary"),
    [
        pytest.param("any", {}, "*", ASKED, id="any"),
        pytest.param("any", {"access_control_request_headers": "x"}, "*", ASKED, id="any, headers but no method"),
        pytest.param("partners", {"origin": APP}, APP, ASKED | {"origin"}, id="an allow-list"),
        pytest.param(
            "partners", {"access_control_request_method": "GET"}, None, ASKED | {"origin"}, id="a method but no Origin"
        ),
        pytest.param("partners", {"origin": STRANGER}, None, ASKED | {"origin"}, id="an origin that is not listed"),
        pytest.param("none", {"origin": APP}, None, {"access-control-request-method"}, id="none"),
    ],
)
def test_options_that_is_no_preflight(folder: str, fields: dict[str, str], origin: str | None, vary: set[str]) -> None:
    reply = ask("OPTIONS", f"/{folder}/app.js", if_match='"x"', range="bytes=9999-", accept_encoding="*;q=0", **fields)
    assert (reply.status, reply.body) == (204, b"")
    assert header(reply, "allow") == ALLOW
    assert header(reply, "access-control-allow-origin") == origin
    assert header(reply, "access-control-allow-methods") is None
    assert vary == members(reply, "vary")
    assert not {"content-length", "content-type", "etag", "accept-ranges"} & names(reply)


@pytest.mark.parametrize("path", ["/any/absent.js", "/elsewhere/app.js", "/any/app.js.map", "/any/"])
def test_options_of_what_is_not_there_is_404(path: str) -> None:
    assert ask("OPTIONS", path).status == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("/elsewhere/app.js", 404, id="no rule"),
        pytest.param("/any/app.js.map", 404, id="left out by the rule"),
        pytest.param("/elsewhere/../any/app.js", 404, id="not normal"),
        pytest.param("/elsewhere/%zz", 400, id="malformed"),
    ],
)
def test_a_preflight_of_what_is_not_public_grants_nothing(path: str, status: int) -> None:
    reply = ask("OPTIONS", path, origin=APP, access_control_request_method="GET")
    assert reply.status == status
    assert not [name for name in names(reply) if name.startswith("access-control-")]


@pytest.mark.parametrize("path", ["/any/../partners/app.js", "/any/%zz", "//any/app.js"])
def test_a_preflight_of_a_flawed_path_is_answered_by_the_rule_above_it(path: str) -> None:
    reply = ask("OPTIONS", path, origin=APP, access_control_request_method="GET")
    assert (204, "*") == (reply.status, header(reply, "access-control-allow-origin"))


def test_options_of_the_server_itself() -> None:
    """§9.3.7: "OPTIONS *" is about the server, so no rule of a path speaks."""
    reply = ask("OPTIONS", "*", origin=APP, access_control_request_method="GET")
    assert (reply.status, reply.headers, reply.body) == (204, ((b"allow", ALLOW.encode()),), b"")
    assert ask("GET", "*").status == 404

"""CORS (Fetch Standard §3.2): what a policy answers, and that it never answers more than it says."""

from __future__ import annotations

import pytest

from cdnserve.rules.cors import ANY, NONE, CompiledPolicy, Headers, Policy, Preflight, Verdict

APP = "https://app.example.com"
STRANGER = "https://stranger.example"

LISTED = Policy(
    "partners",
    allow_origins=(APP, "https://other.example.com:8443", "capacitor://localhost"),
    allow_methods=("GET", "HEAD", "PUT"),
    allow_headers=("X-Requested-With", "X-Custom"),
    expose_headers=("ETag", "X-Trace"),
    max_age=3600,
)
CREDENTIALS = Policy("accounts", (APP,), allow_credentials=True, allow_headers=("*",), max_age=0)
STAR = Policy("star", (APP,), allow_headers=("*",))
STAR_AND_AUTHORIZATION = Policy("star", (APP,), allow_headers=("*", "Authorization"))
OPAQUE = Policy("opaque", allow_null_origin=True)
LAN = Policy("lan", (APP,), allow_private_network=True)

CROSS_ORIGIN = {"cross-origin-resource-policy": "cross-origin"}
ANY_HEADERS = {
    **CROSS_ORIGIN,
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "*",
    "timing-allow-origin": "*",
}


def named(headers: Headers | Verdict) -> dict[str, str]:
    """Return headers by name; each stands once."""
    assert isinstance(headers, tuple), headers
    fields = {name.decode(): value.decode() for name, value in headers}
    assert len(fields) == len(headers)
    return fields


def echo(origin: str, **more: str) -> dict[str, str]:
    """Return the headers that let one origin read."""
    fields = {"access-control-allow-origin": origin, "timing-allow-origin": origin, **CROSS_ORIGIN}
    return fields | {name.replace("_", "-"): value for name, value in more.items()}


@pytest.mark.parametrize("origin", [None, APP, "null", "", "not an origin", "*"])
def test_any_answers_every_origin_alike(origin: str | None) -> None:
    """The contract: with or without Origin, so that a shared cache keeps one response."""
    assert named(CompiledPolicy(ANY).actual(origin)) == ANY_HEADERS


@pytest.mark.parametrize("origin", [None, APP, "null", ""])
def test_none_answers_no_origin(origin: str | None) -> None:
    assert named(CompiledPolicy(NONE).actual(origin)) == {"cross-origin-resource-policy": "same-origin"}


@pytest.mark.parametrize(
    ("policy", "origin", "expected"),
    [
        pytest.param(LISTED, None, CROSS_ORIGIN, id="no Origin"),
        pytest.param(LISTED, STRANGER, CROSS_ORIGIN, id="an origin that is not listed"),
        pytest.param(LISTED, "null", CROSS_ORIGIN, id="null, which is not allowed"),
        pytest.param(LISTED, APP, echo(APP, access_control_expose_headers="ETag, X-Trace"), id="an origin that is"),
        pytest.param(
            LISTED,
            "capacitor://localhost",
            echo("capacitor://localhost", access_control_expose_headers="ETag, X-Trace"),
            id="an origin of another scheme",
        ),
        pytest.param(CREDENTIALS, APP, echo(APP, access_control_allow_credentials="true"), id="with credentials"),
        pytest.param(CREDENTIALS, STRANGER, CROSS_ORIGIN, id="with credentials, not listed"),
        pytest.param(OPAQUE, "null", echo("null"), id="null, which is allowed"),
        pytest.param(OPAQUE, APP, CROSS_ORIGIN, id="an origin where only null is allowed"),
    ],
)
def test_an_allow_list_echoes_what_it_lists(policy: Policy, origin: str | None, expected: dict[str, str]) -> None:
    assert expected == named(CompiledPolicy(policy).actual(origin))


@pytest.mark.parametrize(
    "origin",
    [
        pytest.param("", id="nothing"),
        pytest.param("*", id="a star"),
        pytest.param("app.example.com", id="no scheme"),
        pytest.param("http://app.example.com", id="another scheme"),
        pytest.param("https://app.example.com:443", id="the default port, which no browser sends"),
        pytest.param("https://app.example.com:8443", id="another port"),
        pytest.param("https://other.example.com", id="no port where one is listed"),
        pytest.param("https://app.example.com.", id="a dot at the end"),
        pytest.param("https://app.example.com/", id="a slash at the end"),
        pytest.param("https://app.example.com.evil.example", id="a longer host"),
        pytest.param("https://evilapp.example.com", id="a host that ends alike"),
        pytest.param("https://appxexample.com", id="a dot is a dot"),
        pytest.param("https://APP.example.com", id="RFC 6454 §6.2: origins are serialized in lower case"),
        pytest.param("HTTPS://app.example.com", id="a scheme in upper case"),
        pytest.param("https://user@app.example.com", id="a user name"),
        pytest.param(f"{APP}, {APP}", id="two lines"),
        pytest.param(f"{APP} {STRANGER}", id="a list of RFC 6454"),
        pytest.param(f" {APP}", id="white space"),
        pytest.param(f"{APP}\x00", id="a NUL"),
        pytest.param(f"{APP}\n", id="a line feed"),
        pytest.param("NULL", id="null in upper case"),
    ],
)
def test_an_origin_is_compared_octet_by_octet(origin: str) -> None:
    """Fetch §4.10: "If [...] the result of byte-serializing a request origin [...] is not origin, return failure"."""
    assert named(CompiledPolicy(LISTED).actual(origin)) == CROSS_ORIGIN


@pytest.mark.parametrize(
    ("policy", "vary", "vary_options"),
    [
        pytest.param(ANY, (), ("Access-Control-Request-Method", "Access-Control-Request-Headers"), id="any"),
        pytest.param(NONE, (), ("Access-Control-Request-Method",), id="none"),
        pytest.param(
            LISTED,
            ("Origin",),
            ("Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"),
            id="an allow-list",
        ),
        pytest.param(
            LAN,
            ("Origin",),
            (
                "Origin",
                "Access-Control-Request-Method",
                "Access-Control-Request-Headers",
                "Access-Control-Request-Private-Network",
            ),
            id="an allow-list with private networks",
        ),
    ],
)
def test_what_answers_depend_on(policy: Policy, vary: tuple[str, ...], vary_options: tuple[str, ...]) -> None:
    compiled = CompiledPolicy(policy)
    assert (vary, vary_options) == (compiled.vary, compiled.vary_options)


@pytest.mark.parametrize(
    ("policy", "origin", "method", "expected"),
    [
        pytest.param(LISTED, APP, "GET", True, id="an allow-list, both fields"),
        pytest.param(LISTED, STRANGER, "", True, id="an allow-list, both fields, whatever they say"),
        pytest.param(LISTED, None, "GET", False, id="an allow-list, no Origin"),
        pytest.param(LISTED, APP, None, False, id="an allow-list, no method"),
        pytest.param(ANY, None, "GET", True, id="any does not look at Origin"),
        pytest.param(ANY, APP, None, False, id="any, no method"),
        pytest.param(NONE, None, "GET", True, id="none does not look at Origin"),
    ],
)
def test_what_is_a_preflight(policy: Policy, origin: str | None, method: str | None, expected: bool) -> None:
    """Fetch §3.2.2: OPTIONS with Origin and Access-Control-Request-Method."""
    assert expected is CompiledPolicy(policy).is_preflight(origin, method)


ANY_PREFLIGHT = {
    **ANY_HEADERS,
    "access-control-allow-methods": "GET, HEAD, OPTIONS",
    "access-control-allow-headers": "*",
    "access-control-max-age": "86400",
}
LISTED_PREFLIGHT = {
    **CROSS_ORIGIN,
    "access-control-allow-origin": APP,
    "access-control-allow-methods": "GET, HEAD, PUT",
    "access-control-allow-headers": "X-Requested-With, X-Custom",
    "access-control-max-age": "3600",
}
STAR_PREFLIGHT = {
    **CROSS_ORIGIN,
    "access-control-allow-origin": APP,
    "access-control-allow-methods": "GET, HEAD",
    "access-control-allow-headers": "*",
}
CREDENTIALS_PREFLIGHT = {
    **CROSS_ORIGIN,
    "access-control-allow-origin": APP,
    "access-control-allow-credentials": "true",
    "access-control-allow-methods": "GET, HEAD",
    "access-control-max-age": "0",
}


@pytest.mark.parametrize(
    ("policy", "asked", "expected"),
    [
        pytest.param(ANY, Preflight(None, "GET"), ANY_PREFLIGHT, id="any, no Origin"),
        pytest.param(ANY, Preflight(STRANGER, "HEAD", "x-a,x-b"), ANY_PREFLIGHT, id="any, any header"),
        pytest.param(LISTED, Preflight(APP, "PUT"), LISTED_PREFLIGHT, id="a listed method"),
        pytest.param(LISTED, Preflight(APP, "GET", "x-custom,x-requested-with"), LISTED_PREFLIGHT, id="listed headers"),
        pytest.param(LISTED, Preflight(APP, "GET", " X-CUSTOM ,, "), LISTED_PREFLIGHT, id="loosely written headers"),
        pytest.param(LISTED, Preflight(APP, "GET", ""), LISTED_PREFLIGHT, id="an empty list of headers"),
        pytest.param(LISTED, Preflight(APP, "GET", None, True), LISTED_PREFLIGHT, id="private networks, not allowed"),
        pytest.param(STAR, Preflight(APP, "GET", "x-anything"), STAR_PREFLIGHT, id="a star, no credentials"),
        pytest.param(
            STAR_AND_AUTHORIZATION,
            Preflight(APP, "GET", "authorization"),
            STAR_PREFLIGHT | {"access-control-allow-headers": "*, Authorization"},
            id="a star and Authorization",
        ),
        pytest.param(CREDENTIALS, Preflight(APP, "GET"), CREDENTIALS_PREFLIGHT, id="credentials, no header"),
        pytest.param(
            CREDENTIALS,
            Preflight(APP, "GET", "authorization,x-a"),
            CREDENTIALS_PREFLIGHT | {"access-control-allow-headers": "authorization, x-a"},
            id="a star with credentials names what was asked",
        ),
        pytest.param(
            LAN,
            Preflight(APP, "GET", None, True),
            {
                **CROSS_ORIGIN,
                "access-control-allow-origin": APP,
                "access-control-allow-methods": "GET, HEAD",
                "access-control-allow-private-network": "true",
            },
            id="private networks, asked",
        ),
        pytest.param(
            LAN,
            Preflight(APP, "GET"),
            {**CROSS_ORIGIN, "access-control-allow-origin": APP, "access-control-allow-methods": "GET, HEAD"},
            id="private networks, not asked",
        ),
    ],
)
def test_a_preflight_that_succeeds(policy: Policy, asked: Preflight, expected: dict[str, str]) -> None:
    assert expected == named(CompiledPolicy(policy).preflight(asked))


@pytest.mark.parametrize(
    ("policy", "asked", "words"),
    [
        pytest.param(LISTED, Preflight(STRANGER, "GET"), ("origin", STRANGER), id="an origin that is not listed"),
        pytest.param(LISTED, Preflight("null", "GET"), ("origin", "allow-null-origin"), id="null"),
        pytest.param(LISTED, Preflight(None, "GET"), ("origin", "not list"), id="no Origin"),
        pytest.param(LISTED, Preflight(APP, "DELETE"), ("method", "DELETE", "PUT"), id="a method that is not listed"),
        pytest.param(LISTED, Preflight(APP, "put"), ("method", "put"), id="Fetch §2.2.1: methods are case-sensitive"),
        pytest.param(LISTED, Preflight(APP, ""), ("method",), id="an empty method"),
        pytest.param(LISTED, Preflight(APP, "GET, GET"), ("method",), id="two lines of a method"),
        pytest.param(LISTED, Preflight(APP, "GET", "x-custom,x-b"), ("header", "x-b"), id="one header is not listed"),
        pytest.param(LISTED, Preflight(APP, "GET", "x-custom x-b"), ("header",), id="headers without a comma"),
        pytest.param(ANY, Preflight(APP, "PUT"), ("method", "PUT"), id="any, a method that the server has not"),
        pytest.param(
            ANY, Preflight(APP, "GET", "authorization"), ("header", "authorization"), id="§4.9: Authorization"
        ),
        pytest.param(STAR, Preflight(APP, "GET", "AUTHORIZATION"), ("header", "authorization"), id="in upper case"),
        pytest.param(STAR, Preflight(APP, "GET", "x-a,x\x00b"), ("header",), id="a star, but no field name"),
        pytest.param(CREDENTIALS, Preflight(APP, "GET", "x-a,(b)"), ("header", "(b)"), id="credentials, no field name"),
        pytest.param(NONE, Preflight(APP, "GET"), ("none",), id="none"),
        pytest.param(NONE, Preflight(None, "GET"), ("none",), id="none, no Origin"),
    ],
)
def test_a_preflight_that_fails_says_which_check(policy: Policy, asked: Preflight, words: tuple[str, ...]) -> None:
    verdict = CompiledPolicy(policy).preflight(asked)
    assert isinstance(verdict, Verdict)
    assert verdict.allowed is False
    assert [word for word in words if word not in verdict.reason] == []


def test_a_reason_is_one_line_of_ascii_whatever_was_asked() -> None:
    hostile = "\x00\r\n\x85\u2028<script>é\U0001f600" + "x" * 100_000
    for asked in (Preflight(hostile, "GET"), Preflight(APP, hostile), Preflight(APP, "GET", hostile)):
        verdict = CompiledPolicy(LISTED).preflight(asked)
        assert isinstance(verdict, Verdict)
        assert verdict.reason.isascii()
        assert verdict.reason.isprintable()
        assert len(verdict.reason) < 1_500


@pytest.mark.parametrize(
    ("policy", "origin", "allowed", "words"),
    [
        pytest.param(ANY, STRANGER, True, "any", id="any"),
        pytest.param(NONE, APP, False, "none", id="none"),
        pytest.param(LISTED, APP, True, APP, id="listed"),
        pytest.param(LISTED, STRANGER, False, "not list", id="not listed"),
        pytest.param(OPAQUE, "null", True, "allow-null-origin is true", id="null is allowed"),
        pytest.param(LISTED, "null", False, "allow-null-origin is false", id="null is not allowed"),
        pytest.param(
            Policy("p", ("https://*.example.org",)),
            "https://a.example.org",
            True,
            "https://*.example.org",
            id="by a pattern",
        ),
    ],
)
def test_why_an_origin_may_or_may_not_read(policy: Policy, origin: str, allowed: bool, words: str) -> None:
    verdict = CompiledPolicy(policy).admits(origin)
    assert allowed is verdict.allowed
    assert words in verdict.reason

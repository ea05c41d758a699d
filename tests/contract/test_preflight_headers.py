"""Header names of CORS-preflight requests (Fetch; RFC 9110 §5.1, §5.6.1): lists of any size and shape."""

from __future__ import annotations

import pytest

from tests.contract import site as sites
from tests.contract.browser import passes, preflight, refused
from tests.contract.edges import Edge


@pytest.mark.parametrize(
    "headers", ["authorization", "Authorization", "AUTHORIZATION", "x-a, authorization", "authorization,x-a"]
)
def test_an_asterisk_does_not_cover_authorization(edge: Edge, headers: str) -> None:
    """Fetch, CORS-preflight fetch: the CORS non-wildcard request-header name must be listed by name."""
    assert refused(preflight(edge, "any/1.0.0", "GET", headers))
    assert refused(preflight(edge, "star", "GET", headers))


HEADER_LISTS = [
    pytest.param("partners", ("x-custom",), True, id="a listed name"),
    pytest.param("partners", ("X-CUSTOM",), True, id="in upper case"),
    pytest.param("partners", ("x-custom,x-requested-with",), True, id="both, as a browser sends them"),
    pytest.param("partners", ("x-requested-with,x-custom",), True, id="both, in another order"),
    pytest.param("partners", ("x-custom, x-requested-with",), True, id="a space after the comma"),
    pytest.param("partners", ("x-custom\t,\tx-requested-with ",), True, id="tabs"),
    pytest.param("partners", ("  x-custom   ,   x-requested-with  ",), True, id="many spaces"),
    pytest.param("partners", ("x-custom,x-custom",), True, id="the same twice"),
    pytest.param("partners", ("x-custom", "x-requested-with"), True, id="on two lines"),
    pytest.param("partners", ("x-requested-with", "x-custom"), True, id="on two lines, in another order"),
    pytest.param("partners", ("",), True, id="an empty list"),
    pytest.param("partners", (",",), True, id="two empty elements"),
    pytest.param("partners", ("\t, , ",), True, id="three empty elements"),
    pytest.param("partners", (",,x-custom,,",), True, id="empty elements around a name"),
    pytest.param("partners", (",," * 8 + "x-custom",), True, id="sixteen empty elements"),
    pytest.param("partners", ("x-custom" + "," * 12 + "x-requested-with",), True, id="empty elements between names"),
    pytest.param("partners", (*[""] * 10, "x-custom"), True, id="ten empty lines"),
    pytest.param("partners", ("x-other",), False, id="a name that is not listed"),
    pytest.param("partners", ("x-custom,x-other",), False, id="one listed, one not"),
    pytest.param("partners", ("x-custom", "x-other"), False, id="one listed, one not, on two lines"),
    pytest.param("partners", ("x-custo",), False, id="a shorter name"),
    pytest.param("partners", ("x-custom2",), False, id="a longer name"),
    pytest.param("partners", ("x-custom x-requested-with",), False, id="a space for the comma"),
    pytest.param("partners", ("x-custom;x-requested-with",), False, id="a semicolon for the comma"),
    pytest.param("partners", ("*",), False, id="an asterisk"),
    pytest.param("partners", ("authorization",), False, id="authorization"),
    pytest.param("partners", ("x-custom\x80",), False, id="no ASCII"),
    pytest.param("partners", ("content-type",), False, id="a safelisted name that is not listed"),
    pytest.param("bare", ("x-custom",), False, id="where none is listed"),
    pytest.param("bare", ("",), True, id="an empty list where none is listed"),
    pytest.param("star", ("x-anything,x-else",), True, id="an asterisk's"),
    pytest.param("accounts", ("x-anything,x-else",), True, id="an asterisk's with credentials"),
    pytest.param("accounts", ("authorization,x-else",), True, id="an asterisk's with credentials and authorization"),
    pytest.param("accounts", ("X-Anything , x-else",), True, id="an asterisk's with credentials, loosely written"),
    pytest.param("accounts", ("x-a", "x-b"), True, id="an asterisk's with credentials, on two lines"),
    pytest.param("partners", (",".join(["x-custom"] * 2000),), True, id="a listed name two thousand times"),
    pytest.param("partners", (",".join(f"x-{n}" for n in range(3000)),), False, id="three thousand names"),
    pytest.param("star", (",".join(f"x-{n}" for n in range(3000)),), True, id="three thousand for an asterisk"),
    pytest.param("any/1.0.0", (",".join(f"x-{n}" for n in range(3000)),), True, id="three thousand for any"),
    pytest.param("any/1.0.0", ("x" * 30_000,), True, id="a name of thirty thousand letters"),
]


@pytest.mark.parametrize(("folder", "headers", "allowed"), HEADER_LISTS)
def test_header_names(edge: Edge, folder: str, headers: tuple[str, ...], allowed: bool) -> None:
    """Fetch: a list of field names, compared without regard to case; RFC 9110 §5.6.1.2 for its syntax."""
    response = preflight(edge, folder, "GET", *headers)
    names = [name.strip() for value in headers for name in value.split(",") if name.strip()]
    assert passes(response, sites.ORIGIN, "GET", *names) if allowed else refused(response)


@pytest.mark.parametrize("headers", ["," * 5_000, "x-custom" + "," * 5_000, ", ," * 3_000, "x-custom," * 2_000])
@pytest.mark.parametrize("folder", ["any/1.0.0", "partners", "accounts", "star", "bare"])
def test_absurd_lists_are_answered(edge: Edge, folder: str, headers: str) -> None:
    """RFC 9110 §5.6.1.2: empty elements are ignored, up to a number that could serve an attack."""
    response = preflight(edge, folder, "GET", headers)
    assert response.status == 204 or refused(response)


def test_credentials_never_meet_an_asterisk(edge: Edge) -> None:
    """Fetch, CORS protocol and credentials: there an asterisk is a literal name, so what was asked for is echoed."""
    response = preflight(edge, "accounts", "GET", "x-one,x-two")
    for name in ("origin", "methods", "headers"):
        assert "*" not in (response.get(f"access-control-allow-{name}") or "")


def test_an_echo_can_carry_no_other_field(edge: Edge) -> None:
    response = preflight(edge, "accounts", "GET", "x-a: b, set-cookie: c=d")
    assert response.get("set-cookie") is None
    assert response.status == 403 or "c=d" not in (response.get("access-control-allow-headers") or "")

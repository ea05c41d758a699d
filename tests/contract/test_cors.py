"""Actual requests (Fetch, CORS protocol): every policy on every status, and which origins a list allows."""

from __future__ import annotations

import pytest

from tests.contract import site as sites
from tests.contract.edges import Edge
from tests.contract.policies import expected, found, granted
from tests.contract.scenes import EVERY_SCENE, Scene

ALLOWED = [
    pytest.param("https://app.example.com", id="exactly"),
    pytest.param("https://a.example.org", id="a subdomain"),
    pytest.param("https://a.b.c.example.org", id="a subdomain of several labels"),
    pytest.param("https://xn--bcher-kva.example.org", id="a subdomain in its ASCII form"),
    pytest.param("https://127.example.org", id="a subdomain of digits"),
    pytest.param("https://a-b.example.org", id="a subdomain with a hyphen"),
    pytest.param("https://dev.example.net:8443", id="with a port"),
    pytest.param("https://xn--bcher-kva.example", id="a name in its ASCII form"),
    pytest.param("http://127.0.0.1:8080", id="IPv4"),
    pytest.param("http://[::1]:9000", id="IPv6"),
    pytest.param("http://localhost:3000", id="any port"),
    pytest.param("http://localhost:1", id="port 1"),
    pytest.param("http://localhost:65535", id="port 65535"),
    pytest.param("https://a.apps.example.net:8443", id="any subdomain and any port"),
    pytest.param("capacitor://localhost", id="another scheme"),
    pytest.param(" https://app.example.com\t", id="white space around the value"),
]

# As a browser never serializes the origin, or simply another one: both get the content without the grant.
DENIED = [
    pytest.param("https://stranger.example", id="a stranger"),
    pytest.param("null", id="null"),
    pytest.param("NULL", id="null in upper case"),
    pytest.param("", id="empty"),
    pytest.param("*", id="an asterisk"),
    pytest.param("http://app.example.com", id="another scheme"),
    pytest.param("https://app.example.com:8443", id="another port"),
    pytest.param("https://app.example.com:443", id="the default port, written out"),
    pytest.param("https://app.example.com/", id="a slash"),
    pytest.param("https://app.example.com/index.html", id="a path"),
    pytest.param("https://app.example.com?", id="a question mark"),
    pytest.param("https://app.example.com#", id="a hash sign"),
    pytest.param("https://user@app.example.com", id="userinfo"),
    pytest.param("https://app.example.com.", id="a dot at the end"),
    pytest.param("https://APP.example.com", id="upper case"),
    pytest.param("HTTPS://app.example.com", id="a scheme in upper case"),
    pytest.param("app.example.com", id="no scheme"),
    pytest.param("//app.example.com", id="no scheme, two slashes"),
    pytest.param("https:app.example.com", id="no slashes"),
    pytest.param("https:/app.example.com", id="one slash"),
    pytest.param("https:///app.example.com", id="three slashes"),
    pytest.param("https://", id="no host"),
    pytest.param("https://app.example.co", id="a prefix"),
    pytest.param("https://app.example.comm", id="a letter more"),
    pytest.param("https://xapp.example.com", id="a letter before"),
    pytest.param("https://app.example.com.evil.example", id="a suffix of one's own"),
    pytest.param("https://appxexample.com", id="a dot is no wildcard"),
    pytest.param("https://example.com", id="the parent domain"),
    pytest.param("https://a.app.example.com", id="a subdomain of an exact name"),
    pytest.param("https://example.org", id="the bare domain of a wildcard"),
    pytest.param("https://.example.org", id="an empty label"),
    pytest.param("https://a..example.org", id="an empty label inside"),
    pytest.param("https://evilexample.org", id="no dot before the wildcard's domain"),
    pytest.param("https://a.example.org.evil.example", id="the wildcard's domain in the middle"),
    pytest.param("https://a.example.org:8443", id="a wildcard with a port that it does not have"),
    pytest.param("https://a.example.org:443", id="a wildcard with the default port, written out"),
    pytest.param("https://a.example.org:", id="a wildcard with an empty port"),
    pytest.param("http://a.example.org", id="a wildcard with another scheme"),
    pytest.param("https://*.example.org", id="the pattern itself"),
    pytest.param("https://A.example.org", id="a subdomain in upper case"),
    pytest.param("https://a.EXAMPLE.org", id="a wildcard's domain in upper case"),
    pytest.param("https://a.example.org/", id="a wildcard and a slash"),
    pytest.param("https://evil.example/.example.org", id="a path that ends like the wildcard"),
    pytest.param("https://evil.example?.example.org", id="a query that ends like the wildcard"),
    pytest.param("https://evil.example#.example.org", id="a fragment that ends like the wildcard"),
    pytest.param("https://evil.example\\.example.org", id="a backslash before the wildcard's domain"),
    pytest.param("https://evil.example:80.example.org", id="a port before the wildcard's domain"),
    pytest.param("https://evil@a.example.org", id="userinfo before a subdomain"),
    pytest.param("https://evil.example%2f.example.org", id="an escape before the wildcard's domain"),
    pytest.param("https://evil.example%00.example.org", id="an encoded NUL before the wildcard's domain"),
    pytest.param("https://evil.example\xa0.example.org", id="no ASCII before the wildcard's domain"),
    pytest.param("https://evil.example .example.org", id="a space before the wildcard's domain"),
    pytest.param("https://evil.example,.example.org", id="a comma before the wildcard's domain"),
    pytest.param("https://apps.example.net", id="the bare domain of a wildcard with any port"),
    pytest.param("https://dev.example.net", id="without its port"),
    pytest.param("https://dev.example.net:84430", id="a port that begins alike"),
    pytest.param("https://dev.example.net:08443", id="a port with a leading zero"),
    pytest.param("http://localhost:", id="any port, but an empty one"),
    pytest.param("http://localhost:port", id="any port, but letters"),
    pytest.param("http://localhost:-1", id="any port, but a sign"),
    pytest.param("http://localhost:+1", id="any port, but a plus"),
    pytest.param("http://localhost:0080", id="any port, but leading zeros"),
    pytest.param("http://localhost:65536", id="any port, but too high"),
    pytest.param("http://localhost:99999999999", id="any port, but far too high"),
    pytest.param("http://localhost:8_0", id="any port, but an underscore"),
    pytest.param("http://localhost:\xb2", id="any port, but a superscript"),
    pytest.param("http://localhost:80:80", id="any port, but two"),
    pytest.param("http://localhost:80/", id="any port and a slash"),
    pytest.param("http://localhost:3000@evil.example", id="any port as a password"),
    pytest.param("http://localhost:3000.evil.example", id="any port as a label"),
    pytest.param("http://localhost.evil.example:3000", id="any port of another host"),
    pytest.param("https://localhost:3000", id="any port, another scheme"),
    pytest.param("http://127.0.0.1", id="IPv4 without its port"),
    pytest.param("http://127.0.0.01:8080", id="IPv4 spelled otherwise"),
    pytest.param("http://2130706433:8080", id="IPv4 as one number"),
    pytest.param("http://[::1]", id="IPv6 without its port"),
    pytest.param("http://[0:0:0:0:0:0:0:1]:9000", id="IPv6 spelled otherwise"),
    pytest.param("http://::1:9000", id="IPv6 without brackets"),
    pytest.param("capacitor://localhost:80", id="another scheme with a port"),
    pytest.param("ionic://localhost", id="a scheme that is not listed"),
    pytest.param("file://", id="a file"),
    pytest.param("data:text/html,x", id="a data URL"),
    pytest.param("https://app.example.com https://app.example.com", id="twice"),
    pytest.param("https://app.example.com,https://app.example.com", id="twice with a comma"),
    pytest.param("https://app.example.com, https://stranger.example", id="with a stranger"),
    pytest.param("\xff\xfe", id="octets"),
    pytest.param("x" * 10_000, id="ten thousand letters"),
]


@EVERY_SCENE
def test_every_policy_on_every_status(edge: Edge, scene: Scene) -> None:
    """Everything holds on every status; without Origin as well as with it."""
    for folder in sites.FOLDERS:
        for origin in (sites.ORIGIN, sites.STRANGER, None):
            answer = scene.play(edge, folder, *([] if origin is None else [("Origin", origin)]))
            policy = expected(folder, origin, allowed=origin == sites.ORIGIN)
            assert (folder, origin, policy) == (folder, origin, found(answer))


@pytest.mark.parametrize("origin", ALLOWED)
def test_a_listed_origin_is_echoed(edge: Edge, origin: str) -> None:
    for method in ("GET", "HEAD", "OPTIONS", "POST"):
        response = edge.ask(method, "/partners/tiny.txt", ("Origin", origin))
        assert expected("partners", origin.strip(), allowed=True) == found(response)
        assert "origin" in response.members("vary")


@pytest.mark.parametrize("origin", DENIED)
def test_any_other_origin_gets_the_content_without_a_grant(edge: Edge, origin: str) -> None:
    """The answer is that to a request without Origin: its browser blocks it, and a cache may keep it."""
    for method in ("GET", "OPTIONS", "POST"):
        without, response = (edge.ask(method, "/partners/tiny.txt", *more) for more in ((), (("Origin", origin),)))
        assert granted(response) == []
        assert without.comparable() == response.comparable()
        assert "origin" in response.members("vary")


@pytest.mark.parametrize("origin", ALLOWED + DENIED)
def test_origin_changes_nothing_where_no_list_is(edge: Edge, origin: str) -> None:
    for path in ("/any/1.0.0/tiny.txt", "/any/1.0.0/absent.js", "/none/tiny.txt", "/none/absent.js", "/secret.txt"):
        without, response = edge.get(path), edge.get(path, ("Origin", origin))
        assert without.comparable() == response.comparable()
        assert "origin" not in response.members("vary")


def test_any_port_includes_the_default_one(edge: Edge) -> None:
    """A port that the browser leaves out is still a port."""
    for origin in ("http://localhost", "https://a.apps.example.net"):
        assert expected("partners", origin, allowed=True) == found(edge.get("/partners/app.js", ("Origin", origin)))


@pytest.mark.parametrize(
    "origins",
    [
        pytest.param((sites.ORIGIN, sites.ORIGIN), id="the same twice"),
        pytest.param((sites.ORIGIN, sites.STRANGER), id="a listed one first"),
        pytest.param((sites.STRANGER, sites.ORIGIN), id="a listed one last"),
        pytest.param(("", sites.ORIGIN), id="an empty one first"),
    ],
)
@pytest.mark.parametrize("folder", sites.LISTED)
def test_origin_on_several_lines_is_nobodys(edge: Edge, folder: str, origins: tuple[str, ...]) -> None:
    """RFC 6454 §7.3: at most one; which of them a proxy believes, nobody knows."""
    response = edge.get(f"/{folder}/app.js", *(("Origin", origin) for origin in origins))
    assert (response.status, granted(response)) == (200, [])


@pytest.mark.parametrize("folder", sites.LISTED)
def test_null_is_an_origin_only_where_it_is_allowed(edge: Edge, folder: str) -> None:
    """Every sandboxed frame in the world is the origin null."""
    response = edge.get(f"/{folder}/app.js", ("Origin", "null"))
    assert expected(folder, "null", allowed=folder == "opaque") == found(response)
    assert granted(edge.get(f"/{folder}/app.js", ("Origin", "Null"))) == []


@pytest.mark.parametrize(
    "field", [("Cookie", "a=b"), ("Authorization", "Basic YTpi"), ("Referer", "https://app.example.com/")]
)
@pytest.mark.parametrize("folder", ["any/1.0.0", "accounts", "none"])
def test_credentials_change_nothing(edge: Edge, folder: str, field: tuple[str, str]) -> None:
    """The files are public: whoever asks gets the same."""
    for origin in ((), (("Origin", sites.ORIGIN),)):
        plain, response = edge.get(f"/{folder}/app.js", *origin), edge.get(f"/{folder}/app.js", *origin, field)
        assert plain.comparable() == response.comparable()


@pytest.mark.parametrize(
    "path",
    [
        "/secret.txt",
        "/nowhere",
        "/",
        "/elsewhere/../partners/app.js",
        "//secret.txt",
        "/elsewhere%2fapp.js",
        "/partners",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_no_rule_no_cors(edge: Edge, method: str, path: str) -> None:
    response = edge.ask(method, path, ("Origin", sites.ORIGIN))
    assert granted(response) == []
    assert "origin" not in response.members("vary")


@pytest.mark.parametrize("mode", ["cors", "no-cors", "same-origin", "navigate", "websocket"])
@pytest.mark.parametrize("folder", ["any/1.0.0", "partners", "none"])
def test_fetch_metadata_changes_nothing(edge: Edge, folder: str, mode: str) -> None:
    fields = (("Sec-Fetch-Mode", mode), ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Dest", "script"))
    plain, response = edge.get(f"/{folder}/app.js"), edge.get(f"/{folder}/app.js", *fields)
    assert plain.comparable() == response.comparable()

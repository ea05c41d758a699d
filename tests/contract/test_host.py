"""Host (RFC 9110 §7.2, RFC 9112 §3.2): exactly one, well-formed; else 400, whatever else was asked."""

from __future__ import annotations

import pytest

from tests.contract.edges import Edge
from tests.contract.wire import message

PATH = "/any/1.0.0/tiny.txt"
VERSIONS = ("HTTP/1.1", "HTTP/1.0")

GOOD = [
    "cdn.example.com",
    "CDN.Example.COM",
    "cdn.example.com:80",
    "cdn.example.com:65535",
    "cdn.example.com:",  # RFC 3986 §3.2.3: port = *DIGIT
    "cdn.example.com.",
    "cdn.example.com.:88",
    "localhost",
    "a",
    "127.0.0.1",
    "127.0.0.1:8080",
    "[::1]",
    "[::1]:8080",
    "[abcd::ef98:0:7654:321]:80",
    "[::ffff:12.30.67.89]",
    "xn--bcher-kva.example",
    "under_score.example",
    "a-b.example",
    "\tcdn.example.com \t",  # OWS around a value is not part of it
]

BAD = [
    pytest.param("", id="empty"),
    pytest.param(" ", id="white space alone"),
    pytest.param("user@cdn.example.com", id="userinfo"),
    pytest.param("user:pass@cdn.example.com", id="userinfo with a password"),
    pytest.param("cdn.example.com/", id="a slash"),
    pytest.param("cdn.example.com/any", id="a path"),
    pytest.param("/cdn.example.com", id="a leading slash"),
    pytest.param("example.com/\\:552", id="path separators before a port"),
    pytest.param("cdn\\example.com", id="a backslash"),
    pytest.param("http://cdn.example.com", id="a URL"),
    pytest.param("cdn.example.com?x", id="a query"),
    pytest.param("cdn.example.com#x", id="a fragment"),
    pytest.param("a,b", id="a comma"),
    pytest.param("cdn.example.com, cdn.example.com", id="a list"),
    pytest.param("a b", id="a space"),
    pytest.param("a\tb", id="a tab"),
    pytest.param("cdn.example.com:port", id="a port of letters"),
    pytest.param("cdn.example.com:-1", id="a port with a sign"),
    pytest.param("cdn.example.com:+80", id="a port with a plus"),
    pytest.param("cdn.example.com:8_0", id="a port with an underscore"),
    pytest.param("cdn.example.com:\xb2", id="a port of a superscript"),
    pytest.param("cdn.example.com:80:80", id="two ports"),
    pytest.param(":80", id="a port alone"),
    pytest.param(":", id="a colon alone"),
    pytest.param("::1", id="IPv6 without brackets"),
    pytest.param("[::1", id="an open bracket"),
    pytest.param("::1]", id="a closing bracket"),
    pytest.param("[]", id="empty brackets"),
    pytest.param("[::1]x", id="letters after the bracket"),
    pytest.param("[::1]..:98", id="dots after the bracket"),
    pytest.param("[cdn.example.com]", id="a name in brackets"),
    pytest.param("[1.2.3.4]", id="IPv4 in brackets"),
    pytest.param("[1:2:3:4:5:6:7:8:9]", id="IPv6 of nine groups"),
    pytest.param("[::1::2]", id="IPv6 with two gaps"),
    pytest.param("[12345::]", id="IPv6 with a long group"),
    pytest.param("[abcd::e/98]", id="a slash in IPv6"),
    pytest.param("[ab..cd::ef98]", id="dots in IPv6"),
    pytest.param("[::1%25eth0]", id="a zone"),
    pytest.param("a%zz", id="a bad escape"),
    pytest.param("a%", id="an escape cut short"),
    pytest.param("<a>", id="angle brackets"),
    pytest.param('"a"', id="quotes"),
    pytest.param("a|b", id="a bar"),
    pytest.param("{a}", id="braces"),
    pytest.param("a^b", id="a caret"),
    pytest.param("a`b", id="a backquote"),
    pytest.param(b"h\xc3\xa9llo.example", id="UTF-8"),
    pytest.param(b"h\xe9llo.example", id="ISO 8859-1"),
    pytest.param("a" * 5_000, id="five thousand letters"),
]


@pytest.mark.parametrize("host", GOOD)
def test_a_well_formed_host_is_served(edge: Edge, host: str) -> None:
    for version in VERSIONS:
        assert edge.exchange(message("GET", PATH, host=host, version=version)).status == 200


@pytest.mark.parametrize("host", BAD)
def test_a_malformed_host_is_400(edge: Edge, host: str | bytes) -> None:
    """RFC 9112 §3.2: "or a Host header field with an invalid field value" MUST be answered with 400."""
    for version in VERSIONS:
        response = edge.exchange(message("GET", PATH, host=host, version=version))
        assert (response.status, response["cache-control"]) == (400, "no-store")
        assert response["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    "hosts",
    [
        pytest.param(("cdn.example.com", "cdn.example.com"), id="the same twice"),
        pytest.param(("cdn.example.com", "evil.example"), id="two names"),
        pytest.param(("", "cdn.example.com"), id="an empty one first"),
        pytest.param(("cdn.example.com", ""), id="an empty one last"),
        pytest.param(("a", "b", "c"), id="three"),
    ],
)
def test_more_than_one_host_is_400(edge: Edge, hosts: tuple[str, ...]) -> None:
    """RFC 9112 §3.2: "that contains more than one Host header field line" MUST be answered with 400."""
    fields = [("Host", host) for host in hosts]
    for version in VERSIONS:
        assert edge.exchange(message("GET", PATH, fields, host=None, version=version)).status == 400


def test_no_host_is_400_in_http_1_1_only(edge: Edge) -> None:
    """RFC 9112 §3.2: an HTTP/1.1 request that lacks Host MUST be answered with 400; HTTP/1.0 had no such field."""
    assert edge.exchange(message("GET", PATH, host=None)).status == 400
    assert edge.exchange(message("GET", PATH, host=None, version="HTTP/1.0")).status == 200


@pytest.mark.parametrize(
    ("method", "path", "origin"),
    [
        pytest.param("GET", "/any/1.0.0/app.js", "*", id="a file"),
        pytest.param("HEAD", "/any/1.0.0/app.js", "*", id="HEAD"),
        pytest.param("OPTIONS", "/any/1.0.0/app.js", "*", id="OPTIONS"),
        pytest.param("DELETE", "/any/1.0.0/app.js", "*", id="another method"),
        pytest.param("GET", "/any/1.0.0/absent.js", "*", id="a missing file"),
        pytest.param("GET", "/partners/app.js", "https://app.example.com", id="an allow-list"),
        pytest.param("GET", "/none/app.js", None, id="no CORS"),
        pytest.param("GET", "/secret.txt", None, id="an unlisted file"),
        pytest.param("GET", "/%zz", None, id="a malformed path"),
        pytest.param("OPTIONS", "*", None, id="the server"),
    ],
)
def test_a_bad_host_comes_before_everything_else(edge: Edge, method: str, path: str, origin: str | None) -> None:
    """The CORS headers are those of the path's rule, so that a script can read the status."""
    fields = (("Origin", "https://app.example.com"), ("If-None-Match", "*"), ("Range", "bytes=0-1"))
    response = edge.ask(method, path, *fields, host="a,b")
    assert response.status == 400
    assert origin == response.get("access-control-allow-origin")


def test_a_preflight_with_a_bad_host_is_400(edge: Edge) -> None:
    fields = (("Origin", "https://app.example.com"), ("Access-Control-Request-Method", "GET"))
    assert edge.ask("OPTIONS", PATH, *fields, host="a b").status == 400
    assert edge.exchange(message("OPTIONS", PATH, fields, host=None), "OPTIONS").status == 400


@pytest.mark.parametrize(
    ("host", "status"),
    [
        pytest.param("cdn.example.com", 200, id="the same"),
        pytest.param("other.example", 200, id="another, which is to be ignored"),
        pytest.param(None, 400, id="none"),
        pytest.param("a,b", 400, id="a malformed one"),
        pytest.param("", 400, id="an empty one"),
    ],
)
def test_absolute_form_does_not_excuse_from_host(edge: Edge, host: str | None, status: int) -> None:
    """RFC 9112 §3.2, §3.2.2: Host is demanded of any HTTP/1.1 request, then the target's authority counts."""
    assert status == edge.exchange(message("GET", f"http://cdn.example.com{PATH}", host=host)).status


def test_the_host_changes_nothing_else(edge: Edge) -> None:
    """No answer, and no URL in an answer, is made from Host."""
    for path in (PATH, "/any/1.0.0/absent.js", "/secret.txt"):
        answers = [
            edge.ask("GET", path, host=host).comparable() for host in ("cdn.example.com", "evil.example:81", "[::1]")
        ]
        assert answers[0] == answers[1] == answers[2]

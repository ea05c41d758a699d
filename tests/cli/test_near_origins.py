"""Origins as people type them, and the listed ones that they nearly are."""

from __future__ import annotations

import pytest

from cdnserve.cli.near_origins import near_misses, read_origin
from cdnserve.rules.cors import CompiledPolicy, Policy


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("https://app.example.com", "https://app.example.com", id="an origin"),
        pytest.param("https://app.example.com/", "https://app.example.com", id="a trailing slash"),
        pytest.param("https://app.example.com/shop?x=1#y", "https://app.example.com", id="a page's address"),
        pytest.param("HTTPS://App.Example.COM:443", "https://app.example.com", id="upper case and the own port"),
        pytest.param("http://me:secret@app.example.com/", "http://app.example.com", id="a user and a password"),
        pytest.param("http://[::1]:8080/x", "http://[::1]:8080", id="an IPv6 address"),
        pytest.param("https://bücher.example", "https://xn--bcher-kva.example", id="an IDN"),
        pytest.param("capacitor://localhost", "capacitor://localhost", id="an app's scheme"),
        pytest.param("null", "null", id="null"),
        pytest.param("file:///home/me/page.html", "null", id="a file"),
        pytest.param("data:text/html,x", "null", id="a data URL"),
    ],
)
def test_the_origin_that_a_browser_sends_is_found(text: str, expected: str) -> None:
    assert expected == read_origin(text)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        pytest.param("app.example.com", "did you mean https://app.example.com", id="no scheme"),
        pytest.param("", "scheme://host", id="nothing"),
        pytest.param("https://", "scheme://host", id="no host"),
        pytest.param("https://a b", "scheme://host", id="a space"),
        pytest.param("https://*.example.com", "http", id="a pattern"),
        pytest.param("https://a.example:99999", "port", id="a port that is none"),
    ],
)
def test_what_is_no_origin_is_refused_in_words(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        read_origin(text)


POLICY = Policy(
    "partners",
    allow_origins=(
        "https://app.example.com",
        "https://*.example.org",
        "https://dev.example.net:8443",
        "http://[::1]:*",
    ),
)


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        pytest.param("http://app.example.com", "https://app.example.com: http is not https", id="scheme"),
        pytest.param(
            "https://app.example.com:8443",
            "https://app.example.com: port 8443 is not the scheme's own port",
            id="port",
        ),
        pytest.param(
            "https://dev.example.net",
            "https://dev.example.net:8443: the scheme's own port is not port 8443",
            id="no port",
        ),
        pytest.param(
            "http://dev.example.net:80",
            "https://dev.example.net:8443: http is not https, port 80 is not port 8443",
            id="scheme and port",
        ),
        pytest.param(
            "https://www.app.example.com",
            "https://app.example.com: www.app.example.com is not app.example.com",
            id="www",
        ),
        pytest.param(
            "https://example.org",
            "https://*.example.org: it covers the names below example.org, not example.org itself",
            id="the bare domain",
        ),
        pytest.param("http://a.example.org", "https://*.example.org: http is not https", id="a wildcard's scheme"),
        pytest.param("https://[::1]:9", "http://[::1]:*: https is not http", id="an IPv6 address"),
        pytest.param(
            "https://app.exampel.com", "https://app.example.com, which is spelled almost alike", id="spelling"
        ),
    ],
)
def test_what_differs_from_a_listed_origin_is_said(origin: str, expected: str) -> None:
    assert not CompiledPolicy(POLICY).admits(origin).allowed
    assert (f"the list has {expected}",) == near_misses(origin, POLICY)


def test_an_origin_like_none_has_no_near_miss() -> None:
    assert () == near_misses("https://stranger.test", POLICY)


def test_null_is_explained() -> None:
    (said,) = near_misses("null", POLICY)
    assert "sandboxed frames" in said

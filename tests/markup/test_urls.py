"""URLs: resolved as the URL Standard says, where the examples of http and https go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.audit.facts import is_unpinned
from cdnserve.markup.urls import authority, clean, has_credentials, is_loopback, origin, resolve, web_url

BASE = "https://a.example/b/c.html?q#f"


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        pytest.param("d.js", "https://a.example/b/d.js", id="relative"),
        pytest.param("/d.js", "https://a.example/d.js", id="from the root"),
        pytest.param("../../../d.js", "https://a.example/d.js", id="above the root"),
        pytest.param("//b.example/d.js", "https://b.example/d.js", id="without a scheme"),
        pytest.param("\\\\b.example\\d.js", "https://b.example/d.js", id="backslashes"),
        pytest.param(" \n//b.exa\tmple/d.js\r\n ", "https://b.example/d.js", id="white space"),
        pytest.param("HTTPS://B.Example:443/D.js", "https://b.example/D.js", id="upper case and the usual port"),
        pytest.param("http:///b.example", "http://b.example/", id="three slashes"),
        pytest.param("https://u:p@b.example/x#y", "https://b.example/x", id="userinfo and fragment"),
        pytest.param("https://b.example:8443/x?y#z", "https://b.example:8443/x?y", id="a port and a query"),
        pytest.param("https:\\\\b.example\\x\\y", "https://b.example/x/y", id="a scheme and backslashes"),
        pytest.param("https:/b.example/x", "https://b.example/x", id="one slash"),
        pytest.param("https://b.example/x/./y/../z/%2E%2e/a%2e", "https://b.example/x/a%2e", id="dots, also escaped"),
        pytest.param("https://b.example/x/..", "https://b.example/", id="dots at the end"),
        pytest.param("data:text/css,\\", "data:text/css,\\", id="another scheme"),
        pytest.param("https://[::1", "https://[::1", id="no URL"),
    ],
)
def test_resolve(reference: str, expected: str) -> None:
    assert expected == resolve(BASE, reference)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("https:\\\\b.example\\x", "https://b.example/x", id="backslashes"),
        pytest.param("HTTP:/b.example/x?\\", "http://b.example/x?\\", id="one slash"),
        pytest.param(" https://u:p@b.example ", "https://u:p@b.example", id="what it names stays"),
        pytest.param("https:x.html", "", id="no slash: the name of a file, too"),
        pytest.param("C:\\x.html", "", id="a drive"),
        pytest.param("ftp://b.example", "", id="another scheme"),
        pytest.param("/x.html", "", id="a path"),
    ],
)
def test_web_url(text: str, expected: str) -> None:
    assert expected == web_url(text)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        pytest.param("https://u@b.example/x", True, id="a name"),
        pytest.param("\\\\u:p@b.example/x", True, id="without a scheme"),
        pytest.param("https:/u:@b.example", True, id="an empty password"),
        pytest.param("https://b.example/@scope/x@1.0.0", False, id="a path"),
        pytest.param("https://b.example?u@c", False, id="a query"),
        pytest.param("u@b.example/x", False, id="a relative path"),
        pytest.param("https://[u@b", False, id="no URL"),
    ],
)
def test_has_credentials(reference: str, expected: bool) -> None:
    assert expected is has_credentials(reference)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("http://localhost:8000/x", True, id="localhost"),
        pytest.param("http://app.localhost/x", True, id="below it"),
        pytest.param("http://127.0.0.1:80/x", True, id="IPv4"),
        pytest.param("http://[::1]/x", True, id="IPv6"),
        pytest.param("http://[::1]:8000/x", True, id="IPv6 with a port"),
        pytest.param("http://127.0.0.1.example/x", False, id="a name that looks like it"),
        pytest.param("http://cdn.example/x", False, id="elsewhere"),
    ],
)
def test_is_loopback(url: str, expected: bool) -> None:
    assert expected is is_loopback(url)


@given(st.text(), st.sampled_from(["", BASE]))
def test_any_reference_is_read(reference: str, base: str) -> None:
    """Whatever a page holds, and a second reading changes nothing."""
    url = resolve(base, reference)
    assert isinstance(authority(url), str)
    assert isinstance(origin(url), str)
    assert clean(clean(reference)) == clean(reference)
    assert is_loopback(url) in (True, False)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("https://cdn.jsdelivr.net/npm/vue@3.5.0/dist/vue.js", False, id="jsDelivr, exact"),
        pytest.param("https://cdn.jsdelivr.net/npm/vue@3/dist/vue.js", True, id="jsDelivr, range"),
        pytest.param("https://cdn.jsdelivr.net/npm/@scope/x/y.js", True, id="jsDelivr, none"),
        pytest.param("https://cdn.jsdelivr.net/gh/a/b@v1.0.0/y.js", False, id="jsDelivr, GitHub tag"),
        pytest.param("https://cdn.jsdelivr.net/gh/a/b@main/y.js", True, id="jsDelivr, GitHub branch"),
        pytest.param("https://cdn.jsdelivr.net/gh/a/b/y.js", True, id="jsDelivr, GitHub without"),
        pytest.param("https://unpkg.com/@a/b@^1/y.js", True, id="unpkg, range"),
        pytest.param("https://unpkg.com/%40a/b@1.0.0/y.js", False, id="unpkg, escaped"),
        pytest.param("https://esm.sh/v135/preact@10/es2022/preact.mjs", False, id="esm.sh, a build that can't be told"),
        pytest.param("https://esm.sh/preact", True, id="esm.sh, none"),
        pytest.param("https://ajax.googleapis.com/ajax/libs/jquery/1/jquery.js", True, id="Google, one number"),
        pytest.param("https://ajax.googleapis.com/ajax/libs/jquery/3.7.1/jquery.js", False, id="Google, exact"),
        pytest.param("https://code.jquery.com/jquery-latest.js", True, id="jQuery, latest"),
        pytest.param("https://code.jquery.com/jquery-3.7.1.js", False, id="jQuery, exact"),
        pytest.param("https://cdnjs.cloudflare.com/ajax/libs/vue/3.0.0/vue.js", False, id="cdnjs"),
        pytest.param("https://other.example/npm/vue/x.js", False, id="a host that is not known"),
    ],
)
def test_is_unpinned(url: str, expected: bool) -> None:
    assert expected is is_unpinned(url)

"""Addresses: the spelling that browsers serialize, from any name."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.snippets.addresses import given_url, public_url, relative_url

# The unreserved and sub-delims that no browser escapes in a path (read from Chromium 156 and Node.js 20).
LEFT_ALONE = "!$&'()*+,-.:;=@[]_~"
ESCAPED = ' "#%<>?\\^`{|}\x7f'


@pytest.mark.parametrize(
    ("path", "site", "expected"),
    [
        pytest.param("a.js", "", "/a.js", id="without a site URL it starts at the root"),
        pytest.param("a.js", "https://cdn.example.com", "https://cdn.example.com/a.js", id="a site URL is joined"),
        pytest.param("a.js", "https://h.example/static", "https://h.example/static/a.js", id="a base path is kept"),
        pytest.param("a.js", "https://h.example/", "https://h.example/a.js", id="a final slash is not doubled"),
        pytest.param("npm/@s/x@1.0.0/a.js", "", "/npm/@s/x@1.0.0/a.js", id="@ stays, as npm paths are written"),
        pytest.param("a b.js", "", "/a%20b.js", id="a space"),
        pytest.param("é/日本.js", "", "/%C3%A9/%E6%97%A5%E6%9C%AC.js", id="unicode is UTF-8"),
        pytest.param("a#b.js", "", "/a%23b.js", id="a hash sign is no fragment"),
        pytest.param("a?b.js", "", "/a%3Fb.js", id="a question mark is no query"),
        pytest.param("100%25.js", "", "/100%2525.js", id="a percent sign is literal"),
        pytest.param("a\\b.js", "", "/a%5Cb.js", id="a backslash is no slash"),
        pytest.param("it's.js", "", "/it's.js", id="an apostrophe stays, as browsers serialize it"),
        pytest.param("/evil.example/x.js", "", "/evil.example/x.js", id="never a scheme-relative URL"),
        pytest.param("a\udcff.js", "", "/a%FF.js", id="a file name that is not UTF-8 keeps its octets"),
    ],
)
def test_public_url(path: str, site: str, expected: str) -> None:
    assert expected == public_url(path, site)


@pytest.mark.parametrize("character", LEFT_ALONE)
def test_characters_that_browsers_leave_alone_are_not_escaped(character: str) -> None:
    """An import map compares serialized URLs: an escape too many would leave a module unchecked."""
    assert f"/a{character}b" == public_url(f"a{character}b")


@pytest.mark.parametrize("character", ESCAPED)
def test_characters_that_would_change_the_url_are_escaped(character: str) -> None:
    assert f"/a%{ord(character):02X}b" == public_url(f"a{character}b")


@given(st.text())
def test_every_path_survives_as_ascii(path: str) -> None:
    """Decoding once gives back the name, and nothing needs an escape in HTML but & and the apostrophe."""
    url = public_url(path)
    assert path.lstrip("/").encode() == unquote_to_bytes(url[1:])
    assert re.fullmatch(r"/[A-Za-z0-9._~!$&'()*+,;=:@\[\]/%-]*", url)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("a.js", "./a.js", id="a file name"),
        pytest.param("./dist//a.js", "./dist/a.js", id="a relative path keeps its folders"),
        pytest.param("/home/me/a.js", "./a.js", id="an absolute path is no address"),
        pytest.param("../lib/a.js", "./a.js", id="a path out of the folder is no address"),
        pytest.param("http:x.js", "./http:x.js", id="a colon is no scheme"),
    ],
)
def test_relative_url(path: str, expected: str) -> None:
    assert expected == relative_url(path)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("https://h.example/a%20b.js?v=1&w=2#x", "https://h.example/a%20b.js?v=1&w=2#x", id="valid: kept"),
        pytest.param(" https://h.example/a b.js\n", "https://h.example/a%20b.js", id="spaces"),
        pytest.param('https://h.example/"><script>', "https://h.example/%22%3E%3Cscript%3E", id="markup"),
        pytest.param("http://[::1]:8000/é.js", "http://[::1]:8000/%C3%A9.js", id="an IPv6 host and unicode"),
    ],
)
def test_given_url(url: str, expected: str) -> None:
    assert expected == given_url(url)


@given(st.text())
def test_given_url_is_stable(url: str) -> None:
    once = given_url(url)
    assert once == given_url(once)
    assert not re.search(r"[\s<>\"]", once)

"""Addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.libraries.registries.address import parse_address


@pytest.mark.parametrize(
    ("text", "expected", "origin"),
    [
        pytest.param("https://a.example", "https://a.example/", ("https", "a.example", 443), id="no path"),
        pytest.param("HTTPS://A.Example:443/x", "https://a.example/x", ("https", "a.example", 443), id="its own port"),
        pytest.param(
            "http://a.example:4873/", "http://a.example:4873/", ("http", "a.example", 4873), id="another port"
        ),
        pytest.param(
            "https://a.example/b/../c", "https://a.example/c", ("https", "a.example", 443), id="a dot segment"
        ),
        pytest.param("https://a.example/x?y=1", "https://a.example/x?y=1", ("https", "a.example", 443), id="a query"),
        pytest.param("https://@a.example/", "https://a.example/", ("https", "a.example", 443), id="an empty user goes"),
        pytest.param("https://[::1]/x", "https://[::1]/x", ("https", "[::1]", 443), id="an IPv6 address"),
        pytest.param("https://a.example/@s%2fn", "https://a.example/@s%2Fn", ("https", "a.example", 443), id="%2f"),
    ],
)
def test_an_address_is_read(text: str, expected: str, origin: tuple[str, str, int]) -> None:
    address = parse_address(text)
    assert (expected, origin) == (str(address), address.origin)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("a.example", id="no scheme"),
        pytest.param("//a.example/", id="no scheme but slashes"),
        pytest.param("https:///x", id="no host"),
        pytest.param("https:x", id="no authority"),
        pytest.param("file:///etc/passwd", id="a file"),
        pytest.param("ftp://a.example/", id="another scheme"),
        pytest.param("https://u:p@a.example/", id="a user and password"),
        pytest.param("https://a.example\\@b.example/", id="a backslash"),
        pytest.param("https://a.example/ x", id="a space"),
        pytest.param("https://a.example/\r\nHost: b", id="a line end"),
        pytest.param("https://ä.example/", id="a letter beyond ASCII"),
        pytest.param("https://a.example:99999/", id="an impossible port"),
        pytest.param("https://a.example:x/", id="a port that is no number"),
        pytest.param("https://[::1/", id="an open bracket"),
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(it |only )") as raised:
        parse_address(text)
    assert not text or text not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "is_loopback", "is_private"),
    [
        pytest.param("http://127.0.0.1:80/", True, True, id="loopback"),
        pytest.param("http://127.9.9.9/", True, True, id="all of 127"),
        pytest.param("http://[::1]/", True, True, id="loopback of IPv6"),
        pytest.param("http://localhost/", True, True, id="localhost"),
        pytest.param("http://localhost.a.example/", False, False, id="a name that begins so"),
        pytest.param("http://127.0.0.1.a.example/", False, False, id="a name that looks so"),
        pytest.param("http://10.0.0.1/", False, False, id="a local network"),
        pytest.param("https://a.example/", False, True, id="https"),
    ],
)
def test_who_can_read_along(text: str, is_loopback: bool, is_private: bool) -> None:
    address = parse_address(text)
    assert (is_loopback, is_private) == (address.is_loopback, address.is_private)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        pytest.param("/x", "https://a.example/x", id="a path"),
        pytest.param("x", "https://a.example/b/x", id="a relative path"),
        pytest.param("//b.example/x", "https://b.example/x", id="a host"),
        pytest.param("http://b.example/x", "http://b.example/x", id="an address"),
        pytest.param("?y", "https://a.example/b/c?y", id="a query"),
    ],
)
def test_a_reference_is_joined(reference: str, expected: str) -> None:
    assert expected == str(parse_address("https://a.example/b/c?z").join(reference))


def test_a_query_is_not_shown_since_it_may_hold_a_signature() -> None:
    assert "https://a.example/x" == parse_address("https://a.example/x?signature=secret").shown


@given(st.text(max_size=60) | st.from_regex(r"https?://[a-z0-9.@:\[\]/\\?#%-]{0,30}"))
def test_what_is_read_once_is_read_the_same_again(text: str) -> None:
    try:
        address = parse_address(text)
    except ValueError:
        return
    assert address == parse_address(str(address))

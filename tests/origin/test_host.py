"""Host (RFC 9112 §3.2): exactly one, well-formed."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.origin.host import is_valid_host


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("cdn.example.com", id="a name"),
        pytest.param("CDN.Example.COM", id="in any case"),
        pytest.param("localhost", id="one label"),
        pytest.param("localhost:8080", id="a port"),
        pytest.param("localhost:65535", id="the last port"),
        pytest.param("localhost:", id="RFC 3986 §3.2.3: an empty port"),
        pytest.param("127.0.0.1:80", id="an IPv4 address"),
        pytest.param("[::1]", id="an IPv6 address"),
        pytest.param("[2001:db8::1]:443", id="an IPv6 address with a port"),
        pytest.param("[::ffff:192.0.2.1]", id="an IPv6 address that ends as IPv4"),
        pytest.param("cdn.example.com.", id="a dot at the end"),
        pytest.param("a_b.example", id="an underscore"),
        pytest.param("xn--bcher-kva.example", id="an IDN"),
        pytest.param("a~b!$&'()*+;=c%20d", id="RFC 3986 §3.2.2: all that a reg-name may hold"),
        pytest.param("a" * 255, id="the longest name"),
    ],
)
@pytest.mark.parametrize("version", ["1.0", "1.1", "2"])
def test_a_well_formed_host(value: str, version: str) -> None:
    assert is_valid_host([value], version) is True


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="empty, which no http URL's authority is"),
        pytest.param(":80", id="a port alone"),
        pytest.param("a,b", id="a comma, as of two lines that were joined"),
        pytest.param("a, b", id="a comma and a space"),
        pytest.param("a b", id="a space"),
        pytest.param("user@cdn.example.com", id="userinfo"),
        pytest.param("user:x@cdn.example.com", id="userinfo with a password"),
        pytest.param("cdn.example.com/", id="a slash"),
        pytest.param("cdn.example.com/path", id="a path"),
        pytest.param("cdn.example.com?x", id="a query"),
        pytest.param("cdn.example.com#x", id="a fragment"),
        pytest.param("http://cdn.example.com", id="a URL"),
        pytest.param("cdn.example.com\\x", id="a backslash"),
        pytest.param("cdn.example.com:http", id="a port that is a word"),
        pytest.param("cdn.example.com:-1", id="a port with a sign"),
        pytest.param("cdn.example.com:+1", id="a port with a plus"),
        pytest.param("cdn.example.com:8_0", id="a port with an underscore"),
        pytest.param("cdn.example.com:²", id="a port in superscript"),
        pytest.param("cdn.example.com:65536", id="a port beyond the last"),
        pytest.param("cdn.example.com:80:80", id="two ports"),
        pytest.param("::1", id="an IPv6 address without brackets"),
        pytest.param("[::1", id="a bracket that isn't closed"),
        pytest.param("::1]", id="a bracket that isn't opened"),
        pytest.param("[]", id="empty brackets"),
        pytest.param("[127.0.0.1]", id="an IPv4 address in brackets"),
        pytest.param("[::1::]", id="an IPv6 address with two gaps"),
        pytest.param("[1:2:3:4:5:6:7:8:9]", id="an IPv6 address of nine groups"),
        pytest.param("[12345::]", id="a group of five digits"),
        pytest.param("[::1]x", id="a word after the brackets"),
        pytest.param("[fe80::1%25eth0]", id="a zone, which is of no meaning elsewhere"),
        pytest.param("a%2", id="half an escape"),
        pytest.param("a%zz", id="an escape that isn't hexadecimal"),
        pytest.param('a"b', id="a quote"),
        pytest.param("<a>", id="angle brackets"),
        pytest.param("bücher.example", id="a letter that isn't ASCII"),
        pytest.param("a\x00", id="a NUL"),
        pytest.param("a\n", id="a line feed at the end"),
        pytest.param("a" * 256, id="a name that is too long"),
        pytest.param("%41" * 65_536, id="a very long name"),
    ],
)
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_malformed_host(value: str, version: str) -> None:
    assert is_valid_host([value], version) is False


@pytest.mark.parametrize(
    ("values", "version", "valid"),
    [
        pytest.param([], "1.1", False, id="HTTP/1.1 without Host"),
        pytest.param([], "1.0", True, id="HTTP/1.0 without Host"),
        pytest.param(["a", "b"], "1.1", False, id="two lines"),
        pytest.param(["a", "a"], "1.1", False, id="two equal lines"),
        pytest.param(["a", "a"], "1.0", False, id="two lines of HTTP/1.0"),
        pytest.param(["a", ""], "1.1", False, id="a line and an empty one"),
        pytest.param(["a"] * 5_000, "1.1", False, id="five thousand lines"),
    ],
)
def test_how_often_host_may_stand(values: list[str], version: str, valid: bool) -> None:
    assert valid is is_valid_host(values, version)


@given(st.text() | st.text(alphabet="a.:[]0123456789%-@/,", max_size=30))
def test_any_text_is_a_host_or_not(value: str) -> None:
    valid = is_valid_host([value], "1.1")
    assert not valid or re.fullmatch(r"[!$&-+.-;=A-Z\[\]_a-z~%-]+", value)
    assert not valid or is_valid_host([value], "1.0")


@given(
    st.ip_addresses(v=6).map(str) | st.ip_addresses(v=6).map(lambda address: address.exploded), st.integers(0, 65_535)
)
def test_every_ipv6_address_is_a_host(address: str, port: int) -> None:
    assert is_valid_host([f"[{address}]"], "1.1") is True
    assert is_valid_host([f"[{address}]:{port}"], "1.1") is True
    assert is_valid_host([f"{address}:{port}"], "1.1") is False

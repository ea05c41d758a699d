"""Hosts: each in the one form that browsers serialize it to (URL Standard §3.5)."""

from __future__ import annotations

import re
import socket
from ipaddress import IPv6Address
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cdnserve.rules.urls import canonical_host, given_url, is_address, is_loopback, public_url, relative_url

LABEL_63 = "a" * 63
HOST_253 = ".".join([LABEL_63] * 3 + ["a" * 61])

CANONICAL = [
    pytest.param("example.com", "example.com", id="a domain"),
    pytest.param("EXAMPLE.Com", "example.com", id="upper case"),
    pytest.param("localhost", "localhost", id="one label"),
    pytest.param("example.com.", "example.com.", id="a full stop at the end is another host"),
    pytest.param("a_b.c--d-.-e", "a_b.c--d-.-e", id="hyphens and underscores anywhere"),
    pytest.param("1.example", "1.example", id="a label of digits that is not the last"),
    pytest.param("a.1b", "a.1b", id="a last label that only begins with a digit"),
    pytest.param("xn--bcher-kva.example", "xn--bcher-kva.example", id="an IDN in its ASCII form"),
    pytest.param("bücher.example", "xn--bcher-kva.example", id="an IDN"),
    pytest.param("BÜCHER.example", "xn--bcher-kva.example", id="an IDN in upper case"),
    pytest.param("例え。jp", "xn--r8jz45g.jp", id="an IDN with an ideographic full stop"),
    pytest.param(HOST_253, HOST_253, id="253 characters"),
    pytest.param("127.0.0.1", "127.0.0.1", id="IPv4"),
    pytest.param("127.1", "127.0.0.1", id="IPv4 of two numbers"),
    pytest.param("127.0.1", "127.0.0.1", id="IPv4 of three numbers"),
    pytest.param("2130706433", "127.0.0.1", id="IPv4 of one number"),
    pytest.param("0x7f.1", "127.0.0.1", id="IPv4 in hexadecimal"),
    pytest.param("0X7F.0x", "127.0.0.0", id="IPv4 with an empty hexadecimal number"),
    pytest.param("0177.0.0.01", "127.0.0.1", id="IPv4 in octal"),
    pytest.param("1.2.3.4.", "1.2.3.4", id="IPv4 with a full stop at the end"),
    pytest.param("[::1]", "[::1]", id="IPv6"),
    pytest.param("[0:0::0:1]", "[::1]", id="IPv6 that is not compressed"),
    pytest.param("[2001:DB8::A]", "[2001:db8::a]", id="IPv6 in upper case"),
    pytest.param("[2001:db8:0:1:1:1:1:1]", "[2001:db8:0:1:1:1:1:1]", id="IPv6 with one zero"),
    pytest.param("[2001:0:0:1:0:0:0:1]", "[2001:0:0:1::1]", id="IPv6: the longest run of zeros"),
    pytest.param("[2001:0:0:1:1:0:0:1]", "[2001::1:1:0:0:1]", id="IPv6: the first of two runs"),
    pytest.param("[1:10:0:0:2:3:4:5]", "[1:10::2:3:4:5]", id="IPv6: a zero is a whole piece"),
    pytest.param("[::]", "[::]", id="IPv6 of zeros"),
    pytest.param("[1:2:3:4:5:6::]", "[1:2:3:4:5:6::]", id="IPv6: zeros at the end"),
    pytest.param("[::ffff:1.2.3.4]", "[::ffff:102:304]", id="IPv6 that maps IPv4"),
]


@pytest.mark.parametrize(("host", "expected"), CANONICAL)
def test_is_serialized_as_browsers_do(host: str, expected: str) -> None:
    assert expected == canonical_host(host)
    assert expected == canonical_host(expected)


INVALID = [
    pytest.param("", "a host has no empty label", id="empty"),
    pytest.param(".", "a host has no empty label", id="a full stop"),
    pytest.param("a..b", "a host has no empty label", id="an empty label"),
    pytest.param(".a", "a host has no empty label", id="a full stop at the beginning"),
    pytest.param("a.b..", "a host has no empty label", id="two full stops at the end"),
    pytest.param(f"{HOST_253}a", "a host has at most 253 characters", id="254 characters"),
    pytest.param(f"{LABEL_63}a", "the label", id="a label of 64"),
    pytest.param("exam%70le.com", "the label exam%70le", id="a percent sign"),
    pytest.param("a b", "the label a b", id="a space"),
    pytest.param("xn--f", "the label xn--f is not the ASCII form", id="not Punycode"),
    pytest.param("xn--", "the label xn-- is not the ASCII form", id="empty Punycode"),
    pytest.param("xn--abc-", "the label xn--abc- is not the ASCII form", id="Punycode of ASCII"),
    pytest.param("xn--99999999999", "the label xn--99999999999 is not", id="Punycode that overflows"),
    pytest.param("xn--bcher-KVA\u0301", "an IDN is written in its ASCII form", id="an IDN of a prefix"),
    pytest.param("xn--bcher-2pa", "the label xn--bcher-2pa is not", id="Punycode of upper case"),
    pytest.param("straße.example", "an IDN is written in its ASCII form", id="where Python and browsers differ"),
    pytest.param("☃\u200d.example", "an IDN is written in its ASCII form", id="a joiner"),
    pytest.param("1.2.3.4.5", "a host that ends in a number", id="five numbers"),
    pytest.param("foo.bar.255", "a host that ends in a number", id="a name that ends in a number"),
    pytest.param("foo.0x1", "a host that ends in a number", id="a name that ends in a hexadecimal number"),
    pytest.param("256.0.0.1", "a number of the IPv4 address is too large", id="a large first number"),
    pytest.param("1.2.3.256", "a number of the IPv4 address is too large", id="a large last number"),
    pytest.param("4294967296", "a number of the IPv4 address is too large", id="a large only number"),
    pytest.param("1.2.3.09", "09 is not an octal number", id="no octal number"),
    pytest.param("[::1", "not an IPv6 address in brackets", id="no closing bracket"),
    pytest.param("[]", "not an IPv6 address in brackets", id="empty brackets"),
    pytest.param("[1.2.3.4]", "not an IPv6 address in brackets", id="IPv4 in brackets"),
    pytest.param("[example]", "not an IPv6 address in brackets", id="a name in brackets"),
    pytest.param("[fe80::1%eth0]", "not an IPv6 address in brackets", id="a zone"),
    pytest.param("[::1]x", "not an IPv6 address in brackets", id="more after the brackets"),
]


@pytest.mark.parametrize(("host", "message"), INVALID)
def test_is_refused_in_words(host: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message.replace('(', '.')}"):
        canonical_host(host)


@given(st.integers(0, 2**128 - 1))
@example(0xFFFF_01020304)
@example(0x0001_0000_0000_0001_0000_0000_0000_0001)
def test_ipv6_keeps_its_value_and_agrees_with_the_system(number: int) -> None:
    serialized = canonical_host(f"[{IPv6Address(number).exploded}]")
    assert number == int(IPv6Address(serialized.strip("[]")))
    ours_in_decimal = socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, serialized.strip("[]")))
    if "." not in ours_in_decimal:
        assert f"[{ours_in_decimal}]" == serialized


@given(st.integers(0, 2**32 - 1))
def test_ipv4_agrees_with_the_system(number: int) -> None:
    expected = socket.inet_ntoa(number.to_bytes(4, "big"))
    forms = (expected, str(number), hex(number), f"{number >> 24}.{number & 0xFFFFFF:#o}".replace("0o", "0"))
    assert {expected} == {canonical_host(form) for form in forms}


@given(st.text(max_size=12))
def test_any_text_is_serialized_once_and_for_all_or_refused(text: str) -> None:
    try:
        host = canonical_host(text)
    except ValueError:
        return
    assert host == canonical_host(host)


@pytest.mark.parametrize(
    ("host", "address", "loopback"),
    [
        ("localhost", False, True),
        ("localhost.", False, True),
        ("app.localhost", False, True),
        ("notlocalhost", False, False),
        ("localhost.example", False, False),
        ("127.0.0.1", True, True),
        ("127.255.255.254", True, True),
        ("128.0.0.1", True, False),
        ("127.example", False, False),
        ("[::1]", True, True),
        ("[::2]", True, False),
    ],
)
def test_addresses_and_loopback(host: str, address: bool, loopback: bool) -> None:
    assert (address, loopback) == (is_address(host), is_loopback(host))


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

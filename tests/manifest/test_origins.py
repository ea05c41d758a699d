"""Field names: which headers scripts can send and read (Fetch §2.2.2)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.errors import Problem
from cdnserve.manifest.origins import (
    Tolerance,
    method_problems,
    origin_problems,
    request_header_problems,
    response_header_problems,
    serialize_origin,
)

Check = Callable[[str], Iterator[Problem]]

FORBIDDEN_REQUEST_HEADERS = """
    Accept-Charset Accept-Encoding Access-Control-Request-Headers Access-Control-Request-Method Connection
    Content-Length Cookie Cookie2 Date DNT Expect Host Keep-Alive Origin Referer Set-Cookie TE Trailer
    Transfer-Encoding Upgrade Via Proxy-Authorization Proxy- Sec-Fetch-Mode Sec- sEc-X
    Access-Control-Request-Private-Network
""".split()  # noqa: SIM905 - as the standard lists them


@pytest.mark.parametrize("name", FORBIDDEN_REQUEST_HEADERS)
def test_no_script_can_send_a_forbidden_request_header(name: str) -> None:
    assert ["header-forbidden"] == [problem.reference for problem in request_header_problems(name)]


@pytest.mark.parametrize("name", ["Set-Cookie", "set-cookie2"])
def test_no_script_can_read_a_forbidden_response_header(name: str) -> None:
    assert ["header-forbidden"] == [problem.reference for problem in response_header_problems(name)]


@pytest.mark.parametrize("check", [request_header_problems, response_header_problems])
@pytest.mark.parametrize("name", ["", "A B", "X-Custom:", "X-Ü", "a,b", "a\n"])
def test_a_name_is_a_token(check: Check, name: str) -> None:
    assert ["header-invalid"] == [problem.reference for problem in check(name)]


@pytest.mark.parametrize(
    ("check", "name"),
    [
        pytest.param(request_header_problems, "Access-Control-Allow-Origin", id="a response header in requests"),
        pytest.param(request_header_problems, "access-control-max-age", id="a preflight's answer in requests"),
        pytest.param(response_header_problems, "Origin", id="a request header in responses"),
        pytest.param(
            response_header_problems, "Access-Control-Request-Method", id="a preflight's question in responses"
        ),
        pytest.param(response_header_problems, "Access-Control-Allow-Methods", id="a preflight's answer in responses"),
    ],
)
def test_a_header_that_is_never_there_is_prohibited(check: Check, name: str) -> None:
    assert ["header-prohibited"] == [problem.reference for problem in check(name)]


@pytest.mark.parametrize(
    "name", ["X-Requested-With", "Authorization", "Content-Type", "Range", "*", "Secret", "proxy", "Accept"]
)
def test_a_request_header_is_accepted(name: str) -> None:
    assert [] == list(request_header_problems(name))


@pytest.mark.parametrize("name", ["ETag", "Content-Length", "*", "Access-Control-Allow-Origin", "Server-Timing"])
def test_a_response_header_is_accepted(name: str) -> None:
    assert [] == list(response_header_problems(name))


@pytest.mark.parametrize(
    ("method", "reference", "hint"),
    [
        pytest.param("*", "method-any", 'write ["GET", "HEAD"]', id="a star"),
        pytest.param("", "method-invalid", "", id="empty"),
        pytest.param("A B", "method-invalid", "", id="a space"),
        pytest.param("GÉT", "method-invalid", "", id="not ASCII"),
        pytest.param("GET,HEAD", "method-invalid", "", id="two in one"),
        pytest.param("CONNECT", "method-forbidden", "leave it out", id="CONNECT"),
        pytest.param("TRACE", "method-forbidden", "leave it out", id="TRACE"),
        pytest.param("Track", "method-forbidden", "leave it out", id="TRACK in any case"),
        pytest.param("get", "method-case", "write GET", id="get"),
        pytest.param("Delete", "method-case", "write DELETE", id="Delete"),
        pytest.param("patch", "method-case", "write PATCH", id="patch, which browsers do not correct"),
    ],
)
def test_is_refused(method: str, reference: str, hint: str) -> None:
    assert [(reference, hint)] == [(problem.reference, problem.hint) for problem in method_problems(method)]


@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "PURGE", "purge", "M-SEARCH"]
)
def test_is_accepted(method: str) -> None:
    assert [] == list(method_problems(method))


STRICT = Tolerance()
TOLERANT = Tolerance(insecure_origins=True, public_suffixes=True)

GOOD = [
    pytest.param("https://example.com", id="https"),
    pytest.param("https://example.com:8443", id="a port"),
    pytest.param("https://example.com:1", id="the smallest port"),
    pytest.param("https://example.com:65535", id="the largest port"),
    pytest.param("https://example.com:80", id="the default port of another scheme"),
    pytest.param("https://example.com:*", id="any port"),
    pytest.param("https://*.example.com", id="any subdomain"),
    pytest.param("https://*.example.com:*", id="any subdomain on any port"),
    pytest.param("https://*.example.com.", id="any subdomain of a host that ends in a full stop"),
    pytest.param("https://*.example.co.uk", id="any subdomain of a name under a public suffix"),
    pytest.param("https://xn--bcher-kva.example", id="an IDN in its ASCII form"),
    pytest.param("https://203.0.113.7", id="IPv4"),
    pytest.param("https://[2001:db8::1]:9090", id="IPv6"),
    pytest.param("https://intranet", id="one label"),
    pytest.param("http://localhost", id="loopback"),
    pytest.param("http://localhost:*", id="loopback on any port"),
    pytest.param("http://*.localhost:3000", id="subdomains of localhost"),
    pytest.param("http://127.0.0.1:8080", id="IPv4 loopback"),
    pytest.param("http://[::1]:8080", id="IPv6 loopback"),
    pytest.param("capacitor://localhost", id="Capacitor"),
    pytest.param("chrome-extension://abcdefghijklmnopabcdefghijklmnop", id="a Chrome extension"),
    pytest.param("moz-extension://3f2504e0-4f89-11d3-9a0c-0305e82c3301", id="a Firefox extension"),
    pytest.param("safari-web-extension://3F2504E0-4F89-11D3-9A0C-0305E82C3301", id="a Safari extension"),
    pytest.param("app://obsidian.md", id="an app"),
    pytest.param("tauri://localhost:1420", id="another scheme with a port"),
    pytest.param("x+y.z-1://[::1]", id="another scheme with IPv6"),
]


@pytest.mark.parametrize("pattern", GOOD)
def test_can_be_listed(pattern: str) -> None:
    assert [] == list(origin_problems(pattern, STRICT))


BAD = [
    pytest.param("*", "origin-any", 'let every origin read with cors = "any"', id="a star"),
    pytest.param("null", "origin-null", "allow-null-origin = true allows it", id="null"),
    pytest.param("NULL", "origin-null", "allow-null-origin = true allows it", id="null in upper case"),
    pytest.param("", "origin-invalid", "", id="empty"),
    pytest.param("example.com", "origin-invalid", "did you mean https://example.com?", id="no scheme"),
    pytest.param(
        "*.example.com", "origin-invalid", "did you mean https://*.example.com?", id="a wildcard without scheme"
    ),
    pytest.param(
        "localhost:3000", "origin-invalid", "did you mean https://localhost:3000?", id="a port without scheme"
    ),
    pytest.param("https:example.com", "origin-invalid", "", id="no slashes"),
    pytest.param("https:///path", "origin-invalid", "", id="no host"),
    pytest.param("https://", "origin-invalid", "", id="only a scheme"),
    pytest.param("1https://a", "origin-invalid", "", id="a scheme that begins with a digit"),
    pytest.param("ht tp://a", "origin-invalid", "write one origin in each string", id="a space in the scheme"),
    pytest.param(" https://a.example", "origin-invalid", "write one origin in each string", id="white space before"),
    pytest.param("https://a.example ", "origin-invalid", "write one origin in each string", id="white space after"),
    pytest.param(
        "https://a.example https://b.example", "origin-invalid", "write one origin in each string", id="two in one"
    ),
    pytest.param("https://a.example\n", "origin-invalid", "write one origin in each string", id="a newline"),
    pytest.param(
        "https://a\u200b.example", "origin-invalid", "write one origin in each string", id="an invisible character"
    ),
    pytest.param("https://a.example/", "origin-path", "write https://a.example", id="a trailing slash"),
    pytest.param("https://A.example:443/b", "origin-path", "write https://a.example", id="a path"),
    pytest.param("https://a.example?b", "origin-path", "write https://a.example", id="a query"),
    pytest.param("https://a.example#b", "origin-path", "write https://a.example", id="a fragment"),
    pytest.param("https://a.example\\b", "origin-path", "write https://a.example", id="a backslash"),
    pytest.param("https://*.example.com/*", "origin-path", "write https://*.example.com", id="a path of a star"),
    pytest.param("https://a..b/c", "origin-path", "write https://a..b", id="a path after no host"),
    pytest.param("https://a:x/c", "origin-path", "write https://a:x", id="a path after no port"),
    pytest.param("https://me@a.example", "origin-userinfo", "write https://a.example", id="a user"),
    pytest.param("https://me:pw@A.example:443", "origin-userinfo", "write https://a.example", id="a password"),
    pytest.param("HTTPS://a.example", "origin-not-serialized", "write https://a.example", id="an upper-case scheme"),
    pytest.param("https://A.example", "origin-not-serialized", "write https://a.example", id="an upper-case host"),
    pytest.param(
        "https://*.A.example", "origin-not-serialized", "write https://*.a.example", id="an upper-case wildcard"
    ),
    pytest.param("https://a.example:443", "origin-not-serialized", "write https://a.example", id="the port of https"),
    pytest.param("http://a.example:80", "origin-not-serialized", "write http://a.example", id="the port of http"),
    pytest.param(
        "https://a.example:08443", "origin-not-serialized", "write https://a.example:8443", id="a leading zero"
    ),
    pytest.param("https://bücher.example", "origin-not-serialized", "write https://xn--bcher-kva.example", id="an IDN"),
    pytest.param("https://127.1", "origin-not-serialized", "write https://127.0.0.1", id="IPv4 in short"),
    pytest.param("https://0x7f000001", "origin-not-serialized", "write https://127.0.0.1", id="IPv4 in hexadecimal"),
    pytest.param("https://127.0.0.1.", "origin-not-serialized", "write https://127.0.0.1", id="IPv4 with a full stop"),
    pytest.param("https://[0:0:0:0:0:0:0:1]", "origin-not-serialized", "write https://[::1]", id="IPv6 in full"),
    pytest.param(
        "https://[::FFFF:1.2.3.4]", "origin-not-serialized", "write https://[::ffff:102:304]", id="mapped IPv4"
    ),
    pytest.param(
        "CAPACITOR://localhost", "origin-not-serialized", "write capacitor://localhost", id="an upper-case app"
    ),
    pytest.param("https://a..example", "origin-invalid", "", id="an empty label"),
    pytest.param("https://^a.example", "origin-invalid", "", id="a character that no host has"),
    pytest.param("https://foo.bar.255", "origin-invalid", "", id="a name that ends in a number"),
    pytest.param("https://xn--f", "origin-invalid", "", id="an IDN that is none"),
    pytest.param("https://straße.example", "origin-invalid", "", id="an IDN that we can't convert"),
    pytest.param("https://[::1", "origin-invalid", "", id="an open bracket"),
    pytest.param("https://[::1]x:90", "origin-invalid", "", id="more after the bracket"),
    pytest.param("https://[fe80::1%25eth0]", "origin-invalid", "", id="a zone"),
    pytest.param(
        "https://::1:90", "origin-invalid", "write https://[::1]:8443, for example", id="IPv6 without brackets"
    ),
    pytest.param("https://a.example:", "origin-invalid", "", id="an empty port"),
    pytest.param("https://a.example:0", "origin-invalid", "", id="port 0"),
    pytest.param("https://a.example:65536", "origin-invalid", "", id="a port too large"),
    pytest.param("https://a.example:123456", "origin-invalid", "", id="a port of six digits"),
    pytest.param("https://a.example:-1", "origin-invalid", "", id="a negative port"),
    pytest.param("https://a.example:٣", "origin-invalid", "", id="a digit that is not ASCII"),
    pytest.param("https://a.example:http", "origin-invalid", "", id="a port in words"),
    pytest.param("app://a b", "origin-invalid", "write one origin in each string", id="an app with a space"),
    pytest.param("app://a^b", "origin-invalid", "", id="an app with a character that no origin has"),
    pytest.param("file:///a", "origin-invalid", "", id="a file without a host"),
    pytest.param("file://a", "origin-scheme", "allow-null-origin = true allows it", id="a file"),
    pytest.param("DATA://a", "origin-scheme", "allow-null-origin = true allows it", id="data"),
    pytest.param("wss://a.example", "origin-scheme", "list the page's https:// origin", id="a WebSocket"),
    pytest.param("*://a.example", "origin-wildcard", "write https://a.example", id="a star as scheme"),
    pytest.param("http*://a.example", "origin-wildcard", "write https://a.example", id="a star in the scheme"),
    pytest.param("app://*", "origin-wildcard", "list each origin", id="any host of an app"),
    pytest.param("app://*.a", "origin-wildcard", "list each origin", id="any subdomain of an app"),
    pytest.param("app://a:*", "origin-wildcard", "list each origin", id="any port of an app"),
    pytest.param("https://a.example:80*", "origin-wildcard", "write https://a.example:*", id="a part of a port"),
    pytest.param("https://*.1.2.3.4", "origin-wildcard", "write https://1.2.3.4", id="subdomains of IPv4"),
    pytest.param("https://*.[::1]", "origin-wildcard", "write https://[::1]", id="subdomains of IPv6"),
]


@pytest.mark.parametrize(("pattern", "reference", "hint"), BAD)
@pytest.mark.parametrize("tolerance", [STRICT, TOLERANT], ids=["strict", "tolerant"])
def test_can_not_be_listed(pattern: str, reference: str, hint: str, tolerance: Tolerance) -> None:
    assert [(reference, hint)] == [(found.reference, found.hint) for found in origin_problems(pattern, tolerance)]


@pytest.mark.parametrize(
    "pattern",
    ["https://*", "https://*example.com", "https://a.*.example", "https://a*.example", "https://**.a.example",
     "https://*.*.example", "https://*.*", "https://example.*", "https://a.example*"],
)  # fmt: skip
def test_a_wildcard_is_the_whole_left_most_label(pattern: str) -> None:
    (problem,) = origin_problems(pattern, TOLERANT)
    assert ("origin-wildcard", "* stands only for the whole left-most label of a host") == (
        problem.reference,
        problem.message,
    )


INSECURE = ["http://example.com", "http://*.example.com", "http://10.0.0.1", "http://localhost.example", "http://[::2]"]
PUBLIC = [
    "https://*.com",
    "https://*.co.uk",
    "https://*.github.io",
    "https://*.com.",
    "https://*.local",
    "https://*.kobe.jp",
    "https://*.xn--55qx5d.cn",
]


@pytest.mark.parametrize("pattern", INSECURE)
def test_http_that_is_not_loopback_must_be_tolerated(pattern: str) -> None:
    assert ["origin-insecure"] == [problem.reference for problem in origin_problems(pattern, STRICT)]
    assert [] == list(origin_problems(pattern, Tolerance(insecure_origins=True)))


@pytest.mark.parametrize("pattern", PUBLIC)
def test_a_wildcard_over_a_public_suffix_must_be_tolerated(pattern: str) -> None:
    assert ["origin-public-suffix"] == [problem.reference for problem in origin_problems(pattern, STRICT)]
    assert [] == list(origin_problems(pattern, Tolerance(public_suffixes=True)))


def test_a_public_suffix_itself_is_an_origin() -> None:
    assert [] == list(origin_problems("https://github.io", STRICT))


def test_both_risks_are_told_at_once() -> None:
    found = [problem.reference for problem in origin_problems("http://*.github.io", STRICT)]
    assert ["origin-insecure", "origin-public-suffix"] == found


@given(st.one_of(st.text(max_size=20), st.text("htps:/*.a1[]@%?#-", max_size=20).map("https://".__add__)))
def test_any_text_is_told_about_or_sent_by_browsers(text: str) -> None:
    problems = list(origin_problems(text, TOLERANT))
    if not problems and "*" not in text and text.startswith("http"):
        assert text == serialize_origin(text)


@given(st.sampled_from([row.values[0] for row in BAD]))
def test_a_hint_is_good_advice(pattern: str) -> None:
    """Whoever writes what a hint says is not told off again for it, unless the host is wrong too."""
    for problem in origin_problems(pattern, TOLERANT):
        verb, _, advice = problem.hint.partition(" ")
        if verb == "write" and "://" in advice and " " not in advice and ".." not in advice and ":x" not in advice:
            assert [] == list(origin_problems(advice, TOLERANT))


@pytest.mark.parametrize(
    "text", ["", "*", "null", "capacitor://localhost", "https://*.a.example", "https://a/b", "x y"]
)
def test_only_one_web_origin_is_serialized(text: str) -> None:
    with pytest.raises(ValueError, match=r"^\S"):
        serialize_origin(text)


def test_the_public_suffix_list_is_read_only_for_a_wildcard() -> None:
    """It takes longer to read than all the rest of a manifest."""
    program = (
        "import sys\n"
        "from cdnserve.manifest.reader import parse_manifest\n"
        "policy = 'schema = 1\\n[cors.a]\\nallow-origins = [\"https://{}\"]'\n"
        "parse_manifest(policy.format('a.example'))\n"
        "before = 'publicsuffixlist' in sys.modules\n"
        "parse_manifest(policy.format('*.a.example'))\n"
        "print(before, 'publicsuffixlist' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "False True\n" == done.stdout

"""CORS, as properties: what a pattern of origins covers, and that no octets of a client widen it."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from publicsuffixlist import PublicSuffixList

from cdnserve.rules.cors import ANY, NONE, CompiledPolicy, Policy, Preflight, Verdict


def admits(pattern: str, origin: str) -> bool:
    """Return whether a policy of one pattern lets an origin read."""
    return CompiledPolicy(Policy("p", (pattern,))).admits(origin).allowed


@pytest.mark.parametrize(
    ("pattern", "origin"),
    [
        pytest.param("https://*.example.org", "https://a.example.org", id="one label"),
        pytest.param("https://*.example.org", "https://a.b-c.d_e.example.org", id="several labels"),
        pytest.param("https://*.example.org", "https://xn--bcher-kva.example.org", id="an IDN label"),
        pytest.param("https://*.example.org", "https://example.org.example.org", id="labels that repeat the domain"),
        pytest.param("https://*.example.org:8443", "https://a.example.org:8443", id="a port"),
        pytest.param("https://*.example.org:*", "https://a.example.org:1", id="any port"),
        pytest.param("https://*.example.org:*", "https://a.example.org", id="any port, also the default one"),
        pytest.param("http://localhost:*", "http://localhost:5173", id="a host with any port"),
        pytest.param("http://localhost:*", "http://localhost:443", id="the port of another scheme"),
        pytest.param("https://*.example.org:*", "https://a.example.org:80", id="the port of the other scheme"),
        pytest.param("http://[::1]:*", "http://[::1]:65535", id="an IPv6 address with any port"),
        pytest.param("http://[::1]:*", "http://[::1]", id="an IPv6 address with the default port"),
        pytest.param("http://127.0.0.1:*", "http://127.0.0.1:8080", id="an IPv4 address with any port"),
    ],
)
def test_a_pattern_covers(pattern: str, origin: str) -> None:
    assert admits(pattern, origin) is True


@pytest.mark.parametrize(
    ("pattern", "origin"),
    [
        pytest.param("https://*.example.org", "https://example.org", id="the bare domain"),
        pytest.param("https://*.example.org", "https://.example.org", id="an empty label"),
        pytest.param("https://*.example.org", "https://a..example.org", id="an empty label in between"),
        pytest.param("https://*.example.org", "https://..example.org", id="empty labels"),
        pytest.param("https://*.example.org", "https://evilexample.org", id="a host that ends alike"),
        pytest.param("https://*.example.org", "https://a.example.org.evil.example", id="a longer host"),
        pytest.param("https://*.example.org", "https://a.example.org.", id="a dot at the end"),
        pytest.param("https://*.example.org", "https://axexample.org", id="a dot is a dot"),
        pytest.param("https://*.example.org", "http://a.example.org", id="another scheme"),
        pytest.param("https://*.example.org", "xhttps://a.example.org", id="a longer scheme"),
        pytest.param("https://*.example.org", "https://a.example.org:8443", id="a port where none is listed"),
        pytest.param("https://*.example.org", "https://a.example.org:", id="an empty port"),
        pytest.param("https://*.example.org:8443", "https://a.example.org", id="no port where one is listed"),
        pytest.param("https://*.example.org:8443", "https://a.example.org:84430", id="a longer port"),
        pytest.param("https://*.example.org:*", "https://a.example.org:443", id="the port that no browser writes"),
        pytest.param("http://localhost:*", "http://localhost:80", id="the other port that no browser writes"),
        pytest.param("https://*.example.org:*", "https://a.example.org:65536", id="a port beyond the last"),
        pytest.param("https://*.example.org:*", "https://a.example.org:0443", id="a port with a leading zero"),
        pytest.param("https://*.example.org:*", "https://a.example.org:x", id="a port that is no number"),
        pytest.param("https://*.example.org:*", "https://a.example.org:²", id="a port in superscript"),
        pytest.param("https://*.example.org:*", "https://a.example.org:1:2", id="two ports"),
        pytest.param("https://*.example.org:*", "https://evil.example:1.example.org", id="a host behind a port"),
        pytest.param("https://*.example.org", "https://evil.example/.example.org", id="a path"),
        pytest.param("https://*.example.org", "https://evil.example?.example.org", id="a query"),
        pytest.param("https://*.example.org", "https://evil.example#.example.org", id="a fragment"),
        pytest.param("https://*.example.org", "https://evil.example\\.example.org", id="a backslash"),
        pytest.param("https://*.example.org", "https://user@a.example.org", id="a user name"),
        pytest.param("https://*.example.org", "https://user:x@a.example.org", id="a password"),
        pytest.param("https://*.example.org", "https://evil.example https://a.example.org", id="two origins"),
        pytest.param("https://*.example.org", "https://a.example.org, https://a.example.org", id="two lines"),
        pytest.param("https://*.example.org", "https://*.example.org", id="the pattern itself"),
        pytest.param("https://*.example.org", "https://A.example.org", id="upper case"),
        pytest.param("https://*.example.org", "https://a%2e.example.org", id="a percent sign"),
        pytest.param("https://*.example.org", "https://ä.example.org", id="a letter that isn't ASCII"),
        pytest.param("https://*.example.org", "https://a.example.org\n", id="a line feed"),
        pytest.param("https://*.example.org", "https://a\x00.example.org", id="a NUL"),
        pytest.param("https://*.example.org", "null", id="null"),
        pytest.param("https://*.example.org", "", id="nothing"),
        pytest.param("http://localhost:*", "http://localhost.evil.example:80", id="a longer host with any port"),
        pytest.param("http://localhost:*", "http://a.localhost:80", id="a label before a host without a star"),
        pytest.param("http://[::1]:*", "http://[::2]:80", id="another IPv6 address"),
        pytest.param("http://[::1]:*", "http://::1:80", id="an IPv6 address without brackets"),
    ],
)
def test_a_pattern_does_not_cover(pattern: str, origin: str) -> None:
    assert admits(pattern, origin) is False


SUFFIXES = PublicSuffixList()
labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,4}[a-z0-9])?", fullmatch=True)
domains = st.builds("{}.{}".format, labels, st.sampled_from(["com", "co.uk", "github.io", "example", "org"]))
glue = st.sampled_from(["", ".", "-", "..", "@", ":", "/", "\\", "%2e", "\x00", "#", "?", " ", ",", "_", "*", "[", "]"])
parts = st.lists(labels | glue, max_size=4).map("".join)


@given(domain=domains, before=parts, after=parts, scheme=st.sampled_from(["https", "http", "HTTPS", "https:"]))
@example("a.co.uk", "b.", "", "https")
def test_a_pattern_never_covers_another_registrable_domain(domain: str, before: str, after: str, scheme: str) -> None:
    origin = f"{scheme}://{before}{domain}{after}"
    if admits(f"https://*.{domain}", origin):
        host = origin.removeprefix("https://")
        assert re.fullmatch(r"[a-z0-9._-]+", host)
        assert SUFFIXES.privatesuffix(host) == SUFFIXES.privatesuffix(domain)
        assert host != domain
    if after == "" and re.fullmatch(r"([a-z0-9]+\.)+", before) and scheme == "https":
        assert admits(f"https://*.{domain}", origin)


octets = st.text(alphabet=st.characters(codec="latin-1"))
PATTERN = re.compile(r"https://([a-z0-9_-]+\.)+example\.org(:[0-9]{1,5})?", re.ASCII)
POLICIES = (
    ANY,
    NONE,
    Policy(
        "list", ("https://a.example.org", "https://*.example.org:*"), allow_headers=("X-A", "*"), expose_headers=("*",)
    ),
    Policy("credentials", ("https://*.example.org:*",), allow_credentials=True, allow_headers=("*",)),
    Policy("null", ("https://*.example.org:*",), allow_null_origin=True, allow_private_network=True),
)
policies = st.sampled_from([CompiledPolicy(policy) for policy in POLICIES])
origins = octets | st.sampled_from(
    ["null", "https://a.example.org", "https://b.a.example.org:8", "https://example.org"]
)


@given(policies, st.none() | origins)
def test_only_an_admitted_origin_is_ever_echoed(policy: CompiledPolicy, origin: str | None) -> None:
    fields = dict(policy.actual(origin))
    allowed = fields.get(b"access-control-allow-origin")
    if policy.is_allow_list and allowed is not None:
        assert origin is not None
        assert allowed == origin.encode("latin-1") == fields[b"timing-allow-origin"]
        assert PATTERN.fullmatch(origin) or origin == "null"
        assert policy.admits(origin).allowed
    else:
        assert allowed == (None if policy.is_allow_list or policy.name == "none" else b"*")
        assert b"access-control-allow-credentials" not in fields
        assert (b"timing-allow-origin" in fields) == (allowed is not None)


methods = octets | st.sampled_from(["GET", "HEAD", "OPTIONS", "get", "PUT"])
headers = octets | st.lists(st.sampled_from(["x-a", "X-B", "authorization", "*", "", " x-c\t", "é"])).map(",".join)


@given(policies, st.none() | origins, methods, st.none() | headers, st.booleans())
def test_any_preflight_is_granted_safely_or_refused(
    policy: CompiledPolicy, origin: str | None, method: str, asked: str | None, private: bool
) -> None:
    answer = policy.preflight(Preflight(origin, method, asked, private))
    if isinstance(answer, Verdict):
        assert answer.allowed is False
        assert answer.reason.isascii()
        assert answer.reason.isprintable()
        return
    fields = dict(answer)
    assert len(fields) == len(answer)
    assert policy.name != "none"
    assert method in policy.policy.allow_methods
    assert all(re.fullmatch(rb"[\x20-\x7e]*", value) for value in fields.values())
    assert fields[b"access-control-allow-origin"] == (origin or "").encode() or not policy.is_allow_list
    names = {name.strip(" \t").lower() for name in (asked or "").split(",")} - {""}
    granted = {name.strip().lower() for name in fields.get(b"access-control-allow-headers", b"").decode().split(",")}
    # Fetch §4.9: without credentials "*" grants every name but Authorization; with them it is a name like others.
    with_star = set() if policy.policy.allow_credentials or "*" not in granted else names - {"authorization"}
    assert names <= granted | with_star


@pytest.mark.parametrize("octet", [",", "x-a,", "a", " ", "x-a ", ",\t"])
def test_a_long_list_of_headers_is_read_to_its_end(octet: str) -> None:
    policy = CompiledPolicy(Policy("p", ("https://a.example",), allow_headers=("X-A",)))
    answer = policy.preflight(Preflight("https://a.example", "GET", octet * 65_536 + ",x-evil"))
    assert isinstance(answer, Verdict)

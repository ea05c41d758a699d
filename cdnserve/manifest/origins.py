"""What a CORS policy may list (HTML §7.1.1, Fetch §2.2, §3.2): origins as browsers send them, methods, header names.

Never accepts what no browser would send.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from cdnserve.errors import Problem
from cdnserve.rules.urls import canonical_host, is_address, is_loopback, unicode_host

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

_DEFAULT_PORTS = {"http": "80", "https": "443"}

# Pages of these have an opaque origin, which is sent as "null" (HTML §7.1.1, URL Standard §4.7).
_OPAQUE_SCHEMES = frozenset({"about", "blob", "data", "file", "javascript"})
# These are never a page's: a WebSocket handshake carries the page's own http or https origin.
_PAGELESS_SCHEMES = frozenset({"ftp", "ws", "wss"})

_OUTLINE = re.compile(r"(?P<scheme>[^:/?#@]+)://(?P<authority>[^/?#\\]+)(?P<rest>.*)")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_SCHEMELESS = re.compile(r"(?:\*\.)?[\w-]+(?:\.[\w-]+)*(?::[0-9*]+)?")
_OPAQUE_HOST = re.compile(r"[A-Za-z0-9._~-]+|\[[0-9a-f:.]+\]")
_PORT = re.compile(r"[0-9]{1,5}")
_LARGEST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What a policy lets be listed though it is a risk."""

    insecure_origins: bool = False
    public_suffixes: bool = False


@dataclass(frozen=True, slots=True)
class _Pattern:
    """The parts of a pattern as written; `port` is empty where there is none."""

    scheme: str
    host: str
    port: str = ""

    @property
    def is_web(self) -> bool:
        return self.scheme.lower() in _DEFAULT_PORTS

    @property
    def is_wild(self) -> bool:
        return self.host.startswith("*.")

    @property
    def domain(self) -> str:
        return self.host.removeprefix("*.")

    @property
    def is_insecure(self) -> bool:
        return self.scheme == "http" and not is_loopback(self.domain)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}" + (f":{self.port}" if self.port else "")


def origin_problems(text: str, tolerance: Tolerance) -> Iterator[Problem]:
    """Yield what is wrong with one pattern, each without its place; nothing for a good one.

    >>> [problem.hint for problem in origin_problems("https://Example.com:443", Tolerance())]
    ['write https://example.com']
    """
    pattern = _split(text)
    if isinstance(pattern, _Pattern):
        pattern = _scheme_problem(pattern) or _wildcard_problem(pattern) or _serialize(pattern)
    if isinstance(pattern, Problem):
        yield pattern
    elif str(pattern) != text:
        yield Problem("origin-not-serialized", "no browser sends an origin in this form", hint=f"write {pattern}")
    else:
        yield from _risks(pattern, tolerance)


def serialize_origin(text: str) -> str:
    """Return the form in which browsers write one http or https origin; raise ValueError, in words, for all else."""
    pattern = _split(text)
    if isinstance(pattern, _Pattern):
        if not pattern.is_web or "*" in text:
            raise ValueError("it does not begin with http:// or https:// and a host")
        pattern = _serialize(pattern)
    if isinstance(pattern, Problem):
        raise ValueError(pattern.message)
    return str(pattern)


def _split(text: str) -> _Pattern | Problem:
    if text == "*":
        return Problem("origin-any", "* is no origin", hint='let every origin read with cors = "any"')
    if text.lower() == "null":
        return Problem("origin-null", "null is no origin that can be listed", hint="allow-null-origin = true allows it")
    if any(character.isspace() or not character.isprintable() for character in text):
        message = "an origin has no white space and no invisible characters"
        return Problem("origin-invalid", message, hint="write one origin in each string")
    outline = _OUTLINE.fullmatch(text)
    if not outline:
        hint = f"did you mean https://{text}?" if _SCHEMELESS.fullmatch(text) else ""
        return Problem("origin-invalid", "an origin is scheme://host or scheme://host:port", hint=hint)
    scheme, authority, rest = outline.groups()
    if rest:
        message = "an origin ends before the slash" if rest == "/" else "an origin has no path, query or fragment"
        return Problem("origin-path", message, hint=f"write {_mended(scheme, authority)}")
    if "@" in authority:
        hint = f"write {_mended(scheme, authority.rpartition('@')[2])}"
        return Problem("origin-userinfo", "an origin has no user name", hint=hint)
    return _with_port(scheme, authority)


def _mended(scheme: str, authority: str) -> str:
    """Return what is left of a pattern, serialized where that is possible."""
    text = f"{scheme}://{authority}"
    pattern = _split(text)
    serialized = _serialize(pattern) if isinstance(pattern, _Pattern) else pattern
    return str(serialized) if isinstance(serialized, _Pattern) else text


def _with_port(scheme: str, authority: str) -> _Pattern | Problem:
    host, colon, port = authority.rpartition(":")
    if not colon or authority.endswith("]"):
        return _Pattern(scheme, authority)
    if ":" in host and not host.startswith("["):
        hint = f"write {scheme}://[::1]:8443, for example"
        return Problem("origin-invalid", "an IPv6 address stands in brackets", hint=hint)
    if port != "*" and not (_PORT.fullmatch(port) and 0 < int(port) <= _LARGEST_PORT):
        if "*" in port:
            return Problem("origin-wildcard", "* stands for a whole port", hint=f"write {scheme}://{host}:*")
        return Problem("origin-invalid", f"a port is a number from 1 to {_LARGEST_PORT}")
    return _Pattern(scheme, host, port)


def _scheme_problem(pattern: _Pattern) -> Problem | None:
    scheme = pattern.scheme.lower()
    if "*" in scheme:
        return Problem("origin-wildcard", "a scheme can't be *", hint=f"write https://{pattern.host}")
    if not _SCHEME.fullmatch(scheme):
        return Problem("origin-invalid", "a scheme is a letter, then letters, digits, +, - and .")
    if scheme in _OPAQUE_SCHEMES:
        message = f"pages of {scheme}: send the origin null"
        return Problem("origin-scheme", message, hint="allow-null-origin = true allows it")
    if scheme in _PAGELESS_SCHEMES:
        return Problem("origin-scheme", f"no page has an origin of {scheme}:", hint="list the page's https:// origin")
    return None


def _wildcard_problem(pattern: _Pattern) -> Problem | None:
    if not pattern.is_web and "*" in pattern.host + pattern.port:
        return Problem("origin-wildcard", "wildcards are only for http and https", hint="list each origin")
    if "*" in pattern.domain:
        message = "* stands only for the whole left-most label of a host"
        hint = "write https://*.example.com, and https://example.com if that is meant too"
        return Problem("origin-wildcard", message, hint=hint)
    return None


def _serialize(pattern: _Pattern) -> _Pattern | Problem:
    scheme = pattern.scheme.lower()
    port = pattern.port if pattern.port in ("", "*") else str(int(pattern.port))
    if not pattern.is_web:
        # Browsers keep the host of a scheme that they don't know as it is (URL Standard §3.5, opaque host).
        if not _OPAQUE_HOST.fullmatch(pattern.host):
            return Problem("origin-invalid", "the host has characters that no origin has")
        return _Pattern(scheme, pattern.host, port)
    try:
        domain = canonical_host(pattern.domain)
    except ValueError as error:
        return Problem("origin-invalid", f"not a valid host: {error}")
    if pattern.is_wild and is_address(domain):
        return Problem("origin-wildcard", "an IP address has no subdomains", hint=f"write {scheme}://{domain}")
    host = f"*.{domain}" if pattern.is_wild else domain
    return _Pattern(scheme, host, "" if port == _DEFAULT_PORTS[scheme] else port)


def _risks(pattern: _Pattern, tolerance: Tolerance) -> Iterator[Problem]:
    if pattern.is_insecure and not tolerance.insecure_origins:
        yield Problem(
            "origin-insecure",
            "prohibited: anyone on the way can change a page that comes over http",
            hint=f"write {str(pattern).replace('http:', 'https:', 1)}, or set tolerate-insecure-origins = true",
        )
    if pattern.is_wild and not tolerance.public_suffixes and _is_public_suffix(pattern.domain):
        yield Problem(
            "origin-public-suffix",
            f"prohibited: anyone can have a name under {pattern.domain}, which is a public suffix",
            hint="list the domains that are yours, or set tolerate-public-suffixes = true",
        )


def _is_public_suffix(domain: str) -> bool:
    return not is_loopback(domain) and _public_suffixes().is_public(unicode_host(domain))


@cache
def _public_suffixes() -> PublicSuffixList:
    # Reading the list takes longer than all the rest of the manifest, and only a wildcard needs it.
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415 - see above

    # Converting every IDN of the list would take as long again; ours is converted to their form instead.
    return PublicSuffixList(accept_encoded_idn=False)


TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110 §5.6.2: the grammar of methods and of field names."""

_FORBIDDEN = frozenset({"CONNECT", "TRACE", "TRACK"})
# Fetch §2.2.1 "normalize" covers all but PATCH; `patch` is sent as it is written, and surely not meant.
_UPPER_CASE = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})


def method_problems(method: str) -> Iterator[Problem]:
    """Yield what is wrong with an allowed method, each without its place.

    >>> [problem.hint for problem in method_problems("get")]
    ['write GET']
    """
    if method == "*":
        yield Problem("method-any", "prohibited: methods are listed one by one", hint='write ["GET", "HEAD"]')
    elif not TOKEN.fullmatch(method):
        yield Problem("method-invalid", "not a method: RFC 9110 §9.1 wants a token")
    elif method.upper() in _FORBIDDEN:
        message = f"forbidden by the Fetch standard: no script can send {method.upper()}"
        yield Problem("method-forbidden", message, hint="leave it out")
    elif method.upper() in _UPPER_CASE and method != method.upper():
        message = "methods are case-sensitive, and browsers send this one in upper case"
        yield Problem("method-case", message, hint=f"write {method.upper()}")


# Fetch §2.2.2 "forbidden request-header", and Private Network Access §3.4 for the last of its Access-Control-Request-*.
_FORBIDDEN_IN_REQUESTS = frozenset(
    {
        "accept-charset",
        "accept-encoding",
        "access-control-request-headers",
        "access-control-request-method",
        "access-control-request-private-network",
        "connection",
        "content-length",
        "cookie",
        "cookie2",
        "date",
        "dnt",
        "expect",
        "host",
        "keep-alive",
        "origin",
        "referer",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    }
)
_FORBIDDEN_PREFIXES = ("proxy-", "sec-")
# Fetch §2.2.2 "forbidden response-header name".
_FORBIDDEN_IN_RESPONSES = frozenset({"set-cookie", "set-cookie2"})

_ONLY_IN_RESPONSES = frozenset(
    {
        "access-control-allow-credentials",
        "access-control-allow-headers",
        "access-control-allow-methods",
        "access-control-allow-origin",
        "access-control-allow-private-network",
        "access-control-expose-headers",
        "access-control-max-age",
    }
)
_ONLY_IN_REQUESTS = frozenset(
    {
        "access-control-request-headers",
        "access-control-request-method",
        "access-control-request-private-network",
        "origin",
    }
)
# These answer a CORS-preflight request, which no script ever sees.
_ONLY_IN_PREFLIGHTS = frozenset(
    {
        "access-control-allow-headers",
        "access-control-allow-methods",
        "access-control-allow-private-network",
        "access-control-max-age",
    }
)


def request_header_problems(name: str) -> Iterator[Problem]:
    """Yield what is wrong with a request header that a policy allows, each without its place; `*` is fine.

    >>> [problem.reference for problem in request_header_problems("Cookie")]
    ['header-forbidden']
    """
    lower = name.lower()
    if not TOKEN.fullmatch(name):
        yield _invalid()
    elif lower in _FORBIDDEN_IN_REQUESTS or lower.startswith(_FORBIDDEN_PREFIXES):
        message = "forbidden by the Fetch standard: no script can set this request header"
        yield Problem("header-forbidden", message, hint="leave it out")
    elif lower in _ONLY_IN_RESPONSES:
        message = "prohibited: this is a response header, and no request has it"
        yield Problem("header-prohibited", message, hint="leave it out: the server sends it by itself")


def response_header_problems(name: str) -> Iterator[Problem]:
    """Yield what is wrong with a response header that a policy exposes, each without its place; `*` is fine.

    >>> [problem.reference for problem in response_header_problems("Set-Cookie")]
    ['header-forbidden']
    """
    lower = name.lower()
    if not TOKEN.fullmatch(name):
        yield _invalid()
    elif lower in _FORBIDDEN_IN_RESPONSES:
        message = "forbidden by the Fetch standard: no script can read this response header"
        yield Problem("header-forbidden", message, hint="leave it out")
    elif lower in _ONLY_IN_REQUESTS:
        message = "prohibited: this is a request header, and no response has it"
        yield Problem("header-prohibited", message, hint="leave it out")
    elif lower in _ONLY_IN_PREFLIGHTS:
        message = "prohibited: only the answer to a CORS-preflight request has it, which no script sees"
        yield Problem("header-prohibited", message, hint="leave it out")


def _invalid() -> Problem:
    return Problem(
        "header-invalid", "not a header's name: RFC 9110 §5.1 wants a token", hint="write one name, no colon"
    )

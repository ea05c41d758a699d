"""Hosts (URL Standard §3.5) in the form that browsers serialize them to, and the URLs of logical paths (§4.1)."""

from __future__ import annotations

import re
import unicodedata
from ipaddress import AddressValueError, IPv6Address
from urllib.parse import quote

_LABEL = re.compile(r"[a-z0-9_-]{1,63}")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_ZEROS = re.compile(r"(?<![0-9a-f])0(?::0)+(?![0-9a-f])")
_LONGEST = 253
# IDNA 2003, which Python has, and UTS 46, which browsers use, disagree on these.
_DEVIATIONS = frozenset("ßς\u200c\u200d")


def canonical_host(host: str) -> str:
    """Serialize a host as browsers do; raise ValueError, in words, for what is no host.

    >>> canonical_host("EXAMPLE.com"), canonical_host("[2001:DB8:0:0::1]"), canonical_host("127.1")
    ('example.com', '[2001:db8::1]', '127.0.0.1')
    >>> canonical_host("bücher.example")
    'xn--bcher-kva.example'
    """
    if host.startswith("["):
        return f"[{_ipv6(host)}]"
    if not host.isascii():
        host = _ascii_form(host)
        if not host:
            raise ValueError("an IDN is written in its ASCII form (xn--…)")
    host = host.lower()
    labels = host.removesuffix(".").split(".")
    return _ipv4(labels) if _NUMBER.fullmatch(labels[-1]) else _domain(host, labels)


def is_address(host: str) -> bool:
    """Return whether a canonical host is an IPv4 or IPv6 address."""
    return host.startswith("[") or host.rpartition(".")[2].isdigit()


def is_loopback(host: str) -> bool:
    """Return whether a canonical host is this machine, so that nobody on the way can change what it sends.

    >>> is_loopback("app.localhost"), is_loopback("127.0.0.1"), is_loopback("localhost.example.com")
    (True, True, False)
    """
    if is_address(host):
        return host == "[::1]" or host.startswith("127.")
    return host.removesuffix(".").rpartition(".")[2] == "localhost"


def unicode_host(host: str) -> str:
    """Return a canonical domain with its IDN labels as people read them.

    >>> unicode_host("xn--bcher-kva.example")
    'bücher.example'
    """
    return ".".join(_label_text(label) if label.startswith("xn--") else label for label in host.split("."))


def _label_text(label: str) -> str:
    return label.removeprefix("xn--").encode("ascii").decode("punycode")


def _domain(host: str, labels: list[str]) -> str:
    if "" in labels:
        raise ValueError("a host has no empty label")
    if len(".".join(labels)) > _LONGEST:
        raise ValueError(f"a host has at most {_LONGEST} characters")
    for label in labels:
        if not _LABEL.fullmatch(label):
            raise ValueError(f"the label {label} is not 1 to 63 letters, digits, hyphens and underscores")
        if label.startswith("xn--") and not _is_punycode(label):
            raise ValueError(f"the label {label} is not the ASCII form of any IDN label")
    return host


def _is_punycode(label: str) -> bool:
    try:
        text = _label_text(label)
    except (ValueError, OverflowError):
        return False
    normal = unicodedata.normalize("NFC", text).lower() == text
    return normal and not text.isascii() and f"xn--{text.encode('punycode').decode('ascii')}" == label


def _ascii_form(host: str) -> str:
    try:
        return "" if _DEVIATIONS & set(host) else host.encode("idna").decode("ascii")
    except UnicodeError:
        return ""


def _ipv4(labels: list[str]) -> str:
    """Parse the short, octal and hexadecimal forms too: browsers rewrite them all to four decimal numbers."""
    # A name that ends in a number can only be an IPv4 address (URL Standard §3.5, "ends in a number").
    if len(labels) > 4 or not all(_NUMBER.fullmatch(label) for label in labels):
        raise ValueError("a host that ends in a number is an IPv4 address of four numbers")
    *leading, last = [_ipv4_number(label) for label in labels]
    if any(number > 255 for number in leading) or last >= 256 ** (4 - len(leading)):
        raise ValueError("a number of the IPv4 address is too large")
    octets = bytes(leading) + last.to_bytes(4 - len(leading), "big")
    return ".".join(map(str, octets))


def _ipv4_number(label: str) -> int:
    if label.startswith("0x"):
        return int(label[2:] or "0", 16)
    try:
        return int(label, 8 if label.startswith("0") else 10)
    except ValueError:
        raise ValueError(f"{label} is not an octal number, though it begins with 0") from None


def _ipv6(host: str) -> str:
    try:
        # "%" would begin a zone, which URLs don't have.
        address = IPv6Address(host[1:].removesuffix("]") if host.endswith("]") and "%" not in host else "")
    except AddressValueError:
        raise ValueError("not an IPv6 address in brackets") from None
    digits = f"{int(address):032x}"
    return _compressed([digits[start : start + 4].lstrip("0") or "0" for start in range(0, 32, 4)])


def _compressed(pieces: list[str]) -> str:
    """Serialize by URL Standard §3.5: the first longest run of two or more zeros becomes `::`.

    Python's own form depends on its version: 3.13 writes the end of a mapped address in decimal.
    """
    text = ":".join(pieces)
    runs = [found.span() for found in _ZEROS.finditer(text)]
    if not runs:
        return text
    start, end = max(runs, key=lambda run: run[1] - run[0])
    return f"{text[:start].removesuffix(':')}::{text[end:].removeprefix(':')}"


# What the path percent-encode set leaves alone, but for "%", "?", "#" and "\", which a name means literally.
# The spelling matters: import maps and the module map compare serialized URLs, so an escape too many or too
# few ("%27" for "'") would find no integrity metadata, and the module would run unchecked.
_PATH = "/!$&'()*+,;=:@[]"
# A URL that a person gave keeps its delimiters and escapes; only what no URL may hold is encoded.
_GIVEN = "/!$&'()*+,;=:@[]?#%~"


def public_url(path: str, site_url: str = "") -> str:
    """Return the address of a logical path: absolute where the site's base URL is known, else from the root.

    >>> public_url("npm/@scope/x@1.0.0/a b#c.js", "https://cdn.example.com")
    'https://cdn.example.com/npm/@scope/x@1.0.0/a%20b%23c.js'
    >>> public_url("demo/é?.css")
    '/demo/%C3%A9%3F.css'
    """
    return f"{site_url.rstrip('/')}/{_encode(path.lstrip('/'))}"


def relative_url(path: str) -> str:
    """Return an address relative to the page for a file that is not published.

    A path that leaves the working folder is no address: its last segment stands in for it.

    >>> relative_url("dist/greet.js"), relative_url("/home/me/greet.js"), relative_url("../greet.js")
    ('./dist/greet.js', './greet.js', './greet.js')
    """
    segments = [segment for segment in path.split("/") if segment not in ("", ".")]
    outside = path.startswith("/") or ".." in segments
    return f"./{_encode('/'.join(segments[-1:] if outside else segments))}"


def given_url(url: str) -> str:
    """Write a URL that a person typed without the characters that no URL may hold; escapes stay as they are.

    >>> given_url("https://cdn.example.com/a%20b c.js?v='1'")
    "https://cdn.example.com/a%20b%20c.js?v='1'"
    """
    return quote(url.strip(), safe=_GIVEN, errors="surrogateescape")


def _encode(path: str) -> str:
    return quote(path, safe=_PATH, errors="surrogateescape")

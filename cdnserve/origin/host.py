"""The Host field (RFC 9110 §7.2, RFC 9112 §3.2): exactly one, well-formed.

Never compares it with a name of ours: an origin server behind an edge is asked under many.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import AddressValueError, IPv6Address

# RFC 3986 §3.2.2 reg-name, less the comma: two Host lines that were joined must not pass for one.
_AUTHORITY = re.compile(
    r"(?:(?P<name>(?:[A-Za-z0-9._~!$&'()*+;=-]|%[0-9A-Fa-f]{2})+)|\[(?P<literal>[0-9A-Fa-f:.]+)\])(?::(?P<port>[0-9]{0,5}))?",
    re.ASCII,
)
_MAX_NAME = 255


def is_valid_host(values: Sequence[str], http_version: str) -> bool:
    """Tell whether a request's Host lines are as RFC 9112 §3.2 demands, which else is answered by 400."""
    if not values:
        # "any HTTP/1.1 request message that lacks a Host header field"; HTTP/1.0 had none.
        return http_version == "1.0"
    match = _AUTHORITY.fullmatch(values[0])
    if len(values) > 1 or not match or len(match["name"] or "") > _MAX_NAME:
        return False
    return int(match["port"] or "0") <= 65_535 and (match["literal"] is None or _is_ipv6(match["literal"]))


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True

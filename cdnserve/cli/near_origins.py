"""Origins as people type them, and the listed ones that they nearly are.

Never decides whether an origin is allowed: `CompiledPolicy.admits` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches

from cdnserve.manifest.origins import serialize_origin
from cdnserve.rules.cors import Policy

_ADDRESS = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?:[^/?#@]*@)?(?P<authority>[^/?#@\s]+)(?:[/?#@]\S*)?", re.ASCII
)
_WEB = ("http", "https")
_ALIKE = 0.85


def read_origin(text: str) -> str:
    """Give the Origin that a browser sends for pages of an address; raise ValueError, in words, where it is none.

    >>> read_origin("HTTPS://App.example.com:443/shop/"), read_origin("file:///home/me/page.html")
    ('https://app.example.com', 'null')
    """
    if text.lower() == "null" or text.lower().startswith(("file:", "data:", "about:")):
        return "null"
    found = _ADDRESS.fullmatch(text)
    if not found:
        raise ValueError(f"an origin is scheme://host: did you mean https://{text}?")
    scheme, authority = found["scheme"].lower(), found["authority"]
    return serialize_origin(f"{scheme}://{authority}") if scheme in _WEB else f"{scheme}://{authority}"


def near_misses(origin: str, policy: Policy) -> tuple[str, ...]:
    """Say which listed origins are nearly this one, and what differs.

    >>> near_misses("http://a.example", Policy("p", allow_origins=("https://a.example", "https://b.example")))
    ('the list has https://a.example: http is not https',)
    """
    if origin == "null":
        return ("browsers send null for sandboxed frames, file: and data: pages, and after some redirects",)
    found = [
        f"the list has {listed}: {', '.join(differences)}"
        for listed in policy.allow_origins
        if (differences := tuple(_differences(_split(origin), _split(listed))))
    ]
    if not found:
        alike = get_close_matches(origin, policy.allow_origins, n=1, cutoff=_ALIKE)
        found = [f"the list has {listed}, which is spelled almost alike" for listed in alike]
    return tuple(found)


def _differences(asked: tuple[str, str, str], listed: tuple[str, str, str]) -> Iterator[str]:
    host = _host_difference(asked[1], listed[1])
    if host is None:
        return
    if host:
        yield host
    if asked[0] != listed[0]:
        yield f"{asked[0]} is not {listed[0]}"
    if listed[2] not in ("*", asked[2]):
        yield f"{_port(asked[2])} is not {_port(listed[2])}"


def _host_difference(asked: str, listed: str) -> str | None:
    """Say how two hosts differ: `""` where the listed one covers the other, `None` where they are unlike."""
    if asked == listed or (listed.startswith("*.") and asked.endswith(listed[1:])):
        return ""
    if listed == f"*.{asked}":
        return f"it covers the names below {asked}, not {asked} itself"
    if asked.removeprefix("www.") == listed.removeprefix("www."):
        return f"{asked} is not {listed}"
    return None


def _port(port: str) -> str:
    return f"port {port}" if port else "the scheme's own port"


def _split(origin: str) -> tuple[str, str, str]:
    scheme, _, authority = origin.partition("://")
    if authority.endswith("]") or ":" not in authority:
        return scheme, authority, ""
    host, _, port = authority.rpartition(":")
    return scheme, host, port

"""Subresource Integrity (W3C SRI 2): hash expressions, the strongest set, matching, and what can have none."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

# Weakest first. Written in lower case always: user agents compare the name with lower-case ones, and
# treat what they don't know as no metadata at all, which means unchecked.
ALGORITHMS = ("sha256", "sha384", "sha512")
DEFAULT_ALGORITHM = "sha384"

# SRI §3.6.2: hash-with-options = hash-expression *("?" option-expression); hash-algo "-" base64-value. Where padding
# stands decides nothing here: browsers find out when they decode.
_EXPRESSION = re.compile(r"(sha256|sha384|sha512)-([A-Za-z0-9+/_=-]+)(?:\?[\x21-\x7e]*)?", re.ASCII)
_STANDARD = str.maketrans("-_", "+/")

# RFC 9110 §12.5.5: request fields that differ from one browser or person to the next.
_PERSONAL = frozenset(("*", "user-agent", "accept-language", "referer", "save-data"))
_HINTS = "sec-ch-"


@dataclass(frozen=True, slots=True)
class HashExpression:
    """One `sha384-…`: the algorithm's name and the digest's octets, `b""` for what no browser can decode.

    Only some browsers can where it is not `portable`: for its padding, which others take for an error.
    """

    algorithm: str
    digest: bytes
    portable: bool = field(default=True, compare=False)

    def __str__(self) -> str:
        """Return the expression as SRI writes it."""
        return hash_expression(self.algorithm, self.digest)


def hash_expression(algorithm: str, digest: bytes) -> str:
    """Write a digest as SRI does, in standard base64.

    >>> hash_expression("sha256", bytes(32))
    'sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='
    """
    return f"{algorithm}-{base64.b64encode(digest).decode('ascii')}"


def parse_metadata(text: str) -> tuple[HashExpression, ...]:
    """Read integrity metadata, leaving out what a user agent would ignore (SRI §3.3.3).

    >>> [str(e) for e in parse_metadata("SHA384-AAAA sha256-BBBB junk")]
    ['sha256-BBBB']
    """
    expressions = (_parse_expression(token) for token in re.split(r"[ \t\n\f\r]+", text))
    return tuple(expression for expression in expressions if expression)


def _parse_expression(token: str) -> HashExpression | None:
    match = _EXPRESSION.fullmatch(token)
    if not match:
        return None
    algorithm, value = match.groups()
    # Infra, forgiving-base64 decode: padding may be missing; where it is there, it must fill up a group of four.
    # Chromium takes any number of signs (seen in version 156), and Firefox none that Infra refuses.
    bare = value.rstrip("=")
    return HashExpression(algorithm, _decoded(bare), portable=len(value) in (len(bare), len(bare) + -len(bare) % 4))


def _decoded(bare: str) -> bytes:
    """Decode base64 without its padding; bits that no octet needs count for nothing."""
    try:
        return base64.b64decode(bare.translate(_STANDARD) + "=" * (-len(bare) % 4), validate=True)
    except binascii.Error:
        # The user agent knows the algorithm, so it demands a match that there can't be.
        return b""


def strongest(expressions: Iterable[HashExpression]) -> tuple[HashExpression, ...]:
    """Keep the expressions of the strongest algorithm: the only ones a user agent looks at (SRI §3.3.4)."""
    listed = tuple(expressions)
    best = max((ALGORITHMS.index(expression.algorithm) for expression in listed), default=None)
    return tuple(e for e in listed if ALGORITHMS.index(e.algorithm) == best)


def matches(metadata: str, digests: Mapping[str, bytes]) -> bool:
    """Return whether bytes with these digests (by algorithm) satisfy the metadata (SRI §3.3.5).

    Unlike a user agent, metadata that names no known hash matches nothing: a typing error must not pass.
    """
    return any(digests.get(e.algorithm) == e.digest for e in strongest(parse_metadata(metadata)))


def varying(vary: str, cache_control: str) -> str:
    """Return why an answer with these fields can't have integrity metadata that is right for everybody, `""` if it can.

    >>> varying("Accept-Encoding, User-Agent", ""), varying("Origin", "public, no-cache")
    ('each browser may get other bytes (Vary: User-Agent)', '')
    """
    for name in (one.strip(" \t") for one in vary.split(",")):
        if name.lower() in _PERSONAL or name.lower().startswith(_HINTS):
            return f"each browser may get other bytes (Vary: {name})"
    directives = {one.strip(" \t").lower() for one in cache_control.split(",")}
    return "the next answer may have other bytes (no-store)" if "no-store" in directives else ""


def satisfies(expression: str, integrity: str) -> bool:
    """Return whether a measured hash expression is among the strongest of integrity metadata.

    >>> satisfies("sha256-" + "A" * 43 + "=", "sha1-x sha256-" + "A" * 43 + "="), satisfies("", "")
    (True, False)
    """
    return bool(expression) and expression in map(str, strongest(parse_metadata(integrity)))

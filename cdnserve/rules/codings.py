"""Content codings (RFC 9110 §12.5.3): which representation an Accept-Encoding asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

Name = TypeVar("Name", bound=str)

# A weight in thousandths (§12.4.2). The identity coding needs no mention to be acceptable, but comes last then.
_UNMENTIONED = 0
_UNACCEPTABLE = -1

_ELEMENT = re.compile(
    r"[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*(?:;[ \t]*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)[ \t]*)?",
    re.IGNORECASE | re.ASCII,
)
# §8.4.1.3: "A recipient SHOULD consider "x-gzip" to be equivalent to "gzip"."
_ALIASES = {"x-gzip": "gzip"}


def parse_accept_encoding(value: str) -> Mapping[str, int]:
    """Read each coding's weight in thousandths, leaving malformed elements out.

    >>> parse_accept_encoding("br, GZIP;q=0.5, zstd;q=2, *;q=0")
    {'br': 1000, 'gzip': 500, '*': 0}
    """
    weights: dict[str, int] = {}
    for element in value.split(","):
        if match := _ELEMENT.fullmatch(element):
            name = match[1].lower()
            weight = 1000 if match[2] is None else round(float(match[2]) * 1000)
            name = _ALIASES.get(name, name)
            weights[name] = max(weight, weights.get(name, weight))
    return weights


def choose(accept_encoding: str | None, available: Sequence[tuple[Name, int]]) -> Name | None:
    """Choose one of `(coding, size in octets)`: the highest weight, then the smallest; `None` for 406.

    §12.5.3: "the acceptable content coding with the highest non-zero qvalue is preferred". Without the field
    any coding is acceptable, but a client that does not ask may not decode: it gets identity.

    >>> choose("gzip, br", [("identity", 90), ("br", 30), ("gzip", 40)])
    'br'
    """
    weights = {"identity": 1} if accept_encoding is None else parse_accept_encoding(accept_encoding)
    ranked = [(-_weight(name, weights), size, at) for at, (name, size) in enumerate(available)]
    best = min((rank for rank in ranked if -rank[0] != _UNACCEPTABLE), default=None)
    return None if best is None else available[best[2]][0]


def _weight(name: str, weights: Mapping[str, int]) -> int:
    listed = weights.get(name, weights.get("*"))
    if listed is None:
        return _UNMENTIONED if name == "identity" else _UNACCEPTABLE
    return listed or _UNACCEPTABLE

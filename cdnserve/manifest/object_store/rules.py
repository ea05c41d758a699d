"""One rule of an object store's CORS configuration (S3 API, CORSRule), and what its patterns cover.

Never decides which of several rules applies: a store takes the first that matches.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoreRule:
    """One rule as it is written; `number` counts from 1, `max_age` is in seconds, `None` where it says none."""

    number: int
    name: str
    origins: tuple[str, ...]
    methods: tuple[str, ...]
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age: int | None = None

    @property
    def label(self) -> str:
        """What people are told that it is.

        >>> StoreRule(2, "uploads", (), ()).label, StoreRule(1, "", (), ()).label
        ('rule 2 (uploads)', 'rule 1')
        """
        return f"rule {self.number} ({self.name})" if self.name else f"rule {self.number}"

    def covers_origin(self, origin: str) -> bool:
        """Tell whether one of its origins matches."""
        return _any_covers(self.origins, origin)

    def covers_header(self, name: str) -> bool:
        """Tell whether a request header is allowed; names are compared without case."""
        return _any_covers((pattern.lower() for pattern in self.allow_headers), name.lower())

    def exposes(self, name: str) -> bool:
        """Tell whether a response header is exposed; browsers take a `*` for all."""
        return _any_covers((pattern.lower() for pattern in self.expose_headers if _is_plain(pattern)), name.lower())


def _is_plain(pattern: str) -> bool:
    return pattern == "*" or "*" not in pattern


def _any_covers(patterns: Iterable[str], text: str) -> bool:
    return any(covers(pattern, text) for pattern in patterns)


def covers(pattern: str, text: str) -> bool:
    """Tell whether a pattern matches a whole text: `*` is any characters, also none; all else is itself.

    >>> covers("https://*.example.com", "https://a.b.example.com"), covers("*", "null"), covers("a*a", "a")
    (True, True, False)
    """
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == text
    *middle, last = rest
    if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
        return False
    start, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, start, end)
        if found < 0:
            return False
        start = found + len(part)
    return True

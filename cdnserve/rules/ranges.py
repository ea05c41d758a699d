"""Range requests (RFC 9110 §14): one byte range, or none.

Never fails a request whose range can't be understood: that is ignored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a representation: `length` octets from `start`, never empty."""

    start: int
    length: int


class Refusal(Enum):
    """A range that is understood but lies outside of the representation (§15.5.17)."""

    UNSATISFIABLE = 416


# §14.1: unit names are case-insensitive. §5.6.1.2: empty list elements are accepted and ignored.
# [0-9], not \d: digits on the wire are ASCII.
_ONE_RANGE = re.compile(r"bytes=[,\t ]*(?:([0-9]+)-([0-9]*)|-([0-9]+))[,\t ]*", re.IGNORECASE | re.ASCII)
_MAX_DIGITS = 18


def select(value: str, length: int) -> Slice | Refusal | None:
    """Return which part of `length` octets a Range asks for; `None` where the field is to be ignored.

    >>> select("bytes=0-0", 10), select("bytes=-20", 10), select("bytes=0-1, 3-4", 10), select("bytes=10-", 10)
    (Slice(start=0, length=1), Slice(start=0, length=10), None, <Refusal.UNSATISFIABLE: 416>)
    """
    match = _ONE_RANGE.fullmatch(value)
    if not match:
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        return _suffix(_number(suffix), length)
    start = _number(first)
    end = _number(last) if last else length - 1
    # §14.1.1: "An int-range is invalid if the last-pos value is present and less than first-pos."
    if last and end < start:
        return None
    # §14.1.2: "An int-range is satisfiable if first-pos is less than the current length".
    if start >= length:
        return Refusal.UNSATISFIABLE
    return Slice(start, min(end, length - 1) - start + 1)


def _suffix(wanted: int, length: int) -> Slice | Refusal | None:
    # §14.1.2: satisfiable if the suffix-length is not zero; but nothing can be sliced out of no content.
    if wanted == 0:
        return Refusal.UNSATISFIABLE
    taken = min(wanted, length)
    return Slice(length - taken, taken) if taken else None


def _number(digits: str) -> int:
    # No file is this large, and int() refuses long strings of digits.
    significant = digits.lstrip("0")
    return int(significant or "0") if len(significant) <= _MAX_DIGITS else 10**_MAX_DIGITS

"""Preconditions (RFC 9110 §13): entity tags, HTTP dates, and what a conditional request leads to.

The method and the status are not looked at: the caller evaluates only where the answer would be 2xx (§13.2.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import lru_cache

# Files of one release share few days.
_MOST_DAYS = 1024


class Outcome(Enum):
    """What the preconditions of a GET or HEAD lead to."""

    PROCEED = 200
    NOT_MODIFIED = 304
    FAILED = 412


@dataclass(frozen=True, slots=True)
class Validators:
    """The validators we hold of the selected representation; `last_modified` in seconds since 1970.

    All content codings of a file share its date, so it is a strong validator (RFC 9110 §8.8.1) of one of them at most.
    """

    etag: str
    last_modified: int | None = None
    date_is_strong: bool = True


@dataclass(frozen=True, slots=True)
class Preconditions:
    """The fields as they were asked, several lines of one joined by a comma; `None` where absent."""

    if_match: str | None = None
    if_none_match: str | None = None
    if_modified_since: str | None = None
    if_unmodified_since: str | None = None


def evaluate(asked: Preconditions, held: Validators, now: float) -> Outcome:
    """Decide in the order of RFC 9110 §13.2.2 (If-Range is `range_applies`)."""
    if asked.if_match is not None:
        if not _lists(asked.if_match, held.etag, weakly=False):
            return Outcome.FAILED
    elif _unmodified_since(asked.if_unmodified_since, held, now) is False:
        return Outcome.FAILED
    if asked.if_none_match is not None:
        # §13.1.3: "A recipient MUST ignore If-Modified-Since if the request contains an If-None-Match".
        return Outcome.NOT_MODIFIED if _lists(asked.if_none_match, held.etag, weakly=True) else Outcome.PROCEED
    if _unmodified_since(asked.if_modified_since, held, now):
        return Outcome.NOT_MODIFIED
    return Outcome.PROCEED


def range_applies(if_range: str | None, held: Validators, now: float) -> bool:
    """Return whether a Range may be honoured (RFC 9110 §13.1.5): strong comparison, or the exact date."""
    if if_range is None:
        return True
    if '"' in if_range:
        return if_range == held.etag
    date = parse_http_date(if_range, now)
    return held.date_is_strong and date is not None and date == held.last_modified


def _unmodified_since(field: str | None, held: Validators, now: float) -> bool | None:
    # §13.1.3, §13.1.4: ignored when the date is invalid or the resource has no modification date.
    if field is None or held.last_modified is None:
        return None
    date = parse_http_date(field, now)
    return None if date is None else held.last_modified <= date


# §8.8.3: entity-tag = [ weak ] opaque-tag; etagc = %x21 / %x23-7E / obs-text. Weak is case-sensitive.
_ENTITY_TAG = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_SEPARATOR = re.compile(r"[ \t]*(?:,[ \t,]*|\Z)")


def entity_tags(value: str) -> Iterator[tuple[bool, str]]:
    """Yield `(weak, opaque-tag)` of a list of entity tags, up to its end or its first malformed member.

    >>> list(entity_tags('"a", W/"b",, c'))
    [(False, '"a"'), (True, '"b"')]
    """
    # §5.6.1.2: a recipient accepts and ignores empty list elements.
    at = len(value) - len(value.lstrip(" \t,"))
    while match := _ENTITY_TAG.match(value, at):
        end = _SEPARATOR.match(value, match.end())
        if not end:
            return
        yield bool(match[1]), match[2]
        at = end.end()


def _lists(field: str, etag: str, *, weakly: bool) -> bool:
    # §8.8.3.2: our tags are strong; the weak comparison ignores a W/ of theirs, the strong one doesn't.
    if field.strip(" \t") == "*":
        return True
    return any(tag == etag and (weakly or not weak) for weak, tag in entity_tags(field))


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SHORT_DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_LONG_DAY = "(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)"
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_TIME = "(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
# §5.6.7: "A recipient that parses a timestamp value in an HTTP field MUST accept all three HTTP-date formats."
_HTTP_DATES = (
    re.compile(f"{_SHORT_DAY}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT"),
    re.compile(f"{_LONG_DAY}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT"),
    re.compile(f"{_SHORT_DAY} {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_TIME} (?P<year>[0-9]{{4}})"),
)


def parse_http_date(value: str, now: float) -> int | None:
    """Read an HTTP-date in any of its three formats; `None` where it is none. `now` settles a two-digit year.

    >>> [parse_http_date(d, 0.0) for d in ("Thu, 01 Jan 1970 00:01:00 GMT", "Thu Jan  1 00:01:00 1970", "soon")]
    [60, 60, None]
    """
    match = next((m for m in (pattern.fullmatch(value) for pattern in _HTTP_DATES) if m), None)
    if not match:
        return None
    if len(match["year"]) == 4:
        return _seconds(match, int(match["year"]))
    # §5.6.7: a date that appears to be more than 50 years in the future is the most recent one of the past.
    today = datetime.fromtimestamp(now, UTC)
    century, years = today.year - today.year % 100, int(match["year"])
    limit = today.replace(year=today.year + 50, day=min(today.day, 28)) + timedelta(days=max(today.day - 28, 0))
    candidates = (_seconds(match, century + years + shift) for shift in (100, 0, -100))
    return next((seconds for seconds in candidates if seconds is not None and seconds <= limit.timestamp()), None)


def _seconds(match: re.Match[str], year: int) -> int | None:
    month = _MONTHS.index(match["month"]) + 1
    day, hour, minute, second = (int(match[part]) for part in ("day", "hour", "minute", "second"))
    leap = second == 60  # valid in the grammar, but not to datetime
    try:
        return int(datetime(year, month, day, hour, minute, second - leap, tzinfo=UTC).timestamp()) + leap
    except ValueError:
        return None


def format_http_date(seconds: int) -> str:
    """Write an IMF-fixdate.

    >>> format_http_date(784111777)
    'Sun, 06 Nov 1994 08:49:37 GMT'
    """
    day, second = divmod(seconds, 86_400)
    return f"{_format_day(day)} {second // 3600:02}:{second // 60 % 60:02}:{second % 60:02} GMT"


@lru_cache(_MOST_DAYS)
def _format_day(day: int) -> str:
    # strftime would write the names of another locale.
    at = datetime.fromtimestamp(day * 86_400, UTC)
    return f"{_DAYS[at.weekday()]}, {at.day:02} {_MONTHS[at.month - 1]} {at.year:04}"

"""What a route below `/-/` is asked, and what it answers; how to read a target, and problem details (RFC 9457)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote, unquote_to_bytes

import msgspec

from cdnserve.origin.message import Fields, Request

BASE = "/-/"
LONGEST_TARGET = 4096
"""The octets of a path and a query that are looked at; longer ones name nothing."""
_MOST_PARAMETERS = 64
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class BadTargetError(ValueError):
    """A path or a query can't be read; its text says why."""


@dataclass(frozen=True, slots=True)
class WebRequest:
    """A request below `/-/`: its path behind that, decoded once, and its query in order; keys may come twice.

    `head` has the rest. What an answer depends on besides path and query must be among the fields that the fast lane
    tells apart, which `server/prepared` lists.
    """

    path: str
    query: tuple[tuple[str, str], ...]
    head: Request

    def values(self, name: str) -> tuple[str, ...]:
        """Return the values of a parameter, in order."""
        return tuple(value for key, value in self.query if key == name)


@dataclass(frozen=True, slots=True)
class WebContent:
    """What a route answers; the rest of the head is made for all routes alike.

    An answer with status 200 gets a strong entity tag, content codings where it is text, and `cache_control`. It is
    remembered for the release unless it is not `lasting`, as that is which depends on more than the release.
    """

    media_type: str
    body: bytes
    status: int = 200
    headers: Fields = ()
    lasting: bool = True
    cache_control: str = "no-cache"


def read_target(raw_path: bytes, query: bytes) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return a path, decoded once, without its leading slash, and the parameters of a query; raise BadTargetError.

    >>> read_target(b"/-/api/v1/libraries/%40scope%2Fx", b"q=a+b&page=2")
    ('-/api/v1/libraries/@scope/x', (('q', 'a b'), ('page', '2')))
    """
    if len(raw_path) > LONGEST_TARGET or len(query) > LONGEST_TARGET:
        raise BadTargetError(f"The address is longer than {LONGEST_TARGET} octets.")
    pairs = [pair.partition(b"=") for pair in query.split(b"&") if pair]
    if len(pairs) > _MOST_PARAMETERS:
        raise BadTargetError(f"The query has more than {_MOST_PARAMETERS} parameters.")
    decoded = tuple((_decode(key.replace(b"+", b" ")), _decode(value.replace(b"+", b" "))) for key, _, value in pairs)
    return _decode(raw_path)[1:], decoded


def _decode(octets: bytes) -> str:
    if _BAD_ESCAPE.search(octets):
        raise BadTargetError("The address has a % that begins no escape.")
    try:
        return unquote_to_bytes(octets).decode("utf-8")
    except UnicodeDecodeError:
        raise BadTargetError("The address is not UTF-8.") from None


def written_query(pairs: Sequence[tuple[str, str]]) -> str:
    """Write the parameters of a query.

    >>> written_query([("q", "a&b ü"), ("page", "2")])
    'q=a%26b%20%C3%BC&page=2'
    """
    return "&".join(f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in pairs)


class ProblemDetail(msgspec.Struct, frozen=True, kw_only=True):
    """Why there is no other answer (RFC 9457); `type` leads to its description, `hint` says what to do."""

    type: str
    title: str
    status: int
    detail: str
    hint: str = ""


PROBLEM_MEDIA_TYPE = "application/problem+json"


def problem(status: int, name: str, detail: str, hint: str = "") -> WebContent:
    """Return an answer that is a problem; `name` is its stable name, in kebab-case."""
    title = HTTPStatus(status).phrase
    value = ProblemDetail(type=f"{BASE}api/v1/#{name}", title=title, status=status, detail=detail, hint=hint)
    return WebContent(PROBLEM_MEDIA_TYPE, msgspec.json.encode(value), status)

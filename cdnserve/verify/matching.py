"""Matching: which header fields of an answer differ from those of the reply, one finding for each way to differ.

Never looks at what an edge may add: Age, Via, Date, more names in Vary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from urllib.parse import urljoin

from cdnserve.origin import Reply
from cdnserve.verify.answers import Answer

Difference = tuple[str, str]
"""The id of a finding, and what was expected and got."""

# Each field with the id of what it means when it differs; compared as a whole, but for case and space.
_PLAIN: Mapping[str, str] = MappingProxyType(
    {
        "content-type": "content-type-changed",
        "cache-control": "cache-control-changed",
        "x-content-type-options": "protection-dropped",
        "content-security-policy": "protection-dropped",
    }
)
_LONGEST = 200
_ALLOW_ORIGIN = "access-control-allow-origin"
ACCESS = "access-control-"
# Besides Access-Control-*; what an edge may add unless the reply has it.
_ALSO = ("timing-allow-origin", "cross-origin-resource-policy")


def text(reply: Reply, name: str) -> str | None:
    """Give a header of a reply as text."""
    value = reply.header(name.encode("latin-1"))
    return None if value is None else value.decode("latin-1")


def missing(reply: Reply, answer: Answer) -> frozenset[str]:
    """Give the names of headers that a reply has and an answer lacks."""
    return frozenset(name.decode("latin-1") for name, _ in reply.headers) - {name for name, _ in answer.fields}


def differences(reply: Reply, answer: Answer, asked_origins: tuple[str | None, ...]) -> Iterator[Difference]:
    """Yield how the headers differ, but for those that describe the content's coding."""
    yield from cors_differences(reply, answer, asked_origins)
    yield from vary_differences(reply, answer)
    for name, reference in _PLAIN.items():
        expected, got = text(reply, name), answer.value(name)
        if expected is not None and _members(expected) != _members(got):
            yield reference, told(name, expected, got)


def told(name: str, expected: str | None, got: str | None) -> str:
    """Say what was expected of a header, and what came; no more of it than a person reads.

    >>> told("etag", '"a"', None)
    'etag: expected "a", got none'
    """
    return f"{name}: expected {expected or 'none'}, got {shown(got or 'none')}"


def shown(value: str) -> str:
    """Cut what somebody else wrote."""
    return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"


def cookie_differences(answer: Answer) -> Iterator[Difference]:
    """Yield a difference where the answer has a cookie; we never set one, and no cache may share one."""
    if answer.values("set-cookie"):
        yield "cookie-set", "set-cookie"


def tag_differences(reply: Reply, answer: Answer) -> Iterator[Difference]:
    """Yield a difference where the entity tag is another one, or weak."""
    expected, got = text(reply, "etag"), answer.value("etag")
    if expected is not None and expected != got:
        weak = got == f"W/{expected}"
        yield "etag-weakened" if weak else "etag-changed", told("etag", expected, got)


def vary_differences(reply: Reply, answer: Answer) -> Iterator[Difference]:
    """Yield a difference where Vary lacks a name; more names are no fault."""
    expected, got = text(reply, "vary"), answer.value("vary")
    lacking = _members(expected) - _members(got)
    if lacking and "*" not in _members(got):
        yield "vary-missing", told("vary", expected, got)


def cors_differences(reply: Reply, answer: Answer, asked_origins: tuple[str | None, ...]) -> Iterator[Difference]:
    """Yield the one difference that explains what is wrong with the headers that govern other origins."""
    expected, got = text(reply, _ALLOW_ORIGIN), answer.values(_ALLOW_ORIGIN)
    if got != ((expected,) if expected else ()):
        yield _allow_origin(expected, got, asked_origins), told(_ALLOW_ORIGIN, expected, ", ".join(got))
        return
    names = {name for name, _ in answer.fields if name.startswith(ACCESS)}
    names |= {name.decode("latin-1") for name, _ in reply.headers if name.startswith(ACCESS.encode())}
    for name in (*sorted(names), *_ALSO):
        wanted, value = text(reply, name), answer.value(name)
        if wanted is None and value is not None and name not in _ALSO:
            yield "cors-added", told(name, wanted, value)
        elif wanted is not None and _members(wanted) != _members(value):
            yield "cors-changed", told(name, wanted, value)


def _allow_origin(expected: str | None, got: tuple[str, ...], asked_origins: tuple[str | None, ...]) -> str:
    if not got:
        return "cors-stripped"
    if len(got) == 1 and got[0] in asked_origins:
        return "origins-mixed"
    return "cors-added" if expected is None or len(got) > 1 else "cors-changed"


def location_differences(reply: Reply, answer: Answer, url: str) -> Iterator[Difference]:
    """Yield a difference where the redirect of a version alias leads elsewhere; it may be absolute."""
    expected, got = text(reply, "location"), answer.value("location")
    if expected is not None and (got is None or urljoin(url, got) != urljoin(url, expected)):
        yield "location-changed", told("location", expected, got)


def _members(value: str | None) -> frozenset[str]:
    # Lists and directives in any order; what is no list has one member.
    return frozenset(member.strip().lower() for member in (value or "").split(",") if member.strip())

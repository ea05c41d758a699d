"""Judging: what an answer says of the edge, held against the reply that the origin gives to the same request.

What explains an answer whole is told alone, so that one fault is one finding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import urljoin

from cdnserve.display import excerpt
from cdnserve.origin.lookup import Origin
from cdnserve.origin.message import Reply, Request, Stored
from cdnserve.origin.respond import respond
from cdnserve.release.catalog import Asset
from cdnserve.rules.codings import parse_accept_encoding
from cdnserve.verify.client import EdgeResponse, ReceivedContent
from cdnserve.verify.question import Question

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
_ALLOW_ORIGIN = "access-control-allow-origin"
ACCESS = "access-control-"
# Besides Access-Control-*; what an edge may add unless the reply has it.
_ALSO = ("timing-allow-origin", "cross-origin-resource-policy")

_REDIRECTS = (301, 302, 303, 307, 308)
_FORWARDED = "cross-origin-resource-policy"


@dataclass(slots=True)
class Knowledge:
    """What earlier answers for the same path showed.

    Content by its sha256, the header names of a 200, and whether one came in a coding that nobody asked for.
    """

    asked_origins: tuple[str | None, ...] = ()
    contents: dict[bytes, ReceivedContent] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    coding_unasked: bool = False

    def learn(self, question: Question, answer: EdgeResponse) -> None:
        """Remember what later answers are held against."""
        if question.kind == "whole" and answer.status == 200:
            self.contents[answer.content.sha256] = answer.content
            self.seen |= {name for name, _ in answer.fields}
            self.coding_unasked |= not is_acceptable(question, answer)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and its answer under `url`, with what was learned before."""

    question: Question
    answer: EdgeResponse
    url: str
    knowledge: Knowledge


def judge(exchange: Exchange, origin: Origin) -> tuple[Difference, ...]:
    """Hold an answer against what this origin replies."""
    question, answer = exchange.question, exchange.answer
    reply = respond(question.request(), origin)
    asset = origin.find(question.path).asset
    return (*cookie_differences(answer), *_judge(exchange, origin, reply, asset))


def _judge(exchange: Exchange, origin: Origin, reply: Reply, asset: Asset | None) -> Iterator[Difference]:
    question, answer = exchange.question, exchange.answer
    if question.kind == "preflight":
        yield from _preflight(reply, answer, exchange.knowledge)
    elif not is_acceptable(question, answer) and answer.coding != text(reply, "content-encoding"):
        yield "coding-unasked", told("content-encoding", text(reply, "content-encoding"), answer.coding)
    elif reply.status != answer.status:
        yield _status(exchange, reply)
    elif not isinstance(reply.body, Stored):
        yield from _plain(exchange, reply)
    elif asset is not None:
        yield from _stored(exchange, origin, reply, asset)


def _preflight(reply: Reply, answer: EdgeResponse, knowledge: Knowledge) -> Iterator[Difference]:
    both_grant = reply.status // 100 == answer.status // 100 == 2
    if not both_grant and (reply.status != answer.status or reply.body != answer.content.plain):
        yield "preflight-answered", f"expected status {reply.status}, got {answer.status} with other content"
        return
    found = list(cors_differences(reply, answer, knowledge.asked_origins))
    access = [detail for _, detail in found if detail.startswith(ACCESS)]
    if access and not _was_forwarded(reply, answer):
        yield "preflight-answered", access[0]
    else:
        yield from found
        yield from vary_differences(reply, answer)


def _was_forwarded(reply: Reply, answer: EdgeResponse) -> bool:
    # A header of ours that no edge thinks of; it stands in every reply to a preflight that is granted.
    return answer.value(_FORWARDED) == text(reply, _FORWARDED)


def _status(exchange: Exchange, reply: Reply) -> Difference:
    question, answer = exchange.question, exchange.answer
    detail = f"expected status {reply.status}, got {answer.status}"
    if answer.status in _REDIRECTS:
        return "redirected", f"{detail} to {excerpt(answer.value('location') or 'nowhere')}"
    if question.kind == "range" and answer.status == 416 and exchange.knowledge.coding_unasked:
        return "coding-unasked", f"{detail}: the range is one of another coding"
    if question.kind == "range" and answer.status == 200:
        return "range-ignored", detail
    if question.kind == "conditional" and answer.status == 200:
        return "revalidation-ignored", detail
    is_page = (answer.value("content-type") or "").lower().startswith("text/html")
    return "error-page" if is_page else "status-changed", detail


def _plain(exchange: Exchange, reply: Reply) -> Iterator[Difference]:
    """Judge answers without stored content: HEAD, 304, redirects, and lines of text."""
    question, answer, knowledge = exchange.question, exchange.answer, exchange.knowledge
    if question.kind == "absent" and answer.content.plain != reply.body:
        yield "error-page", f"expected a line of text, got {excerpt(answer.value('content-type') or 'something else')}"
        return
    if reply.status == 304:
        lacking = missing(reply, answer)
        if dropped := sorted(lacking & knowledge.seen):
            yield "not-modified-incomplete", f"it lacks {', '.join(dropped)}"
            return
        # What not even a 200 has was told of that.
        reply = Reply(304, tuple(header for header in reply.headers if header[0].decode("latin-1") not in lacking))
    yield from differences(reply, answer, knowledge.asked_origins)
    yield from tag_differences(reply, answer)
    yield from location_differences(reply, answer, exchange.url)


def _stored(exchange: Exchange, origin: Origin, reply: Reply, asset: Asset) -> Iterator[Difference]:
    question, answer = exchange.question, exchange.answer
    if answer.coding != (text(reply, "content-encoding") or "identity"):
        # An edge may serve another coding that is acceptable, as long as it is one of ours.
        reply = _in_coding(question.request(("accept-encoding", answer.coding)), origin, reply, answer)
    yield from differences(reply, answer, exchange.knowledge.asked_origins)
    if answer.status == 206:
        yield from _part(exchange, reply)
        yield from tag_differences(reply, answer)
    elif (difference := _whole(reply, answer, asset)) is not None:
        yield difference
    else:
        yield from tag_differences(reply, answer)


def _in_coding(request: Request, origin: Origin, reply: Reply, answer: EdgeResponse) -> Reply:
    other = respond(request, origin)
    has_it = other.status == reply.status and (text(other, "content-encoding") or "identity") == answer.coding
    return other if has_it else reply


def is_acceptable(question: Question, answer: EdgeResponse) -> bool:
    """Return whether an answer's content coding was asked for; identity always is."""
    weights = parse_accept_encoding(question.field("accept-encoding") or "")
    return answer.coding == "identity" or weights.get(answer.coding.removeprefix("x-"), 0) > 0


def _whole(reply: Reply, answer: EdgeResponse, asset: Asset) -> Difference | None:
    """Judge the content of a 200: the stored octets, the same file in another coding, or something else."""
    stored = reply.body
    if isinstance(stored, Stored) and answer.content.sha256 == stored.sha256:
        return None
    if answer.content.plain_sha384 == asset.sha384:
        forbidden = "no-transform" in (text(reply, "cache-control") or "")
        detail = f"asked for our {text(reply, 'content-encoding') or 'identity'}, got {answer.coding} of its own"
        return "no-transform-ignored" if forbidden else "recompressed", detail
    return "content-changed", f"expected {asset.identity.size} octets, got {answer.content.length} ({answer.coding})"


def _part(exchange: Exchange, reply: Reply) -> Iterator[Difference]:
    """Judge a 206: Content-Range, and the octets where the whole is known."""
    expected, got = text(reply, "content-range"), exchange.answer.value("content-range")
    if expected != got:
        yield "range-wrong", told("content-range", expected, got)
        return
    stored = reply.body
    if not isinstance(stored, Stored):
        return
    whole = exchange.knowledge.contents.get(stored.sha256)
    if whole and exchange.answer.content.opening != _slice(whole, stored):
        yield "range-wrong", f"other octets for {got}"


def _slice(whole: ReceivedContent, stored: Stored) -> bytes:
    end = stored.start + stored.length
    if end <= len(whole.opening):
        return whole.opening[stored.start : end]
    # Only a suffix is asked for beyond what is kept of the beginning.
    return whole.ending[len(whole.ending) - (whole.length - stored.start) :][: stored.length]


def text(reply: Reply, name: str) -> str | None:
    """Return a header of a reply as text."""
    value = reply.header(name.encode("latin-1"))
    return None if value is None else value.decode("latin-1")


def missing(reply: Reply, answer: EdgeResponse) -> frozenset[str]:
    """Return the names of headers that a reply has and an answer lacks."""
    return frozenset(name.decode("latin-1") for name, _ in reply.headers) - {name for name, _ in answer.fields}


def differences(reply: Reply, answer: EdgeResponse, asked_origins: tuple[str | None, ...]) -> Iterator[Difference]:
    """Yield how the headers differ, but for those that describe the content's coding."""
    yield from cors_differences(reply, answer, asked_origins)
    yield from vary_differences(reply, answer)
    for name, reference in _PLAIN.items():
        expected, got = text(reply, name), answer.value(name)
        if expected is not None and _members(expected) != _members(got):
            yield reference, told(name, expected, got)


def told(name: str, expected: str | None, got: str | None) -> str:
    """Return what was expected of a header, and what came; no more of it than a person reads.

    >>> told("etag", '"a"', None)
    'etag: expected "a", got none'
    """
    return f"{name}: expected {expected or 'none'}, got {excerpt(got or 'none')}"


def cookie_differences(answer: EdgeResponse) -> Iterator[Difference]:
    """Yield a difference where the answer has a cookie; we never set one, and no cache may share one."""
    if answer.values("set-cookie"):
        yield "cookie-set", "set-cookie"


def tag_differences(reply: Reply, answer: EdgeResponse) -> Iterator[Difference]:
    """Yield a difference where the entity tag is another one, or weak."""
    expected, got = text(reply, "etag"), answer.value("etag")
    if expected is not None and expected != got:
        weak = got == f"W/{expected}"
        yield "etag-weakened" if weak else "etag-changed", told("etag", expected, got)


def vary_differences(reply: Reply, answer: EdgeResponse) -> Iterator[Difference]:
    """Yield a difference where Vary lacks a name; more names are no fault."""
    expected, got = text(reply, "vary"), answer.value("vary")
    lacking = _members(expected) - _members(got)
    if lacking and "*" not in _members(got):
        yield "vary-missing", told("vary", expected, got)


def cors_differences(reply: Reply, answer: EdgeResponse, asked_origins: tuple[str | None, ...]) -> Iterator[Difference]:
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


def location_differences(reply: Reply, answer: EdgeResponse, url: str) -> Iterator[Difference]:
    """Yield a difference where the redirect of a version alias leads elsewhere; it may be absolute."""
    expected, got = text(reply, "location"), answer.value("location")
    if expected is not None and (got is None or urljoin(url, got) != urljoin(url, expected)):
        yield "location-changed", told("location", expected, got)


def _members(value: str | None) -> frozenset[str]:
    # Lists and directives in any order; what is no list has one member.
    return frozenset(member.strip().lower() for member in (value or "").split(",") if member.strip())

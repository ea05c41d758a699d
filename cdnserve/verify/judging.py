"""Judging: what an answer says of the edge, held against the reply that the origin gives to the same request.

Never guesses: what explains an answer whole is told alone, so that one fault is one finding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from cdnserve.origin import Origin, Reply, Request, Stored, respond
from cdnserve.release.catalog import Asset
from cdnserve.rules.codings import parse_accept_encoding
from cdnserve.verify.answers import Answer, Content
from cdnserve.verify.matching import (
    ACCESS,
    Difference,
    cookie_differences,
    cors_differences,
    differences,
    location_differences,
    missing,
    shown,
    tag_differences,
    text,
    told,
    vary_differences,
)
from cdnserve.verify.questions import Question

_REDIRECTS = (301, 302, 303, 307, 308)
_FORWARDED = "cross-origin-resource-policy"


@dataclass(slots=True)
class Knowledge:
    """What earlier answers for the same path showed.

    Content by its sha256, the header names of a 200, and whether one came in a coding that nobody asked for.
    """

    asked_origins: tuple[str | None, ...] = ()
    contents: dict[bytes, Content] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    coding_unasked: bool = False

    def learn(self, question: Question, answer: Answer) -> None:
        """Remember what later answers are held against."""
        if question.kind == "whole" and answer.status == 200:
            self.contents[answer.content.sha256] = answer.content
            self.seen |= {name for name, _ in answer.fields}
            self.coding_unasked |= not is_acceptable(question, answer)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and its answer under `url`, with what was learned before."""

    question: Question
    answer: Answer
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


def _preflight(reply: Reply, answer: Answer, knowledge: Knowledge) -> Iterator[Difference]:
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


def _was_forwarded(reply: Reply, answer: Answer) -> bool:
    # A header of ours that no edge thinks of; it stands in every reply to a preflight that is granted.
    return answer.value(_FORWARDED) == text(reply, _FORWARDED)


def _status(exchange: Exchange, reply: Reply) -> Difference:
    question, answer = exchange.question, exchange.answer
    detail = f"expected status {reply.status}, got {answer.status}"
    if answer.status in _REDIRECTS:
        return "redirected", f"{detail} to {shown(answer.value('location') or 'nowhere')}"
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
        yield "error-page", f"expected a line of text, got {shown(answer.value('content-type') or 'something else')}"
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


def _in_coding(request: Request, origin: Origin, reply: Reply, answer: Answer) -> Reply:
    other = respond(request, origin)
    has_it = other.status == reply.status and (text(other, "content-encoding") or "identity") == answer.coding
    return other if has_it else reply


def is_acceptable(question: Question, answer: Answer) -> bool:
    """Tell whether an answer's content coding was asked for; identity always is."""
    weights = parse_accept_encoding(question.field("accept-encoding") or "")
    return answer.coding == "identity" or weights.get(answer.coding.removeprefix("x-"), 0) > 0


def _whole(reply: Reply, answer: Answer, asset: Asset) -> Difference | None:
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


def _slice(whole: Content, stored: Stored) -> bytes:
    end = stored.start + stored.length
    if end <= len(whole.opening):
        return whole.opening[stored.start : end]
    # Only a suffix is asked for beyond what is kept of the beginning.
    return whole.ending[len(whole.ending) - (whole.length - stored.start) :][: stored.length]

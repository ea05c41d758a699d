"""Replies without a file: one line of plain text, and the headers that every status carries."""

from __future__ import annotations

from dataclasses import dataclass

from cdnserve.origin.lookup import NO_SNIFF, PublishRule
from cdnserve.origin.message import Fields, Reply, Request


@dataclass(frozen=True, slots=True)
class Line:
    """A status with its Cache-Control and one line that says why."""

    status: int
    cache_control: str
    text: str


def plain(
    request: Request, rule: PublishRule | None, line: Line, more: Fields = (), depends_on: tuple[str, ...] = ()
) -> Reply:
    """Make a reply of one line; the rule's CORS headers let scripts read its status."""
    return text_reply(line, more + cors_headers(request, rule, depends_on))


def text_reply(line: Line, more: Fields = ()) -> Reply:
    """Make a reply of one line with these headers, and no CORS headers of its own."""
    content = line.text.encode("utf-8") + b"\n"
    headers: Fields = (
        (b"content-length", b"%d" % len(content)),
        (b"content-type", b"text/plain; charset=utf-8"),
        NO_SNIFF,
        (b"cache-control", line.cache_control.encode("latin-1")),
    )
    return Reply(line.status, headers + more, content)


def cors_headers(request: Request, rule: PublishRule | None, depends_on: tuple[str, ...] = ()) -> Fields:
    """Return Vary and the rule's CORS headers; `depends_on` names what else the answer depends on."""
    if rule is None:
        return vary(depends_on)
    by_policy = rule.policy.vary_options if request.method == "OPTIONS" else rule.policy.vary
    return vary(depends_on + by_policy) + rule.policy.actual(request.value(b"origin"))


def vary(names: tuple[str, ...]) -> Fields:
    """Return a Vary field that names these (RFC 9110 §12.5.5), or nothing."""
    return ((b"vary", ", ".join(names).encode("latin-1")),) if names else ()

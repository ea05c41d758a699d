"""May this page read it? What `cdnserve explain` says of a listed file, without what is for the manifest's owner alone.

Globs of rules, origins that a policy lists and what lies on the disk stay out; an unlisted path is as one that isn't
there.
"""

from __future__ import annotations

from collections.abc import Iterable

from cdnserve.explain.explain import ExplainedExchange, PageRequest, explain, read_header, read_method
from cdnserve.explain.why_not import read_origin
from cdnserve.origin.message import Stored
from cdnserve.rules.urls import given_url
from cdnserve.web.listing import Listing
from cdnserve.web.model import HeaderLine, ShownExchange, ShownExplanation


def read_question(
    path: str, page: str, method: str, headers: Iterable[str], *, credentials: bool = False
) -> PageRequest:
    """Return the question that a person asks in texts; raise ValueError, in words, for what no page can ask.

    `path` is a logical path or an address on this host, `page` an origin or the address of a page, `""` for none;
    each of the headers is `NAME: VALUE`.
    """
    origin = read_origin(page) if page else ""
    own = tuple(read_header(text) for text in headers)
    return PageRequest(f"/{path.removeprefix('/')}", None, origin, read_method(method), own, credentials)


def explain_listed(question: PageRequest, listing: Listing) -> ShownExplanation | None:
    """Answer the question; `None` where the path is neither that of a listed file nor an alias of one."""
    raw_path = given_url(question.path).encode("ascii")
    found = listing.origin.locate(raw_path)
    asset = listing.catalog.assets.get(found.path)
    if asset is None or found.flaw or not (found.asset or found.location):
        return None
    explained = explain(question, listing.origin)
    if explained.asset is None and not explained.leads_to:
        return None
    rule = listing.catalog.rules[asset.rule]
    return ShownExplanation(
        path=found.path,
        target=explained.path,
        readable=explained.is_readable,
        origin=question.origin,
        allowed=explained.admitted.allowed if explained.admitted else None,
        reason=explained.admitted.reason if explained.admitted else "",
        preflight=explained.asks,
        blocked=explained.blocked,
        advice=explained.advice,
        notes=explained.notes,
        cors=rule.cors.name,
        cache_control=rule.cache.control,
        exchanges=tuple(map(_shown, explained.exchanges)),
    )


def _shown(exchange: ExplainedExchange) -> ShownExchange:
    request, reply = exchange.request, exchange.reply
    text = "" if isinstance(reply.body, Stored) else reply.body.decode("utf-8", "replace").rstrip("\n")
    return ShownExchange(
        request.method,
        request.raw_path.decode("ascii"),
        _lines(request.fields),
        reply.status,
        _lines(reply.headers),
        text,
    )


def _lines(fields: Iterable[tuple[bytes, bytes]]) -> tuple[HeaderLine, ...]:
    return tuple(HeaderLine(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields)

"""The one door: from the facts of a request and a compiled origin to a reply (RFC 9110, Fetch).

Never opens a file, and never raises for anything that a client sends.
"""

from __future__ import annotations

from dataclasses import replace

from cdnserve.origin import files, options
from cdnserve.origin.compiled import Found, Origin, PublishRule
from cdnserve.origin.host import is_valid_host
from cdnserve.origin.message import Reply, Request
from cdnserve.origin.paths import NoPath
from cdnserve.origin.replies import Line, plain
from cdnserve.origin.suggestions import suggest
from cdnserve.origin.tags import tag_fields
from cdnserve.rules.caching import ALIAS, NO_STORE, NOT_FOUND
from cdnserve.rules.cors import ALLOWED_METHODS


def respond(request: Request, origin: Origin) -> Reply:
    """Decide status, headers and content of the response to any request."""
    found = origin.locate(request.raw_path)
    reply = _refuse(request, found.rule) or _answer(request, origin, found)
    return _to_method(request, _tagged(reply, origin, found))


def failure(request: Request, origin: Origin, status: int, text: str) -> Reply:
    """Reply to a failure of ours (500, 503) so that whoever may read the path may read its status."""
    rule = origin.locate(request.raw_path).rule
    return _to_method(request, plain(request, rule, Line(status, NO_STORE, text)))


def _tagged(reply: Reply, origin: Origin, found: Found) -> Reply:
    """Tag what a cache may keep; whatever is purged must go with all that was said of it."""
    names = origin.catalog.site.cache_tags
    if not names or found.flaw or reply.header(b"cache-control") in (None, _NO_STORE):
        return reply
    more = tag_fields(names, found.path, is_alias=bool(found.location))
    return replace(reply, headers=reply.headers + more)


def _to_method(request: Request, reply: Reply) -> Reply:
    # RFC 9110 §9.3.2: to HEAD the same header fields as to GET, and no content.
    return replace(reply, body=b"") if request.method == "HEAD" else reply


def _refuse(request: Request, rule: PublishRule | None) -> Reply | None:
    """Refuse what no path could make right."""
    if not is_valid_host(request.values(b"host"), request.http_version):
        return plain(request, rule, Line(400, NO_STORE, "Host must stand exactly once and be well-formed."))
    if request.method not in ALLOWED_METHODS:
        return plain(request, rule, options.METHOD_UNKNOWN, (options.ALLOW,))
    return None


def _answer(request: Request, origin: Origin, found: Found) -> Reply:
    if request.method == "OPTIONS":
        if request.raw_path == b"*":
            return options.capabilities(request, None)
        # Whether a file lies there or not: the script that asks shall be able to read the 404.
        if found.rule is not None and (answer := options.preflight(request, found.rule)):
            return answer
    if found.flaw is NoPath.MALFORMED:
        return plain(request, found.rule, Line(400, NO_STORE, "The path is malformed."))
    if found.rule is None:
        return plain(request, None, Line(404, NOT_FOUND.control, _NOT_FOUND))
    if found.asset is None and not found.location:
        text = f"{_NOT_FOUND} {found.hint or suggest(found.path, origin.paths)}".rstrip()
        return plain(request, found.rule, Line(404, NOT_FOUND.control, text))
    if request.method == "OPTIONS":
        return options.capabilities(request, found.rule)
    if found.asset is None:
        return _redirect(request, found.rule, found.location)
    return files.reply(request, found.path, found.rule, found.asset, origin.clock())


def _redirect(request: Request, rule: PublishRule, location: str) -> Reply:
    # Relative, so that it stays on this host and below whatever an edge puts before all paths (RFC 9110 §10.2.2).
    line = Line(302, ALIAS.control, f"Today this address leads to {location}")
    return plain(request, rule, line, ((b"location", location.encode("ascii")),))


_NOT_FOUND = "No public file has this path."
_NO_STORE = NO_STORE.encode("ascii")

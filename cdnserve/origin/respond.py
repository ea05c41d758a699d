"""The one door: from the facts of a request and a compiled origin to a reply (RFC 9110, Fetch).

Never opens a file, and never raises for anything that a client sends.
"""

from __future__ import annotations

from dataclasses import replace

from cdnserve.origin import files, options
from cdnserve.origin.compiled import Origin, PublishRule
from cdnserve.origin.host import is_valid_host
from cdnserve.origin.message import Reply, Request
from cdnserve.origin.paths import NoPath, logical_path
from cdnserve.origin.replies import Line, plain
from cdnserve.origin.suggestions import suggest
from cdnserve.release.catalog import Asset
from cdnserve.rules.caching import NO_STORE, NOT_FOUND
from cdnserve.rules.cors import ALLOWED_METHODS


def respond(request: Request, origin: Origin) -> Reply:
    """Decide status, headers and content of the response to any request."""
    path, rule, asset = _find(request, origin)
    return _to_method(request, _refuse(request, rule) or _answer(request, origin, path, rule, asset))


def failure(request: Request, origin: Origin, status: int, text: str) -> Reply:
    """Reply to a failure of ours (500, 503) so that whoever may read the path may read its status."""
    return _to_method(request, plain(request, _find(request, origin)[1], Line(status, NO_STORE, text)))


def _to_method(request: Request, reply: Reply) -> Reply:
    # RFC 9110 §9.3.2: to HEAD the same header fields as to GET, and no content.
    return replace(reply, body=b"") if request.method == "HEAD" else reply


def _find(request: Request, origin: Origin) -> tuple[str | NoPath, PublishRule | None, Asset | None]:
    path = logical_path(request.raw_path)
    return (path, None, None) if isinstance(path, NoPath) else (path, *origin.find(path))


def _refuse(request: Request, rule: PublishRule | None) -> Reply | None:
    """Refuse what no path could make right."""
    if not is_valid_host(request.values(b"host"), request.http_version):
        return plain(request, rule, Line(400, NO_STORE, "Host must stand exactly once and be well-formed."))
    if request.method not in ALLOWED_METHODS:
        return plain(request, rule, options.METHOD_UNKNOWN, (options.ALLOW,))
    return None


def _answer(
    request: Request, origin: Origin, path: str | NoPath, rule: PublishRule | None, asset: Asset | None
) -> Reply:
    if request.method == "OPTIONS":
        if request.raw_path == b"*":
            return options.capabilities(request, None)
        # Whether a file lies there or not: the script that asks shall be able to read the 404.
        if rule is not None and (answer := options.preflight(request, rule)):
            return answer
    if path is NoPath.MALFORMED:
        return plain(request, None, Line(400, NO_STORE, "The path is malformed."))
    if isinstance(path, NoPath) or rule is None:
        return plain(request, None, Line(404, NOT_FOUND.control, _NOT_FOUND))
    if asset is None:
        text = f"{_NOT_FOUND} {suggest(path, origin.paths)}".rstrip()
        return plain(request, rule, Line(404, NOT_FOUND.control, text))
    if request.method == "OPTIONS":
        return options.capabilities(request, rule)
    return files.reply(request, path, rule, asset, origin.clock())


_NOT_FOUND = "No public file has this path."

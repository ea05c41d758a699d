"""Health: whether the process answers at all, and whether it wants requests.

Never kept by a cache, never read by a page of another origin.
"""

from __future__ import annotations

from cdnserve.origin import Reply, Request
from cdnserve.origin.host import is_valid_host
from cdnserve.origin.replies import Line, text_reply
from cdnserve.rules.caching import NO_STORE

_METHODS = ("GET", "HEAD")
_ALLOW = (b"allow", ", ".join(_METHODS).encode("ascii"))


def refused(request: Request) -> Reply | None:
    """Refuse a request that none of the server's own paths answers."""
    if not is_valid_host(request.values(b"host"), request.http_version):
        return text_reply(Line(400, NO_STORE, "Host must stand exactly once and be well-formed."))
    if request.method not in _METHODS:
        return text_reply(Line(405, NO_STORE, f"The methods here are {' and '.join(_METHODS)}."), (_ALLOW,))
    return None


def alive() -> Reply:
    """Say that the process answers."""
    return text_reply(Line(200, NO_STORE, "ok"))


def ready(release: int | None, *, draining: bool) -> Reply:
    """Say whether requests are welcome: not while the server drains, nor without a release."""
    if draining:
        return text_reply(Line(503, NO_STORE, "The server is ending."))
    if release is None:
        return text_reply(Line(503, NO_STORE, "There is no release."))
    return text_reply(Line(200, NO_STORE, f"release {release}"))

"""What edges do wrong, each alone, as a careless configuration would do it.

Never more than one thing at a time: so that each test knows the one finding that it must lead to.
"""

from __future__ import annotations

import gzip
import threading
from dataclasses import replace

from tests.verify.edge import Asked, Forward, Got, Sin

_TEXT = ("text/", "application/json")


def honest(asked: Asked, forward: Forward) -> Got:
    """Pass everything on."""
    return forward(asked)


def polite(asked: Asked, forward: Forward) -> Got:
    """Do all that an edge may: one coding for everybody, more names in Vary, directives in another order."""
    if "gzip" not in asked.fields.get("accept-encoding", ""):
        asked = Asked(asked.method, asked.target, {**asked.fields, "accept-encoding": "identity"})
    got = forward(asked)
    vary = ", ".join(filter(None, ("X-Device", got.value("vary"))))
    control = ", ".join(reversed(got.value("cache-control").split(", ")))
    return got.having(("vary", vary), *([("cache-control", control)] if control else []))


def recompressing(asked: Asked, forward: Forward) -> Got:
    """Compress what is text and comes without a content coding."""
    got = forward(asked)
    wanted = "gzip" in asked.fields.get("accept-encoding", "") and asked.method == "GET" and got.status == 200
    if not wanted or got.value("content-encoding") or not got.value("content-type").startswith(_TEXT):
        return got
    weak = f"W/{got.value('etag')}"
    vary = ", ".join(filter(None, ("Accept-Encoding", got.value("vary"))))
    fields = (("content-encoding", "gzip"), ("etag", weak), ("vary", vary))
    return replace(got.having(*fields), body=gzip.compress(got.body))


def unpacking(asked: Asked, forward: Forward) -> Got:
    """Ask for gzip on behalf of those who ask for nothing, and unpack what comes."""
    if "accept-encoding" in asked.fields or asked.method != "GET":
        return forward(asked)
    got = forward(replace(asked, fields={**asked.fields, "accept-encoding": "gzip"}))
    if got.value("content-encoding") != "gzip":
        return got
    return replace(got.without("content-encoding", "content-length"), body=gzip.decompress(got.body))


def minifying(asked: Asked, forward: Forward) -> Got:
    """Take the comments out of scripts."""
    got = forward(asked.without("accept-encoding"))
    if asked.method != "GET" or got.status != 200 or "javascript" not in got.value("content-type"):
        return forward(asked)
    lines = [line.partition(b" //")[0] for line in got.body.split(b"\n")]
    return replace(got.without("etag"), body=b"\n".join(lines))


class Cache:
    """Keeps the first answer to each GET by target, and by the fields that it takes notice of."""

    def __init__(self, *noticed: str) -> None:
        self._noticed = noticed
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, ...], Got] = {}

    def __call__(self, asked: Asked, forward: Forward) -> Got:
        """Answer from the cache."""
        if asked.method != "GET" or {"range", "if-none-match"} & asked.fields.keys():
            return forward(asked)
        key = (asked.target, *(asked.fields.get(name, "") for name in self._noticed))
        with self._lock:
            if key not in self._kept:
                self._kept[key] = forward(asked)
            return self._kept[key]


def primed(cache: Cache, origin: str | None) -> Sin:
    """Let a cache have been asked by somebody else before."""

    def sin(asked: Asked, forward: Forward) -> Got:
        if "cdnserve-verify=" not in asked.target:
            other = asked.without("origin")
            cache(replace(other, fields={**other.fields, **({"origin": origin} if origin else {})}), forward)
        return cache(asked, forward)

    return sin


def without(*names: str) -> Sin:
    """Drop fields of every answer."""
    return lambda asked, forward: forward(asked).without(*names)


def having(*fields: tuple[str, str]) -> Sin:
    """Put fields into every answer."""
    return lambda asked, forward: forward(asked).having(*fields)


def adding(*fields: tuple[str, str]) -> Sin:
    """Add lines to every answer, whether or not there are such."""

    def sin(asked: Asked, forward: Forward) -> Got:
        got = forward(asked)
        return replace(got, fields=(*got.fields, *fields))

    return sin


def stripping_cors(asked: Asked, forward: Forward) -> Got:
    """Drop every Access-Control-* field."""
    got = forward(asked)
    return got.without(*(name for name, _ in got.fields if name.startswith("access-control-")))


def dropping_origin_from_vary(asked: Asked, forward: Forward) -> Got:
    """Say that answers depend on Accept-Encoding alone."""
    return forward(asked).having(("vary", "Accept-Encoding"))


def answering_preflights(asked: Asked, forward: Forward) -> Got:
    """Answer OPTIONS as if nobody asked for anything."""
    return Got(204, (("allow", "GET, HEAD, OPTIONS"),), b"") if asked.method == "OPTIONS" else forward(asked)


def refusing_options(asked: Asked, forward: Forward) -> Got:
    """Allow GET and HEAD alone."""
    return Got(405, (("allow", "GET, HEAD"),), b"") if asked.method == "OPTIONS" else forward(asked)


def granting_preflights(asked: Asked, forward: Forward) -> Got:
    """Answer OPTIONS with a grant for everybody."""
    if asked.method != "OPTIONS":
        return forward(asked)
    return Got(200, (("access-control-allow-origin", "*"), ("access-control-allow-methods", "GET")), b"")


def ignoring_range(asked: Asked, forward: Forward) -> Got:
    """Never forward Range."""
    return forward(asked.without("range"))


def wrong_octets(asked: Asked, forward: Forward) -> Got:
    """Answer ranges with octets of the right number."""
    got = forward(asked)
    return replace(got, body=bytes(len(got.body))) if got.status == 206 else got


def ignoring_preconditions(asked: Asked, forward: Forward) -> Got:
    """Never forward If-None-Match."""
    return forward(asked.without("if-none-match"))


def bare_304(asked: Asked, forward: Forward) -> Got:
    """Answer 304 with the entity tag alone."""
    got = forward(asked)
    return Got(304, (("etag", got.value("etag")),), b"") if got.status == 304 else got


def weakening(asked: Asked, forward: Forward) -> Got:
    """Make every entity tag weak."""
    got = forward(asked)
    tag = got.value("etag")
    return got.having(("etag", f"W/{tag}")) if tag else got


def error_page(asked: Asked, forward: Forward) -> Got:
    """Replace what is said of a path that is not there."""
    got = forward(asked)
    page = (("content-type", "text/html"), ("cache-control", "no-cache"))
    return Got(404, page, b"<h1>Not here</h1>") if got.status == 404 else got


def challenge(asked: Asked, forward: Forward) -> Got:
    """Ask whoever comes to prove that they are human."""
    if asked.method == "HEAD" and "origin" not in asked.fields:
        return forward(asked)
    return Got(403, (("content-type", "text/html"),), b"<h1>Are you human?</h1>")


def to_https(asked: Asked, forward: Forward) -> Got:
    """Redirect to another scheme."""
    return Got(301, (("location", f"https://elsewhere.example{asked.target}"),), b"")


def unasked(asked: Asked, forward: Forward) -> Got:
    """Return everybody gzip where there is any."""
    return forward(Asked(asked.method, asked.target, {**asked.fields, "accept-encoding": "gzip"}))

"""What our contract and RFC 9110 promise of every response, whatever was asked; held against each one of the suite.

Never looks at the request but for its method: what depends on more stands in the tables.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from tests.contract.wire import Response

# The last two are the edge's own, for what no origin ever sees.
STATUSES = frozenset({200, 204, 206, 302, 304, 400, 403, 404, 405, 406, 412, 416, 431, 505})
NEVER_STORED = frozenset({400, 403, 405, 406, 431, 505})
ALLOW = "GET, HEAD, OPTIONS"
PREFLIGHT_ONLY = ("access-control-allow-methods", "access-control-allow-headers", "access-control-max-age")

_DAY, _MONTH = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)", "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
IMF_FIXDATE = re.compile(rf"{_DAY}, [0-3][0-9] {_MONTH} [0-9]{{4}} [0-2][0-9]:[0-5][0-9]:[0-6][0-9] GMT")
STRONG_TAG = re.compile(r'"[\x21\x23-\x7e]+"')
_SEGMENT = "(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-F]{2})+"
_BELOW = re.compile(rf"(?:\./|(?:\.\./)+){_SEGMENT}(?:/{_SEGMENT})*/?")
_PART = re.compile(r"bytes ([0-9]+)-([0-9]+)/([0-9]+)")


def violations(response: Response, method: str) -> list[str]:
    """Return every broken promise, in words; empty for a good response."""
    # A field that stands twice has no one value for the other checks to look at.
    named = [f"_names: {broken}" for broken in _names(response, method)]
    return named or [f"{check.__name__}: {broken}" for check in _CHECKS for broken in check(response, method)]


def _names(response: Response, method: str) -> Iterator[str]:
    names = [name for name, _ in response.fields]
    yield from (f"{name!r} is not in lower case" for name in names if name != name.lower())
    yield from (f"{name!r} stands more than once" for name in sorted(set(names)) if names.count(name) > 1)
    yield from (f"{name!r} has no place here" for name in ("set-cookie", "transfer-encoding") if name in names)


def _status(response: Response, method: str) -> Iterator[str]:
    if response.status not in STATUSES:
        yield f"{response.status} is none of the contract's"
    if method not in ("GET", "HEAD", "OPTIONS") and response.status not in (400, 405, 431, 505):
        yield f"{response.status} to {method}"
    if method == "HEAD" and response.status in (206, 416):
        # RFC 9110 §14.2: "GET is the only method for which range handling is defined".
        yield f"{response.status} to HEAD"


def _date(response: Response, method: str) -> Iterator[str]:
    # RFC 9110 §6.6.1: an origin server with a clock MUST generate Date in all 2xx, 3xx and 4xx responses.
    if not IMF_FIXDATE.fullmatch(response.get("date") or ""):
        yield f"Date is {response.get('date')!r}"


def _caching(response: Response, method: str) -> Iterator[str]:
    control = response.get("cache-control")
    if (control is None) != (response.status == 204):
        yield f"Cache-Control {control!r} on {response.status}"
    if response.status in NEVER_STORED and control != "no-store":
        yield f"Cache-Control {control!r} on {response.status}, not no-store"
    if "*" in response.members("vary"):
        yield "Vary: * makes every answer useless to caches"
    listed = [member.strip().lower() for member in (response.get("vary") or "").split(",")]
    if len(listed) != len(set(listed)):
        yield f"Vary names a field twice: {listed}"


def _content(response: Response, method: str) -> Iterator[str]:
    if response.status in (204, 304):
        described = {"content-type", "content-encoding", "content-range", "repr-digest"} & {
            n for n, _ in response.fields
        }
        yield from (f"{name} on {response.status} (RFC 9110 §15.4.5)" for name in sorted(described))
        return
    if response.get("x-content-type-options") != "nosniff":
        yield "content without nosniff"
    if response.get("content-type") is None:
        yield "content without Content-Type"
    # A page, on which nothing of others runs, tells who asks below /-/.
    is_page = (response.get("content-security-policy") or "").startswith("default-src 'none'; script-src 'sha384-")
    kind = "text/html; charset=utf-8" if is_page else "text/plain; charset=utf-8"
    if response.status >= 400 and response.get("content-type") != kind:
        yield f"an error as {response.get('content-type')!r}"
    if response.status >= 400 and method != "HEAD" and not response.text().strip():
        yield "an error without a word"


def _allow(response: Response, method: str) -> Iterator[str]:
    # RFC 9110 §15.5.6: "The origin server MUST generate an Allow header field in a 405 response".
    if response.status == 405 and response.get("allow") != ALLOW:
        yield f"405 with Allow {response.get('allow')!r}"


def _range(response: Response, method: str) -> Iterator[str]:
    place = response.get("content-range")
    if response.status == 206:
        match = _PART.fullmatch(place or "")
        if not match or not int(match[1]) <= int(match[2]) < int(match[3]):
            yield f"206 with Content-Range {place!r}"
        elif int(match[2]) - int(match[1]) + 1 != int(response["content-length"]):
            yield f"Content-Range {place!r} of {response['content-length']} octets"
    elif response.status == 416:
        if not re.fullmatch(r"bytes \*/[0-9]+", place or ""):
            yield f"416 with Content-Range {place!r}"
    elif place is not None:
        # RFC 9110 §14.4: it has a meaning for 206 and 416 alone.
        yield f"{response.status} with Content-Range {place!r}"


def _location(response: Response, method: str) -> Iterator[str]:
    location = response.get("location")
    if (location is not None) != (response.status == 302):
        yield f"Location {location!r} on {response.status}"
    elif location is not None and not _BELOW.fullmatch(location):
        # Relative, and of characters that RFC 3986 has in a path: no other host, no scheme, no second header.
        yield f"Location {location!r}"


def _validators(response: Response, method: str) -> Iterator[str]:
    tag = response.get("etag")
    if response.status in (200, 206, 304) and not STRONG_TAG.fullmatch(tag or ""):
        yield f"{response.status} with ETag {tag!r}"
    date = response.get("last-modified")
    if date is not None and not IMF_FIXDATE.fullmatch(date):
        yield f"Last-Modified {date!r}"


def _cors(response: Response, method: str) -> Iterator[str]:
    origin, credentials = response.get("access-control-allow-origin"), response.get("access-control-allow-credentials")
    if credentials not in (None, "true"):
        yield f"Access-Control-Allow-Credentials {credentials!r} (Fetch: only a case-sensitive true counts)"
    if origin in (None, "*") and credentials is not None:
        yield f"credentials with Access-Control-Allow-Origin {origin!r}"
    if origin == "*" and "origin" in response.members("vary"):
        yield "Vary: Origin with *, which splits every shared cache"
    if origin not in (None, "*") and "origin" not in response.members("vary"):
        yield "an echoed origin without Vary: Origin"
    if response.status != 204 and any(response.get(name) is not None for name in PREFLIGHT_ONLY):
        yield f"preflight headers on {response.status}"
    if response.status == 403 and any(name.startswith("access-control-allow") for name, _ in response.fields):
        yield "a refused preflight that grants something"


_CHECKS: tuple[Callable[[Response, str], Iterator[str]], ...] = (
    _status,
    _date,
    _caching,
    _content,
    _allow,
    _range,
    _location,
    _validators,
    _cors,
)

"""The response to any request: from its facts and a compiled origin to a reply (RFC 9110, Fetch).

Never raises for anything that a client sends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from ipaddress import AddressValueError, IPv6Address
from urllib.parse import quote

from cdnserve.manifest.model import TagField
from cdnserve.origin import files
from cdnserve.origin.aliases import read_address
from cdnserve.origin.lookup import Match, NoPath, Origin, PublishRule
from cdnserve.origin.message import Fields, Reply, Request
from cdnserve.origin.suggest import files_below, suggest
from cdnserve.origin.text_replies import Line, cors_headers, plain, text_reply, vary
from cdnserve.rules.caching import ALIAS, NO_STORE, NOT_FOUND
from cdnserve.rules.cors import ALLOWED_METHODS, Preflight, Verdict
from cdnserve.rules.semver import is_exact_version, is_package_name
from cdnserve.rules.urls import public_url

ALLOW = (b"allow", ", ".join(ALLOWED_METHODS).encode("latin-1"))
METHOD_UNKNOWN = Line(405, NO_STORE, f"The methods here are {', '.join(ALLOWED_METHODS)}.")

_NOT_FOUND = "No public file has this path."
_NO_STORE = NO_STORE.encode("ascii")


def respond(request: Request, origin: Origin) -> Reply:
    """Decide status, headers and content of the response to any request."""
    found = origin.locate(request.raw_path)
    reply = _refuse(request, found.rule) or _answer(request, origin, found)
    return _to_method(request, _tagged(reply, origin, found))


def failure(request: Request, origin: Origin, status: int, text: str) -> Reply:
    """Reply to a failure of ours (500, 503) so that whoever may read the path may read its status."""
    rule = origin.locate(request.raw_path).rule
    return _to_method(request, plain(request, rule, Line(status, NO_STORE, text)))


def _tagged(reply: Reply, origin: Origin, found: Match) -> Reply:
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
        return plain(request, rule, METHOD_UNKNOWN, (ALLOW,))
    return None


def _answer(request: Request, origin: Origin, found: Match) -> Reply:
    if request.method == "OPTIONS":
        if request.raw_path == b"*":
            return capabilities(request, None)
        # Whether a file lies there or not: the script that asks shall be able to read the 404.
        if found.rule is not None and (answer := preflight(request, found.rule)):
            return answer
    if found.flaw is NoPath.MALFORMED:
        return plain(request, found.rule, Line(400, NO_STORE, "The path is malformed."))
    if found.location and request.method != "OPTIONS":
        return _redirect(request, found.rule, found.location)
    if request.method == "OPTIONS" and (found.location or found.asset):
        return capabilities(request, found.rule)
    if found.rule is None:
        return plain(request, None, Line(404, NOT_FOUND.control, _NOT_FOUND))
    if found.asset is None:
        return plain(request, found.rule, Line(404, NOT_FOUND.control, " ".join((_NOT_FOUND, *_help(found, origin)))))
    return files.reply(request, found.path, found.rule, found.asset, origin.clock())


def _help(found: Match, origin: Origin) -> Iterator[str]:
    if said := found.hint or suggest(found.path, origin.listed_paths):
        yield said
    if origin.catalog.site.pages and files_below(found.path, origin.listed_paths):
        yield f"Its page is {public_url(f'-/folder/{found.path}/')}"


def _redirect(request: Request, rule: PublishRule | None, location: str) -> Reply:
    # Relative, so that it stays on this host and below whatever an edge puts before all paths (RFC 9110 §10.2.2).
    line = Line(302, ALIAS.control, f"Today this address leads to {location}")
    return plain(request, rule, line, ((b"location", location.encode("ascii")),))


def preflight(request: Request, rule: PublishRule) -> Reply | None:
    """Answer a CORS-preflight request by the rule alone, `None` where the request is none."""
    origin, method = request.value(b"origin"), request.value(b"access-control-request-method")
    if method is None or not rule.policy.is_preflight(origin, method):
        return None
    headers = request.value(b"access-control-request-headers")
    private_network = request.value(b"access-control-request-private-network") == "true"
    answer = rule.policy.preflight(Preflight(origin, method, headers, private_network))
    depends_on = vary(rule.policy.vary_options)
    if isinstance(answer, Verdict):
        # No Access-Control-Allow-* on a refusal: whoever reads it by hand shall not take it for a grant.
        return text_reply(Line(403, NO_STORE, f"Preflight refused: {answer.reason}."), depends_on)
    return Reply(204, depends_on + answer)


def capabilities(request: Request, rule: PublishRule | None) -> Reply:
    """Answer an OPTIONS request that is no preflight: which methods there are."""
    return Reply(204, (ALLOW, *cors_headers(request, rule)))


# RFC 3986 §3.2.2 reg-name, less the comma: two Host lines that were joined must not pass for one.
_AUTHORITY = re.compile(
    r"(?:(?P<name>(?:[A-Za-z0-9._~!$&'()*+;=-]|%[0-9A-Fa-f]{2})+)|\[(?P<literal>[0-9A-Fa-f:.]+)\])(?::(?P<port>[0-9]{0,5}))?",
    re.ASCII,
)
_MAX_NAME = 255


def is_valid_host(values: Sequence[str], http_version: str) -> bool:
    """Return whether a request's Host lines are as RFC 9112 §3.2 demands, which else is answered by 400."""
    if not values:
        # "any HTTP/1.1 request message that lacks a Host header field"; HTTP/1.0 had none.
        return http_version == "1.0"
    match = _AUTHORITY.fullmatch(values[0])
    if len(values) > 1 or not match or len(match["name"] or "") > _MAX_NAME:
        return False
    return int(match["port"] or "0") <= 65_535 and (match["literal"] is None or _is_ipv6(match["literal"]))


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True


_SEPARATORS: dict[TagField, str] = {"Cache-Tag": ",", "Surrogate-Key": " "}
# Printable ASCII without space and comma, which part tags, and without what is special in a file's name to begin with.
_SAFE = "/@!$&'()*+;=:~"
# Fastly ignores a longer one and all behind it; no file's folder has one.
_LONGEST = 1024


def tag_fields(names: Sequence[TagField], path: str, *, is_alias: bool) -> Fields:
    """Return the fields with the tags of the answer for a logical path; `path` is where an alias leads."""
    listed = tags(path, is_alias=is_alias) if names else ()
    return tuple(
        (name.lower().encode("ascii"), _SEPARATORS[name].join(listed).encode("ascii")) for name in names if listed
    )


def tags(path: str, *, is_alias: bool = False) -> tuple[str, ...]:
    """Return the tags: a library and its version, else the first folder with a slash behind it.

    An alias may lead to another version tomorrow, so it has the library's alone.

    >>> tags("npm/@scope/x@1.2.0/x.js"), tags("npm/@scope/x@1.2.0/x.js", is_alias=True)
    (('@scope/x', '@scope/x@1.2.0'), ('@scope/x',))
    >>> tags("my fonts/a.woff2"), tags("robots.txt")
    (('my%20fonts/',), ('/',))
    """
    address = read_address(path, "jsdelivr")
    if address is None or not is_package_name(address.name):
        folder, slash, _ = path.partition("/")
        tag = quote(folder, safe=_SAFE) + slash if slash else "/"
        return (tag,) if len(tag) <= _LONGEST else ()
    if is_alias or not is_exact_version(address.version or ""):
        return (address.name,)
    return (address.name, f"{address.name}@{address.version}")

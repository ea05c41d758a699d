"""An explanation: which rule decides about a path, what is answered, and what the browser makes of it.

`origin.respond` gives each answer, exactly as the server would.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path

from cdnserve.display import alike
from cdnserve.errors import Problem
from cdnserve.explain.why_not import near_misses, on_disk, reasons
from cdnserve.manifest.model import is_unlisted
from cdnserve.manifest.origins import request_header_problems
from cdnserve.markup.urls import authority, resolve, web_url
from cdnserve.origin.lookup import Match, NoPath, Origin, PublishRule, logical_path
from cdnserve.origin.message import Fields, Reply, Request
from cdnserve.origin.respond import respond
from cdnserve.origin.suggest import suggest
from cdnserve.release.catalog import Asset, Catalog
from cdnserve.rules import browser_cors
from cdnserve.rules.browser_cors import ScriptRequest
from cdnserve.rules.cors import ANY, NONE, Verdict
from cdnserve.rules.urls import given_url, is_loopback, public_url

# What browsers send over https and to this machine; --header can say another.
_ACCEPT_ENCODING = "gzip, deflate, br, zstd"


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What is asked: a request that a script of some page would make; `origin` is `""` where none is given.

    Without a `root` the disk has no say. `warnings` are the build's: they say of some files why they were left out.
    """

    path: str
    root: Path | None
    origin: str = ""
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    credentials: bool = False
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class ExplainedExchange:
    """A request and the reply to it."""

    request: Request
    reply: Reply


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that is known; `unlisted` says why the path is not public, `blocked` why the browser blocks.

    `leads_to` is the logical path that the address stands for, where it is not the file's own.
    `asks` says why the browser sends a CORS-preflight request first; its exchange is the first one then.
    `advice` says what in the manifest would let the page read.
    """

    path: str
    rule: PublishRule | None
    asset: Asset | None
    exchanges: tuple[ExplainedExchange, ...]
    unlisted: tuple[str, ...] = ()
    admitted: Verdict | None = None
    near: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    blocked: str = ""
    advice: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    leads_to: str = ""

    @property
    def is_readable(self) -> bool:
        """Return whether the browser gets the file and lets the page read it."""
        return not self.blocked and self.exchanges[-1].reply.status < 400


_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# The browser writes these by itself in the CORS-preflight request.
_PREFLIGHT = "access-control-request-"


def read_method(text: str) -> str:
    """Return a method as it is; raise ValueError, in words, for what is none."""
    if not _TOKEN.fullmatch(text):
        raise ValueError("a method is one word: GET, PUT")
    return text


def read_header(text: str) -> tuple[str, str]:
    """Read the header of a page's own request, `NAME: VALUE`; raise ValueError, in words."""
    name, colon, value = text.partition(":")
    if not colon or not _TOKEN.fullmatch(name):
        raise ValueError("a header is 'NAME: VALUE'")
    if not _VALUE.fullmatch(value):
        raise ValueError(f"the value of {name} has characters that no header has")
    if name.lower() == "origin":
        raise ValueError("say the page's origin as such, not as a header")
    if name.lower().startswith(_PREFLIGHT):
        raise ValueError("the browser asks by itself: say method and headers of the page's own request")
    return name, value.strip(" \t")


def explain(question: PageRequest, origin: Origin) -> Explanation:
    """Answer the question from a compiled origin."""
    raw_path = _named(question, origin)
    found = origin.locate(raw_path)
    rule = found.rule
    is_public = _is_public(found)
    path = logical_path(raw_path)
    exchanges, blocked = _exchanges(question, raw_path, origin)
    return Explanation(
        path=raw_path.decode("ascii"),
        rule=rule,
        asset=found.asset,
        exchanges=exchanges,
        unlisted=() if is_public else tuple(_unlisted(path, found, origin, question)),
        admitted=rule.policy.admits(question.origin) if rule and question.origin else None,
        near=_near(question.origin, rule),
        asks=browser_cors.preflight_reasons(_script_request(question)) if question.origin else (),
        blocked=blocked,
        advice=tuple(_advice(_script_request(question), rule)) if blocked and rule else (),
        notes=tuple(_notes(question, origin, rule)),
        leads_to=found.path if is_public and found.path != path else "",
    )


def _named(question: PageRequest, origin: Origin) -> bytes:
    """Return the path that a browser asks for; NAME[@VERSION][/PATH] of a hosted library names it, too."""
    raw_path = request_path(question.path, origin.catalog, question.root)
    library = b"/npm" + raw_path
    is_address = question.path.startswith("/") or "://" in question.path
    if is_address or _is_public(origin.locate(raw_path)) or not _is_public(origin.locate(library)):
        return raw_path
    return library


def _is_public(found: Match) -> bool:
    return bool(found.asset or found.location)


def request_path(text: str, catalog: Catalog, root: Path | None) -> bytes:
    """Return the path that a browser asks for: of a logical path, a URL, or a file below the root."""
    public, path, base = catalog.assets, text.removeprefix("/"), f"{catalog.site.url}/"
    if url := _url(text, catalog):
        path = url.removeprefix(base) if url.startswith(base) else url.partition("://")[2].partition("/")[2]
    elif path not in public:
        below = _below(root, text, public) if root else ""
        path = below or path.replace("\\", "/").removeprefix("/" * text.startswith("\\"))
    if not url and path in public:
        return public_url(path).encode("ascii")
    return given_url(f"/{re.split('[?#]', path, maxsplit=1)[0]}").encode("ascii")


def _url(text: str, catalog: Catalog) -> str:
    """Return the URL that a browser takes a text for, `""` for a path; without a scheme it must be the site's."""
    if web_url(text):
        return resolve("", text)
    is_ours = text.startswith("//") and authority(text) == authority(catalog.site.url)
    return resolve(catalog.site.url, text) if is_ours else ""


def _below(root: Path, text: str, public: Container[str]) -> str:
    """Return the logical path of a public file that was named by its place on the disk, `""` where it is none."""
    try:
        path = Path(text).resolve().relative_to(root.resolve()).as_posix()
    except (ValueError, OSError):
        return ""
    return path if path in public else ""


def _exchanges(question: PageRequest, raw_path: bytes, origin: Origin) -> tuple[tuple[ExplainedExchange, ...], str]:
    """Ask as the browser would; return what was exchanged and why it was blocked."""
    script, page = _script_request(question), question.origin
    actual = Request(script.method, raw_path, _sent(question, origin))
    if not page or page == _site_origin(origin):
        return (ExplainedExchange(actual, respond(actual, origin)),), ""
    first: tuple[ExplainedExchange, ...] = ()
    if browser_cors.preflight_reasons(script):
        asked = Request("OPTIONS", raw_path, (actual.fields[0], *browser_cors.preflight_headers(script)))
        answer = respond(asked, origin)
        first = (ExplainedExchange(asked, answer),)
        if blocked := browser_cors.blocks_after_preflight(script, answer.status, answer.headers):
            return first, blocked
    reply = respond(actual, origin)
    return (*first, ExplainedExchange(actual, reply)), browser_cors.blocks_response(script, reply.headers)


def _sent(question: PageRequest, origin: Origin) -> Fields:
    """Return the fields of the actual request, Host first; a same-origin GET has no Origin."""
    fields = {"host": origin.catalog.site.url.partition("://")[2].partition("/")[0] or "localhost"}
    fields["accept-encoding"] = _ACCEPT_ENCODING
    if question.origin and question.origin != _site_origin(origin):
        fields["origin"] = question.origin
    fields |= {name.lower(): value for name, value in question.headers}
    return tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in fields.items())


def _script_request(question: PageRequest) -> ScriptRequest:
    # What no script can set, the browser sends by itself and never asks for.
    own = tuple((name, value) for name, value in question.headers if not is_forbidden(name))
    return ScriptRequest(question.origin, browser_cors.normalize_method(question.method), own, question.credentials)


def is_forbidden(name: str) -> bool:
    """Return whether a request header is one that no script can set (Fetch §2.2.2)."""
    return any(problem.reference == "header-forbidden" for problem in request_header_problems(name))


def _unlisted(path: str | NoPath, found: Match, origin: Origin, question: PageRequest) -> Iterator[str]:
    if isinstance(path, NoPath):
        malformed = path is NoPath.MALFORMED
        yield "the path is malformed" if malformed else "the path is not in normal form, so it is never a file's"
        return
    if found.rule is None:
        yield from reasons(path, origin.catalog.rules)
    if root := question.root:
        yield from on_disk(path, root)
        if found.rule is None and not is_unlisted(path) and (root / path).is_file():
            yield "to publish it, write a [[publish]] rule whose path matches it"
    elif found.rule:
        yield "the release has no such file"
    yield from (warning.message for warning in question.warnings if warning.where == path)
    if near := found.hint or suggest(found.path, origin.paths) or _library_near(path, origin):
        yield near


def _library_near(path: str, origin: Origin) -> str:
    """Return which hosted library has nearly the name that was said for a path, `""` for none."""
    named = path.removeprefix("npm/")
    name, _, rest = named[1:].partition("@")
    folders = (folder.removeprefix("npm/") for folder in origin.catalog.packages if folder.startswith("npm/"))
    libraries = {folder.rpartition("@")[0] for folder in folders}
    near = alike(named[:1] + name, libraries) if "/" not in rest else []
    return f"Did you mean {near[0]}? That is a hosted library" if near else ""


def _near(page: str, rule: PublishRule | None) -> tuple[str, ...]:
    if not page or rule is None or not rule.policy.is_allow_list or rule.policy.admits(page).allowed:
        return ()
    return near_misses(page, rule.policy.policy)


def _advice(asked: ScriptRequest, rule: PublishRule) -> Iterator[str]:
    policy = rule.policy.policy
    if not rule.policy.is_allow_list:
        if policy.name == NONE.name:
            yield f'give the rule at manifest.toml:{rule.rule.line} cors = "any", or a policy that lists the origin'
        return
    table = f"of [cors.{policy.name}]"
    if not rule.policy.admits(asked.origin).allowed:
        null = asked.origin == "null"
        yield f"set allow-null-origin = true {table}" if null else f'add "{asked.origin}" to allow-origins {table}'
    if asked.credentials and not policy.allow_credentials:
        yield f"set allow-credentials = true {table}"
    if browser_cors.preflight_reasons(asked):
        if asked.method not in policy.allow_methods:
            yield f'add "{asked.method}" to allow-methods {table}'
        listed = {name.lower() for name in policy.allow_headers}
        missing = [name for name in browser_cors.unsafe_header_names(asked.headers) if not {name, "*"} & listed]
        yield from (f'add "{name}" to allow-headers {table}' for name in missing)


def _notes(question: PageRequest, origin: Origin, rule: PublishRule | None) -> Iterator[str]:
    yield from (
        f"{name}: no script can set this header; it is sent as if the browser had set it"
        for name, _ in question.headers
        if is_forbidden(name)
    )
    if rule and "unencoded" in rule.rule.digests:
        yield "Unencoded-Digest: Chromium fails HEAD, prefetches and opaque fetches of coded files, and streams none"
    site = _site_origin(origin)
    if question.origin and question.origin == site:
        yield "this is the site's own origin: its pages need no CORS to read"
    elif question.origin.startswith("https:") and site.startswith("http:") and not is_loopback(_host(site)):
        yield f"mixed content: browsers block what an https page asks of {site}, whatever CORS allows"
    if rule and question.credentials and rule.policy.name == ANY.name:
        yield 'cors = "any" never covers credentials: fetch without them, or list the origins'
    if rule and question.origin not in ("", site) and rule.policy.name == NONE.name:
        yield "Cross-Origin-Resource-Policy: same-origin also stops tags of other sites that have no crossorigin"


def _site_origin(origin: Origin) -> str:
    scheme, separator, rest = origin.catalog.site.url.partition("://")
    return scheme + separator + rest.partition("/")[0]


def _host(serialized: str) -> str:
    authority = serialized.partition("://")[2]
    return authority.partition("]")[0] + "]" if authority.startswith("[") else authority.partition(":")[0]

"""References: where a page points to other hosts (HTML Standard §4.12.1, §4.2.4, import maps)."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from cdnserve.cdns.registry import cdn_of, find_addresses
from cdnserve.markup.json_positions import Text, places
from cdnserve.markup.loads import base_of, inline_imports
from cdnserve.markup.tag import Attribute, Page, Span, Tag, is_module, template_at
from cdnserve.markup.urls import authority, clean, resolve

Role = Literal["script", "style", "preload", "import", "inline", "hint", "other", "unknown"]
"""What for: `inline` is imported by a module in the page, `hint` opens a connection and loads nothing, `other` is what
can't be rewritten, and where the `unknown` leads only a template knows."""

_HINTS = frozenset({"preconnect", "dns-prefetch"})
_PRELOADS = frozenset({"preload", "modulepreload"})
_LOADED_AS = frozenset({"", "font", "script", "style"})
_DATA = frozenset({"application/ld+json", "speculationrules"})
# What stands before an address, as far as it must be looked at.
_LOOK_BACK = 256
_IN_STYLE = re.compile(r"(?:(?P<sheet>@import)[\s\"'(a-z]{0,16}|url\([\s\"']{0,16})\Z", re.IGNORECASE)
_IN_ATTRIBUTE = re.compile(r"\s(?:on[a-z]+|srcdoc|data-[a-z-]+)\s*=\s*(?:\"[^\"]*|'[^']*)\Z", re.IGNORECASE)
_IN_TAG = re.compile(r"<(?:script|link)\b[^<]*\b(?:src|href)\s*=\s*[\"']?\Z", re.IGNORECASE)
_IMPORT = re.compile(r"\b(?:from|import)\s*(?:\(\s*)?[\"'`]\Z")
_FILE = re.compile(r"[^?#]+\.(?:[cm]?js|css|woff2?|[ot]tf|eot)(?:[?#]|\Z)", re.IGNORECASE)

IN_SCRIPT = "it stands in a script's own text"
IN_STYLE = "it stands in a stylesheet's own text"
IN_DATA = "it stands in text that scripts read"
IN_CODE = "it stands in the code of a template"
IN_KEY = "it is a key of the import map, which only the CDN's own modules would meet"
NO_JSON = "the import map is not valid JSON, so browsers ignore it"
TEMPLATED_MAP = "a template writes the import map"
NO_SCRIPT = "browsers load nothing for a script of this type"
IN_SVG = "browsers check no integrity for scripts of SVG"
IN_POLICY = "a Content Security Policy of the page allows this CDN; it must allow the site's own URL"
NOT_LOADED = "its link neither loads a stylesheet nor preloads anything"
IN_AMP = "an AMP page may load stylesheets from a few hosts only, and this is one of them"
TEMPLATED = "a template writes a part of the address"
MAP_LATE = "its script imports it, and an import map would have to stand before all modules"
MAP_IN_POLICY = "its script imports it, and the page's Content Security Policy would have to allow an import map"
MAP_ELSEWHERE = "its script imports it, and the import map of a part of a page stands elsewhere"

_AMP = "cdn.ampproject.org"


@dataclass(frozen=True, slots=True)
class Reference:
    """One address on another host.

    `span` is the attribute's value or the string of the import map, with its quotes. `tag` is `None` for what stands
    in no tag. `integrity` is what the page says already, and `specifier` what an import map gives the address to.
    `reason` says why this place can't be rewritten.
    """

    url: str
    role: Role
    line: int
    span: Span
    tag: Tag | None = None
    integrity: str = ""
    reason: str = ""
    specifier: str = ""


def find_references(page: Page, own: Collection[str] = ()) -> tuple[Reference, ...]:
    """Find every address that leads to another host than one's `own`, in the order of the page.

    Images, media, frames and links to follow are none of them.
    """
    imported: defaultdict[int, set[str]] = defaultdict(set)
    for tag, specifier in inline_imports(page):
        imported[tag.start].add(specifier)
    led, why = (carried(page), _no_map(page)) if imported else (frozenset[str](), "")
    finder = _Finder(page, base_of(page), frozenset(own), imported, led, why)
    found = [reference for tag in page.tags for reference in _of_tag(tag, finder)]
    if any(tag.name == "script" and authority(tag.value("src") or "") == _AMP for tag in page.tags):
        found = [replace(one, reason=one.reason or IN_AMP) if one.role == "style" else one for one in found]
    found += _in_rest(finder, {reference.span for reference in found})
    return tuple(sorted(found, key=lambda reference: reference.span))


def names_of(page: Page) -> frozenset[str]:
    """Return the specifiers that the page's import maps know."""
    maps = (_import_map(tag, page) for tag in page.tags if tag.is_import_map)
    return frozenset(text.path[1] for texts in maps for text in texts or () if text.is_key and _is_name(text.path))


def first_module(page: Page) -> Tag | None:
    """Return the first tag that loads or holds a module, before which an import map must stand."""
    return next((tag for tag in page.tags if is_module(tag)), None)


@dataclass(frozen=True, slots=True)
class _Finder:
    """A page, the address that its others are relative to, and the hosts that are its own.

    `imported` is what the module scripts in it import, by where they begin; `led` of that has another address already,
    and `no_map` says why no import map can lead it elsewhere.
    """

    page: Page
    base: str
    own: Collection[str]
    imported: Mapping[int, Collection[str]]
    led: Collection[str]
    no_map: str

    def elsewhere(self, written: str) -> str:
        """Return an address that leads to another host, `""` for all others."""
        resolved = resolve(self.base, written)
        host, scheme = authority(resolved), resolved.partition("//")[0].lower()
        if not host or host in self.own or scheme not in ("", "http:", "https:"):
            return ""
        # People know it as they wrote it, if that says where it leads.
        return written.strip() if authority(clean(written)) else resolved

    def in_template(self, written: str) -> Role | None:
        """Return the role of an address that a template writes a part of, `None` where it leads to no other host."""
        before = written[: template_at(written)].strip()
        if not before or before.endswith("//"):
            return "unknown"
        return "other" if self.elsewhere(before) else None


def _is_name(path: tuple[str, ...]) -> bool:
    return len(path) == 2 and path[0] == "imports"


def _of_tag(tag: Tag, finder: _Finder) -> Iterator[Reference]:
    if tag.is_import_map:
        yield from _in_import_map(tag, finder)
    elif tag.name == "script":
        yield from _of_script(tag, finder)
    elif tag.name == "svg:script":
        for name in ("href", "xlink:href"):
            yield from _at(tag, tag.attribute(name), "other", finder, IN_SVG)
    elif tag.name == "link":
        yield from _of_link(tag, finder)
    elif _is_policy(tag):
        yield from _of_policy(tag)


def _of_script(tag: Tag, finder: _Finder) -> Iterator[Reference]:
    is_script = tag.script_type != ""
    if source := tag.attribute("src"):
        yield from _at(tag, source, "script" if is_script else "other", finder, "" if is_script else NO_SCRIPT)
    elif tag.content and (tag.value("type") or "").strip().lower() not in _DATA:
        yield from _in_text(tag, tag.content, finder, IN_SCRIPT if is_script else IN_DATA)


def _of_link(tag: Tag, finder: _Finder) -> Iterator[Reference]:
    relations = set((tag.value("rel") or "").lower().split())
    href, kind = tag.attribute("href"), (tag.value("as") or "").strip().lower()
    is_known = href is not None and bool(cdn_of(resolve(finder.base, href.value)))
    if "stylesheet" in relations:
        yield from _at(tag, href, "style", finder)
    elif relations & _PRELOADS and (is_known or "modulepreload" in relations or kind in _LOADED_AS):
        yield from _at(tag, href, "style" if kind == "style" else "preload", finder)
    elif relations & _HINTS and is_known:
        yield from _at(tag, href, "hint", finder)
    elif is_known or ("prefetch" in relations and href and _FILE.match(href.value)):
        yield from _at(tag, href, "other", finder, NOT_LOADED)


def _of_policy(tag: Tag) -> Iterator[Reference]:
    content = tag.attribute("content")
    for source in dict.fromkeys(re.split(r"[\s;,]+", content.value)) if content else ():
        # CSP 3 §2.3.1: a host-source may have no scheme.
        if content and content.value_span and cdn_of(source if "//" in source else f"//{source}"):
            yield Reference(source, "other", tag.line, content.value_span, tag, reason=IN_POLICY)


def _at(tag: Tag, attribute: Attribute | None, role: Role, finder: _Finder, reason: str = "") -> Iterator[Reference]:
    if not attribute or not attribute.value_span:
        return
    if template_at(attribute.value) is not None:
        if known := finder.in_template(attribute.value):
            yield Reference(attribute.value.strip(), known, tag.line, attribute.value_span, tag, reason=TEMPLATED)
    elif url := finder.elsewhere(attribute.value):
        yield Reference(url, role, tag.line, attribute.value_span, tag, tag.value("integrity") or "", reason)


def _in_import_map(tag: Tag, finder: _Finder) -> Iterator[Reference]:
    page, start = finder.page, tag.content[0] if tag.content else tag.end
    texts = _import_map(tag, page)
    if texts is None:
        yield from _in_text(tag, tag.content or (start, start), finder, _no_json(tag, page))
        return
    checked = {
        resolve(finder.base, text.path[1]): text.value
        for text in texts
        if not text.is_key and len(text.path) == 2 and text.path[0] == "integrity"
    }
    for text in texts:
        if _is_address(text) and (url := finder.elsewhere(text.value)):
            place = (start + text.span[0], start + text.span[1])
            line, integrity = page.line(place[0]), checked.get(resolve(finder.base, text.value), "")
            if text.is_key:
                yield Reference(url, "other", line, place, tag, reason=IN_KEY)
            elif template_at(text.value) is not None:
                yield Reference(url, "other", line, place, tag, reason=TEMPLATED)
            else:
                yield Reference(url, "import", line, place, tag, integrity, specifier=text.path[-1])


def _is_address(text: Text) -> bool:
    """Return whether a string is an address that is imported, or a scope, which is compared with importers."""
    if text.is_key:
        return len(text.path) == 2 and text.path[0] == "scopes"
    # A name without a slash in front is no address.
    is_url_like = ":" in text.value or text.value.startswith(("/", "./", "../"))
    return is_url_like and len(text.path) == {"imports": 2, "scopes": 3}.get(text.path[0])


def _import_map(tag: Tag, page: Page) -> list[Text] | None:
    """Return the strings of an import map, `None` where it is no JSON."""
    try:
        return places(page.content(tag)).texts
    except ValueError:
        return None


def _no_json(tag: Tag, page: Page) -> str:
    return NO_JSON if template_at(page.content(tag)) is None else TEMPLATED_MAP


def carried(page: Page) -> frozenset[str]:
    """Return the addresses that the page's import map leads elsewhere: who imports one gets another."""
    base = base_of(page)
    maps = [tag for tag in page.tags if tag.is_import_map and not tag.inert]
    texts = (text for tag in maps[:1] for text in _import_map(tag, page) or ())
    names = (text.path[1] for text in texts if text.is_key and _is_name(text.path))
    return frozenset(resolve(base, name) for name in names if authority(resolve(base, name)))


def _no_map(page: Page) -> str:
    """Return why no import map can lead what the page's modules import elsewhere, `""` where one can."""
    first = first_module(page)
    maps = [tag for tag in page.tags if tag.is_import_map and not tag.inert]
    if any(_is_policy(tag) for tag in page.tags):
        return MAP_IN_POLICY
    if not maps and page.is_part:
        return MAP_ELSEWHERE
    if maps and (maps[0].attribute("src") or _import_map(maps[0], page) is None):
        return _no_json(maps[0], page)
    is_late = first is not None and bool(maps) and first.start < maps[0].start
    return MAP_LATE if is_late or first is None else ""


def _is_policy(tag: Tag) -> bool:
    return tag.name == "meta" and (tag.value("http-equiv") or "").strip().lower() == "content-security-policy"


def _in_text(tag: Tag, span: Span, finder: _Finder, reason: str) -> Iterator[Reference]:
    """Find addresses in a script: what a module imports by itself, and all that looks like a file that it loads."""
    page = finder.page
    imported = finder.imported.get(tag.start, ())
    for start, end, url in find_addresses(page.text[slice(*span)]):
        place = (span[0] + start, span[0] + end)
        before = page.text[max(place[0] - _LOOK_BACK, span[0]) : place[0]]
        is_import = bool(_IMPORT.search(before))
        if not finder.elsewhere(url) or not (is_import or _is_loaded(url, before)):
            continue
        line = page.line(place[0])
        if template_at(page.text[place[0] : place[1] + 2]) is not None:
            yield Reference(url, "other", line, place, reason=TEMPLATED)
        elif not is_import or url not in imported:
            yield Reference(url, "other", line, place, reason=reason)
        elif resolve(finder.base, url) not in finder.led:
            yield Reference(url, "inline", line, place, tag, reason=finder.no_map, specifier=url)
    near = (one for one in sorted(imported) if one.startswith(("./", "../", "/")) and not one.startswith("//"))
    for url in filter(None, map(finder.elsewhere, near)):
        yield Reference(url, "other", tag.line, span, reason=reason)


def _is_loaded(url: str, before: str) -> bool:
    """Return whether an address in a text looks like a file that is loaded."""
    # `//a.js` is a comment as well as an address.
    return bool(cdn_of(url)) or (
        bool(_FILE.match(url)) and (not url.startswith("//") or before[-1:] in ("'", '"', "("))
    )


def _in_rest(finder: _Finder, found: Collection[Span]) -> Iterator[Reference]:
    """Find what stands neither in a script nor in an attribute that browsers load from: styles, handlers, code.

    What stands in a comment is nothing.
    """
    page = finder.page
    scripts = sorted(tag.content for tag in page.tags if tag.name == "script" and tag.content)
    values, comments = sorted(_values(page)), list(_comments(page.text, scripts))
    told = [span for span in values if span in found]
    for start, end, url in find_addresses(page.text):
        in_code = _is_inside(start, page.code)
        passive = told if in_code else values
        is_done = _is_inside(start, scripts) or _is_inside(start, passive)
        if is_done or (_is_inside(start, comments) and not in_code) or not finder.elsewhere(url):
            continue
        before = page.text[max(start - _LOOK_BACK, 0) : start]
        if reason := _reason_of_rest(url, before, page, in_code=in_code):
            is_templated = not in_code and template_at(page.text[start : end + 2]) is not None
            yield Reference(url, "other", page.line(start), (start, end), reason=TEMPLATED if is_templated else reason)


def _reason_of_rest(url: str, before: str, page: Page, *, in_code: bool) -> str:
    if in_code:
        return IN_CODE if _is_loaded(url, before) else ""
    if style := _IN_STYLE.search(before):
        return IN_STYLE if style["sheet"] or cdn_of(url) or _FILE.match(url) else ""
    if _FILE.match(url) and _IN_ATTRIBUTE.search(before):
        return IN_DATA
    return IN_CODE if page.code and _FILE.match(url) and _IN_TAG.search(before) else ""


def _values(page: Page) -> Iterator[Span]:
    """Yield the attributes that were looked at."""
    for tag in page.tags:
        for attribute in tag.attributes:
            if attribute.value_span and attribute.name in ("src", "href", "xlink:href", "content", "integrity"):
                yield attribute.value_span


def _is_inside(at: int, spans: Sequence[Span]) -> bool:
    """Return whether an offset lies in one of several spans, which are sorted and don't overlap."""
    before = bisect_left(spans, (at + 1, 0))
    return before > 0 and at < spans[before - 1][1]


def _comments(text: str, scripts: Sequence[Span]) -> Iterator[Span]:
    """Yield the comments; in a script, their signs mean nothing."""
    start = text.find("<!--")
    while start >= 0:
        if _is_inside(start, scripts):
            start = text.find("<!--", start + 1)
            continue
        end = text.find("-->", start)
        if end < 0:
            return
        yield start, end
        start = text.find("<!--", end)

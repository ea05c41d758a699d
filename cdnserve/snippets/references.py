"""References: where a page points to a public CDN (HTML Standard §4.12.1, §4.2.4, import maps).

Never says what an address stands for, only where it is and what the page uses it for.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from cdnserve.rules.public_cdns import cdn_of, find_addresses
from cdnserve.snippets.json_places import Text, places
from cdnserve.snippets.pages.tag import Attribute, Page, Span, Tag
from cdnserve.snippets.pages.urls import authority

Role = Literal["script", "style", "preload", "import", "hint", "other"]
"""What for: `hint` opens a connection and loads nothing, `other` is what can't be rewritten."""

_HINTS = frozenset({"preconnect", "dns-prefetch"})
_PRELOADS = frozenset({"preload", "modulepreload"})
_IN_STYLE = re.compile(r"(?:@import|url\()[\s\"'(a-z]{0,16}\Z", re.IGNORECASE)

IN_SCRIPT = "it stands in a script's own text"
IN_STYLE = "it stands in a stylesheet's own text"
IN_KEY = "it is a key of the import map, which only the CDN's own modules would meet"
NO_JSON = "the import map is not valid JSON, so browsers ignore it"
NO_SCRIPT = "browsers load nothing for a script of this type"
IN_SVG = "browsers check no integrity for scripts of SVG"
IN_POLICY = "a Content Security Policy of the page allows this CDN; it must allow the site's own URL"
NOT_LOADED = "its link neither loads a stylesheet nor preloads anything"
IN_AMP = "an AMP page may load stylesheets from a few hosts only, and this is one of them"

_AMP = "cdn.ampproject.org"


@dataclass(frozen=True, slots=True)
class Reference:
    """One address on a public CDN.

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


def find_references(page: Page) -> tuple[Reference, ...]:
    """Find every address on a public CDN, in the order of the page."""
    found = [reference for tag in page.tags for reference in _of_tag(tag, page)]
    if any(tag.name == "script" and authority(tag.value("src") or "") == _AMP for tag in page.tags):
        found = [replace(one, reason=one.reason or IN_AMP) if one.role == "style" else one for one in found]
    found += _in_styles(page)
    return tuple(sorted(found, key=lambda reference: reference.span))


def names_of(page: Page) -> frozenset[str]:
    """Give the specifiers that the page's import maps know."""
    maps = (_import_map(tag, page) for tag in page.tags if tag.is_import_map)
    return frozenset(text.path[1] for texts in maps for text in texts if text.is_key and _is_name(text.path))


def _is_name(path: tuple[str, ...]) -> bool:
    return len(path) == 2 and path[0] == "imports"


def _of_tag(tag: Tag, page: Page) -> Iterator[Reference]:
    if tag.is_import_map:
        yield from _in_import_map(tag, page)
    elif tag.name == "script":
        yield from _of_script(tag, page)
    elif tag.name == "svg:script":
        for name in ("href", "xlink:href"):
            yield from _at(tag, tag.attribute(name), "other", IN_SVG)
    elif tag.name == "link":
        yield from _of_link(tag)
    elif tag.name == "meta" and (tag.value("http-equiv") or "").strip().lower() == "content-security-policy":
        yield from _of_policy(tag)


def _of_script(tag: Tag, page: Page) -> Iterator[Reference]:
    is_script = tag.script_type != ""
    if source := tag.attribute("src"):
        yield from _at(tag, source, "script" if is_script else "other", "" if is_script else NO_SCRIPT)
    elif is_script and tag.content:
        yield from _in_text(page, tag.content, IN_SCRIPT)


def _of_link(tag: Tag) -> Iterator[Reference]:
    relations = set((tag.value("rel") or "").lower().split())
    href = tag.attribute("href")
    if "stylesheet" in relations:
        yield from _at(tag, href, "style")
    elif relations & _PRELOADS:
        is_style = (tag.value("as") or "").strip().lower() == "style"
        yield from _at(tag, href, "style" if is_style else "preload")
    elif relations & _HINTS:
        yield from _at(tag, href, "hint")
    else:
        yield from _at(tag, href, "other", NOT_LOADED)


def _of_policy(tag: Tag) -> Iterator[Reference]:
    content = tag.attribute("content")
    for source in dict.fromkeys(re.split(r"[\s;,]+", content.value)) if content else ():
        # CSP 3 §2.3.1: a host-source may have no scheme.
        if content and content.value_span and cdn_of(source if "//" in source else f"//{source}"):
            yield Reference(source, "other", tag.line, content.value_span, tag, reason=IN_POLICY)


def _at(tag: Tag, attribute: Attribute | None, role: Role, reason: str = "") -> Iterator[Reference]:
    if attribute and attribute.value_span and cdn_of(attribute.value):
        url = attribute.value.strip()
        yield Reference(url, role, tag.line, attribute.value_span, tag, tag.value("integrity") or "", reason)


def _in_import_map(tag: Tag, page: Page) -> Iterator[Reference]:
    start = tag.content[0] if tag.content else tag.end
    try:
        texts = places(page.content(tag)).texts
    except ValueError:
        yield from _in_text(page, tag.content or (start, start), NO_JSON)
        return
    checked = {text.path[1]: text.value for text in texts if not text.is_key and text.path[0] == "integrity"}
    for text in texts:
        if _is_address(text) and cdn_of(text.value):
            place = (start + text.span[0], start + text.span[1])
            line, integrity = page.line(place[0]), checked.get(text.value, "")
            if text.is_key:
                yield Reference(text.value, "other", line, place, tag, reason=IN_KEY)
            else:
                yield Reference(text.value, "import", line, place, tag, integrity, specifier=text.path[-1])


def _is_address(text: Text) -> bool:
    """Tell whether a string is an address that is imported, or a key that is compared with one."""
    depth = {"imports": 2, "scopes": 3}.get(text.path[0])
    return len(text.path) == depth or (text.is_key and depth == 3 and len(text.path) == 2)


def _import_map(tag: Tag, page: Page) -> list[Text]:
    try:
        return places(page.content(tag)).texts
    except ValueError:
        return []


def _in_styles(page: Page) -> Iterator[Reference]:
    """Find what stylesheets in the page import; what only looks like one stands in a comment."""
    tags = [(tag.start, tag.content[1] if tag.content else tag.end) for tag in page.tags]
    comments = list(_comments(page.text))
    for at, url in find_addresses(page.text):
        is_style = _IN_STYLE.search(page.text[max(at - 32, 0) : at])
        if is_style and not _is_inside(at, tags) and not _is_inside(at, comments):
            yield Reference(url, "other", page.line(at), (at, at + len(url)), reason=IN_STYLE)


def _is_inside(at: int, spans: Sequence[Span]) -> bool:
    """Tell whether an offset lies in one of several spans, which are sorted and don't overlap."""
    before = bisect_left(spans, (at + 1, 0))
    return before > 0 and at < spans[before - 1][1]


def _comments(text: str) -> Iterator[Span]:
    start = text.find("<!--")
    while start >= 0 and (end := text.find("-->", start)) >= 0:
        yield start, end
        start = text.find("<!--", end)


def _in_text(page: Page, span: Span, reason: str) -> Iterator[Reference]:
    for at, url in find_addresses(page.text[slice(*span)]):
        place = span[0] + at
        yield Reference(url, "other", page.line(place), (place, place + len(url)), reason=reason)

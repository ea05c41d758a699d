"""Loads (HTML Standard §4.2.4, §4.12.1): what the tags of a page fetch, and how each fetch is checked.

Never judges: a load is what the page says, with its addresses resolved.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from cdnserve.snippets.pages.inline import inline_imports
from cdnserve.snippets.pages.mapped import Map, below_prefix, read_map
from cdnserve.snippets.pages.tag import Page, Part, Tag, template_at
from cdnserve.snippets.pages.urls import origin, resolve

Use = Literal["script", "module", "style", "modulepreload", "preload", "mapped", "folder", "svg", "other"]

_CHECKED_PRELOADS = ("script", "style")


@dataclass(frozen=True, slots=True)
class Load:
    """One fetch; `written` is the address in the page and `url` where it leads, relative if that is not known.

    `destination` is what a preload is for (`as`). `integrity` is `None` where the page has none; where it stands in
    an import map, `by_map` says so. `crossorigin` is `""` where the page says nothing. A `folder` is an import map's
    prefix, and `mapped` one of its modules, or one that an inline module script imports. `part` is where the address
    stands in an import map.
    """

    tag: Tag
    use: Use
    written: str
    url: str
    integrity: str | None = None
    crossorigin: Literal["", "anonymous", "use-credentials"] = ""
    destination: str = ""
    by_map: bool = False
    part: Part | None = None

    @property
    def is_checked(self) -> bool:
        """Tell whether browsers compare what comes with integrity metadata."""
        preload = self.use == "preload" and self.destination in _CHECKED_PRELOADS
        return preload or self.use in ("script", "module", "style", "modulepreload", "mapped")

    @property
    def is_templated(self) -> bool:
        """Tell whether a template writes a part of it, so that nobody knows yet what it will be."""
        return any(template_at(text) is not None for text in (self.written, self.integrity or ""))

    @property
    def needs_crossorigin(self) -> bool:
        """Tell whether the fetch is a CORS request only if the tag has `crossorigin`."""
        return self.use in ("script", "style", "preload")


@dataclass(frozen=True, slots=True)
class Loads:
    """All that a page loads, and its import maps, in the order of the page."""

    page: Page
    base: str
    every: tuple[Load, ...]
    maps: tuple[Map, ...]


def loads(page: Page, url: str = "") -> Loads:
    """Find what a page loads; `url` is where the page itself is served, `""` where that is not known."""
    base = base_of(page, url)
    maps = tuple(read_map(page, tag, base) for tag in page.tags if tag.is_import_map and not tag.inert)
    found = [load for tag in page.tags for load in _of_tag(tag, base)]
    found += [load for one in maps for load in _of_map(one, base)]
    by_url: Mapping[str, str] = {url: value for one in reversed(maps) for url, value in one.integrity.items()}
    found += _imported(page, base, maps, {load.url for load in found if load.use == "mapped"})
    every = sorted((_completed(load, by_url) for load in found), key=lambda load: load.tag.start)
    return Loads(page, base, tuple(every), maps)


def base_of(page: Page, url: str = "") -> str:
    """Give the address that those of a page are relative to, `""` where that is not known."""
    # "The first base element with an href attribute, in tree order."
    hrefs = (tag.value("href") for tag in page.tags if tag.name == "base" and not tag.inert)
    href = next((href for href in hrefs if href is not None), None)
    return url if href is None else resolve(url, href)


def _completed(load: Load, by_url: Mapping[str, str]) -> Load:
    # "If el does not have an integrity attribute, then … resolving a module integrity metadata."
    if load.use in ("module", "modulepreload", "mapped") and load.integrity is None and load.url in by_url:
        return replace(load, integrity=by_url[load.url], by_map=True)
    return load


def _of_tag(tag: Tag, base: str) -> Iterator[Load]:
    if tag.name == "link":
        yield from _of_link(tag, base)
    elif tag.name == "script":
        yield from _of_script(tag, base)
    elif tag.name == "svg:script":
        written = tag.value("href") or tag.value("xlink:href") or ""
        yield from [_load(tag, "svg", written, base)] if written.strip() else []


def _of_script(tag: Tag, base: str) -> Iterator[Load]:
    written, kind = tag.value("src"), tag.script_type
    if kind in ("script", "module") and written and written.strip():
        yield _load(tag, kind, written, base)
    elif written is None and tag.value("integrity") and not tag.is_import_map:
        yield _load(tag, "other", "", base)


def _of_link(tag: Tag, base: str) -> Iterator[Load]:
    relations, written = (tag.value("rel") or "").lower().split(), tag.value("href") or ""
    if not written.strip():
        return
    if "stylesheet" in relations:
        yield _load(tag, "style", written, base)
    elif "modulepreload" in relations:
        yield _load(tag, "modulepreload", written, base)
    elif "preload" in relations:
        yield replace(_load(tag, "preload", written, base), destination=(tag.value("as") or "").strip().lower())
    elif tag.value("integrity"):
        yield _load(tag, "other", written, base)


def _load(tag: Tag, use: Use, written: str, base: str) -> Load:
    said = tag.value("crossorigin")
    # An empty or unknown value is the same as anonymous.
    credentials = said is not None and said.lower() == "use-credentials"
    crossorigin: Literal["", "anonymous", "use-credentials"] = "use-credentials" if credentials else "anonymous"
    integrity = tag.value("integrity") if use != "svg" else None
    return Load(tag, use, written, resolve(base, written), integrity, crossorigin if said is not None else "")


def _of_map(one: Map, base: str) -> Iterator[Load]:
    known = {url: url for url in one.integrity} | {resolve(base, written): written for written in one.addresses}
    checked = sorted(one.integrity)
    for url, written in known.items():
        at = bisect_left(checked, url)
        if not url.endswith("/"):
            yield Load(one.tag, "mapped", written, url, one.integrity.get(url), by_map=True, part=one.parts.get(url))
        elif at == len(checked) or not checked[at].startswith(url):
            yield Load(one.tag, "folder", written, url, by_map=True, part=one.parts.get(url))


def _imported(page: Page, base: str, maps: Sequence[Map], known: Collection[str]) -> Iterator[Load]:
    """Give what inline module scripts import by a URL, or below a prefix of an import map, of other origins."""
    prefixes = {prefix: url for one in reversed(maps) for prefix, url in one.prefixes.items()}
    led = {written: url for one in reversed(maps) for written, url in one.led.items()}
    for tag, specifier in inline_imports(page):
        is_url = ":" in specifier or specifier.startswith("//")
        url = resolve(base, specifier) if is_url else below_prefix(specifier, prefixes)
        url = led.get(url, url)
        if origin(url) and url not in known:
            yield Load(tag, "mapped", specifier, url, by_map=True)

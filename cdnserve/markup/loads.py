"""Loads (HTML Standard §4.2.4, §4.12.1): what the tags of a page fetch, and how each fetch is checked."""

from __future__ import annotations

import contextlib
import json
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from cdnserve.markup.json_positions import places
from cdnserve.markup.tag import Page, Part, Tag, template_at
from cdnserve.markup.urls import origin, resolve
from cdnserve.modules.imports import Imports, read_imports

_KEYS = ("imports", "scopes", "integrity")
_RELATIVE = ("/", "./", "../")

_LONGEST = 1024  # characters of a specifier
_CHECKED_PRELOADS = ("script", "style")

Use = Literal["script", "module", "style", "modulepreload", "preload", "mapped", "folder", "svg", "other"]


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
        """Return whether browsers compare what comes with integrity metadata."""
        preload = self.use == "preload" and self.destination in _CHECKED_PRELOADS
        return preload or self.use in ("script", "module", "style", "modulepreload", "mapped")

    @property
    def is_templated(self) -> bool:
        """Return whether a template writes a part of it, so that nobody knows yet what it will be."""
        return any(template_at(text) is not None for text in (self.written, self.integrity or ""))

    @property
    def needs_crossorigin(self) -> bool:
        """Return whether the fetch is a CORS request only if the tag has `crossorigin`."""
        return self.use in ("script", "style", "preload")


@dataclass(frozen=True, slots=True)
class Map:
    """One import map: addresses as they are written, integrity metadata by URL, and what browsers ignore of it.

    `prefixes` are the specifiers of `imports` that end in a slash, with the URL that they stand for, and `led` those
    that are URLs themselves; `parts` the places of addresses, by URL.
    """

    tag: Tag
    addresses: tuple[str, ...] = ()
    integrity: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    prefixes: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, Part] = field(default_factory=dict)
    led: Mapping[str, str] = field(default_factory=dict)


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
    """Return the address that those of a page are relative to, `""` where that is not known."""
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
    """Yield what inline module scripts import by a URL, or below a prefix of an import map, of other origins."""
    prefixes = {prefix: url for one in reversed(maps) for prefix, url in one.prefixes.items()}
    led = {written: url for one in reversed(maps) for written, url in one.led.items()}
    for tag, specifier in inline_imports(page):
        is_url = ":" in specifier or specifier.startswith("//")
        url = resolve(base, specifier) if is_url else below_prefix(specifier, prefixes)
        url = led.get(url, url)
        if origin(url) and url not in known:
            yield Load(tag, "mapped", specifier, url, by_map=True)


def inline_imports(page: Page) -> Iterator[tuple[Tag, str]]:
    """Yield the specifiers that inline module scripts import, each with the script's tag.

    >>> from cdnserve.markup.parser import scan
    >>> page = scan("<script type=module>import a from 'a'; import('https://b.example/b.js')</script>")
    >>> [specifier for _, specifier in inline_imports(page)]
    ['a', 'https://b.example/b.js']
    """
    for tag, found in _inline_modules(page):
        yield from ((tag, one) for one in found.static + found.dynamic if len(one) <= _LONGEST)


def unread(page: Page) -> Iterator[tuple[Tag, Part]]:
    """Yield the module scripts that can't be read to their end, and where that begins; none of templates."""
    for tag, found in _inline_modules(page) if not page.code else ():
        if found.flaw is not None and tag.content:
            at = tag.content[0] + found.flaw
            yield tag, Part(at, *page.lines.place(at), page.text[at : at + 1])


def _inline_modules(page: Page) -> Iterator[tuple[Tag, Imports]]:
    for tag in page.tags:
        content = page.content(tag) if tag.is_module and not tag.attribute("src") else ""
        if "import" in content or "from" in content:
            yield tag, read_imports(content)


def read_map(page: Page, tag: Tag, base: str) -> Map:
    """Read an import map as browsers do: what is wrong in a part leaves out that part."""
    faults: list[str] = []
    if tag.attribute("src"):
        return Map(tag, faults=("an import map must stand in the page; browsers take none from src",))
    try:
        value = json.loads(page.content(tag))
    except (ValueError, RecursionError):
        return Map(tag, faults=() if template_at(page.content(tag)) is not None else ("it is not JSON",))
    if not isinstance(value, dict):
        return Map(tag, faults=("it is not a JSON object",))
    parts = {key: _table(value, key, faults) for key in _KEYS}
    scopes = [_table(parts["scopes"], scope, faults) for scope in parts["scopes"]]
    addresses = [one for table in (parts["imports"], *scopes) for one in _addresses(table, faults)]
    integrity = {resolve(base, url): value for url, value in parts["integrity"].items() if isinstance(value, str)}
    faults += [f"{key} is no key of an import map" for key in value if key not in _KEYS]
    imports = [(key, url) for key, url in parts["imports"].items() if isinstance(url, str)]
    prefixes = {key: resolve(base, url) for key, url in imports if key.endswith("/") and url.endswith("/")}
    # "Normalizing a specifier key": one that is like a URL is compared as a URL.
    led = {resolve(base, key): resolve(base, url) for key, url in imports if ":" in key or key.startswith(_RELATIVE)}
    return Map(tag, tuple(dict.fromkeys(addresses)), integrity, tuple(faults), prefixes, _parts(page, tag, base), led)


def _parts(page: Page, tag: Tag, base: str) -> dict[str, Part]:
    """Return the first place of each address, and of each URL that integrity metadata is for."""
    found: dict[str, Part] = {}
    text, start = page.content(tag), tag.content[0] if tag.content else tag.end
    with contextlib.suppress(ValueError):
        for one in places(text).texts:
            if one.is_key == (one.path[0] == "integrity"):
                at = start + one.span[0]
                found.setdefault(resolve(base, one.value), Part(at, *page.lines.place(at), text[slice(*one.span)]))
    return found


def _table(value: Mapping[str, object], key: str, faults: list[str]) -> dict[str, object]:
    table = value.get(key, {})
    if isinstance(table, dict):
        return table
    faults.append(f"{key} is not a JSON object")
    return {}


def _addresses(table: Mapping[str, object], faults: list[str]) -> Iterator[str]:
    for specifier, address in table.items():
        if isinstance(address, str) and template_at(address) is not None:
            yield address
        elif not isinstance(address, str) or not (address.startswith(_RELATIVE) or ":" in address):
            faults.append(f"the address of {specifier} is neither absolute nor does it begin with /, ./ or ../")
        elif specifier.endswith("/") and not address.endswith("/"):
            faults.append(f"{specifier} ends with a slash, and so must its address")
        elif origin(address) or address.startswith(_RELATIVE):
            yield address


def below_prefix(specifier: str, prefixes: Mapping[str, str]) -> str:
    """Return the URL of a specifier that begins with a prefix, the longest one, `""` of any other.

    >>> below_prefix("lit/a/b.js", {"lit/": "https://cdn.example/lit@3.0.0/"})
    'https://cdn.example/lit@3.0.0/a/b.js'
    """
    ends = [at + 1 for at, character in enumerate(specifier) if character == "/"]
    found = next((specifier[:end] for end in reversed(ends) if specifier[:end] in prefixes), "")
    return resolve(prefixes[found], specifier.removeprefix(found)) if found else ""

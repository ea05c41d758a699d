"""Checks of the page as a whole: what its tags say of each other.

Never looks at one load alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from cdnserve.snippets.pages.finding import Finding
from cdnserve.snippets.pages.loads import Load, Loads
from cdnserve.snippets.pages.tag import Tag

_USES = {"script": ("script",), "style": ("style",), "modulepreload": ("module", "mapped")}


def preloads(loads: Loads) -> Iterator[Finding]:
    """Check that a preload has the integrity metadata of its use."""
    used: dict[str, list[Load]] = {}
    for load in loads.every:
        used.setdefault(load.url, []).append(load)
    for load in loads.every:
        if load.use in ("preload", "modulepreload") and not load.by_map and not load.is_templated:
            uses = _USES.get(load.destination or load.use, ())
            other = next((use for use in used[load.url] if use.use in uses and not _same(use, load)), None)
            if other:
                yield _mismatch(load, other)


def _same(one: Load, other: Load) -> bool:
    return (one.integrity or "").split() == (other.integrity or "").split()


def _mismatch(load: Load, use: Load) -> Finding:
    place = f"line {use.tag.line}, column {use.tag.column}"
    said = f"has {use.integrity}" if use.integrity else "has no integrity"
    message = f"its use ({place}) {said}, so the browser fetches it twice or uses it unchecked"
    return Finding("preload-mismatch", load.tag, load.url, message, "give both the same integrity")


def maps(loads: Loads) -> Iterator[Finding]:
    """Check that a page has one import map that browsers can read, before all modules."""
    for one in loads.maps:
        for fault in one.faults:
            yield Finding("import-map-invalid", one.tag, "", fault)
    for one in loads.maps[1:]:
        message = "there is an import map before it; browsers without support for several ignore this one"
        yield Finding("import-map-repeated", one.tag, "", message, "put all of it into one")
    first = next((tag for tag in loads.page.tags if is_module(tag)), None)
    for one in loads.maps[:1]:
        if first and first.start < one.tag.start:
            message = f"a module comes before it, in line {first.line}; some browsers ignore the map then"
            yield Finding("import-map-late", one.tag, "", message, "put it before all modules")


def is_module(tag: Tag) -> bool:
    """Tell whether a tag loads or holds a module."""
    if tag.inert:
        return False
    if tag.name == "link":
        return "modulepreload" in (tag.value("rel") or "").lower().split()
    return tag.is_module

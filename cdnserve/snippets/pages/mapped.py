"""Import maps in a page (HTML Standard §8.1.5): the addresses and the integrity metadata that they hold.

Never looks at modules: which of them imports what is not known here.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from cdnserve.snippets.json_places import places
from cdnserve.snippets.pages.tag import Page, Part, Tag, template_at
from cdnserve.snippets.pages.urls import origin, resolve

_KEYS = ("imports", "scopes", "integrity")
_RELATIVE = ("/", "./", "../")


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


def below_prefix(specifier: str, prefixes: Mapping[str, str]) -> str:
    """Give the URL of a specifier that begins with a prefix, the longest one, `""` of any other.

    >>> below_prefix("lit/a/b.js", {"lit/": "https://cdn.example/lit@3.0.0/"})
    'https://cdn.example/lit@3.0.0/a/b.js'
    """
    ends = [at + 1 for at, character in enumerate(specifier) if character == "/"]
    found = next((specifier[:end] for end in reversed(ends) if specifier[:end] in prefixes), "")
    return resolve(prefixes[found], specifier.removeprefix(found)) if found else ""


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
    """Give the first place of each address, and of each URL that integrity metadata is for."""
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

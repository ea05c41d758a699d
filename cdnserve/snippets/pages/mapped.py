"""Import maps in a page (HTML Standard §8.1.5): the addresses and the integrity metadata that they hold.

Never resolves a specifier: which module imports what is not looked at.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from cdnserve.snippets.pages.tag import Tag
from cdnserve.snippets.pages.urls import origin, resolve

_KEYS = ("imports", "scopes", "integrity")
_RELATIVE = ("/", "./", "../")


@dataclass(frozen=True, slots=True)
class Map:
    """One import map: addresses as they are written, integrity metadata by URL, and what browsers ignore of it."""

    tag: Tag
    addresses: tuple[str, ...] = ()
    integrity: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[str, ...] = ()


def read_map(tag: Tag, text: str, base: str) -> Map:
    """Read an import map as browsers do: what is wrong in a part leaves out that part."""
    faults: list[str] = []
    if tag.attribute("src"):
        return Map(tag, faults=("an import map must stand in the page; browsers take none from src",))
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return Map(tag, faults=("it is not JSON",))
    if not isinstance(value, dict):
        return Map(tag, faults=("it is not a JSON object",))
    parts = {key: _table(value, key, faults) for key in _KEYS}
    scopes = [_table(parts["scopes"], scope, faults) for scope in parts["scopes"]]
    addresses = [one for table in (parts["imports"], *scopes) for one in _addresses(table, faults)]
    integrity = {resolve(base, url): value for url, value in parts["integrity"].items() if isinstance(value, str)}
    faults += [f"{key} is no key of an import map" for key in value if key not in _KEYS]
    return Map(tag, tuple(dict.fromkeys(addresses)), integrity, tuple(faults))


def _table(value: Mapping[str, object], key: str, faults: list[str]) -> dict[str, object]:
    table = value.get(key, {})
    if isinstance(table, dict):
        return table
    faults.append(f"{key} is not a JSON object")
    return {}


def _addresses(table: Mapping[str, object], faults: list[str]) -> Iterator[str]:
    for specifier, address in table.items():
        if not isinstance(address, str) or not (address.startswith(_RELATIVE) or ":" in address):
            faults.append(f"the address of {specifier} is neither absolute nor does it begin with /, ./ or ../")
        elif specifier.endswith("/") and not address.endswith("/"):
            faults.append(f"{specifier} ends with a slash, and so must its address")
        elif origin(address) or address.startswith(_RELATIVE):
            yield address

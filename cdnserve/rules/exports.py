"""Exports (Node.js, "Modules: packages"): which file `exports` and `imports` of a package.json mean for a browser.

Never returns a file outside of the package.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

# The order is the package's own: "Within the "exports" object, key order is significant."
CONDITIONS = frozenset({"browser", "import", "module", "default"})
"""The conditions that hold for an ES module in a browser."""
FOR_NODE = CONDITIONS | {"node", "require"}
"""The conditions that hold somewhere: what only these find is not for a browser, or no ES module."""

_DEEPEST = 32
_LONGEST = 1024
# As it is, or as Node.js would decode it.
_FORBIDDEN = re.compile(r"(?:^|[\\/])(?:|(?:\.|%2e){1,2}|node_modules)(?=[\\/]|\Z)|%2f|%5c", re.IGNORECASE)
_INDEX = re.compile(r"0|[1-9][0-9]*")


class Refused(Enum):
    """Why there is no file; the value is said to people."""

    UNKNOWN = "its package.json exports no such path"
    EXCLUDED = "its package.json excludes this path (null)"
    INVALID = "its package.json maps this path to what is no file of the package"


@dataclass(frozen=True, slots=True)
class _Search:
    """What is looked for: under which conditions, and whether the targets may be other packages (`imports`)."""

    conditions: frozenset[str]
    is_internal: bool = False


def exported(exports: object, subpath: str, conditions: frozenset[str] = CONDITIONS) -> str | Refused:
    """Return the file, relative to the package, that `exports` gives for a subpath (`.` or `./…`).

    >>> exported({".": {"import": "./a.mjs", "default": "./a.js"}, "./*": "./lib/*.js"}, "./x/y")
    'lib/x/y.js'
    >>> exported({"./*": "./*", "./private/*": None}, "./private/x")
    <Refused.EXCLUDED: 'its package.json excludes this path (null)'>
    """
    dotted = [key.startswith(".") for key in exports] if isinstance(exports, Mapping) else [False]
    if any(dotted) and not all(dotted):
        return Refused.INVALID
    table = exports if isinstance(exports, Mapping) and all(dotted) else {".": exports}
    return _file(_matched(table, subpath, _Search(conditions)))


def internal(imports: object, specifier: str) -> str | Refused:
    """Return what `imports` gives for a `#name`: a file as `./…`, or a bare specifier of another package.

    >>> internal({"#dep": {"node": "x", "default": "./dep.js"}, "#other": "other"}, "#dep")
    './dep.js'
    """
    if not isinstance(imports, Mapping) or specifier == "#" or specifier.startswith("#/"):
        return Refused.UNKNOWN
    return _file(_matched(imports, specifier, _Search(CONDITIONS, is_internal=True)), keep_dot=True)


def _file(target: str | Refused | None, *, keep_dot: bool = False) -> str | Refused:
    if target is None:
        return Refused.UNKNOWN
    return target.removeprefix("./") if isinstance(target, str) and not keep_dot else target


def _matched(table: Mapping[str, object], key: str, search: _Search) -> str | Refused | None:
    if key in table and "*" not in key and not key.endswith("/"):
        return _target(table[key], None, search, 0)
    for pattern in sorted((one for one in table if one.count("*") == 1), key=_precedence):
        base, _, trailer = pattern.partition("*")
        fits = key.startswith(base) and key != base and key.endswith(trailer) and len(key) >= len(pattern)
        if fits:
            return _target(table[pattern], key[len(base) : len(key) - len(trailer)], search, 0)
    return None


def _precedence(pattern: str) -> tuple[int, int]:
    # PATTERN_KEY_COMPARE: the longer text before the *, then the longer pattern.
    return -pattern.index("*"), -len(pattern)


def _target(target: object, matched: str | None, search: _Search, depth: int) -> str | Refused | None:
    """Resolve a target; `None` where no condition holds, so that the next key may have its turn."""
    if depth > _DEEPEST:
        return Refused.INVALID
    if isinstance(target, str):
        return _path(target, matched, search)
    if isinstance(target, Mapping):
        if any(_INDEX.fullmatch(key) for key in target):
            return Refused.INVALID
        inner = (_target(target[key], matched, search, depth + 1) for key in target if key in search.conditions)
        return next((found for found in inner if found is not None), None)
    if isinstance(target, list):
        return _fallback(_target(one, matched, search, depth + 1) for one in target)
    return Refused.EXCLUDED if target is None else Refused.INVALID


def _fallback(found: Iterator[str | Refused | None]) -> str | Refused | None:
    last: Refused | None = Refused.EXCLUDED
    for one in found:
        if isinstance(one, str):
            return one
        last = one
    return last


def _path(target: str, matched: str | None, search: _Search) -> str | Refused:
    if len(target) > _LONGEST:
        return Refused.INVALID
    written = target if matched is None else target.replace("*", matched)
    if not target.startswith("./"):
        is_bare = search.is_internal and not target.startswith(("../", "/")) and ":" not in target
        return written if is_bare else Refused.INVALID
    # The pattern's match is checked with the rest: it comes from a specifier.
    return Refused.INVALID if _FORBIDDEN.search(written[2:]) or written == "./" else written

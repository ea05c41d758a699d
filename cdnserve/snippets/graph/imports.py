"""Imports (ECMAScript §16.2.2, §13.3.10): what a JavaScript file imports, by a real parser of the language.

Never runs the source, and never guesses a specifier that is computed: such an import is only counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import tree_sitter_javascript
from tree_sitter import Language, Node, Parser, Query, QueryCursor

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_DECLARATIONS = ("import_statement", "export_statement")
_ANYWHERE = """
    (call_expression function: (import) arguments: (arguments) @dynamic)
    (meta_property) @meta
    (member_expression object: (identifier) @object property: (property_identifier) @property
        (#eq? @object "process") (#eq? @property "env"))
"""
_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(\r\n|.))", re.DOTALL)
_LAST_CODE_POINT = 0x10FFFF


@dataclass(frozen=True, slots=True)
class Imports:
    """What one file imports, specifiers in their order, each once.

    `static` load before the file runs, `dynamic` are `import("…")`. `computed` counts the `import(…)` whose specifier
    only the running program knows. `is_module` is false for what says nothing that only a module may say, and
    `is_whole` for what isn't JavaScript to the parser from beginning to end: imports may then be missing. It
    `needs_bundler` where it reads `process.env` without asking first whether there is a `process`.
    """

    static: tuple[str, ...]
    dynamic: tuple[str, ...]
    computed: int
    is_module: bool
    is_whole: bool
    needs_bundler: bool = False


def read_imports(source: bytes) -> Imports:
    """Read what JavaScript imports and from where it exports again.

    >>> read_imports(b"import a, {b} from 'a'; export * from './b.js'; /* import 'c' */ import('d')").static
    ('a', './b.js')
    """
    # A module is UTF-8 always, and a byte order mark is dropped (HTML, fetch a single module script).
    root = Parser(_language()).parse(source.removeprefix(_BYTE_ORDER_MARK)).root_node
    declared = [node for node in root.children if node.type in _DECLARATIONS]
    found = QueryCursor(_query()).captures(root) if b"import" in source or b"process" in source else {}
    dynamic = [_first_argument(node) for node in sorted(found.get("dynamic", ()), key=lambda node: node.start_byte)]
    meta = any((node.text or b"").startswith(b"import") for node in found.get("meta", ()))
    return Imports(
        static=tuple(dict.fromkeys(_sources(declared))),
        dynamic=tuple(dict.fromkeys(specifier for specifier in dynamic if specifier is not None)),
        computed=dynamic.count(None),
        is_module=bool(declared) or meta,
        is_whole=not root.has_error,
        needs_bundler="property" in found and b"typeof process" not in source,
    )


def _sources(declared: list[Node]) -> Iterator[str]:
    for node in declared:
        source = node.child_by_field_name("source")
        if source is not None:
            yield _value(source)


def _first_argument(arguments: Node) -> str | None:
    first = next((node for node in arguments.named_children if node.type != "comment"), None)
    if first is None or first.type not in ("string", "template_string"):
        return None
    if any(part.type == "template_substitution" for part in first.named_children):
        return None
    return _value(first)


def _value(literal: Node) -> str:
    r"""Give what a string literal means (ECMAScript §12.9.4.2)."""
    text = (literal.text or b"")[1:-1].decode("utf-8", "replace")
    return _ESCAPE.sub(_unescaped, text)


def _unescaped(found: re.Match[str]) -> str:
    digits = found[1] or found[2] or found[3]
    if digits:
        return chr(min(int(digits, 16), _LAST_CODE_POINT))
    known = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}
    line_ends = dict.fromkeys(("\n", "\r", "\r\n", "\u2028", "\u2029"), "")
    return (known | line_ends).get(found[4], found[4])


@cache
def _language() -> Language:
    return Language(tree_sitter_javascript.language())


@cache
def _query() -> Query:
    return Query(_language(), _ANYWHERE)

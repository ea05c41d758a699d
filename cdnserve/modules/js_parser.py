"""The syntax tree of a script (ECMAScript §12-16), with the bodies of large functions left for whoever enters them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial

import tree_sitter_javascript
from tree_sitter import Language, Node, Parser

# Formatters write a function of the outermost level so: its first line and its end in the first column, all else not.
_HEAD = re.compile(rb"^(?:async )?function\*? ?[\w$]+\([\w$,\s]*\) ?\{$", re.MULTILINE)
_FIRST_COLUMN = re.compile(rb"\n(?![ \t\n])")
_END = re.compile(rb"\n\}$", re.MULTILINE)
# What may go on over the end of a line, and then hold an end of a function that is none.
_OVER_LINES = (b"`", b"/*", b"\\\n")
_ALL_BUT_BRACES = bytes(set(range(256)) - set(b"{}"))
_DEEPEST = 64

Whole = Callable[[], Node]


@dataclass(frozen=True, slots=True)
class Script:
    """A script's syntax tree; `functions` has those that stand there without their bodies, by their nodes' ids."""

    root: Node
    functions: Mapping[int, Whole]


def parse(source: bytes) -> Node:
    """Return the root of a syntax tree; what can't be parsed is in error nodes (tree-sitter)."""
    return parser().parse(source).root_node


def parse_lazily(source: bytes) -> Script:
    r"""Parse a script, and its large functions only when they are asked for.

    Of a library's source most lies in functions that nobody calls while it loads.

    >>> script = parse_lazily(b"function f(a) {\n  return a;\n}\nf();\n")
    >>> [node.text for node in script.root.named_children], [whole().text for whole in script.functions.values()]
    ([b'function f(a) {}', b'f();'], [b'function f(a) {\n  return a;\n}'])
    """
    pieces: list[bytes] = []
    wholes: dict[int, bytes] = {}
    at = length = 0
    for begin, body, end in _cuts(source):
        wholes[length + begin - at] = source[begin:end]
        pieces.append(source[at:body] + b"}")
        length += len(pieces[-1])
        at = end
    root = parse(b"".join((*pieces, source[at:])))
    found = {node.id: wholes[node.start_byte] for node in root.named_children if node.start_byte in wholes}
    # Where a cut was none, what is left is no script.
    if wholes and (root.has_error or len(found) < len(wholes)):
        return Script(parse(source), {})
    return Script(root, {key: cache(partial(_function, text)) for key, text in found.items()})


def _cuts(source: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield where each function begins, where its body does, behind the brace, and where it ends, behind the other."""
    for head in _HEAD.finditer(source):
        next_line = _FIRST_COLUMN.search(source, head.end())
        end = _END.match(source, next_line.start()) if next_line else None
        if end and _is_body(source[head.end() : end.start()]):
            yield head.start(), head.end(), end.end()


def _is_body(text: bytes) -> bool:
    """Return whether nothing in a function's body could end it elsewhere."""
    if any(sign in text for sign in _OVER_LINES):
        return False
    braces = text.translate(None, _ALL_BUT_BRACES)
    for _ in range(_DEEPEST):
        if not braces:
            break
        braces = braces.replace(b"{}", b"")
    return not braces


def _function(text: bytes) -> Node:
    return parse(text).named_children[0]


def parser() -> Parser:
    """Return a parser of JavaScript."""
    return Parser(_language())


@cache
def _language() -> Language:
    return Language(tree_sitter_javascript.language())

"""Free names (ECMAScript §9.1): what a script takes from Node.js, which no browser has.

It finds scopes and guards, not values: a file that asks `typeof require` first is believed.
"""

from __future__ import annotations

import re
import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from tree_sitter import Node

from cdnserve.modules.js_parser import parser

NODE_NAMES = ("require", "module", "exports", "process", "global", "__dirname", "__filename")
"""What Node.js gives to every CommonJS module."""

# Whoever asks for one of these (UMD does) knows that the file may run in a browser.
_GUARDS = frozenset({*NODE_NAMES, "define", "window", "document", "self", "globalThis"})
_USE = re.compile(rf"(?<![\w$])(?:{'|'.join(NODE_NAMES)})(?![\w$])".encode())
_ASKED = re.compile(rf"typeof[\s(]+(?:{'|'.join(sorted(_GUARDS))})(?![\w$])".encode())
_IDENTIFIERS = frozenset({"identifier", "shorthand_property_identifier", "shorthand_property_identifier_pattern"})

# What is larger, or takes longer, is not judged. A use that is certain lies under few others.
_LARGEST = 2**23
_LONGEST = 5.0
_MOST_USES = 20_000
_DEEPEST = 200
_PIECE = 2**16
_FUNCTIONS = frozenset(
    {
        "arrow_function",
        "function_declaration",
        "function_expression",
        "generator_function",
        "generator_function_declaration",
        "method_definition",
    }
)
_PATTERNS = frozenset(
    {
        "array_pattern",
        "assignment_pattern",
        "object_assignment_pattern",
        "object_pattern",
        "pair_pattern",
        "rest_pattern",
    }
)
_BLOCKS = frozenset({"statement_block", "program", "for_statement", "for_in_statement", "switch_body"})
_LOGICAL = frozenset({"&&", "||", "??"})
# Of these, only one part is always evaluated.
_CHOOSING = {
    "if_statement": "condition",
    "ternary_expression": "condition",
    "switch_statement": "value",
    "while_statement": "condition",
    "for_statement": "initializer",
    "for_in_statement": "right",
}

Span = tuple[int, int]


def free_node_names(source: bytes, clock: Callable[[], float] = time.monotonic) -> tuple[str, ...]:
    """Return the names of Node.js on which a script in a browser would fail, in the order of `NODE_NAMES`.

    A name counts where no scope binds it. In a file that asks with `typeof` where it runs, as UMD does, only a use
    counts that is certain when the file loads.

    >>> free_node_names(b"module.exports = require('./a');"), free_node_names(b"(function (module) { module.x })({})")
    (('require', 'module'), ())
    """
    if len(source) > _LARGEST or not _USE.search(source):
        return ()
    deadline = clock() + _LONGEST
    root = _parse(source, lambda: clock() > deadline)
    if root is None:
        return ()
    uses, scopes = _sorted_out(_names(root, source, lambda: clock() > deadline), source)
    is_guarded = _ASKED.search(source) is not None
    return tuple(name for name in NODE_NAMES if _fails(uses[name], scopes[name], source, is_guarded=is_guarded))


def _parse(source: bytes, is_late: Callable[[], bool]) -> Node | None:
    """Return the root of the syntax tree, `None` where that takes too long."""
    try:
        return parser().parse(lambda at, _: source[at : at + _PIECE], progress_callback=lambda *_: is_late()).root_node
    except ValueError:
        return None


def _names(root: Node, source: bytes, is_late: Callable[[], bool]) -> Iterator[Node]:
    for found in islice(_USE.finditer(source), _MOST_USES):
        if is_late():
            return
        node = root.descendant_for_byte_range(found.start(), found.end())
        if node is not None and node.type in _IDENTIFIERS:
            yield node


def _fails(uses: Iterable[Node], scopes: Iterable[Span], source: bytes, *, is_guarded: bool) -> bool:
    bound = _union(scopes)
    free = (use for use in uses if not _is_inside(use.start_byte, bound))
    return any(_is_certain(use, source) if is_guarded else not _is_tried(use) for use in free)


def _sorted_out(
    nodes: Iterable[Node], source: bytes
) -> tuple[defaultdict[str, list[Node]], defaultdict[str, list[Span]]]:
    """Return the uses of each name, and the scopes that bind it."""
    uses: defaultdict[str, list[Node]] = defaultdict(list)
    scopes: defaultdict[str, list[Span]] = defaultdict(list)
    for node in nodes:
        scope = _scope(node)
        if scope is not None:
            scopes[_text(node, source)].append((scope.start_byte, scope.end_byte))
        elif not _is_asked(node):
            uses[_text(node, source)].append(node)
    return uses, scopes


def _scope(name: Node) -> Node | None:
    """Return the node in which a declaration binds its name; `None` where the name is used."""
    child, parent = _above(name, _PATTERNS)
    kind = parent.type
    if kind in {"formal_parameters", "catch_clause"} and parent.child_by_field_name("body") != child:
        return parent if kind == "catch_clause" else parent.parent
    if kind == "arrow_function" and parent.child_by_field_name("parameter") == child:
        return parent
    if kind == "variable_declarator" and parent.child_by_field_name("name") == child:
        is_var = parent.parent is not None and parent.parent.type == "variable_declaration"
        return _enclosing(parent, _FUNCTIONS | {"program"} if is_var else _BLOCKS)
    if kind in _FUNCTIONS and parent.child_by_field_name("name") == child and kind != "method_definition":
        return parent if kind.endswith(("expression", "generator_function")) else _enclosing(parent, _BLOCKS)
    if kind == "for_in_statement" and parent.child_by_field_name("left") == child:
        return parent
    if kind in {"class_declaration", "import_specifier", "import_clause", "namespace_import"}:
        return _enclosing(parent, _BLOCKS)
    return None


def _above(node: Node, kinds: frozenset[str]) -> tuple[Node, Node]:
    """Return the outermost of the nodes of some kinds that a node lies in, or it, and what that lies in."""
    parent = node.parent
    while parent is not None and parent.type in kinds and parent.parent is not None:
        if parent.child_by_field_name("right") == node:
            break
        node, parent = parent, parent.parent
    return node, parent or node


def _enclosing(node: Node, kinds: frozenset[str]) -> Node:
    while node.parent is not None:
        node = node.parent
        if node.type in kinds:
            break
    return node


def _is_asked(name: Node) -> bool:
    """Return whether a name is all that `typeof` looks at, which never fails."""
    _, parent = _above(name, frozenset({"parenthesized_expression"}))
    return parent.type == "unary_expression" and _operator(parent) == "typeof"


def _is_certain(use: Node, source: bytes) -> bool:
    """Return whether a use is evaluated whenever the file loads: behind no condition, in no function that waits."""
    for depth, (node, parent) in enumerate(_above_all(use)):
        is_waiting = parent.type in _FUNCTIONS and not _is_called(parent, source)
        if depth > _DEEPEST or is_waiting or _is_chosen(node, parent):
            return False
    return True


def _above_all(node: Node) -> Iterator[tuple[Node, Node]]:
    while (parent := node.parent) is not None:
        yield node, parent
        node = parent


def _is_chosen(node: Node, parent: Node) -> bool:
    """Return whether a part of a statement or an expression is evaluated under a condition only."""
    if part := _CHOOSING.get(parent.type):
        return parent.child_by_field_name(part) != node
    if parent.type in {"binary_expression", "augmented_assignment_expression"}:
        return _operator(parent).removesuffix("=") in _LOGICAL and parent.child_by_field_name("right") == node
    return _is_caught(node, parent) or parent.type == "catch_clause"


def _is_tried(use: Node) -> bool:
    """Return whether a failure of a use is caught."""
    return any(_is_caught(node, parent) for node, parent in islice(_above_all(use), _DEEPEST))


def _is_caught(node: Node, parent: Node) -> bool:
    if parent.type != "try_statement" or parent.child_by_field_name("body") != node:
        return False
    return parent.child_by_field_name("handler") is not None


def _is_called(function: Node, source: bytes) -> bool:
    """Return whether a function is called where it stands, also by `.call` or with `new`."""
    node, parent = _above(function, frozenset({"parenthesized_expression"}))
    if parent.type == "member_expression":
        method = parent.child_by_field_name("property")
        if method is None or _text(method, source) not in {"call", "apply"} or parent.parent is None:
            return False
        node, parent = parent, parent.parent
    called = {"call_expression": "function", "new_expression": "constructor"}.get(parent.type)
    return called is not None and parent.child_by_field_name(called) == node


def _operator(node: Node) -> str:
    found = node.child_by_field_name("operator")
    return found.type if found else ""


def _union(spans: Iterable[Span]) -> list[Span]:
    """Join spans that overlap.

    >>> _union([(5, 9), (0, 3), (2, 4)])
    [(0, 4), (5, 9)]
    """
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _is_inside(at: int, spans: list[Span]) -> bool:
    before = bisect_right(spans, (at, at))
    # A span that begins here sorts behind, when it is longer.
    return any(start <= at < end for start, end in spans[max(before - 1, 0) : before + 1])


def _text(node: Node, source: bytes) -> str:
    return source[node.start_byte : node.end_byte].decode("utf-8", "replace")

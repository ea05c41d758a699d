"""Arrays: the strings of a TOML array (TOML 1.0.0) changed in the text, its lines and comments kept.

Never checks the outcome: whoever edits reads the text again and compares.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from typing import Any

from cdnserve.manifest.positions import Path, Span, locate

_COMMA = re.compile(r"[ \t]*,")
_COMMA_AND_BLANKS = re.compile(r"[ \t]*,[ \t]*")
_REST_OF_ITEM = re.compile(r"[ \t]*(?:,[ \t]*)?(?:#[^\n]*)?(?:\r?\n|\Z)")


def quoted(text: str) -> str:
    r"""Give text as a TOML string.

    >>> print(quoted('a "b"\n'))
    "a \"b\"\n"
    """
    plain = text.isprintable() and '"' not in text and "\\" not in text
    return f'"{text}"' if plain else "".join(['"', *map(_escaped, text), '"'])


def array(elements: Sequence[str]) -> str:
    """Give an array of strings on one line.

    >>> array(["^3.6", "2.2.4"])
    '["^3.6", "2.2.4"]'
    """
    return f"[{', '.join(map(quoted, elements))}]"


def with_elements(text: str, path: Path, wanted: Sequence[str]) -> str:
    r"""Give a document whose array at `path` has the wanted strings, each once; those that stay keep their places.

    >>> print(with_elements('a = [\n  "x", # old\n  "y", # new\n]\n', ("a",), ["y", "z"]), end="")
    a = [
      "y", # new
      "z",
    ]
    """
    here = _elements(text, path)
    if not _is_in_place(here, wanted):
        for index in reversed(range(len(here))):
            if here[index] not in wanted:
                text = _without(text, path, index)
        for element in wanted:
            if element not in here:
                text = _appended(text, path, element)
        here = _elements(text, path)
    for index, (old, new) in enumerate(zip(here, wanted, strict=True)):
        if old != new:
            start, end = locate(text)[(*path, index)]
            text = text[:start] + quoted(new) + text[end:]
    return text


def _is_in_place(here: Sequence[str], wanted: Sequence[str]) -> bool:
    """Tell whether strings are only exchanged for new ones, each in its place."""
    pairs = zip(here, wanted, strict=False)
    return len(here) == len(wanted) and all(a == b or (a not in wanted and b not in here) for a, b in pairs)


def _elements(text: str, path: Path) -> list[str]:
    value: Any = tomllib.loads(text)
    for part in path:
        value = value[part]
    return list(value)


def _without(text: str, path: Path, index: int) -> str:
    start, end = locate(text)[(*path, index)]
    line = _line_start(text, start)
    rest = _REST_OF_ITEM.match(text, end)
    if rest and not text[line:start].strip():
        # Alone on its line: the line goes, with its comment.
        return text[:line] + text[rest.end() :]
    comma = _COMMA_AND_BLANKS.match(text, end)
    if comma:
        return text[:start] + text[comma.end() :]
    before = text[:start].rstrip()
    return before.removesuffix(",").rstrip() + text[end:] if before.endswith(",") else text[:start] + text[end:]


def _appended(text: str, path: Path, element: str) -> str:
    spans = locate(text)
    opening = spans[path][0]
    indices = [key[-1] for key in spans if key[:-1] == path and isinstance(key[-1], int)]
    if not indices:
        return f"{text[: opening + 1]}{quoted(element)}{text[opening + 1 :]}"
    start, end = spans[(*path, max(indices))]
    comma = _COMMA.match(text, end)
    behind = comma.end() if comma else end
    line = _line_start(text, start)
    if line <= opening or text[line:start].strip():
        return _beside(text, (end, behind), element)
    return _below(text, (end, behind), element, text[line:start])


def _beside(text: str, span: Span, element: str) -> str:
    """Put an element behind the last one, which has its comma within the span."""
    end, behind = span
    added = f" {quoted(element)}," if behind > end else f", {quoted(element)}"
    return text[:behind] + added + text[behind:]


def _below(text: str, span: Span, element: str, indent: str) -> str:
    """Put an element on a line of its own, behind the comment of the last one."""
    end, behind = span
    newline = "\r\n" if "\r\n" in text else "\n"
    rest = _REST_OF_ITEM.match(text, end)
    if not rest:
        # The closing bracket is on the same line.
        trailing = "," if behind > end else ""
        return f"{text[:end]},{newline}{indent}{quoted(element)}{trailing}{text[behind:]}"
    trailing = "," if behind > end else ""
    return f"{text[:end]},{text[behind : rest.end()]}{indent}{quoted(element)}{trailing}{newline}{text[rest.end() :]}"


def _line_start(text: str, offset: int) -> int:
    return text.rfind("\n", 0, offset) + 1


def _escaped(character: str) -> str:
    short = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    if character in short:
        return short[character]
    return character if character.isprintable() else f"\\U{ord(character):08X}"

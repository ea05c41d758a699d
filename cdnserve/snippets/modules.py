"""Modules (ECMAScript §16.2): tell from its source whether JavaScript needs `type=module`.

Never parses JavaScript: it skips comments and literals, then looks for what only a module may say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_PARTS = r"""
    (?P<blank>  \s+ | //[^\n]* | /\*[^*]*(?:\*(?!/)[^*]*)*(?:\*/)? )
  | (?P<text>   "[^"\\\n]*(?:\\.[^"\\\n]*)*"? | '[^'\\\n]*(?:\\.[^'\\\n]*)*'? | `[^`\\]*(?:\\.[^`\\]*)*`? )
  | (?P<word>   [\w$]+ )
  | (?P<step>   \+\+ | -- )
  | (?P<closing> [)\]}] )
"""
_REGEX = r"| (?P<regex> /(?![/\n])[^/\\\[\n]*(?:(?:\\.|\[[^\]\\\n]*(?:\\.[^\]\\\n]*)*\]?)[^/\\\[\n]*)*/?\w* )"
_OTHER = r"| (?P<other> . )"

# A slash divides after a value and begins a regular expression elsewhere (ECMAScript §12, InputElementDiv).
_AFTER_VALUE = re.compile(_PARTS + _OTHER, re.VERBOSE | re.DOTALL)
_ELSEWHERE = re.compile(_PARTS + _REGEX + _OTHER, re.VERBOSE | re.DOTALL)
_OPERATORS = frozenset(
    (
        "return",
        "typeof",
        "case",
        "in",
        "of",
        "delete",
        "void",
        "throw",
        "new",
        "do",
        "else",
        "instanceof",
        "yield",
        "await",
    )
)

_HINT = re.compile(r"\b(?:import|export)\b")
# `import(…)`, `x.export` and `{ export: … }` are legal in a classic script too; these are not.
_MODULE = re.compile(
    r"""(?<![\w$.]) (?:
        export (?: \s*[{*] | \s+(?:default|const|let|var|function|class|async|enum)\b )
      | import (?: \s*["{*] | \s+[\w$] | \s*\.\s*meta\b )
    )""",
    re.VERBOSE,
)


def looks_like_module(source: str) -> bool:
    """Tell whether the source holds an import or export declaration, or `import.meta`.

    A heuristic: a module with neither is called classic, and so is one that a regular expression after `)` or
    `}` hides. Say which it is where that matters.

    >>> looks_like_module("const a=1;export{a as b};"), looks_like_module("/* export {} */ import('./x.js')")
    (True, False)
    """
    return bool(_HINT.search(source) and _MODULE.search("".join(_bare(source))))


def _bare(source: str) -> Iterator[str]:
    """Give the source with blanks for comments and empty literals for strings, templates and expressions."""
    position, after_value = 0, False
    while position < len(source):
        match = (_AFTER_VALUE if after_value else _ELSEWHERE).match(source, position)
        assert match is not None  # noqa: S101 # the last alternative takes any character
        position = match.end()
        sort, token = match.lastgroup, match[0]
        yield {"blank": " ", "text": '""', "regex": "0"}.get(str(sort), token)
        if sort not in ("blank", "step"):
            after_value = sort in ("text", "regex", "closing") or (sort == "word" and token not in _OPERATORS)

"""The demo library's `greet.min.js` and its source map (ECMA-426), made from `greet.js`.

Never understands more JavaScript than that file uses: no template, no regular expression, every statement ends in `;`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "public/demo/1.0.0"
SOURCE, SCRIPT, MAP = "greet.js", "greet.min.js", "greet.min.js.map"
LICENSE = "/*! cdnserve demo 1.0.0, MIT */\n"
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

TOKEN = re.compile(
    r"""
    (?P<skip> \s+ | /\*.*?\*/ )
  | (?P<word> [\w$.]+ )
  | "[^"\n]*" | [=!<>]=+ | \+= | && | [^\s\w]
    """,
    re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the source; line and column count from 0, as a source map does."""

    text: str
    line: int
    column: int
    is_word: bool


def tokens(source: str) -> Iterator[Token]:
    """Yield what is left of the source without comments and white space."""
    for match in TOKEN.finditer(source):
        before = source[: match.start()]
        if match["skip"] is None:
            column = match.start() - (before.rfind("\n") + 1)
            yield Token(match[0], before.count("\n"), column, match["word"] is not None)


def minified(source: str) -> tuple[str, list[tuple[int, Token]]]:
    """Join the tokens on one line; give it with the column at which each token begins."""
    line, places = "", []
    kept = list(tokens(source))
    for token, following in zip(kept, [*kept[1:], None], strict=True):
        if token.text == ";" and following and following.text == "}":
            continue
        line += " " if token.is_word and line and re.match(r"[\w$]", line[-1]) else ""
        places.append((len(line), token))
        line += token.text
    return line, places


def base64_vlq(number: int) -> str:
    """Encode one number of a mapping: base 64 digits of five bits, the lowest first, the sign in the lowest bit.

    >>> [base64_vlq(number) for number in (0, 1, -1, 16)]
    ['A', 'C', 'D', 'gB']
    """
    rest = (abs(number) << 1) | (number < 0)
    digits = ""
    while rest > 0b11111:
        digits += BASE64[rest & 0b11111 | 0b100000]
        rest >>= 5
    return digits + BASE64[rest]


def mappings(places: list[tuple[int, Token]], skipped_lines: int) -> str:
    """Encode where each token came from, every field relative to the token before."""
    segments = []
    column, source_line, source_column = 0, 0, 0
    for place, token in places:
        fields = (place - column, 0, token.line - source_line, token.column - source_column)
        segments.append("".join(map(base64_vlq, fields)))
        column, source_line, source_column = place, token.line, token.column
    return ";" * skipped_lines + ",".join(segments)


def make(source: str) -> dict[str, str]:
    """Return the text of the script and of its map, by file name."""
    line, places = minified(source)
    document = {
        "version": 3,
        "file": SCRIPT,
        "sources": [SOURCE],
        "names": [],
        "mappings": mappings(places, LICENSE.count("\n")),
    }
    return {SCRIPT: f"{LICENSE}{line}\n//# sourceMappingURL={MAP}\n", MAP: json.dumps(document, indent=2) + "\n"}


if __name__ == "__main__":
    for name, text in make((FOLDER / SOURCE).read_text(encoding="utf-8")).items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(f"{name}: {len(text.encode())} bytes")

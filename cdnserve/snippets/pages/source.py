"""The source of a page (HTML Standard §13.2.3): its characters one by one, and where each of them stands.

Never changes a position: newlines are normalized for the parser and counted back for everyone else.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection

from cdnserve.snippets.pages.lines import NEWLINE, Lines

_BOM = "\ufeff"


class TooComplexError(Exception):
    """The page would take too long to read."""


class Source:
    """The input stream as html5lib's tokenizer knows it, all of it in one piece."""

    charEncoding = (None, "certain")  # noqa: N815 # html5lib's name; a page's text is decoded before it comes here

    def __init__(self, text: str) -> None:
        self.page = text
        self.text = NEWLINE.sub("\n", text)
        self.errors: list[str] = []
        # "The byte order mark … is stripped": it is no character of the page.
        self.at = len(_BOM) if text.startswith(_BOM) else 0
        self.lines = Lines(text)
        # Each CRLF is one newline here: the k-th one stands k characters further on in the page.
        pairs = (newline.start() for newline in re.finditer("\r\n", text))
        self._pairs = [start - before for before, start in enumerate(pairs)]
        self._runs: dict[tuple[frozenset[str], bool], re.Pattern[str]] = {}

    def char(self) -> str | None:
        """Give the next character, `None` at the end."""
        if self.at >= len(self.text):
            return None
        self.at += 1
        return self.text[self.at - 1]

    def charsUntil(self, characters: Collection[str], opposite: bool = False) -> str:  # noqa: N802 # html5lib's name
        """Give all characters up to one of these (or the first that is none of these)."""
        key = (frozenset(characters), opposite)
        if key not in self._runs:
            listed = "".join(re.escape(character) for character in characters)
            self._runs[key] = re.compile(f"[{listed}]*" if opposite else f"[^{listed}]*")
        start = self.at
        run = self._runs[key].match(self.text, start)
        self.at = run.end() if run else start
        return self.text[start : self.at]

    def unget(self, char: str | None) -> None:
        """Take one character back."""
        self.at -= char is not None

    def position(self) -> tuple[int, int]:
        """Give no line and column: nobody reads html5lib's errors."""
        return (0, 0)

    def place(self, at: int) -> int:
        """Give the offset in the page of an offset in the normalized text."""
        return at + bisect_left(self._pairs, at)

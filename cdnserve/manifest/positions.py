"""Positions: where in a TOML document (TOML 1.0.0) each key, table and array element stands.

Never judges or decodes a value: `tomllib` has read the text before, so here it is known to be valid.
"""

from __future__ import annotations

import re
import tomllib

Path = tuple[str | int, ...]
Span = tuple[int, int]

_STRING = re.compile(
    r'"""[^"\\]*(?:(?:\\.|"{1,2}(?!"))[^"\\]*)*"{3,5}'
    r"|'''[^']*(?:'{1,2}(?!')[^']*)*'{3,5}"
    r'|"[^"\\\n]*(?:\\.[^"\\\n]*)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}\#\r\n]*[^,\]}\#\s]")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BLANK = re.compile(r"[ \t\r\n]*(?:\#[^\n]*(?:\n[ \t\r\n]*)?)*")
_DOT = re.compile(r"[ \t]*\.[ \t]*")
_EQUALS = re.compile(r"[ \t]*=[ \t]*")
_BRACKETS = re.compile(r"[ \t]*[\[\]]{1,2}[ \t]*")


def locate(text: str) -> dict[Path, Span]:
    r"""Map the path of every key, table and element to where it stands: its value, or the header of a table.

    >>> text = "a.b = [1,\n 2]"
    >>> {path: text[slice(*span)] for path, span in locate(text).items()}
    {('a',): 'a.b', ('a', 'b'): '[1,\n 2]', ('a', 'b', 0): '1', ('a', 'b', 1): '2'}
    """
    walk = _Walk(text)
    walk.document()
    return walk.spans


class _Walk:
    """One pass over a valid document; `at` is the offset of what comes next."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.spans: dict[Path, Span] = {}
        self.lengths: dict[Path, int] = {}

    def document(self) -> None:
        table: Path = ()
        while self.peek():
            if self.peek() == "[":
                table = self.header()
            else:
                self.pair(table)

    def header(self) -> Path:
        start, many = self.at, self.text.startswith("[[", self.at)
        self.take(_BRACKETS)
        *parents, name = self.key()
        self.take(_BRACKETS)
        span = (start, start + len(self.text[start : self.at].rstrip()))
        table: Path = ()
        for parent in parents:
            table = self.latest((*table, parent), span)
        table = (*table, name)
        if many:
            self.lengths[table] = self.lengths.get(table, 0) + 1
            table = self.latest(table, span)
        self.spans[table] = span
        return table

    def latest(self, table: Path, span: Span) -> Path:
        """Give the table that a header's name stands for: of an array of tables, the last one."""
        self.spans.setdefault(table, span)
        return (*table, self.lengths[table] - 1) if table in self.lengths else table

    def pair(self, table: Path) -> None:
        start = self.at
        names = self.key()
        span = (start, self.at)
        for name in names[:-1]:
            table = (*table, name)
            self.spans.setdefault(table, span)
        self.take(_EQUALS)
        self.value((*table, names[-1]))

    def key(self) -> list[str]:
        names: list[str] = []
        while not names or self.take(_DOT):
            bare = self.take(_BARE_KEY)
            names.append(bare or _unquoted(self.take(_STRING)))
        return names

    def value(self, path: Path) -> None:
        start = self.at
        self.spans[path] = (start, start)
        match self.text[start]:
            case "[":
                self.array(path)
            case "{":
                self.inline_table(path)
            case _:
                self.take(_STRING) or self.take(_SCALAR)
        self.spans[path] = (start, self.at)

    def array(self, path: Path) -> None:
        self.at += 1
        index = 0
        while (following := self.peek()) != "]":
            if following == ",":
                self.at += 1
            else:
                self.value((*path, index))
                index += 1
        self.at += 1

    def inline_table(self, path: Path) -> None:
        self.at += 1
        while (following := self.peek()) != "}":
            if following == ",":
                self.at += 1
            else:
                self.pair(path)
        self.at += 1

    def peek(self) -> str:
        """Skip blanks and comments, and give the next character, empty at the end."""
        self.take(_BLANK)
        return self.text[self.at : self.at + 1]

    def take(self, pattern: re.Pattern[str]) -> str:
        """Take what matches here, and give it; empty where nothing does."""
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return found[0] if found else ""


def _unquoted(key: str) -> str:
    return str(tomllib.loads(f"key = {key}")["key"]) if "\\" in key else key[1:-1]

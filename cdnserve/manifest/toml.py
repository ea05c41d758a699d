"""Nodes: the values of a TOML document together with the line and the text where a person wrote them.

Never judges a value: a node only knows where it stands, so that a problem can say so.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace

from cdnserve.display import quoted
from cdnserve.errors import ConfigurationError, Problem

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
        """Return the table that a header's name stands for: of an array of tables, the last one."""
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


_SHOWN = 120
_SYNTAX_HINTS = {
    "Invalid value": "text stands in double quotes, true and false don't",
    "Cannot": "a key or table may stand only once; each rule has its own [[publish]]",
}
_CONFLICT = re.compile(r"^<{7}(?: .*)?\r?$", re.MULTILINE)
_NEWLINE = re.compile(r"\n")
# A key with many dots takes the square of their number, in `tomllib` too; a text with that many is no value of ours.
_MAY_BE_KEY = re.compile(r"[^=,{}#\n]+")
_DEEPEST = 128
_LINE = re.compile(r"at line (\d+), column \d+")


@dataclass(frozen=True, slots=True)
class TomlSource:
    """A document's text, the name that problems give it, and where everything in it stands."""

    name: str
    text: str
    spans: dict[Path, Span]
    newlines: tuple[int, ...]

    def span(self, path: Path) -> Span:
        """Return where a path stands, or where the nearest thing around it does."""
        while path and path not in self.spans:
            path = path[:-1]
        return self.spans.get(path, (0, 0))

    def line(self, offset: int) -> int:
        """Return the line that an offset is on."""
        return bisect_left(self.newlines, offset) + 1


@dataclass(frozen=True, slots=True)
class TomlNode:
    """One value of a document, as `tomllib` read it; `path` leads to it from the top."""

    value: object
    path: Path
    source: TomlSource

    @property
    def line(self) -> int:
        """The line on which the value begins; for a table, its header."""
        return self.source.line(self.source.span(self.path)[0])

    @property
    def where(self) -> str:
        """The place, `FILE:LINE`."""
        return f"{self.source.name}:{self.line}"

    @property
    def written(self) -> str:
        """The text as it was written, cut to what fits on a line."""
        start, end = self.source.span(self.path)
        first, more, _ = self.source.text[start : min(end, start + _SHOWN)].partition("\n")
        return f"{first.rstrip()} …" if more or end > start + _SHOWN else first

    @property
    def label(self) -> str:
        """The path in the manifest's own notation: `publish.cache`, `cors.partners`."""
        return ".".join(quoted(part) for part in self.path if isinstance(part, str))

    def items(self) -> Iterator[tuple[str, TomlNode]]:
        """Yield the keys of a table, each with its node; nothing where the value is no table."""
        if isinstance(self.value, dict):
            for key, value in self.value.items():
                yield key, TomlNode(value, (*self.path, key), self.source)

    def elements(self) -> Iterator[TomlNode]:
        """Yield the nodes of an array; nothing where the value is no array."""
        if isinstance(self.value, list):
            for index, value in enumerate(self.value):
                yield TomlNode(value, (*self.path, index), self.source)

    def mark(self, problem: Problem) -> Problem:
        """Return a problem the place of this node, and its text unless it quotes another."""
        return replace(problem, where=self.where, value=problem.value or self.written)


def parse(text: str, name: str) -> TomlNode:
    """Parse a TOML document; raise ConfigurationError for the first error of its syntax.

    >>> node = parse("schema = 1", "manifest.toml")
    >>> [(key, child.value, child.where) for key, child in node.items()]
    [('schema', 1, 'manifest.toml:1')]
    """
    try:
        if any(run.count(".") > _DEEPEST for run in _MAY_BE_KEY.findall(text)):
            raise RecursionError
        return TomlNode(tomllib.loads(text), (), TomlSource(name, text, locate(text), newlines_of(text)))
    except tomllib.TOMLDecodeError as error:
        conflicts = list(_conflicts(text, name))
        raise ConfigurationError(conflicts or [_syntax_problem(str(error), text, name)]) from None
    except (ValueError, RecursionError):
        # An integer of thousands of digits, or arrays nested thousands deep.
        problem = Problem("toml-invalid", "a value is too long or nested too deep to be read", name)
        raise ConfigurationError([problem]) from None


def newlines_of(text: str) -> tuple[int, ...]:
    """Return the offsets of all line feeds, in which `bisect` finds the line of an offset."""
    return tuple(found.start() for found in _NEWLINE.finditer(text))


def _conflicts(text: str, name: str) -> Iterator[Problem]:
    newlines = newlines_of(text)
    for found in _CONFLICT.finditer(text):
        message = "a merge left its conflict markers here"
        hint = "decide between the lines of both sides, and remove the markers"
        line = bisect_left(newlines, found.start()) + 1
        yield Problem("manifest-conflict", message, f"{name}:{line}", found[0].rstrip()[:_SHOWN], hint)


def _syntax_problem(message: str, text: str, name: str) -> Problem:
    found = _LINE.search(message)
    line = int(found[1]) if found else text.count("\n") + 1
    cause = message.partition(" (at ")[0]
    written = text.split("\n")[line - 1].strip()[:_SHOWN]
    hint = next((hint for begin, hint in _SYNTAX_HINTS.items() if cause.startswith(begin)), "")
    if "\0" in text:
        hint = "the file holds NUL, as after a crash: take it from version control again"
    return Problem("toml-invalid", f"not valid TOML: {cause}", f"{name}:{line}", written, hint)

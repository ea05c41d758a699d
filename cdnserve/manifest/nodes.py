"""Nodes: the values of a TOML document together with the line and the text where a person wrote them.

Never judges a value: a node only knows where it stands, so that a problem can say so.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.manifest.positions import Path, Span, locate

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
class Source:
    """A document's text, the name that problems give it, and where everything in it stands."""

    name: str
    text: str
    spans: dict[Path, Span]
    newlines: tuple[int, ...]

    def span(self, path: Path) -> Span:
        """Give where a path stands, or where the nearest thing around it does."""
        while path and path not in self.spans:
            path = path[:-1]
        return self.spans.get(path, (0, 0))

    def line(self, offset: int) -> int:
        """Give the line that an offset is on."""
        return bisect_left(self.newlines, offset) + 1


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a document, as `tomllib` read it; `path` leads to it from the top."""

    value: object
    path: Path
    source: Source

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
        return ".".join(printable(part) for part in self.path if isinstance(part, str))

    def items(self) -> Iterator[tuple[str, Node]]:
        """Yield the keys of a table, each with its node; nothing where the value is no table."""
        if isinstance(self.value, dict):
            for key, value in self.value.items():
                yield key, Node(value, (*self.path, key), self.source)

    def elements(self) -> Iterator[Node]:
        """Yield the nodes of an array; nothing where the value is no array."""
        if isinstance(self.value, list):
            for index, value in enumerate(self.value):
                yield Node(value, (*self.path, index), self.source)

    def mark(self, problem: Problem) -> Problem:
        """Give a problem the place of this node, and its text unless it quotes another."""
        return replace(problem, where=self.where, value=problem.value or self.written)


def printable(key: str) -> str:
    """Give a key as it can safely be shown: in quotes if it is empty or holds what a terminal would obey.

    >>> printable("max-age"), printable("")
    ('max-age', "''")
    """
    return key if key and key.isprintable() else repr(key)


def parse(text: str, name: str) -> Node:
    """Parse a TOML document; raise ConfigurationError for the first error of its syntax.

    >>> node = parse("schema = 1", "manifest.toml")
    >>> [(key, child.value, child.where) for key, child in node.items()]
    [('schema', 1, 'manifest.toml:1')]
    """
    try:
        if any(run.count(".") > _DEEPEST for run in _MAY_BE_KEY.findall(text)):
            raise RecursionError
        return Node(tomllib.loads(text), (), Source(name, text, locate(text), newlines_of(text)))
    except tomllib.TOMLDecodeError as error:
        conflicts = list(_conflicts(text, name))
        raise ConfigurationError(conflicts or [_syntax_problem(str(error), text, name)]) from None
    except (ValueError, RecursionError):
        # An integer of thousands of digits, or arrays nested thousands deep.
        problem = Problem("toml-invalid", "a value is too long or nested too deep to be read", name)
        raise ConfigurationError([problem]) from None


def newlines_of(text: str) -> tuple[int, ...]:
    """Give the offsets of all line feeds, in which `bisect` finds the line of an offset."""
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

"""TOML with places: a document's values with the lines where a person wrote them, and tables by their known keys."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from cdnserve.display import did_you_mean, quoted
from cdnserve.errors import ConfigurationError, Problem
from cdnserve.manifest.keys import ELEMENTS, TYPES, Keys, KeySpec, Kind

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

_FOUND: dict[type, str] = {
    str: "a string",
    bool: "true or false",
    int: "a whole number",
    float: "a number with a fraction",
    list: "a list",
    dict: "a table",
}


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


@dataclass(frozen=True, slots=True)
class Fields:
    """The keys of a table that were written well, and the defaults of the others."""

    table: TomlNode
    nodes: dict[str, TomlNode]
    defaults: dict[str, object]
    refused: frozenset[str] = frozenset()

    def string(self, name: str) -> str:
        """Return the value of a key whose kind is a string."""
        return str(self._value(name) or "")

    def flag(self, name: str) -> bool:
        """Return the value of a key whose kind is true or false."""
        return self._value(name) is True

    def number(self, name: str) -> int | None:
        """Return the value of a key whose kind is a whole number."""
        value = self._value(name)
        return value if isinstance(value, int) else None

    def listed(self, name: str) -> tuple[TomlNode, ...]:
        """Return the node of each string in a list; a single string is a list of one."""
        node = self.nodes.get(name)
        if node is None:
            return ()
        if isinstance(node.value, str):
            return (node,)
        return tuple(element for element in node.elements() if isinstance(element.value, str))

    def tables(self, name: str) -> Iterator[TomlNode]:
        """Yield the node of each table in an array of them."""
        if name in self.nodes:
            yield from (element for element in self.nodes[name].elements() if isinstance(element.value, dict))

    def strings(self, name: str) -> tuple[str, ...]:
        """Return the strings of a list, or those of its default."""
        if name in self.nodes:
            return tuple(str(node.value) for node in self.listed(name))
        default = self.defaults[name]
        return default if isinstance(default, tuple) else ()

    def is_empty(self, name: str) -> bool:
        """Return whether a list was left out or written as `[]`."""
        return self.nodes[name].value == [] if name in self.nodes else name not in self.refused

    def _value(self, name: str) -> object:
        return self.nodes[name].value if name in self.nodes else self.defaults[name]


def read_fields(table: TomlNode, keys: Keys, problems: list[Problem]) -> Fields:
    """Read a table by the keys that it may have, and add what is wrong to the problems."""
    known = {key.name: key for key in keys}
    nodes: dict[str, TomlNode] = {}
    for name, node in table.items():
        if name not in known:
            problems.append(_unknown(name, node, known))
        elif read_value(node, known[name], problems):
            nodes[name] = node
    refused = frozenset(name for name, _ in table.items() if name not in nodes)
    missing = (key for key in keys if key.required and key.name not in nodes and key.name not in refused)
    problems += [_missing(key, table) for key in missing]
    return Fields(table, nodes, {key.name: key.default for key in keys}, refused)


def read_value(node: TomlNode, key: KeySpec, problems: list[Problem]) -> bool:
    """Return whether a value is of its key's kind, and add what is wrong to the problems."""
    if not isinstance(node.value, TYPES[key.kind]) or (key.kind is Kind.INTEGER and isinstance(node.value, bool)):
        problems.append(_wrong_type(node, key))
        return False
    if isinstance(node.value, list):
        # Elements that are well stay, so that their own problems are told in the same run.
        problems += _element_problems(node, key)
        return True
    found = _value_problem(node, key)
    problems += [found] if found else []
    return found is None


def marked(nodes: Iterable[TomlNode], check: Callable[[str], Iterator[Problem]]) -> Iterator[Problem]:
    """Yield what a check of each string finds, with the place of the string."""
    for node in nodes:
        yield from (node.mark(problem) for problem in check(str(node.value)))


def known_words(word: str, known: Iterable[str]) -> str:
    """Return a hint that names the nearest known word, or all of them.

    >>> known_words("allow_origin", ["allow-origins", "max-age"]), known_words("x", ["any", "none"])
    ('did you mean allow-origins?', 'known are any, none')
    """
    words = tuple(known)
    return did_you_mean(word.lower(), words, f"known are {', '.join(words)}", cutoff=0.7)


def _unknown(name: str, node: TomlNode, known: dict[str, KeySpec]) -> Problem:
    message = f"no key has the name {node.label}"
    return Problem("key-unknown", message, node.where, quoted(name), known_words(name, known))


def _missing(key: KeySpec, table: TomlNode) -> Problem:
    name = f"{table.label}.{key.name}" if table.label else key.name
    value = table.written if table.path else ""
    return Problem("key-missing", f"{name} is missing", table.where, value, key.hint)


def _value_problem(node: TomlNode, key: KeySpec) -> Problem | None:
    value = node.value
    if key.choices and value not in key.choices:
        message = f"{node.label} is one of {', '.join(key.choices)}"
        return node.mark(Problem("value-unknown", message, hint=known_words(str(value), key.choices)))
    if key.most is not None and isinstance(value, int) and not 0 <= value <= key.most:
        message = f"{node.label} is a number of seconds from 0 to {key.most}"
        return node.mark(Problem("age-invalid", message, hint="leave the key out for its default"))
    return None


def _element_problems(node: TomlNode, key: KeySpec) -> Iterator[Problem]:
    if not node.value and not key.may_be_empty:
        hint = key.hint or "leave the key out for its default"
        yield node.mark(Problem("list-empty", f"{node.label} can't be an empty list", hint=hint))
    element_type = dict if key.kind is Kind.TABLES else str
    seen: set[str] = set()
    for element in node.elements():
        if not isinstance(element.value, element_type):
            yield _wrong_type(element, key)
        elif isinstance(element.value, str):
            word = element.value.lower() if key.ignores_case else element.value
            if word in seen:
                yield element.mark(Problem("value-duplicate", f"{node.label} lists this twice", hint="remove one"))
            elif found := _value_problem(element, key):
                yield found
            seen.add(word)


def _wrong_type(node: TomlNode, key: KeySpec) -> Problem:
    in_list = isinstance(node.path[-1], int)
    wanted = ELEMENTS[key.kind] if in_list else key.kind.value
    subject = f"each element of {node.label}" if in_list else node.label
    found = _FOUND.get(type(node.value), "a date or time")
    hint = _type_hint(node, key, wanted)
    return node.mark(Problem("type-wrong", f"{subject} must be {wanted}, not {found}", hint=hint))


def _type_hint(node: TomlNode, key: KeySpec, wanted: str) -> str:
    if hint := key.instead(node.value) or key.hint:
        return hint
    if isinstance(node.value, str):
        return f"write a list: [{node.written}]" if key.kind is Kind.STRINGS else "write it without quotes"
    if wanted != Kind.STRING.value:
        return ""
    return "write one string, without brackets" if isinstance(node.value, list) else "write it in quotes"


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
        """Skip blanks and comments, and return the next character, empty at the end."""
        self.take(_BLANK)
        return self.text[self.at : self.at + 1]

    def take(self, pattern: re.Pattern[str]) -> str:
        """Take what matches here, and return it; empty where nothing does."""
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return found[0] if found else ""


def _unquoted(key: str) -> str:
    return str(tomllib.loads(f"key = {key}")["key"]) if "\\" in key else key[1:-1]

"""Reading an object store's CORS configuration: S3's JSON, as consoles, APIs and tools have it, its XML, or R2's JSON.

A configuration is taken whole or refused: one unknown element could be what makes it narrower.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from cdnserve.errors import ConfigurationError, Problem, Problems

LARGEST = 2**20
"""The octets of a configuration that are read; S3 itself takes 64 KiB."""
METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE")
_MOST_DIGITS = 9
_DEEPEST = 8
# In JSON lists have names of their own, in XML elements come several times.
_LISTS = {
    "AllowedOrigins": "AllowedOrigin",
    "AllowedMethods": "AllowedMethod",
    "AllowedHeaders": "AllowedHeader",
    "ExposeHeaders": "ExposeHeader",
}
_SINGLE = ("ID", "MaxAgeSeconds")
# Tools write these names as their language does, and some have another word; case and strokes don't count.
_SPELLINGS = {
    **{name.lower(): name for name in (*_LISTS, *_LISTS.values(), *_SINGLE)},
    "exposedheaders": "ExposeHeaders",
    "exposedheader": "ExposeHeader",
    "maxage": "MaxAgeSeconds",
}
_ALLOWED_BY_R2 = {"origins": "AllowedOrigins", "methods": "AllowedMethods", "headers": "AllowedHeaders"}
# What the rules lie in, and what answers and parameters of an API have beside them.
_WRAPPERS = ("corsconfiguration", "corsrules", "cors", "rules")
_BESIDE = ("bucket", "checksumalgorithm", "contentmd5", "expectedbucketowner", "metadata", "responsemetadata")
Entry = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class StoreRule:
    """One rule as it is written; `number` counts from 1, `max_age` is in seconds, `None` where it says none."""

    number: int
    name: str
    origins: tuple[str, ...]
    methods: tuple[str, ...]
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age: int | None = None

    @property
    def label(self) -> str:
        """What people are told that it is.

        >>> StoreRule(2, "uploads", (), ()).label, StoreRule(1, "", (), ()).label
        ('rule 2 (uploads)', 'rule 1')
        """
        return f"rule {self.number} ({self.name})" if self.name else f"rule {self.number}"

    def covers_header(self, name: str) -> bool:
        """Return whether a request header is allowed; names are compared without case."""
        return _any_covers((pattern.lower() for pattern in self.allow_headers), name.lower())

    def exposes(self, name: str) -> bool:
        """Return whether a response header is exposed; browsers take a `*` for all."""
        return _any_covers((pattern.lower() for pattern in self.expose_headers if _is_plain(pattern)), name.lower())


def _is_plain(pattern: str) -> bool:
    return pattern == "*" or "*" not in pattern


def _any_covers(patterns: Iterable[str], text: str) -> bool:
    return any(covers(pattern, text) for pattern in patterns)


def covers(pattern: str, text: str) -> bool:
    """Return whether a pattern matches a whole text: `*` is any characters, also none; all else is itself.

    >>> covers("https://*.example.com", "https://a.b.example.com"), covers("*", "null"), covers("a*a", "a")
    (True, True, False)
    """
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == text
    *middle, last = rest
    if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
        return False
    start, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, start, end)
        if found < 0:
            return False
        start = found + len(part)
    return True


def read_configuration(path: Path) -> tuple[StoreRule, ...]:
    """Read a configuration file; raise ConfigurationError with every problem."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise _foreign(path.name, error.strerror or str(error)) from None
    return parse_configuration(data, path.name)


def parse_configuration(data: bytes, name: str = "cors.json") -> tuple[StoreRule, ...]:
    """Parse a configuration's octets; raise ConfigurationError with every problem.

    >>> parse_configuration(b'[{"AllowedOrigins": ["https://a.example"], "AllowedMethods": ["GET"]}]')[0].origins
    ('https://a.example',)
    """
    if len(data) > LARGEST:
        raise _foreign(name, f"it has more than {LARGEST:,} octets")
    try:
        is_xml = data.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<")
        entries = list(_from_xml(parse_xml(data)) if is_xml else _from_json(data))
    except (XmlError, ValueError, RecursionError) as error:
        raise _foreign(name, str(error)) from None
    problems = (problem for number, entry in enumerate(entries, 1) for problem in _problems(name, number, entry))
    Problems(problems).raise_errors()
    return tuple(_rule(number, entry) for number, entry in enumerate(entries, 1))


def _from_xml(top: Element) -> Iterator[Entry]:
    if _folded(top.name) != "corsconfiguration":
        raise ValueError(f"its outermost element is {top.name}, not CORSConfiguration")
    for rule in top.children:
        if _folded(rule.name) != "corsrule":
            raise ValueError(f"it has an element {rule.name} where a CORSRule is expected")
        entry: Entry = {}
        for child in rule.children:
            if child.children:
                raise ValueError(f"{child.name} holds other elements")
            entry.setdefault(_spelt(child.name), []).append(child.text.strip())
        yield entry


def _from_json(data: bytes) -> Iterator[Entry]:
    rules = _unwrapped(json.loads(data, object_pairs_hook=_once))
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise ValueError('it is neither a list of rules nor {"CORSRules": [...]} nor {"rules": [...]}')
    for rule in rules:
        named = _named(rule)
        if singular := named.keys() & set(_LISTS.values()):
            raise ValueError(f"in JSON it is {min(singular)}s, with a list")
        yield {_LISTS.get(key, key): _texts(key, value) for key, value in named.items()}


def _unwrapped(document: object) -> object:
    """Return the rules out of what tools and APIs put around them."""
    while isinstance(document, dict):
        inner = [value for key, value in document.items() if _folded(key) in _WRAPPERS]
        if others := [key for key in document if _folded(key) not in (*_WRAPPERS, *_BESIDE)]:
            raise ValueError(f"it has {json.dumps(others[0])} beside or in place of rules")
        if len(inner) != 1:
            return None
        document = inner[0]
    return document


def _named(rule: dict[str, object]) -> dict[str, object]:
    """Return a rule under S3's names; R2 has three of them in an object of their own."""
    inner = rule.get("allowed")
    pairs = [(_spelt(key), value) for key, value in rule.items() if key != "allowed" or not isinstance(inner, dict)]
    if isinstance(inner, dict):
        pairs += [(_ALLOWED_BY_R2.get(str(key), str(key)), value) for key, value in inner.items()]
    return _once(pairs)


def _spelt(name: str) -> str:
    return _SPELLINGS.get(_folded(name), name)


def _folded(name: str) -> str:
    return "".join(character for character in name.lower() if character not in "_-$")


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    # JSON takes the last of two equal keys; who wrote the other one meant it too.
    keys = [key for key, _ in pairs]
    if len(set(keys)) < len(keys):
        raise ValueError("an object has one key twice")
    return dict(pairs)


def _texts(key: str, value: object) -> list[str]:
    if key in _LISTS:
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return list(value)
        raise ValueError(f"{key} is not a list of strings")
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return [] if value is None else [json.dumps(value)]
    return [str(value)]


def _problems(file: str, number: int, entry: Entry) -> Iterator[Problem]:
    where = f"{file}: rule {number}"
    known = (*_LISTS.values(), *_SINGLE)
    for key, values in entry.items():
        if key not in known:
            message = "a CORS configuration has no such element"
            yield Problem("store-cors-unknown", message, where, key, f"known are {', '.join(known)}")
        elif key in _SINGLE and len(values) > 1:
            yield Problem("store-cors-invalid", f"{key} comes more than once", where)
    if not entry.get("AllowedOrigin") or not entry.get("AllowedMethod"):
        yield Problem("store-cors-invalid", "a rule needs an AllowedOrigin and an AllowedMethod", where)
    for method in entry.get("AllowedMethod", ()):
        if method not in METHODS:
            hint = f"a store knows {', '.join(METHODS)}"
            yield Problem("store-cors-invalid", "this is no AllowedMethod", where, method, hint)
    for age in entry.get("MaxAgeSeconds", ()):
        if not _is_number(age):
            yield Problem("store-cors-invalid", "MaxAgeSeconds is no whole number of seconds", where, age)


def _rule(number: int, entry: Entry) -> StoreRule:
    def listed(name: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(entry.get(name, ())))

    ages: Iterable[int] = map(int, entry.get("MaxAgeSeconds", ()))
    return StoreRule(
        number=number,
        name="".join(entry.get("ID", ())),
        origins=listed("AllowedOrigin"),
        methods=listed("AllowedMethod"),
        allow_headers=listed("AllowedHeader"),
        expose_headers=listed("ExposeHeader"),
        max_age=next(iter(ages), None),
    )


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS


def _foreign(name: str, why: str) -> ConfigurationError:
    hint = "give what the store's console, get-bucket-cors or its API gives: JSON or XML"
    return ConfigurationError([Problem("store-cors-foreign", f"not a CORS configuration: {why}", name, hint=hint)])


class XmlError(Exception):
    """The text is not taken; the message says why."""


@dataclass(slots=True)
class Element:
    """An element by its local name, what is in it, and its own text."""

    name: str
    children: list[Element] = field(default_factory=list)
    text: str = ""


def parse_xml(data: bytes) -> Element:
    """Parse a document and return its outermost element; raise XmlError for what is refused or malformed."""
    document = Element("")
    stack = [document]

    def start(name: str, _: object) -> None:
        if len(stack) > _DEEPEST:
            raise XmlError("its elements lie too deep in each other")
        element = Element(name.rpartition(" ")[2])
        stack[-1].children.append(element)
        stack.append(element)

    def end(_: str) -> None:
        stack.pop()

    def text(characters: str) -> None:
        stack[-1].text += characters

    def refuse(*_: object) -> None:
        raise XmlError("it has a document type declaration")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    # Without a document type no entity can be declared, neither an internal one nor one to be fetched.
    parser.StartDoctypeDeclHandler = refuse
    parser.buffer_text = True
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise XmlError(f"it is not XML: {error}") from None
    return document.children[0]

"""JSON (RFC 8259) with the places of its strings and objects, for changes that leave the rest as it is."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

Span = tuple[int, int]

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]:,]')
_LONGEST = 2**20


@dataclass(frozen=True, slots=True)
class Text:
    """A string; `path` are the keys that lead to it, the last one its own. A key is a text too (`is_key`)."""

    path: tuple[str, ...]
    value: str
    span: Span
    is_key: bool


@dataclass(frozen=True, slots=True)
class Members:
    """An object, its span with both braces, and where its first key begins, `None` if it is empty."""

    path: tuple[str, ...]
    span: Span
    first: int | None


@dataclass(slots=True)
class _Open:
    path: tuple[str, ...]
    start: int
    is_object: bool
    first: int | None = None
    key: str | None = None


@dataclass(slots=True)
class JsonPositions:
    """The strings and objects of a JSON text, in the order in which they end."""

    texts: list[Text] = field(default_factory=list)
    objects: list[Members] = field(default_factory=list)


def places(text: str) -> JsonPositions:
    """Find the strings and objects of a JSON object; raise `ValueError` for all that is none.

    >>> [(one.path, one.value, one.span) for one in places('{"a": {"b": "c"}}').texts if not one.is_key]
    [(('a', 'b'), 'c', (12, 15))]
    """
    try:
        if len(text) > _LONGEST or not isinstance(json.loads(text), dict):
            raise ValueError("it is no JSON object")
    except RecursionError:
        raise ValueError("it nests too deep") from None
    found, stack = JsonPositions(), [_Open((), 0, is_object=False)]
    for token in _TOKEN.finditer(text):
        _take(token, stack, found)
    return found


def _take(token: re.Match[str], stack: list[_Open], found: JsonPositions) -> None:
    inner, sign = stack[-1], token[0]
    if sign in "{[":
        stack.append(_Open(_path(inner), token.start(), is_object=sign == "{"))
    elif sign in "}]":
        stack.pop()
        if inner.is_object:
            found.objects.append(Members(inner.path, (inner.start, token.end()), inner.first))
    elif sign == ",":
        inner.key = None
    elif sign != ":":
        _take_string(token, inner, found)


def _take_string(token: re.Match[str], inner: _Open, found: JsonPositions) -> None:
    value = str(json.loads(token[0]))
    is_key = inner.is_object and inner.key is None
    if is_key:
        inner.key = value
        inner.first = token.start() if inner.first is None else inner.first
    found.texts.append(Text(_path(inner), value, token.span(), is_key))


def _path(inner: _Open) -> tuple[str, ...]:
    return inner.path if inner.key is None else (*inner.path, inner.key)

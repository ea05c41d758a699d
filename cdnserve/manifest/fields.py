"""Shape: whether a table has only keys that we know, each with a value of its kind.

Never looks at what a value says, and never stops at the first problem.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cdnserve.display import did_you_mean, quoted
from cdnserve.errors import Problem
from cdnserve.manifest.keys import Keys, KeySpec, Kind
from cdnserve.manifest.toml import TomlNode

_TYPES: dict[Kind, tuple[type, ...]] = {
    Kind.STRING: (str,),
    Kind.BOOLEAN: (bool,),
    Kind.INTEGER: (int,),
    Kind.STRINGS: (list,),
    Kind.ONE_OR_MORE: (str, list),
    Kind.TABLE: (dict,),
    Kind.TABLES: (list,),
    Kind.LIBRARY: (str, list, dict),
}
_ELEMENTS = {
    Kind.STRINGS: "a string",
    Kind.ONE_OR_MORE: "a string",
    Kind.LIBRARY: "a string",
    Kind.TABLES: "a table",
}
_FOUND: dict[type, str] = {
    str: "a string",
    bool: "true or false",
    int: "a whole number",
    float: "a number with a fraction",
    list: "a list",
    dict: "a table",
}


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
    if not isinstance(node.value, _TYPES[key.kind]) or (key.kind is Kind.INTEGER and isinstance(node.value, bool)):
        problems.append(_wrong_type(node, key))
        return False
    if isinstance(node.value, list):
        # Elements that are well stay, so that their own problems are told in the same run.
        problems += _element_problems(node, key)
        return True
    found = _value_problem(node, key)
    problems += [found] if found else []
    return found is None


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
    wanted = _ELEMENTS[key.kind] if in_list else key.kind.value
    subject = f"each element of {node.label}" if in_list else node.label
    found = _FOUND.get(type(node.value), "a date or time")
    hint = _type_hint(node, key, wanted)
    return node.mark(Problem("type-wrong", f"{subject} must be {wanted}, not {found}", hint=hint))


def _type_hint(node: TomlNode, key: KeySpec, wanted: str) -> str:
    if key.hint:
        return key.hint
    if isinstance(node.value, str):
        return f"write a list: [{node.written}]" if key.kind is Kind.STRINGS else "write it without quotes"
    if wanted != Kind.STRING.value:
        return ""
    return "write one string, without brackets" if isinstance(node.value, list) else "write it in quotes"

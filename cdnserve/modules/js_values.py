"""Values (ECMAScript §6): what is known of JavaScript's while a module is read, not run: names, sometimes not all.

What can't be known is `UNKNOWN`; what one of two branches assigns is both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from tree_sitter import Node

_MOST_PROTOTYPES = 16
_MOST_ALTERNATIVES = 64
_MOST_COPIED = 1024
# Two frames of Python for each; what asks for a property may have 600 of the 1000 already.
_MOST_OTHERS_BEHIND = 100
# Of the values that one may be; a step must not take longer the more was followed before.
_MOST_ASKED = 200
_LONGEST_PATH = 8
# What objects, functions, lists and texts have without having set it: of some it is known what they do.
_INHERITED = frozenset(("constructor", "toString", "valueOf", "__proto__", "toLocaleString", "isPrototypeOf"))
_OF_EVERYTHING = frozenset(("hasOwnProperty", "propertyIsEnumerable"))
_OF_FUNCTIONS = frozenset(("call", "apply", "bind"))
_OF_LISTS = frozenset(
    ("forEach", "map", "concat", "push", "slice", "filter", "reduce", "sort", "reverse", "has", "add", "includes")
)
_OF_TEXTS = frozenset(("split", "toLowerCase", "toUpperCase", "trim", "charAt", "slice", "substring", "concat"))
_NOT_KNOWN_OF_FUNCTIONS = frozenset(("name", "length", "arguments", "caller"))


class Nothing(Enum):
    """`undefined`, and what nobody knows before the program runs."""

    UNDEFINED = "undefined"
    UNKNOWN = "unknown"


UNDEFINED, UNKNOWN = Nothing.UNDEFINED, Nothing.UNKNOWN


@dataclass(frozen=True, slots=True)
class Outside:
    """What another module exports, or what a path of names and calls leads to in it."""

    importer: str
    specifier: str
    path: tuple[str | LaterCall, ...] = ()

    def then(self, step: str | LaterCall) -> Value:
        """Return what is one step further."""
        if len(self.path) >= _LONGEST_PATH:
            return UNKNOWN
        return Outside(self.importer, self.specifier, (*self.path, step))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LaterCall:
    """A call of a function that is outside, which is followed only where its result matters."""

    this: Value
    arguments: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Native:
    """A function or an object that the language has."""

    name: str
    importer: str = ""


@dataclass(frozen=True, slots=True)
class BoundCall:
    """A function with its `this` and its first arguments."""

    function: Value
    this: Value
    arguments: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class AnyKey:
    """Each name of an object in turn, where they can't be listed."""

    of: Value


@dataclass(frozen=True, slots=True)
class Getter:
    """A property that calls a function."""

    function: Value


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Code:
    """A function's syntax, and where it was made."""

    node: Node
    scope: Scope


@dataclass(slots=True, eq=False, repr=False)
class Thing:
    """An object: its own properties in order; `hidden` are those that are not enumerable.

    It has the names of `others`, too: copied (without `default`), or because it may be one of them.
    It `is_open` where it may have more.
    """

    names: dict[str, Value] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    others: list[tuple[Value, bool]] = field(default_factory=list)
    code: Code | None = None
    items: list[Value] | None = None
    parent: Value = UNDEFINED
    prototype: Thing | None = None
    is_open: bool = False
    is_choice: bool = False


Value: TypeAlias = Thing | Outside | Native | BoundCall | AnyKey | Getter | Nothing | str | float | bool | None


@dataclass(slots=True, eq=False, repr=False)
class Frame:
    """A call that is under way, and how many conditions nobody can decide lay around it."""

    this: Value
    arguments: list[Value]
    module: str
    doubts: int = 0
    returned: Value | None = UNDEFINED
    has_returned: bool = False
    home: Value = UNDEFINED
    is_strict: bool = False


@dataclass(slots=True, eq=False, repr=False)
class Scope:
    """The variables of a block or a function; a function's own scope holds its `var`s."""

    frame: Frame
    outer: Scope | None = None
    is_function: bool = False
    variables: dict[str, Value] = field(default_factory=dict)

    def holder(self, name: str) -> Scope | None:
        """Return the scope that has a variable."""
        scope: Scope | None = self
        while scope is not None and name not in scope.variables:
            scope = scope.outer
        return scope

    def of_function(self) -> Scope:
        """Return the scope of the function around."""
        scope = self
        while not scope.is_function and scope.outer is not None:
            scope = scope.outer
        return scope


def truth(value: Value) -> bool | None:
    """Return whether a condition holds, `None` where nobody knows.

    >>> truth("a"), truth(0.0), truth(UNDEFINED), truth(UNKNOWN), truth(Thing())
    (True, False, False, None, True)
    """
    if value is UNKNOWN or isinstance(value, AnyKey | Getter) or (isinstance(value, Outside) and value.path):
        return None
    if value is UNDEFINED or value is None:
        return False
    if isinstance(value, Thing) and value.is_choice:
        return True if all(truth(one) for one in alternatives(value)) else None
    return bool(value) if isinstance(value, str | float | bool) else True


def alternatives(choice: Thing) -> Iterator[Value]:
    """Yield what a value may be that is one of several, each once; these may be such values, too."""
    waiting: list[Value] = [choice]
    seen = set[int]()
    while waiting:
        one = waiting.pop()
        if len(seen) > _MOST_ASKED:
            yield UNKNOWN
            return
        if not isinstance(one, Thing):
            yield one
        elif id(one) not in seen:
            seen.add(id(one))
            if one.is_choice:
                waiting += (other for other, _ in one.others)
            else:
                yield one


def same(left: Value, right: Value) -> bool | None:
    """Return whether `===` holds, `None` where nobody knows.

    >>> same("a", "a"), same(None, UNDEFINED), same(Thing(), "a"), same(UNKNOWN, "a")
    (True, False, False, None)
    """
    if not (is_certain(left) and is_certain(right)):
        return True if left is right and isinstance(left, Outside) else None
    if left is right:
        return True
    if isinstance(left, bool) != isinstance(right, bool):
        return False
    return left == right


def is_certain(value: Value) -> bool:
    """Return whether a value is what it is, and no one of several."""
    if isinstance(value, Thing):
        return not value.is_choice
    return value is not UNKNOWN and not isinstance(value, AnyKey | Getter | Outside)


def kind(value: Value) -> Value:
    """Return what `typeof` says.

    >>> kind(Thing()), kind(None), kind(UNDEFINED), kind(1.0), kind(UNKNOWN).name
    ('object', 'object', 'undefined', 'number', 'UNKNOWN')
    """
    if isinstance(value, Thing):
        return UNKNOWN if value.is_choice else "function" if value.code else "object"
    if isinstance(value, Native | BoundCall):
        return "object" if value in (Native("Math"), Native("JSON"), Native("Reflect")) else "function"
    if value is UNDEFINED or value is None:
        return "undefined" if value is UNDEFINED else "object"
    if isinstance(value, str | bool | float):
        return {str: "string", bool: "boolean", float: "number"}[type(value)]
    return UNKNOWN


def either(old: Value, new: Value) -> Value:
    """Return what is one of two values, for all that can be known.

    >>> (
    ...     either(1.0, 1.0),
    ...     either(UNDEFINED, one := Thing()) is one,
    ...     [*names_in(either(Thing({"a": 1.0}), Thing({"b": 1.0})))],
    ... )
    (1.0, True, ['a', 'b'])
    """
    if old is new:
        return old
    if not isinstance(new, Thing | Outside | Native | BoundCall):
        return old if isinstance(old, Thing | Outside | Native | BoundCall) or same(old, new) else UNKNOWN
    if not isinstance(old, Thing | Outside):
        return new
    known = old.others if isinstance(old, Thing) and old.is_choice else [(old, False)]
    if any(one is new or one == new for one, _ in known) or len(known) >= _MOST_ALTERNATIVES:
        return old
    code = next((one.code for one, _ in (*known, (new, False)) if isinstance(one, Thing) and one.code), None)
    return Thing(others=[*known, (new, False)], code=code, is_choice=True)


def names_in(value: Value) -> Iterator[str]:
    """Yield the names of an object's own and its others' enumerable properties, as far as these aren't outside."""
    for thing, copied in things_in(value):
        yield from (name for name in thing.names if name not in thing.hidden and not (copied and name == "default"))


def things_in(value: Value) -> Iterator[tuple[Thing, bool]]:
    """Yield an object and all that it has names of, and whether these are copied."""
    for one, copied in parts_of(value):
        if isinstance(one, Thing):
            yield one, copied


def parts_of(value: Value) -> Iterator[tuple[Value, bool]]:
    """Yield a value and all that it has names of, each once, and whether these are copied."""
    waiting: list[tuple[Value, bool]] = [(value, False)]
    seen = set()
    while waiting:
        one, copied = waiting.pop()
        mark = (id(one) if isinstance(one, Thing) else one, copied)
        if mark not in seen:
            seen.add(mark)
            yield one, copied
            if isinstance(one, Thing):
                waiting += ((other, copied or now) for other, now in reversed(one.others))


def read(value: Value, key: Value) -> Value:
    """Return a property; a getter as it is."""
    if isinstance(value, Outside):
        return _read_outside(value, key)
    if isinstance(value, Native | BoundCall):
        return _read_native(value, key)
    if isinstance(value, str):
        return _read_text(value, key)
    if not isinstance(value, Thing) or not isinstance(key, str | float):
        return UNDEFINED if value is UNDEFINED else UNKNOWN
    return _read_thing(value, key if isinstance(key, str) else number_text(key), {}, 0)


def _read_thing(value: Thing, name: str, known: dict[int, Value], depth: int) -> Value:
    """Return a property; `known` has it of the objects that were asked already, for many may have the same others."""
    if id(value) in known:
        return known[id(value)]
    known[id(value)] = UNDEFINED  # while it is looked for
    if depth == _MOST_OTHERS_BEHIND or len(known) > _MOST_ASKED:
        return UNKNOWN
    thing: Value = value
    found: Value = UNDEFINED
    for _ in range(_MOST_PROTOTYPES):
        if not isinstance(thing, Thing) or (found := _own(thing, name, known, depth)) is not UNDEFINED:
            break
        thing = thing.parent
    if found is UNDEFINED:
        found = _inherited(value, name) if thing is UNDEFINED or thing is None else UNKNOWN
    known[id(value)] = found
    return found


def _own(thing: Thing, name: str, known: dict[int, Value], depth: int) -> Value:
    if name in thing.names:
        return thing.names[name]
    if thing.items is not None and (name.isdecimal() or name == "length"):
        return _item(thing, thing.items, name)
    if name == "prototype" and thing.code and not thing.is_choice:
        thing.prototype = thing.prototype or Thing(names={"constructor": thing}, hidden={"constructor"})
        return thing.prototype
    found: Value = UNDEFINED
    for other, _ in thing.others:
        value = _read_thing(other, name, known, depth + 1) if isinstance(other, Thing) else read(other, name)
        found = either(found, value)
    return UNKNOWN if found is UNDEFINED and thing.is_open else found


def _item(thing: Thing, items: list[Value], name: str) -> Value:
    if thing.is_open:
        return UNKNOWN
    if name == "length":
        return float(len(items))
    return items[int(name)] if len(name) < _LONGEST_PATH and int(name) < len(items) else UNDEFINED


def _inherited(thing: Thing, name: str) -> Value:
    if (
        name in _OF_EVERYTHING
        or (thing.code and name in _OF_FUNCTIONS)
        or (thing.items is not None and name in _OF_LISTS)
    ):
        return Native(name)
    is_method = (thing.items is not None and not name.isdecimal()) or (thing.code and name in _NOT_KNOWN_OF_FUNCTIONS)
    return Native(name) if name == "toString" else UNKNOWN if is_method or name in _INHERITED else UNDEFINED


def _read_text(value: str, key: Value) -> Value:
    if key == "length":
        return float(len(value))
    if isinstance(key, float):
        return value[int(key)] if 0 <= key < len(value) else UNDEFINED
    return Native(key) if isinstance(key, str) and key in _OF_TEXTS else UNKNOWN


def _read_outside(value: Outside, key: Value) -> Value:
    if not isinstance(key, str) or key in _INHERITED:
        return UNKNOWN
    return Native(key) if key in _OF_EVERYTHING else value.then(key)


def _read_native(value: Native | BoundCall, key: Value) -> Value:
    if isinstance(key, str) and key in _OF_FUNCTIONS:
        return Native(key)
    if isinstance(value, BoundCall) or not isinstance(key, str):
        return UNKNOWN
    if value.name.endswith(".prototype"):
        return Native(key)
    return Native(f"{value.name}.{key}") if value.name and len(value.name) < 2**_LONGEST_PATH else UNKNOWN


def write(target: Value, key: Value, value: Value, *, hidden: bool | None = None, doubtful: bool = False) -> None:
    """Set a property, also of all that the target may be; it may be the old one where that is doubtful."""
    if not isinstance(target, Thing):
        return
    _write(target, key, value, hidden=hidden, doubtful=doubtful)
    for one, _ in target.others if target.is_choice else ():
        if isinstance(one, Thing):
            _write(one, key, value, hidden=hidden, doubtful=True)


def _write(thing: Thing, key: Value, value: Value, *, hidden: bool | None, doubtful: bool) -> None:
    if isinstance(key, AnyKey):
        copied = (key.of, True)
        if key.of is not thing and copied not in thing.others and len(thing.others) < _MOST_COPIED:
            thing.others.append(copied)
        return
    if not isinstance(key, str | float):
        thing.is_open |= key is UNKNOWN
        return
    name = key if isinstance(key, str) else number_text(key)
    if name == "prototype" and thing.code:
        thing.prototype = value if isinstance(value, Thing) else thing.prototype
        return
    if thing.items is not None and name.isdecimal():
        _write_item(thing, thing.items, int(name[:_LONGEST_PATH]), value)
        return
    old = thing.names.get(name, UNDEFINED)
    thing.names[name] = either(old, value) if doubtful else value
    if hidden is not None:
        (thing.hidden.add if hidden else thing.hidden.discard)(name)


def _write_item(thing: Thing, items: list[Value], at: int, value: Value) -> None:
    if at < len(items):
        items[at] = value
    elif at == len(items):
        items.append(value)
    else:
        thing.is_open = True


def escape(values: list[Value]) -> None:
    """Note that nobody knows what happens to objects: they may get other properties."""
    for value in values:
        if isinstance(value, Thing):
            value.is_open = True


def number_text(number: float) -> str:
    """Return a number as a property's name.

    >>> number_text(3.0), number_text(0.5)
    ('3', '0.5')
    """
    return str(int(number)) if number.is_integer() else str(number)

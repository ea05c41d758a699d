"""Operators (ECMAScript §13.8-13.11): what they make of two values, as far as these are known."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType

from cdnserve.modules.js_values import UNDEFINED, UNKNOWN, Thing, Value, read, same

_LONGEST_TEXT = 1000
_MOST_PARENTS = 8
_ARITHMETIC: Mapping[str, Callable[[float, float], float | bool]] = MappingProxyType(
    {
        "+": operator.add,
        "-": operator.sub,
        "*": operator.mul,
        "<": operator.lt,
        ">": operator.gt,
        "<=": operator.le,
        ">=": operator.ge,
    }
)


def combine(sign: str, left: Value, right: Value) -> Value:
    """Return what an operator makes of two values.

    >>> combine("+", "a", "b"), combine("===", "a", 1.0), combine("==", None, UNDEFINED), combine("<", 1.0, 2.0)
    ('ab', False, True, True)
    """
    if sign in {"===", "==", "!==", "!="}:
        is_same = same(left, right)
        if len(sign) == 2 and {left, right} <= {None, UNDEFINED}:
            is_same = True
        return UNKNOWN if is_same is None else is_same == (sign[0] == "=")
    if sign == "in" and isinstance(left, str) and isinstance(right, Thing):
        found = read(right, left)
        return UNKNOWN if found is UNKNOWN or right.is_choice else found is not UNDEFINED
    if sign == "instanceof":
        return _instance(left, right)
    if isinstance(left, str) and isinstance(right, str) and sign == "+":
        return (left + right)[:_LONGEST_TEXT]
    if isinstance(left, float) and isinstance(right, float) and sign in _ARITHMETIC:
        return _ARITHMETIC[sign](left, right)
    return UNKNOWN


def _instance(left: Value, right: Value) -> Value:
    prototype = right.prototype if isinstance(right, Thing) else None
    parent = left.parent if isinstance(left, Thing) else UNKNOWN
    for _ in range(_MOST_PARENTS):
        if parent is prototype and prototype is not None:
            return True
        parent = parent.parent if isinstance(parent, Thing) else UNKNOWN
    return UNKNOWN

"""Functions of the language (ECMAScript §20, §23) that libraries define their exports with, on what is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from cdnserve.modules.js_evaluator import Evaluator
from cdnserve.modules.js_expressions import copy
from cdnserve.modules.js_statements import keys
from cdnserve.modules.js_values import (
    UNDEFINED,
    UNKNOWN,
    AnyKey,
    BoundCall,
    Getter,
    Native,
    Outside,
    Thing,
    Value,
    either,
    read,
    truth,
)

Function = Callable[[Evaluator, Native, Value, list[Value]], Value]
_MOST_ITEMS = 5000


def _at(arguments: list[Value], at: int) -> Value:
    return arguments[at] if at < len(arguments) else UNDEFINED


def _require(run: Evaluator, function: Native, _this: Value, arguments: list[Value]) -> Value:
    specifier = _at(arguments, 0)
    if isinstance(specifier, str):
        run.required.setdefault(function.importer, []).append(specifier)
    return Outside(function.importer, specifier) if isinstance(specifier, str) else UNKNOWN


def _call(run: Evaluator, _function: Native, this: Value, arguments: list[Value]) -> Value:
    return run.call(this, _at(arguments, 0), arguments[1:])


def _apply(run: Evaluator, _function: Native, this: Value, arguments: list[Value]) -> Value:
    passed = _at(arguments, 1)
    items = passed.items if isinstance(passed, Thing) else None
    return run.call(this, _at(arguments, 0), list(items or []))


def _bind(_run: Evaluator, _function: Native, this: Value, arguments: list[Value]) -> Value:
    if isinstance(this, BoundCall) or len(arguments) > 16:
        return UNKNOWN
    return BoundCall(this, _at(arguments, 0), tuple(arguments[1:]))


def _define(run: Evaluator, _function: Native, _this: Value, arguments: list[Value]) -> Value:
    target, key, description = (_at(arguments, at) for at in range(3))
    if isinstance(description, Thing | Outside):
        is_hidden = truth(run.get(description, "enumerable")) is False
        getter = run.get(description, "get")
        value = run.get(description, "value") if getter is UNDEFINED or getter is UNKNOWN else Getter(getter)
        run.set(target, key, value, hidden=is_hidden)
    else:
        run.set(target, key, UNKNOWN)
    return target


def _define_all(run: Evaluator, function: Native, this: Value, arguments: list[Value]) -> Value:
    target, table = _at(arguments, 0), _at(arguments, 1)
    known, unknown = keys(run, table)
    for key in (*known, *unknown):
        _define(run, function, this, [target, key, run.get(table, key)])
    return target


def _assign(run: Evaluator, _function: Native, _this: Value, arguments: list[Value]) -> Value:
    for source in arguments[1:]:
        copy(run, _at(arguments, 0), source)
    return _at(arguments, 0)


def _create(run: Evaluator, function: Native, this: Value, arguments: list[Value]) -> Value:
    made = Thing(parent=_at(arguments, 0))
    return _define_all(run, function, this, [made, *arguments[1:]]) if len(arguments) > 1 else made


def _same(_run: Evaluator, _function: Native, _this: Value, arguments: list[Value]) -> Value:
    return _at(arguments, 0)


def _keys(run: Evaluator, function: Native, _this: Value, arguments: list[Value]) -> Value:
    value = _at(arguments, 0)
    known, unknown = keys(run, value)
    if function.name == "Object.getOwnPropertyNames" and isinstance(value, Thing):
        known += sorted(value.hidden)
    if function.name == "Object.entries":
        return Thing(items=[Thing(items=[key, run.get(value, key)]) for key in (*known, *unknown)])
    return Thing(items=[*known, *unknown])


def _values(run: Evaluator, _function: Native, _this: Value, arguments: list[Value]) -> Value:
    known, unknown = keys(run, _at(arguments, 0))
    return Thing(items=[run.get(_at(arguments, 0), key) for key in known], is_open=bool(unknown))


def _has(run: Evaluator, function: Native, this: Value, arguments: list[Value]) -> Value:
    target, key = (
        arguments[:2] if function.name == "Object.hasOwn" and len(arguments) > 1 else (this, _at(arguments, 0))
    )
    target = run.resolve(run, target) if isinstance(target, Outside) else target
    if not isinstance(target, Thing) or not isinstance(key, str) or target.is_choice or target.others:
        return UNKNOWN
    is_hidden = function.name == "propertyIsEnumerable" and key in target.hidden
    return not is_hidden if key in target.names else UNKNOWN if target.is_open else False


def _prototype_of(_run: Evaluator, _function: Native, _this: Value, arguments: list[Value]) -> Value:
    target = _at(arguments, 0)
    return target.parent if isinstance(target, Thing) and target.parent is not UNDEFINED else UNKNOWN


def _items(value: Value) -> list[Value] | None:
    return value.items[:_MOST_ITEMS] if isinstance(value, Thing) and value.items is not None else None


def _for_each(run: Evaluator, function: Native, this: Value, arguments: list[Value]) -> Value:
    """Call a function with each item; an item that stands for many may be none."""
    items, called = _items(this), _at(arguments, 0)
    results: list[Value] = []
    for at, item in enumerate(items or []):
        if run.is_tired:
            break
        if isinstance(item, AnyKey):
            with run.doubt():
                results.append(run.call(called, _at(arguments, 1), [item, UNKNOWN, this]))
        else:
            results.append(run.call(called, _at(arguments, 1), [item, float(at), this]))
    if isinstance(this, Thing) and this.is_open:
        with run.doubt():
            run.call(called, _at(arguments, 1), [UNKNOWN, UNKNOWN, this])
    if function.name == "map" and items is not None and isinstance(this, Thing):
        return Thing(items=results, is_open=this.is_open)
    return UNDEFINED if function.name == "forEach" else UNKNOWN


def _filter(run: Evaluator, _function: Native, this: Value, arguments: list[Value]) -> Value:
    items = _items(this)
    if items is None or not isinstance(this, Thing):
        return UNKNOWN
    with run.doubt():
        kept = [item for item in items if truth(run.call(_at(arguments, 0), UNDEFINED, [item])) is not False]
    return Thing(items=kept, is_open=this.is_open)


def _reduce(run: Evaluator, _function: Native, this: Value, arguments: list[Value]) -> Value:
    items = _items(this)
    if items is None or len(arguments) < 2:
        return UNKNOWN
    value = arguments[1]
    for at, item in enumerate(items):
        value = run.call(arguments[0], UNDEFINED, [value, item, float(at), this])
    return value


def _concat(_run: Evaluator, _function: Native, this: Value, arguments: list[Value]) -> Value:
    joined = Thing(items=[])
    for part in (this, *arguments):
        items = _items(part)
        joined.items = [*(joined.items or []), *(items if items is not None else [part])]
        joined.is_open |= part is UNKNOWN or (isinstance(part, Thing) and part.is_open)
    return joined


def _push(_run: Evaluator, _function: Native, this: Value, arguments: list[Value]) -> Value:
    if isinstance(this, Thing) and this.items is not None and len(this.items) < _MOST_ITEMS:
        this.items += arguments
    return UNKNOWN


def _slice(run: Evaluator, function: Native, this: Value, arguments: list[Value]) -> Value:
    if isinstance(this, str):
        return _of_text(run, function, this, arguments)
    items, begin = _items(this), _at(arguments, 0)
    if items is None or not isinstance(this, Thing) or len(arguments) > 1:
        return UNKNOWN
    at = int(begin) if isinstance(begin, float) else 0
    return Thing(items=items[at:], is_open=this.is_open)


def _itself(_run: Evaluator, _function: Native, this: Value, _arguments: list[Value]) -> Value:
    return this


def _is_in(_run: Evaluator, _function: Native, this: Value, arguments: list[Value]) -> Value:
    items = _items(this)
    return True if items and _at(arguments, 0) in items else UNKNOWN


def _class_of(_run: Evaluator, _function: Native, this: Value, _arguments: list[Value]) -> Value:
    if not isinstance(this, Thing) or this.is_choice:
        return "[object String]" if isinstance(this, str) else UNKNOWN
    return f"[object {'Array' if this.items is not None else 'Function' if this.code else 'Object'}]"


def _is_array(_run: Evaluator, _function: Native, _this: Value, arguments: list[Value]) -> Value:
    value = _at(arguments, 0)
    if isinstance(value, Thing):
        return UNKNOWN if value.is_choice else value.items is not None
    return UNKNOWN if value is UNKNOWN or isinstance(value, Outside) else False


def _of_text(_run: Evaluator, function: Native, this: Value, arguments: list[Value]) -> Value:
    """Return what a method makes of a text, where all of its arguments are known."""
    if not isinstance(this, str) or not all(isinstance(one, str | float) for one in arguments):
        return UNKNOWN
    texts = [one for one in arguments if isinstance(one, str)]
    numbers = [int(one) for one in arguments if isinstance(one, float)]
    match function.name:
        case "split" if len(texts) == 1:
            return Thing(items=list(this.split(texts[0]) if texts[0] else this))
        case "toLowerCase" | "toUpperCase" | "trim":
            return {"toLowerCase": this.lower(), "toUpperCase": this.upper()}.get(function.name, this.strip())
        case "charAt" if min(numbers, default=0) >= 0:
            return this[numbers[0] : numbers[0] + 1] if numbers else this[:1]
        case "slice" | "substring" if min(numbers, default=-1) >= 0 and not texts:
            return this[numbers[0] :] if len(numbers) == 1 else this[numbers[0] : numbers[1]]
    return UNKNOWN


def _description(_run: Evaluator, _function: Native, _this: Value, arguments: list[Value]) -> Value:
    """Return a property's description, where it surely has one."""
    target, key = _at(arguments, 0), _at(arguments, 1)
    if isinstance(target, Thing) and isinstance(key, str) and key in target.names:
        found = read(target, key)
        value = {"get": found.function} if isinstance(found, Getter) else {"value": found, "writable": True}
        return Thing(names={**value, "enumerable": key not in target.hidden, "configurable": True})
    return either(UNKNOWN, UNDEFINED)


NATIVES: Mapping[str, Function] = MappingProxyType(
    {
        "require": _require,
        "call": _call,
        "apply": _apply,
        "bind": _bind,
        "hasOwnProperty": _has,
        "propertyIsEnumerable": _has,
        "forEach": _for_each,
        "map": _for_each,
        "filter": _filter,
        "reduce": _reduce,
        "concat": _concat,
        "push": _push,
        "slice": _slice,
        "sort": _itself,
        "reverse": _itself,
        "add": _push,
        "has": _is_in,
        "includes": _is_in,
        "toString": _class_of,
        "split": _of_text,
        "toLowerCase": _of_text,
        "toUpperCase": _of_text,
        "trim": _of_text,
        "charAt": _of_text,
        "substring": _of_text,
        "Array.isArray": _is_array,
        "Object": _same,
        "Object.assign": _assign,
        "Object.create": _create,
        "Object.defineProperties": _define_all,
        "Object.defineProperty": _define,
        "Object.entries": _keys,
        "Object.freeze": _same,
        "Object.getOwnPropertyDescriptor": _description,
        "Object.getOwnPropertyNames": _keys,
        "Object.getPrototypeOf": _prototype_of,
        "Object.hasOwn": _has,
        "Object.keys": _keys,
        "Object.preventExtensions": _same,
        "Object.seal": _same,
        "Object.setPrototypeOf": _same,
        "Object.values": _values,
        "Reflect.defineProperty": _define,
        "Reflect.ownKeys": _keys,
    }
)

"""Expressions (ECMAScript §13): what they come to, as far as their source says.

Nothing is run: operators and calls are followed among the values of `js_values`, in a bounded number of steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tree_sitter import Node

from cdnserve.modules.imports import unescape
from cdnserve.modules.js_evaluator import Evaluator, Handler, text
from cdnserve.modules.js_operators import combine
from cdnserve.modules.js_values import (
    UNDEFINED,
    UNKNOWN,
    Code,
    Frame,
    Getter,
    LaterCall,
    Native,
    Outside,
    Scope,
    Thing,
    Value,
    either,
    escape,
    kind,
    names_in,
    parts_of,
    read,
    truth,
    write,
)

_LONGEST_TEXT = 1000
_MOST_ITEMS = 20_000

_WINDOWS = frozenset({"window", "self", "globalThis", "global", "top", "parent"})
_NATIVES = frozenset(
    {"Object", "Set", "Array", "Function", "Reflect", "Symbol", "Math", "JSON", "Promise", "String", "Number"}
)
# What a browser has not, and asks for with typeof. esbuild puts only process.env.NODE_ENV into the text.
_ABSENT = frozenset({"define", "process", "Deno", "Bun", "importScripts", "undefined"})
_PRESENT = frozenset({"document", "navigator", "location"})


def _identifier(run: Evaluator, node: Node, scope: Scope) -> Value:
    name = text(node)
    holder = scope.holder(name)
    if holder:
        return holder.variables[name]
    if name == "arguments":
        return Thing(items=scope.frame.arguments)
    if name == "require":
        return Native("require", scope.frame.module)
    if name in _WINDOWS:
        return run.window
    if name in _NATIVES:
        return Native(name)
    found = read(run.window, name)
    return UNDEFINED if name in _ABSENT else Thing(is_open=True) if name in _PRESENT else found


def _member(run: Evaluator, node: Node, scope: Scope) -> Value:
    if _is_environment(node):
        return "production" if text(node).endswith("NODE_ENV") else UNDEFINED
    target, key = run.reference(node, scope)
    return run.get(target, key)


def _is_environment(node: Node) -> bool:
    inner = node.child_by_field_name("object")
    return inner is not None and inner.type == "member_expression" and inner.text == b"process.env"


def _string(_run: Evaluator, node: Node, _scope: Scope) -> Value:
    return unescape(text(node)[1:-1])


def _template(run: Evaluator, node: Node, scope: Scope) -> Value:
    parts: list[str] = []
    for child in node.named_children:
        inner: Value = text(child)
        if child.type == "template_substitution":
            inner = run.value(child.named_children[0], scope)
        if not isinstance(inner, str):
            return UNKNOWN
        parts.append(unescape(inner) if child.type == "escape_sequence" else inner)
    return "".join(parts)[:_LONGEST_TEXT]


def _number(_run: Evaluator, node: Node, _scope: Scope) -> Value:
    written = text(node)
    try:
        return float(written) if len(written) < 20 else UNKNOWN
    except ValueError:
        return (
            float(int(written, 0)) if written[1:2] in "xXoObB" and written.isalnum() and "n" not in written else UNKNOWN
        )


def _this(_run: Evaluator, _node: Node, scope: Scope) -> Value:
    return scope.frame.this


def _parenthesized(run: Evaluator, node: Node, scope: Scope) -> Value:
    return run.value(next((one for one in node.named_children if one.type != "comment"), None), scope)


def _sequence(run: Evaluator, node: Node, scope: Scope) -> Value:
    value: Value = UNDEFINED
    parts = [part for part in node.named_children if part.type != "comment"]
    for part in parts:
        value = run.value(part, scope)
        if part is not parts[-1]:
            discard(run, part, value)
    return value


def discard(run: Evaluator, node: Node, value: Value) -> None:
    """Follow what is outside where nobody takes the result: it is required or called for what it does."""
    last = value.path[-1] if isinstance(value, Outside) and value.path else None
    is_effect = isinstance(last, LaterCall) and any(isinstance(one, Thing | Outside) for one in last.arguments)
    if isinstance(value, Outside) and node.type == "call_expression" and (last is None or is_effect):
        run.resolve(run, value)


def _function(_run: Evaluator, node: Node, scope: Scope) -> Value:
    name = node.child_by_field_name("name")
    inner = Scope(scope.frame, scope) if name else scope
    function = Thing(code=Code(node, inner))
    if name:
        inner.variables[text(name)] = function
    return function


def _object(run: Evaluator, node: Node, scope: Scope) -> Value:
    thing = Thing()
    for part in node.named_children:
        match part.type:
            case "pair":
                key = run.key(part.child_by_field_name("key"), scope)
                value = run.value(part.child_by_field_name("value"), scope)
                if key == "__proto__":
                    thing.parent = value
                else:
                    write(thing, key, value)
            case "shorthand_property_identifier":
                write(thing, text(part), _identifier(run, part, scope))
            case "spread_element":
                copy(run, thing, run.value(part.named_children[0], scope))
            case "method_definition":
                method(run, thing, part, scope)
    return thing


def method(run: Evaluator, thing: Thing, node: Node, scope: Scope, *, hidden: bool = False) -> None:
    """Define a method, a getter or a setter."""
    key = run.key(node.child_by_field_name("name"), scope)
    function: Value = Thing(code=Code(node, scope), parent=UNDEFINED)
    if any(child.type == "get" for child in node.children[:3]):
        function = Getter(function)
    elif any(child.type == "set" for child in node.children[:3]) and read(thing, key) is not UNDEFINED:
        return
    write(thing, key, function, hidden=hidden)


def copy(run: Evaluator, target: Value, source: Value) -> None:
    """Set all properties of another object, as a spread does."""
    if source is UNDEFINED or source is None or isinstance(source, bool | str | float):
        return
    source = run.resolve(run, source) if isinstance(source, Outside) else source
    target = run.resolve(run, target) if isinstance(target, Outside) else target
    if isinstance(target, Thing) and source is not target:
        for name in list(names_in(source)):
            run.set(target, name, run.get(source, name))
        for outside in unresolved(source):
            if (outside, False) not in target.others:
                target.others.append((outside, False))
        target.is_open |= not isinstance(source, Thing | Outside) or (isinstance(source, Thing) and source.is_open)


def unresolved(source: Value) -> list[Value]:
    """Return what an object has names of that can't be listed."""
    return [one for one, _ in parts_of(source) if isinstance(one, Outside)]


def _array(run: Evaluator, node: Node, scope: Scope) -> Value:
    items: list[Value] = []
    thing = Thing(items=items)
    for part in node.named_children:
        if part.type == "spread_element":
            spread = run.value(part.named_children[0], scope)
            is_list = isinstance(spread, Thing) and spread.items is not None and not spread.is_open
            items += (spread.items or []) if isinstance(spread, Thing) and is_list else []
            thing.is_open |= not is_list
        elif part.type != "comment":
            items.append(run.value(part, scope))
    return thing


def _assignment(run: Evaluator, node: Node, scope: Scope) -> Value:
    """Follow a chain of assignments, however long it is: `a = b.c = … = value`."""
    targets: list[tuple[Value, Value] | Node] = []
    right: Node | None = node
    while right and right.type == "assignment_expression":
        left, right = right.child_by_field_name("left"), right.child_by_field_name("right")
        run.steps += 1
        if left:
            is_property = left.type in {"member_expression", "subscript_expression"}
            targets.append(run.reference(left, scope) if is_property else left)
    value = run.value(right, scope)
    for target in reversed(targets):
        if isinstance(target, tuple):
            run.set(*target, value)
        else:
            run.bind(target, value, scope, declared=False)
    return value


def _augmented(run: Evaluator, node: Node, scope: Scope) -> Value:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    sign = _operator(node).removesuffix("=")
    if left is None:
        return UNKNOWN
    old = run.value(left, scope)
    value = _chosen(run, sign, old, right, scope) if sign in _CHOICES else combine(sign, old, run.value(right, scope))
    run.bind(left, value, scope, declared=False)
    return value


def _update(run: Evaluator, node: Node, scope: Scope) -> Value:
    argument = node.child_by_field_name("argument")
    if argument is None:
        return UNKNOWN
    old = run.value(argument, scope)
    new = combine("+" if _operator(node) == "++" else "-", old, 1.0)
    run.bind(argument, new, scope, declared=False)
    return new if node.children[0].type in {"++", "--"} else old


def _operator(node: Node) -> str:
    found = node.child_by_field_name("operator")
    return found.type if found else ""


_CHOICES = frozenset({"&&", "||", "??"})


def _binary(run: Evaluator, node: Node, scope: Scope) -> Value:
    """Follow a chain of operators from its leftmost operand, however long it is."""
    chain = [node]
    while (left := chain[-1].child_by_field_name("left")) and left.type == "binary_expression":
        chain.append(left)
    value = run.value(chain[-1].child_by_field_name("left"), scope)
    for one in reversed(chain):
        sign, right = _operator(one), one.child_by_field_name("right")
        run.steps += 1
        value = (
            _chosen(run, sign, value, right, scope)
            if sign in _CHOICES
            else combine(sign, value, run.value(right, scope))
        )
    return value


def _chosen(run: Evaluator, sign: str, left: Value, right: Node | None, scope: Scope) -> Value:
    is_true = truth(left)
    if sign == "??" and left is not UNKNOWN:
        is_true = left is not UNDEFINED and left is not None
    if is_true is None:
        with run.doubt():
            other = run.value(right, scope)
        return either(left, other)
    return left if is_true == (sign != "&&") else run.value(right, scope)


def _unary(run: Evaluator, node: Node, scope: Scope) -> Value:
    argument = node.child_by_field_name("argument")
    sign = _operator(node)
    if sign == "delete":
        return UNKNOWN
    value = run.value(argument, scope)
    match sign:
        case "!":
            is_true = truth(value)
            return UNKNOWN if is_true is None else not is_true
        case "typeof":
            is_called = isinstance(value, Outside) and any(isinstance(step, LaterCall) for step in value.path)
            return kind(run.resolve(run, value) if is_called and isinstance(value, Outside) else value)
        case "void":
            return UNDEFINED
        case "-" if isinstance(value, float):
            return -value
    return UNKNOWN


def _ternary(run: Evaluator, node: Node, scope: Scope) -> Value:
    is_true = truth(run.value(node.child_by_field_name("condition"), scope))
    yes, no = node.child_by_field_name("consequence"), node.child_by_field_name("alternative")
    if is_true is not None:
        return run.value(yes if is_true else no, scope)
    with run.doubt():
        return either(run.value(yes, scope), run.value(no, scope))


def _call(run: Evaluator, node: Node, scope: Scope) -> Value:
    called = node.child_by_field_name("function")
    arguments = node.child_by_field_name("arguments")
    if called is None or arguments is None:
        return UNKNOWN
    while called.type == "parenthesized_expression" and called.named_child_count == 1:
        called = called.named_children[0]
    this: Value = UNDEFINED
    if called.type in {"member_expression", "subscript_expression"}:
        this, key = run.reference(called, scope)
        function = run.get(this, key)
    elif called.type == "super":
        this, function = scope.frame.this, scope.frame.home
    else:
        function = run.value(called, scope)
    passed = _array(run, arguments, scope) if arguments.type == "arguments" else UNKNOWN
    return run.call(function, this, passed.items or [] if isinstance(passed, Thing) else [])


def _new(run: Evaluator, node: Node, scope: Scope) -> Value:
    function = run.value(node.child_by_field_name("constructor"), scope)
    arguments = node.child_by_field_name("arguments")
    passed = _array(run, arguments, scope) if arguments else UNKNOWN
    items = passed.items or [] if isinstance(passed, Thing) else []
    if function == Native("Set") and (not items or isinstance(items[0], Thing)):
        return Thing(items=list(items[0].items or []) if items and isinstance(items[0], Thing) else [])
    function = run.resolve(run, function) if isinstance(function, Outside) else function
    if not isinstance(function, Thing) or not function.code:
        escape(items)
        return UNKNOWN
    made = Thing(parent=read(function, "prototype"))
    construct(run, function, made, items)
    return made


def construct(run: Evaluator, function: Thing, made: Thing, arguments: list[Value]) -> None:
    """Have a constructor set the properties of a new object."""
    if function.code:
        run.enter(function, function.code, made, arguments)


def make_class(run: Evaluator, node: Node, scope: Scope) -> Value:
    """Return a class: its static fields are properties, and its methods hidden ones."""
    inner = Scope(scope.frame, scope)
    members = [part for body in [node.child_by_field_name("body")] if body for part in body.named_children]
    heritage = next((part for part in node.named_children if part.type == "class_heritage"), None)
    parent = run.value(heritage.named_children[0], scope) if heritage and heritage.named_children else UNDEFINED
    constructor = next((part for part in members if text_of_name(part) == "constructor"), node)
    thing = Thing(code=Code(constructor, inner), parent=parent)
    name = node.child_by_field_name("name")
    if name:
        inner.variables[text(name)] = thing
    prototype = read(thing, "prototype")
    if isinstance(prototype, Thing):
        prototype.parent = run.get(parent, "prototype") if parent is not UNDEFINED else UNDEFINED
    inner.frame = Frame(thing, [], scope.frame.module, run.doubts)
    for part in members:
        is_static = any(child.type == "static" for child in part.children[:2])
        if part.type == "method_definition" and part is not constructor:
            method(run, thing if is_static else prototype, part, inner, hidden=True)  # type: ignore[arg-type]
        elif part.type == "field_definition" and is_static:
            value = run.value(part.child_by_field_name("value"), inner)
            write(thing, run.key(part.child_by_field_name("property"), inner), value)
        elif part.type == "class_static_block" and (block := part.child_by_field_name("body")):
            run.execute(run, block, Scope(inner.frame, inner, is_function=True))
    return thing


def text_of_name(node: Node) -> str:
    """Return the name of a member of a class."""
    name = node.child_by_field_name("name")
    return text(name) if name else ""


def _constant(value: Value) -> Handler:
    return lambda _run, _node, _scope: value


def _await(run: Evaluator, node: Node, scope: Scope) -> Value:
    for part in node.named_children:
        run.value(part, scope)
    return UNKNOWN


EXPRESSIONS: Mapping[str, Handler] = MappingProxyType(
    {
        "identifier": _identifier,
        "undefined": _constant(UNDEFINED),
        "null": _constant(None),
        "true": _constant(value=True),
        "false": _constant(value=False),
        "number": _number,
        "string": _string,
        "template_string": _template,
        "this": _this,
        "parenthesized_expression": _parenthesized,
        "sequence_expression": _sequence,
        "function_expression": _function,
        "arrow_function": _function,
        "generator_function": _function,
        "class": make_class,
        "object": _object,
        "array": _array,
        "member_expression": _member,
        "subscript_expression": _member,
        "assignment_expression": _assignment,
        "augmented_assignment_expression": _augmented,
        "update_expression": _update,
        "binary_expression": _binary,
        "unary_expression": _unary,
        "ternary_expression": _ternary,
        "call_expression": _call,
        "new_expression": _new,
        "await_expression": _await,
    }
)

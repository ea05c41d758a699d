"""Evaluation (ECMAScript §9-10): scopes, patterns, properties and calls, followed in a bounded number of steps.

Nothing is run: what an expression comes to is a value of `js_values`, and what nobody can know is `UNKNOWN`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from tree_sitter import Node

from cdnserve.modules.js_values import (
    UNDEFINED,
    UNKNOWN,
    BoundCall,
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
    read,
    write,
)

# For any source, and for each octet of it: real libraries take less than one.
_LEAST_STEPS = 30_000
_STEPS_AN_OCTET = 2
_MOST_STEPS = 500_000
_MOST_CALLS = 3000
_MOST_DOUBTFUL_CALLS = 200
_MOST_ROUNDS = 400
# Two frames of Python for each level at most: 600 of the 1000 that it allows.
_DEEPEST = 300
_DEPTH_OF_A_CALL = 3
_FUNCTIONS_THAT_WAIT = frozenset({"async", "*"})

Handler = Callable[["Evaluator", Node, Scope], Value]


Before = dict[tuple[Scope, str], Value]


class Evaluator:
    """Follows expressions; `execute` does so with a function's body, `resolve` returns what another module exports."""

    def __init__(
        self,
        expressions: Mapping[str, Handler],
        execute: Callable[[Evaluator, Node, Scope], object],
        resolve: Callable[[Evaluator, Outside], Value],
        natives: Mapping[str, Callable[[Evaluator, Native, Value, list[Value]], Value]],
    ) -> None:
        self.expressions = expressions
        self.natives = natives
        self.execute = execute
        self.resolve = resolve
        self.steps = 0
        self.size = 0
        self.before: list[Before] = []
        self.depth = 0
        self.calls: dict[tuple[int, bool], int] = {}
        self.active: dict[int, int] = {}
        self.functions: dict[int, Callable[[], Node]] = {}
        self.exports: set[int] = set()
        self.required: dict[str, list[str]] = {}
        self.window = Thing(is_open=True)

    @property
    def is_tired(self) -> bool:
        """Return whether so much was followed that no function is entered any more."""
        return self.steps > min(_LEAST_STEPS + _STEPS_AN_OCTET * self.size, _MOST_STEPS)

    @contextmanager
    def doubt(self) -> Iterator[None]:
        """Follow what may happen or not: each variable that is set has one of two values behind it."""
        before: Before = {}
        self.before.append(before)
        try:
            yield
        finally:
            self.before.pop()
            for (scope, name), old in before.items():
                self.note(scope, name, old)
                scope.variables[name] = either(old, scope.variables[name])

    @property
    def doubts(self) -> int:
        """Return how many conditions nobody can decide lie around what is followed."""
        return len(self.before)

    def note(self, scope: Scope, name: str, old: Value) -> None:
        """Keep what a variable was before the innermost doubt, if it was there then."""
        if self.doubts > scope.frame.doubts:
            self.before[-1].setdefault((scope, name), old)

    @contextmanager
    def deeper(self, levels: int = 1) -> Iterator[bool]:
        """Go down, and say whether that is allowed."""
        self.depth += levels
        self.steps += 1
        try:
            yield self.depth < _DEEPEST
        finally:
            self.depth -= levels

    def value(self, node: Node | None, scope: Scope) -> Value:
        """Return what an expression comes to."""
        handler = self.expressions.get(node.type) if node else None
        if node is None or handler is None or self.depth >= _DEEPEST:
            return UNKNOWN
        self.depth += 1
        self.steps += 1
        try:
            return handler(self, node, scope)
        finally:
            self.depth -= 1

    def get(self, target: Value, key: Value) -> Value:
        """Return a property, calling its getter."""
        if key == "__esModule" and isinstance(target, Outside):
            target = self.resolve(self, target)
        found = read(target, key)
        return self.call(found.function, target, []) if isinstance(found, Getter) else found

    def set(self, target: Value, key: Value, value: Value, *, hidden: bool | None = None) -> None:
        """Set a property, also of what another module exports."""
        if isinstance(target, Outside):
            target = self.resolve(self, target)
        write(target, key, value, hidden=hidden, doubtful=self.doubts > 0)

    def assign(self, name: str, value: Value, scope: Scope) -> None:
        """Set a variable; one that nobody has declared is the window's."""
        holder = scope.holder(name)
        if holder is None:
            write(self.window, name, value, doubtful=True)
        else:
            self.note(holder, name, holder.variables[name])
            holder.variables[name] = value

    def call(self, function: Value, this: Value, arguments: list[Value]) -> Value:
        """Return what a call comes to."""
        if isinstance(function, Thing) and function.is_choice and not function.code:
            function = next((one for one, _ in function.others if not isinstance(one, Thing)), UNKNOWN)
        if isinstance(function, BoundCall):
            return self.call(function.function, function.this, [*function.arguments, *arguments])
        if isinstance(function, Outside):
            later = function.then(LaterCall(this, tuple(arguments)))
            if not self.may_change(arguments) or self.is_tired:
                return later
            function = self.resolve(self, function)
            if isinstance(function, Outside):
                escape(arguments[:1])
                return later
        if isinstance(function, Native):
            native = self.natives.get(function.name)
            return native(self, function, this, arguments) if native else UNKNOWN
        if isinstance(function, Thing) and function.code:
            return self.enter(function, function.code, this, arguments)
        escape(arguments)
        return UNKNOWN

    def may_change(self, arguments: list[Value]) -> bool:
        """Return whether a call may be there for what it does to an argument."""
        things = [one for one in arguments if isinstance(one, Thing)]
        is_first = bool(things) and things[0] is arguments[0]
        return len(arguments) > 1 and (is_first or any(id(one) in self.exports for one in things))

    def rounds(self, loop: Node) -> Iterator[int]:
        """Yield the rounds that may be followed of a loop, all of its runs together."""
        key = (loop.id, False)
        while self.calls.get(key, 0) < _MOST_ROUNDS:
            self.calls[key] = self.calls.get(key, 0) + 1
            yield self.calls[key]

    def enter(self, function: Thing, code: Code, this: Value, arguments: list[Value]) -> Value:
        """Return what a function of the source returns."""
        if not self.may_enter(code.node):
            escape(arguments)
            return UNKNOWN
        if whole := self.functions.get(code.node.id):
            code = Code(whole(), code.scope)
        self.active[code.node.id] = self.active.get(code.node.id, 0) + 1
        self.depth += _DEPTH_OF_A_CALL
        try:
            return self.follow(function, code, this, arguments)
        finally:
            self.depth -= _DEPTH_OF_A_CALL
            self.active[code.node.id] -= 1

    def may_enter(self, function: Node) -> bool:
        """Return whether one more call of a function may be followed; fewer where it is in doubt whether it happens."""
        key = (function.id, self.doubts > 0)
        self.calls[key] = self.calls.get(key, 0) + 1
        most_calls, most_active = (_MOST_DOUBTFUL_CALLS, 2) if self.doubts else (_MOST_CALLS, _DEEPEST)
        is_often = self.calls[key] > most_calls or self.active.get(function.id, 0) >= most_active
        is_waiting = any(child.type in _FUNCTIONS_THAT_WAIT for child in function.children[:4])
        return not (self.is_tired or is_often or is_waiting or self.depth >= _DEEPEST - 9)

    def follow(self, function: Thing, code: Code, this: Value, arguments: list[Value]) -> Value:
        """Return what the body of a function returns."""
        is_arrow = code.node.type == "arrow_function"
        around = code.scope.frame
        frame = Frame(this, arguments, around.module, self.doubts, home=function.parent)
        body = code.node.child_by_field_name("body")
        frame.is_strict = around.is_strict or is_strict(body)
        if is_arrow:
            frame.this, frame.arguments, frame.home = around.this, around.arguments, around.home
        elif this in (UNDEFINED, None) and not frame.is_strict:
            frame.this = self.window
        scope = Scope(frame, code.scope, is_function=True)
        self.parameters(code.node, arguments, scope)
        if body is None:
            return UNKNOWN
        if body.type != "statement_block":
            return self.value(body, scope)
        self.execute(self, body, scope)
        return frame.returned

    def parameters(self, function: Node, arguments: list[Value], scope: Scope) -> None:
        """Bind a function's parameters."""
        name = function.child_by_field_name("parameter")
        several = function.child_by_field_name("parameters")
        patterns = [name] if name else several.named_children if several else []
        for at, pattern in enumerate(pattern for pattern in patterns if pattern.type != "comment"):
            if pattern.type == "rest_pattern":
                self.bind(pattern.named_children[0], Thing(items=arguments[at:]), scope)
            else:
                self.bind(pattern, arguments[at] if at < len(arguments) else UNDEFINED, scope)

    def bind(self, pattern: Node, value: Value, scope: Scope, *, declared: bool = True) -> None:
        """Set what a pattern names, in a scope where it is declared there."""
        match pattern.type:
            case "identifier" | "shorthand_property_identifier_pattern" if declared:
                scope.variables[text(pattern)] = value
            case "identifier" | "shorthand_property_identifier_pattern":
                self.assign(text(pattern), value, scope)
            case "member_expression" | "subscript_expression":
                self.set(*self.reference(pattern, scope), value)
            case "assignment_pattern" | "object_assignment_pattern":
                left, right = pattern.child_by_field_name("left"), pattern.child_by_field_name("right")
                if left:
                    used = self.value(right, scope) if value is UNDEFINED else value
                    self.bind(left, used, scope, declared=declared)
            case "object_pattern" | "array_pattern":
                with self.deeper() as allowed:
                    for at, part in enumerate(pattern.named_children if allowed else ()):
                        self.part(part, at, value, scope, declared=declared)
            case "parenthesized_expression":
                self.bind(pattern.named_children[0], value, scope, declared=declared)

    def part(self, part: Node, at: int, value: Value, scope: Scope, *, declared: bool) -> None:
        """Set what a part of a pattern names."""
        inner: Node | None = part
        if part.type == "rest_pattern":
            self.bind(part.named_children[0], UNKNOWN, scope, declared=declared)
            return
        if part.parent and part.parent.type == "array_pattern":
            key: Value = float(at)
        elif part.type == "pair_pattern":
            key, inner = self.key(part.child_by_field_name("key"), scope), part.child_by_field_name("value")
        else:
            named = part.child_by_field_name("left") if part.type == "object_assignment_pattern" else part
            key = text(named) if named else UNKNOWN
        if inner:
            self.bind(inner, self.get(value, key), scope, declared=declared)

    def reference(self, node: Node, scope: Scope) -> tuple[Value, Value]:
        """Return the object and the key of a property."""
        target = self.value(node.child_by_field_name("object"), scope)
        if node.type == "member_expression":
            name = node.child_by_field_name("property")
            return target, text(name) if name else UNKNOWN
        return target, self.value(node.child_by_field_name("index"), scope)

    def key(self, node: Node | None, scope: Scope) -> Value:
        """Return the name of a property in an object, a class or a pattern."""
        if node is None or node.type == "private_property_identifier":
            return None
        if node.type == "property_identifier":
            return text(node)
        return self.value(node.named_children[0] if node.type == "computed_property_name" else node, scope)


def is_strict(body: Node | None) -> bool:
    """Return whether a function's body or a script begins with "use strict" (§11.2.2)."""
    first = next((one for one in body.named_children if one.type != "comment"), None) if body else None
    return first is not None and (first.text or b"")[1:11] == b"use strict"


def text(node: Node) -> str:
    """Return a node's source."""
    return (node.text or b"").decode("utf-8", "replace")

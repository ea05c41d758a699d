"""Statements and modules (ECMAScript §14-16): what a file does when it is loaded, as far as its source says.

Loops are followed where what they go through is known; of two branches that nobody can choose from, both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from types import MappingProxyType

from tree_sitter import Node

from cdnserve.modules.js_evaluator import Evaluator, text
from cdnserve.modules.js_expressions import discard, make_class
from cdnserve.modules.js_values import (
    UNDEFINED,
    UNKNOWN,
    AnyKey,
    Code,
    Outside,
    Scope,
    Thing,
    Value,
    either,
    names_in,
    parts_of,
    same,
    truth,
    write,
)

_MOST_NAMES = 5000


class End(Enum):
    """How a statement ends."""

    NORMAL = "normal"
    RETURN = "return"
    THROW = "throw"
    BREAK = "break"
    CONTINUE = "continue"


Statement = Callable[[Evaluator, Node, Scope], End]
_LOOP_ENDS = frozenset({End.BREAK, End.CONTINUE})


def execute(run: Evaluator, block: Node, scope: Scope) -> End:
    """Follow the statements of a block, up to the first that surely leaves it."""
    statements = block.named_children
    for statement in statements:
        if statement.type in _DECLARATIONS:
            _hoist(statement, scope)
    for statement in statements:
        end = _statement(run, statement, scope)
        if end is not End.NORMAL:
            return end
    return End.NORMAL


def _hoist(statement: Node, scope: Scope) -> None:
    function = statement.child_by_field_name("declaration") if statement.type == "export_statement" else statement
    name = function.child_by_field_name("name") if function else None
    if function and name and function.type in _FUNCTIONS:
        scope.variables[text(name)] = Thing(code=Code(function, scope))


def _statement(run: Evaluator, node: Node | None, scope: Scope) -> End:
    handler = STATEMENTS.get(node.type) if node else None
    if node is None or handler is None:
        return End.NORMAL
    with run.deeper() as allowed:
        return handler(run, node, scope) if allowed else End.NORMAL


def _expression(run: Evaluator, node: Node, scope: Scope) -> End:
    for part in node.named_children:
        if part.type != "comment":
            discard(run, part, run.value(part, scope))
    return End.NORMAL


def _declare(run: Evaluator, node: Node, scope: Scope) -> End:
    target = scope.of_function() if node.type == "variable_declaration" else scope
    for declarator in node.named_children:
        name, initial = declarator.child_by_field_name("name"), declarator.child_by_field_name("value")
        if name is None:
            continue
        if initial is None and target is not scope.of_function():
            run.bind(name, UNDEFINED, target)
        elif initial is None:
            target.variables.setdefault(text(name), UNDEFINED)
        else:
            value = run.value(initial, scope)
            if name.type == "identifier" and target.is_function:
                target.variables.setdefault(text(name), UNDEFINED)
                run.assign(text(name), value, target)
            else:
                run.bind(name, value, target)
    return End.NORMAL


def _class(run: Evaluator, node: Node, scope: Scope) -> End:
    name = node.child_by_field_name("name")
    if name:
        scope.variables[text(name)] = make_class(run, node, scope)
    return End.NORMAL


def _block(run: Evaluator, node: Node, scope: Scope) -> End:
    return execute(run, node, Scope(scope.frame, scope))


def _if(run: Evaluator, node: Node, scope: Scope) -> End:
    """Follow one branch, or both; a chain of else-ifs as far as it goes."""
    is_true = truth(run.value(node.child_by_field_name("condition"), scope))
    yes, no = node.child_by_field_name("consequence"), node.child_by_field_name("alternative")
    if is_true is not None:
        return _statement(run, yes if is_true else no, scope)
    with run.doubt():
        ends = _statement(run, yes, scope), _statement(run, no, scope)
    return End.NORMAL if End.NORMAL in ends else ends[0] if ends[0] is ends[1] else End.RETURN


def _else(run: Evaluator, node: Node, scope: Scope) -> End:
    return _statement(run, next((one for one in node.named_children if one.type != "comment"), None), scope)


def _return(run: Evaluator, node: Node, scope: Scope) -> End:
    value = _first(run, node, scope, UNDEFINED)
    frame = scope.frame
    frame.returned = either(frame.returned, value) if frame.has_returned else value
    frame.has_returned = True
    return End.RETURN


def _first(run: Evaluator, node: Node, scope: Scope, default: Value) -> Value:
    part = next((one for one in node.named_children if one.type != "comment"), None)
    return run.value(part, scope) if part else default


def _throw(run: Evaluator, node: Node, scope: Scope) -> End:
    _first(run, node, scope, UNDEFINED)
    return End.THROW


def _try(run: Evaluator, node: Node, scope: Scope) -> End:
    body, handler = node.child_by_field_name("body"), node.child_by_field_name("handler")
    end = _statement(run, body, scope)
    if end is End.THROW and handler:
        end = _statement(run, handler.child_by_field_name("body"), scope)
    finalizer = node.child_by_field_name("finalizer")
    last = _statement(run, finalizer.child_by_field_name("body"), scope) if finalizer else End.NORMAL
    return end if last is End.NORMAL else last


def _switch(run: Evaluator, node: Node, scope: Scope) -> End:
    value = run.value(node.child_by_field_name("value"), scope)
    body = node.child_by_field_name("body")
    cases = [one for one in body.named_children if one.type != "comment"] if body else []
    inner = Scope(scope.frame, scope)
    begin = _case(run, value, cases, inner)
    if begin is not None:
        for case in cases[begin:]:
            end = _all(run, case.children_by_field_name("body"), inner)
            if end is not End.NORMAL:
                return End.NORMAL if end is End.BREAK else end
        return End.NORMAL
    with run.doubt():
        for case in cases:
            _all(run, case.children_by_field_name("body"), inner)
    return End.NORMAL


def _all(run: Evaluator, statements: Iterable[Node], scope: Scope) -> End:
    for statement in statements:
        end = _statement(run, statement, scope)
        if end is not End.NORMAL:
            return end
    return End.NORMAL


def _case(run: Evaluator, value: Value, cases: list[Node], scope: Scope) -> int | None:
    """Return which case is taken, the number of cases for none, `None` where nobody knows."""
    default = len(cases)
    for at, case in enumerate(cases):
        if case.type == "switch_default":
            default = at
            continue
        is_same = same(value, run.value(case.child_by_field_name("value"), scope))
        if is_same is None:
            return None
        if is_same:
            return at
    return default


def _for(run: Evaluator, node: Node, scope: Scope) -> End:
    inner = Scope(scope.frame, scope)
    initializer = node.child_by_field_name("initializer")
    if initializer and initializer.type in STATEMENTS:
        _statement(run, initializer, inner)
    elif initializer:
        run.value(initializer, inner)
    return _rounds(run, node, inner)


def _rounds(run: Evaluator, node: Node, scope: Scope) -> End:
    """Follow a loop as long as its condition surely holds, and once where nobody knows."""
    condition, body = node.child_by_field_name("condition"), node.child_by_field_name("body")
    increment = node.child_by_field_name("increment")
    is_first = node.type == "do_statement"
    for _ in run.rounds(node):
        is_true = True if is_first else _holds(run, condition, scope)
        is_first = False
        if is_true is False:
            return End.NORMAL
        if is_true is None or run.is_tired:
            break
        end = _statement(run, body, scope)
        if end not in _LOOP_ENDS and end is not End.NORMAL:
            return end
        if end is End.BREAK:
            return End.NORMAL
        if increment:
            run.value(increment, scope)
    with run.doubt():
        _statement(run, body, scope)
    return End.NORMAL


def _holds(run: Evaluator, condition: Node | None, scope: Scope) -> bool | None:
    if condition is None or condition.type == "empty_statement":
        return True
    if condition.type == "expression_statement":
        condition = condition.named_children[0]
    return truth(run.value(condition, scope))


def _for_in(run: Evaluator, node: Node, scope: Scope) -> End:
    left, body = node.child_by_field_name("left"), node.child_by_field_name("body")
    value = run.value(node.child_by_field_name("right"), scope)
    is_declared = node.child_by_field_name("kind") is not None
    known, unknown = _members(run, value) if _is_for_of(node) else keys(run, value)
    if left is None:
        return End.NORMAL
    rounds = (*((one, True) for one in known), *((one, False) for one in unknown))
    for key, is_sure in rounds:
        if run.is_tired:
            break
        inner = Scope(scope.frame, scope)
        if is_sure:
            run.bind(left, key, inner, declared=is_declared)
            end = _statement(run, body, inner)
        else:
            with run.doubt():
                run.bind(left, key, inner, declared=is_declared)
                _statement(run, body, inner)
            end = End.NORMAL
        if end is not End.NORMAL and end is not End.CONTINUE:
            return End.NORMAL if end is End.BREAK else end
    return End.NORMAL


def _is_for_of(node: Node) -> bool:
    sign = node.child_by_field_name("operator")
    return sign is not None and sign.type == "of"


def _members(_run: Evaluator, value: Value) -> tuple[list[Value], list[Value]]:
    if isinstance(value, Thing) and value.items is not None:
        return value.items[:_MOST_NAMES], [UNKNOWN] if value.is_open else []
    return [], [UNKNOWN]


def keys(run: Evaluator, value: Value) -> tuple[list[Value], list[Value]]:
    """Return the names of an object that are known, and what stands for the others."""
    if isinstance(value, Outside):
        value = run.resolve(run, value)
    if isinstance(value, Thing):
        indices = [str(at) for at in range(len(value.items or []))]
        others = [AnyKey(one) for one, _ in parts_of(value) if isinstance(one, Outside)]
        known = list(dict.fromkeys((*indices, *names_in(value))))[:_MOST_NAMES]
        return list(known), [*others, *([AnyKey(UNKNOWN)] if value.is_open else [])]
    return ([], [AnyKey(value)]) if isinstance(value, Outside) or value is UNKNOWN else ([], [])


def _labeled(run: Evaluator, node: Node, scope: Scope) -> End:
    return _statement(run, node.child_by_field_name("body"), scope)


def _import(_run: Evaluator, node: Node, scope: Scope) -> End:
    source = node.child_by_field_name("source")
    clause = next((one for one in node.named_children if one.type == "import_clause"), None)
    if source is None or clause is None:
        return End.NORMAL
    outside = Outside(scope.frame.module, text(source)[1:-1])
    for part in clause.named_children:
        match part.type:
            case "identifier":
                scope.variables[text(part)] = Outside(outside.importer, outside.specifier, ("default",))
            case "namespace_import":
                scope.variables[text(part.named_children[0])] = outside
            case "named_imports":
                for name, alias in map(_names, part.named_children):
                    scope.variables[alias] = Outside(outside.importer, outside.specifier, (name,))
    return End.NORMAL


def _names(specifier: Node) -> tuple[str, str]:
    name, alias = specifier.child_by_field_name("name"), specifier.child_by_field_name("alias")
    first = text(name).strip("\"'") if name else ""
    return first, text(alias).strip("\"'") if alias else first


def _export(run: Evaluator, node: Node, scope: Scope) -> End:
    exports = scope.variables.get("exports")
    write(exports, "__esModule", value=True, hidden=True)
    source, declaration = node.child_by_field_name("source"), node.child_by_field_name("declaration")
    outside = Outside(scope.frame.module, text(source)[1:-1]) if source else None
    is_default = any(child.type == "default" for child in node.children[:2])
    if declaration:
        before = set(scope.variables)
        _hoist(declaration, scope)
        _statement(run, declaration, scope)
        declared = _declared(declaration) or set(scope.variables) - before
        for name in ["default"] if is_default else declared:
            write(exports, name, scope.variables.get(name, UNKNOWN))
    elif is_default:
        write(exports, "default", run.value(node.child_by_field_name("value"), scope))
    else:
        _export_list(node, outside, exports, scope)
    return End.NORMAL


def _declared(declaration: Node) -> list[str]:
    name = declaration.child_by_field_name("name")
    return [text(name)] if name else _bound(declaration)


def _bound(pattern: Node) -> list[str]:
    names = []
    waiting = [pattern]
    while waiting:
        node = waiting.pop()
        match node.type:
            case "identifier" | "shorthand_property_identifier_pattern":
                names.append(text(node))
            case "variable_declarator":
                waiting += [one for one in [node.child_by_field_name("name")] if one]
            case "assignment_pattern" | "object_assignment_pattern":
                waiting += [one for one in [node.child_by_field_name("left")] if one]
            case "pair_pattern":
                waiting += [one for one in [node.child_by_field_name("value")] if one]
            case _:
                waiting += reversed(node.named_children)
    return names


def _export_list(node: Node, outside: Outside | None, exports: Value, scope: Scope) -> None:
    for part in node.named_children:
        if part.type == "namespace_export" and outside:
            write(exports, text(part.named_children[0]).strip("\"'"), outside)
        elif part.type == "export_clause":
            for name, alias in map(_names, part.named_children):
                holder = scope.variables.get(name, UNKNOWN)
                value = Outside(outside.importer, outside.specifier, (name,)) if outside else holder
                write(exports, alias, value)
    if outside and any(child.type == "*" for child in node.children[:2]):
        write(exports, AnyKey(outside), UNKNOWN)


_FUNCTIONS = frozenset({"function_declaration", "generator_function_declaration"})
_DECLARATIONS = frozenset({*_FUNCTIONS, "export_statement"})

STATEMENTS: Mapping[str, Statement] = MappingProxyType(
    {
        "expression_statement": _expression,
        "variable_declaration": _declare,
        "lexical_declaration": _declare,
        "class_declaration": _class,
        "statement_block": _block,
        "if_statement": _if,
        "else_clause": _else,
        "return_statement": _return,
        "throw_statement": _throw,
        "try_statement": _try,
        "switch_statement": _switch,
        "for_statement": _for,
        "for_in_statement": _for_in,
        "while_statement": _rounds,
        "do_statement": _rounds,
        "labeled_statement": _labeled,
        "break_statement": lambda _run, _node, _scope: End.BREAK,
        "continue_statement": lambda _run, _node, _scope: End.CONTINUE,
        "import_statement": _import,
        "export_statement": _export,
    }
)

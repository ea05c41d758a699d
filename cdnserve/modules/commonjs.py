"""CommonJS (Node.js, "Modules: CommonJS modules"): the names that a module exports, from its source alone.

Never runs anything: assignments, wrappers and the helpers of compilers are followed in a bounded number of steps. The
module is taken as a browser's, in production.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from tree_sitter import Node

from cdnserve.modules.js_builtins import NATIVES
from cdnserve.modules.js_evaluator import Evaluator, is_strict, text
from cdnserve.modules.js_expressions import EXPRESSIONS
from cdnserve.modules.js_parser import Script, parse_lazily
from cdnserve.modules.js_statements import execute
from cdnserve.modules.js_values import (
    UNDEFINED,
    UNKNOWN,
    Frame,
    LaterCall,
    Outside,
    Scope,
    Thing,
    Value,
    truth,
)

MOST_NAMES = 20_000
_LARGEST = 2**24
_MOST_MODULES = 1000
_LONGEST_CHAIN = 100
_DEPTH_OF_A_MODULE = 6
_MARK = "__esModule"


@dataclass(frozen=True, slots=True)
class LoadedModule:
    """A module that another requires: `path` tells it from all others, and its end says whether it is JSON."""

    path: str
    source: bytes


Load = Callable[[str, str], LoadedModule | None]


@dataclass(frozen=True, slots=True)
class NamedExports:
    """The names that a CommonJS module exports, in their order, without `__esModule`.

    `default` is among them where it is exported under that name. `passed` are the specifiers whose names are exported,
    too, and could not be loaded. It `is_es_module` where it sets `__esModule`, or is one.
    """

    names: tuple[str, ...] = ()
    is_es_module: bool = False
    passed: tuple[str, ...] = ()


def named_exports(source: str | bytes, path: str = "", load: Load = lambda _importer, _specifier: None) -> NamedExports:
    """Return the names that a module exports; `load` returns what a module (by its path) requires (by a specifier).

    >>> named_exports("exports.a = 1; module.exports.b = function () {}").names
    ('a', 'b')
    >>> named_exports("module.exports = {...require('./c'), d: 1}")
    NamedExports(names=('d',), is_es_module=False, passed=('./c',))
    """
    data = source if isinstance(source, bytes) else source.encode("utf-8", "replace")
    modules = _Modules(load)
    return modules.exported(modules.add(LoadedModule(path, data)))


# What stands in these may never run, or somebody may catch what it throws.
_MAY_NOT_RUN = re.compile(
    "(?:generator_|arrow_)?function|(?:function|generator_function|class)_(?:declaration|expression)|method_definition"
    "|class|(?:try|if|switch|while|do|for|for_in)_statement|ternary_expression"
)


def required_at_load(source: bytes) -> frozenset[str]:
    """Return what a module can't load without: what it requires in no function, under no condition, in no `try`.

    >>> sorted(required_at_load(b"var a = f(require('a')); try { require('b') } catch {} x && require('c')"))
    ['a']
    """
    script = parse_lazily(source)
    found: set[str] = set()
    waiting = [script.root]
    while waiting:
        node = waiting.pop()
        if node.type == "call_expression" and (specifier := _required(node)):
            found.add(specifier)
        waiting += _surely_run(node)
    return frozenset(found)


def _surely_run(node: Node) -> list[Node]:
    """Return the parts of a syntax tree's node that run whenever it does."""
    if node.type == "if_statement":
        # Who bundles takes the one branch, and drops the other.
        condition = node.child_by_field_name("condition")
        return node.named_children if condition and b"process.env.NODE_ENV" in (condition.text or b"") else []
    operator = node.child_by_field_name("operator")
    if operator and operator.type in ("&&", "||", "??"):
        return node.named_children[:1]
    return [] if _MAY_NOT_RUN.fullmatch(node.type) else node.named_children


def _required(call: Node) -> str:
    """Return what a call requires by a name that stands there, `""` for nothing."""
    function, arguments = call.child_by_field_name("function"), call.child_by_field_name("arguments")
    is_require = function is not None and function.text == b"require"
    first = arguments.named_children[0] if is_require and arguments and arguments.named_children else None
    return text(first)[1:-1] if first is not None and first.type == "string" else ""


class _Modules:
    """The modules that are read together, each once."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.known: dict[str, Thing] = {}
        self.scripts: list[Script] = []
        self.results: dict[LaterCall, Value] = {}
        self.found: dict[tuple[str, str], LoadedModule | None] = {}
        self.run = Evaluator(EXPRESSIONS, execute, self.resolve, NATIVES)

    def add(self, loaded: LoadedModule) -> Value:
        """Return what a module exports: if it is being read already, what it has exported until now."""
        if loaded.path not in self.known:
            exports = Thing()
            self.run.exports.add(id(exports))
            module = self.known[loaded.path] = Thing(names={"exports": exports})
            self.run.size += len(loaded.source)
            if self.run.size <= _LARGEST and len(self.known) <= _MOST_MODULES:
                with self.run.deeper(_DEPTH_OF_A_MODULE) as allowed:
                    if allowed:
                        self.read(loaded, module)
        return self.known[loaded.path].names["exports"]

    def read(self, loaded: LoadedModule, module: Thing) -> None:
        if loaded.path.endswith(".json"):
            module.names["exports"] = _json(loaded.source)
            return
        exports = module.names["exports"]
        script = parse_lazily(loaded.source)
        # While the tree is there, nothing else has the ids of its nodes.
        self.scripts.append(script)
        self.run.functions |= script.functions
        root = script.root
        frame = Frame(exports, [], loaded.path, self.run.doubts, is_strict=is_strict(root))
        execute(self.run, root, Scope(frame, None, is_function=True, variables={"module": module, "exports": exports}))
        self.complete(loaded, module)

    def complete(self, loaded: LoadedModule, module: Thing) -> None:
        """Read all that a module requires where it exports what another one made: they may add to that."""
        if isinstance(module.names["exports"], Outside):
            for specifier in self.run.required.get(loaded.path, []):
                self.resolve(self.run, Outside(loaded.path, specifier))

    def resolve(self, _run: Evaluator, outside: Outside) -> Value:
        """Return what another module exports, or what a path of names leads to in it; itself where that is unknown."""
        value: Value = outside
        for _ in range(_LONGEST_CHAIN):
            if not isinstance(value, Outside) or (loaded := self.loaded(value)) is None:
                return value
            with self.run.deeper(_DEPTH_OF_A_MODULE) as allowed:
                value = self.walk(value, self.add(loaded)) if allowed else UNKNOWN
        return UNKNOWN

    def walk(self, outside: Outside, value: Value) -> Value:
        """Return what a path leads to; each call in it is followed once."""
        this: Value = UNDEFINED
        for step in outside.path:
            if isinstance(step, str):
                this, value = value, self.run.get(value, step)
            else:
                if step not in self.results:
                    self.results[step] = UNKNOWN  # while it is followed
                    self.results[step] = self.run.call(value, this, list(step.arguments))
                this, value = UNDEFINED, self.results[step]
        return value

    def loaded(self, outside: Outside) -> LoadedModule | None:
        place = (outside.importer, outside.specifier)
        if place not in self.found:
            self.found[place] = self.load(*place)
        return self.found[place]

    def exported(self, value: Value) -> NamedExports:
        names: dict[str, None] = {}
        passed: dict[str, None] = {}
        for one, copied in self.parts(value):
            if isinstance(one, Outside):
                passed[one.specifier] = None
            elif isinstance(one, Thing):
                names |= dict.fromkeys(_names(one, copied=copied))
        is_es_module = truth(self.run.get(value, _MARK)) is True
        return NamedExports(tuple(islice(names, MOST_NAMES)), is_es_module, tuple(passed))

    def parts(self, value: Value) -> Iterator[tuple[Value, bool]]:
        """Yield a value and all that it has names of, each once, and whether these are copied."""
        waiting = [(value, False)]
        seen: set[tuple[object, bool]] = set()
        while waiting:
            one, copied = waiting.pop()
            one = self.resolve(self.run, one) if isinstance(one, Outside) else one
            mark = (one if isinstance(one, Outside) else id(one), copied)
            if mark not in seen:
                seen.add(mark)
                yield one, copied
                if isinstance(one, Thing):
                    waiting += ((other, copied or now) for other, now in reversed(one.others))


def _names(thing: Thing, *, copied: bool) -> Iterator[str]:
    for name in thing.names:
        is_left_out = name == _MARK or name in thing.hidden or (copied and name == "default")
        if not is_left_out and is_name(name):
            yield name


def is_name(text: str) -> bool:
    """Return whether a text is a name that `export {x as …}` can have without quotes (ECMAScript §12.7).

    >>> is_name("$a1"), is_name("default"), is_name("a-b"), is_name("")
    (True, True, False, False)
    """
    return text.replace("$", "_").isidentifier()


def _json(source: bytes) -> Value:
    try:
        read = json.loads(source)
    except (ValueError, RecursionError):
        return UNKNOWN
    return Thing(names=dict.fromkeys(read, UNKNOWN)) if isinstance(read, dict) else UNKNOWN

"""The regular expressions of a package: where they stand, how they are used, and what they would be slow on.

Finds every one by itself: those that modules hold as they are imported, and those in calls of `re` by the syntax tree.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import random
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

# Python's own parser of patterns, which typeshed does not describe.
codes: Any = importlib.import_module("re._constants")
parser: Any = importlib.import_module("re._parser")
METHODS = {"match": "match", "fullmatch": "fullmatch", "search": "search"} | dict.fromkeys(
    ("findall", "finditer", "split", "sub", "subn"), "finditer"
)
# Where it is not known what a pattern is used for, it may be searched for, which is the dearest.
UNKNOWN = frozenset({"finditer", "search"})
NEVER_RIGHT = {codes.POSSESSIVE_REPEAT, codes.ATOMIC_GROUP}
REPEATS = {codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT}
MANY = 16
LETTERS = "".join(map(chr, range(0x100))) + "\u0131\u2028\ud800"


@dataclass(frozen=True, slots=True)
class Found:
    """A pattern, where it stands, and the ways of matching that it is used with."""

    where: str
    pattern: re.Pattern[Any]
    methods: frozenset[str]

    @property
    def module(self) -> str:
        """The module that it stands in."""
        return module_of(self.where)


@dataclass(frozen=True, slots=True)
class Made:
    """A call of `re` whose pattern is made while the program runs: only a table can say what it looks like."""

    where: str
    written: str

    @property
    def module(self) -> str:
        """The module that it stands in."""
        return module_of(self.where)


def module_of(where: str) -> str:
    """Return the module of a name in it (`module.NAME`) or of a function (`module:function`)."""
    module, in_function, _ = where.partition(":")
    return module if in_function else where.rpartition(".")[0]


def modules_of(package: ModuleType) -> Iterator[ModuleType]:
    """Yield a package and every module in it."""
    yield package
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not info.name.endswith("__main__"):
            yield importlib.import_module(info.name)


def patterns_of(package: ModuleType) -> tuple[list[Found], list[Made]]:
    """Find every pattern in a package, and every call whose pattern can't be read from the source."""
    modules = list(modules_of(package))
    trees = {module.__name__: tree_of(module) for module in modules}
    held = {module.__name__: dict(held_by(module)) for module in modules}
    ways: dict[int, set[str]] = {}
    for module in modules:
        own = held[module.__name__]
        for used, matching in uses_of(trees[module.__name__], set(own)):
            for pattern in own[used]:
                ways.setdefault(id(pattern), set()).update(matching)
    first = {
        id(pattern): Found(f"{module}.{name}", pattern, frozenset(ways.get(id(pattern), UNKNOWN)))
        for module, names in reversed(held.items())
        for name, several in names.items()
        for pattern in several
    }
    found = list(first.values())
    made: list[Made] = []
    for module in modules:
        for one in calls_of(module.__name__, trees[module.__name__]):
            (found if isinstance(one, Found) else made).append(one)  # type: ignore[arg-type]
    return found, made


def tree_of(module: ModuleType) -> ast.AST:
    """Read a module's source."""
    assert module.__file__
    with open(module.__file__, "rb") as file:
        return ast.parse(file.read())


def held_by(module: ModuleType) -> Iterator[tuple[str, list[re.Pattern[Any]]]]:
    """Yield the patterns that a module or a class in it holds, by name, also those within its tables."""
    for name, value in vars(module).items():
        inner = vars(value).values() if isinstance(value, type) and value.__module__ == module.__name__ else [value]
        if several := [pattern for one in inner for pattern in within(one)]:
            yield name, several


def within(value: object) -> Iterator[re.Pattern[Any]]:
    """Yield the patterns in a value: itself, or in the tables that it is made of."""
    match value:
        case re.Pattern():
            yield value
        case dict():
            yield from (pattern for part in value.items() for pattern in within(part))
        case list() | tuple() | set() | frozenset():
            yield from (pattern for part in value for pattern in within(part))


def uses_of(tree: ast.AST, patterns: set[str]) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield name and ways of matching of each pattern that a module uses."""
    asked: dict[str, set[str]] = {}
    direct = set()
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if attribute in METHODS:
                if attribute == "split" and name not in patterns:
                    continue  # texts have a method of that name, too
                asked.setdefault(name, set()).add(METHODS[attribute])
                direct.add(id(node.value))
    # A pattern that is handed on, or taken from a table, is used as the module uses those that have other names.
    others = frozenset(way for name, ways in asked.items() if name not in patterns | {"re"} for way in ways) or UNKNOWN
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in patterns:
            yield node.id, frozenset(asked[node.id]) if id(node) in direct else others


def calls_of(module: str, tree: ast.AST) -> Iterator[Found | Made]:
    """Yield the patterns that calls of `re` in functions hold or make; those of the module itself are held."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        for node in ast.walk(function):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr=attribute), args=[first, *rest]):
                    if attribute in METHODS or attribute == "compile":
                        ways = frozenset({METHODS[attribute]}) if attribute in METHODS else UNKNOWN
                        yield called(f"{module}:{getattr(function, 'name', 'lambda')}", first, [*rest, node], ways)


def called(where: str, first: ast.expr, others: list[Any], ways: frozenset[str]) -> Found | Made:
    """Return a call's pattern where it is written down, with its flags."""
    if not (isinstance(first, ast.Constant) and isinstance(first.value, str | bytes)):
        return Made(where, ast.unparse(first))
    written = [ast.unparse(one) for one in [*others[:-1], *(keyword.value for keyword in others[-1].keywords)]]
    flags = re.RegexFlag(0)
    for name in re.findall(r"\bre\.([A-Z]+)\b", " ".join(written)):
        flags |= re.RegexFlag[name]
    return Found(where, re.compile(first.value, flags), ways)


def operations(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each operation of a parsed pattern with its arguments, however deep."""
    for operation, argument in tree:
        yield operation, argument
        yield from (inner for part in parts(argument) for inner in operations(part))


def parts(argument: Any) -> Iterator[Any]:
    """Yield the parsed patterns within an operation's arguments."""
    if isinstance(argument, parser.SubPattern):
        yield argument
    elif isinstance(argument, tuple | list):
        yield from (part for one in argument for part in parts(one))


def parsed(pattern: re.Pattern[Any]) -> Any:
    """Parse a compiled pattern again."""
    flags = pattern.flags & ~re.UNICODE if isinstance(pattern.pattern, bytes) else pattern.flags
    return parser.parse(pattern.pattern, flags)


def is_never_right(pattern: re.Pattern[Any]) -> bool:
    """Return whether a pattern has a possessive repeat or an atomic group, which CPython 3.11.2 gets wrong."""
    return any(operation in NEVER_RIGHT for operation, _ in operations(parsed(pattern)))


@dataclass(frozen=True, slots=True)
class Pump:
    """What is repeated, with what stands before and after it."""

    before: str
    repeated: str
    after: str

    def text(self, size: int) -> str:
        """Return a text of about that many characters."""
        return self.before + self.repeated * (size // len(self.repeated)) + self.after


def pumps(pattern: re.Pattern[Any]) -> list[Pump]:
    """Derive from a pattern's own structure what might make it slow."""
    tree = parsed(pattern)
    samples = Samples(pattern.flags)
    words: set[tuple[str, str]] = set()
    letters = samples.alphabet(tree)
    for before, body in repeats(tree, samples, ""):
        inner = {samples.of(body) for _ in range(6)}
        words |= {(before, word) for word in (inner | letters) if word}
        words |= {("", before + word) for word in {"", *inner} if before + word}
    endings = ["", "\x00", "!", "\n\x00", *sorted(samples.of(tree) for _ in range(2))]
    return [Pump(before, word, after) for before, word in sorted(words) for after in dict.fromkeys(endings)]


def repeats(tree: Any, samples: Samples, before: str) -> Iterator[tuple[str, Any]]:
    """Yield what each repeat of a pattern repeats, and a text that leads to it."""
    for operation, argument in tree:
        if operation in REPEATS and (argument[1] is codes.MAXREPEAT or argument[1] >= MANY):
            yield before, argument[2]
        for part in parts(argument):
            yield from repeats(part, samples, before)
        before += samples.of([(operation, argument)])


class Samples:
    """Makes texts that a parsed pattern matches; the same ones each time."""

    def __init__(self, flags: int) -> None:
        self.random = random.Random(9)
        self.flags = flags & (re.IGNORECASE | re.ASCII | re.DOTALL)
        self.groups: dict[int, str] = {}
        self.sets: dict[str, list[str]] = {}

    def of(self, tree: Any) -> str:
        """Return a text that the pattern may match; what looks ahead or behind adds nothing."""
        return "".join(self.one(operation, argument) for operation, argument in tree)

    def one(self, operation: Any, argument: Any) -> str:
        """Return a text for one operation."""
        match str(operation):
            case "LITERAL":
                return chr(argument)
            case "NOT_LITERAL" | "IN" | "ANY":
                return self.random.choice(self.members(operation, argument))
            case "BRANCH":
                return self.of(self.random.choice(argument[1]))
            case "SUBPATTERN":
                self.groups[argument[0]] = self.of(argument[-1])
                return self.groups[argument[0]]
            case "ATOMIC_GROUP":
                return self.of(argument)
            case "GROUPREF":
                return self.groups.get(argument, "")
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                least, most, body = argument
                count = self.random.randint(least, max(least, min(int(most), least + 2)))
                return "".join(self.of(body) for _ in range(count))
            case _:
                return ""

    def members(self, operation: Any, argument: Any) -> list[str]:
        """List the letters that a set matches."""
        if operation is codes.ANY:
            return ["a", " "] if not self.flags & re.DOTALL else ["a", "\n"]
        if operation is codes.NOT_LITERAL:
            return [letter for letter in LETTERS if letter != chr(argument)]
        if (written := str(argument)) not in self.sets:
            self.sets[written] = [letter for letter in LETTERS if self.holds(argument, letter)] or [""]
        return self.sets[written]

    def holds(self, items: Any, letter: str) -> bool:
        """Return whether a set holds a letter."""
        negated, held = False, False
        for operation, argument in items:
            match str(operation):
                case "NEGATE":
                    negated = True
                case "LITERAL":
                    held |= letter == chr(argument)
                case "RANGE":
                    held |= argument[0] <= ord(letter) <= argument[1]
                case "CATEGORY":
                    held |= bool(re.fullmatch(CATEGORIES[str(argument)], letter, self.flags))
        return held != negated

    def alphabet(self, tree: Any) -> set[str]:
        """Return a letter for each combination of the pattern's sets and letters that some letter is in."""
        tests: list[Callable[[str], bool]] = []
        for operation, argument in operations(tree):
            if operation is codes.LITERAL:
                tests.append(chr(argument).__eq__)
            elif operation is codes.IN:
                tests.append(set(self.members(operation, argument)).__contains__)
        return set({tuple(test(letter) for test in tests): letter for letter in reversed(LETTERS)}.values())


CATEGORIES = {
    "CATEGORY_DIGIT": r"\d",
    "CATEGORY_NOT_DIGIT": r"\D",
    "CATEGORY_SPACE": r"\s",
    "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w",
    "CATEGORY_NOT_WORD": r"\W",
}


SIZES = (1024, 4096)
NOISE = 100_000  # ns: what takes no longer is not told apart from a context switch
LONGEST = 65_536  # characters: more are not needed to tell it apart
LINEAR = 8  # times the time for four times the text: 4 where it is linear, 16 where it is quadratic
TRIES = 2
PATIENCE = 4  # seconds of a processor, also while lines are measured: that long takes only what is cubic or worse


def grows(run: Callable[[str], object], text: Callable[[int], str], sizes: tuple[int, int] = SIZES) -> str:
    """Return how the time of a function grows where that is faster than its text; empty where it is linear.

    One look is enough where it is fast, or not much slower for the larger text. What seems slow has to be it again,
    twice in a row, each time for four times the text, in runs that take long enough to be compared.
    """
    size, large = sizes
    with interruptible():
        try:
            if taken(run, text(large)) <= 4 * NOISE or ratio_of(run, text(size), text(large)) <= LINEAR:
                return ""
            size //= 16
            while size < LONGEST and taken(run, text(size)) < NOISE:
                size *= 2
            told = [ratio_of(run, text(small), text(small * 4)) for small in (size, size * 4)]
        except TooSlow as slow:
            return f"it does not end for {slow} characters"
    return f"{told} times the time for four times {size} characters, and again" if min(told) > LINEAR else ""


def ratio_of(run: Callable[[str], object], small: str, large: str) -> float:
    """Return how much more time the larger text takes.

    A comparison that fails is made again, each time with the fastest runs so far: noise only ever adds.
    """
    fast, slow = taken(run, small), taken(run, large)
    for _ in range(TRIES):
        if slow <= LINEAR * fast:
            break
        fast, slow = min(fast, taken(run, small)), min(slow, taken(run, large))
    return round(slow / fast, 1)


def taken(run: Callable[[str], object], text: str) -> int:
    """Return the processor time that a run takes, in nanoseconds."""
    signal.setitimer(signal.ITIMER_VIRTUAL, PATIENCE)
    try:
        begin = time.thread_time_ns()
        run(text)
        return time.thread_time_ns() - begin
    except TooSlow:
        raise TooSlow(len(text)) from None
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


class TooSlow(Exception):
    """A match was given up; no text of these sizes takes a linear pattern that long."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Have the timer give up what runs."""

    def stop(*_: object) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGVTALRM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGVTALRM, before)


def runner(pattern: re.Pattern[Any], way: str) -> Callable[[str], object]:
    """Return a function that has a pattern match a text; of octets where the pattern is."""
    matching = getattr(pattern, way)
    taking = (
        (lambda text: matching(text.encode("latin-1", "replace"))) if isinstance(pattern.pattern, bytes) else matching
    )
    return (lambda text: sum(1 for _ in taking(text))) if way == "finditer" else taking


def slow(found: Found) -> str:
    """Tell on what text a pattern takes more than linear time; empty where there is none."""
    for way in sorted(found.methods):
        run = runner(found.pattern, way)
        for pump in pumps(found.pattern):
            if told := grows(run, pump.text):
                return f"{found.where} .{way} {pump}: {told}"
    return ""

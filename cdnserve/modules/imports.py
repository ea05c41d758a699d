"""Modules (ECMAScript §16.2, §13.3.10): what JavaScript imports, and whether it is a module at all.

Never takes more than linear time: it reads tokens, and of the grammar only what decides where an import or export may
stand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

LARGEST = 2**24
"""The most characters that are read; a larger file is told as one that is not read to its end."""

_BYTE_ORDER_MARK = "\ufeff"
# Where none of these stands there is nothing to be read: not in what says exports, as UMD does, or asks for a process.
_HINT = re.compile(r"(?<![\w$])(?:(?:im|ex)port(?![\w$])|process\s*\??\.\s*env(?![\w$]))")

# What may change how the rest is read; between two of these stand only words, numbers and operators.
_STOP = re.compile(r"[\"'`/(){}\[\]]|(?<![\w$])(?:import|export|process)(?![\w$])")
_LINE = r"[^\n\r\u2028\u2029]*"
_COMMENT = re.compile(rf"//{_LINE}|/\*[^*]*(?:\*(?!/)[^*]*)*(?P<end>\*/)?")
_BLANKS = re.compile(rf"(?:\s|//{_LINE}|/\*[^*]*(?:\*(?!/)[^*]*)*\*/)*")
_STRINGS = {
    quote: re.compile(
        rf"{quote}(?P<text>[^{quote}\\\n\r]*(?:\\(?:\r\n|.)[^{quote}\\\n\r]*)*)(?P<end>{quote})?", re.DOTALL
    )
    for quote in ('"', "'")
}
_TEMPLATE = re.compile(r"(?P<text>[^`\\$]*(?:(?:\\.|\$(?!\{))[^`\\$]*)*)(?P<end>`|\$\{)?", re.DOTALL)
_REGEX = re.compile(r"/[^/\\\[\n\r]*(?:(?:\\.|\[[^\]\\\n\r]*(?:\\.[^\]\\\n\r]*)*\])[^/\\\[\n\r]*)*/[\w$]*")
_LINE_END = re.compile(r"[\n\r\u2028\u2029]|\Z")
_ENDING = re.compile(r"(?P<before>[.#]?)(?P<word>[\w$]{1,12})\Z")
_LONGEST_KEYWORD = len("instanceof")

_WORD = re.compile(r"(?:[\w$]|\\u[0-9A-Fa-f]{4}|\\u\{[0-9A-Fa-f]{1,6}\})+")
_EXPORTED = re.compile(r"@|(?:default|const|let|var|function|class|async|enum)(?![\w$])")
_ENVIRONMENT = re.compile(r"\s*\??\.\s*env(?![\w$])")
_META = re.compile(r"meta(?![\w$])")
_PHASE = re.compile(r"(?:defer|source)(?![\w$])")
# import defer a, * as b from "c": more words than these no declaration has outside its braces.
_LONGEST_CLAUSE = 8

# Behind these an expression begins, so that a slash begins a regular expression (§12, InputElementRegExp).
_OPERATORS = frozenset(
    "return typeof case in of delete void throw new do else instanceof yield await default extends".split()  # noqa: SIM905
)
_CONDITIONS = frozenset(("if", "while", "for", "with"))
_PAIRS = {")": "(", "]": "[", "}": "{"}
_ALONE = frozenset("\"'`[)]}")

_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(\r\n|.))", re.DOTALL)
_LAST_CODE_POINT = 0x10FFFF


@dataclass(frozen=True, slots=True)
class Imports:
    """What one file imports, specifiers in their order, each once.

    `static` load before the file runs, from those in `named` it takes a name, and of `stars` it exports all (§16.2.3);
    `dynamic` are `import("…")`.
    `computed` counts the `import(…)` whose specifier only the running program knows. `is_module` is false for what says
    nothing that only a module may say. `flaw` is the place, in characters, from which on it is no JavaScript or too
    large to be read, `None` where there is none: imports behind it may be missing. It `needs_bundler`
    where it reads `process.env` without asking first whether there is a `process`.
    """

    static: tuple[str, ...] = ()
    dynamic: tuple[str, ...] = ()
    computed: int = 0
    is_module: bool = False
    flaw: int | None = None
    needs_bundler: bool = False
    named: frozenset[str] = frozenset()
    stars: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Return whether all of it could be read."""
        return self.flaw is None


def read_imports(source: str | bytes) -> Imports:
    """Read what JavaScript imports and from where it exports again.

    >>> read_imports("import a, {b} from 'a'; export * from './b.js'; /* import 'c' */ import('d')").static
    ('a', './b.js')
    >>> read_imports("export * from 'a'; export * as b from 'b'; export { c } from 'c'").stars
    ('a',)
    """
    # A module is UTF-8 always, and a byte order mark is dropped (HTML, fetch a single module script).
    text = source if isinstance(source, str) else source.decode("utf-8", "replace")
    if len(text) > LARGEST:
        return Imports(flaw=LARGEST)
    if not _HINT.search(text):
        return Imports()
    reader = _Reader(text)
    reader.read()
    return Imports(
        static=tuple(dict.fromkeys(reader.static)),
        dynamic=tuple(dict.fromkeys(reader.dynamic)),
        computed=reader.computed,
        is_module=reader.is_module,
        flaw=reader.flaw,
        needs_bundler=reader.reads_environment and "typeof process" not in text,
        named=frozenset(reader.named),
        stars=tuple(dict.fromkeys(reader.stars)),
    )


def looks_like_module(source: str) -> bool:
    """Return whether the source holds an import or export declaration, or `import.meta`: it needs `type=module`.

    >>> looks_like_module("const a=1;export{a as b};"), looks_like_module("/* export {} */ import('./x.js')")
    (True, False)
    """
    return read_imports(source).is_module


class _Bracket(NamedTuple):
    """An open bracket, and whether what stands behind its end is an operand: a slash divides it then."""

    sign: str
    at: int
    is_operand: bool
    is_import: bool = False


class _Reader:
    """One pass over a source; `at` is the offset of what comes next, and `last` the token before it."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.at = len(_BYTE_ORDER_MARK) if source.startswith(_BYTE_ORDER_MARK) else 0
        self.last = ""
        self.brackets: list[_Bracket] = []
        self.is_operand = False
        self.no_regex_before = 0
        self.static: list[str] = []
        self.named: list[str] = []
        self.stars: list[str] = []
        self.dynamic: list[str] = []
        self.computed = 0
        self.is_module = False
        self.flaw: int | None = None
        self.reads_environment = False

    def read(self) -> None:
        if self.source.startswith("#!", self.at):
            self.skip_line()
        while stop := _STOP.search(self.source, self.at):
            sign, at = stop[0], stop.start()
            # Of the others it doesn't matter what stands before.
            if sign not in _ALONE and self.at < at:
                self.pass_over(self.source[self.at : at])
            self.at = stop.end()
            self.take(sign)
        if self.brackets:
            self.fault(self.brackets[0].at)

    def fault(self, at: int) -> None:
        """Note where the source is no JavaScript; the first place counts."""
        self.flaw = at if self.flaw is None else min(at, self.flaw)

    def pass_over(self, text: str) -> None:
        """Note the token that ends a run of words, numbers and operators."""
        text = text.rstrip()
        if not text:
            return
        ending = _ENDING.search(text[-_LONGEST_KEYWORD - 2 :])
        if ending:
            # What is named behind a dot is a property, whatever its name is.
            self.token(ending[0], is_operand=bool(ending["before"]) or ending["word"] not in _OPERATORS)
        else:
            self.token(
                "..." if text.endswith("...") else text[-1],
                is_operand=text.endswith(("++", "--")) or (text[-1] == "." and text[-2:-1].isdigit()),
            )

    def token(self, token: str, *, is_operand: bool) -> None:
        self.last, self.is_operand = token, is_operand

    def take(self, sign: str) -> None:
        match sign:
            case "(" | "[" | "{":
                self.bracket(sign)
            case ")" | "]" | "}":
                self.end_bracket(sign)
            case '"' | "'":
                found = _STRINGS[sign].match(self.source, self.at - 1)
                self.literal(found.end() if found else self.at, is_whole=bool(found and found["end"]))
            case "`":
                self.template()
            case "/":
                self.slash()
            case _ if self.last in (".", "#"):
                self.token(f".{sign}", is_operand=True)
            case _:
                self.keyword(sign)

    def template(self) -> None:
        """Take a template up to its next hole or its end."""
        found = _TEMPLATE.match(self.source, self.at)
        end = found["end"] if found else None
        self.literal(found.end() if found else self.at, is_whole=bool(end))
        if end == "${":
            self.brackets.append(_Bracket("${", self.at - 2, is_operand=True))
            self.token("(", is_operand=False)

    def literal(self, end: int, *, is_whole: bool) -> None:
        if not is_whole:
            self.fault(self.at - 1)
        self.at = end
        self.token('"', is_operand=True)

    def slash(self) -> None:
        begin = self.at - 1
        if comment := _COMMENT.match(self.source, begin):
            self.at = comment.end()
            if not comment["end"] and not comment[0].startswith("//"):
                self.fault(begin)
        elif self.is_operand or begin < self.no_regex_before:
            self.token("/", is_operand=False)
        elif regex := _REGEX.match(self.source, begin):
            self.literal(regex.end(), is_whole=True)
        else:
            # No regular expression ends on this line: it divides, and so do the others of the line.
            self.no_regex_before = self.line_end()
            self.token("/", is_operand=False)

    def line_end(self) -> int:
        found = _LINE_END.search(self.source, self.at)
        return found.start() if found else len(self.source)

    def skip_line(self) -> None:
        self.at = self.line_end()

    def bracket(self, sign: str, *, is_import: bool = False) -> None:
        is_statement = self.last in _CONDITIONS if sign == "(" else sign == "{" and self.begins_block()
        self.brackets.append(_Bracket(sign, self.at - 1, not is_statement, is_import))
        self.token(sign, is_operand=False)

    def begins_block(self) -> bool:
        """Return whether a brace begins a block here, and no object."""
        is_word = self.last[-1:].isalnum() or self.last[-1:] in ("_", "$")
        if is_word:
            return self.last not in _OPERATORS or self.last in ("else", "do")
        return self.last in ("", ";", ")", ">", "{", "}")

    def end_bracket(self, sign: str) -> None:
        bracket = self.brackets.pop() if self.brackets else _Bracket("", self.at, is_operand=True)
        if bracket.sign == "${" and sign == "}":
            self.template()
            return
        if bracket.sign != _PAIRS[sign]:
            self.fault(self.at - 1)
        self.token(sign, is_operand=bracket.is_operand)
        # With a body behind it, it was a method that is named import.
        if bracket.is_import and not self.source.startswith("{", self.blanks(self.at)):
            self.computed += 1

    def keyword(self, word: str) -> None:
        at = self.blanks(self.at)
        begins = self.is_operand or self.last in ("", ";", "}")
        self.token(word, is_operand=word == "process")
        if word == "process":
            self.reads_environment |= bool(_ENVIRONMENT.match(self.source, self.at))
        elif word == "import" and self.source.startswith("(", at):
            self.call(at + 1)
        elif word == "import" and self.source.startswith(".", at):
            self.dotted(self.blanks(at + 1))
        elif begins and not self.brackets:
            self.declaration(word, at)

    def dotted(self, at: int) -> None:
        """Take `import.meta`, and the calls of a phase of importing."""
        if _META.match(self.source, at):
            self.is_module = True
        elif (phase := _PHASE.match(self.source, at)) and self.source.startswith("(", self.blanks(phase.end())):
            self.call(self.blanks(phase.end()) + 1)

    def call(self, at: int) -> None:
        """Take `import(…)` up to its bracket."""
        specifier, end = self.text(self.blanks(at))
        is_known = specifier is not None and self.source[self.blanks(end) :][:1] in (",", ")")
        if specifier is not None and is_known:
            self.dynamic.append(specifier)
        self.at = at
        self.bracket("(", is_import=not is_known)

    def declaration(self, word: str, at: int) -> None:
        """Take a declaration: these stand in no brackets, and nothing else but a property has such a name there."""
        if word == "import":
            specifier, end = self.imported(at)
            self.is_module |= specifier is not None
        else:
            is_list = self.source[at : at + 1] in ("*", "{")
            specifier, end = self.exported(at) if is_list else (None, at)
            self.is_module |= is_list or bool(_EXPORTED.match(self.source, at))
        if specifier is not None:
            self.static.append(specifier)
            # A namespace is taken of any file, and nothing of one that is imported for its effect.
            if self.source[at] not in ("*", '"', "'"):
                self.named.append(specifier)
            # What stands behind `* as` is one name, a namespace.
            elif self.source[at] == "*" and self.word(self.blanks(at + 1))[0] == "from":
                self.stars.append(specifier)
            self.literal(end, is_whole=True)

    def imported(self, at: int) -> tuple[str | None, int]:
        """Return the specifier of `import …` and where it ends."""
        word = "from"
        for _ in range(_LONGEST_CLAUSE):
            sign = self.source[at : at + 1]
            if sign in _STRINGS:
                return self.text(at) if word == "from" else (None, at)
            found = _WORD.match(self.source, at)
            word = found[0] if found else sign
            end = self.names(at + 1) if sign == "{" else found.end() if found else at + (sign in (",", "*"))
            if end == at:
                break
            at = self.blanks(end)
        return None, at

    def exported(self, at: int) -> tuple[str | None, int]:
        """Return the specifier of `export * from …` or `export {…} from …`, and where it ends."""
        if self.source[at] == "{":
            at = self.blanks(self.names(at + 1))
        else:
            at = self.blanks(at + 1)
            word, behind = self.word(at)
            if word == "as":
                # The name is a word, or a string.
                named, end = self.word(behind)
                at = end if named else self.blanks(self.text(behind)[1])
        word, at = self.word(at)
        return self.text(at) if word == "from" else (None, at)

    def names(self, at: int) -> int:
        """Return the offset behind the braces of a declaration, or of what is no name in them."""
        at = self.blanks(at)
        while self.source[at : at + 1] not in ("}", ""):
            found = _WORD.match(self.source, at)
            end = found.end() if found else self.text(at)[1] + (self.source[at] == ",")
            if end == at:
                return at
            at = self.blanks(end)
        return at + 1

    def word(self, at: int) -> tuple[str, int]:
        """Return the word that stands here, and the offset of what comes behind it."""
        found = _WORD.match(self.source, at)
        return (found[0], self.blanks(found.end())) if found else ("", at)

    def text(self, at: int) -> tuple[str | None, int]:
        """Return what a string or a template without holes means (ECMAScript §12.9.4.2), and where it ends."""
        sign = self.source[at : at + 1]
        if sign == "`":
            found = _TEMPLATE.match(self.source, at + 1)
        else:
            found = _STRINGS[sign].match(self.source, at) if sign in _STRINGS else None
        if not found or found["end"] != sign:
            return None, at
        return unescape(found["text"]), found.end()

    def blanks(self, at: int) -> int:
        """Return the offset behind blanks and comments."""
        found = _BLANKS.match(self.source, at)
        return found.end() if found else at


def unescape(text: str) -> str:
    r"""Return what the inside of a string literal means (ECMAScript §12.9.4.2).

    >>> unescape(r"\x61\u{62}\n")
    'ab\n'
    """
    return _ESCAPE.sub(_unescaped, text)


def _unescaped(found: re.Match[str]) -> str:
    digits = found[1] or found[2] or found[3]
    if digits:
        return chr(min(int(digits, 16), _LAST_CODE_POINT))
    known = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}
    line_ends = dict.fromkeys(("\n", "\r", "\r\n", "\u2028", "\u2029"), "")
    return (known | line_ends).get(found[4], found[4])

"""Modules: import and export declarations, and everything that only looks like them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.modules.imports import LARGEST, Imports, looks_like_module, read_imports
from tests.patterns import grows


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("export const a = 1;", id="export of a declaration"),
        pytest.param("export default function () {}", id="default export"),
        pytest.param("var a=1;export{a as b};", id="minified export list"),
        pytest.param('export*from"./x.js"', id="minified re-export"),
        pytest.param('import{a}from"./x.js";a()', id="minified import list"),
        pytest.param("import './polyfill.js'", id="import for its effect"),
        pytest.param("import * as x from 'x'", id="namespace import"),
        pytest.param("import x from 'x'", id="default import"),
        pytest.param("fetch(new URL('a', import.meta.url))", id="import.meta"),
        pytest.param("/* one */ export /* two */ { a }", id="comments around"),
        pytest.param("const re = /['\"`]/; export { re }", id="a quote in a regular expression"),
        pytest.param("const q = a / b; const s = '/'; export { q }", id="division is no regular expression"),
        pytest.param("i++ / 2; export { i }; x = '/'", id="division after an increment"),
        pytest.param("const r = /[/'\\]]/.test(x); export { r }", id="a slash and a quote in a class"),
        pytest.param("const t = `a ${`b`} c`; export { t }", id="templates in templates"),
        pytest.param("return_ = 1; if (x) return /'/; export { x }", id="a regular expression after a keyword"),
        pytest.param("#!/usr/bin/env node\nexport { a }", id="a hashbang"),
        pytest.param('export\n{ a } from "./x.js"', id="a line's end behind export"),
        pytest.param("export\n\ndefault 1", id="lines between"),
        pytest.param("export { x as function, y as null }", id="words that are reserved"),
        pytest.param("export @decorated class A {}", id="a decorator"),
        pytest.param("import { function as f } from './z.js'", id="a reserved word is imported"),
        pytest.param("import defer * as x from 'x'", id="a phase of importing"),
        pytest.param("a = b\nexport { a }", id="no semicolon before it"),
        pytest.param("if (a) /['{]/.test(b)\nexport { a }", id="a regular expression behind a condition"),
        pytest.param("function f() {}\n/'/.test(b)\nexport { a }", id="a regular expression behind a block"),
        pytest.param("x = {} / 2; y = '/'\nexport { a }", id="a division of an object"),
        pytest.param("a = x.return / 2; export { a }; '/'", id="a division of a property with a keyword's name"),
        pytest.param("`${`${{}}`}`; export { a }", id="braces within templates"),
        pytest.param("a = b / 2 // '\nexport { a }", id="a quote in a comment behind a division"),
    ],
)
def test_modules(source: str) -> None:
    assert looks_like_module(source)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("", id="nothing"),
        pytest.param("(function () { greet() })()", id="a function that calls itself"),
        pytest.param("import('./x.js').then(run)", id="dynamic import is legal in a classic script"),
        pytest.param("import.source('x')", id="a phase of dynamic import"),
        pytest.param("exports.a = 1; module.exports = a", id="CommonJS"),
        pytest.param("x = { export: 1, import: 2 }", id="property names"),
        pytest.param("x.export = x.import", id="member names"),
        pytest.param("class A { export() {} import() {} }", id="method names"),
        pytest.param("// export { a }\n/* import 'x' */ run()", id="comments"),
        pytest.param("s = 'export { a }' + \"import 'x'\" + `export * from`", id="strings and templates"),
        pytest.param("s = 'it\\'s'; t = \"export {a}\"", id="an escaped quote"),
        pytest.param("re = /export {a}/", id="a regular expression"),
        pytest.param("importScripts('x.js'); reexport {", id="longer words"),
        pytest.param("$export {", id="a name that begins with a dollar sign"),
        pytest.param("/* export { a }", id="a comment without an end"),
        pytest.param("`export { a }", id="a template without an end"),
        pytest.param("a?.export; a.import; a.#export", id="members behind other dots"),
        pytest.param("class A { import(x) { export: 1 } get export() {} static import = 1 }", id="members of classes"),
        pytest.param("export = 1; import x = require('x')", id="what only TypeScript has"),
        pytest.param("import a b", id="a declaration that names no file"),
    ],
)
def test_classic_scripts(source: str) -> None:
    assert not looks_like_module(source)


@given(st.text(alphabet="export import{}()'\"`/\\*[]\n.=+a1", max_size=200))
def test_any_text_has_an_answer(source: str) -> None:
    assert looks_like_module(source) in (True, False)


@given(st.text(alphabet="ab '\"`\\*[]\n=+", max_size=100).filter(lambda text: "*/" not in text))
def test_what_a_comment_says_never_matters(text: str) -> None:
    assert looks_like_module(f"/*{text}*/export {{}}")
    assert not looks_like_module(f"/* export {{}} {text}*/run()")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("import 'a'", ["a"], id="for its effect"),
        pytest.param(
            "import a from 'a'; import * as b from \"b\"; import {c as d} from 'c'", ["a", "b", "c"], id="named"
        ),
        pytest.param("import a,{b}from'a';import'b'", ["a", "b"], id="minified"),
        pytest.param("export * from 'a'; export {b} from 'b'; export * as c from 'c'", ["a", "b", "c"], id="exported"),
        pytest.param("import j from './j.json' with {type: 'json'}", ["./j.json"], id="with attributes"),
        pytest.param("import {'a b' as c} from 'a'", ["a"], id="a name that is a string"),
        pytest.param("import /* x */ a /* y */ from // z\n 'a'", ["a"], id="comments in between"),
        pytest.param(r"import '\x61\u0062\u{63}\d'", ["abcd"], id="escapes"),
        pytest.param("import 'a'; import 'a'", ["a"], id="twice is once"),
        pytest.param("\ufeffimport 'a'", ["a"], id="behind a byte order mark"),
        pytest.param("#!/usr/bin/env node\nimport 'a'", ["a"], id="behind a hashbang"),
        pytest.param("// import 'a'\n/* import 'b' */", [], id="in comments"),
        pytest.param("const a = \"import 'b'\", c = `import 'd'`", [], id="in texts"),
        pytest.param("x = y / import_ / 2; /import 'a'/.test(z)", [], id="in a regular expression"),
        pytest.param("if (x) /'/.test(y); import 'a'", ["a"], id="behind a regular expression with a quote"),
        pytest.param("a = b\n/import 'c'/g", [], id="a division over two lines"),
        pytest.param("const o = {import: 1, export: 2}; o.import", [], id="property names"),
        pytest.param("export const a = 1; export default class {}", [], id="exports of its own"),
        pytest.param("import('a'); require('b')", [], id="calls"),
        pytest.param('export\n{ a } from "./x.js"', ["./x.js"], id="a line's end behind export"),
        pytest.param("import { function as f, null as n } from './z.js'", ["./z.js"], id="reserved words"),
        pytest.param("export { x as function, y as null } from 'a'", ["a"], id="exported as reserved words"),
        pytest.param("export * as 'a b' from 'a'; export * as b from 'b'", ["a", "b"], id="namespaces with names"),
        pytest.param(
            "import from from 'a'; import {from} from 'b'; import {as as as} from 'c'",
            ["a", "b", "c"],
            id="no keywords",
        ),
        pytest.param("import defer * as x from 'a'; import source y from 'b'", ["a", "b"], id="phases"),
        pytest.param("export {a}\n'b'; export {c}; from('d')", [], id="what is no clause"),
        pytest.param("import {a; import 'b'", [], id="a brace that is not closed"),
        pytest.param("import \\u0061 from 'a'; import é, {ü} from 'b'", ["a", "b"], id="names in other letters"),
    ],
)
def test_static_imports(source: str, expected: list[str]) -> None:
    assert expected == list(read_imports(source.encode()).static)


@pytest.mark.parametrize(
    ("source", "expected", "computed"),
    [
        pytest.param("import('a'); f(() => import(\"b\"))", ["a", "b"], 0, id="texts"),
        pytest.param("import(`a`)", ["a"], 0, id="a template without a hole"),
        pytest.param("import(/* x */ 'a', {with: {type: 'json'}})", ["a"], 0, id="with attributes"),
        pytest.param("`${import('a')}`", ["a"], 0, id="in a template"),
        pytest.param("import(a); import('a' + b); import(`a${b}`)", [], 3, id="computed"),
        pytest.param("// import('a')", [], 0, id="in a comment"),
        pytest.param("import.defer('a'); import.source(b)", ["a"], 1, id="phases"),
        pytest.param("class A { import(a) {} } x = { import(a) {}, b() {} }", [], 0, id="methods"),
    ],
)
def test_dynamic_imports(source: str, expected: list[str], computed: int) -> None:
    found = read_imports(source.encode())
    assert (expected, computed) == (list(found.dynamic), found.computed)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("export {}", True, id="an export"),
        pytest.param("import 'a'", True, id="an import"),
        pytest.param("f(import.meta.url)", True, id="import.meta"),
        pytest.param("import('a')", False, id="a call works in scripts too"),
        pytest.param("function F() { return new.target }", False, id="new.target is no import.meta"),
        pytest.param("module.exports = require('a')", False, id="CommonJS"),
        pytest.param("", False, id="nothing"),
    ],
)
def test_modules_are_told_from_scripts(source: str, expected: bool) -> None:
    assert expected is read_imports(source.encode()).is_module


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("if (process.env.NODE_ENV) {}", True, id="reads it"),
        pytest.param("typeof process !== 'undefined' && process.env.X", False, id="asks first"),
        pytest.param("a.process.env; // process.env", False, id="another process, or a comment"),
    ],
)
def test_files_for_bundlers_are_told(source: str, expected: bool) -> None:
    assert expected is read_imports(source.encode()).needs_bundler


@pytest.mark.parametrize(
    "source",
    [
        "exports.a = (",
        "reimport {",
        "$process.env {",
        "processes {",
        "typeof process {",
        "my_export 'a",
        "process.environment [",
    ],
)
def test_what_has_none_of_the_words_is_not_read(source: str) -> None:
    """Most scripts are such, as UMD, and it saves them a look at each of their tokens."""
    assert Imports() == read_imports(source)


@pytest.mark.parametrize(
    ("source", "flaw"),
    [
        pytest.param("import {", 7, id="a brace that is never closed"),
        pytest.param("f(import('a'), [", 1, id="of several brackets the first"),
        pytest.param("import 'a", 7, id="a string"),
        pytest.param("import 'a\n'", 7, id="a string of two lines"),
        pytest.param("export )", 7, id="a bracket that was never opened"),
        pytest.param("`${import", 1, id="a hole"),
        pytest.param("`${import}", 9, id="a template behind a hole"),
        pytest.param("\ufeff/* import", 1, id="a comment"),
        pytest.param("export {]", 8, id="another bracket"),
        pytest.param("import `", 7, id="a template"),
    ],
)
def test_what_is_no_javascript_is_told_with_its_place(source: str, flaw: int) -> None:
    assert (flaw, False) == ((found := read_imports(source)).flaw, found.is_whole)


@pytest.mark.parametrize(
    "source", ["import 'a'", "export { x as function, y as null }", "a /*/ */; export {}", "import a"]
)
def test_what_may_be_javascript_is_whole(source: str) -> None:
    assert read_imports(source).is_whole


@pytest.mark.unmeasured
def test_what_is_too_large_is_told() -> None:
    """Nothing is said of it that was not looked for."""
    assert read_imports("export {}" + " " * (LARGEST - 9)) == read_imports("export {}")
    assert not read_imports("export {}" + " " * (LARGEST - 8)).is_whole


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("import a from 'a'; import {b} from 'b'; export {c} from 'c'", {"a", "b", "c"}, id="names"),
        pytest.param("import 'a'; import * as b from 'b'; export * from 'c'; import('d')", set(), id="no names"),
        pytest.param("import a, * as b from 'a'", {"a"}, id="a name beside a namespace"),
    ],
)
def test_the_files_that_names_are_taken_from_are_told(source: str, expected: set[str]) -> None:
    assert expected == read_imports(source).named


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "repeated",
    [
        *("/[", "[/", "/[\\n", "/", "'", "`", "`${", "${`", "{", "(", "}", "//", "/*", "*/", "\\", "a", " ", "\n", "."),
        *("import ", "export ", "import(", "import{", "import{a,", "import a,", "import/**/", "import.", "import.meta"),
        *("export{", "export*", "export * as ", "export{a}from", "import 'a\n", "process", "process .", "export//\n"),
    ],
)
def test_no_source_takes_more_than_linear_time(repeated: str) -> None:
    """Also what no parser could read."""
    for before, after in (("", ";import 'a'"), ("import", ""), ("export{", "\nimport a from 'a'"), ("x = ", "/export")):
        assert not grows(read_imports, lambda size: before + repeated * (size // len(repeated)) + after)  # noqa: B023


@given(st.binary())
def test_any_octets_are_read(source: bytes) -> None:
    """Never an exception, whatever a package holds."""
    read_imports(source)


@pytest.mark.unmeasured
def test_deep_nesting_is_read() -> None:
    assert ("a",) == read_imports(b"import 'a';" + b"(" * 20_000 + b")" * 20_000).static

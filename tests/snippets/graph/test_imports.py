"""What JavaScript imports: declarations and calls, and nothing of what only looks like one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.snippets.graph.imports import read_imports


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


def test_what_is_no_javascript_is_told() -> None:
    assert not read_imports(b"import {").is_whole
    assert read_imports(b"import 'a'").is_whole


@given(st.binary())
def test_any_octets_are_read(source: bytes) -> None:
    """Never an exception, whatever a package holds."""
    read_imports(source)


def test_deep_nesting_is_read() -> None:
    assert ("a",) == read_imports(b"import 'a';" + b"(" * 20_000 + b")" * 20_000).static

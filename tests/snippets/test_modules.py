"""Modules: import and export declarations, and everything that only looks like them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.snippets.modules import looks_like_module


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

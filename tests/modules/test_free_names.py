"""Free names: what a script takes from Node.js, by its scopes and its guards."""

from __future__ import annotations

import pytest

from cdnserve.modules.free_names import free_node_names


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("module.exports = require('./a')", ("require", "module"), id="CommonJS"),
        pytest.param("exports.a = 1", ("exports",), id="exports"),
        pytest.param("if (process.env.NODE_ENV === 'production') f()", ("process",), id="process in a condition"),
        pytest.param("function f() { return process.cwd() }", ("process",), id="later, and nobody asks first"),
        pytest.param("function f(a = process.env.A) {}", ("process",), id="a default value"),
        pytest.param("x = { require }", ("require",), id="a property that is short for the name"),
        pytest.param("const { a } = require('a')", ("require",), id="taken apart"),
        pytest.param(
            "typeof window; Object.defineProperty(exports, 'a', {})", ("exports",), id="certain, for all asking"
        ),
        pytest.param(
            "typeof window; (function () { require('a') }).call(this)", ("require",), id="a function called here"
        ),
        pytest.param("typeof window; !(() => { exports.a = 1 })()", ("exports",), id="an arrow called here"),
        pytest.param("typeof window; new function () { module.a = 1 }", ("module",), id="a function with new"),
        pytest.param("typeof window; switch (module.id) {}", ("module",), id="what is switched on"),
        pytest.param("(function (module) {}); module.a = 1", ("module",), id="beside a scope that binds it"),
        pytest.param("{ let require = f } require('a')", ("require",), id="beside a block that binds it"),
        pytest.param("typeof window; try { f() } finally { require('a') }", ("require",), id="in finally"),
        pytest.param("try { require('a') } finally { f() }", ("require",), id="nothing is caught"),
        pytest.param("__dirname + __filename + global.a", ("global", "__dirname", "__filename"), id="the others"),
    ],
)
def test_what_fails_in_a_browser(source: str, expected: tuple[str, ...]) -> None:
    assert expected == free_node_names(source.encode())


UMD = (
    "(function (root, factory) {"
    " if (typeof define === 'function' && define.amd) { define(['exports'], factory) }"
    " else if (typeof exports === 'object') { factory(exports); module.exports = require('a') }"
    " else { factory(root) } })(this, function (exports) { exports.a = 1 })"
)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("let a = 1", id="none of the names"),
        pytest.param("// module.exports\n'require'; /exports/", id="comments and literals"),
        pytest.param("a.require(b.module); x = { exports: 1, process() {} }", id="properties"),
        pytest.param(UMD, id="UMD"),
        pytest.param(
            "'object' == typeof exports && 'undefined' != typeof module ? module.exports = f() : g()", id="short"
        ),
        pytest.param(
            "var has = typeof module !== 'undefined' && module.exports; if (has) module.exports = 1", id="a flag"
        ),
        pytest.param("typeof window; function f() { process.nextTick() }", id="later, in a file that asks"),
        pytest.param("typeof window; [1].map(() => require('a'))", id="a function that is passed on"),
        pytest.param("typeof window; for (;;) { require('a') } while (f()) require('a')", id="loops"),
        pytest.param("typeof window; a ||= require('a')", id="an assignment that may be skipped"),
        pytest.param("typeof window; try {} catch { require('a') }", id="in catch"),
        pytest.param("try { module.exports = 1 } catch (e) {}", id="a failure that is caught"),
        pytest.param("(function (module, exports) { module.exports = exports })({}, {})", id="parameters"),
        pytest.param("function f({ exports = 1 }, [process], ...module) { exports; process; module }", id="patterns"),
        pytest.param("const f = require => require('a')", id="an arrow's parameter"),
        pytest.param("var module = {}; function require() {} module.exports = require('a')", id="declarations"),
        pytest.param("(function require() { require('a') })", id="a function's own name"),
        pytest.param("const { a: require, ...process } = f(); require(process)", id="names that are taken out"),
        pytest.param("try { f() } catch (module) { module.x }", id="what is caught"),
        pytest.param("for (const module of f()) module.x", id="a loop's own"),
        pytest.param("class module {} module.x", id="a class"),
        pytest.param(
            "import process, { a as module } from 'a'; import * as exports from 'b'; process; module", id="imports"
        ),
    ],
)
def test_what_runs_in_a_browser(source: str) -> None:
    assert () == free_node_names(source.encode())


def test_what_takes_too_long_or_is_too_large_is_not_judged() -> None:
    """A file may be made to keep a parser busy."""
    assert () == free_node_names(b"module.x;" + b"/[" * 4000, clock=iter(range(0, 10_000, 10)).__next__)
    assert () == free_node_names(b"module.x;" + b" " * 2**23)
    assert () == free_node_names(b"typeof window; " + b"(" * 300 + b"module.x" + b")" * 300)

"""CommonJS: the names of each shape that people and compilers write, and what hostile sources cost."""

from __future__ import annotations

from posixpath import join, normpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.modules.commonjs import LoadedModule, NamedExports, named_exports, required_at_load
from cdnserve.modules.js_values import Thing, truth
from tests.patterns import grows

# What compilers put around a module's own code, written anew.
DEFINE = "Object.defineProperty(exports, '__esModule', { value: true });"
TYPESCRIPT_STAR = """
var __createBinding = (this && this.__createBinding) || (Object.create ? (function (o, m, k, k2) {
    if (k2 === undefined) k2 = k;
    var desc = Object.getOwnPropertyDescriptor(m, k);
    if (!desc || ("get" in desc ? !m.__esModule : desc.writable)) desc = { enumerable: true, get: () => m[k] };
    Object.defineProperty(o, k2, desc);
}) : (function (o, m, k, k2) { o[k2 || k] = m[k]; }));
var __exportStar = (this && this.__exportStar) || function (m, exports) {
    for (var p in m)
        if (p !== "default" && !Object.prototype.hasOwnProperty.call(exports, p)) __createBinding(exports, m, p);
};
"""
ESBUILD = """
var __defProp = Object.defineProperty;
var __getOwnPropNames = Object.getOwnPropertyNames;
var __hasOwnProp = Object.prototype.hasOwnProperty;
var __export = (target, all) => { for (var name in all) __defProp(target, name, { get: all[name], enumerable: true }) };
var __copyProps = (to, from, except) => {
    if (from && typeof from === "object" || typeof from === "function")
        for (let key of __getOwnPropNames(from))
            if (!__hasOwnProp.call(to, key) && key !== except)
                __defProp(to, key, { get: () => from[key], enumerable: true });
    return to;
};
var __reExport = (target, mod, other) =>
    (__copyProps(target, mod, "default"), other && __copyProps(other, mod, "default"));
var __toCommonJS = (mod) => __copyProps(__defProp({}, "__esModule", { value: true }), mod);
"""
WEBPACK = """
(() => { var modules = {
  7: (module, exports, load) => { exports.inner = 1 },
  8: (__unused, exports, load) => {
    load.r(exports); load.d(exports, { a: () => b, "default": () => c }); var b = load(7), c = 2
  }
}, cache = {};
function load(id) {
  var known = cache[id];
  if (known !== undefined) return known.exports;
  var module = cache[id] = { exports: {} };
  modules[id](module, module.exports, load);
  return module.exports;
}
load.d = (exports, all) => {
  for (var key in all) if (load.o(all, key) && !load.o(exports, key))
    Object.defineProperty(exports, key, { enumerable: true, get: all[key] })
};
load.o = (object, key) => Object.prototype.hasOwnProperty.call(object, key);
load.r = (exports) => {
  if (typeof Symbol !== "undefined" && Symbol.toStringTag)
    Object.defineProperty(exports, Symbol.toStringTag, { value: "Module" });
  Object.defineProperty(exports, "__esModule", { value: true })
};
"""
UMD = """(function (global, factory) {
  typeof exports === 'object' && typeof module !== 'undefined' ? factory(exports) :
  typeof define === 'function' && define.amd ? define(['exports'], factory) :
  (global = typeof globalThis !== 'undefined' ? globalThis : global || self, factory(global.Lib = {}));
})(this, (function (exports) { 'use strict'; function a() {} exports.a = a; exports.b = 1;
  Object.defineProperty(exports, '__esModule', { value: true }); }));"""


CHAIN = " ".join(f"a{number}" for number in reversed(range(400))) + " b"


@pytest.mark.parametrize(
    ("source", "names"),
    [
        pytest.param("exports.a = 1; exports['b'] = 2; exports[`c`] = 3", "a b c", id="properties"),
        pytest.param("module.exports.a = 1; module['exports'].b = 2", "a b", id="properties of module.exports"),
        pytest.param("exports.a = exports.b = void 0; exports.a = f", "b a", id="a chain"),
        pytest.param("this.a = 1", "a", id="this"),
        pytest.param(
            "module.exports = { a, b: 1, 'c': 2, d() {}, get e() { return 1 }, ['f']: 3 }", "a b c d e f", id="object"
        ),
        pytest.param("exports.gone = 1; module.exports = { a: 1 }; exports.late = 2", "a", id="it takes the place"),
        pytest.param("exports = module.exports = {}; exports.a = 1", "a", id="both names"),
        pytest.param(
            "var e = module.exports = f; function f() {} f.a = 1; e.b = 2; f.prototype.c = 3", "a b", id="function"
        ),
        pytest.param("module.exports = new Lib(); function Lib() { this.a = 1 } Lib.prototype.b = 2", "a", id="made"),
        pytest.param(
            "class A { static a = 1; static b() {} c = 2; static { A.d = 3 } } module.exports = A", "a d", id="class"
        ),
        pytest.param(
            "Object.defineProperty(exports, 'a', { enumerable: true, get: function () { return x.a } })",
            "a",
            id="getter",
        ),
        pytest.param("Object.defineProperty(exports, 'a', { value: 1 }); exports.b = 2", "b", id="not enumerable"),
        pytest.param(
            "Object.defineProperties(exports, { a: { enumerable: true }, b: { value: 1 } })", "a", id="several"
        ),
        pytest.param(
            "Object.assign(exports, { a: 1 }, f()); Object.assign(module.exports, { b: 1 })", "a b", id="assigned"
        ),
        pytest.param("['a', 'b'].forEach(function (name) { exports[name] = f(name) })", "a b", id="listed"),
        pytest.param(
            "for (const [name, one] of Object.entries({ a: 1, b: 2 })) exports[name] = one", "a b", id="entries"
        ),
        pytest.param(
            "var all = ['a', 'b']; for (var i = 0; i < all.length; i++) exports[all[i]] = 1", "a b", id="counted"
        ),
        pytest.param("(function () { this.a = 1; exports.b = 1 }).call(this)", "a b", id="a function around"),
        pytest.param("!function (e) { e.a = 1; function f(e) { e.not = 1 } }(exports)", "a", id="minified"),
        pytest.param(
            "exports['a-b'] = 1; exports[''] = 2; exports.$c_1 = 3; exports.ä = 4", "$c_1 ä", id="valid names"
        ),
        pytest.param("exports.default = 1; exports.class = 2", "default class", id="reserved words"),
        pytest.param("exports[f()] = 1; exports[Symbol.iterator] = 2; exports.a = 3", "a", id="what nobody knows"),
        pytest.param("var { a = exports, ...rest } = {}; a.b = 1", "b", id="taken out"),
        pytest.param("0 && (module.exports = { a, b })", "", id="a list for others alone"),
        pytest.param(
            "exports.a = 1 // exports.b = 2\n/* exports.c = 3 */; 'exports.d = 4'", "a", id="comments and texts"
        ),
        pytest.param("function f() { exports.a = 1 } function g() { exports.b = 1 } g()", "b", id="what is called"),
        pytest.param(
            "exports.a ||= 1; exports.b ??= 2; (exports.c || (exports.c = {})).d = 1", "a b c", id="where it is not"
        ),
        pytest.param(
            "var E; (function (E) { E[E.x = 0] = 'x' })(E || (exports.E = E = {}))", "E", id="TypeScript's enum"
        ),
        pytest.param("const f = () => ({ a: 1, b: 2 }); module.exports = f()", "a b", id="returned"),
        pytest.param("module.exports = { __proto__: null, a: 1 }", "a", id="a prototype is no name"),
        pytest.param("".join(f"exports.a{n} = " for n in range(400)) + "1; exports.b = 1", CHAIN, id="a long chain"),
        pytest.param("module.exports = { a: 1 }; (function () { 'use strict'; this.b = 1 })()", "a", id="strict"),
        pytest.param("for (const one of new Set(Object.keys({ a: 1 }))) exports[one] = 1", "a", id="a set"),
        pytest.param("'a b'.split(' ').forEach(one => { exports[one.toUpperCase()] = 1 })", "A B", id="texts"),
        pytest.param(
            "Object.defineProperty(exports, 'a', { writable: true }); exports.a = 1; exports.b = 1",
            "b",
            id="what is hidden stays it",
        ),
        pytest.param(
            "var f = g() ? function (o) { o.a = 1 } : h; f(exports); exports.b = 1", "a b", id="one of two functions"
        ),
        pytest.param(
            "var i, all = ['a', 'b']; if (f()) for (i = 0; i < all.length; i++) exports[all[i]] = 1",
            "a b",
            id="in doubt",
        ),
        pytest.param(
            "function each(list, f) { if (Array.isArray(list)) list.map(f); else for (var k in list) f(k) }"
            "each(['a'], k => { exports[k] = 1 }); each({ b: 1 }, k => { exports[k] = 1 })",
            "a b",
            id="lists and objects",
        ),
        pytest.param(
            "const { toString } = Object.prototype, is = (name) => (v) => toString.call(v) === `[object ${name}]`;"
            "if (is('Function')(f)) exports.a = 1; if (is('Array')({})) exports.b = 1; function f() {}",
            "a",
            id="asked for their kind",
        ),
        pytest.param("module.exports = (function (o) { o.a = 1; return o })({ b: 1 })", "b a", id="made and returned"),
        pytest.param("exports.a = async () => { exports.b = 1 }; exports.c = function* () {}", "a c", id="what waits"),
        pytest.param(
            "let a; export { a, a as b }; export default f; export class C {}; export const { d } = e",
            "a b default C d",
            id="a module",
        ),
    ],
)
def test_the_names(source: str, names: str) -> None:
    assert names.split() == [*named_exports(source).names]


@pytest.mark.parametrize(
    ("source", "names"),
    [
        pytest.param(
            "var set = function (k) { this[k] = 1 }; set.apply(exports, ['a']); set.call(exports, 'b')", "a b"
        ),
        pytest.param("var set = function (k, v) { this[k] = v }.bind(exports, 'a'); set(1)", "a"),
        pytest.param("var set = function () { exports.a = 1 }; set.bind.apply(set, [{}])(); set.bind().bind()()", "a"),
        pytest.param("module.exports = Object.create({ x: 1 }, { a: { enumerable: true }, b: { value: 1 } })", "a"),
        pytest.param("Object.values({ x: 'a', y: 'b' }).forEach(k => { exports[k] = 1 })", "a b"),
        pytest.param("['a', 'b'].reduce((all, k) => { all[k] = 1; return all }, exports)", "a b"),
        pytest.param("['a'].concat(['b'], 'c').slice(1).forEach(k => { exports[k] = 1 })", "b c"),
        pytest.param("['a', 'b'].filter(k => k !== 'a').forEach(k => { exports[k] = 1 })", "b"),
        pytest.param(
            "var all = []; all.push('a'); all[1] = 'b'; for (const k of [...all, ...f()]) exports[k] = 1", "a b"
        ),
        pytest.param(
            "['a'].map(k => k + 1).forEach(k => { exports[k] = 1 }); ['b'].includes('b') && (exports.c = 1)", "c"
        ),
        pytest.param("['a'].map(k => `${k}1`).sort().reverse().forEach(k => { exports[k] = 1 })", "a1"),
        pytest.param(
            "exports['abc'.charAt(1)] = exports['abc'.slice(1)] = exports['abc'.substring(0, 1)] = 1", "a bc b"
        ),
        pytest.param(
            "exports['Ab'.toLowerCase()] = exports[' c '.trim()] = exports['xy'[1]] = exports['xy'.length] = 1",
            "y c ab",
        ),
        pytest.param(
            "class A { constructor() { this.a = 1 } } class B extends A { constructor() { super(); this.b = 1 } }"
            "module.exports = new B()",
            "a b",
        ),
        pytest.param(
            "function A() { if (!(this instanceof A)) return new A(); this.a = 1 } module.exports = new A()", "a"
        ),
        pytest.param("var o = { get it() { return { a: 1 } }, set it(v) {}, [`b`]: 1 }; module.exports = o.it", "a"),
        pytest.param(
            "function f({ a, ...b }, [c, d = 'd'], ...e) { exports[a] = exports[c] = exports[d] = exports[e[0]] = 1 }"
            "f({ a: 'a' }, ['c'], 'e')",
            "e d c a",
        ),
        pytest.param(
            "function f() { exports[arguments[0]] = arguments.length; return () => arguments[1] }"
            "exports[f('a', 'b')()] = 1",
            "a b",
        ),
        pytest.param(
            "switch (2) { case 1: exports.a = 1; case 2: exports.b = 1; case 3: exports.c = 1; break;"
            "case 4: exports.d = 1 }",
            "b c",
        ),
        pytest.param(
            "switch (f()) { case 1: exports.a = 1; break; default: exports.b = 1 }switch (1) { case 2: exports.c = 1 }",
            "a b",
        ),
        pytest.param(
            "for (var k of ['a', 'b', 'c']) { if (k === 'a') continue; if (k === 'c') break; exports[k] = 1 }", "b"
        ),
        pytest.param("for (var k in { a: 1 }) { (function () { for (;;) { exports[k] = 1; return } })() }", "a"),
        pytest.param("var i = 2; do { exports['a' + i] = 1 } while (i-- > 5); while (i) { exports.b = 1; break }", "b"),
        pytest.param(
            "out: for (;;) { exports.a = 1; break out } if (0) exports.b = 1; else if (1) exports.c = 1", "a c"
        ),
        pytest.param(
            "module.exports = f; function f() {} delete f.x; f.a = -1; f.b = +1; f.c = typeof f; f.d = void 0",
            "a b c d",
        ),
        pytest.param(
            "var a = 1, b = a + 1 > 1 && 2 * a <= 2 && a - 1 < 1 && a >= 1; if (b) exports.a = 1; else exports.b = 1",
            "a",
        ),
        pytest.param(
            "if ('x' in { x: 1 }) exports.a = 1; if ('y' in { x: 1 }) exports.b = 1; if (null == void 0) exports.c = 1",
            "a c",
        ),
        pytest.param(
            "var x; x ??= 'a'; x ||= 'b'; x &&= 'c'; exports[x] = 1; exports[`d${x}`] = 1; exports[x + 'e'] = 1",
            "c dc ce",
        ),
        pytest.param(
            "exports[0x10] = 1; exports.a = 1_000; exports[1e3] = 0b1; ({ b: exports.b } = { b: 1 });[exports.c] = [1]",
            "a b c",
        ),
        pytest.param(
            "(async () => { exports.a = 1 })(); (function* () { exports.b = 1 })(); await f(exports.c = 1)", "c"
        ),
        pytest.param(
            "var d = Object.getOwnPropertyDescriptor({ get a() { return 1 } }, 'a');"
            "Object.defineProperty(exports, 'a', d)",
            "a",
        ),
        pytest.param("var p = Object.getPrototypeOf(Object.create({ a: 1 })); for (var k in p) exports[k] = 1", "a"),
        pytest.param(
            "Object.getOwnPropertyNames({ a: 1 }).forEach(k => Object.hasOwn({ a: 1 }, k) && (exports[k] = 1))", "a"
        ),
        pytest.param(
            "if ({}.propertyIsEnumerable('a')) exports.a = 1; if ({ b: 1 }.hasOwnProperty('b')) exports.b = 1", "b"
        ),
        pytest.param(
            "import d, { x as y } from 'x'; import * as n from 'n'; export { y as a, n }; export * as s from 's';"
            "export { z } from 'z'",
            "a n s z",
        ),
        pytest.param(
            "export default class {} export function f() {} export const { a, b: [c], ...d } = {}, e = 1;"
            "export let { g = 1 } = {}",
            "default f a c d e g",
        ),
    ],
)
def test_the_language(source: str, names: str) -> None:
    assert names.split() == [*named_exports(source).names]


@pytest.mark.parametrize(
    ("source", "names"),
    [
        pytest.param(
            f"'use strict'; {DEFINE} exports.default = exports.a = void 0; exports.a = 1", "a default", id="Babel"
        ),
        pytest.param(UMD, "a b", id="rollup's UMD"),
        pytest.param(
            '!function(e,t){"object"==typeof exports&&"undefined"!=typeof module?t(exports):"function"==typeof '
            'define&&define.amd?define(["exports"],t):t((e=e||self).L={})}(this,(function(e){"use strict";var t=1;'
            'e.a=t,e.b=function(e){return e.x=1},Object.defineProperty(e,"__esModule",{value:!0})}));',
            "a b",
            id="minified UMD",
        ),
        pytest.param(
            ESBUILD
            + "var src = {}; __export(src, { a: () => a, default: () => b }); module.exports = __toCommonJS(src);"
            "var a = 1, b = 2; 0 && (module.exports = { a })",
            "a default",
            id="esbuild",
        ),
        pytest.param(WEBPACK + "module.exports = load(8) })()", "a default", id="webpack, its entry taken as a whole"),
        pytest.param(
            WEBPACK + "var all = load(8), each; for (each in all) exports[each] = all[each];"
            "all.__esModule && Object.defineProperty(exports, '__esModule', { value: true }) })()",
            "a default",
            id="webpack, its entry copied",
        ),
        pytest.param(
            '!function(e,t){if("object"==typeof exports&&"object"==typeof module)module.exports=t();else if('
            '"function"==typeof define&&define.amd)define([],t);else{var n=t();for(var r in n)("object"==typeof '
            "exports?exports:e)[r]=n[r]}}(this,function(){return function(e){var t={};function n(r){if(t[r])return "
            "t[r].exports;var o=t[r]={i:r,l:!1,exports:{}};return e[r].call(o.exports,o,o.exports,n),o.l=!0,"
            "o.exports}return n.m=e,n(n.s=1)}([function(e,t){t.inner=1},function(e,t,n){"
            'Object.defineProperty(t,"__esModule",{value:!0}),t.a=n(0).inner}])});',
            "a",
            id="webpack 4, minified UMD",
        ),
    ],
)
def test_what_compilers_make(source: str, names: str) -> None:
    exports = named_exports(source)
    assert (names.split(), True) == ([*exports.names], exports.is_es_module)


@pytest.mark.parametrize(
    ("source", "names"),
    [
        pytest.param(
            "if (process.env.NODE_ENV === 'production') exports.a = 1; else exports.b = 1", "a", id="production"
        ),
        pytest.param(
            "process.env.NODE_ENV !== 'production' && (function () { exports.dev = 1 })()", "", id="not development"
        ),
        pytest.param(
            "switch (process.env.NODE_ENV) { case 'test': exports.a = 1; break; default: exports.b = 1 }",
            "b",
            id="switch",
        ),
        pytest.param("exports.a = 1; if (f()) exports.b = 1; else { exports.c = 1 }", "a b c", id="either"),
        pytest.param("module.exports = f() ? { a: 1 } : { b: 1 }; module.exports.c = 1", "c a b", id="either object"),
        pytest.param(
            "if (typeof window === 'undefined') exports.server = 1; else exports.page = 1", "page", id="browser"
        ),
        pytest.param(
            "typeof process == 'undefined' || process.browser ? exports.a = 1 : exports.b = 1", "a", id="no process"
        ),
        pytest.param(
            "function f() { if (g()) return { a: 1 }; return { b: 1 } } module.exports = f()", "a b", id="two ends"
        ),
        pytest.param(
            "try { exports.a = f() } catch (e) { exports.b = 1 } finally { exports.c = 1 }", "a c", id="what succeeds"
        ),
        pytest.param("try { throw f() } catch { exports.a = 1 }", "a", id="what fails"),
        pytest.param("(() => { return; exports.a = 1 })()", "", id="what is not reached"),
        pytest.param(
            "for (;;) { exports.a = 1; break } do { exports.b = 1 } while (0) while (f()) exports.c = 1",
            "a b c",
            id="loops",
        ),
    ],
)
def test_conditions(source: str, names: str) -> None:
    assert names.split() == [*named_exports(source).names]


FILES = {
    "a.js": "exports.a = 1; exports.default = 2",
    "b/index.js": "exports.b = 1; module.exports.back = require('../circle.js')",
    "circle.js": f"{TYPESCRIPT_STAR} exports.own = 1; __exportStar(require('./b/index.js'), exports); exports.late = 1",
    "whole.js": "module.exports = require('./a.js')",
    "self.js": "module.exports = require('./self.js')",
    "data.json": '{"one": 1, "two-two": 2}',
    "esm.js": "export const a = 1; export * from './a.js'; export default 1",
    "production.js": "exports.useState = 1",
    "development.js": "exports.act = 1",
    "core.js": "module.exports = { core: 1 }",
    "plugin.js": "module.exports = (function (core) { core.plugin = 1; return core })(require('./core.js'))",
    "maker.js": "exports.make = function (o) { o.made = 1; return o }; exports.create = () => ({ created: 1 })",
    "class.js": "exports.Lib = function () { this.own = 1 }",
}


def load(importer: str, specifier: str) -> LoadedModule | None:
    path = normpath(join(importer.rpartition("/")[0], specifier))
    return LoadedModule(path, FILES[path].encode()) if path in FILES else None


@pytest.mark.parametrize(
    ("source", "names"),
    [
        pytest.param("module.exports = require('./whole.js')", "a default", id="the whole, twice"),
        pytest.param("module.exports = { ...require('./a.js'), c: 1 }", "a default c", id="spread"),
        pytest.param(
            "Object.assign(exports, require('./a.js'), require('./data.json'))",
            "a default one",
            id="assigned, and JSON",
        ),
        pytest.param(f"{TYPESCRIPT_STAR} __exportStar(require('./a.js'), exports)", "a", id="TypeScript's star"),
        pytest.param(
            "var _a = require('./a.js'); Object.keys(_a).forEach(function (key) { if (key === 'default') return;"
            "if (key in exports && exports[key] === _a[key]) return;"
            "Object.defineProperty(exports, key, { enumerable: true, get: function () { return _a[key] } }) })",
            "a",
            id="Babel's star",
        ),
        pytest.param(
            f"{ESBUILD} var s = {{}}; module.exports = __toCommonJS(s);"
            "__reExport(s, require('./a.js'), module.exports)",
            "a",
            id="esbuild's star",
        ),
        pytest.param("for (var k in require('./a.js')) exports[k] = 1", "a default", id="in a loop"),
        pytest.param("module.exports = require('./circle.js')", "own b back late", id="a circle"),
        pytest.param("module.exports = require('./self.js')", "", id="itself"),
        pytest.param("module.exports = require('./circle.js').back", "own b back late", id="a property"),
        pytest.param("module.exports = require('./esm.js')", "a default", id="a module"),
        pytest.param(
            "module.exports = (function (core) { return core })(require('./core.js'), require('./plugin.js'))",
            "core plugin",
            id="modules that add to another",
        ),
        pytest.param(
            "require('./plugin.js'); module.exports = require('./core.js')", "core plugin", id="for its effect"
        ),
        pytest.param("require('./maker.js').make(exports); exports.a = 1", "made a", id="a call for its effect"),
        pytest.param(
            "require('./maker.js').make(exports, 1).a = 1", "made a", id="a call that may change what it gets"
        ),
        pytest.param("module.exports = require('./maker.js').create(); module.exports.a = 1", "created a", id="a call"),
        pytest.param("module.exports = new (require('./class.js').Lib)()", "own", id="a class"),
        pytest.param(
            "function _i(o) { return o && o.__esModule ? o : { default: o } }"
            "var _a = _i(require('./maker.js')), _b = _i(require('./esm.js'));"
            "module.exports = Object.assign(_a.default.create(), _b)",
            "created a default",
            id="Babel's default",
        ),
        pytest.param(
            "if (process.env.NODE_ENV === 'production') { module.exports = require('./production.js') }"
            "else { module.exports = require('./development.js') }",
            "useState",
            id="React's entry",
        ),
    ],
)
def test_what_is_required(source: str, names: str) -> None:
    exports = named_exports(source, "main.js", load)
    assert (set(names.split()), ()) == (set(exports.names), exports.passed)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("module.exports = require('x')", NamedExports(passed=("x",)), id="the whole"),
        pytest.param("exports.a = require('x')", NamedExports(("a",)), id="a value"),
        pytest.param(
            f"{TYPESCRIPT_STAR}{DEFINE} exports.a = 1; __exportStar(require('x'), exports);"
            "__exportStar(require('y'), exports)",
            NamedExports(("a",), is_es_module=True, passed=("x", "y")),
            id="stars",
        ),
        pytest.param(
            "module.exports = f() ? require('x') : require('y')", NamedExports(passed=("x", "y")), id="either"
        ),
        pytest.param("exports.__esModule = true", NamedExports(is_es_module=True), id="a mark without a definition"),
        pytest.param("", NamedExports(), id="nothing"),
    ],
)
def test_what_is_passed_on(source: str, expected: NamedExports) -> None:
    assert expected == named_exports(source)


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "repeated",
    [
        "exports.a = 1;",
        "module.exports = ",
        "exports.a(",
        "if (f()) {",
        "if (f()) exports.a = 1; else ",
        "function f() { f(); f() } f();",
        "(function () {",
        "for (;;) {",
        "for (var i = 0; i < 1e9; i++) {} ",
        "a = [a, a];",
        "a = f() ? {a} : {b: a};",
        "a += 'x';",
        "x || ",
        "{",
        "[",
        "(",
        "`${",
        "/",
        "\\",
        "exports[",
        "Object.assign(exports, exports);",
        "require('./x')(",
    ],
)
def test_no_source_takes_more_than_linear_time(repeated: str) -> None:
    def run(text: str) -> object:
        return named_exports(text, "a.js", lambda _importer, path: LoadedModule(path, text.encode()))

    assert not grows(run, lambda size: f"exports.a = {{}}; {repeated * (size // len(repeated))}")


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "source",
    [
        pytest.param("Object.keys(exports).forEach(function (k) { exports[k + 'x'] = 1 });" * 300, id="names of names"),
        pytest.param("function f() { f(); f() } f(); for (;;) for (;;) for (;;) f();" * 20, id="loops and recursion"),
    ],
)
def test_what_takes_too_many_steps_is_given_up(source: str) -> None:
    """What is assigned behind it is still found."""
    assert "late" in named_exports(f"exports.a = 1; {source} exports.late = 1").names


@given(st.binary())
def test_any_octets_are_read(source: bytes) -> None:
    """Never an exception, whatever a package holds."""
    assert named_exports(b"exports.a = 1;" + source).passed in ((), ("",))


@pytest.mark.parametrize("deep", ["(", "[", "{a:", "f(", "!", "a=>", "a?b:", "a.b(", "{", "if(a)", "class{a="])
def test_deep_nesting_is_read(deep: str) -> None:
    assert ("a",) == named_exports("exports.a = 1;" + deep * 3_000).names


@pytest.mark.unmeasured
def test_many_names_are_cut() -> None:
    assert 20_000 == len(named_exports("".join(f"exports.a{number} = 1;" for number in range(20_100))).names)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("var a = f(require('x'))", {"x"}),
        ("module.exports = { ...require('x'), y: [require('y')] }", {"x", "y"}),
        ("require('x').a && require('y')", {"x"}),
        ("if (process.env.NODE_ENV === 'production') { require('x') } else { require('y') }", {"x", "y"}),
        ("if (a) require('x')", set()),
        ("a ? require('x') : 1", set()),
        ("try { require('x') } catch { require('y') }", set()),
        ("function f() { require('x') } var g = () => require('y'), h = function () { require('z') }", set()),
        ("class A { b = require('x'); c() { require('y') } }", set()),
        ("for (const a of []) require('x'); while (a) require('y'); switch (a) { case 1: require('z') }", set()),
        ("require(x); require(`y`); require(); other('z')", set()),
        ("var 1; require('x'", set()),
    ],
)
def test_what_a_module_cannot_load_without(source: str, expected: set[str]) -> None:
    assert expected == required_at_load(source.encode())


_BOTH = "var a0 = {p: 1}, b0 = {q: 1};" + "".join(
    f"var a{n + 1} = u ? a{n} : b{n}, b{n + 1} = u ? b{n} : a{n};" for n in range(300)
)
_MANY = "var a300 = {p: 1};" + "".join(f"a300 = u ? {{q{n}: 1}} : a300;" for n in range(2000))


@pytest.mark.parametrize("source", [pytest.param(_BOTH, id="shared"), pytest.param(_MANY, id="one behind another")])
@pytest.mark.parametrize(
    "used", ["if (a300) f()", "exports.a = a300.absent", "exports.a = a300.q.r", "exports.a = a300"]
)
def test_what_may_be_one_of_many_is_asked_once(source: str, used: str) -> None:
    """Each of the values may be one of two earlier ones, so that there are more ways to the first than can be gone."""
    assert "b" in named_exports(f"{source} {used}; exports.b = 1").names


def test_of_too_many_values_nobody_knows_what_they_have() -> None:
    """Where one may be any of 300, whether it has a name is not known; what is set beside is."""
    many = "var v = {p: 1};" + "".join(f"v = u ? {{q{n}: 1, z: 0}} : v;" for n in range(300))
    several = Thing()
    for _ in range(300):
        several = Thing(others=[(Thing(), False), (several, False)], is_choice=True)
    assert truth(several) is None
    assert ("b",) == named_exports(f"{many} if (v.absent) exports.a = 1; exports.b = 1").names[-1:]

"""The packages that `scripts/es_modules.py` tries: what a page imports of each, and what it does with it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Case:
    """One package: what is added, the names that the page imports, and code whose result is `true` if it works."""

    name: str
    use: str
    imports: tuple[str, ...]
    specs: tuple[str, ...]


def case(name: str, use: str, *imports: str, add: tuple[str, ...] = ()) -> Case:
    """Return a case; the package itself is imported where nothing else is said."""
    return Case(name, use, imports or (name,), add or (name,))


_REACT = ("react", "react-dom/client")
_START = """
const { default: R, createElement: h } = await import("react"), { createRoot } = await import("react-dom/client");
"""


def with_react(name: str, use: str, *imports: str) -> Case:
    """Return a case of a library for React, whose page renders something; all that it imports is added."""
    wanted = imports or (name,)
    return case(name, f"{_START} {use}", *wanted, *_REACT, add=(*wanted, "react", "react-dom"))


_PAGES = (
    case(
        "react",
        """
        const { default: React, useState, useEffect, createElement: h, Suspense, lazy } = await import("react");
        const { createRoot } = await import("react-dom/client");
        const { createPortal } = await import("react-dom");
        const { jsx } = await import("react/jsx-runtime");
        const Colour = React.createContext("none");
        const Later = lazy(async () => ({ default: () => jsx("i", { children: "later" }) }));
        const aside = document.body.appendChild(document.createElement("aside"));
        const Counter = () => {
          const [count, setCount] = useState(0), [ran, setRan] = useState("no"), colour = React.useContext(Colour);
          useEffect(() => { setRan("yes") }, []);
          const portal = createPortal("portal", aside), onClick = () => setCount(count + 1);
          return h("button", { onClick }, `${count} ${ran} ${colour}`, portal);
        };
        const late = h(Suspense, { fallback: "wait" }, h(Later));
        createRoot(root).render(h(Colour.Provider, { value: "red" }, h(Counter), late));
        await until(() => root.textContent === "0 yes redlater" && aside.textContent === "portal");
        root.querySelector("button").click();
        return until(() => root.textContent === "1 yes redlater" && React.useState === useState);
        """,
        *("react", "react-dom", "react-dom/client", "react/jsx-runtime"),
        add=("react", "react-dom"),
    ),
    with_react(
        "@tanstack/react-query",
        """
        const { QueryClient, QueryClientProvider, useQuery } = await import("@tanstack/react-query");
        const Said = () => h("b", null, useQuery({ queryKey: ["x"], queryFn: async () => "fetched" }).data);
        createRoot(root).render(h(QueryClientProvider, { client: new QueryClient() }, h(Said)));
        return until(() => root.textContent === "fetched");
        """,
    ),
    with_react(
        "react-router",
        """
        const { MemoryRouter, Routes, Route, Link } = await import("react-router");
        createRoot(root).render(h(MemoryRouter, null, h(Link, { to: "/b" }, "go"), h(Routes, null,
          h(Route, { path: "/", element: "first" }), h(Route, { path: "/b", element: "second" }))));
        await until(() => root.textContent === "gofirst");
        root.querySelector("a").click();
        return until(() => root.textContent === "gosecond");
        """,
    ),
    with_react(
        "zustand",
        """
        const { create } = await import("zustand");
        const useBears = create(() => ({ bears: 1 }));
        createRoot(root).render(h(() => h("b", null, useBears((state) => state.bears))));
        await until(() => root.textContent === "1");
        useBears.setState({ bears: 2 });
        return until(() => root.textContent === "2");
        """,
    ),
    case(
        "preact",
        """
        const { render } = await import("preact"), { createElement: h, useState } = await import("preact/compat");
        render(h(() => h("b", null, useState("state")[0])), root);
        return until(() => root.textContent === "state");
        """,
        *("preact", "preact/compat"),
    ),
    with_react(
        "@reduxjs/toolkit",
        """
        const { configureStore, createSlice } = await import("@reduxjs/toolkit");
        const { Provider, useSelector } = await import("react-redux");
        const slice = createSlice({ name: "n", initialState: 1, reducers: { more: (n) => n + 1 } });
        const store = configureStore({ reducer: slice.reducer });
        createRoot(root).render(h(Provider, { store }, h(() => h("b", null, useSelector((n) => n)))));
        await until(() => root.textContent === "1");
        store.dispatch(slice.actions.more());
        return until(() => root.textContent === "2");
        """,
        *("@reduxjs/toolkit", "react-redux"),
    ),
    with_react(
        "styled-components",
        """
        const { default: styled } = await import("styled-components");
        const Red = styled.b`color: rgb(1, 2, 3)`;
        createRoot(root).render(h(Red, null, "x"));
        return until(() => styleOf(root.firstChild).color === "rgb(1, 2, 3)");
        """,
    ),
    with_react(
        "@emotion/react",
        """
        const { jsx, css } = await import("@emotion/react");
        createRoot(root).render(jsx("b", { css: css({ color: "rgb(1, 2, 3)" }) }, "x"));
        return until(() => styleOf(root.querySelector("b")).color === "rgb(1, 2, 3)");
        """,
    ),
    with_react(
        "framer-motion",
        """
        const { motion } = await import("framer-motion");
        createRoot(root).render(h(motion.b, { initial: { opacity: 0 }, animate: { opacity: 0.5 } }, "x"));
        return until(() => styleOf(root.firstChild).opacity === "0.5");
        """,
    ),
    case(
        "lodash",
        """
        const { default: _, chunk } = await import("lodash");
        return _.chunk === chunk && chunk([1, 2], 1).length === 2;
        """,
    ),
    case(
        "moment",
        """
        const { default: moment } = await import("moment");
        return moment("2020-02-01").format("YYYY/MM") === "2020/02";
        """,
    ),
    case("uuid", "const { v4, validate } = await import('uuid'); return validate(v4());"),
    case(
        "graphql",
        """
        const { graphqlSync, buildSchema } = await import("graphql");
        const schema = buildSchema("type Query { a: Int }");
        return graphqlSync({ schema, source: "{ a }", rootValue: { a: 1 } }).data.a === 1;
        """,
    ),
    case(
        "socket.io-client",
        """
        const { io } = await import("socket.io-client");
        return io("http://127.0.0.1:1", { autoConnect: false }).connected === false;
        """,
    ),
)

# What a page does with a library: `m` is its namespace, `d` its default export.
_EXPRESSIONS: dict[str, str] = {
    "ajv": "new m.Ajv().validate({ type: 'integer' }, 1)",
    "animejs": "typeof m.animate === 'function'",
    "axios": "d === m.default && typeof d.get === 'function' && typeof m.isAxiosError === 'function'",
    "bignumber.js": "new m.BigNumber('0.1').plus('0.2').toString() === '0.3'",
    "bluebird": "d.resolve(1) instanceof d",
    "bn.js": "new d('ff', 16).toString() === '255'",
    "bowser": "typeof d.parse(navigator.userAgent).browser.name === 'string'",
    "buffer": "m.Buffer.from('a').toString('hex') === '61'",
    "camelcase": "d('foo-bar') === 'fooBar'",
    "chai": "m.expect(1).to.equal(1)",
    "chroma-js": "d('red').hex() === '#ff0000'",
    "classnames": "d('a', { b: true }) === 'a b'",
    "clone": "d({ a: 1 }).a === 1",
    "color": "d('red').hex() === '#FF0000'",
    "color-convert": "d.rgb.hex(255, 0, 0) === 'FF0000'",
    "cookie": "(m.parse ?? m.parseCookie)('a=b').a === 'b'",
    "core-js-pure": "d !== undefined",
    "crypto-js": "d.SHA256('').toString().startsWith('e3b0')",
    "cross-fetch": "typeof m.fetch === 'function' && typeof d === 'function'",
    "d3": "m.sum([1, 2]) === 3",
    "dayjs": "d('2020-02-01').format('YYYY') === '2020'",
    "debug": "typeof d('x') === 'function'",
    "decimal.js": "new d('0.1').plus('0.2').toString() === '0.3'",
    "deepmerge": "d({ a: 1 }, { b: 2 }).b === 2",
    "dompurify": "d.sanitize('<b onclick=x>y</b>') === '<b>y</b>'",
    "ejs": "m.render('<%= 1 %>') === '1' || d.render('<%= 1 %>') === '1'",
    "emoji-regex": "d().test('😀')",
    "entities": "m.encodeXML('<') === '&lt;'",
    "escape-html": "d('<') === '&lt;'",
    "escape-string-regexp": "d('.') === '\\\\.'",
    "eventemitter3": "new m.EventEmitter().on('a', () => 0).listenerCount('a') === 1",
    "events": "new m.EventEmitter().listenerCount('a') === 0 && d === m.EventEmitter",
    "fast-deep-equal": "d({ a: [1] }, { a: [1] })",
    "fast-json-stable-stringify": "d({ b: 1, a: 2 })[2] === 'a'",
    "file-saver": "typeof m.saveAs === 'function'",
    "flatted": "m.parse(m.stringify([1]))[0] === 1",
    "fuse.js": "new d(['abc']).search('abc').length === 1",
    "handlebars": "d.compile('{{a}}')({ a: 1 }) === '1'",
    "highlight.js": "d.highlight('let x', { language: 'javascript' }).value.includes('hljs')",
    "history": "typeof m.createBrowserHistory === 'function'",
    "hoist-non-react-statics": "typeof d === 'function'",
    "htmlparser2": "m.parseDocument('<a></a>').children.length === 1",
    "i18next": "typeof d.t === 'function'",
    "immer": "m.produce({ a: 1 }, (draft) => { draft.a = 2 }).a === 2",
    "immutable": "m.Map({ a: 1 }).get('a') === 1",
    "inherits": "typeof d === 'function'",
    "invariant": "d(true, 'x') === undefined",
    "is-plain-object": "m.isPlainObject({})",
    "jquery": "d('body').length === 1 || m.$('body').length === 1",
    "js-cookie": "d.get('nothing') === undefined",
    "js-sha256": "m.sha256('').startsWith('e3b0')",
    "js-yaml": "(m.load ?? d.load)('a: 1').a === 1",
    "jsonwebtoken": "typeof m.decode === 'function'",
    "jszip": "typeof new d().file === 'function'",
    "jwt-decode": "typeof m.jwtDecode === 'function'",
    "katex": "d.renderToString('x').includes('katex')",
    "leaflet": "typeof (m.map ?? d.map) === 'function'",
    "localforage": "typeof d.getItem === 'function'",
    "lodash.debounce": "typeof d(() => 0) === 'function'",
    "lodash.merge": "d({ a: 1 }, { b: 2 }).b === 2",
    "long": "d.fromNumber(1).toNumber() === 1",
    "lru-cache": "new m.LRUCache({ max: 1 }).size === 0",
    "markdown-it": "d().render('# a').includes('<h1>')",
    "marked": "m.marked.parse('# a').includes('<h1>')",
    "mathjs": "m.add(1, 2) === 3",
    "memoize-one": "d((a) => a)(1) === 1",
    "mitt": "typeof d().on === 'function'",
    "mobx": "m.observable({ a: 1 }).a === 1",
    "ms": "d('1s') === 1000",
    "nanoid": "m.nanoid().length === 21",
    "numeral": "d(1000).format('0,0') === '1,000'",
    "object-assign": "d({}, { a: 1 }).a === 1",
    "object-path": "d.get({ a: 1 }, 'a') === 1",
    "p-limit": "typeof d(1) === 'function'",
    "pako": "m.inflate(m.deflate(new Uint8Array([1])))[0] === 1",
    "papaparse": "d.parse('a,b').data[0].length === 2",
    "path-browserify": "d.join('a', 'b') === 'a/b' && m.basename('a/b') === 'b'",
    "path-to-regexp": "typeof m.match('/:a') === 'function'",
    "performance-now": "typeof d() === 'number'",
    "picomatch": "d('*.js')('a.js')",
    "pluralize": "d('word', 2) === 'words'",
    "popper.js": "typeof d === 'function'",
    "prismjs": "typeof (m.highlight ?? d.highlight) === 'function'",
    "process": "d.browser === true",
    "prop-types": "typeof m.string === 'function' && d.string === m.string",
    "punycode": "(m.toASCII ?? d.toASCII)('ü.de').startsWith('xn--')",
    "qs": "(m.parse ?? d.parse)('a[b]=1').a.b === '1'",
    "query-string": "d.parse('a=1').a === '1'",
    "ramda": "m.add(1, 2) === 3",
    "react-is": "m.isElement(null) === false",
    "redux": "typeof m.createStore === 'function'",
    "reselect": "typeof m.createSelector === 'function'",
    "rxjs": "typeof m.of(1).subscribe === 'function'",
    "safe-buffer": "m.Buffer.from('a').length === 1",
    "semver": "m.valid('1.2.3') === '1.2.3' && d.valid === m.valid",
    "shallowequal": "d({ a: 1 }, { a: 1 })",
    "slugify": "d('A b') === 'A-b'",
    "sortablejs": "typeof d.create === 'function'",
    "spark-md5": "d.hash('').startsWith('d41d')",
    "string_decoder": "typeof m.StringDecoder === 'function'",
    "tinycolor2": "d('red').toHex() === 'ff0000'",
    "tslib": "typeof m.__assign === 'function'",
    "tweetnacl": "d.randomBytes(2).length === 2",
    "ua-parser-js": "typeof new m.UAParser().getBrowser === 'function'",
    "underscore": "m.map([1], (x) => x + 1)[0] === 2",
    "url-parse": "new d('http://a/b').pathname === '/b'",
    "use-sync-external-store": "typeof m.useSyncExternalStore === 'function'",
    "util": "m.format('%s', 'a') === 'a'",
    "validator": "d.isEmail('a@b.cd')",
    "warning": "typeof d === 'function'",
    "whatwg-fetch": "typeof m.fetch === 'function'",
    "xstate": "typeof m.createMachine === 'function'",
    "xtend": "d({ a: 1 }, { b: 1 }).b === 1",
    "yup": "m.string().isValidSync('a')",
    "zod": "m.z.string().parse('a') === 'a'",
}

CASES = (
    *_PAGES,
    *(
        case(name, f"""const m = await import("{name}"), d = m.default; return Boolean({use});""")
        for name, use in _EXPRESSIONS.items()
    ),
)

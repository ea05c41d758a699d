"""Import maps of graphs: what stands in imports, what in scopes, and integrity for all."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.modules import graph as graph_module
from cdnserve.modules.graph import ModuleMap, explored, module_graph, module_map
from cdnserve.modules.hosted import Edge, Graph, HostedPackage, ModuleRequest
from tests.modules.shelves import TextShelf

A, B = HostedPackage("a", "1.0.0"), HostedPackage("b", "1.0.0")


def mapped(*edges: Edge) -> ModuleMap:
    modules = tuple(sorted({edge.path for edge in edges}))
    return module_map(
        Graph(edges, modules, frozenset(), ()), lambda path: f"/{path}", dict.fromkeys(modules, "sha384-x")
    )


def test_a_name_that_means_the_same_to_all_is_everybodys() -> None:
    found = mapped(Edge(None, "a", "npm/a@1.0.0/i.js"), Edge(A, "d", "d1"), Edge(B, "d", "d1"))
    assert {"a": "/npm/a@1.0.0/i.js", "d": "/d1"} == found["imports"]
    assert "scopes" not in found


def test_a_name_that_means_two_things_is_each_dependents() -> None:
    found = mapped(Edge(A, "d", "d1"), Edge(B, "d", "d2"))
    assert {} == found["imports"]
    assert {"/npm/a@1.0.0/": {"d": "/d1"}, "/npm/b@1.0.0/": {"d": "/d2"}} == found["scopes"]


def test_what_the_page_asked_for_is_the_pages() -> None:
    found = mapped(Edge(None, "d", "d2"), Edge(A, "d", "d1"), Edge(B, "d", "d2"))
    assert {"d": "/d2"} == found["imports"]
    assert {"/npm/a@1.0.0/": {"d": "/d1"}} == found["scopes"]


def test_addresses_and_internal_names_stay_in_their_package() -> None:
    found = mapped(Edge(A, "npm/a@1.0.0/n.js", "w.js", is_path=True), Edge(A, "#x", "x.js"))
    assert {} == found["imports"]
    assert {"/npm/a@1.0.0/": {"#x": "/x.js", "/npm/a@1.0.0/n.js": "/w.js"}} == found["scopes"]


def test_every_module_has_integrity_and_all_is_sorted() -> None:
    found = mapped(Edge(None, "z", "z.js"), Edge(None, "b", "b.js"), Edge(None, "a", "c.js"))
    assert ["a", "b", "z"] == list(found["imports"])
    assert ["/b.js", "/c.js", "/z.js"] == list(found["integrity"])


MODULE = "export {}"
Packages = Mapping[str, tuple[Mapping[str, object], Mapping[str, str]]]


def graph_of(packages: Packages, *wanted: ModuleRequest, unlisted: tuple[str, ...] = ()) -> Graph:
    return module_graph(wanted, TextShelf(packages, unlisted))


def refused(packages: Packages, *wanted: ModuleRequest, unlisted: tuple[str, ...] = ()) -> list[tuple[str, str, str]]:
    with pytest.raises(ConfigurationError) as error:
        graph_of(packages, *wanted, unlisted=unlisted)
    return [(one.reference, one.where, one.value) for one in error.value.problems if not one.warning]


def said(graph: Graph) -> list[tuple[str, str, str]]:
    return [(str(edge.dependent or ""), edge.key, edge.path) for edge in graph.edges]


def test_relative_imports_are_part_of_it() -> None:
    files = {
        "i.js": "import './lib/a.js'; import '../x@1.0.0/b.js'",
        "lib/a.js": "export * from '../b.js'",
        "b.js": MODULE,
    }
    graph = graph_of({"x@1.0.0": ({"module": "i.js"}, files)}, ModuleRequest("x"))
    assert (Edge(None, "x", "npm/x@1.0.0/i.js"),) == graph.edges
    assert ("npm/x@1.0.0/b.js", "npm/x@1.0.0/i.js", "npm/x@1.0.0/lib/a.js") == graph.modules


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("import c from './c.js'; export default c", True, id="the default"),
        pytest.param("export { c } from './c.js'", True, id="a name that is passed on"),
        pytest.param("import './c.js'", False, id="nothing: it may be a script that runs for its effect"),
        pytest.param("import * as c from './c.js'", False, id="a namespace, which may be empty"),
    ],
)
def test_a_name_is_taken_only_from_what_exports(source: str, expected: bool) -> None:
    """A relative import may lead to CommonJS too: then the whole graph does not load."""
    packages = {"x@1.0.0": ({"module": "i.js"}, {"i.js": source, "c.js": "var c = require('./d'); module.exports = c"})}
    if expected:
        assert [("module-common-js", "x@1.0.0", "npm/x@1.0.0/c.js")] == refused(packages, ModuleRequest("x"))
    else:
        assert ("npm/x@1.0.0/c.js", "npm/x@1.0.0/i.js") == graph_of(packages, ModuleRequest("x")).modules


def test_a_module_is_told_from_common_js_as_ecmascript_does() -> None:
    """A line may end behind `export`."""
    graph = graph_of(
        {"x@1.0.0": ({"main": "i.js"}, {"i.js": "export\n{ a } from './a.js'", "a.js": MODULE})}, ModuleRequest("x")
    )
    assert ("npm/x@1.0.0/a.js", "npm/x@1.0.0/i.js") == graph.modules


def test_dependencies_are_found_by_their_ranges() -> None:
    packages: Packages = {
        "app@1.0.0": ({"main": "i.js", "dependencies": {"dep": "^1"}}, {"i.js": "import 'dep'; import 'dep/sub'"}),
        "dep@1.2.0": ({"exports": {".": "./d.js", "./sub": "./s.js"}}, {"d.js": MODULE, "s.js": MODULE}),
        "dep@1.3.0-beta.1": ({"main": "d.js"}, {"d.js": MODULE}),
        "dep@2.0.0": ({"main": "d.js"}, {"d.js": MODULE}),
    }
    expected = [
        ("", "app", "npm/app@1.0.0/i.js"),
        ("app@1.0.0", "dep", "npm/dep@1.2.0/d.js"),
        ("app@1.0.0", "dep/sub", "npm/dep@1.2.0/s.js"),
    ]
    assert expected == said(graph_of(packages, ModuleRequest("app")))


def test_modules_that_were_made_take_the_place_of_what_no_browser_imports() -> None:
    made = {"+esm/package.json": json.dumps({"exports": {".": "./index.js", "./gone": "./gone.js"}})}
    packages: Packages = {
        "cjs@1.0.0": ({}, {"index.js": "exports.a = 1", "own.mjs": MODULE, "+esm/index.js": "import 'own'", **made}),
        "own@1.0.0": ({"main": "i.mjs"}, {"i.mjs": MODULE, "+esm/package.json": '{"exports": {}}'}),
    }
    expected = [("", "cjs", "npm/cjs@1.0.0/+esm/index.js"), ("cjs@1.0.0", "own", "npm/own@1.0.0/i.mjs")]
    assert expected == said(graph_of(packages, ModuleRequest("cjs")))[:2]
    assert [("", "cjs/own", "npm/cjs@1.0.0/own.mjs")] == said(graph_of(packages, ModuleRequest("cjs", None, "./own")))
    assert [("module-missing", "cjs@1.0.0", "cjs/gone")] == refused(packages, ModuleRequest("cjs", None, "./gone"))


def test_what_a_page_may_import_as_well_may_lack_what_it_imports() -> None:
    packages: Packages = {"app@1.0.0": ({}, {"index.js": MODULE, "more.js": "import 'none'"})}
    shelf = TextShelf(packages)
    others = [ModuleRequest("app", None, subpath) for subpath in ("./more", "./x")]
    graph = explored([ModuleRequest("app")], shelf, others)
    assert {("module-not-hosted", True), ("module-missing", True)} == {(p.reference, p.warning) for p in graph.warnings}
    assert "npm/app@1.0.0/more.js" in graph.modules


def test_a_file_may_be_chosen_and_is_everybodys() -> None:
    """A dependent that had another file of the package would load it twice."""
    packages: Packages = {
        "app@1.0.0": ({"main": "i.js", "dependencies": {"dep": "^1"}}, {"i.js": "import 'dep'"}),
        "dep@1.0.0": ({"exports": {".": "./d.js"}}, {"d.js": MODULE, "browser/d.js": MODULE, "c.js": "exports.x = 1"}),
    }
    graph = graph_of(packages, ModuleRequest("app"), ModuleRequest("dep", file="browser/d.js"))
    chosen = "npm/dep@1.0.0/browser/d.js"
    assert [("", "dep", chosen), ("app@1.0.0", "dep", chosen)] == [one for one in said(graph) if one[1] == "dep"]
    assert "npm/dep@1.0.0/d.js" not in graph.modules
    assert [("module-missing", "dep@1.0.0", "none.js")] == refused(packages, ModuleRequest("dep", file="none.js"))
    assert [("module-common-js", "dep@1.0.0", "npm/dep@1.0.0/c.js")] == refused(
        packages, ModuleRequest("dep", file="c.js")
    )
    twice = refused(packages, ModuleRequest("dep", file="d.js"), ModuleRequest("dep", file="browser/d.js"))
    assert [("module-twice", "", "dep@1.0.0=d.js and dep@1.0.0=browser/d.js")] == twice


@pytest.mark.parametrize("field", ["dependencies", "peerDependencies", "optionalDependencies"])
def test_every_kind_of_dependency_counts(field: str) -> None:
    packages: Packages = {
        "app@1.0.0": ({"main": "i.js", field: {"dep": "1"}}, {"i.js": "import 'dep'"}),
        "dep@1.0.0": ({"main": "d.js"}, {"d.js": MODULE}),
        "dep@2.0.0": ({"main": "d.js"}, {"d.js": MODULE}),
    }
    assert "npm/dep@1.0.0/d.js" in graph_of(packages, ModuleRequest("app")).modules


def test_the_version_that_a_person_chose_is_preferred() -> None:
    packages: Packages = {
        "app@1.0.0": ({"main": "i.js", "dependencies": {"dep": "^1"}}, {"i.js": "import 'dep'"}),
        "dep@1.0.0": ({"main": "d.js"}, {"d.js": MODULE}),
        "dep@1.1.0": ({"main": "d.js"}, {"d.js": MODULE}),
    }
    assert "npm/dep@1.1.0/d.js" in graph_of(packages, ModuleRequest("app")).modules
    chosen = graph_of(packages, ModuleRequest("app"), ModuleRequest("dep", "1.0.0"))
    assert ("npm/app@1.0.0/i.js", "npm/dep@1.0.0/d.js") == chosen.modules


@pytest.mark.parametrize(
    ("description", "files", "expected"),
    [
        pytest.param(
            {"browser": "b.js", "module": "m.js"}, {"b.js": MODULE, "m.js": MODULE}, "b.js", id="browser first"
        ),
        pytest.param(
            {"browser": "b.js", "module": "m.js"}, {"b.js": "x=1", "m.js": MODULE}, "m.js", id="a module first"
        ),
        pytest.param({"main": "c.js", "module": "m"}, {"c.js": "x=1", "m.js": MODULE}, "m.js", id="without its ending"),
        pytest.param({"main": "c.js", "type": "module"}, {"c.js": "x=1"}, "c.js", id="a module by type"),
        pytest.param({"main": "c.mjs"}, {"c.mjs": "x=1"}, "c.mjs", id="a module by name"),
        pytest.param(
            {"browser": "u.js", "module": "m.mjs", "type": "module"},
            {"u.js": "typeof exports === 'object' ? 1 : self.x = 1", "m.mjs": MODULE},
            "m.mjs",
            id="a module with exports before a build that is one by type only",
        ),
        pytest.param(
            {"exports": "./n.js", "browser": {"./n.js": "./b.js"}},
            {"n.js": MODULE, "b.js": MODULE},
            "b.js",
            id="the browser map on what is exported",
        ),
    ],
)
def test_the_entry_is_an_es_module(description: dict[str, object], files: dict[str, str], expected: str) -> None:
    assert (f"npm/x@1.0.0/{expected}",) == graph_of({"x@1.0.0": (description, files)}, ModuleRequest("x")).modules


def test_a_folder_may_have_a_package_json_of_its_own() -> None:
    files = {"hooks/package.json": '{"module": "./dist/h.mjs"}', "hooks/dist/h.mjs": MODULE}
    graph = graph_of({"x@1.0.0": ({}, files)}, ModuleRequest("x", subpath="./hooks"))
    assert [("", "x/hooks", "npm/x@1.0.0/hooks/dist/h.mjs")] == said(graph)


def test_a_package_without_exports_finds_itself_too() -> None:
    files = {"main.js": MODULE, "more.js": "import 'x'"}
    packages: Packages = {"x@1.0.0": ({"main": "main.js"}, files), "x@2.0.0": ({"main": "main.js"}, files)}
    graph = graph_of(packages, ModuleRequest("x", "^1", "./more.js"))
    assert ("npm/x@1.0.0/main.js", "npm/x@1.0.0/more.js") == graph.modules
    assert () == graph.warnings


def test_a_package_json_in_a_folder_may_name_a_file_of_another_folder() -> None:
    files = {"add/package.json": '{"module": "../esm/add.js", "main": "../../y@1.0.0/i.js"}', "esm/add.js": MODULE}
    graph = graph_of({"x@1.0.0": ({}, files), "y@1.0.0": ({}, {"i.js": MODULE})}, ModuleRequest("x", subpath="./add"))
    assert [("", "x/add", "npm/x@1.0.0/esm/add.js")] == said(graph)
    files = {"add/package.json": '{"main": "../../y@1.0.0/i.js"}'}
    with pytest.raises(ConfigurationError):
        graph_of({"x@1.0.0": ({}, files), "y@1.0.0": ({}, {"i.js": MODULE})}, ModuleRequest("x", subpath="./add"))


def test_a_file_of_which_no_module_was_made_is_told() -> None:
    files = {"m.js": "", "dist/x.js": "module.exports = 1", "+esm/index.js": MODULE}
    made = {"+esm/package.json": '{"exports": {".": "./index.js"}}'}
    with pytest.raises(ConfigurationError) as raised:
        graph_of({"x@1.0.0": ({"main": "m.js"}, {**files, **made})}, ModuleRequest("x", subpath="./dist/x.js"))
    (problem,) = raised.value.problems
    assert ("module-common-js", "npm/x@1.0.0/dist/x.js") == (problem.reference, problem.value)
    assert "cdnserve info x@1.0.0 lists them" in problem.hint


def test_a_package_may_name_itself_and_its_own() -> None:
    description = {"exports": {".": "./i.js", "./a": "./a.js"}, "imports": {"#b": "./b.js", "#dep": "dep"}}
    files = {"i.js": "import 'x/a'; import '#b'; import '#dep'", "a.js": MODULE, "b.js": MODULE}
    packages: Packages = {
        "x@1.0.0": (description | {"dependencies": {"dep": "1"}}, files),
        "dep@1.0.0": ({"main": "d.js"}, {"d.js": MODULE}),
    }
    expected = [
        ("", "x", "npm/x@1.0.0/i.js"),
        ("x@1.0.0", "x/a", "npm/x@1.0.0/a.js"),
        ("x@1.0.0", "#b", "npm/x@1.0.0/b.js"),
        ("x@1.0.0", "#dep", "npm/dep@1.0.0/d.js"),
    ]
    assert expected == said(graph_of(packages, ModuleRequest("x")))


def test_what_the_browser_map_replaces_is_mapped_by_its_address() -> None:
    description = {"main": "i.js", "browser": {"./node.js": "./web.js", "util": "./util.js"}}
    files = {"i.js": "import './node.js'; import 'util'", "node.js": MODULE, "web.js": MODULE, "util.js": MODULE}
    graph = graph_of({"x@1.0.0": (description, files)}, ModuleRequest("x"))
    assert [("npm/x@1.0.0/node.js", True), ("util", False)] == [(e.key, e.is_path) for e in graph.edges if e.dependent]
    assert ("npm/x@1.0.0/i.js", "npm/x@1.0.0/util.js", "npm/x@1.0.0/web.js") == graph.modules


def test_an_ending_that_was_left_out_is_mapped_by_its_address() -> None:
    graph = graph_of({"x@1.0.0": ({"main": "i.js"}, {"i.js": "import './a'", "a.js": MODULE})}, ModuleRequest("x"))
    assert [("npm/x@1.0.0/a", "npm/x@1.0.0/a.js", True)] == [(e.key, e.path, e.is_path) for e in graph.edges[1:]]


@pytest.mark.parametrize(
    ("specifier", "address"),
    [(".//b.js", "npm/x@1.0.0/a//b.js"), ("./c/..", "npm/x@1.0.0/a/"), ("../a//", "npm/x@1.0.0/a//")],
)
def test_an_address_that_a_browser_writes_otherwise_is_mapped(specifier: str, address: str) -> None:
    files = {"a/i.js": f"import '{specifier}'", "a/b.js": MODULE, "a/index.js": MODULE}
    graph = graph_of({"x@1.0.0": ({"main": "a/i.js"}, files)}, ModuleRequest("x"))
    assert [(address, True)] == [(e.key, e.is_path) for e in graph.edges[1:]]


def test_an_alias_of_npm_is_followed() -> None:
    packages: Packages = {
        "app@1.0.0": ({"main": "i.js", "dependencies": {"old": "npm:dep@^1"}}, {"i.js": "import 'old'"}),
        "dep@1.0.0": ({"main": "d.js"}, {"d.js": MODULE}),
    }
    assert ("app@1.0.0", "old", "npm/dep@1.0.0/d.js") in said(graph_of(packages, ModuleRequest("app")))


def test_json_and_styles_are_modules_too() -> None:
    files = {
        "i.js": "import './a.json' with {type: 'json'}; import './a.css' with {type: 'css'}",
        "a.json": "{}",
        "a.css": "",
    }
    assert 3 == len(graph_of({"x@1.0.0": ({"main": "i.js"}, files)}, ModuleRequest("x")).modules)


def test_circles_end() -> None:
    packages: Packages = {
        "a@1.0.0": ({"main": "i.js", "dependencies": {"b": "1"}}, {"i.js": "import 'b'; import './i.js'"}),
        "b@1.0.0": ({"main": "i.js", "dependencies": {"a": "1"}}, {"i.js": "import 'a'"}),
    }
    assert ("npm/a@1.0.0/i.js", "npm/b@1.0.0/i.js") == graph_of(packages, ModuleRequest("a")).modules


def test_what_only_import_reaches_is_told_apart() -> None:
    files = {
        "i.js": "import './a.js'; import('./b.js')",
        "a.js": MODULE,
        "b.js": "import './a.js'; import './c.js'",
        "c.js": MODULE,
    }
    graph = graph_of({"x@1.0.0": ({"main": "i.js"}, files)}, ModuleRequest("x"))
    assert 4 == len(graph.modules)
    assert {"npm/x@1.0.0/b.js", "npm/x@1.0.0/c.js"} == graph.later


def test_all_that_is_not_hosted_is_told_together() -> None:
    description = {"main": "i.js", "dependencies": {"one": "^1", "two": "2", "three": "^3"}}
    packages: Packages = {
        "app@1.0.0": (description, {"i.js": "import 'one'; import 'two'; import 'three'"}),
        "three@2.0.0": ({"main": "d.js"}, {"d.js": MODULE}),
    }
    with pytest.raises(ConfigurationError) as error:
        graph_of(packages, ModuleRequest("app"))
    problems = error.value.problems
    assert [("module-not-hosted", value) for value in ("one@^1", "two@2", "three@^3")] == [
        (one.reference, one.value) for one in problems
    ]
    assert problems[0].hint == "run cdnserve add 'one@^1', or cdnserve add app@1.0.0 --deps"
    assert "hosted are 2.0.0" in problems[2].hint
    assert problems[2].hint.endswith("cdnserve add 'one@^1' two@2 'three@^3'")


@pytest.mark.parametrize(
    ("description", "source", "expected"),
    [
        pytest.param({}, "import 'fs'", ("module-built-in", "x@1.0.0", "fs"), id="built into Node.js"),
        pytest.param({}, "import 'node:fs'", ("module-built-in", "npm/x@1.0.0/i.js", "node:fs"), id="by its scheme"),
        pytest.param({}, "import './no.js'", ("module-missing", "npm/x@1.0.0/i.js", "./no.js"), id="no such file"),
        pytest.param({}, "import '../../../etc/x'", ("module-missing", "npm/x@1.0.0/i.js", "../../../etc/x"), id="out"),
        pytest.param({}, "import '/a.js'", ("module-missing", "npm/x@1.0.0/i.js", "/a.js"), id="from the host's root"),
        pytest.param({}, "import './i.js?a'", ("module-missing", "npm/x@1.0.0/i.js", "./i.js?a"), id="with a query"),
        pytest.param(
            {}, "import './%69.js'", ("module-missing", "npm/x@1.0.0/i.js", "./%69.js"), id="another spelling"
        ),
        pytest.param({}, "import '.\\\\\\\\i.js'", ("module-missing", "npm/x@1.0.0/i.js", ".\\\\i.js"), id="no name"),
        pytest.param({}, "import '#a'", ("module-not-exported", "x@1.0.0", "#a"), id="an unknown internal name"),
        pytest.param(
            {"browser": {"a": False}}, "import 'a'", ("module-excluded", "npm/x@1.0.0/i.js", "a"), id="taken away"
        ),
        pytest.param(
            {"browser": {"./i.js": "./i.js", "./b.js": False}},
            "import './b.js'",
            ("module-excluded", "npm/x@1.0.0/i.js", "./b.js"),
            id="a file taken away",
        ),
    ],
)
def test_what_can_not_be_resolved(description: dict[str, object], source: str, expected: tuple[str, str, str]) -> None:
    assert [expected] == refused({"x@1.0.0": ({"main": "i.js"} | description, {"i.js": source})}, ModuleRequest("x"))


@pytest.mark.parametrize(
    ("description", "files", "expected"),
    [
        pytest.param({"main": "i.js"}, {"i.js": "module.exports = 1"}, "module-common-js", id="CommonJS"),
        pytest.param({"exports": {"require": "./i.cjs"}}, {"i.cjs": ""}, "module-common-js", id="only for require()"),
        pytest.param({"exports": {"./a": "./a.js"}}, {"a.js": MODULE}, "module-not-exported", id="not exported"),
        pytest.param({"main": "i.js"}, {"other.js": MODULE}, "module-missing", id="not in the package"),
    ],
)
def test_entries_that_are_none(description: dict[str, object], files: dict[str, str], expected: str) -> None:
    assert [expected] == [one[0] for one in refused({"x@1.0.0": (description, files)}, ModuleRequest("x"))]


@pytest.mark.parametrize(
    ("asked", "hint"),
    [("./hoks", "did you mean x/hooks?"), ("./zzz", "import a path that the package exports: cdnserve info x@1.0.0")],
)
def test_the_path_that_was_probably_meant_is_told(asked: str, hint: str) -> None:
    table = {".": "./i.js", "./hooks": "./i.js", "./lib/*": "./*"}
    packages: Packages = {"x@1.0.0": ({"exports": table}, {"i.js": MODULE})}
    with pytest.raises(ConfigurationError) as caught:
        graph_of(packages, ModuleRequest("x", subpath=asked))
    assert [hint] == [problem.hint for problem in caught.value.problems]


def test_what_no_rule_publishes_is_told() -> None:
    files = {"i.js": "import './a.js'", "a.js": MODULE}
    packages: Packages = {"x@1.0.0": ({"main": "i.js"}, files)}
    expected = [("module-unlisted", "npm/x@1.0.0/a.js", "")]
    assert expected == refused(packages, ModuleRequest("x"), unlisted=("npm/x@1.0.0/a.js",))
    every = ("npm/x@1.0.0/a.js", "npm/x@1.0.0/i.js")
    assert [("module-not-hosted", "", "x")] == refused(packages, ModuleRequest("x"), unlisted=every)


def test_one_name_in_two_versions_is_told() -> None:
    packages: Packages = {f"x@{version}": ({"main": "i.js"}, {"i.js": MODULE}) for version in ("1.0.0", "2.0.0")}
    assert [("module-twice", "", "x@1.0.0 and x@2.0.0")] == refused(
        packages, ModuleRequest("x", "1"), ModuleRequest("x", "2")
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("import(x); export {}", "module-computed", id="a computed import"),
        pytest.param("import('gone'); export {}", "module-not-hosted", id="a package that may never be asked for"),
        pytest.param("import('./gone.js'); export {}", "module-missing", id="a file that may never be asked for"),
        pytest.param("import 'https://other.example/a.js'", "module-elsewhere", id="another host"),
        pytest.param("export {}; process.env.X", "module-for-bundlers", id="made for bundlers"),
        pytest.param("export {}; let = (1", "module-syntax", id="no JavaScript"),
        pytest.param("import 'dep'", "module-undeclared", id="an undeclared dependency"),
    ],
)
def test_warnings(source: str, expected: str) -> None:
    packages: Packages = {
        "x@1.0.0": ({"main": "i.js"}, {"i.js": source}),
        "dep@1.0.0": ({"main": "d.js"}, {"d.js": MODULE}),
    }
    assert [(expected, True)] == [
        (one.reference, one.warning) for one in graph_of(packages, ModuleRequest("x")).warnings
    ]


BUNDLED = "export {}; process.env.X"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({"x.esm-browser.js": MODULE, "x.esm-browser.prod.js": MODULE}, "x.esm-browser.prod.js", id="two"),
        pytest.param({"lib/x.browser.mjs": MODULE}, "lib/x.browser.mjs", id="in a folder"),
        pytest.param({"x.esm-browser.js": BUNDLED, "x.browser.js": "var x"}, "i.js", id="none that fits"),
        pytest.param({"y.esm-browser.js": MODULE, "x.esm.js": MODULE}, "i.js", id="of something else"),
    ],
)
def test_an_entry_for_bundlers_gives_way_to_a_build_for_browsers(files: Mapping[str, str], expected: str) -> None:
    """For whoever imports it, unless a person names the file."""
    packages: Packages = {
        "x@1.0.0": ({"main": "i.js"}, {"i.js": BUNDLED, **files}),
        "dep@1.0.0": ({"main": "d.js", "dependencies": {"x": "1"}}, {"d.js": "import 'x'; export {}"}),
    }
    for wanted in (ModuleRequest("x"), ModuleRequest("dep")):
        graph = graph_of(packages, wanted)
        assert f"npm/x@1.0.0/{expected}" in graph.modules
        assert (expected == "i.js") == any(one.reference == "module-for-bundlers" for one in graph.warnings)
    assert ("npm/x@1.0.0/i.js",) == graph_of(packages, ModuleRequest("x", file="i.js")).modules


def test_data_is_nothing_to_load() -> None:
    source = "import 'data:text/javascript,'; export {}"
    assert () == graph_of({"x@1.0.0": ({"main": "i.js"}, {"i.js": source})}, ModuleRequest("x")).warnings


def test_too_many_modules_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_module, "MOST_MODULES", 2)
    files = {"i.js": "import './a.js'; import './b.js'", "a.js": MODULE, "b.js": MODULE}
    assert ["module-graph-size"] == [
        one[0] for one in refused({"x@1.0.0": ({"main": "i.js"}, files)}, ModuleRequest("x"))
    ]


THREE: Packages = {
    "three@1.0.0": (
        {"exports": {".": "./build/three.js", "./addons/*": "./examples/jsm/*", "./addons/private/*": None}},
        {
            "build/three.js": MODULE,
            "examples/jsm/a.js": "import 'three'; export const a = 1;",
            "examples/jsm/deep/b.js": "import '../a.js'; import 'absent'; export const b = 1;",
            "examples/jsm/private/c.js": MODULE,
            "examples/jsm/notes.md": "# Notes",
            "examples/other.js": MODULE,
        },
    )
}


def test_a_prefix_stands_for_all_modules_below() -> None:
    graph = graph_of(THREE, ModuleRequest("three", subpath="./addons/"), ModuleRequest("three"))
    found = ("build/three.js", "examples/jsm/a.js", "examples/jsm/deep/b.js")
    assert tuple(f"npm/three@1.0.0/{path}" for path in found) == graph.modules
    integrity = dict.fromkeys(graph.modules, "sha384-x")
    imports = module_map(graph, lambda path: f"/{path}", integrity)["imports"]
    assert {"three": "/npm/three@1.0.0/build/three.js", "three/addons/": "/npm/three@1.0.0/examples/jsm/"} == imports


def test_what_a_module_below_a_prefix_lacks_is_a_warning() -> None:
    """Which of them a page imports, nobody knows; and none of them is preloaded."""
    graph = graph_of(THREE, ModuleRequest("three", subpath="./addons/"))
    assert [("module-not-hosted", True)] == [(problem.reference, problem.warning) for problem in graph.warnings]
    assert set(graph.modules) == graph.later


def test_without_exports_a_prefix_is_a_folder() -> None:
    packages: Packages = {"x@1.0.0": ({}, {"lib/a.js": MODULE, "b.js": MODULE})}
    assert ("npm/x@1.0.0/lib/a.js",) == graph_of(packages, ModuleRequest("x", subpath="./lib/")).modules


@pytest.mark.parametrize(
    ("exports", "reference"),
    [
        pytest.param({"./addons/*": "./lib/*.js"}, "module-not-exported", id="names that differ"),
        pytest.param({".": "./build/three.js"}, "module-not-exported", id="no such path"),
        pytest.param({"./addons/*": "../*"}, "module-not-exported", id="a folder outside of the package"),
        pytest.param({"./addons/*": "./empty/*"}, "module-missing", id="a folder without modules"),
        pytest.param(None, "module-missing", id="no such folder"),
    ],
)
def test_a_prefix_that_is_no_folder_of_modules_is_told(exports: object, reference: str) -> None:
    description: dict[str, object] = {} if exports is None else {"exports": exports}
    packages: Packages = {"three@1.0.0": (description, {"build/three.js": MODULE})}
    with pytest.raises(ConfigurationError) as error:
        graph_of(packages, ModuleRequest("three", subpath="./addons/"))
    assert [reference] == [problem.reference for problem in error.value.problems]

"""Made modules: what a page may import of a package, and what esbuild is given to make it."""

from __future__ import annotations

from typing import Any

import pytest

from cdnserve.modules.made import (
    External,
    Scan,
    declarations,
    groups,
    is_inside,
    made_exports,
    making_run,
    read_metafile,
    scan_run,
    wrapper,
)
from cdnserve.modules.made_entries import Entry, entries, further_entries

WORLD = declarations({})


def _entries(description: dict[str, Any], *files: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    found = entries(description, ["package.json", *files], lambda path: path.endswith(".mjs"))
    return {one.name: (one.source, one.subpaths) for one in found}


def test_a_folder_with_a_package_json_is_an_entry() -> None:
    described = {"add": {"main": "../cjs/add.js", "module": "../esm/add.mjs"}, "out": {"main": "../../x.js"}}
    files = ["cjs/add.js", "esm/add.mjs", "old/index.js", *(f"{name}/package.json" for name in ("add", "old", "out"))]
    found = entries({}, files, lambda path: path.endswith(".mjs"), lambda folder: described.get(folder, {}))
    assert [("./add", "esm/add.mjs"), ("./old", "old/index.js")] == [(*one.subpaths, one.source) for one in found]


@pytest.mark.parametrize(
    ("exports", "expected"),
    [
        pytest.param("./a.js", {"index": ("a.js", (".",))}, id="one file"),
        pytest.param(
            {"browser": "./a.js", "default": "./b.js"}, {"index": ("a.js", (".",))}, id="conditions without paths"
        ),
        pytest.param(
            {".": {"development": "./b.js", "production": "./a.js"}}, {"index": ("a.js", (".",))}, id="production"
        ),
        pytest.param({".": {"node": "./a.js"}}, {}, id="for Node.js only"),
        pytest.param({".": "./absent.js", "./data": "./d.json", "./style": "./s.css"}, {}, id="absent or no script"),
        pytest.param(
            {".": "./a.js", "./a.js": "./a.js"}, {"index": ("a.js", (".", "./a.js"))}, id="one file under two names"
        ),
        pytest.param(
            {"./a": "./a.js", "./a.js": "./b.js"},
            {"a": ("a.js", ("./a",)), "a.js": ("b.js", ("./a.js",))},
            id="two files whose modules would have one name",
        ),
        pytest.param(
            {"./*": "./lib/*.js", "./lib/in/*": None, "./in/*": None},
            {"x": ("lib/x.js", ("./x",))},
            id="a pattern, and what it excludes",
        ),
        pytest.param({"./*/*": "./lib/*.js", "./y": "../a.js"}, {}, id="what is no pattern, and leads outside"),
        pytest.param({".": "./a.js", "./.x": "./b.js"}, {"index": ("a.js", (".",))}, id="a hidden name"),
    ],
)
def test_what_exports_name(exports: object, expected: dict[str, tuple[str, tuple[str, ...]]]) -> None:
    files = ("a.js", "b.js", "d.json", "s.css", "lib/x.js", "lib/in/y.js")
    assert expected == _entries({"exports": exports}, *files)


def test_the_main_module_has_its_name_whatever_else_would_have_it() -> None:
    exports = {"./*.js": "./*.js", ".": "./lib/x.js", "./x": "./lib/x.js"}
    assert {
        "index": ("lib/x.js", ("./lib/x.js", ".", "./x")),
        "index.js": ("index.js", ("./index.js",)),
    } == _entries({"exports": exports}, "index.js", "lib/x.js")


def test_the_browser_field_holds_for_what_exports_name() -> None:
    description = {"exports": {".": "./a.js", "./b": "./b.js"}, "browser": {"./a.js": "./c.js", "./b.js": False}}
    assert {"index": ("c.js", (".",))} == _entries(description, "a.js", "b.js", "c.js")


def test_without_exports_the_main_file_folders_and_the_first_level() -> None:
    description = {"main": "lib/main", "module": "lib/main.mjs", "browser": {"./node.js": "./web.js", "./no.js": False}}
    files = ("lib/main.js", "lib/main.mjs", "node.js", "web.js", "no.js", "_inner.js", "both.js", "both.mjs")
    nested = ("fp/package.json", "fp/index.js", "node_modules/x/package.json", "node_modules/x/index.js")
    assert {
        "index": ("lib/main.mjs", (".",)),
        "both": ("both.mjs", ("./both", "./both.mjs")),
        "web": ("web.js", ("./node", "./node.js", "./web", "./web.js")),
        "fp": ("fp/index.js", ("./fp",)),
    } == _entries(description, *files, *nested)


def test_further_entries_are_files_in_folders_that_nothing_loads() -> None:
    files = ("main.js", "plugin/a.js", "plugin/b.mjs", "lib/loaded.js", "test/t.js", "x/.hidden.js", "-x/y.js", "z.js")
    found = [Entry("index", "main.js", (".",))]

    def further(description: dict[str, Any], more: tuple[str, ...] = ()) -> tuple[Entry, ...]:
        return further_entries(
            description, [*files, *more], found, {"main.js", "lib/loaded.js"}, lambda path: path.endswith(".mjs")
        )

    assert (Entry("plugin/a", "plugin/a.js", ("./plugin/a", "./plugin/a.js")),) == further({})
    assert () == further({"exports": {".": "./main.js"}})
    assert () == further({"browser": {"./plugin/a.js": False}})
    assert () == further({}, tuple(f"many/m{number}.js" for number in range(1000)))


def test_the_names_of_modules_lead_to_their_files() -> None:
    found = [Entry("index", "a.js", (".", "./a.js")), Entry("x/b", "b.js", ("./x/b",))]
    assert {".": "./index.js", "./a.js": "./index.js", "./x/b": "./x/b.js"} == made_exports(found)


METAFILE: dict[str, Any] = {
    "inputs": {
        "a.js": {
            "imports": [
                {"path": "b.js", "kind": "require-call", "original": "./b"},
                {"path": "react", "kind": "import-statement", "external": True},
            ],
            "format": "esm",
        },
        "b.js": {
            "imports": [
                {"path": "a.js", "kind": "require-call", "original": "./a"},
                {"path": "react", "kind": "require-call", "external": True},
                {"path": "fs", "kind": "require-call", "external": True},
            ],
            "format": "cjs",
        },
        "c.js": {"imports": []},
    },
    "outputs": {
        "x/a.js": {"entryPoint": "a.js", "inputs": {"a.js": {}, "b.js": {}}},
        "x/c.js": {"entryPoint": "c.js", "inputs": {"c.js": {}}},
        "x/c.css": {"inputs": {}},
    },
}
A, B, C = Entry("a", "a.js", ("./a",)), Entry("b", "b.js", ("./b",)), Entry("c", "c.js", ("./c",))


def test_what_esbuild_says_of_files() -> None:
    scan = read_metafile(METAFILE)
    assert {"a.js": ("b.js",), "b.js": ("a.js",), "c.js": ()} == scan.loads
    assert (External("react", is_required=False),) == scan.externals["a.js"]
    assert {"a.js"} == scan.modules
    assert {"a.js": {"a.js", "b.js"}, "c.js": {"c.js"}} == scan.parts
    assert {"react": True, "fs": True} == scan.needs("a.js")
    assert {} == scan.needs("c.js")
    assert "b.js" == scan.resolved["a.js", "./b"]


def test_the_chain_that_leads_to_what_is_declarations() -> None:
    scan = read_metafile(METAFILE)
    assert ("a.js", "b.js", "fs") == scan.chain("a.js", "fs")
    assert ("a.js", "react") == scan.chain("a.js", "react")
    assert ("a.js", "b.js") == scan.chain("a.js", "b.js")
    assert ("c.js", "fs") == scan.chain("c.js", "fs")


def test_what_the_browser_field_has_and_the_package_lacks() -> None:
    world = declarations({"browser": {"./a.js": "./web", "./b.js": "./nowhere.js", "util": "./none.js", "x": "y"}})
    assert {"b.js": "./nowhere.js", "util": "./none.js"} == world.dangling(["web.js"])


@pytest.mark.parametrize(
    ("description", "specifier", "expected"),
    [
        pytest.param({}, "fs", True, id="built in"),
        pytest.param({}, "fs/promises", True, id="a part of what is built in"),
        pytest.param({}, "node:fs", True, id="by its scheme"),
        pytest.param({}, "punycode/", False, id="npm's, by the slash"),
        pytest.param({}, "react", False, id="another package"),
        pytest.param({"browser": {"fs": False}}, "fs", False, id="taken away"),
        pytest.param({"dependencies": {"events": "^3"}}, "events", False, id="npm's, declared"),
        pytest.param({"dependencies": {"events": "^3"}}, "node:events", True, id="Node's, for all that"),
    ],
)
def test_what_only_node_has(description: dict[str, Any], specifier: str, expected: bool) -> None:
    assert expected is declarations(description).is_built_in(specifier)


def test_entries_that_share_files_are_made_together() -> None:
    parts = {"a.js": frozenset({"a.js", "i.js"}), "b.js": frozenset({"b.js"}), "c.js": frozenset({"c.js", "i.js"})}
    first, second = groups([A, B, C], Scan({}, {}, frozenset(), parts, {}))
    assert ((B,), False) == (first.entries, first.is_sharing)
    assert ((A, C), True) == (second.entries, second.is_sharing)
    assert "--splitting" in making_run(second, Scan({}, {}, frozenset(), parts, {}), WORLD, _no_names).arguments
    assert "--splitting" not in making_run(first, Scan({}, {}, frozenset(), parts, {}), WORLD, _no_names).arguments


def _no_names(_source: str) -> tuple[list[str], list[str]]:
    return [], []


def _run(description: dict[str, Any], *externals: External) -> tuple[dict[str, str], set[str]]:
    scan = Scan({}, {"a.js": externals}, frozenset({"a.js"}), {"a.js": frozenset({"a.js"})}, {})
    (group,) = groups([A], scan)
    run = making_run(group, scan, declarations(description), _no_names)
    return dict(run.files), {one for one in run.arguments if one.startswith("--alias")}


def test_what_is_imported_stays_an_import() -> None:
    assert ({}, set()) == _run({}, External("react", is_required=False))


def test_what_is_required_becomes_an_import() -> None:
    files, aliases = _run({}, External("x", is_required=True), External("x/y", is_required=False))
    assert {"--alias:x=./+esm/.src/r0.cjs", "--alias:cdnserve-external-0=x", "--alias:x/y=x/y"} == aliases
    assert {"+esm/.src/interop.cjs", "+esm/.src/n0.mjs", "+esm/.src/r0.cjs"} == set(files)
    assert 'import * as n from "cdnserve-external-0"; export { n };\n' == files["+esm/.src/n0.mjs"]


def test_a_slash_behind_a_name_is_left_out() -> None:
    _, aliases = _run({}, External("punycode/", is_required=True))
    assert {"--alias:punycode=./+esm/.src/r0.cjs", "--alias:cdnserve-external-0=punycode"} == aliases


def test_what_the_browser_field_takes_away_is_empty() -> None:
    files, aliases = _run({"browser": {"fs": False}}, External("fs", is_required=False))
    assert ({"+esm/.src/r0.cjs": ""}, {"--alias:fs=./+esm/.src/r0.cjs"}) == (files, aliases)


def test_what_the_browser_field_has_another_package_for_is_required_by_both_names() -> None:
    externals = (External("disk", is_required=True), External("fs/promises", is_required=False))
    _, aliases = _run({"browser": {"fs": "disk"}}, *externals)
    assert {
        *("--alias:disk=./+esm/.src/r0.cjs", "--alias:fs=./+esm/.src/r0.cjs", "--alias:cdnserve-external-0=disk"),
        "--alias:fs/promises=fs/promises",
    } == aliases


def test_what_an_entry_loads_with_is_found_through_its_files() -> None:
    externals = {"a.js": (), "b.js": (External("x", is_required=True), External("y", is_required=True))}
    resolved = {("a.js", "./b"): "b.js", ("b.js", "./a"): "a.js"}
    scan = Scan({"a.js": ("b.js",), "b.js": ("a.js",)}, externals, frozenset(), {}, resolved)
    assert {"x"} == scan.at_load("a.js", {"a.js": ["./b", "z"], "b.js": ["x", "./a"]}.__getitem__)
    assert set() == scan.at_load("a.js", {"a.js": [], "b.js": ["x"]}.__getitem__)


def test_what_may_be_absent_is_absent() -> None:
    """As in Node.js where it is not installed; whoever requires it asks for the error."""
    files, _ = _run({"peerDependenciesMeta": {"x": {"optional": True}}}, External("x/y", is_required=True))
    assert "MODULE_NOT_FOUND" in files["+esm/.src/r0.cjs"]


def test_a_wrapper_names_what_commonjs_exports() -> None:
    assert (
        'const m = require("../../i.js"), o = Object(m);\n'
        'const x0 = o["a\\"b"];\nconst x1 = o["class"];\nconst x2 = o["\\u{e9}"];\n'
        'export { x0 as "a\\"b", x1 as "class", x2 as "\\u{e9}", m as "module.exports" };\n'
        'export default o.__esModule && "default" in o ? o.default : m;\n'
        'export * from "other";\n'
    ) == wrapper("../../i.js", ["default", "class", 'a"b', "é"], ["other"])


def test_commonjs_gets_a_wrapper() -> None:
    scan = Scan({}, {}, frozenset(), {"a.js": frozenset({"a.js"})}, {})
    (group,) = groups([A], scan)
    run = making_run(group, scan, WORLD, lambda _source: (["x"], []), has_environment=True)
    assert ["a=./+esm/.src/e0.mjs"] == [one for one in run.arguments if not one.startswith("--")]
    assert 'o["x"]' in run.files["+esm/.src/e0.mjs"]
    assert '--define:process.env={"NODE_ENV":"production"}' in run.arguments


def test_the_first_run_reads_the_files_as_they_are() -> None:
    assert ("a=./a.js", "c=./c.js") == scan_run([A, C]).arguments[-2:]
    assert {} == scan_run([A]).files


def test_which_paths_lie_in_the_package() -> None:
    assert [True, True, True, False, False] == list(
        map(is_inside, ("a/b.js", "(disabled):x", "<data:,../../x>", "../x.js", "/etc/passwd"))
    )

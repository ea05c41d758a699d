"""Which file of a package an address on a public CDN stands for."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

import pytest

from cdnserve.cdns.mapped import Mapped, PackageFile
from cdnserve.cdns.registry import read_address
from cdnserve.migrate.package_file import MOST_LISTED, AbsentError, PageUse, find_file, modules_with


class Package:
    """A package in memory."""

    def __init__(self, files: Mapping[str, str], **description: object) -> None:
        self._files = {**files, "package.json": json.dumps(description)}

    @property
    def files(self) -> Collection[str]:
        return self._files.keys()

    def source(self, path: str) -> bytes:
        return self._files[path].encode()


def asked(url: str) -> PackageFile:
    found = read_address(url)
    assert isinstance(found, Mapped)
    return found.files[0]


def found(url: str, package: Package, use: PageUse | None = None) -> str:
    return find_file(asked(url), package, use or PageUse())


JSDELIVR, UNPKG, ESM = "https://cdn.jsdelivr.net/npm/a@1", "https://unpkg.com/a@1", "https://esm.sh/a@1"


@pytest.mark.parametrize(
    ("url", "files", "description", "expected"),
    [
        pytest.param(f"{JSDELIVR}/x.js", ["x.js"], {}, "x.js", id="the file itself"),
        pytest.param(f"{JSDELIVR}/x.min.js", ["x.js", "x.min.js"], {}, "x.min.js", id="a minified file"),
        pytest.param(f"{JSDELIVR}/x.min.js", ["x.js"], {}, "x.js", id="one that jsDelivr made"),
        pytest.param(JSDELIVR, ["a.js", "b.js"], {"jsdelivr": "a.js", "main": "b.js"}, "a.js", id="jsDelivr's field"),
        pytest.param(
            JSDELIVR, ["a.js", "b.js"], {"unpkg": "a.js", "main": "./b"}, "b.js", id="main, without its ending"
        ),
        pytest.param(JSDELIVR, ["b.js", "b.min.js"], {"main": "b.js"}, "b.min.js", id="minified beside main"),
        pytest.param(JSDELIVR, ["index.js"], {}, "index.js", id="nothing is named"),
        pytest.param(JSDELIVR, ["b.js"], {"browser": {"x": "y"}, "main": "b.js"}, "b.js", id="a map of browser"),
        pytest.param(UNPKG, ["a.js", "b.js"], {"unpkg": "a.js", "main": "b.js"}, "a.js", id="unpkg's field"),
        pytest.param(UNPKG, ["b.js", "b.min.js"], {"main": "b.js"}, "b.js", id="unpkg, main as it is"),
        pytest.param(
            JSDELIVR, ["a.js", "a.min.js"], {"jsdelivr": "a.js"}, "a.min.js", id="minified beside jsDelivr's own"
        ),
        pytest.param(
            UNPKG,
            ["cjs.js", "esm.js"],
            {"main": "cjs.js", "browser": "esm.js", "exports": {".": {"node": "./cjs.js", "default": "./esm.js"}}},
            "esm.js",
            id="unpkg, exports before main",
        ),
        pytest.param(UNPKG, ["a.js"], {"exports": "./a.js"}, "a.js", id="unpkg, one export"),
        pytest.param(UNPKG, ["lib/index.js"], {"main": "lib"}, "lib/index.js", id="a folder's index"),
        pytest.param(f"{UNPKG}/lib/x", ["lib/x.js"], {}, "lib/x.js", id="unpkg, an ending left out"),
    ],
)
def test_a_file_is_found(url: str, files: list[str], description: dict[str, object], expected: str) -> None:
    assert expected == found(url, Package(dict.fromkeys(files, ""), **description))


def test_a_stylesheet_is_the_one_that_package_json_names() -> None:
    package = Package({"a.js": "", "a.css": ""}, style="a.css", main="a.js")
    assert "a.css" == found(JSDELIVR, package, PageUse(is_style=True))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        pytest.param(f"{JSDELIVR}/y.js", "has no y.js", id="no such file"),
        pytest.param(JSDELIVR, "names no file for browsers", id="no default file"),
        pytest.param(f"{JSDELIVR}/x/", "folder", id="a folder"),
    ],
)
def test_a_file_is_absent(url: str, reason: str) -> None:
    with pytest.raises(AbsentError, match=reason):
        found(url, Package({"x/y.js": ""}))


@pytest.mark.parametrize(
    ("url", "expected"),
    [pytest.param(f"{UNPKG}/x/", "x/", id="a folder"), pytest.param(f"{UNPKG}/", "/", id="the whole package")],
)
def test_a_prefix_of_an_import_map_is_a_folder(url: str, expected: str) -> None:
    assert expected == found(url, Package({"x/y.js": ""}), PageUse(is_prefix=True))


def test_a_prefix_that_leads_nowhere_is_absent() -> None:
    with pytest.raises(AbsentError, match="no folder z/"):
        found(f"{UNPKG}/z/", Package({"x/y.js": ""}), PageUse(is_prefix=True))


def test_a_font_must_have_the_family() -> None:
    font = PackageFile("@fontsource/open-sans", "", ("400.css",), family="Open Sans")
    assert "400.css" == find_file(font, Package({"400.css": "@font-face { font-family: 'Open Sans'; }"}), PageUse())
    with pytest.raises(AbsentError, match="does not define the family Open Sans"):
        find_file(font, Package({"400.css": "@font-face { font-family: 'Open Sans Variable'; }"}), PageUse())


@pytest.mark.parametrize(
    ("files", "description", "expected"),
    [
        pytest.param({"m.js": "export {}"}, {"module": "m.js"}, "m.js", id="module"),
        pytest.param(
            {"m.js": "module.exports = 1", "e.js": "export {}"},
            {"exports": {".": {"import": "./e.js", "require": "./m.js"}}},
            "e.js",
            id="exports",
        ),
        pytest.param({"m.js": "x = 1", "e.js": "export {}"}, {"main": "m.js", "module": "e.js"}, "e.js", id="not main"),
        pytest.param(
            {"m.js": "export * from './lib/x.js'", "lib/x.js": "export * from '../y.js'", "y.js": "export {}"},
            {"module": "m.js"},
            "m.js",
            id="files that import each other",
        ),
        pytest.param(
            {"m.js": "export {}; f(typeof process, process.env)"}, {"module": "m.js"}, "m.js", id="asks first"
        ),
    ],
)
def test_a_module_is_found(files: dict[str, str], description: dict[str, object], expected: str) -> None:
    assert expected == found(ESM, Package(files, **description))


def test_a_subpath_of_a_module_is_found() -> None:
    package = Package({"h.js": "export {}"}, exports={"./hooks": "./h.js"})
    assert "h.js" == found(f"{ESM}/hooks", package)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        pytest.param("module.exports = 1", "no ES module", id="CommonJS"),
        pytest.param("import 'react'", "imports react, which the page's import map lacks", id="a bare import"),
        pytest.param("export {}; import('react')", "imports react, which", id="a dynamic one"),
        pytest.param("export {} from './x'", "imports ./x, which no browser finds", id="an ending that is left out"),
        pytest.param("export * from '../../x.js'", "which no browser finds", id="a file outside"),
        pytest.param("import 'https://example.com/x.js'", "imports https://example.com/x.js", id="another host"),
        pytest.param("export {}; if (process.env.NODE_ENV) f()", "reads process.env", id="what bundlers put in"),
        pytest.param("import './inner.js'", "inner.js of the npm package reads process.env", id="in another file"),
    ],
)
def test_a_module_that_no_browser_could_run_is_absent(source: str, reason: str) -> None:
    with pytest.raises(AbsentError) as caught:
        found(ESM, Package({"m.js": source, "inner.js": "export {}; process.env.X"}, module="m.js"))
    assert reason in str(caught.value)


def test_a_bare_import_may_be_the_import_maps() -> None:
    package = Package({"m.js": "import 'react'; import 'lib/x.js'"}, module="m.js")
    assert "m.js" == found(ESM, package, PageUse(names=frozenset({"react", "lib/"})))


def test_a_comment_on_process_env_is_no_use_of_it() -> None:
    assert "m.js" == found(ESM, Package({"m.js": "export {} // process.env"}, module="m.js"))


def test_the_modules_that_load_with_some() -> None:
    files = {
        "a.js": "import './lib/b.js'; import 'bare'; import './none.js'; import '../outside.js'",
        "lib/b.js": "import('../c.mjs'); import './data.json'",
        "c.mjs": "import './a.js'",
        "lib/data.json": "{}",
        "other.js": "export {}",
    }
    assert ("a.js", "c.mjs", "lib/b.js") == modules_with(["a.js"], Package(files))
    assert ("a.js", "c.mjs", "lib/b.js", "other.js") == modules_with(["a.js", "other.js"], Package(files))
    assert () == modules_with([], Package(files))


def test_a_list_of_modules_is_cut() -> None:
    chain = {f"{number}.js": f"import './{number + 1}.js'" for number in range(MOST_LISTED * 2)}
    assert MOST_LISTED + 1 == len(modules_with(["0.js"], Package(chain)))


@pytest.mark.parametrize("text", ["[]", "{", "\x00", "1"])
def test_a_package_json_that_is_none_names_nothing(text: str) -> None:
    package = Package({})
    package._files["package.json"] = text
    with pytest.raises(AbsentError):
        found(UNPKG, package)

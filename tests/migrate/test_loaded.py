"""What files of a package load, and what can't be seen."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from cdnserve.migrate.loaded import AT_RUN_TIME, follow
from tests.migrate.test_package_file import Package

PATHS = ("a.js", "b.js", "c.css", "d.css", "fonts/e.woff2", "fonts/f g.woff", "i.png", "maps/a.js.map", "w/worker.js")


def loaded(entry: str, texts: Mapping[str, str]) -> set[str]:
    """Return what loads with a file, without the file; all is seen."""
    found = follow([entry], Package({**dict.fromkeys(PATHS, ""), **texts}))
    assert "" == found.doubt
    return set(found.files) - {entry}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("import './b.js'; export * from './c.css'", {"b.js", "c.css"}, id="static imports"),
        pytest.param("import('./b.js')", {"b.js"}, id="a dynamic import"),
        pytest.param("import 'b.js'; import '/b.js'; import './none.js'; import '../b.js'", set(), id="no neighbours"),
        pytest.param("new Worker(new URL('w/worker.js', import.meta.url), {})", {"w/worker.js"}, id="a worker"),
        pytest.param("new URL(`./i.png?x#y`,import.meta.url)", {"i.png"}, id="another file by its URL"),
        pytest.param("let x;\n//# sourceMappingURL=maps/a.js.map", set(), id="no source map"),
        pytest.param("document.getElementsByTagName('script')[0].before(x)", set(), id="a place for another script"),
    ],
)
def test_a_script_loads(text: str, expected: set[str]) -> None:
    assert expected == loaded("a.js", {"a.js": text})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("@import 'd.css'; @import url( \"d.css\" ) print;", {"d.css"}, id="imports"),
        pytest.param("@font-face { src: url(fonts/e.woff2) format('woff2') }", {"fonts/e.woff2"}, id="a font"),
        pytest.param("a { b: URL('./fonts/e.woff2?#iefix') }", {"fonts/e.woff2"}, id="a query"),
        pytest.param("a { b: url(fonts/f\\ g.woff); c: url('fonts/f%20g.woff') }", {"fonts/f g.woff"}, id="an escape"),
        pytest.param("a { b: image-set('i.png' 1x) }", {"i.png"}, id="a set of images"),
        pytest.param("/* url(i.png) */ a { b: 'it\\'s'; c: url(fonts/e.woff2) }", {"fonts/e.woff2"}, id="a comment"),
        pytest.param("a { b: url(data:,i.png) url(/i.png) url(//x/i.png) url(#i) url(../i.png)", set(), id="elsewhere"),
        pytest.param("/*# sourceMappingURL=maps/a.js.map */", set(), id="no source map"),
    ],
)
def test_a_stylesheet_loads(text: str, expected: set[str]) -> None:
    assert expected == loaded("c.css", {"c.css": text})


def test_what_is_loaded_loads_others() -> None:
    texts = {"a.js": "import './c.css'; import './b.js'", "c.css": "@import 'd.css'", "d.css": "@import 'c.css'"}
    texts |= {"b.js": "new URL('fonts/e.woff2', import.meta.url)"}
    assert {"b.js", "c.css", "d.css", "fonts/e.woff2"} == loaded("a.js", texts)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("import(x)", "computes what it imports", id="a computed import"),
        pytest.param("import './b.js'; let x = '", "can't be read to its end", id="no JavaScript"),
        pytest.param("let x = document.currentScript.src", "finds out where it lies", id="the script's own tag"),
        pytest.param("let x = document.getElementsByTagName('script')", "finds out where it lies", id="all scripts"),
        pytest.param("document.querySelector('link[href$=\"x.css\"]')", "finds out where it lies", id="a stylesheet"),
        pytest.param("let u = import.meta.url", "finds out where it lies", id="the module's own URL"),
        pytest.param("new URL(x, import.meta.url)", "finds out where it lies", id="a computed neighbour"),
        pytest.param("importScripts('b.js')", "finds out where it lies", id="scripts of a worker"),
    ],
)
def test_what_a_script_does_when_it_runs_can_not_be_seen(text: str, why: str) -> None:
    found = follow(["c.css", "b.js"], Package({"c.css": "", "b.js": "import './a.js'", "a.js": text}))
    assert f"{AT_RUN_TIME}: a.js {why}" == found.doubt

"""Scripts: which file of a package a tag can load."""

from __future__ import annotations

import pytest

from cdnserve.modules.scripts import MainFiles, RunsAs, builds, main_files, runs_as
from tests.migrate.test_package_file import Package

NODE, SCRIPT, MODULE = "module.exports = require('./a')", "window.a = 1", "export const a = 1"


@pytest.mark.parametrize(
    ("files", "named", "expected"),
    [
        pytest.param({"a.js": SCRIPT}, {"main": "a.js"}, MainFiles("a.js", runs_as="script"), id="a script"),
        pytest.param({"a.js": MODULE}, {"main": "./a.js"[2:]}, MainFiles("a.js", runs_as="module"), id="a module"),
        pytest.param(
            {"a.js": SCRIPT, "a.min.js": SCRIPT},
            {"unpkg": "a.js"},
            MainFiles("a.min.js", runs_as="script"),
            id="minified",
        ),
        pytest.param(
            {"a.js": SCRIPT, "a.prod.js": SCRIPT},
            {"jsdelivr": "a.js"},
            MainFiles("a.prod.js", runs_as="script"),
            id="production",
        ),
        pytest.param(
            {"cjs.js": NODE, "cdn.js": SCRIPT},
            {"main": "cjs.js", "unpkg": "cdn.js"},
            MainFiles("cdn.js", runs_as="script"),
            id="unpkg's",
        ),
        pytest.param(
            {"cjs.js": NODE, "dist/lib.umd.min.js": SCRIPT, "dist/cjs/lib.js": SCRIPT},
            {"main": "cjs.js"},
            MainFiles("dist/lib.umd.min.js", runs_as="script"),
            id="a build that nothing names",
        ),
        pytest.param({"index.js": NODE, "lib.js": NODE}, {}, MainFiles(for_node="index.js"), id="for Node.js only"),
        pytest.param({"a.cjs": SCRIPT}, {"main": "a.cjs"}, MainFiles(for_node="a.cjs"), id="CommonJS by its name"),
        pytest.param(
            {"index.js": NODE, "a.css": "a {}"},
            {"main": "index.js", "style": "a.css"},
            MainFiles(style="a.css", for_node="index.js"),
            id="a stylesheet beside what builds it",
        ),
        pytest.param({"a.js": "import 'b'"}, {"main": "a.js"}, MainFiles("a.js"), id="a module that needs a map"),
        pytest.param(
            {"a.js": "import 'b'", "lib.min.js": SCRIPT},
            {"main": "a.js"},
            MainFiles("lib.min.js", runs_as="script"),
            id="rather a build",
        ),
        pytest.param({"data.json": "{}"}, {"main": "data.json"}, MainFiles(), id="no script"),
        pytest.param(
            {"lib/index.js": SCRIPT}, {"main": "lib"}, MainFiles("lib/index.js", runs_as="script"), id="a folder"
        ),
    ],
)
def test_the_main_files(files: dict[str, str], named: dict[str, str], expected: MainFiles) -> None:
    assert expected == main_files("lib", named, Package(files))


@pytest.mark.parametrize(
    ("name", "file"),
    [
        pytest.param("react", "umd/react.production.min.js", id="production"),
        pytest.param("video.js", "dist/video.min.js", id="a name with an ending"),
        pytest.param("socket.io-client", "dist/socket.io.min.js", id="a client"),
        pytest.param("@scope/lib", "lib.umd.js", id="a scope"),
        pytest.param("angular", "angular.min.js", id="beside package.json"),
    ],
)
def test_a_build_is_known_by_its_name(name: str, file: str) -> None:
    folder = file.rpartition("/")[0]
    others = [f"{folder}/cjs/{file}", f"{folder}/other.min.js", f"esm/{file}", f"{file}.map", f"{file[:-3]}.mjs"]
    assert (file,) == builds(name, [*others, file])


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({"a.js": SCRIPT}, "script", id="a script"),
        pytest.param({"a.js": NODE}, "", id="CommonJS"),
        pytest.param({"a.js": "import './b.js'", "b.js": MODULE}, "module", id="a module of its own"),
        pytest.param({"a.js": "import './b.js'", "b.js": "import './a.js'; export {}"}, "module", id="a circle"),
        pytest.param({"a.js": "import './b.js'", "b.js": "import 'c'"}, "", id="a name, one file on"),
        pytest.param({"a.js": "import './b.js'", "b.js": NODE}, "", id="CommonJS, one file on"),
        pytest.param({"a.js": "import './b.js'"}, "", id="a file that is not there"),
        pytest.param({"a.js": "import 'node:fs'"}, "", id="what only Node.js has"),
        pytest.param({"a.js": "import 'https://example.com/b.js'"}, "module", id="a whole address"),
    ],
)
def test_what_runs_alone(files: dict[str, str], expected: RunsAs) -> None:
    assert expected == runs_as("a.js", Package(files))

"""`add --esm`: ES modules of CommonJS and ES packages, made by the real esbuild; a node on the PATH runs some."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.manifest.lock import LockedModules, read_lock
from cdnserve.modules.made import OPTIONS
from cdnserve.npm import made_modules
from cdnserve.npm.add import AddOptions, add
from cdnserve.npm.apply import Added
from cdnserve.npm.settings import NpmSettings
from cdnserve.npm.sync import check, sync
from cdnserve.npm.update import update
from tests.npm.real_esbuild import folder_with_esbuild
from tests.npm.registry import LocalRegistry, packed, settings_for

pytestmark = pytest.mark.network


@pytest.fixture(scope="session")
def esbuild(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_with_esbuild(tmp_path_factory.mktemp("esbuild"))


@pytest.fixture
def settings(root: Path, registry: LocalRegistry, esbuild: Path) -> NpmSettings:
    return settings_for(root.parent, registry.url, {"PATH": str(esbuild)})


def _publish(registry: LocalRegistry, pin: str, files: Mapping[str, str], **described: Any) -> None:
    name, _, version = pin.rpartition("@")
    package = {"package.json": json.dumps({"name": name, "version": version, **described}), **files}
    registry.publish(name, version, packed(package))


def _add(root: Path, settings: NpmSettings, *specs: str, deps: bool = False) -> Added:
    return add(root, specs, settings, options=AddOptions(esm=True, deps=deps))


def _problem(root: Path, settings: NpmSettings, *specs: str) -> Problem:
    before = sorted(path.relative_to(root) for path in root.rglob("*"))
    with pytest.raises(ConfigurationError) as raised:
        _add(root, settings, *specs)
    assert before == sorted(path.relative_to(root) for path in root.rglob("*"))
    return raised.value.problems[0]


def _made(root: Path, pin: str) -> dict[str, str]:
    folder = root / "npm" / pin / "+esm"
    return {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()}


def _exports(root: Path, pin: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(_made(root, pin)["package.json"])["exports"]
    return found


def _ran(root: Path, script: str, **modules: str) -> Any:
    """Run a script in Node.js, which finds packages where modules were made, and return what it prints."""
    node = shutil.which("node")
    if not node:
        pytest.skip("no node on the PATH")
    folder = root.parent / "run"
    for name, pin in modules.items():
        place = folder / "node_modules" / name
        shutil.copytree(root / "npm" / pin / "+esm", place, dirs_exist_ok=True)
    (folder / "run.mjs").write_text(script)
    done = subprocess.run([node, "run.mjs"], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert not done.stderr, done.stderr
    return json.loads(done.stdout)


def test_commonjs_has_its_names_and_its_default(root: Path, registry: LocalRegistry, settings: NpmSettings) -> None:
    inner = "exports.hook = () => 'hook'; exports.mode = process.env.NODE_ENV; exports.more = process.env.MORE;"
    main = "if (process.env.NODE_ENV === 'production') module.exports = require('./inner.js'); else throw 1;"
    _publish(registry, "x@1.0.0", {"index.js": main, "inner.js": f"/*! @license ours */{inner}"})
    added = _add(root, settings, "x")
    assert () == added.warnings
    made = _made(root, "x@1.0.0")
    assert {"index.js", "index.js.map", "inner.js", "inner.js.map", "chunk", "package.json"} == {
        "chunk" if name.startswith("chunk") else name for name in made
    }
    assert "@license ours" in "".join(made.values())
    assert ["hook", "production", True, True] == _ran(
        root,
        "import x, { hook, mode, more } from 'x'; import * as all from 'x';"
        "console.log(JSON.stringify([hook(), mode, more === undefined, x === all['module.exports']]))",
        x="x@1.0.0",
    )
    # The package itself is untouched, and a source map leads there.
    assert main == (root / "npm/x@1.0.0/index.js").read_text()
    maps = [json.loads(text) for name, text in made.items() if name.endswith(".map")]
    assert "../inner.js" in [source for one in maps for source in one["sources"]]


def test_other_packages_stay_imports_and_state_exists_once(
    root: Path, registry: LocalRegistry, settings: NpmSettings
) -> None:
    _publish(registry, "state@1.0.0", {"index.js": "exports.n = 0; exports.more = () => { exports.n += 1 }"})
    _publish(registry, "fn@1.0.0", {"index.js": "module.exports = () => 'called'; module.exports.also = 1"})
    babel = "Object.defineProperty(exports, '__esModule', { value: true }); exports.default = 'd'; exports.named = 'n'"
    _publish(registry, "babel@1.0.0", {"index.js": babel})
    es = "export default function f() { return 'es' } export const extra = 2"
    _publish(registry, "es@1.0.0", {"index.js": es}, type="module", main="index.js")
    a = (
        "const s = require('state'); s.more(); const b = require('babel'); const e = require('es');"
        "exports.all = [require('fn')(), require('fn').also, b.default, b.named, e(), e.default(), e.extra];"
    )
    needs = {"state": "1", "fn": "1", "babel": "1", "es": "1"}
    exports = {".": "./a.js", "./b": "./b.js"}
    _publish(
        registry, "x@1.0.0", {"a.js": a, "b.js": "exports.own = require('x').all"}, exports=exports, dependencies=needs
    )
    added = _add(root, settings, "x", deps=True)
    assert {"x", "state", "fn", "babel", "es"} == {one.name for one in added.libraries}
    made = _made(root, "x@1.0.0")
    assert "require" not in made["index.js"].replace('"module.exports"', "")
    assert 'from"x"' in made["b.js"]
    script = (
        "import { all } from 'x'; import { own } from 'x/b'; import { n, default as s } from 'state';"
        "import fn from 'fn'; import d, { named } from 'babel';"
        "console.log(JSON.stringify([all, own === all, s.n, fn(), d, named]))"
    )
    packages = {"x": "x@1.0.0", "state": "state@1.0.0", "fn": "fn@1.0.0", "babel": "babel@1.0.0"}
    place = root.parent / "run/node_modules/es"
    place.parent.mkdir(parents=True)
    shutil.copytree(root / "npm/es@1.0.0", place)
    expected = [["called", 1, "d", "n", "es", "es", 2], True, 1, "called", "d", "n"]
    assert expected == _ran(root, script, **packages)


def test_a_package_of_es_modules_keeps_its_own(root: Path, registry: LocalRegistry, settings: NpmSettings) -> None:
    _publish(registry, "es@1.0.0", {"index.js": "export const a = 1"}, type="module")
    _publish(registry, "env@1.0.0", {"index.js": "export const a = process.env.NODE_ENV"}, type="module")
    _add(root, settings, "es", "env")
    assert {} == _exports(root, "es@1.0.0")
    assert {".": "./index.js", "./index": "./index.js", "./index.js": "./index.js"} == _exports(root, "env@1.0.0")
    assert "production" in _made(root, "env@1.0.0")["index.js"]


def test_the_lock_says_how_and_sync_proves_it(root: Path, registry: LocalRegistry, settings: NpmSettings) -> None:
    _publish(registry, "x@1.0.0", {"index.js": "exports.a = 1"})
    settings = settings_for(root.parent, registry.url, {**settings.environment, "CDNSERVE_CACHE": "off"})
    _add(root, settings, "x")
    before, lock = _made(root, "x@1.0.0"), (root / "manifest.lock").read_bytes()
    entry = read_lock(root / "manifest.lock").libraries["x@1.0.0"].esm
    assert entry is not None
    assert entry.options == " ".join(OPTIONS)
    for gone in ("npm/x@1.0.0/+esm", "npm"):
        shutil.rmtree(root / gone)
        assert ["library-incomplete" if "esm" in gone else "library-absent"] == [
            one.reference for one in check(root, settings).problems
        ]
        sync(root, settings)
        assert before == _made(root, "x@1.0.0")
        assert () == check(root, settings).problems
    assert {499162500} == {int(p.stat().st_mtime) for p in (root / "npm/x@1.0.0/+esm").iterdir()}
    # The same again, with and without modules, changes nothing.
    _add(root, settings, "x")
    add(root, ["x"], settings)
    assert (before, lock) == (_made(root, "x@1.0.0"), (root / "manifest.lock").read_bytes())


@pytest.mark.parametrize(
    ("change", "reference"),
    [
        pytest.param({"digest": "sha512-" + "A" * 86 + "=="}, "esm-differs", id="other octets"),
        pytest.param({"recipe": 99}, "esm-recipe", id="another recipe"),
        pytest.param({"options": "--bundle"}, "esm-recipe", id="other options"),
    ],
)
def test_what_the_lock_records_must_come_out(
    root: Path, registry: LocalRegistry, settings: NpmSettings, change: dict[str, Any], reference: str
) -> None:
    _publish(registry, "x@1.0.0", {"index.js": "exports.a = 1"})
    _add(root, settings, "x")
    path = root / "manifest.lock"
    document = json.loads(path.read_text())
    document["libraries"]["x@1.0.0"]["esm"] |= change
    path.write_text(json.dumps(document))
    shutil.rmtree(root / "npm/x@1.0.0/+esm")
    with pytest.raises(ConfigurationError) as raised:
        sync(root, settings)
    assert [reference] == [problem.reference for problem in raised.value.problems]
    assert not (root / "npm/x@1.0.0/+esm").exists()


def test_a_changed_module_is_told_and_left(root: Path, registry: LocalRegistry, settings: NpmSettings) -> None:
    _publish(registry, "x@1.0.0", {"index.js": "exports.a = 1"})
    _add(root, settings, "x")
    (root / "npm/x@1.0.0/+esm/index.js").write_text("changed")
    with pytest.raises(ConfigurationError) as raised:
        sync(root, settings)
    assert ["library-changed"] == [problem.reference for problem in raised.value.problems]
    assert "changed" == (root / "npm/x@1.0.0/+esm/index.js").read_text()


def test_the_same_octets_wherever_it_is_made(
    root: Path, registry: LocalRegistry, settings: NpmSettings, tmp_path: Path
) -> None:
    files = {"index.js": "exports.a = require('./i')", "b.js": "exports.b = require('./i')", "i.js": "exports.c = 1"}
    _publish(registry, "x@1.0.0", files)
    _add(root, settings, "x")
    other = tmp_path / "elsewhere/deeper"
    other.mkdir(parents=True)
    shutil.copy(root / "manifest.toml", other)
    environment = {**settings.environment, "CDNSERVE_CACHE": "off", "LC_ALL": "tr_TR.UTF-8", "TZ": "Asia/Tokyo"}
    _add(other, settings_for(tmp_path, registry.url, environment), "x")
    assert _made(root, "x@1.0.0") == _made(other, "x@1.0.0")
    assert any(name.startswith("chunk-") for name in _made(root, "x@1.0.0"))


def test_update_makes_modules_of_the_new_version(root: Path, registry: LocalRegistry, settings: NpmSettings) -> None:
    _publish(registry, "x@1.0.0", {"index.js": "exports.a = 1"})
    _add(root, settings, "x")
    _publish(registry, "x@1.1.0", {"index.js": "exports.a = 2"})
    update(root, [], settings)
    assert "index.js" in _made(root, "x@1.1.0")
    assert isinstance(read_lock(root / "manifest.lock").libraries["x@1.1.0"].esm, LockedModules)


_LEFT_OUT = ("server", "broken", "absent", "worker", "url")


def test_entries_that_cannot_be_made_are_left_out(root: Path, registry: LocalRegistry, settings: NpmSettings) -> None:
    files = {"a.js": "exports.a = 1", "server.js": "require('./deep')", "deep.js": "exports.f = require('fs')"}
    broken = {"broken.js": "exports.a = (", "absent.js": "require('./mid')", "mid.js": "require('./nowhere')"}
    broken |= {"worker.js": "require('worker-loader?esModule=false!./a.js')", "url.js": "require('file:///a.js')"}
    exports = {".": "./a.js", **{f"./{name}": f"./{name}.js" for name in _LEFT_OUT}}
    _publish(registry, "x@1.0.0", {**files, **broken}, exports=exports)
    (warning,) = _add(root, settings, "x").warnings
    assert "esm-left-out" == warning.reference
    assert all(f"./{name}" in warning.message for name in _LEFT_OUT)
    assert {".": "./index.js"} == _exports(root, "x@1.0.0")
    assert not [name for name in _made(root, "x@1.0.0") if name.startswith(".src")]


@pytest.mark.parametrize(
    ("files", "described", "value"),
    [
        pytest.param(
            {"index.js": "require('./a')", "a.js": "require('./b')", "b.js": "require('fs')"},
            {"main": "index.js"},
            "index.js → a.js → b.js → fs",
            id="a Node built-in, with the chain",
        ),
        pytest.param(
            {"index.js": "require('./a')", "a.js": "require('./nowhere')"},
            {"main": "index.js"},
            "index.js → a.js → ./nowhere",
            id="a file that is not there",
        ),
        pytest.param({"index.js": "let ("}, {}, "index.js", id="a syntax error"),
        pytest.param({"index.js": "require('./a.node')", "a.node": "x"}, {}, "index.js", id="what no page can load"),
        pytest.param(
            {"index.js": "require('./a')", "a.js": "exports.a = 1"},
            {"browser": {"./a.js": "./nowhere.js"}, "exports": "./index.js"},
            "index.js → a.js",
            id="a browser field that points nowhere",
        ),
        pytest.param(
            {"index.js": "require('fs')"},
            {"browser": {"fs": "./nowhere.js"}},
            "index.js → fs",
            id="a browser field that points nowhere for a built-in",
        ),
        pytest.param({"index.js": ""}, {"browser": {"./index.js": "./nowhere"}}, "", id="nowhere for the main file"),
        pytest.param(
            {"index.js": "require('./a')", "a.js": ""}, {"browser": {"./a.js": "web"}}, "web", id="a package for a file"
        ),
        pytest.param({"index.js": "require('../../../../manifest.toml')"}, {}, "manifest.toml", id="a file outside"),
        pytest.param({"index.js": "require('/etc/hostname')"}, {}, "etc/hostname", id="a file anywhere"),
        pytest.param({"index.js": "require('/etc/passwd')"}, {}, "etc/passwd", id="a file anywhere that is no script"),
        pytest.param({"style.css": "p{}"}, {}, "", id="no script"),
        pytest.param({"index.js": "", "+esm/index.js": ""}, {}, "", id="a folder of that name"),
        pytest.param({"index.js": ""}, {"exports": {"./*": "../*"}}, "", id="exports that lead outside"),
    ],
)
def test_what_cannot_be_made_is_refused(
    root: Path,
    registry: LocalRegistry,
    settings: NpmSettings,
    files: dict[str, str],
    described: dict[str, Any],
    value: str,
) -> None:
    _publish(registry, "x@1.0.0", files, **described)
    problem = _problem(root, settings, "x")
    assert ("esm-not-made", "x@1.0.0") == (problem.reference, problem.where)
    assert value in problem.value


@pytest.mark.parametrize(
    ("required", "value"),
    [
        # What lies ready lies four folders below the root.
        pytest.param('`../../../../${"secret"}.json`', "../../../../secret.json", id="a file outside"),
        pytest.param('`${"left"}-pad`', "left-pad", id="a package"),
    ],
)
def test_nothing_comes_in_by_an_expression(
    root: Path, registry: LocalRegistry, settings: NpmSettings, required: str, value: str
) -> None:
    (root / "secret.json").write_text('{"secret": 1}')
    _publish(registry, "x@1.0.0", {"index.js": f"exports.a = require({required})"})
    problem = _problem(root, settings, "x")
    assert ("esm-not-made", value) == (problem.reference, problem.value)


def test_files_that_are_not_kept_may_be_what_is_missing(
    root: Path, registry: LocalRegistry, settings: NpmSettings
) -> None:
    _publish(registry, "x@1.0.0", {"index.js": "exports.a = require('./lib/a')", "lib/a.js": "exports.a = 1"})
    options = AddOptions(files=("*.js", "package.json"), esm=True)
    with pytest.raises(ConfigurationError) as raised:
        add(root, ["x"], settings, options=options)
    (problem,) = raised.value.problems
    assert ("esm-not-made", "index.js → ./lib/a") == (problem.reference, problem.value)
    assert "only a part of its files is kept" in problem.hint
    add(root, ["x"], settings, options=AddOptions(files=("**/*.js", "package.json"), esm=True))
    assert "index.js" in _made(root, "x@1.0.0")


@pytest.mark.parametrize("wrote", ["", "[]", "{", '{"inputs": {}}'])
def test_an_esbuild_that_is_none_is_told(root: Path, registry: LocalRegistry, tmp_path: Path, wrote: str) -> None:
    _publish(registry, "x@1.0.0", {"index.js": "exports.a = 1"})
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/esbuild"
    writes = f"mkdir -p +esm/.src; echo '{wrote}' > +esm/.src/meta.json" if wrote else "exit 0"
    program.write_text(f"#!/bin/sh\n[ $1 = --version ] && echo 0.28.0 && exit\n{writes}\n")
    program.chmod(0o755)
    problem = _problem(root, settings_for(root.parent, registry.url, {"PATH": f"{program.parent}:/usr/bin:/bin"}), "x")
    assert ("esm-not-made", str(program)) == (problem.reference, problem.value)


def test_a_package_that_is_here_stays_where_none_can_be_made(
    root: Path, registry: LocalRegistry, settings: NpmSettings
) -> None:
    _publish(registry, "x@1.0.0", {"index.js": "require('fs')"})
    add(root, ["x"], settings)
    assert "esm-not-made" == _problem(root, settings, "x").reference


def test_circles_and_what_is_taken_away(root: Path, registry: LocalRegistry, settings: NpmSettings) -> None:
    files = {
        "index.js": "exports.early = 1; exports.b = require('./b').saw; exports.fs = Object.keys(require('fs'))",
        "b.js": "exports.saw = require('./index').early",
        "util.js": "exports.u = 'ours'",
        "c.js": "exports.c = require('util').u",
    }
    _publish(registry, "x@1.0.0", files, browser={"fs": False, "util": "./util.js"})
    assert () == _add(root, settings, "x").warnings
    script = "import x from 'x'; import { c } from 'x/c'; console.log(JSON.stringify([x.b, x.fs, c]))"
    assert [1, [], "ours"] == _ran(root, script, x="x@1.0.0")


@pytest.mark.parametrize("shared", [True, False], ids=["two entries share the file", "a file beside requires it"])
def test_all_names_of_another_package_are_passed_on(
    root: Path, registry: LocalRegistry, settings: NpmSettings, *, shared: bool
) -> None:
    _publish(registry, "all@1.0.0", {"index.js": "exports.one = 1; exports.two = 2"})
    files = {
        "es.js": "export * from './more.js'; export const env = process.env.E; export default 'default'",
        "more.js": "export * from 'all'; export const two = 'own'",
        "old.cjs": "exports.old = require('all').one",
    }
    exports = {".": "./es.js", "./other": "./more.js" if shared else "./old.cjs"}
    _publish(registry, "x@1.0.0", files, exports=exports, type="module", dependencies={"all": "1"})
    assert () == _add(root, settings, "x", deps=True).warnings
    script = "import x, { one, two } from 'x'; import * as o from 'x/other';"
    script += "console.log(JSON.stringify([x, one, two, o.one ?? o.old]))"
    assert ["default", 1, "own", 1] == _ran(root, script, x="x@1.0.0", all="all@1.0.0")


def test_a_package_for_browsers_takes_the_place_of_another(
    root: Path, registry: LocalRegistry, settings: NpmSettings
) -> None:
    _publish(registry, "disk@1.0.0", {"index.js": "exports.read = () => 'read'"})
    described = {"browser": {"fs": "disk"}, "dependencies": {"disk": "1"}}
    _publish(registry, "x@1.0.0", {"index.js": "exports.said = require('fs').read()"}, **described)
    assert {"x", "disk"} == {one.name for one in _add(root, settings, "x", deps=True).libraries}
    script = "import { said } from 'x'; console.log(JSON.stringify(said))"
    assert "read" == _ran(root, script, x="x@1.0.0", disk="disk@1.0.0")


def test_a_file_for_browsers_is_taken_where_the_es_module_is_for_node(
    root: Path, registry: LocalRegistry, settings: NpmSettings
) -> None:
    files = {"lib/i.js": "require('stream')", "lib/i.mjs": "import 'stream'", "web.js": "exports.web = 'web'"}
    described = {"main": "lib/i.js", "module": "lib/i.mjs"}
    _publish(registry, "x@1.0.0", files, **described, browser="./web.js")
    assert () == _add(root, settings, "x").warnings
    assert "web" == _ran(root, "import { web } from 'x'; console.log(JSON.stringify(web))", x="x@1.0.0")
    _publish(registry, "y@1.0.0", files, **described)
    assert "lib/i.mjs → stream" == _problem(root, settings, "y").value


def test_a_module_in_a_data_url_belongs_to_whoever_imports_it(
    root: Path, registry: LocalRegistry, settings: NpmSettings
) -> None:
    data = "import two from 'data:text/javascript,export default 2'; export default [two, process.env.NODE_ENV]"
    _publish(registry, "x@1.0.0", {"index.js": data}, type="module")
    assert () == _add(root, settings, "x").warnings
    script = "import x from 'x'; console.log(JSON.stringify(x))"
    assert [2, "production"] == _ran(root, script, x="x@1.0.0")


def test_plugins_in_folders_are_made_and_share_the_state(
    root: Path, registry: LocalRegistry, settings: NpmSettings
) -> None:
    files = {
        "main.js": "exports.names = []; exports.inner = require('./lib/inner').x",
        "lib/inner.js": "exports.x = 1",
        "locale/de.js": "require('../main').names.push('de')",
        "plugin/broken.js": "let (",
        "plugin/server.js": "require('fs')",
        "plugin/out.js": "require('../../../../../../etc/hostname')",
    }
    _publish(registry, "x@1.0.0", files, main="main.js")
    assert () == _add(root, settings, "x").warnings
    assert {".", "./main", "./main.js", "./locale/de", "./locale/de.js"} == set(_exports(root, "x@1.0.0"))
    script = "import { names } from 'x'; import 'x/locale/de'; console.log(JSON.stringify(names))"
    assert ["de"] == _ran(root, script, x="x@1.0.0")
    # A package whose own modules a browser can import keeps them, whatever else lies in it.
    _publish(registry, "es@1.0.0", {"index.js": "export const a = 1", "lib/old.cjs": "exports.a = 1"}, type="module")
    _add(root, settings, "es")
    assert {} == _exports(root, "es@1.0.0")


def test_what_only_require_finds_is_made(root: Path, registry: LocalRegistry, settings: NpmSettings) -> None:
    exports = {".": {"require": "./a.cjs"}, "./m/*": {"require": "./m/*.cjs"}, "./n": {"node": "./a.cjs"}}
    _publish(registry, "x@1.0.0", {"a.cjs": "exports.a = 1", "m/b.cjs": "exports.b = 2"}, exports=exports)
    assert () == _add(root, settings, "x").warnings
    assert {".": "./index.js", "./m/b": "./m/b.js"} == _exports(root, "x@1.0.0")
    assert 1 == _ran(root, "import { a } from 'x'; console.log(JSON.stringify(a))", x="x@1.0.0")


def test_no_name_of_a_file_is_an_option(root: Path, registry: LocalRegistry, settings: NpmSettings) -> None:
    files = {"index.js": "exports.a = 1", "--metafile.js": "exports.m = 1", "--outdir.js": "exports.o = 1"}
    _publish(registry, "x@1.0.0", files)
    assert () == _add(root, settings, "x").warnings
    assert {"index.js", "index.js.map", "package.json"} == set(_made(root, "x@1.0.0"))
    assert "exports.m = 1" == (root / "npm/x@1.0.0/--metafile.js").read_text()


def test_too_many_entries_are_refused(
    root: Path, registry: LocalRegistry, settings: NpmSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(made_modules, "MOST_ENTRIES", 2)
    _publish(registry, "x@1.0.0", {f"m{n}.js": "" for n in range(3)}, exports={"./*": "./*.js"})
    assert "esm-not-made" == _problem(root, settings, "x").reference


def test_what_may_be_absent_is_not_brought(root: Path, registry: LocalRegistry, settings: NpmSettings) -> None:
    files = {"a.js": "try { exports.p = require('perhaps') } catch { exports.p = 'none' }", "b.js": "require('tool')"}
    _publish(registry, "tool@1.0.0", {"index.js": "require('fs')"})
    meta = {"peerDependencies": {"perhaps": "1"}, "peerDependenciesMeta": {"perhaps": {"optional": True}}}
    exports = {".": "./a.js", "./b": "./b.js"}
    _publish(registry, "x@1.0.0", files, exports=exports, dependencies={"tool": "1"}, **meta)
    added = _add(root, settings, "x", deps=True)
    assert ["x@1.0.0"] == list(map(str, added.libraries))
    assert "none" == _ran(root, "import { p } from 'x'; console.log(JSON.stringify(p))", x="x@1.0.0")


@pytest.mark.parametrize(
    ("files", "described"),
    [
        pytest.param({"a.js": "exports.p = require('perhaps').p"}, {"main": "a.js"}, id="required"),
        pytest.param(
            {
                "a.js": "if (process.env.NODE_ENV === 'production') module.exports = require('./b'); else throw 1;",
                "b.js": "var perhaps = (x => x)(require('perhaps')); exports.p = perhaps.p",
            },
            {"main": "a.js"},
            id="required by another file",
        ),
        pytest.param(
            {"es/a.js": "import { p } from 'perhaps'; export { p }; export const e = process.env.E", "cjs/a.js": ""},
            {"module": "es/a.js", "main": "cjs/a.js"},
            id="imported, and required by a file beside",
        ),
    ],
)
def test_nothing_is_optional_that_the_main_module_loads_with(
    root: Path, registry: LocalRegistry, settings: NpmSettings, files: dict[str, str], described: dict[str, str]
) -> None:
    _publish(registry, "perhaps@1.0.0", {"index.js": "exports.p = 'here'"})
    files = {**files, "cjs/a.js": "exports.p = require('perhaps').p"}
    meta = {"peerDependenciesMeta": {"perhaps": {"optional": True}}}
    _publish(registry, "x@1.0.0", files, **described, **meta)
    assert {"x", "perhaps"} == {one.name for one in _add(root, settings, "x", deps=True).libraries}
    script = "import { p } from 'x'; console.log(JSON.stringify(p))"
    assert "here" == _ran(root, script, x="x@1.0.0", perhaps="perhaps@1.0.0")


def test_what_only_a_package_imports_that_stays_away_is_not_brought(
    root: Path, registry: LocalRegistry, settings: NpmSettings
) -> None:
    _publish(registry, "leaf@1.0.0", {"index.js": "export default 1"}, type="module")
    tool = "import leaf from 'leaf'; import fs from 'fs'; export default [leaf, fs, process.env.X]"
    _publish(registry, "tool@1.0.0", {"index.js": tool}, type="module", dependencies={"leaf": "1"})
    exports = {".": "./a.js", "./macro": "./m.js"}
    files = {"a.js": "exports.a = 1", "m.js": "exports.t = require('tool')"}
    _publish(registry, "x@1.0.0", files, exports=exports, dependencies={"tool": "1"})
    added = _add(root, settings, "x", deps=True)
    assert ["x@1.0.0"] == list(map(str, added.libraries))
    assert () == check(root, settings).problems

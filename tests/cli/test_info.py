"""`cdnserve info`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.npm.registry import packed, serving

PACKAGES = {
    "lib@1.0.0": {"name": "lib", "main": "index.js", "license": "MIT", "dependencies": {"dep": "^1", "gone": "2"}},
    "lib@2.0.0": {"name": "lib", "main": "index.js", "licenses": [{"type": "MIT"}, "ISC", 7], "dependencies": []},
    "dep@1.1.0": {"name": "dep", "peerDependencies": {"lib": ">=2", "odd": {}}},
    "node@1.0.0": {"name": "node", "main": "node.js"},
}


@pytest.fixture
def libraries(root: Path) -> Path:
    """The root with libraries that need each other."""
    for pin, described in PACKAGES.items():
        folder = root / "npm" / pin
        folder.mkdir(parents=True)
        (folder / "package.json").write_text(json.dumps(described))
        (folder / "index.js").write_text("let one;\n")
    (root / "npm/node@1.0.0/index.js").rename(root / "npm/node@1.0.0/node.js")
    (root / "npm/node@1.0.0/node.js").write_text("module.exports = require('fs');\n")
    (root / "manifest.toml").write_text('schema = 1\n[[publish]]\npath = "npm/**"\ncors = "any"\ncache = "immutable"\n')
    return root


def test_it_shows_all_that_is_known_here(run: Run, libraries: Path) -> None:
    octets = [asset["octets"] for asset in json.loads(run("list", "lib@1.0.0", "--json").stdout)["assets"]]
    result = run("info", "lib@1")
    assert 0 == result.exit_code
    assert [
        "lib@1.0.0",
        "  hosted    2.0.0, 1.0.0",
        "  licence   MIT",
        f"  size      2 files, {sum(min(sizes.values()) for sizes in octets)} octets as served",
        "  default   npm/lib@1.0.0/index.js",
        "  needs     dep ^1 (1.1.0)",
        "            gone 2 (not hosted)",
        "",
        *run("sri", "lib@1.0.0").stdout.splitlines(),
    ] == result.stdout.splitlines()
    assert result.stderr.startswith("these addresses have no host")


def test_without_a_version_it_is_the_newest_with_what_needs_it(run: Run, libraries: Path) -> None:
    facts = json.loads(run("info", "lib", "--json").stdout)
    assert ("2.0.0", "MIT, ISC", ["dep@1.1.0"]) == (facts["version"], facts["licence"], facts["dependents"])
    assert (None, [], ["npm/lib@2.0.0/index.js"]) == (facts["newest"], facts["needs"], facts["default_files"])
    assert facts["tags"] == run("sri", "lib@2.0.0").stdout.splitlines()


def test_one_without_a_tag_says_why(run: Run, libraries: Path) -> None:
    result = run("info", "node")
    assert 0 == result.exit_code
    assert "  default   none: it has no script for a tag: node.js runs in Node.js only" in result.stdout
    assert ["target-for-node"] == [
        one["reference"] for one in json.loads(run("info", "node", "--json").stdout)["problems"]
    ]


def test_the_registry_is_asked_on_demand(run: Run, libraries: Path) -> None:
    with serving() as registry:
        registry.publish("lib", "3.0.0", packed({}))
        assert "newest" not in run("info", "lib", "--registry", registry.url).stdout
        assert [] == registry.asked
        assert "  newest    3.0.0, not hosted\n" in run("info", "lib", "--check", "--registry", registry.url).stdout


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        pytest.param("lbi", "did you mean lib?", id="nearly a name"),
        pytest.param("zzz", "see what is public: cdnserve list", id="no name"),
        pytest.param("lib@3", "say lib@VERSION; hosted are 2.0.0, 1.0.0", id="a version that is not hosted"),
        pytest.param("lib@1/index.js", "see what is public: cdnserve list", id="a file"),
    ],
)
def test_what_is_not_hosted_is_a_problem(run: Run, libraries: Path, name: str, hint: str) -> None:
    result = run("info", name)
    assert (1, "") == (result.exit_code, result.stdout)
    assert f"{name}: " in result.stderr
    assert hint in result.stderr


def test_modules_that_were_made_are_shown(run: Run, libraries: Path) -> None:
    made = libraries / "npm/node@1.0.0/+esm"
    made.mkdir()
    (made / "package.json").write_text(json.dumps({"exports": {".": "./index.js", "./sub": "./sub.js"}}))
    (made / "index.js").write_text("export default 1;\n")
    digest = f"sha512-{'A' * 86}=="
    esm = {"esbuild": "0.28.2", "recipe": 1, "options": "--bundle", "digest": digest}
    lock = {"schema": 1, "libraries": {"node@1.0.0": {"integrity": digest, "esm": esm}}, "immutable": {}}
    (libraries / "manifest.lock").write_text(json.dumps(lock))
    lines = run("info", "node").stdout.splitlines()
    assert {"  default   npm/node@1.0.0/+esm/index.js", "  modules   node", "            node/sub"} <= set(lines)
    assert "  made by   esbuild 0.28.2" in lines
    assert "npm/node@1.0.0/+esm/index.js" in run("sri", "node").stdout
    facts = json.loads(run("info", "node", "--json").stdout)
    assert (["node", "node/sub"], "0.28.2") == (facts["modules"], facts["esbuild"])


EXPORTS = {
    ".": {"import": "./index.js", "require": "./index.cjs"},
    "./sub": "./sub.mjs",
    "./package.json": "./package.json",
    "./cjs": "./index.cjs",
    "./absent": "./absent.js",
    "./secret": None,
    "./*": "./*.js",
}


def test_what_pages_may_import_by_name_is_listed(run: Run, libraries: Path) -> None:
    folder = libraries / "npm/dep@1.1.0"
    (folder / "package.json").write_text(json.dumps({"name": "dep", "exports": EXPORTS}))
    for name in ("sub.mjs", "index.cjs"):
        (folder / name).write_text("1;\n")
    assert "  exports   dep, dep/sub" in run("info", "dep").stdout.splitlines()
    assert ["dep", "dep/sub"] == json.loads(run("info", "dep", "--json").stdout)["exports"]


def test_of_many_exports_the_first_are_shown(run: Run, libraries: Path) -> None:
    exports = {f"./{number}": "./index.js" for number in range(43)}
    (libraries / "npm/dep@1.1.0/package.json").write_text(json.dumps({"name": "dep", "exports": exports}))
    (line,) = (line for line in run("info", "dep").stdout.splitlines() if line.startswith("  exports"))
    assert line.endswith("dep/38, dep/39 and 3 more")
    assert 43 == len(json.loads(run("info", "dep", "--json").stdout)["exports"])

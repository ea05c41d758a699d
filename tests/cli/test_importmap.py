"""`cdnserve importmap`: maps for pages, warnings beside them, problems instead of them."""

from __future__ import annotations

import json
from pathlib import Path

import html5lib
import pytest

from tests.cli.conftest import Run

PACKAGES = {
    "app@1.0.0": (
        {"module": "i.js", "dependencies": {"dep": "^1"}},
        {"i.js": "import 'dep'; import './a.js'", "a.js": "export {}"},
    ),
    "dep@1.1.0": ({"exports": {".": "./d.js", "./*": "./*"}}, {"d.js": "export {}", "x.js": "export {}"}),
    "dep@2.0.0": ({"main": "d.js"}, {"d.js": "export {}"}),
    "old@1.0.0": ({"main": "i.js"}, {"i.js": "module.exports = 1"}),
    "lazy@1.0.0": ({"main": "i.js"}, {"i.js": "import('./later.js'); export {}", "later.js": "export {}"}),
    "alone@1.0.0": ({"main": "i.js", "dependencies": {"gone": "^3"}}, {"i.js": "import 'gone'"}),
}
SITE = "https://cdn.example.com"


@pytest.fixture
def hosted(root: Path) -> Path:
    """The root with packages, and a rule for them."""
    for name, (description, files) in PACKAGES.items():
        folder = root / "npm" / name
        folder.mkdir(parents=True)
        (folder / "package.json").write_text(json.dumps(description))
        for path, text in files.items():
            (folder / path).write_text(text)
    manifest = root / "manifest.toml"
    manifest.write_text(manifest.read_text() + '\n[[publish]]\npath = "npm/**"\ncors = "any"\ncache = "immutable"\n')
    return root


def test_the_map_is_json(run: Run, hosted: Path) -> None:
    result = run("importmap", "app")
    assert (0, "") == (result.exit_code, result.stderr)
    found = json.loads(result.stdout)
    expected = {"app": f"{SITE}/npm/app@1.0.0/i.js", "dep": f"{SITE}/npm/dep@1.1.0/d.js"}
    assert expected == found["imports"]
    assert [f"{SITE}/npm/{path}" for path in ("app@1.0.0/a.js", "app@1.0.0/i.js", "dep@1.1.0/d.js")] == list(
        found["integrity"]
    )
    assert all(value.startswith("sha384-") for value in found["integrity"].values())


def test_it_is_the_same_each_time_and_in_any_order(run: Run, hosted: Path) -> None:
    assert run("importmap", "app", "lazy").stdout == run("importmap", "lazy", "app").stdout


def test_two_versions_are_told_apart_by_scope(run: Run, hosted: Path) -> None:
    found = json.loads(run("importmap", "app", "dep@2").stdout)
    assert f"{SITE}/npm/dep@2.0.0/d.js" == found["imports"]["dep"]
    assert {f"{SITE}/npm/app@1.0.0/": {"dep": f"{SITE}/npm/dep@1.1.0/d.js"}} == found["scopes"]


def test_a_path_may_be_named(run: Run, hosted: Path) -> None:
    found = json.loads(run("importmap", "dep@^1/x.js").stdout)
    assert {"dep/x.js": f"{SITE}/npm/dep@1.1.0/x.js"} == found["imports"]


@pytest.mark.parametrize("name", ["dep=x.js", "dep@1=x.js", "dep@>=1 <2=./x.js", "dep@^1=x.js"])
def test_a_file_may_be_chosen(run: Run, hosted: Path, name: str) -> None:
    version = "1.1.0" if "@" in name else "2.0.0"
    (hosted / "npm/dep@2.0.0/x.js").write_text("export {}")
    found = json.loads(run("importmap", name).stdout)
    assert {"dep": f"{SITE}/npm/dep@{version}/x.js"} == found["imports"]


def test_a_range_that_has_an_equals_sign_is_no_file(run: Run, hosted: Path) -> None:
    found = json.loads(run("importmap", "dep@>=2").stdout)
    assert {"dep": f"{SITE}/npm/dep@2.0.0/d.js"} == found["imports"]


def test_addresses_may_begin_with_a_slash(run: Run, hosted: Path) -> None:
    found = json.loads(run("importmap", "app", "--relative").stdout)
    assert "/npm/app@1.0.0/i.js" == found["imports"]["app"]
    assert all(address.startswith("/npm/") for address in found["integrity"])


def test_algorithms_may_be_chosen(run: Run, hosted: Path) -> None:
    found = json.loads(run("importmap", "dep", "--algorithm", "sha256", "--algorithm", "sha512").stdout)
    assert [["sha256", "sha512"]] == [[one[:6] for one in value.split()] for value in found["integrity"].values()]


def test_html_is_a_script_element_and_links(run: Run, hosted: Path) -> None:
    page = run("importmap", "lazy", "--format", "html", "--preload").stdout
    script, *links = html5lib.parseFragment(page, namespaceHTMLElements=False)
    assert {"type": "importmap"} == script.attrib
    found = json.loads(script.text)
    address = f"{SITE}/npm/lazy@1.0.0/i.js"
    expected = {"rel": "modulepreload", "href": address, "integrity": found["integrity"][address]}
    # What only import() asks for is not loaded before that.
    assert [expected | {"crossorigin": "anonymous"}] == [link.attrib for link in links]
    assert f"{SITE}/npm/lazy@1.0.0/later.js" in found["integrity"]


def test_without_preload_there_are_no_links(run: Run, hosted: Path) -> None:
    assert "<link" not in run("importmap", "lazy", "--format", "html").stdout


def test_problems_stand_instead_of_the_map(run: Run, hosted: Path) -> None:
    result = run("importmap", "alone", "old", "none")
    assert (1, "") == (result.exit_code, result.stdout)
    assert "cdnserve add 'gone@^3'" in result.stderr
    assert 2 == result.stderr.count("[module-not-hosted]")
    assert 1 == result.stderr.count("[module-common-js]")


def test_a_whole_library_is_no_folder_and_leads_to_what_it_exports(run: Run, hosted: Path) -> None:
    assert "hint:  a slash ends a folder of it, as three/addons/; say dep, or what it exports: cdnserve info dep\n" in (
        run("importmap", "dep/").stderr
    )


@pytest.mark.parametrize("name", ["", "@", "../x", "dep@latest", "dep@", "x y", "dep/", "dep=", "dep=../x"])
def test_what_names_no_module_is_told(run: Run, hosted: Path, name: str) -> None:
    result = run("importmap", name)
    assert 1 == result.exit_code
    assert "[module-name]" in result.stderr


def test_a_rule_that_does_not_fit_is_warned_of(run: Run, hosted: Path) -> None:
    manifest = hosted / "manifest.toml"
    manifest.write_text(manifest.read_text().replace('npm/**"\ncors = "any"\ncache = "immutable"', 'npm/**"'))
    result = run("importmap", "app")
    assert 0 == result.exit_code
    assert 2 == result.stderr.count("[module-rule]")


def test_with_json_warnings_are_objects(run: Run, hosted: Path) -> None:
    result = run("importmap", "dep@1", "app", "--json")
    found = json.loads(result.stdout)
    assert ["app", "dep"] == list(found["importmap"]["imports"])
    assert ["npm/app@1.0.0/a.js", "npm/app@1.0.0/i.js", "npm/dep@1.1.0/d.js"] == found["modules"]
    assert [] == found["problems"]
    problems = json.loads(run("importmap", "none", "--json").stdout)["problems"]
    assert ["module-not-hosted"] == [problem["reference"] for problem in problems]

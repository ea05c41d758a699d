"""Targets: what a person names, found as content in hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.release.build import build
from cdnserve.release.store import Store
from cdnserve.snippets.subject import UNPUBLISHED, Subject
from cdnserve.snippets.targets import Hosted, Snippets, find_subjects, library_snippets
from tests.npm.registry import Answer, LocalRegistry, settings_for

Find = Callable[[str], list[Subject]]
FILES = {
    "npm/lib@1.0.0/package.json": json.dumps(
        {"main": "./dist/lib.js", "style": "dist/lib.css", "browser": {"fs": False}}
    ),
    "npm/lib@1.0.0/dist/lib.js": "let lib;",
    "npm/lib@1.0.0/dist/lib.min.js": "let l;",
    "npm/lib@1.0.0/dist/lib.css": "a {}",
    "npm/lib@2.0.0/package.json": json.dumps({"jsdelivr": "/dist/lib.js", "main": "other.js"}),
    "npm/lib@2.0.0/dist/lib.js": "let lib;",
    "npm/lib@2.0.0/dist/lib.min.js": "let l;",
    "npm/@scope/short@1.0.0/package.json": json.dumps({"main": "lib", "unpkg": "gone.js"}),
    "npm/@scope/short@1.0.0/lib/index.js": "let i;",
    "npm/bare@1.0.0/package.json": json.dumps({"main": "index"}),
    "npm/bare@1.0.0/index.js": "let b;",
    "npm/node@1.0.0/package.json": json.dumps({"main": "index.js"}),
    "npm/node@1.0.0/index.js": "module.exports = require('./other');",
    "npm/none@1.0.0/package.json": json.dumps({"main": "data.json"}),
    "npm/none@1.0.0/data.json": "{}",
    "npm/many@1.0.0/package.json": "not JSON",
    **{f"npm/many@1.0.0/file{number:02}.js": "x" for number in range(12)},
    "npm/list@1.0.0/package.json": "[]",
    "npm/list@1.0.0/a.css": "a {}",
    "npm/packed@1.0.0/a.css": "a {}",
    "demo/greet.js": "let g;",
    "demo/module.js": "export let m;",
    "demo/style.css": "a {}",
    "drafts/notes.js": "let n;",
}


@pytest.fixture
def hosted(tmp_path: Path) -> Hosted:
    """A release of a few libraries."""
    root = tmp_path / "public"
    for path, text in FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    (root / "manifest.toml").write_text('schema = 1\n[[publish]]\npath = ["npm/**", "demo/**"]\ncors = "any"\n')
    build(root, tmp_path / "state")
    store = Store(tmp_path / "state")
    return Hosted(root, store, store.load())


@pytest.fixture
def find(hosted: Hosted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Find:
    monkeypatch.chdir(tmp_path)
    return lambda text: find_subjects([text], hosted.root, lambda: hosted, settings_for(tmp_path))


def nobody() -> Hosted:
    raise AssertionError("no release is needed")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        pytest.param("demo/greet.js", "demo/greet.js", id="a public path"),
        pytest.param("/demo/greet.js", "demo/greet.js", id="with a slash"),
        pytest.param("public/demo/greet.js", "demo/greet.js", id="a file that is public"),
        pytest.param("demo/style.css", "demo/style.css", id="a stylesheet"),
        pytest.param("npm/lib@1.0.0/dist/lib.js", "npm/lib@1.0.0/dist/lib.js", id="a library's whole path"),
        pytest.param("lib@1.0.0/dist/lib.css", "npm/lib@1.0.0/dist/lib.css", id="a library's path"),
        pytest.param(
            "@scope/short@1.0.0/lib/index.js", "npm/@scope/short@1.0.0/lib/index.js", id="a scoped library's path"
        ),
    ],
)
def test_one_public_file_is_meant(find: Find, text: str, path: str) -> None:
    (subject,) = find(text)
    assert path == subject.name
    assert UNPUBLISHED not in subject.remarks


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("lib@1.0.0", ["dist/lib.min.js", "dist/lib.css"], id="main and style, minified where it is there"),
        pytest.param("lib@2.0.0", ["dist/lib.min.js"], id="minified beside what is meant for pages"),
        pytest.param("@scope/short@1.0.0", ["lib/index.js"], id="a folder; a file that is gone is passed over"),
        pytest.param("bare@1.0.0", ["index.js"], id="without its ending"),
        pytest.param("bare@1.0.0/", ["index.js"], id="with an empty path"),
    ],
)
def test_a_library_means_what_its_package_names(find: Find, text: str, expected: list[str]) -> None:
    assert [f"npm/{text.rstrip('/')}/{path}" for path in expected] == [subject.name for subject in find(text)]


@pytest.mark.parametrize(
    ("text", "expected", "alias"),
    [
        pytest.param("lib", "lib@2.0.0/dist/lib.min.js", "lib is lib@2.0.0 today", id="no version: the newest"),
        pytest.param("@scope/short@1", "@scope/short@1.0.0/lib/index.js", "@scope/short@1 is @scope/short@1.0.0 today"),
        pytest.param(
            "lib@1/dist/lib.css", "lib@1.0.0/dist/lib.css", "lib@1/dist/lib.css is lib@1.0.0/dist/lib.css today"
        ),
        pytest.param("lib@2.0.0", "lib@2.0.0/dist/lib.min.js", "", id="an exact version may leave out the file"),
    ],
)
def test_what_may_change_means_what_it_is_today(find: Find, text: str, expected: str, alias: str) -> None:
    assert [(f"npm/{expected}", alias)] == [(subject.name, subject.alias) for subject in find(text)]


def test_a_public_script_is_read_for_what_it_is(find: Find) -> None:
    assert ["module"] == [subject.kind for subject in find("demo/module.js")]


@pytest.mark.parametrize("text", ["public/drafts/notes.js", "a.js"])
def test_a_local_file_is_meant(find: Find, tmp_path: Path, text: str) -> None:
    (tmp_path / "a.js").write_bytes(b"let n;")
    for name in (text, str(tmp_path / text)):
        (subject,) = find(name)
        assert (name, len(b"let n;"), (UNPUBLISHED,)) == (subject.name, subject.size, subject.remarks)


@pytest.mark.parametrize("root", ["public", "."])
def test_a_local_file_needs_no_release(tmp_path: Path, root: str) -> None:
    """Neither elsewhere, nor in a root without a manifest."""
    (tmp_path / "a.js").write_bytes(b"x")
    (subject,) = find_subjects([str(tmp_path / "a.js")], tmp_path / root, nobody, settings_for(tmp_path))
    assert (UNPUBLISHED,) == subject.remarks


def test_a_url_is_fetched(tmp_path: Path, registry: LocalRegistry) -> None:
    url = registry.answer("/a.js", Answer(body=b"x"))
    (subject,) = find_subjects([url], tmp_path, nobody, settings_for(tmp_path))
    assert (url, 1) == (subject.name, subject.size)


def test_the_problems_of_all_targets_are_told_each_once(hosted: Hosted, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        find_subjects(["zzz", "demo/greet.js", "lib@3.0.0", "zzz"], hosted.root, lambda: hosted, settings_for(tmp_path))
    assert ["zzz", "lib@3.0.0"] == [problem.where for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "reference", "hint"),
    [
        pytest.param("demo/gret.js", "target-unknown", "did you mean demo/greet.js?", id="a path that is nearly one"),
        pytest.param("zzz", "target-unknown", "see what is public: cdnserve list", id="nothing near"),
        pytest.param("drafts/notes.js", "target-unknown", "cdnserve list", id="an unlisted path"),
        pytest.param("lib@3.0.0", "target-unknown", "hosted are 2.0.0, 1.0.0", id="another version"),
        pytest.param("lbi@1", "target-unknown", "see what is public: cdnserve list", id="a name like none"),
        pytest.param("@scope/shrot", "target-unknown", "did you mean @scope/short?", id="a name that is nearly one"),
        pytest.param(
            "lib@1.0.0/dist/lib.mjs", "target-unknown", "lib@1.0.0/dist/lib.js", id="a file that is nearly one"
        ),
        pytest.param("node@1.0.0", "target-for-node", "cdnserve importmap node@1.0.0", id="a library for Node.js"),
        pytest.param("none@1.0.0", "target-ambiguous", "its files: cdnserve list", id="a library for no browser"),
        pytest.param("list@1.0.0", "target-ambiguous", "say one of list@1.0.0/a.css", id="a package that is a list"),
        pytest.param("packed@1.0.0", "target-ambiguous", "say one of packed@1.0.0/a.css", id="no package.json"),
        pytest.param("many@1.0.0", "target-ambiguous", "many@1.0.0/file09.js and 2 more", id="a broken package.json"),
        pytest.param("many@1.0.0/zzz", "target-unknown", "many@1.0.0/file11.js", id="a file like none"),
        pytest.param("public", "target-unknown", "cdnserve list", id="a folder"),
    ],
)
def test_what_means_nothing_is_a_problem_with_a_way_on(find: Find, text: str, reference: str, hint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        find(text)
    (problem,) = caught.value.problems
    assert reference == problem.reference
    assert hint in problem.hint


def test_a_file_that_can_not_be_read_is_a_problem(find: Find, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a.js").write_text("x")
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ConfigurationError, match="target-unreadable"):
        find("a.js")


def _made(root: Path, pin: str, exports: dict[str, str], **sources: str) -> None:
    """Lay modules beside a package, as --esm makes them."""
    folder = root / "npm" / pin
    folder.mkdir(parents=True, exist_ok=True)
    name = pin.rpartition("@")[0]
    described = {"name": name, "dependencies": {"absent": "^1"}, "main": "main.js"}
    (folder / "package.json").write_text(json.dumps(described))
    (folder / "main.js").write_text("module.exports = require('fs')")
    (folder / "+esm").mkdir()
    (folder / "+esm/package.json").write_text(json.dumps({"type": "module", "exports": exports}))
    for file in {*exports.values()}:
        (folder / "+esm" / file).write_text(sources.get(file[2:-3], "export {}"))


def _snippets(root: Path, *pins: str) -> Snippets:
    rule = '[[publish]]\npath = "npm/**"\ncors = "any"\ncache = "immutable"\n'
    (root / "manifest.toml").write_text(f"schema = 1\n{rule}")
    state = root.parent / "state"
    build(root, state)
    store = Store(state)
    return library_snippets(pins, Hosted(root, store, store.load()), prefer_modules=True)


def _imports(found: Snippets) -> dict[str, str]:
    begin, end = '<script type="importmap">', "</script>"
    imports: dict[str, str] = json.loads(found.text.removeprefix(begin).removesuffix(end))["imports"]
    return {name: address.rpartition("+esm/")[2] for name, address in imports.items()}


def test_the_map_names_all_that_was_made_of_a_library(tmp_path: Path) -> None:
    root = tmp_path / "public"
    exports = {".": "./index.js", "./index.js": "./index.js", "./sub": "./sub.js", "./sub.js": "./sub.js"}
    _made(root, "made@1.0.0", exports)
    _made(root, "rest@1.0.0", {"./only": "./only.js"})
    found = _snippets(root, "made@1.0.0", "rest@1.0.0")
    assert {"made": "index.js", "made/sub": "sub.js", "rest/only": "only.js"} == _imports(found)
    assert ((), ()) == (found.problems, found.notes)


def test_the_map_leaves_out_what_needs_a_package_that_is_not_hosted(tmp_path: Path) -> None:
    root = tmp_path / "public"
    exports = {".": "./index.js", "./one": "./one.js", "./two": "./two.js", "./three": "./three.js"}
    needs = 'import "absent"; export {}'
    _made(root, "made@1.0.0", exports, one=needs, two=needs)
    found = _snippets(root, "made@1.0.0")
    assert {"made": "index.js", "made/three": "three.js"} == _imports(found)
    (problem,) = found.problems
    assert (problem.reference, problem.warning) == ("module-not-hosted", True)
    assert problem.message.startswith("the map leaves out made/one, made/two: ")
    assert "--deps" in problem.hint


def test_a_main_module_that_needs_what_is_absent_is_told(tmp_path: Path) -> None:
    root = tmp_path / "public"
    exports = {".": "./index.js", "./one": "./one.js"}
    _made(root, "made@1.0.0", exports, index='import "absent"; export {}')
    found = _snippets(root, "made@1.0.0")
    assert ("", ["module-not-hosted"]) == (found.text, [problem.reference for problem in found.problems])


def test_the_map_leaves_out_what_is_for_servers_and_tests(tmp_path: Path) -> None:
    root = tmp_path / "public"
    names = ("client", "server", "server.edge", "jsx-runtime", "jsx-dev-runtime", "test-utils", "observer")
    _made(root, "made@1.0.0", {".": "./index.js", **{f"./{name}": f"./{name}.js" for name in names}})
    found = _snippets(root, "made@1.0.0")
    assert {"made", "made/client", "made/jsx-runtime", "made/observer"} == set(_imports(found))
    (note,) = found.notes
    assert note.startswith("4 more modules of made: cdnserve info made lists them")


def test_many_modules_are_counted(tmp_path: Path) -> None:
    root = tmp_path / "public"
    _made(root, "many@1.0.0", {".": "./index.js", **{f"./m{n}": f"./m{n}.js" for n in range(21)}})
    found = _snippets(root, "many@1.0.0")
    assert {"many": "index.js"} == _imports(found)
    assert (
        "21 more modules of many: cdnserve info many lists them, cdnserve importmap many/NAME maps one",
    ) == found.notes


def test_the_map_has_the_newest_of_several_versions(tmp_path: Path) -> None:
    root = tmp_path / "public"
    for version in ("9.0.0", "10.0.0", "8.0.0"):
        _made(root, f"made@{version}", {".": "./index.js", "./sub": "./sub.js"})
    found = _snippets(root, "made@9.0.0", "made@10.0.0", "made@8.0.0")
    assert "made@10.0.0/+esm/sub.js" in found.text
    assert "made@9" not in found.text
    assert ("made@9.0.0", "made@8.0.0") == tuple(note.split()[-4] for note in found.notes)
    assert () == found.problems

"""Packages: what a package.json names, however hostile it is, and only read where it may have changed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.release import package_entries as packages_module
from cdnserve.release.build import build
from cdnserve.release.catalog import Entries
from cdnserve.release.package_entries import LARGEST, library_folder, parse
from cdnserve.release.state_files import read_index
from cdnserve.release.store import Store
from cdnserve.release.writer import Built
from tests.release.opened import Opened
from tests.release.roots import MANIFEST, plant

HOME = "npm/lib@1.0.0"
ONLY_DIST = MANIFEST.replace("npm/**", "npm/*/dist/**").replace('except = ["unlisted/**"]', 'except = ["npm/**"]')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('{"main": "dist/a.js"}', Entries(main="dist/a.js"), id="a path"),
        pytest.param('{"jsdelivr": "./dist/a.js"}', Entries(jsdelivr="dist/a.js"), id="a dot before it"),
        pytest.param('{"unpkg": "/dist//x/../a.js"}', Entries(unpkg="dist/a.js"), id="not in normal form"),
        pytest.param('{"style": "lib/"}', Entries(style="lib"), id="a folder"),
        pytest.param('{"exports": "./a.js"}', Entries(exports="a.js"), id="one export"),
        pytest.param(
            '{"exports": {".": {"types": "./a.d.ts", "node": "./n.js", "default": "./a.js"}, "./b": "./b.js"}}',
            Entries(exports="a.js"),
            id="exports by conditions",
        ),
        pytest.param(
            '{"exports": {"unpkg": "./u.js", "default": "./a.js"}}', Entries(exports="u.js"), id="exports for unpkg"
        ),
        pytest.param('{"exports": {".": "../other@1.0.0/a.js"}}', Entries(), id="an export out of the package"),
        pytest.param('{"exports": {"import": "./a.mjs"}}', Entries(), id="exports for others"),
        pytest.param('{"exports": null, "main": "a.js"}', Entries(main="a.js"), id="no exports"),
        pytest.param('{"main": "."}', Entries(), id="the package itself"),
        pytest.param('{"main": ""}', Entries(), id="nothing"),
        pytest.param('{"main": "../other@1.0.0/a.js"}', Entries(), id="out of the package"),
        pytest.param('{"main": "a/../../../etc/passwd"}', Entries(), id="far out of it"),
        pytest.param('{"main": ".hidden.js"}', Entries(), id="a dot-file"),
        pytest.param('{"browser": {"./a.js": false}}', Entries(), id="a map for bundlers"),
        pytest.param('{"main": ["a.js"], "style": 7, "unpkg": null, "jsdelivr": true}', Entries(), id="other types"),
        pytest.param('{"main": "a\\u0000.js"}', Entries(), id="a control character"),
        pytest.param('{"main": "\\ud800"}', Entries(), id="half a surrogate pair"),
        pytest.param('{"main": "' + "a" * 1025 + '"}', Entries(), id="an endless path"),
        pytest.param('{"main": "a.js", "main": "b.js"}', Entries(main="b.js"), id="a key twice"),
        pytest.param("\ufeff" + '{"main": "a.js"}', Entries(main="a.js"), id="a byte order mark"),
        pytest.param("", Entries(), id="an empty file"),
        pytest.param("[]", Entries(), id="no object"),
        pytest.param('{"main": "a.js"', Entries(), id="half an object"),
        pytest.param('{"main": "a.js"} x', Entries(), id="more than an object"),
        pytest.param('{"x": ' + "[" * 100_000 + "]" * 100_000 + ', "main": "a.js"}', Entries(), id="endlessly deep"),
        pytest.param('{"main": ' + '{"a":' * 100_000 + "1" + "}" * 100_000 + "}", Entries(), id="deep where it counts"),
        pytest.param('{"main": ' + "9" * 100_000 + "}", Entries(), id="an endless number"),
    ],
)
def test_what_a_package_json_names(text: str, expected: Entries) -> None:
    assert expected == parse(text.encode("utf-8", "surrogatepass"))


@given(st.binary())
def test_any_octets_name_nothing_or_something(octets: bytes) -> None:
    assert isinstance(parse(octets), Entries)


values = st.recursive(
    st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@given(st.dictionaries(st.sampled_from(Entries.__struct_fields__), values))
def test_what_is_named_is_a_path_inside_of_the_package(described: dict[str, object]) -> None:
    entries = parse(json.dumps(described).encode())
    for path in (getattr(entries, name) for name in Entries.__struct_fields__):
        assert not path.startswith(("/", "."))
        assert ".." not in path.split("/")


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        pytest.param("npm/lib@1.0.0/a.js", "npm/lib@1.0.0", id="a library"),
        pytest.param("npm/@scope/lib@1.0.0-rc.1/dist/a.js", "npm/@scope/lib@1.0.0-rc.1", id="in a scope"),
        pytest.param("npm/lib@1.0.0", "", id="a file of this name"),
        pytest.param("npm/lib@latest/a.js", "", id="no exact version"),
        pytest.param("npm/lib/a.js", "", id="no version"),
        pytest.param("npm/@scope/a.js", "", id="a scope alone"),
        pytest.param("other/lib@1.0.0/a.js", "", id="elsewhere"),
    ],
)
def test_the_folder_of_a_library(path: str, folder: str) -> None:
    assert folder == library_folder(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with a library whose package.json is not public."""
    files = {
        f"{HOME}/package.json": '{"main": "dist/a.js"}',
        f"{HOME}/dist/a.js": "a",
        "npm/secret@1.0.0/package.json": "{}",
    }
    return plant(tmp_path / "root", files, ONLY_DIST)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def packages(state: Path) -> dict[str, Entries]:
    return Store(state).load().packages


def test_an_unlisted_package_json_is_read_and_stays_unlisted(root: Path, state: Path) -> None:
    build(root, state)
    catalog = Store(state).load()
    assert {HOME: Entries(main="dist/a.js")} == catalog.packages
    assert [f"{HOME}/dist/a.js"] == list(catalog.assets)
    assert all(b'"main"' not in blob.read_bytes() for blob in state.glob("blobs/*/*"))


def test_a_build_of_what_is_unchanged_opens_no_package_json(root: Path, state: Path, opened: Opened) -> None:
    build(root, state)
    opened.among([])
    assert Built(1, False) == build(root, state)
    assert [] == opened.among(["package.json"])
    plant(root, {f"{HOME}/dist/b.js": "b"}, ONLY_DIST)
    assert Built(2, True) == build(root, state)
    assert [] == opened.among(["package.json"])
    assert {HOME: Entries(main="dist/a.js")} == packages(state)


def test_a_changed_package_json_changes_the_release(root: Path, state: Path, opened: Opened) -> None:
    build(root, state)
    (root / HOME / "package.json").write_text('{"main": "dist/b.js"}')
    opened.among([])
    assert Built(2, True) == build(root, state)
    assert ["package.json"] == opened.among(["package.json"])
    assert {HOME: Entries(main="dist/b.js")} == packages(state)
    (root / HOME / "package.json").unlink()
    assert Built(3, True) == build(root, state)
    assert {} == packages(state)


def test_a_change_that_names_nothing_else_changes_nothing(root: Path, state: Path) -> None:
    build(root, state)
    (root / HOME / "package.json").write_text('{"main": "dist/a.js", "version": "1.0.0"}')
    assert Built(1, False) == build(root, state)
    assert Built(1, False) == build(root, state)


def test_a_package_json_of_now_is_read_again_until_its_time_proves_something(
    root: Path, state: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its signature could belong to two versions, both written within a tick of the clock."""
    path = f"{HOME}/package.json"
    monkeypatch.setattr(packages_module, "is_proof", lambda *_: False)
    build(root, state)
    index = read_index(str(state))
    assert index
    assert path not in index.signatures()
    opened.among([])
    assert Built(1, False) == build(root, state)
    assert ["package.json"] == opened.among(["package.json"])


def test_a_public_package_json_is_believed_as_it_is_served(root: Path, state: Path, opened: Opened) -> None:
    plant(root, {})
    build(root, state)
    assert Entries(main="dist/a.js") == packages(state)[HOME]
    assert f"{HOME}/package.json" in Store(state).load().assets
    # The other library's too; each is read once, and looked at once more before it is promised.
    assert 4 == len(opened.among(["package.json"]))


@pytest.mark.parametrize("manifest", [pytest.param(ONLY_DIST, id="unlisted"), pytest.param(MANIFEST, id="public")])
def test_a_huge_package_json_names_nothing(root: Path, state: Path, manifest: str) -> None:
    huge = '{"main": "dist/a.js", "x": "' + "x" * LARGEST + '"}'
    plant(root, {f"{HOME}/package.json": huge}, manifest)
    build(root, state)
    assert Entries() == packages(state)[HOME]


def test_a_package_json_that_cannot_be_read_names_nothing(
    root: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def refuse(path: str, *arguments: int, dir_fd: int | None = None) -> int:
        if path == "package.json":
            raise PermissionError(13, "Permission denied")
        return real(path, *arguments, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refuse)
    build(root, state)
    assert {HOME: Entries()} == packages(state)


def test_a_package_json_that_fails_while_it_is_read_names_nothing(
    root: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.read

    def fail(descriptor: int, most: int) -> bytes:
        if most == LARGEST:
            raise OSError(5, "Input/output error")
        return real(descriptor, most)

    monkeypatch.setattr(os, "read", fail)
    build(root, state)
    assert {HOME: Entries()} == packages(state)

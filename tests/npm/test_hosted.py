"""The shelf: hosted packages as a release has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdnserve.npm.hosted import LARGEST_DESCRIPTION, HostedLibraries
from cdnserve.release.build import build
from cdnserve.release.store import Store

MANIFEST = 'schema = 1\n[[publish]]\npath = "npm/**"\nexcept = ["npm/hidden@*/**", "**/*.map"]\n'
FILES = {
    "npm/x@1.9.0/package.json": '{"name": "x"}',
    "npm/x@1.9.0/i.js": "export {}\n",
    "npm/x@1.9.0/i.js.map": "{}",
    "npm/x@1.10.0/i.js": "export {}\n",
    "npm/@scope/y@2.0.0/i.js": "export {}\n",
    "npm/hidden@1.0.0/i.js": "export {}\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path, text in FILES.items():
        (tmp_path / "r" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "r" / path).write_text(text)
    (tmp_path / "r" / "manifest.toml").write_text(MANIFEST)
    return tmp_path / "r"


@pytest.fixture
def shelf(root: Path, tmp_path: Path) -> HostedLibraries:
    store = Store(tmp_path / "state")
    return HostedLibraries(root, store, store.read(build(root, tmp_path / "state").number))


def test_versions_are_those_with_a_public_file(shelf: HostedLibraries) -> None:
    found = {name: list(shelf.versions(name)) for name in ("x", "@scope/y", "hidden", "gone")}
    assert {"x": ["1.9.0", "1.10.0"], "@scope/y": ["2.0.0"], "hidden": [], "gone": []} == found


def test_a_folder_without_an_exact_version_is_none(root: Path, tmp_path: Path) -> None:
    """As one that somebody made by hand."""
    (root / "npm/x@latest").mkdir()
    (root / "npm/x@latest/i.js").write_text("export {}\n")
    store = Store(tmp_path / "state")
    found = HostedLibraries(root, store, store.read(build(root, tmp_path / "state").number))
    assert ["1.9.0", "1.10.0"] == list(found.versions("x"))


def test_a_package_may_be_here_unlisted(shelf: HostedLibraries) -> None:
    found = [shelf.is_here(name) for name in ("x", "@scope/y", "hidden", "gone", "@none/y", "hid")]
    assert [True, True, True, False, False, False] == found


def test_files_are_public_or_lie_unlisted_or_neither(shelf: HostedLibraries) -> None:
    paths = ("npm/x@1.9.0/i.js", "npm/x@1.9.0/i.js.map", "npm/x@1.9.0/no.js", "npm/x@1.9.0", "npm/x@1.9.0/\0")
    assert [True, False, False, False, False] == [shelf.is_public(path) for path in paths]
    assert [False, True, False, False, False] == [shelf.lies_unlisted(path) for path in paths]


def test_the_content_is_the_releases(root: Path, shelf: HostedLibraries) -> None:
    (root / "npm" / "x@1.9.0" / "i.js").write_text("changed")
    assert b"export {}\n" == shelf.source("npm/x@1.9.0/i.js")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('{"name": "x"}', {"name": "x"}, id="an object"),
        pytest.param("[]", {}, id="another value"),
        pytest.param("{", {}, id="no JSON"),
        pytest.param("[" * 200_000, {}, id="lists without end"),
        pytest.param('{"a": 1}' + " " * LARGEST_DESCRIPTION, {}, id="too large"),
    ],
)
def test_a_package_json_is_an_object_or_nothing(
    root: Path, shelf: HostedLibraries, text: str, expected: dict[str, object]
) -> None:
    (root / "npm" / "x@1.9.0" / "package.json").write_text(text)
    assert expected == shelf.described("npm/x@1.9.0")


def test_a_package_json_elsewhere_is_not_read(root: Path, shelf: HostedLibraries, tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text('{"secret": 1}')
    (root / "npm" / "x@1.10.0" / "package.json").symlink_to(tmp_path / "secret.json")
    assert {} == shelf.described("npm/x@1.10.0")
    assert {} == shelf.described("npm/gone@1.0.0")

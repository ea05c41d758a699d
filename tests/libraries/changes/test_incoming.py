"""The place where libraries are unpacked before they are public."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.libraries.changes.incoming import incoming_folder, require_folder
from cdnserve.manifest.matching import is_unlisted


def _use(root: Path) -> None:
    with incoming_folder(root) as folder:
        (folder / "0").mkdir()
        (folder / "0" / "a.js").write_text("a")


def test_it_is_empty_private_and_gone_again(root: Path) -> None:
    with incoming_folder(root) as folder:
        assert [] == os.listdir(folder)
        assert is_unlisted(f"{folder.relative_to(root).as_posix()}/0/a.js")
        assert root.stat().st_dev == folder.stat().st_dev
    assert ["manifest.toml"] == os.listdir(root)


def test_it_is_gone_after_a_failure_too(root: Path) -> None:
    def fail() -> None:
        with incoming_folder(root) as folder:
            (folder / "0").mkdir()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert ["manifest.toml"] == os.listdir(root)


def test_what_lies_beside_it_stays(root: Path) -> None:
    (root / "npm" / "x@1.0.0").mkdir(parents=True)
    _use(root)
    assert ["x@1.0.0"] == os.listdir(root / "npm")


def test_what_a_killed_command_left_is_removed(root: Path) -> None:
    left = root / "npm" / ".incoming"
    (left / "0" / "dist").mkdir(parents=True)
    (left / "0" / "dist" / "a.js").write_text("a")
    (left / "0.tgz").write_text("half a tarball")
    (left / "link").symlink_to(root)
    with incoming_folder(root) as folder:
        assert [] == os.listdir(folder)
    assert (root / "manifest.toml").exists()


def test_only_one_command_at_a_time(root: Path) -> None:
    with incoming_folder(root) as folder:
        (folder / "mine").mkdir()
        with pytest.raises(ConfigurationError) as raised:
            _use(root)
        assert ["mine"] == os.listdir(folder)
    assert ["root-busy"] == [problem.reference for problem in raised.value.problems]
    _use(root)


def test_a_folder_that_was_removed_meanwhile_is_made_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another command finishes, and removes the folder, between our opening and our locking it."""
    place, original = root / "npm" / ".incoming", os.open
    calls: list[Path] = []

    def opened(path: Path, *rest: Any, **more: Any) -> int:
        descriptor = original(path, *rest, **more)
        if not calls:
            calls.append(path)
            place.rmdir()
        return descriptor

    monkeypatch.setattr(os, "open", opened)
    _use(root)
    assert [place] == calls


def test_a_folder_that_is_removed_before_it_is_opened_is_made_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, original = root / "npm" / ".incoming", os.open
    calls: list[Path] = []

    def opened(path: Path, *rest: Any, **more: Any) -> int:
        if not calls:
            calls.append(path)
            place.rmdir()
        return original(path, *rest, **more)

    monkeypatch.setattr(os, "open", opened)
    _use(root)
    assert [place] == calls


@pytest.mark.parametrize("name", [pytest.param("npm", id="the libraries'"), pytest.param("npm/.incoming", id="ours")])
def test_a_link_in_its_place_is_refused(root: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("precious")
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).symlink_to(tmp_path / "precious")
    with pytest.raises(ConfigurationError) as raised:
        _use(root)
    (problem,) = raised.value.problems
    assert ("library-place", name) == (problem.reference, problem.where)
    assert ["file"] == os.listdir(tmp_path / "precious")


def test_a_file_in_its_place_is_refused(root: Path) -> None:
    (root / "npm").write_text("not a folder")
    with pytest.raises(ConfigurationError, match="library-place"):
        _use(root)


def test_require_folder_tells_whether_it_was_made(root: Path) -> None:
    assert (True, False) == (require_folder(root / "new", root), require_folder(root / "new", root))

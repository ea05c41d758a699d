"""A first manifest: it is one, it is written once, and it goes with what fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdnserve.manifest.model import Manifest, RuleMatcher
from cdnserve.manifest.reader import read_manifest
from cdnserve.manifest.starter import begun, first_manifest, write_first


def _read(folder: Path, text: str) -> Manifest:
    (folder / "manifest.toml").write_text(text)
    return read_manifest(folder / "manifest.toml")


def _interrupted(root: Path, written: str | None) -> None:
    with begun(root):
        if written:
            (root / "manifest.toml").write_text(written)
        raise KeyboardInterrupt


def test_it_publishes_libraries_for_good_and_own_files_as_they_change(tmp_path: Path) -> None:
    manifest = _read(tmp_path, first_manifest("https://cdn.example.com"))
    assert "https://cdn.example.com" == manifest.site.url
    matched = [manifest.rules[RuleMatcher(manifest.rules).find(path) or 0] for path in ("npm/x@1.0.0/x.js", "app.js")]
    assert [("any", True), ("any", False)] == [(rule.cors.name, rule.cache.immutable) for rule in matched]


def test_origins_may_read_own_files_and_nobody_else(tmp_path: Path) -> None:
    manifest = _read(tmp_path, first_manifest(origins=["https://app.example.com"]))
    assert ["any", "pages"] == [rule.cors.name for rule in manifest.rules]
    assert ("https://app.example.com",) == manifest.rules[1].cors.allow_origins


def test_own_files_may_stay_private(tmp_path: Path) -> None:
    manifest = _read(tmp_path, first_manifest(own_files=False))
    assert [("npm/**",)] == [rule.paths for rule in manifest.rules]


@pytest.mark.parametrize("own_files", [True, False])
def test_what_is_commented_out_is_right_too(tmp_path: Path, own_files: bool) -> None:
    text = first_manifest(own_files=own_files)
    keys = ("# url", "# [[publish]]", "# path", "# cors", "# [cors.pages]", "# allow-origins")
    lines = (line.removeprefix("# ") if line.startswith(keys) else line for line in text.split("\n"))
    manifest = _read(tmp_path, "\n".join(lines))
    assert ("https://cdn.example.com", 2) == (manifest.site.url, len(manifest.rules))


def test_one_that_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "manifest.toml").write_text("mine")
    assert not write_first(tmp_path, first_manifest())
    assert "mine" == (tmp_path / "manifest.toml").read_text()


def test_a_link_that_leads_nowhere_stays(tmp_path: Path) -> None:
    (tmp_path / "manifest.toml").symlink_to("elsewhere")
    assert not write_first(tmp_path, first_manifest())
    assert not (tmp_path / "elsewhere").exists()


def test_what_was_made_goes_with_what_fails(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        _interrupted(tmp_path / "public", None)
    assert not (tmp_path / "public").exists()


def test_what_a_person_has_written_meanwhile_stays(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        _interrupted(tmp_path, "schema = 1")
    assert "schema = 1" == (tmp_path / "manifest.toml").read_text()


def test_what_is_made_stays_with_what_succeeds(tmp_path: Path) -> None:
    with begun(tmp_path / "public") as is_first:
        assert is_first
    with begun(tmp_path / "public") as is_first:
        assert not is_first
    assert read_manifest(tmp_path / "public/manifest.toml").rules

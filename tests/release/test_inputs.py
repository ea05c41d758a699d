"""What manifest and lock speak of and the root does not have is told, and is no release under `--locked`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.manifest.lock import Lock, LockedFile, LockedLibrary, write_lock
from cdnserve.release.build import build
from cdnserve.release.check import check
from tests.release.roots import plant

LIBRARY = LockedLibrary("sha512-" + "A" * 86 + "==")
FILE = LockedFile("sha384-" + "A" * 64)
RULE = '[[publish]]\npath = {path}\ncors = "any"\n'


def rooted(tmp_path: Path, files: Mapping[str, bytes | str], *paths: str, more: str = "", **lock: list[str]) -> Path:
    """Plant files, a manifest with a rule for each glob or list of globs, and a lock."""
    manifest = "schema = 1\n" + "".join(RULE.format(path=path) for path in paths) + more
    root = plant(tmp_path / "public", files, manifest)
    libraries = dict.fromkeys(lock.get("libraries", []), LIBRARY)
    write_lock(root / "manifest.lock", Lock(libraries, dict.fromkeys(lock.get("immutable", []), FILE)))
    return root


def told(root: Path, tmp_path: Path) -> list[tuple[str, str, str]]:
    """Return what a build warns of: the check says the same, and a locked build refuses it."""
    found = build(root, tmp_path / "state").warnings
    assert all(problem.warning for problem in found)
    assert found == check(root)
    assert found == build(root, tmp_path / "state").warnings
    if found:
        with pytest.raises(ConfigurationError) as refused:
            build(root, tmp_path / "locked", locked=True)
        assert [problem.reference for problem in found] == [problem.reference for problem in refused.value.problems]
        assert not any(problem.warning for problem in refused.value.problems)
        assert not (tmp_path / "locked/current").exists()
    return [(problem.reference, problem.where, problem.value) for problem in found]


LIBRARIES = '[libraries]\njquery = "3.7.1"\n"@acme/ui" = { version = "2.0.0", files = ["dist/*"] }\n'
PINS = ["jquery@3.7.1", "@acme/ui@2.0.0"]


def test_libraries_that_are_not_here(tmp_path: Path) -> None:
    """As in a fresh clone; the rule for them is no second problem."""
    root = rooted(tmp_path, {"a.js": "a"}, '"npm/**"', '"*.js"', more=LIBRARIES, libraries=PINS)
    assert [("library-absent", "manifest.lock", "npm/@acme/ui@2.0.0 and 1 more")] == told(root, tmp_path)
    assert "cdnserve sync" in check(root)[0].hint


def test_one_library_that_is_not_here(tmp_path: Path) -> None:
    files = {"npm/@acme/ui@2.0.0/dist/ui.js": "ui"}
    root = rooted(tmp_path, files, '"npm/**"', more=LIBRARIES, libraries=PINS)
    assert [("library-absent", "manifest.lock", "npm/jquery@3.7.1")] == told(root, tmp_path)


def test_a_library_of_which_files_are_missing(tmp_path: Path) -> None:
    """Those that the manifest does not keep any more may be away, and so may files of no library."""
    files = {"npm/@acme/ui@2.0.0/dist/ui.js": "ui", "npm/jquery@3.7.1/package.json": "{}"}
    kept = [f"npm/jquery@3.7.1/{name}" for name in ("dist/b.js", "dist/a.js")]
    away = ["npm/@acme/ui@2.0.0/src/ui.js", "npm/gone@1.0.0/a.js", "lib/1.0.0/a.js"]
    root = rooted(tmp_path, files, '"npm/**"', more=LIBRARIES, libraries=PINS, immutable=[*kept, *away])
    expected = [("library-incomplete", "manifest.lock", "npm/jquery@3.7.1/dist/a.js and 1 more")]
    assert expected == told(root, tmp_path)


def test_a_library_that_the_manifest_does_not_name_is_not_missed_in_part(tmp_path: Path) -> None:
    """Nobody knows which of its files are kept; that it is not named is told by sync --check."""
    files = {"npm/old@1.0.0/a.js": "a"}
    root = rooted(tmp_path, files, '"npm/**"', libraries=["old@1.0.0"], immutable=["npm/old@1.0.0/b.js"])
    assert [] == told(root, tmp_path)


def test_libraries_that_are_all_here(tmp_path: Path) -> None:
    files = {f"npm/{pin}/dist/a.js": "a" for pin in PINS}
    assert [] == told(rooted(tmp_path, files, '"npm/**"', more=LIBRARIES, libraries=PINS), tmp_path)


def test_libraries_that_somebody_put_there_need_no_lock(tmp_path: Path) -> None:
    """They are public because a rule says so; sync --check tells of them."""
    assert [] == told(rooted(tmp_path, {"npm/own@1.0.0/a.js": "a"}, '"npm/**"'), tmp_path)


@pytest.mark.parametrize(
    ("path", "value", "hint"),
    [
        pytest.param('"lib"', "lib", "write lib/**", id="a folder"),
        pytest.param('"lib/*"', "lib/*", "write lib/**", id="a folder of folders"),
        pytest.param('"public/lib/**"', "public/lib/**", "write lib/**", id="the root in front"),
        pytest.param('"public/lib/1.0.0/a.js"', "public/lib/1.0.0/a.js", "write lib/1.0.0/a.js", id="a file with it"),
        pytest.param('"fonts/**"', "fonts/**", "if the files shall come later", id="a folder to come"),
        pytest.param('"npm/lib@2*/**"', "npm/lib@2*/**", "if the files shall come later", id="some libraries to come"),
        pytest.param('["**/*.js", "lib"]', "lib", "write lib/**", id="a slip beside a glob that is right"),
        pytest.param('"public/-/**"', "public/-/**", "if the files shall come later", id="never public without it"),
    ],
)
def test_a_rule_without_files_is_told_at_its_line(tmp_path: Path, path: str, value: str, hint: str) -> None:
    root = rooted(tmp_path, {"lib/1.0.0/a.js": "a", "page.css": "css"}, '"*.css"', path)
    assert [("rule-matches-nothing", "manifest.toml:5", value)] == told(root, tmp_path)
    assert hint in check(root)[0].hint


@pytest.mark.parametrize(
    "path",
    [
        pytest.param('["*.css", "fonts/**"]', id="one of several globs has files"),
        pytest.param('"lib/**"', id="the folder with all in it"),
        pytest.param('["lib/1.0.0/*", "npm/**"]', id="a folder with files in it, and libraries to come"),
        pytest.param('"npm/**"', id="libraries to come"),
    ],
)
def test_a_rule_with_files_is_silent(tmp_path: Path, path: str) -> None:
    assert [] == told(rooted(tmp_path, {"lib/1.0.0/a.js": "a", "page.css": "css"}, path), tmp_path)

"""Own builds: a folder or a tarball becomes a library like any other, but for the registry, which is never asked."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.manifest.lock import LockedLibrary, read_lock
from cdnserve.npm.add import AddOptions, add
from cdnserve.npm.apply import Added
from cdnserve.npm.outdated import outdated
from cdnserve.npm.own_build import add_own
from cdnserve.npm.remove import remove
from cdnserve.npm.settings import DownloadLimits
from cdnserve.npm.sync import check, sync
from cdnserve.npm.update import UpdateOptions, update
from tests.npm.registry import QUICK, LocalRegistry, member, packed, settings_for, sha512, tarball

PIN = "@acme/ui@1.2.0"
PLACE = Path("npm/@acme/ui@1.2.0")


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """A build as tools leave it: with what belongs to nobody else beside what is published."""
    folder = tmp_path / "dist"
    files = {"package.json": '{"main": "ui.js"}', "ui.js": "let ui;\n", "css/ui.css": "a {}", ".env": "SECRET=1"}
    for path, text in (files | {"node_modules/x/x.js": "let x;", ".cache/a": "a"}).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def _add(
    root: Path, source: Path, pin: str = PIN, options: AddOptions | None = None, limits: DownloadLimits = QUICK
) -> Added:
    return add_own(root, source, pin, settings_for(root.parent, limits=limits), options=options)


def _problem(
    root: Path, source: Path, pin: str = PIN, options: AddOptions | None = None, limits: DownloadLimits = QUICK
) -> str:
    before = (root / "manifest.toml").read_text()
    with pytest.raises(ConfigurationError) as raised:
        _add(root, source, pin, options, limits)
    assert before == (root / "manifest.toml").read_text()
    (problem,) = raised.value.problems
    return problem.reference


def _files(root: Path) -> set[str]:
    return {path.relative_to(root / PLACE).as_posix() for path in (root / PLACE).rglob("*") if path.is_file()}


def _locked(root: Path) -> dict[str, LockedLibrary]:
    return read_lock(root / "manifest.lock").libraries


def test_a_folder_becomes_a_library(root: Path, dist: Path) -> None:
    added = _add(root, dist)
    assert ((PIN,), ()) == (added.asked, added.warnings)
    assert {"package.json", "ui.js", "css/ui.css"} == _files(root)
    assert _locked(root)[PIN].own
    assert '"@acme/ui" = "1.2.0"\n' in (root / "manifest.toml").read_text()
    assert [] == list((root / "npm").glob(".*")), "something was left behind"


def test_a_tarball_is_verified_as_the_registry_would(root: Path, tmp_path: Path) -> None:
    data = packed({"package.json": "{}", "ui.js": "let ui;\n"})
    (tmp_path / "ui.tgz").write_bytes(data)
    _add(root, tmp_path / "ui.tgz")
    assert {"package.json", "ui.js"} == _files(root)
    assert LockedLibrary(sha512(data), own=True) == _locked(root)[PIN]


def test_the_same_files_have_the_same_integrity(root: Path, dist: Path) -> None:
    """Whenever they were written, and in whatever order: another machine gets the same lock."""
    _add(root, dist)
    first = _locked(root)
    again = root.parent / "again"
    for path in ("ui.js", "package.json", "css/ui.css"):
        (again / path).parent.mkdir(parents=True, exist_ok=True)
        (again / path).write_bytes((dist / path).read_bytes())
        os.utime(again / path, (1, 1))
    shutil.rmtree(root / "npm")
    _add(root, again)
    assert first == _locked(root)


def test_what_is_here_must_not_change(root: Path, dist: Path) -> None:
    _add(root, dist)
    (placed,) = _add(root, dist).libraries
    assert not placed.is_new
    (dist / "ui.js").write_text("let other;\n")
    assert "library-changed" == _problem(root, dist)
    assert "let ui;\n" == (root / PLACE / "ui.js").read_text()


def test_what_was_here_must_not_change(root: Path, dist: Path) -> None:
    _add(root, dist)
    shutil.rmtree(root / "npm")
    (dist / "ui.js").write_text("let other;\n")
    assert "own-build-differs" == _problem(root, dist)
    assert not (root / "npm").exists()


def test_versions_lie_side_by_side_and_go_one_by_one(root: Path, dist: Path) -> None:
    _add(root, dist)
    (dist / "ui.js").write_text("let newer;\n")
    _add(root, dist, "@acme/ui@1.3.0")
    assert '"@acme/ui" = ["1.2.0", "1.3.0"]\n' in (root / "manifest.toml").read_text()
    assert (PIN,) == remove(root, [PIN]).libraries
    assert ["@acme/ui@1.3.0"] == list(_locked(root))


def test_globs_choose_what_is_kept(root: Path, dist: Path) -> None:
    _add(root, dist, options=AddOptions(("**/*.css",)))
    assert {"package.json", "css/ui.css"} == _files(root)
    assert "library-files-differ" == _problem(root, dist, "@acme/ui@1.3.0", AddOptions(("*.js",)))


def test_globs_that_keep_nothing_are_told(root: Path, dist: Path) -> None:
    assert "library-files" == _problem(root, dist, options=AddOptions(("*.wasm",)))


def test_a_folder_without_files_is_no_build_and_the_manifest_is_not_blamed(root: Path, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(ConfigurationError) as raised:
        _add(root, tmp_path / "none")
    assert [("library-files", PIN, "")] == [(one.reference, one.where, one.hint) for one in raised.value.problems]


def test_what_it_imports_comes_too(root: Path, dist: Path, registry: LocalRegistry) -> None:
    registry.publish("lit", "3.0.0", packed({"package.json": '{"type": "module"}', "index.js": "export {};\n"}))
    described = {"type": "module", "main": "ui.js", "dependencies": {"lit": "^3"}}
    (dist / "package.json").write_text(json.dumps(described))
    (dist / "ui.js").write_text('import "lit";\n')
    settings = settings_for(root.parent, registry.url)
    add_own(root, dist, PIN, settings, options=AddOptions(deps=True))
    assert (PIN,) == _locked(root)["lit@3.0.0"].dependents


@pytest.mark.parametrize(
    ("pin", "reference"),
    [
        ("@acme/ui", "version-not-exact"),
        ("@acme/ui@^1", "version-not-exact"),
        ("@acme/ui@latest", "version-not-exact"),
        ("../ui@1.0.0", "package-name"),
    ],
)
def test_it_needs_a_name_and_an_exact_version(root: Path, dist: Path, pin: str, reference: str) -> None:
    assert reference == _problem(root, dist, pin)


def test_a_link_is_refused(root: Path, dist: Path) -> None:
    (dist / "passwd.js").symlink_to("/etc/passwd")
    assert "own-build-unreadable" == _problem(root, dist)


def test_a_link_to_a_folder_is_refused(root: Path, dist: Path) -> None:
    (dist / "more").symlink_to("/etc")
    assert "own-build-unreadable" == _problem(root, dist)


def test_a_fifo_is_not_waited_for(root: Path, dist: Path) -> None:
    os.mkfifo(dist / "pipe")
    assert "own-build-unreadable" == _problem(root, dist)


def test_a_name_that_no_url_has_is_refused(root: Path, dist: Path) -> None:
    (dist / "a\u202ejs.exe").write_text("x")
    assert "tarball-member" == _problem(root, dist)


def test_what_is_absent_or_no_tarball_is_told(root: Path, dist: Path) -> None:
    assert "own-build-unreadable" == _problem(root, dist / "absent")
    assert "tarball-corrupt" == _problem(root, dist / "ui.js")
    with pytest.raises(ConfigurationError) as raised:
        _add(root, dist / "ui.js")
    assert [str(dist / "ui.js")] == [problem.where for problem in raised.value.problems]


def test_an_archive_is_judged_like_one_from_the_network(root: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.tgz").write_bytes(tarball(member("package/../../x.js", "let x;")))
    assert "tarball-member" == _problem(root, tmp_path / "bad.tgz")


def test_what_is_too_large_is_refused(root: Path, dist: Path, tmp_path: Path) -> None:
    (tmp_path / "ui.tgz").write_bytes(packed({"ui.js": "let ui;"}))
    assert "own-build-unreadable" == _problem(root, tmp_path / "ui.tgz", limits=DownloadLimits(tarball=10))
    assert "own-build-unreadable" == _problem(root, dist, limits=DownloadLimits(unpacked=10))


def test_no_registry_is_asked_for_it(root: Path, dist: Path, registry: LocalRegistry) -> None:
    """Somebody else could have published something under the name."""
    registry.publish("@acme/ui", "9.0.0", packed({"ui.js": "evil"}))
    _add(root, dist)
    settings = settings_for(root.parent, registry.url)
    assert () == outdated(root, [], settings)
    assert () == update(root, [], settings, options=UpdateOptions(latest=True)).moves
    with pytest.raises(ConfigurationError) as raised:
        update(root, ["@acme/ui"], settings)
    assert ["own-build"] == [problem.reference for problem in raised.value.problems]
    assert [] == registry.paths()


def test_sync_restores_the_others_and_says_that_it_can_not_restore_it(
    root: Path, dist: Path, registry: LocalRegistry
) -> None:
    registry.publish("x", "1.0.0", packed({"x.js": "let x;"}))
    settings = settings_for(root.parent, registry.url)
    add(root, ["x"], settings)
    _add(root, dist)
    assert () == check(root, settings).problems
    shutil.rmtree(root / "npm")
    synced = sync(root, settings)
    assert (["x@1.0.0"], ["own-build-absent"]) == (
        list(map(str, synced.restored)),
        [problem.reference for problem in synced.warnings],
    )
    assert ["library-absent"] == [problem.reference for problem in check(root, settings).problems]
    _add(root, dist)
    assert () == check(root, settings).problems

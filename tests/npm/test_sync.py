"""`sync`, from the lock to the files, and `sync --check`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.manifest.lock import Lock, LockedFile, LockedLibrary, read_lock, write_lock
from cdnserve.npm.add import AddOptions, add
from cdnserve.npm.settings import NpmSettings
from cdnserve.npm.sync import check, sync
from cdnserve.release.build import build
from tests.npm.registry import LocalRegistry, packed, settings_for, sha512

FILES = {"package.json": "{}", "dist/x.js": "let x", "dist/x.css": "p{}"}
PACKAGE = packed(FILES)
X, Y = "npm/x@1.0.0", "npm/@s/y@1.0.0"


@pytest.fixture
def whole(root: Path, registry: LocalRegistry) -> Path:
    """A root with two libraries."""
    registry.publish("x", "1.0.0", PACKAGE)
    registry.publish("@s/y", "1.0.0", PACKAGE)
    add(root, ["x@1.0.0", "@s/y@1.0.0"], _settings(root, registry))
    registry.asked.clear()
    return root


@pytest.fixture
def added(whole: Path) -> Path:
    """A root with two libraries, whose files are gone again."""
    shutil.rmtree(whole / "npm")
    return whole


def _settings(root: Path, registry: LocalRegistry | None, *, caches: bool = False) -> NpmSettings:
    return settings_for(root.parent, registry.url if registry else "", {} if caches else {"CDNSERVE_CACHE": "off"})


def _cached(root: Path, registry: LocalRegistry) -> NpmSettings:
    """Have the tarballs in the cache, and give settings of a machine without a registry."""
    for folder in (X, Y):
        shutil.rmtree(root / folder)
    sync(root, _settings(root, registry, caches=True))
    registry.asked.clear()
    return _settings(root, None, caches=True)


def _refused(root: Path, settings: NpmSettings) -> list[str]:
    before = _snapshot(root)
    with pytest.raises(ConfigurationError) as raised:
        sync(root, settings)
    assert before == _snapshot(root)
    return [problem.reference for problem in raised.value.problems]


def _snapshot(root: Path) -> dict[str, bytes | None]:
    paths = (path for path in root.rglob("*") if ".cdnserve" not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() if path.is_file() else None for path in paths}


def _problems(root: Path, settings: NpmSettings) -> list[tuple[str, str]]:
    before = _snapshot(root)
    problems = [(problem.reference, problem.where) for problem in check(root, settings).problems]
    assert before == _snapshot(root)
    return problems


# What is absent.


def test_absent_libraries_are_restored(added: Path, registry: LocalRegistry) -> None:
    before = {name: (added / name).read_bytes() for name in ("manifest.toml", "manifest.lock")}
    synced = sync(added, _settings(added, registry))
    assert [(X, True), (Y, True)] == [(one.folder, one.is_new) for one in synced.restored]
    assert ((), ()) == (synced.present, synced.warnings)
    assert "let x" == (added / Y / "dist/x.js").read_text()
    assert before == {name: (added / name).read_bytes() for name in before}


def test_nothing_is_asked_where_everything_is_present(whole: Path, registry: LocalRegistry) -> None:
    synced = sync(whole, _settings(whole, None))
    assert ((), (X, Y), (), ()) == (synced.restored, synced.present, synced.warnings, synced.pruned)
    assert [] == registry.asked


@pytest.mark.parametrize(
    "integrity",
    [
        pytest.param(sha512(b"other"), id="it says something else"),
        pytest.param(None, id="it says nothing"),
        pytest.param("sha1-oXyqlgtIRdrvLtRGDw9gFCAy2Ls=", id="it says something weak"),
    ],
)
def test_the_lock_counts_and_not_the_registrys_word(
    added: Path, registry: LocalRegistry, integrity: str | None
) -> None:
    registry.publish("x", "1.0.0", PACKAGE, integrity=integrity)
    assert 2 == len(sync(added, _settings(added, registry)).restored)


def test_other_bytes_than_the_locks_are_refused(added: Path, registry: LocalRegistry) -> None:
    """The registry vouches for them, which does not help."""
    registry.publish("x", "1.0.0", packed({"dist/x.js": "evil"}))
    assert ["lock-mismatch"] == _refused(added, _settings(added, registry))


def test_a_failure_changes_nothing(added: Path, registry: LocalRegistry) -> None:
    del registry.answers["/x/-/x-1.0.0.tgz"]
    assert ["library-not-found"] == _refused(added, _settings(added, registry))
    assert {"manifest.toml", "manifest.lock"} == set(os.listdir(added))


def test_the_cache_is_enough(whole: Path, registry: LocalRegistry) -> None:
    settings = _cached(whole, registry)
    before = _snapshot(whole)
    shutil.rmtree(whole / "npm")
    assert 2 == len(sync(whole, settings).restored)
    assert before == _snapshot(whole)
    assert [] == registry.asked


def test_every_version_of_the_lock_is_restored(whole: Path, registry: LocalRegistry) -> None:
    """Also what no requirement stands for any more: pages out there name it."""
    registry.publish("x", "1.1.0", PACKAGE)
    add(whole, ["x@1.1.0"], _settings(whole, registry))
    manifest = whole / "manifest.toml"
    manifest.write_text(manifest.read_text().replace('["1.0.0", "1.1.0"]', '"^1.0.0"'))
    shutil.rmtree(whole / "npm")
    synced = sync(whole, _settings(whole, registry))
    assert ([X, "npm/x@1.1.0", Y], ()) == ([one.folder for one in synced.restored], synced.warnings)


def test_the_files_that_the_manifest_names_are_restored(added: Path, registry: LocalRegistry) -> None:
    manifest = added / "manifest.toml"
    text = manifest.read_text().replace('x = "1.0.0"', 'x = { version = "1.0.0", files = ["**/*.js"] }')
    manifest.write_text(text)
    (one, _) = sync(added, _settings(added, registry)).restored
    assert 2 == one.files


def test_nothing_locked_is_nothing_to_do(root: Path) -> None:
    synced = sync(root, _settings(root, None))
    assert ((), (), ()) == (synced.restored, synced.present, synced.warnings)
    assert ["manifest.toml"] == os.listdir(root)


# What manifest and lock don't agree on.


@pytest.mark.parametrize(
    ("entry", "values"),
    [
        pytest.param('x = "2.0.0"', ["x@2.0.0"], id="an exact version"),
        pytest.param('x = "^1.1"', ["x@^1.1"], id="a range"),
        pytest.param('x = ["^1.0.0", "3.x", "~4"]', ["x@3.x, ~4"], id="some of several"),
        pytest.param('x = { version = ">1" }\ny = "1.0.0"', ["x@>1", "y@1.0.0"], id="several libraries"),
    ],
)
def test_what_the_lock_does_not_have_is_told_with_the_command(
    whole: Path, registry: LocalRegistry, entry: str, values: list[str]
) -> None:
    manifest = whole / "manifest.toml"
    manifest.write_text(manifest.read_text().replace('x = "1.0.0"', entry))
    shutil.rmtree(whole / X)
    with pytest.raises(ConfigurationError) as raised:
        sync(whole, _settings(whole, registry))
    commands = [f"run cdnserve update {value.partition('@')[0]}" for value in values]
    assert list(zip(values, commands, strict=True)) == [(p.value, p.hint) for p in raised.value.problems]
    assert {"library-not-locked"} == {problem.reference for problem in raised.value.problems}
    assert [] == registry.asked
    assert not (whole / X).exists()
    assert "library-not-locked" in dict(_problems(whole, _settings(whole, None)))


def test_what_only_the_lock_has_is_restored_with_a_warning(added: Path, registry: LocalRegistry) -> None:
    """A manifest that was cut short, or edited by hand: nothing is lost."""
    manifest = added / "manifest.toml"
    manifest.write_text(manifest.read_text().replace('x = "1.0.0"\n', ""))
    synced = sync(added, _settings(added, registry), prune=True)
    assert [Y, X] == [one.folder for one in synced.restored]
    assert [("library-unnamed", "x@1.0.0", True)] == [(w.reference, w.value, w.warning) for w in synced.warnings]
    assert [("library-unnamed", "manifest.lock")] == _problems(added, _settings(added, None))


def test_the_problems_of_both_files_are_told(whole: Path) -> None:
    (whole / "manifest.toml").write_text("schema = 2\n")
    (whole / "manifest.lock").write_text("{")
    assert ["schema-unsupported", "lock-malformed"] == _refused(whole, _settings(whole, None))
    with pytest.raises(ConfigurationError, match="lock-malformed"):
        check(whole, _settings(whole, None))


# What is surplus.


def _surplus(root: Path) -> list[str]:
    folders = ["npm/@s/old@1.0.0", "npm/@t/old@1.0.0", "npm/old@1.0.0", "npm/x@1.0.1"]
    for folder in folders:
        (root / folder).mkdir(parents=True)
        (root / folder / "file.js").write_text("x")
    (root / "npm" / "empty").mkdir()
    (root / "npm" / "note.txt").write_text("x")
    return folders


def test_folders_that_the_lock_does_not_have_are_told_and_left(whole: Path) -> None:
    expected = _surplus(whole)
    before = _snapshot(whole)
    synced = sync(whole, _settings(whole, None))
    assert expected == [warning.where for warning in synced.warnings]
    assert {("library-surplus", True)} == {(warning.reference, warning.warning) for warning in synced.warnings}
    assert before == _snapshot(whole)
    assert [("library-surplus", folder) for folder in expected] == _problems(whole, _settings(whole, None))


def test_surplus_is_removed_where_it_is_asked_for(whole: Path) -> None:
    before = _snapshot(whole)
    expected = _surplus(whole)
    synced = sync(whole, _settings(whole, None), prune=True)
    assert (tuple(expected), ()) == (synced.pruned, synced.warnings)
    after = {path: data for path, data in _snapshot(whole).items() if data is not None}
    assert {path: data for path, data in before.items() if data is not None} | {"npm/note.txt": b"x"} == after


def test_files_that_are_not_of_the_package_are_told_and_left(whole: Path, registry: LocalRegistry) -> None:
    settings = _cached(whole, registry)
    (whole / X / "mine.js").write_text("mine")
    assert [f"{X}/mine.js"] == [warning.where for warning in sync(whole, settings).warnings]
    assert [("library-surplus", f"{X}/mine.js")] == _problems(whole, settings)
    assert (f"{X}/mine.js",) == sync(whole, settings, prune=True).pruned
    assert not (whole / X / "mine.js").exists()
    assert [] == _problems(whole, settings)


# What is damaged.


def test_a_half_deleted_library_is_made_whole(whole: Path, registry: LocalRegistry) -> None:
    settings = _cached(whole, registry)
    before = _snapshot(whole)
    shutil.rmtree(whole / X / "dist")
    (whole / Y / "dist" / "x.css").unlink()
    assert [("library-incomplete", X), ("library-incomplete", Y)] == _problems(whole, settings)
    synced = sync(whole, settings)
    assert [(X, False, 2), (Y, False, 1)] == [(one.folder, one.is_new, one.restored) for one in synced.restored]
    assert () == synced.present
    assert before == _snapshot(whole)


def test_files_that_lie_beside_do_not_keep_the_others_from_coming_back(whole: Path, registry: LocalRegistry) -> None:
    settings = _cached(whole, registry)
    (whole / X / "dist" / "x.css").rename(whole / X / "dist" / "mine.css")
    synced = sync(whole, settings)
    assert ([1], 1) == ([one.restored for one in synced.restored], len(synced.warnings))
    assert {"x.js", "x.css", "mine.css"} == set(os.listdir(whole / X / "dist"))


def test_a_changed_file_is_a_problem_and_never_overwritten(whole: Path, registry: LocalRegistry) -> None:
    settings = _cached(whole, registry)
    (whole / X / "dist" / "x.js").write_text("mine")
    (whole / X / "dist" / "x.css").unlink()
    (whole / Y / "dist" / "x.css").unlink()
    assert ["library-changed"] == _refused(whole, settings)
    expected = [("library-changed", X), ("library-incomplete", X), ("library-incomplete", Y)]
    assert expected == _problems(whole, settings)


def test_files_that_the_manifest_names_anew_come_back(whole: Path, registry: LocalRegistry) -> None:
    """And those that it no longer names are surplus."""
    registry.publish("z", "1.0.0", PACKAGE)
    settings = _settings(whole, registry, caches=True)
    add(whole, ["z@1.0.0"], settings, options=AddOptions(("**/*.css",)))
    manifest = whole / "manifest.toml"
    manifest.write_text(manifest.read_text().replace("*.css", "*.js"))
    synced = sync(whole, settings)
    assert [("npm/z@1.0.0", 1)] == [(one.folder, one.restored) for one in synced.restored]
    assert ["npm/z@1.0.0/dist/x.css"] == [warning.where for warning in synced.warnings]


# Without the tarballs, what the lock records of immutable files counts.


@pytest.fixture
def released(whole: Path) -> Path:
    """A root whose libraries were released, so that the lock records their files."""
    build(whole, whole / ".cdnserve")
    assert f"{X}/dist/x.js" in read_lock(whole / "manifest.lock").immutable
    return whole


def test_the_lock_tells_of_files_that_are_missing(released: Path, registry: LocalRegistry) -> None:
    before = _snapshot(released)
    shutil.rmtree(released / X / "dist")
    assert [("library-incomplete", X)] == _problems(released, _settings(released, None))
    synced = sync(released, _settings(released, registry))
    assert [(X, 2)] == [(one.folder, one.restored) for one in synced.restored]
    assert before == _snapshot(released)


@pytest.mark.parametrize("kind", ["other bytes", "link", "fifo", "folder"])
def test_the_lock_tells_of_files_that_were_changed(released: Path, registry: LocalRegistry, kind: str) -> None:
    file = released / X / "dist" / "x.js"
    file.unlink()
    match kind:
        case "other bytes":
            file.write_text("mine")
        case "link":
            file.symlink_to(released / Y / "dist" / "x.js")
        case "fifo":
            os.mkfifo(file)
        case _:
            file.mkdir()
    assert ["library-changed"] == _refused(released, _settings(released, registry))
    assert [] == registry.asked


def test_what_the_lock_records_of_files_that_are_no_longer_kept_is_no_matter(released: Path) -> None:
    manifest = released / "manifest.toml"
    manifest.write_text(manifest.read_text().replace('x = "1.0.0"', 'x = { version = "1.0.0", files = ["**/*.js"] }'))
    (released / X / "dist" / "x.css").unlink()
    assert [] == _problems(released, _settings(released, None))


def test_without_either_only_presence_is_seen(whole: Path, registry: LocalRegistry) -> None:
    (whole / X / "dist" / "x.js").unlink()
    assert [] == _problems(whole, _settings(whole, None))
    assert {"nothing"} == {one.basis for one in check(whole, _settings(whole, None)).libraries}
    assert (X, Y) == sync(whole, _settings(whole, None)).present


def test_a_check_says_what_it_compared_with(released: Path, registry: LocalRegistry) -> None:
    assert ["lock", "lock"] == [one.basis for one in check(released, _settings(released, None)).libraries]
    assert ["tarball"] * 2 == [one.basis for one in check(released, _cached(released, registry)).libraries]


def test_a_check_tells_what_is_absent_and_asks_nobody(added: Path, registry: LocalRegistry) -> None:
    assert [("library-absent", X), ("library-absent", Y)] == _problems(added, _settings(added, registry))
    assert [] == registry.asked


# What a killed command left.


def test_a_check_tells_of_an_interrupted_command(whole: Path) -> None:
    (whole / "npm" / ".incoming").mkdir()
    (whole / "npm" / ".incoming" / "journal").write_text('["move", "npm/.incoming/aside-1", "npm/z@1.0.0", ""]\n')
    assert [("library-interrupted", "npm/.incoming")] == _problems(whole, _settings(whole, None))


def test_what_a_killed_command_left_is_tidied(whole: Path) -> None:
    """Also where nothing is to be restored."""
    before = _snapshot(whole)
    (whole / "npm" / ".incoming" / "0").mkdir(parents=True)
    sync(whole, _settings(whole, None))
    assert before == _snapshot(whole)


def test_an_integrity_that_is_wrong_in_the_lock_is_no_matter_for_what_is_here(whole: Path) -> None:
    """It is for whoever fetches it."""
    lock = read_lock(whole / "manifest.lock")
    libraries = {**lock.libraries, "x@1.0.0": LockedLibrary(sha512(b"other"))}
    write_lock(whole / "manifest.lock", Lock(libraries, {"a.js": LockedFile("sha384-" + "A" * 64)}))
    assert (X, Y) == sync(whole, _settings(whole, None)).present

"""`sync`, from the lock to the files."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.libraries import add, sync
from tests.libraries.registry import LocalRegistry, packed, settings_for, sha512

PACKAGE = packed({"package.json": "{}", "dist/x.js": "let x"})


@pytest.fixture
def added(root: Path, registry: LocalRegistry) -> Path:
    """A root with two libraries, whose files are gone again."""
    registry.publish("x", "1.0.0", PACKAGE)
    registry.publish("@s/y", "1.0.0", PACKAGE)
    add(root, ["x@1.0.0", "@s/y@1.0.0"], settings_for(root.parent, registry.url))
    shutil.rmtree(root / "npm")
    registry.asked.clear()
    return root


def _refused(root: Path, registry: LocalRegistry) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        sync(root, settings_for(root.parent, registry.url))
    return [problem.reference for problem in raised.value.problems]


def test_absent_libraries_are_restored(added: Path, registry: LocalRegistry) -> None:
    before = {name: (added / name).read_bytes() for name in ("manifest.toml", "manifest.lock")}
    synced = sync(added, settings_for(added.parent, registry.url))
    assert [("npm/x@1.0.0", True), ("npm/@s/y@1.0.0", True)] == [(one.folder, one.is_new) for one in synced.restored]
    assert ((), ()) == (synced.present, synced.warnings)
    assert "let x" == (added / "npm/@s/y@1.0.0/dist/x.js").read_text()
    assert before == {name: (added / name).read_bytes() for name in before}


def test_nothing_is_asked_where_everything_is_present(added: Path, registry: LocalRegistry) -> None:
    sync(added, settings_for(added.parent, registry.url))
    registry.asked.clear()
    synced = sync(added, settings_for(added.parent))
    assert ((), ("npm/x@1.0.0", "npm/@s/y@1.0.0"), ()) == (synced.restored, synced.present, synced.warnings)
    assert [] == registry.asked


def test_a_folder_that_is_there_is_taken_as_it_is(added: Path, registry: LocalRegistry) -> None:
    (added / "npm/x@1.0.0").mkdir(parents=True)
    (added / "npm/x@1.0.0/mine.js").write_text("mine")
    synced = sync(added, settings_for(added.parent, registry.url))
    assert (["npm/@s/y@1.0.0"], ("npm/x@1.0.0",)) == ([one.folder for one in synced.restored], synced.present)
    assert ["mine.js"] == os.listdir(added / "npm/x@1.0.0")


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
    synced = sync(added, settings_for(added.parent, registry.url))
    assert 2 == len(synced.restored)


def test_other_bytes_than_the_locks_are_refused(added: Path, registry: LocalRegistry) -> None:
    """The registry vouches for them, which does not help."""
    registry.publish("x", "1.0.0", packed({"dist/x.js": "evil"}))
    assert ["lock-mismatch"] == _refused(added, registry)
    assert not (added / "npm").exists()


def test_a_library_without_an_entry_in_the_lock_is_refused(root: Path, registry: LocalRegistry) -> None:
    with (root / "manifest.toml").open("a") as manifest:
        manifest.write('\n[libraries]\nx = "1.0.0"\ny = "1.0.0"\n')
    registry.publish("x", "1.0.0", PACKAGE)
    with pytest.raises(ConfigurationError) as raised:
        sync(root, settings_for(root.parent, registry.url))
    expected = [("library-not-locked", "run cdnserve add x@1.0.0"), ("library-not-locked", "run cdnserve add y@1.0.0")]
    assert expected == [(problem.reference, problem.hint) for problem in raised.value.problems]
    assert [] == registry.asked


def test_an_entry_of_the_lock_that_the_manifest_does_not_name_is_not_restored(
    added: Path, registry: LocalRegistry
) -> None:
    text = (added / "manifest.toml").read_text()
    (added / "manifest.toml").write_text(text.replace('x = "1.0.0"\n', ""))
    synced = sync(added, settings_for(added.parent, registry.url))
    assert ["npm/@s/y@1.0.0"] == [one.folder for one in synced.restored]


def test_folders_that_the_manifest_does_not_name_are_told_and_left(added: Path, registry: LocalRegistry) -> None:
    for folder in ("npm/old@1.0.0", "npm/@s/old@1.0.0", "npm/@t/old@1.0.0", "npm/.hidden"):
        (added / folder).mkdir(parents=True)
        (added / folder / "file.js").write_text("x")
    (added / "npm" / "note.txt").write_text("x")
    synced = sync(added, settings_for(added.parent, registry.url))
    expected = ["npm/@s/old@1.0.0", "npm/@t/old@1.0.0", "npm/old@1.0.0"]
    assert expected == [warning.where for warning in synced.warnings]
    assert {("library-unnamed", True)} == {(warning.reference, warning.warning) for warning in synced.warnings}
    assert all((added / folder / "file.js").exists() for folder in expected)


def test_the_files_that_the_manifest_names_are_restored(added: Path, registry: LocalRegistry) -> None:
    text = (added / "manifest.toml").read_text()
    (added / "manifest.toml").write_text(text.replace('x = "1.0.0"', 'x = { version = "1.0.0", files = ["dist/**"] }'))
    (one, _) = sync(added, settings_for(added.parent, registry.url)).restored
    assert 2 == one.files


def test_a_failure_changes_nothing(added: Path, registry: LocalRegistry) -> None:
    del registry.answers["/x/-/x-1.0.0.tgz"]
    assert ["library-not-found"] == _refused(added, registry)
    assert {"manifest.toml", "manifest.lock"} == set(os.listdir(added))


def test_nothing_named_is_nothing_to_do(root: Path) -> None:
    synced = sync(root, settings_for(root.parent))
    assert ((), (), ()) == (synced.restored, synced.present, synced.warnings)
    assert ["manifest.toml"] == os.listdir(root)

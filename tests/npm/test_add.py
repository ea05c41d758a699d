"""`add`, from the command to the files."""

from __future__ import annotations

import dataclasses
import errno
import itertools
import json
import os
import shutil
import signal
import sys
import threading
import tomllib
from collections.abc import Sequence
from concurrent.futures import Future, wait
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.files import replace_file
from cdnserve.manifest.lock import read_lock
from cdnserve.manifest.model import Library
from cdnserve.manifest.reader import read_manifest
from cdnserve.npm import fetch, transaction
from cdnserve.npm.add import AddOptions, add
from cdnserve.npm.apply import Added, Placed
from cdnserve.npm.download import Silent
from cdnserve.npm.settings import DownloadLimits, NpmSettings
from tests.forked import Forked
from tests.npm.registry import QUICK, Answer, LocalRegistry, member, packed, settings_for, sha512, tarball

FILES = {"package.json": "{}", "LICENSE": "MIT", "dist/x.js": "let x", "src/x.ts": "let x: 1"}
PACKAGE = packed(FILES)


def _add(
    root: Path, registry: LocalRegistry, *specs: str, limits: DownloadLimits = QUICK, options: AddOptions | None = None
) -> Added:
    return add(root, specs, settings_for(root.parent, registry.url, limits=limits), options=options)


def _refused(root: Path, settings: NpmSettings, *specs: str) -> list[str]:
    """Add, and be refused; nothing at all may have changed."""
    before = _snapshot(root)
    with pytest.raises(ConfigurationError) as raised:
        add(root, specs, settings)
    assert before == _snapshot(root)
    return [problem.reference for problem in raised.value.problems]


def _snapshot(root: Path) -> dict[str, bytes | None]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes() if path.is_file() else None for path in root.rglob("*")
    }


def test_a_library_is_added(root: Path, registry: LocalRegistry) -> None:
    integrity = registry.publish("x", "1.0.0", PACKAGE)
    size = sum(map(len, FILES.values()))
    expected = Placed("x", "1.0.0", "npm/x@1.0.0", integrity, 4, size, is_new=True)
    assert Added((expected,), (), asked=("x@1.0.0",)) == _add(root, registry, "x@1.0.0")
    assert {path: content.encode() for path, content in FILES.items()} == {
        path.removeprefix("npm/x@1.0.0/"): content
        for path, content in _snapshot(root).items()
        if content is not None and path.startswith("npm/")
    }
    assert (Library("x", ("1.0.0",)),) == read_manifest(root / "manifest.toml").libraries
    assert {"x@1.0.0": integrity} == _locked(root)
    assert ["x@1.0.0"] == os.listdir(root / "npm")


def _locked(root: Path) -> dict[str, str]:
    return {key: entry.integrity for key, entry in read_lock(root / "manifest.lock").libraries.items()}


def test_several_libraries_are_added_in_the_order_of_the_command(root: Path, registry: LocalRegistry) -> None:
    specs = [f"{name}@1.0.{number}" for number, name in enumerate(["z", "@s/a", "@s/b", "m"])]
    for spec in specs:
        name, _, version = spec.rpartition("@")
        registry.publish(name, version, packed({"a.js": spec}))
    added = _add(root, registry, *specs)
    assert specs == list(map(str, added.libraries))
    assert specs == [f"{one.name}@{one.versions[0]}" for one in read_manifest(root / "manifest.toml").libraries]
    assert set(specs) == set(_locked(root))
    assert "@s/b@1.0.2" == (root / "npm/@s/b@1.0.2/a.js").read_text()


def test_the_manifest_keeps_its_comments(root: Path, registry: LocalRegistry) -> None:
    registry.publish("x", "1.0.0", PACKAGE)
    before = (root / "manifest.toml").read_text()
    _add(root, registry, "x@1.0.0")
    assert f'{before}\n[libraries]\nx = "1.0.0"\n' == (root / "manifest.toml").read_text()


def test_line_ends_of_another_system_survive(root: Path, registry: LocalRegistry) -> None:
    registry.publish("x", "1.0.0", PACKAGE)
    manifest = root / "manifest.toml"
    manifest.write_bytes(manifest.read_bytes().replace(b"\n", b"\r\n"))
    _add(root, registry, "x@1.0.0")
    assert b"\n" not in manifest.read_bytes().replace(b"\r\n", b"")


def test_other_entries_of_the_lock_stay(root: Path, registry: LocalRegistry) -> None:
    lock = {"schema": 1, "libraries": {}, "immutable": {"a.js": {"integrity": f"sha384-{'A' * 64}"}}}
    (root / "manifest.lock").write_text(json.dumps(lock))
    registry.publish("x", "1.0.0", PACKAGE)
    _add(root, registry, "x@1.0.0")
    assert ["a.js"] == list(read_lock(root / "manifest.lock").immutable)


def test_entries_that_were_written_during_the_downloads_stay(root: Path, registry: LocalRegistry) -> None:
    """A build of a running server records immutable files at any time."""

    class Building(Silent):
        def finish(self, library: str) -> None:
            lock = {"schema": 1, "libraries": {}, "immutable": {"a.js": {"integrity": f"sha384-{'A' * 64}"}}}
            (root / "manifest.lock").write_text(json.dumps(lock))

    registry.publish("x", "1.0.0", PACKAGE)
    add(root, ["x@1.0.0"], settings_for(root.parent, registry.url), Building())
    assert ["a.js"] == list(read_lock(root / "manifest.lock").immutable)
    assert ["x@1.0.0"] == list(_locked(root))


def test_adding_again_changes_nothing(root: Path, registry: LocalRegistry) -> None:
    registry.publish("x", "1.0.0", PACKAGE)
    _add(root, registry, "x@1.0.0")
    before = _snapshot(root)
    added = _add(root, registry, "x@1.0.0")
    assert [False] == [one.is_new for one in added.libraries]
    assert before == _snapshot(root)


@pytest.mark.parametrize(
    ("wanted", "version", "requirement"),
    [
        pytest.param("", "1.2.0", "^1.2.0", id="a name alone"),
        pytest.param("@latest", "1.2.0", "^1.2.0", id="the latest"),
        pytest.param("@next", "2.0.0-rc.1", "^2.0.0-rc.1", id="a tag"),
        pytest.param("@^1.0", "1.2.0", "^1.0", id="a range"),
        pytest.param("@1.0.x || 1.1", "1.1.0", "1.0.x || 1.1", id="a range of several words"),
        pytest.param("@*", "1.2.0", "*", id="any"),
        pytest.param("@1.0.0", "1.0.0", "1.0.0", id="an exact version"),
        pytest.param("@2.0.0-rc.1", "2.0.0-rc.1", "2.0.0-rc.1", id="an exact prerelease"),
    ],
)
def test_what_is_asked_for_is_chosen_and_written(
    root: Path, versions: LocalRegistry, wanted: str, version: str, requirement: str
) -> None:
    (one,) = _add(root, versions, f"x{wanted}").libraries
    assert version == one.version
    assert (Library("x", (requirement,)),) == read_manifest(root / "manifest.toml").libraries
    assert [f"x@{version}"] == list(_locked(root)) == os.listdir(root / "npm")


@pytest.fixture
def versions(registry: LocalRegistry) -> LocalRegistry:
    """A registry with several versions of a library."""
    for version in ("1.0.0", "1.1.0", "2.0.0-rc.1", "1.2.0"):
        registry.publish("x", version, packed({"package.json": "{}", "x.js": version}), tags={"next": "2.0.0-rc.1"})
    registry.publish("x", "1.2.0", packed({"package.json": "{}", "x.js": "1.2.0"}))
    return registry


@pytest.mark.parametrize("wanted", ["x", "x@next", "x@^1.0", "x@1.1.0"])
def test_an_exact_version_is_written_where_it_is_asked_for(root: Path, versions: LocalRegistry, wanted: str) -> None:
    (one,) = _add(root, versions, wanted, options=AddOptions(exact=True)).libraries
    assert (Library("x", (one.version,)),) == read_manifest(root / "manifest.toml").libraries


@pytest.mark.parametrize(
    ("entry", "wanted", "expected"),
    [
        pytest.param('"^1.2.0"', "1.0.0", '["^1.2.0", "1.0.0"]', id="an older version"),
        pytest.param('["^1.2.0", "1.0.0"]', "1.1.0", '["^1.2.0", "1.0.0", "1.1.0"]', id="a third one"),
        pytest.param('"1.1.0"', "", '["1.1.0", "^1.2.0"]', id="a newer one"),
        pytest.param('"^1.0.0"', "", '"^1.0.0"', id="what is allowed already, without a version"),
        pytest.param('"^1.0.0"', "latest", '"^1.0.0"', id="what is allowed already, by a tag"),
        pytest.param('"^1.0.0"', "1.2.0", '["^1.0.0", "1.2.0"]', id="what is allowed already, by its version"),
        pytest.param('"^1.0.0"', "^1.0.0", '"^1.0.0"', id="the same range"),
        pytest.param('{ version = "^1.2.0" }', "1.0.0", '{ version = ["^1.2.0", "1.0.0"] }', id="in a table"),
    ],
)
def test_versions_stand_side_by_side(
    root: Path, versions: LocalRegistry, entry: str, wanted: str, expected: str
) -> None:
    with (root / "manifest.toml").open("a") as manifest:
        manifest.write(f"\n[libraries]\nx = {entry}  # ours\n")
    added = _add(root, versions, f"x@{wanted}".removesuffix("@"))
    assert f"\n[libraries]\nx = {expected}  # ours\n" in (root / "manifest.toml").read_text()
    assert () == added.warnings


def test_an_older_version_leaves_the_newer_one(root: Path, versions: LocalRegistry) -> None:
    _add(root, versions, "x")
    _add(root, versions, "x@1.0.0")
    assert (Library("x", ("^1.2.0", "1.0.0")),) == read_manifest(root / "manifest.toml").libraries
    assert {"x@1.0.0", "x@1.2.0"} == set(_locked(root)) == set(os.listdir(root / "npm"))


def test_two_versions_may_be_added_at_once(root: Path, versions: LocalRegistry) -> None:
    added = _add(root, versions, "x@1.0", "x@^1", "x@1.0.0")
    assert ["x@1.0.0", "x@1.2.0"] == list(map(str, added.libraries))
    assert (Library("x", ("1.0", "^1", "1.0.0")),) == read_manifest(root / "manifest.toml").libraries
    assert 1 == versions.paths().count("/x")


@pytest.mark.parametrize("wanted", ["x@9", "x@0.1.0", "x@beta"])
def test_what_the_registry_does_not_have_is_told(root: Path, versions: LocalRegistry, wanted: str) -> None:
    settings = settings_for(root.parent, versions.url)
    assert ["version-not-found"] * 2 == _refused(root, settings, wanted, "x@^3", "x")


def test_a_deprecated_version_is_warned_of_in_words_that_are_printable(root: Path, registry: LocalRegistry) -> None:
    registry.publish("x", "1.0.0", PACKAGE, deprecated="use y\x1b[31m\n\u202e instead")
    (warning,) = _add(root, registry, "x@1.0.0").warnings
    assert ("version-deprecated", True) == (warning.reference, warning.warning)
    assert "use y" in warning.value
    assert warning.value.isprintable()


def test_a_version_that_is_not_deprecated_is_preferred(root: Path, registry: LocalRegistry) -> None:
    registry.publish("x", "1.0.0", PACKAGE)
    registry.publish("x", "1.1.0", PACKAGE, deprecated="broken")
    added = _add(root, registry, "x@^1")
    assert (["x@1.0.0"], ()) == (list(map(str, added.libraries)), added.warnings)


def test_globs_are_kept_in_the_manifest(root: Path, registry: LocalRegistry) -> None:
    registry.publish("x", "1.0.0", PACKAGE)
    registry.publish("y", "1.0.0", PACKAGE)
    for one in _add(root, registry, "x@1.0.0", "y", options=AddOptions(("dist/*.js", "*.map"))).libraries:
        assert 3 == one.files
    files = ("dist/*.js", "*.map")
    expected = (Library("x", ("1.0.0",), files), Library("y", ("^1.0.0",), files))
    assert expected == read_manifest(root / "manifest.toml").libraries


@pytest.mark.parametrize("entry", ['"0.9.0"', '{ version = "0.9.0", files = ["*.css"] }'])
def test_globs_are_one_matter_for_all_versions(root: Path, registry: LocalRegistry, entry: str) -> None:
    with (root / "manifest.toml").open("a") as manifest:
        manifest.write(f"\n[libraries]\nx = {entry}\n")
    with pytest.raises(ConfigurationError) as raised:
        _add(root, registry, "x@1.0.0", options=AddOptions(("dist/*.js",)))
    assert ["library-files-differ"] == [problem.reference for problem in raised.value.problems]
    assert [] == registry.asked


def test_globs_that_are_none_are_told_before_anything_is_asked(root: Path, registry: LocalRegistry) -> None:
    with pytest.raises(ConfigurationError) as raised:
        _add(root, registry, "x@1.0.0", options=AddOptions(("dist/", "/a")))
    assert [("glob-invalid", "dist/"), ("glob-invalid", "/a")] == [
        (p.reference, p.value) for p in raised.value.problems
    ]
    assert [] == registry.asked


def test_only_the_files_that_the_manifest_names_are_kept(root: Path, registry: LocalRegistry) -> None:
    with (root / "manifest.toml").open("a") as manifest:
        manifest.write('\n[libraries]\nx = { version = "0.9.0", files = ["dist/*.js"] }  # ours\n')
    registry.publish("x", "1.0.0", PACKAGE)
    (one,) = _add(root, registry, "x@1.0.0").libraries
    assert 3 == one.files
    assert not (root / "npm/x@1.0.0/src").exists()
    assert (root / "npm/x@1.0.0/LICENSE").exists()
    expected = 'x = { version = ["0.9.0", "1.0.0"], files = ["dist/*.js"] }  # ours\n'
    assert expected in (root / "manifest.toml").read_text()


def test_files_that_are_missing_are_restored(root: Path, registry: LocalRegistry) -> None:
    registry.publish("x", "1.0.0", PACKAGE)
    _add(root, registry, "x@1.0.0")
    before = _snapshot(root)
    shutil.rmtree(root / "npm/x@1.0.0/dist")
    (one,) = _add(root, registry, "x@1.0.0").libraries
    assert (False, 1) == (one.is_new, one.restored)
    assert before == _snapshot(root)


def test_what_a_person_wrote_during_the_downloads_stays(root: Path, registry: LocalRegistry) -> None:
    class Writing(Silent):
        def finish(self, library: str) -> None:
            with (root / "manifest.toml").open("a") as manifest:
                manifest.write('\n[libraries]\nx = "0.9.0" # mine\n' if library == "x@1.0.0" else "")

    registry.publish("x", "1.0.0", PACKAGE)
    add(root, ["x@1.0.0"], settings_for(root.parent, registry.url), Writing())
    assert 'x = ["0.9.0", "1.0.0"] # mine\n' in (root / "manifest.toml").read_text()


@pytest.mark.parametrize(
    ("name", "reference"), [("manifest.toml", "toml-invalid"), ("manifest.lock", "lock-malformed")]
)
def test_what_was_broken_during_the_downloads_is_left_alone(
    root: Path, registry: LocalRegistry, name: str, reference: str
) -> None:
    class Breaking(Silent):
        def finish(self, library: str) -> None:
            (root / name).write_text("{ half")

    registry.publish("x", "1.0.0", PACKAGE)
    with pytest.raises(ConfigurationError) as raised:
        add(root, ["x@1.0.0"], settings_for(root.parent, registry.url), Breaking())
    assert [reference] == [problem.reference for problem in raised.value.problems]
    assert "{ half" == (root / name).read_text()
    assert not (root / "npm").exists()


def test_globs_that_keep_nothing_are_refused(root: Path, registry: LocalRegistry) -> None:
    with (root / "manifest.toml").open("a") as manifest:
        manifest.write('\n[libraries]\nx = { version = "0.9.0", files = ["lib/*.js"] }\n')
    registry.publish("x", "1.0.0", PACKAGE)
    assert ["library-files"] == _refused(root, settings_for(root.parent, registry.url), "x@1.0.0")


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param('path = "lib/**"', id="another folder"),
        pytest.param('path = "npm/**"\nexcept = ["npm/x@*/**"]', id="an exception"),
    ],
)
def test_a_library_that_no_rule_publishes_is_told_with_the_rule(root: Path, registry: LocalRegistry, rule: str) -> None:
    (root / "manifest.toml").write_text(f'schema = 1\n\n[[publish]]\n{rule}\ncors = "any"\n')
    registry.publish("x", "1.0.0", PACKAGE)
    (warning,) = _add(root, registry, "x@1.0.0").warnings
    assert ("library-unlisted", "npm/x@1.0.0", True) == (warning.reference, warning.where, warning.warning)
    assert ["npm/**"] == [rule["path"] for rule in tomllib.loads(warning.hint)["publish"]]


@pytest.mark.parametrize(
    ("package", "changes", "reference"),
    [
        pytest.param(PACKAGE, {"integrity": sha512(b"other")}, "integrity-mismatch", id="a wrong integrity"),
        pytest.param(PACKAGE, {"integrity": None}, "integrity-missing", id="no integrity, only a sha1"),
        pytest.param(PACKAGE, {"integrity": "sha1-oXyqlgtIRdrvLtRGDw9gFCAy2Ls="}, "integrity-missing", id="a weak one"),
        pytest.param(PACKAGE[:-30], {}, "tarball-corrupt", id="a truncated tarball"),
        pytest.param(tarball(member("package/../../../x")), {}, "tarball-member", id="a path upwards"),
        pytest.param(tarball(member("package/l", type=b"2", linkname="/")), {}, "tarball-member", id="a link"),
        pytest.param(tarball(), {}, "library-files", id="an empty tarball"),
        pytest.param(PACKAGE, {"tarball": "file:///etc/passwd"}, "registry-answer", id="a tarball in a file"),
        pytest.param(PACKAGE, {"document": {"name": "y", "versions": {}}}, "registry-answer", id="another package"),
        pytest.param(PACKAGE, {"document": {"name": "x", "versions": {}}}, "version-not-found", id="no such version"),
    ],
)
def test_what_is_wrong_changes_nothing(
    root: Path, registry: LocalRegistry, package: bytes, changes: dict[str, object], reference: str
) -> None:
    registry.publish("good", "1.0.0", PACKAGE)
    registry.publish("x", "1.0.0", package, **changes)
    settings = settings_for(root.parent, registry.url)
    assert [reference] == _refused(root, settings, "good@1.0.0", "x@1.0.0")


def test_an_integrity_is_checked_before_anything_is_unpacked(root: Path, registry: LocalRegistry) -> None:
    """The tarball is a bomb and full of links; only its integrity is complained of."""
    registry.publish("x", "1.0.0", tarball(member("../../x", type=b"2")), integrity=sha512(b"other"))
    assert ["integrity-mismatch"] == _refused(root, settings_for(root.parent, registry.url), "x@1.0.0")


@pytest.mark.parametrize(
    ("limits", "reference"),
    [
        pytest.param({"tarball": 100}, "registry-too-large", id="the tarball"),
        pytest.param({"metadata": 100}, "registry-too-large", id="the document"),
        pytest.param({"unpacked": 2000}, "tarball-too-large", id="what it unpacks to"),
        pytest.param({"members": 3}, "tarball-too-large", id="the number of files"),
        pytest.param({"path": 8}, "tarball-member", id="a path"),
    ],
)
def test_limits_fail_loudly(root: Path, registry: LocalRegistry, limits: dict[str, int], reference: str) -> None:
    registry.publish("x", "1.0.0", PACKAGE)
    settings = settings_for(root.parent, registry.url, limits=dataclasses.replace(QUICK, **limits))
    assert [reference] == _refused(root, settings, "x@1.0.0")


def test_all_libraries_that_are_absent_are_told(root: Path, registry: LocalRegistry) -> None:
    registry.publish("x", "1.0.0", PACKAGE)
    settings = settings_for(root.parent, registry.url)
    assert ["library-not-found"] * 2 == _refused(root, settings, "a@1.0.0", "x@1.0.0", "b@1.0.0")
    assert not [path for path in registry.paths() if path.endswith(".tgz")]


def test_a_tarball_that_is_absent_is_told(root: Path, registry: LocalRegistry) -> None:
    registry.publish("x", "1.0.0", PACKAGE)
    del registry.answers["/x/-/x-1.0.0.tgz"]
    assert ["library-not-found"] == _refused(root, settings_for(root.parent, registry.url), "x@1.0.0")


def test_bytes_that_differ_from_the_lock_are_refused(root: Path, registry: LocalRegistry) -> None:
    """The registry gives another tarball for the same version, with an integrity that fits it."""
    registry.publish("x", "1.0.0", PACKAGE)
    _add(root, registry, "x@1.0.0")
    registry.publish("x", "1.0.0", packed({"dist/x.js": "evil"}))
    settings = settings_for(root.parent, registry.url, {"CDNSERVE_CACHE": "off"})
    assert ["lock-mismatch"] == _refused(root, settings, "x@1.0.0")


def test_files_that_were_changed_are_not_overwritten(root: Path, registry: LocalRegistry) -> None:
    registry.publish("x", "1.0.0", PACKAGE)
    _add(root, registry, "x@1.0.0")
    (root / "npm/x@1.0.0/dist/x.js").write_text("mine")
    assert ["library-changed"] == _refused(root, settings_for(root.parent, registry.url), "x@1.0.0")


@pytest.mark.parametrize(
    "text",
    [pytest.param(None, id="no manifest"), pytest.param("schema = 1\nnonsense = 2\n", id="a wrong manifest")],
)
def test_without_a_valid_manifest_nothing_begins(root: Path, registry: LocalRegistry, text: str | None) -> None:
    (root / "manifest.toml").unlink()
    if text is not None:
        (root / "manifest.toml").write_text(text)
    _refused(root, settings_for(root.parent, registry.url), "x@1.0.0")
    assert [] == registry.asked


def test_wrong_names_are_told_before_anything_is_asked(root: Path, registry: LocalRegistry) -> None:
    settings = settings_for(root.parent, registry.url)
    assert ["package-name", "version-malformed"] == _refused(root, settings, "../x@1.0.0", "x@a/b")
    assert [] == registry.asked


def test_without_a_registry_nothing_begins(root: Path) -> None:
    assert ["registry-unknown"] == _refused(root, settings_for(root.parent), "x@1.0.0")


def test_a_token_opens_the_registry_and_goes_nowhere_else(
    root: Path, registry: LocalRegistry, elsewhere: LocalRegistry
) -> None:
    far = elsewhere.answer("/x.tgz", Answer(body=PACKAGE))
    registry.publish("@s/x", "1.0.0", PACKAGE, tarball=far)
    del registry.answers["/@s/x/-/x-1.0.0.tgz"]
    settings = settings_for(root.parent, "", {"TOKEN": "secret"})
    npmrc = f"@s:registry={registry.url}\n//{registry.authority}/:_authToken=${{TOKEN}}\n"
    (settings.home / ".npmrc").write_text(npmrc)
    add(root, ["@s/x@1.0.0"], settings)
    assert {"Bearer secret"} == {asked.authorization for asked in registry.asked}
    assert [None] == [asked.authorization for asked in elsewhere.asked]
    assert "secret" not in (root / "manifest.lock").read_text()


def test_a_tarball_is_looked_for_at_our_registry_first(
    root: Path, registry: LocalRegistry, elsewhere: LocalRegistry
) -> None:
    """A mirror passes on addresses of the registry that it mirrors."""
    registry.publish("x", "1.0.0", PACKAGE, tarball=f"{elsewhere.url}x/-/x-1.0.0.tgz")
    _add(root, registry, "x@1.0.0")
    assert [] == elsewhere.asked


def test_a_registry_without_https_is_warned_of(root: Path, registry: LocalRegistry) -> None:
    """Played by a proxy, since a test has no other host than this machine."""
    base = "http://npm.invalid/"
    dist = {"tarball": f"{base}x/-/x-1.0.0.tgz", "integrity": sha512(PACKAGE)}
    entry = {"name": "x", "version": "1.0.0", "dist": dist}
    registry.answer(f"{base}x", Answer(body=json.dumps({"name": "x", "versions": {"1.0.0": entry}}).encode()))
    registry.answer(f"{base}x/-/x-1.0.0.tgz", Answer(body=PACKAGE))
    added = add(root, ["x@1.0.0"], settings_for(root.parent, base, {"HTTP_PROXY": registry.url}))
    assert [("registry-plain-http", base, True)] == [(w.reference, w.where, w.warning) for w in added.warnings]


def test_a_full_disk_changes_nothing(root: Path, registry: LocalRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock is written already when the manifest can't be."""
    registry.publish("@s/x", "1.0.0", PACKAGE)

    def full(path: Path, data: bytes) -> None:
        if path.name == "manifest.toml":
            assert ["@s/x@1.0.0"] == list(_locked(root))
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        replace_file(path, data)

    monkeypatch.setattr(transaction, "replace_file", full)
    assert ["library-not-written"] == _refused(root, settings_for(root.parent, registry.url), "@s/x@1.0.0")


def test_an_interruption_changes_nothing(root: Path, registry: LocalRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Control-C while one tarball has arrived and another hangs."""
    finished, calls = threading.Event(), itertools.count()

    class Finishing(Silent):
        def finish(self, library: str) -> None:
            finished.set()

    def hang(handler: BaseHTTPRequestHandler) -> None:
        registry.closing.wait(60)

    def interrupted(futures: Sequence[Future[object]]) -> None:
        if next(calls) == 0:
            # The documents; the tarballs come with the second call.
            wait(futures)
            return
        assert finished.wait(60)
        raise KeyboardInterrupt

    registry.publish("x", "1.0.0", PACKAGE)
    registry.publish("y", "1.0.0", PACKAGE)
    registry.answer("/y/-/y-1.0.0.tgz", Answer(fields={"Content-Length": "99"}, write=hang))
    monkeypatch.setattr(fetch, "wait", interrupted)
    before = _snapshot(root)
    settings = settings_for(root.parent, registry.url, limits=dataclasses.replace(QUICK, silence=60.0))
    with pytest.raises(KeyboardInterrupt):
        add(root, ["x@1.0.0", "y@1.0.0"], settings, Finishing())
    assert before == _snapshot(root)


PROGRAM = """
import sys
from pathlib import Path
from cdnserve.npm.add import add
from cdnserve.npm.settings import NpmSettings
root = Path(sys.argv[1])
add(root, ["x@1.0.0", "y@1.0.0"], NpmSettings({}, root.parent, root.parent, sys.argv[2]))
"""


def test_a_killed_command_changes_nothing_that_is_public(root: Path, registry: LocalRegistry) -> None:
    """What it leaves lies in a dot-folder, and goes with the next command."""
    hanging = threading.Event()

    def hang(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(PACKAGE[:50])
        handler.wfile.flush()
        hanging.set()
        registry.closing.wait(60)

    registry.publish("x", "1.0.0", PACKAGE)
    registry.publish("y", "1.0.0", PACKAGE)
    whole = registry.answers["/y/-/y-1.0.0.tgz"]
    registry.answer("/y/-/y-1.0.0.tgz", Answer(fields={"Content-Length": str(len(PACKAGE))}, write=hang))
    before = _snapshot(root)
    command = [sys.executable, "-c", PROGRAM, str(root), registry.url]
    with Forked(command) as process:
        assert hanging.wait(60)
        process.send_signal(signal.SIGKILL)
    public = {path: data for path, data in _snapshot(root).items() if "/.incoming" not in path and path != "npm"}
    assert before == public
    registry.answers["/y/-/y-1.0.0.tgz"] = whole
    _add(root, registry, "x@1.0.0", "y@1.0.0")
    assert {"x@1.0.0", "y@1.0.0"} == set(os.listdir(root / "npm"))


def test_progress_is_told_of_every_library(root: Path, registry: LocalRegistry) -> None:
    heard: list[tuple[str, str]] = []

    class Heard(Silent):
        def begin(self, library: str, size: int | None) -> None:
            heard.append(("begin", library))

        def finish(self, library: str) -> None:
            heard.append(("finish", library))

    registry.publish("x", "1.0.0", PACKAGE)
    registry.publish("y", "1.0.0", PACKAGE)
    add(root, ["x@1.0.0", "y@1.0.0"], settings_for(root.parent, registry.url), Heard())
    libraries = ("x", "y", "x@1.0.0", "y@1.0.0")
    assert {(what, library) for what in ("begin", "finish") for library in libraries} == set(heard)

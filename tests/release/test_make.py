"""Making: damage heals, trouble leaves the last release as it was, and warnings are told each time."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.manifest.lock import Lock, LockedLibrary, read_lock, write_lock
from cdnserve.release import make as make_module
from cdnserve.release.blobs import StoreError
from cdnserve.release.build import build
from cdnserve.release.catalog import SCHEMA
from cdnserve.release.encode import Job, encode_all
from cdnserve.release.store import Store
from cdnserve.release.writer import Built
from tests.release.opened import Opened
from tests.release.roots import MANIFEST, SCRIPT, plant, public_bytes, snapshot

FILES: dict[str, bytes | str] = {"npm/lib@1.0.0/a.js": SCRIPT, "page.css": SCRIPT + b"css"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return plant(tmp_path / "root", FILES)


@pytest.fixture
def state(root: Path) -> Path:
    """A state with a release of the root."""
    build(root, root / ".cdnserve")
    return root / ".cdnserve"


def remove_pointer(state: Path) -> None:
    (state / "current").unlink()


def break_pointer(state: Path) -> None:
    (state / "current").write_bytes(b"nonsense")


def truncate_catalog(state: Path) -> None:
    path = state / "releases/1.cat"
    path.write_bytes(path.read_bytes()[:-7])


def change_schema(state: Path) -> None:
    (state / "releases/1.cat").write_bytes(msgspec.msgpack.encode([99, b"", b""]))


def remove_catalog(state: Path) -> None:
    (state / "releases/1.cat").unlink()


DAMAGES = [
    pytest.param(remove_pointer, [], 2, id="the pointer is gone"),
    pytest.param(break_pointer, ["pointer-corrupt"], 2, id="the pointer is damaged"),
    pytest.param(truncate_catalog, ["release-corrupt"], 2, id="the catalog is truncated"),
    pytest.param(change_schema, ["release-schema-unknown"], 2, id="another version wrote the catalog"),
    pytest.param(remove_catalog, ["release-missing"], 2, id="the catalog is gone"),
]


@pytest.mark.parametrize(("damage", "expected", "number"), DAMAGES)
def test_a_damaged_release_is_made_again_with_a_warning(
    root: Path, state: Path, damage: Callable[[Path], None], expected: list[str], number: int
) -> None:
    damage(state)
    (root / "page.css").write_bytes(b"new")
    built = build(root, state)
    assert (number, True) == (built.number, built.changed)
    assert expected == [problem.reference for problem in built.damage]
    assert all(problem.warning for problem in built.damage)
    assert FILES | {"page.css": b"new"} == public_bytes(state)
    assert Built(number, False) == build(root, state)


def lose_coding(state: Path) -> None:
    store = Store(state)
    store.blob(store.read().assets["page.css"].representations[1].sha256).unlink()


def lose_identity(state: Path) -> None:
    store = Store(state)
    store.blob(store.read().assets["page.css"].identity.sha256).unlink()


def lose_all_blobs(state: Path) -> None:
    for blob in state.glob("blobs/*/*"):
        blob.unlink()


LOSSES = [
    pytest.param(lose_coding, id="a content coding"),
    pytest.param(lose_identity, id="a file's own bytes"),
    pytest.param(lose_all_blobs, id="everything"),
]


@pytest.mark.parametrize("lose", LOSSES)
def test_lost_blobs_are_stored_again(root: Path, state: Path, lose: Callable[[Path], None]) -> None:
    """The next build notices by itself, and the release is the same as before."""
    before = snapshot(state / "blobs")
    lose(state)
    assert before != snapshot(state / "blobs")
    built = build(root, state)
    assert (1, False, {"blob-mended"}) == (built.number, built.changed, {one.reference for one in built.damage})
    assert before == snapshot(state / "blobs")
    assert Built(1, False) == build(root, state)


STALE = [
    pytest.param(lambda state: (state / "index").unlink(), id="no index"),
    pytest.param(lambda state: (state / "index").write_bytes(b"x"), id="a damaged index"),
    pytest.param(lambda state: (state / "results").unlink(), id="no results"),
]


@pytest.mark.parametrize("spoil", STALE)
def test_lost_knowledge_only_costs_time(root: Path, state: Path, spoil: Callable[[Path], None]) -> None:
    spoil(state)
    assert Built(1, False) == build(root, state)
    assert FILES == public_bytes(state)


def test_an_index_of_another_release_proves_nothing(root: Path, state: Path, opened: Opened) -> None:
    """So it looks when a build was killed after the pointer and before the index."""
    index = (state / "index").read_bytes()
    (root / "page.css").write_bytes(b"new")
    build(root, state)
    (state / "index").write_bytes(index)
    opened.among(FILES)
    assert Built(2, False) == build(root, state)
    assert ["a.js", "page.css"] == sorted(opened.among(FILES))


@pytest.mark.parametrize(
    ("number", "reference"),
    [
        pytest.param(errno.ENOSPC, "disk-full", id="a full disk"),
        pytest.param(errno.EROFS, "state-unwritable", id="a read-only disk"),
    ],
)
@pytest.mark.parametrize("call", ["open", "write", "fsync", "replace", "utime"])
def test_whatever_fails_whenever_leaves_the_last_release(
    root: Path, state: Path, monkeypatch: pytest.MonkeyPatch, number: int, reference: str, call: str
) -> None:
    """Each call that writes fails in turn, the first, the second, and so on, until a build gets through."""
    lock = (root / "manifest.lock").read_bytes()
    new: dict[str, bytes | str] = {"page.css": SCRIPT + b"new", "npm/lib@1.0.0/new.js": SCRIPT + b"new.js"}
    plant(root, new)
    real = getattr(os, call)
    failures = 0
    while True:
        left = failures

        def fail(*arguments: object, **named: object) -> object:
            nonlocal left
            if call == "open" and not (isinstance(arguments[1], int) and arguments[1] & os.O_CREAT):
                return real(*arguments, **named)
            left -= 1
            if left < 0:
                raise OSError(number, os.strerror(number))
            return real(*arguments, **named)

        with monkeypatch.context() as patch:
            patch.setattr(os, call, fail)
            try:
                build(root, state)
                break
            except ConfigurationError as error:
                told = [problem.reference for problem in error.problems]
        failures += 1
        assert told in ([reference], ["lock-unwritable"])
        assert public_bytes(state) in (FILES, FILES | new)
    assert failures > 0
    assert SCRIPT + b"new" == public_bytes(state)["page.css"]
    assert lock != (root / "manifest.lock").read_bytes()


def test_a_state_that_can_not_be_made_is_told(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError) as told:
        build(root, tmp_path / "file/state")
    assert ["state-failed"] == [problem.reference for problem in told.value.problems]


def deny(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Forbid to open one file, for root as well."""
    real = os.open

    def refuse(path: str, *arguments: int, **named: int | None) -> int:
        if path == name:
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refuse)


def test_an_unreadable_file_is_left_out_until_it_can_be_read(
    root: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each build says so, also when nothing changed; nothing but the rights has to change."""
    plant(root, {"new.js": "new"})
    with monkeypatch.context() as patch:
        deny(patch, "new.js")
        for changed in (False, False):
            built = build(root, state)
            assert changed == built.changed
            assert [("file-unreadable", "new.js")] == [(p.reference, p.where) for p in built.warnings]
        with pytest.raises(ConfigurationError) as told:
            build(root, state, locked=True)
        assert [("file-unreadable", False)] == [(p.reference, p.warning) for p in told.value.problems]
    assert Built(2, True) == build(root, state)
    assert b"new" == public_bytes(state)["new.js"]


def test_warnings_of_the_scan_are_told_by_every_build(root: Path, state: Path, opened: Opened) -> None:
    os.mkfifo(root / "fifo.js")
    first, second = build(root, state), build(root, state)
    assert ["file-special"] == [problem.reference for problem in first.warnings]
    assert first == second
    assert [] == opened.among(["fifo.js"])


def test_a_file_that_never_rests_stops_the_build(root: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaving it out would take it from the public."""
    real = os.read

    def read_and_write(descriptor: int, length: int) -> bytes:
        octets = real(descriptor, length)
        with (root / "page.css").open("ab") as file:
            file.write(b"more")
        return octets

    (root / "page.css").write_bytes(b"new")
    monkeypatch.setattr(os, "read", read_and_write)
    with pytest.raises(ConfigurationError) as told:
        build(root, state)
    assert ["file-unstable"] == [problem.reference for problem in told.value.problems]
    assert FILES == public_bytes(state)


def test_an_interrupted_build_keeps_what_was_encoded(root: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs: list[Job] = []

    def interrupted(state: str, todo: list[Job]) -> object:
        jobs.extend(todo)
        yield from encode_all(state, todo)
        raise KeyboardInterrupt

    plant(root, {"new.js": SCRIPT + b"new"})
    monkeypatch.setattr(make_module, "encode_all", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build(root, state)
    assert 2 == len(jobs)
    monkeypatch.setattr(make_module, "encode_all", lambda *_: pytest.fail("encoded again"))
    assert Built(2, True) == build(root, state)
    assert SCRIPT + b"new" == public_bytes(state)["new.js"]


def test_a_disk_that_is_full_while_encoding_is_what_is_told(
    root: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> object:
        monkeypatch.setattr(os, "fsync", fail_sync)
        raise StoreError(OSError(errno.ENOSPC, "No space left on device"))

    def fail_sync(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    plant(root, {"new.js": SCRIPT + b"new"})
    monkeypatch.setattr(make_module, "encode_all", fail)
    with pytest.raises(ConfigurationError) as told:
        build(root, state)
    assert ["disk-full"] == [problem.reference for problem in told.value.problems]


def test_a_library_that_is_added_during_a_build_is_not_lost(
    root: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = LockedLibrary("sha512-" + "A" * 86 + "==")

    def add(state: str, todo: list[Job]) -> object:
        lock = read_lock(root / "manifest.lock")
        write_lock(root / "manifest.lock", Lock({"jquery@3.7.1": library}, lock.immutable))
        return encode_all(state, todo)

    plant(root, {"npm/new@1.0.0/b.js": SCRIPT + b"b"})
    with monkeypatch.context() as patch:
        patch.setattr(make_module, "encode_all", add)
        build(root, state)
    lock = read_lock(root / "manifest.lock")
    assert {"jquery@3.7.1": library} == dict(lock.libraries)
    assert {"npm/lib@1.0.0/a.js", "npm/new@1.0.0/b.js"} == set(lock.immutable)
    again = build(root, state)
    assert (2, False, ["library-absent"]) == (again.number, again.changed, [one.reference for one in again.warnings])


def test_doubts_about_the_manifest_are_told_by_every_build(root: Path, state: Path) -> None:
    (root / "manifest.toml").write_text(MANIFEST + '[libraries]\njquery = "3.7.1"\n')
    for changed in (False, False):
        built = build(root, state)
        assert changed == built.changed
        assert [("library-not-locked", "jquery@3.7.1")] == [(p.reference, p.value) for p in built.warnings]


LATIN = b"// caf\xe9\n"
ONE_RULE = 'schema = 1\n[[publish]]\npath = "**"\ncors = "any"\n'


def test_text_that_is_not_utf_8_is_told_when_it_is_read_and_is_public_all_the_same(tmp_path: Path) -> None:
    root, state = plant(tmp_path / "root", {"a.js": b"one\n" + LATIN, "b.js": "ü"}, ONE_RULE), tmp_path / "state"
    built = build(root, state)
    assert [("text-not-utf-8", "a.js:2", "octet 10", True)] == [
        (one.reference, one.where, one.value, one.warning) for one in built.warnings
    ]
    assets = Store(state).load().assets
    assert [("other", False), ("text", False)] == [(assets[path].form, assets[path].declared) for path in assets]
    assert () == build(root, state).warnings
    plant(root, {"c.js": "ü"}, ONE_RULE)
    assert () == build(root, state).warnings
    assert "other" == Store(state).load().assets["a.js"].form


def test_text_that_is_not_utf_8_fails_no_locked_build(tmp_path: Path) -> None:
    """A package that somebody else made may hold it, and nobody can do anything about that."""
    root = plant(tmp_path / "root", {"a.js": LATIN}, ONE_RULE)
    assert ["text-not-utf-8"] == [one.reference for one in build(root, tmp_path / "state", locked=True).warnings]


@pytest.mark.parametrize(
    ("path", "content"),
    [
        pytest.param("a.xml", '<?xml version="1.0" encoding="iso-8859-1"?><a>é</a>'.encode("latin-1"), id="declared"),
        pytest.param("a.png", LATIN, id="no text"),
        pytest.param("a.svgz", gzip.compress(b"<svg/>"), id="under gzip by nature"),
    ],
)
def test_what_needs_no_charset_is_no_warning(tmp_path: Path, path: str, content: bytes) -> None:
    assert () == build(plant(tmp_path / "root", {path: content}, ONE_RULE), tmp_path / "state").warnings


def test_svgz_that_is_no_whole_gzip_is_told_and_not_called_gzip(tmp_path: Path) -> None:
    state = tmp_path / "state"
    built = build(plant(tmp_path / "root", {"a.svgz": gzip.compress(b"<svg/>")[:-2]}, ONE_RULE), state)
    assert [("text-not-utf-8", "no browser shows it: it is neither SVG in UTF-8 nor whole gzip")] == [
        (one.reference, one.message) for one in built.warnings
    ]
    assert "identity" == Store(state).load().assets["a.svgz"].identity.coding


def test_a_file_under_gzip_has_one_representation(tmp_path: Path) -> None:
    octets, state = gzip.compress(SCRIPT), tmp_path / "state"
    root = plant(tmp_path / "root", {"a.svgz": octets, "b.svgz": SCRIPT, "c": SCRIPT}, ONE_RULE)
    build(root, state)
    assets = Store(state).load().assets
    assert [("gzip", len(octets), hashlib.sha256(octets).digest())] == [
        (one.coding, one.size, one.sha256) for one in assets["a.svgz"].representations
    ]
    for path in ("b.svgz", "c"):
        assert {"identity", "br", "gzip"} == {one.coding for one in assets[path].representations}
    plant(root, {"d.js": SCRIPT}, ONE_RULE)
    build(root, state)
    assert assets["a.svgz"] == Store(state).load().assets["a.svgz"]
    Store(state).blob(assets["a.svgz"].identity.sha256).unlink()
    build(root, state)
    assert octets == Store(state).blob(assets["a.svgz"].identity.sha256).read_bytes()


def test_a_release_of_a_time_when_nobody_looked_is_read_and_served_as_it_was(tmp_path: Path) -> None:
    """And the next build looks: its index has another format, so no file counts as known."""
    root, state = plant(tmp_path / "root", {"a.js": LATIN}, ONE_RULE), tmp_path / "state"
    build(root, state)
    store = Store(state)
    catalog = store.load()
    old = {path: msgspec.structs.replace(asset, form=None) for path, asset in catalog.assets.items()}
    body = msgspec.to_builtins(msgspec.structs.replace(catalog, assets=old), builtin_types=(bytes,))
    body["assets"] = {path: fields[:5] for path, fields in body["assets"].items()}
    octets = msgspec.msgpack.encode(body)
    store.catalog(1).write_bytes(msgspec.msgpack.encode([SCHEMA, hashlib.sha256(octets).digest(), octets]))
    assert "text/javascript; charset=utf-8" == store.load().assets["a.js"].media_type("a.js")
    (state / "index").unlink()
    assert (2, True) == (build(root, state).number, True)
    assert "text/javascript" == store.load().assets["a.js"].media_type("a.js")

"""What few ask for as it is lies in the state only coded, and every command finds its octets all the same."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from threading import Event

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.release import make as make_module
from cdnserve.release.build import build
from cdnserve.release.check import examine
from cdnserve.release.gc import GcOptions, collect
from cdnserve.release.gc_store import LEAST_GRACE, collect_store
from cdnserve.release.history import roll_back
from cdnserve.release.make import encode_rest
from cdnserve.release.publish import publish
from cdnserve.release.remote import RemoteStore, open_store
from cdnserve.release.state_files import are_proved
from cdnserve.release.store import Store
from cdnserve.release.writer import Built, Silence
from tests.release.roots import MANIFEST, SCRIPT, coded, plant, public_bytes

MAP = "npm/lib@1.0.0/a.js.map"
LARGE = "large.map"
FILES: dict[str, bytes | str] = {
    "npm/lib@1.0.0/a.js": SCRIPT + b"js",
    MAP: SCRIPT,
    "types.d.ts": SCRIPT + b"types",
    "page.css": SCRIPT + b"css",
    "LICENSE": b"short",
    LARGE: b"%1048577d" % 1,
}
CODED = {MAP, "types.d.ts"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return plant(tmp_path / "root", FILES)


@pytest.fixture
def state(root: Path) -> Path:
    return root / ".cdnserve"


def only_coded(state: Path, number: int | None = None) -> set[str]:
    """Return the files of a release whose own octets lie there only coded."""
    store = Store(state)
    own = {path: store.blob(asset.identity.sha256) for path, asset in store.load(number).assets.items()}
    return {path for path, blob in own.items() if not blob.exists() and coded(blob).exists()}


def own(state: Path, path: str) -> Path:
    return Store(state).blob(Store(state).read().assets[path].identity.sha256)


def codings(state: Path, path: str) -> list[Path]:
    return [Store(state).blob(item.sha256) for item in Store(state).read().assets[path].representations[1:]]


def flip(path: Path) -> None:
    octets = bytearray(path.read_bytes())
    octets[len(octets) // 2] ^= 1
    path.write_bytes(octets)


def test_only_what_tools_read_does(root: Path, state: Path) -> None:
    """Not what pages load, what is large, or what has no coding that pays."""
    build(root, state)
    assert CODED == only_coded(state)
    assert FILES == public_bytes(state)


def test_what_a_page_loads_under_another_name_does_not(root: Path, state: Path) -> None:
    build(plant(root, {"page.js": SCRIPT}), state)
    assert CODED - {MAP} == only_coded(state)


def test_nothing_is_left_to_do(root: Path, state: Path) -> None:
    assert Built(1, True) == build(root, state)
    assert are_proved(str(state))
    assert Built(1, False) == build(root, state)
    assert ((), ()) == ((mended := examine(root, state)).again, mended.left)
    assert CODED == only_coded(state)


def test_a_file_that_is_dated_anew_is_not_stored_again(root: Path, state: Path) -> None:
    build(root, state)
    os.utime(root / MAP, (0, 0))
    build(root, state)
    assert CODED == only_coded(state)


def test_a_file_that_changes_is_coded_anew(root: Path, state: Path) -> None:
    """And the one that it was stays readable in its release."""
    build(root, state)
    plant(root, {"types.d.ts": SCRIPT + b"others"})
    assert Built(2, True) == build(root, state)
    assert CODED == only_coded(state) == only_coded(state, 1)
    before = Store(state).load(1).assets["types.d.ts"].identity
    assert FILES["types.d.ts"] == Store(state).content(before)


def test_what_encoders_make_later_is_made_of_what_is_decoded(root: Path, state: Path) -> None:
    build(root, state)
    (root / "manifest.toml").write_text(MANIFEST + '[site]\ncodings = ["br", "gzip", "zstd"]\n')
    build(root, state)
    found = {item.coding for item in Store(state).load().assets[MAP].representations}
    assert {"identity", "br", "gzip", "zstd"} == found
    assert FILES == public_bytes(state)


def test_without_br_all_stays_as_it_is(root: Path, state: Path) -> None:
    (root / "manifest.toml").write_text(MANIFEST + '[site]\ncodings = ["gzip"]\n')
    build(root, state)
    assert set() == only_coded(state)


def test_the_first_stage_keeps_it_and_the_second_does_not(
    root: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first release stays whole: a server may answer from it."""
    monkeypatch.setattr(make_module, "_AT_ONCE", 0)
    build(root, state, quick=True)
    assert set() == only_coded(state)
    assert encode_rest(str(state), Event(), Silence())
    assert set() == only_coded(state)
    assert Built(2, True) == build(root, state, quick=True)
    assert CODED == only_coded(state) == only_coded(state, 1)
    store = Store(state)
    assert FILES[MAP] == store.content(store.load(1).assets[MAP].identity)
    roll_back(root, state, 1)
    collect(state, GcOptions(1, grace=0, forget=True))
    assert (1,) == store.numbers()
    assert FILES == public_bytes(state)


def test_the_state_of_an_older_version_is_taken_over(root: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has all octets as they are; the next build that makes anything changes that."""
    monkeypatch.setattr(make_module, "compact", lambda *_: {})
    build(root, state)
    monkeypatch.undo()
    assert Built(1, False) == build(root, state)
    assert (set(), FILES) == (only_coded(state), public_bytes(state))
    plant(root, {"new.txt": b"new"})
    build(root, state)
    assert (CODED, FILES | {"new.txt": b"new"}) == (only_coded(state), public_bytes(state))


def test_several_builders_come_to_the_same(root: Path, state: Path) -> None:
    told: list[Built] = []
    builders = [threading.Thread(target=lambda: told.append(build(root, state))) for _ in range(4)]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join(60)
    assert [Built(1, False)] * 3 + [Built(1, True)] == sorted(told, key=lambda built: built.changed)
    assert (CODED, FILES) == (only_coded(state), public_bytes(state))


def test_a_rollback_finds_it(root: Path, state: Path) -> None:
    build(root, state)
    plant(root, {"types.d.ts": SCRIPT + b"others"})
    build(root, state)
    roll_back(root, state, 1)
    assert FILES == public_bytes(state)


def test_gc_takes_both_names_of_it(root: Path, state: Path) -> None:
    """The octets of the one file under them count once; what is still needed stays under its own."""
    build(root, state)
    gone = own(state, "types.d.ts"), *codings(state, "types.d.ts")
    (root / "types.d.ts").unlink()
    build(root, state)
    options = GcOptions(1, grace=0)
    told = collect(state, GcOptions(1, grace=0, dry_run=True))
    done = collect(state, options)
    assert told == done
    assert (3, (1,)) == (done.blobs, done.releases)
    assert not any(path.exists() for path in (*gone, coded(gone[0])))
    assert are_proved(str(state))
    assert Built(2, False) == build(root, state)
    assert CODED - {"types.d.ts"} == only_coded(state)


def test_a_coding_that_nobody_needs_leaves_the_octets_there(root: Path, state: Path) -> None:
    """As after another encoder has made other codings: two names are two uses."""
    build(root, state)
    (root / "manifest.toml").write_text(MANIFEST + '[site]\ncodings = ["gzip"]\n')
    build(root, state)
    collect(state, GcOptions(1, grace=0))
    assert CODED == only_coded(state)
    assert FILES == public_bytes(state)
    assert Built(2, False) == build(root, state) == build(root, state)


def test_a_build_mends_it_from_the_file(root: Path, state: Path) -> None:
    build(root, state)
    flip(coded(own(state, MAP)))
    assert {"blob-mended"} == {problem.reference for problem in build(root, state).damage}
    assert FILES == public_bytes(state)
    assert Built(1, False) == build(root, state)


def test_a_deep_check_finds_it_wrong(root: Path, state: Path) -> None:
    build(root, state)
    flip(coded(own(state, MAP)))
    mended = examine(root, state)
    assert ({"blob-mended"}, ()) == ({problem.reference for problem in mended.again}, mended.left)
    assert FILES == public_bytes(state)


def test_without_the_file_another_coding_has_the_octets(root: Path, state: Path) -> None:
    build(root, state)
    flip(coded(own(state, "types.d.ts")))
    (root / "types.d.ts").unlink()
    build(root, state)
    store = Store(state)
    assert FILES["types.d.ts"] == store.content(store.load(1).assets["types.d.ts"].identity)


def test_what_nothing_has_any_more_is_removed_and_told(root: Path, state: Path) -> None:
    build(root, state)
    lost = own(state, "types.d.ts")
    for blob in (coded(lost), *codings(state, "types.d.ts")[1:]):
        flip(blob)
    (root / "types.d.ts").unlink()
    assert ["blob-corrupt"] * 3 == [problem.reference for problem in build(root, state).damage]
    assert not coded(lost).exists()
    assert Built(2, False) == build(root, state)


@pytest.fixture
def remote(root: Path, state: Path, tmp_path: Path) -> RemoteStore:
    """A store to which it was published."""
    build(root, state)
    (tmp_path / "bucket").mkdir()
    remote = open_store((tmp_path / "bucket").as_uri())
    publish(state, 1, remote, Silence())
    return remote


def test_an_object_store_gets_the_octets_as_they_are(remote: RemoteStore) -> None:
    """So whatever reads from there need not decode."""
    assets = remote.load().assets
    assert FILES == {path: remote.content(asset.identity) for path, asset in assets.items()}
    assert not any(entry.name.endswith(".br") for entry in remote.blobs())


def test_nothing_damaged_is_published(root: Path, state: Path, tmp_path: Path) -> None:
    build(root, state)
    flip(coded(own(state, MAP)))
    (tmp_path / "bucket").mkdir()
    with pytest.raises(ConfigurationError, match="blob-corrupt"):
        publish(state, 1, open_store((tmp_path / "bucket").as_uri()), Silence())


def test_a_store_may_hold_only_codings(root: Path, state: Path) -> None:
    """As a state folder that is read as a store."""
    build(root, state)
    remote = open_store(state.as_uri())
    assert FILES == {path: remote.content(asset.identity) for path, asset in remote.load().assets.items()}
    flip(coded(own(state, MAP)))
    with pytest.raises(ConfigurationError, match="blob-corrupt"):
        remote.content(remote.read().assets[MAP].identity)
    coded(own(state, MAP)).unlink()
    with pytest.raises(ConfigurationError, match="blob-missing"):
        remote.content(remote.read().assets[MAP].identity)
    with pytest.raises(ConfigurationError, match="blob-missing"):
        remote.load()


def test_what_such_a_store_needs_is_not_collected(root: Path, state: Path) -> None:
    """And what it needs no more goes, under whichever name."""
    build(root, state)
    gone = own(state, "types.d.ts"), *codings(state, "types.d.ts")
    (root / "types.d.ts").unlink()
    build(root, state)
    options = GcOptions(1, grace=LEAST_GRACE, now=time.time() + 2 * LEAST_GRACE)
    remote = open_store(state.as_uri())
    assert (3, (1,)) == ((done := collect_store(remote, options)).blobs, done.releases)
    assert not any(path.exists() for path in (*gone, coded(gone[0])))
    left = {path: remote.content(asset.identity) for path, asset in remote.load().assets.items()}
    assert {path: FILES[path] for path in FILES if path != "types.d.ts"} == left

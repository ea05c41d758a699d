"""Collecting: old releases and their blobs go; what is current, in use or about to be named stays."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.release import make as make_module
from cdnserve.release import writer
from cdnserve.release.blobs import StoreError
from cdnserve.release.build import build
from cdnserve.release.encode import encode_all
from cdnserve.release.gc import Collected, GcOptions, collect
from cdnserve.release.history import roll_back
from cdnserve.release.store import CatalogUse, Store
from cdnserve.release.writer import Built, Silence, Writer
from tests.forked import run
from tests.release.opened import Opened
from tests.release.roots import SCRIPT, plant, public_bytes, snapshot

ONE = GcOptions(1, grace=0)


def write(root: Path, number: int) -> None:
    """Change one file, so that a build makes a release of this number."""
    plant(root, {"npm/lib@1.0.0/a.js": SCRIPT, "page.css": SCRIPT + b"%d" % number})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root of which four releases were made."""
    for number in range(1, 5):
        write(tmp_path / "root", number)
        build(tmp_path / "root", tmp_path / "state")
    return tmp_path / "root"


@pytest.fixture
def state(root: Path) -> Path:
    return root.parent / "state"


def whole(state: Path) -> set[int]:
    """Return the releases that have all their blobs; there must be no other, and no other blob."""
    store = Store(state)
    catalogs = [store.load(number) for number in store.numbers()]
    assert set().union(*(catalog.blobs() for catalog in catalogs)) == store.blobs()
    return {catalog.number for catalog in catalogs}


def test_the_newest_stay_and_what_only_the_others_had_goes(root: Path, state: Path) -> None:
    blobs = {path: size for path in state.glob("blobs/*/*") if (size := path.stat().st_size)}
    done = collect(state, GcOptions(2, grace=0))
    gone = {path: size for path, size in blobs.items() if not path.exists()}
    assert Collected((1, 2), len(gone), sum(gone.values()), {3: "among the newest", 4: "current"}) == done
    assert {3, 4} == whole(state)
    assert 6 == len(gone)  # two pages, each as it is and in two codings


def test_a_dry_run_says_the_same_and_changes_nothing(root: Path, state: Path) -> None:
    before = snapshot(state)
    told = collect(state, replace(ONE, dry_run=True))
    assert before == snapshot(state)
    assert told == collect(state, ONE)
    assert (1, 2, 3) == told.releases


def test_nothing_to_do_is_done(root: Path, state: Path) -> None:
    assert (1, 2, 3) == collect(state, ONE).releases
    assert Collected((), 0, 0, {4: "current"}) == collect(state, ONE)


def fill_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the disk take nothing any more."""

    def write_state_file(*_: object) -> None:
        raise StoreError(OSError(errno.ENOSPC, "No space left on device"))

    monkeypatch.setattr(writer, "write_state_file", write_state_file)


def test_a_full_disk_is_collected_all_the_same(root: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is what one does then. The next number follows from the releases that stay."""
    fill_disk(monkeypatch)
    assert (1, 2, 3) == collect(state, ONE).releases
    assert {4} == whole(state)


def test_on_a_full_disk_the_newest_stays_where_its_number_could_be_given_again(
    root: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roll_back(root, state)
    fill_disk(monkeypatch)
    with pytest.raises(ConfigurationError, match="disk-full"):
        collect(state, GcOptions(1, grace=0, forget=True))
    assert {1, 2, 3, 4} == whole(state)


def test_a_state_without_a_release_is_left_alone(tmp_path: Path) -> None:
    assert Collected((), 0, 0, {}) == collect(tmp_path / "state", ONE)
    assert not (tmp_path / "state").exists()


def test_what_a_killed_build_left_goes_too(root: Path, state: Path) -> None:
    for name in ("ab" * 32, "cd" * 32):
        blob = state / "blobs" / name[:2] / name
        blob.parent.mkdir(exist_ok=True)
        blob.write_bytes(b"nobody's")
    assert (2, 16) == ((done := collect(state, GcOptions(9))).blobs, done.octets)


def test_what_is_not_ours_stays(root: Path, state: Path) -> None:
    (state / "blobs/ab").mkdir(exist_ok=True)
    (state / "blobs/ab/readme").write_text("mine")
    (state / "blobs/cd" / ("cd" * 32)).mkdir(parents=True)
    (state / "releases/notes.txt").write_text("mine")
    collect(state, ONE)
    assert (state / "blobs/ab/readme").exists()
    assert (state / "blobs/cd" / ("cd" * 32)).is_dir()
    assert (state / "releases/notes.txt").exists()


def test_the_next_build_finds_nothing_to_do_and_opens_nothing(root: Path, state: Path, opened: Opened) -> None:
    collect(state, ONE)
    opened.among(["a.js", "page.css"])
    assert Built(4, False) == build(root, state)
    assert [] == opened.among(["a.js", "page.css", "build.lock"])


def test_what_was_removed_can_be_built_again(root: Path, state: Path) -> None:
    """Results of encoders outlive their blobs, so they are made again."""
    collect(state, ONE)
    write(root, 1)
    assert Built(5, True) == build(root, state)
    assert SCRIPT + b"1" == public_bytes(state)["page.css"]


def test_a_number_is_never_given_twice(root: Path, state: Path) -> None:
    roll_back(root, state, 3)
    assert 4 in collect(state, replace(ONE, forget=True)).releases
    assert 5 == build(root, state, despite_hold=True).number
    roll_back(root, state, 3)
    collect(state, replace(ONE, forget=True))
    roll_back(root, state, 3)
    write(root, 9)
    assert 6 == build(root, state).number


def test_what_was_rolled_back_from_stays_unless_forgotten(root: Path, state: Path) -> None:
    roll_back(root, state, 2)
    assert {2: "current", 4: "rolled back from"} == collect(state, ONE).kept
    assert {2, 4} == whole(state)
    assert (4,) == collect(state, replace(ONE, forget=True)).releases
    assert {2} == whole(state)
    assert 2 == build(root, state).number
    assert Built(5, True) == build(root, state, despite_hold=True)


def test_what_was_current_a_moment_ago_stays(root: Path, state: Path) -> None:
    now = (state / "current").stat().st_mtime
    for number in (1, 2, 3):
        os.utime(state / f"releases/{number}.cat", (now - 900, now - 900))
    done = collect(state, GcOptions(1, grace=300, now=now + 100))
    assert {3: "current a moment ago", 4: "current"} == done.kept
    assert (3,) == collect(state, GcOptions(1, grace=300, now=now + 301)).releases


def test_what_was_rolled_back_a_moment_ago_stays(root: Path, state: Path) -> None:
    """A process may have read the pointer before and the catalog not yet."""
    now = (state / "current").stat().st_mtime
    for number in (1, 2, 3, 4):
        os.utime(state / f"releases/{number}.cat", (now - 900, now - 900))
    roll_back(root, state, 2)
    options = GcOptions(1, grace=300, forget=True, now=now + 100)
    assert {2: "current", 3: "among the newest", 4: "current a moment ago"} == collect(state, options).kept


def test_what_a_server_uses_stays(root: Path, state: Path) -> None:
    use = CatalogUse(Store(state).catalog(2))
    assert {2: "in use", 4: "current"} == collect(state, replace(ONE, dry_run=True)).kept
    assert {2: "in use", 4: "current"} == collect(state, ONE).kept
    assert {2, 4} == whole(state)
    use.close()
    assert (2,) == collect(state, ONE).releases


def test_a_build_under_way_is_waited_for(root: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has stored blobs that no catalog names yet."""
    done: list[Collected] = []
    collecting = threading.Thread(target=lambda: done.append(collect(state, ONE, Waiting())))
    waits = threading.Event()

    class Waiting(Silence):
        def start(self, *_: object) -> None:
            waits.set()

    def encode(state: str, todo: list[tuple[str, int, object]]) -> object:
        collecting.start()
        assert waits.wait(10)
        yield from encode_all(state, todo)  # type: ignore[arg-type]

    monkeypatch.setattr(make_module, "encode_all", encode)
    write(root, 5)
    assert Built(5, True) == build(root, state)
    collecting.join(10)
    assert (1, 2, 3, 4) == done[0].releases
    assert {5} == whole(state)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(b"half", id="damaged"),
        pytest.param(b"\x93\xcd\x03\xe7\xc4\x00\xc4\x00", id="of another version"),
    ],
)
def test_where_a_kept_release_can_not_be_read_no_blob_goes(root: Path, state: Path, damage: bytes) -> None:
    """Nobody knows what it needs; once it is among those that go, all is well again."""
    Store(state).catalog(3).write_bytes(damage)
    blobs = Store(state).blobs()
    done = collect(state, GcOptions(2, grace=0))
    assert ((1, 2), 0) == (done.releases, done.blobs)
    assert "release-unreadable" == done.warnings[-1].reference
    assert all(problem.warning for problem in done.warnings)
    assert blobs == Store(state).blobs()
    assert (3,) == collect(state, ONE).releases
    assert {4} == whole(state)


def test_a_damaged_pointer_stops_it(root: Path, state: Path) -> None:
    (state / "current").write_bytes(b"???")
    with pytest.raises(ConfigurationError, match="pointer-corrupt"):
        collect(state, ONE)
    (state / "current").unlink()
    with pytest.raises(ConfigurationError, match="release-missing"):
        collect(state, ONE)
    assert (1, 2, 3, 4) == Store(state).numbers()


def test_what_the_disk_refuses_is_told(root: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.unlink

    def refuse(path: str) -> None:
        if "/blobs/" in str(path):
            raise PermissionError(1, "Operation not permitted")
        real(path)

    monkeypatch.setattr(os, "unlink", refuse)
    with pytest.raises(ConfigurationError, match="state-unwritable"):
        collect(state, ONE)
    monkeypatch.setattr(os, "unlink", real)
    assert collect(state, ONE).blobs > 0
    assert {4} == whole(state)


PROGRAM = """
import os, signal, sys
from pathlib import Path
from cdnserve.release.gc import GcOptions, collect
left = int(sys.argv[2])
def counted(real):
    def call(*arguments, **named):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **named)
    return call
for name in ("unlink", "write", "fsync", "replace"):
    setattr(os, name, counted(getattr(os, name)))
Path.unlink = lambda path: os.unlink(path)
collect(Path(sys.argv[1]), GcOptions(1, grace=0))
"""


def test_killed_at_any_step_it_leaves_whole_releases_and_the_next_one_ends_it(root: Path, state: Path) -> None:
    """Before each removal and each write, always from the same state."""
    backup = shutil.copytree(state, state.with_name("backup"))
    step, left = 0, []
    while True:
        command = [sys.executable, "-c", PROGRAM, str(state), str(step)]
        status = run(command).returncode
        store = Store(state)
        assert all(store.load(number) for number in store.numbers())
        left.append(len(store.numbers()))
        assert 4 == build(root, state).number
        collect(state, ONE)
        assert {4} == whole(state)
        with Writer(str(state), Silence()) as writer:
            assert 5 == writer.next_number()
        if status == 0:
            break
        step += 1
        shutil.rmtree(state)
        shutil.copytree(backup, state)
    assert [*sorted(left, reverse=True)] == left
    assert {4, 3, 2, 1} == set(left)
    assert step > 15  # three catalogs, twelve blobs, and what is written

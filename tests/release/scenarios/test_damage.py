"""Damaged state: whatever happened to whichever file of it, a build makes it whole and nothing wrong is served."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.release.blobs import take_stock
from cdnserve.release.build import build
from cdnserve.release.check import examine
from cdnserve.release.history import roll_back
from cdnserve.release.repair import Mended
from cdnserve.release.state_files import Proof, note_proved
from cdnserve.release.store import Store
from cdnserve.release.writer import Built
from tests.cli.processes import UNMEASURED, environment
from tests.release.roots import SCRIPT, plant, public_bytes, snapshot

FILES: dict[str, bytes | str] = {
    "npm/lib@1.0.0/a.js": SCRIPT,
    "page.css": SCRIPT + b"css",
    "font.woff2": bytes(range(256)) * 8,
    "large.woff2": bytes(range(256)) * 8192,
}
Harm = Callable[[Path], None]
Choice = Callable[[Path], list[Path]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with two releases of it; the second has one file more."""
    place = tmp_path_factory.mktemp("made")
    first = {path: content for path, content in FILES.items() if path != "page.css"}
    build(plant(place / "root", first), place / "state")
    build(plant(place / "root", FILES), place / "state")
    return place


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    """A copy, which a build has seen: nothing is left to be told or done."""
    shutil.copytree(made, tmp_path / "copy", symlinks=True)
    assert Built(2, False) == build(tmp_path / "copy/root", tmp_path / "copy/state")
    return tmp_path / "copy"


def blobs_of(path: str, which: slice) -> Choice:
    """Choose blobs of an asset: its own octets come first, then its codings."""

    def choose(state: Path) -> list[Path]:
        store = Store(state)
        return [store.blob(item.sha256) for item in store.read(2).assets[path].representations[which]]

    return choose


def file(name: str) -> Choice:
    return lambda state: [state / name]


TARGETS = [
    pytest.param(file("releases/2.cat"), id="the catalog"),
    pytest.param(file("releases/1.cat"), id="an older catalog"),
    pytest.param(file("current"), id="the pointer"),
    pytest.param(file("index"), id="the index"),
    pytest.param(file("proved"), id="what was proved"),
    pytest.param(file("results"), id="the results"),
    pytest.param(blobs_of("page.css", slice(1)), id="a file's own blob"),
    pytest.param(blobs_of("large.woff2", slice(1)), id="a large blob"),
    pytest.param(blobs_of("page.css", slice(1, 2)), id="a coding's blob"),
    pytest.param(blobs_of("npm/lib@1.0.0/a.js", slice(None)), id="all blobs of an immutable file"),
    pytest.param(lambda state: sorted(state.glob("blobs/*/*")), id="all blobs"),
    pytest.param(lambda state: sorted(path for path in state.rglob("*") if path.is_file()), id="everything"),
]


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip(at: float) -> Harm:
    def harm(path: Path) -> None:
        octets = bytearray(path.read_bytes())
        if octets:
            octets[int(at * (len(octets) - 1))] ^= 4
        status = path.stat()
        path.write_bytes(octets)
        # As a disk does it: no time tells of it but the ctime, which no program can set.
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    return harm


HARMS = [
    pytest.param(truncate, id="truncated"),
    pytest.param(lengthen, id="lengthened"),
    pytest.param(empty, id="emptied"),
    pytest.param(flip(0), id="its first octet changed"),
    pytest.param(flip(0.5), id="an octet in the middle changed"),
    pytest.param(flip(1), id="its last octet changed"),
    pytest.param(Path.unlink, id="deleted"),
    pytest.param(lambda path: path.write_bytes(b"\x93\x02\xc4\x20" + bytes(60)), id="overwritten"),
]


def assert_whole(place: Path) -> None:
    """A build comes to its end, what is public is right to the last octet, and the next build has nothing to do."""
    root, state = place / "root", place / "state"
    built = build(root, state)
    assert () == built.warnings
    assert all(problem.warning for problem in built.damage)
    assert FILES == public_bytes(state)
    before = snapshot(state)
    assert Built(built.number, False) == build(root, state)
    assert before == snapshot(state)
    (root / "npm/lib@1.0.0/a.js").write_bytes(b"changed")
    with pytest.raises(ConfigurationError, match="immutable-changed"):
        build(root, state)


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("choose", TARGETS)
def test_a_build_makes_it_whole(place: Path, choose: Choice, harm: Harm) -> None:
    for path in choose(place / "state"):
        harm(path)
    assert_whole(place)


def swapped(one: Path, other: Path) -> None:
    aside = one.with_name("aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


SWAPS = [
    pytest.param(file("releases/1.cat"), file("releases/2.cat"), id="catalogs"),
    pytest.param(file("index"), file("results"), id="index and results"),
    pytest.param(file("proved"), file("index"), id="index and what was proved"),
    pytest.param(file("current"), file("releases/2.cat"), id="pointer and catalog"),
    pytest.param(blobs_of("page.css", slice(1)), blobs_of("font.woff2", slice(1)), id="blobs of two files"),
    pytest.param(blobs_of("page.css", slice(1, 2)), blobs_of("page.css", slice(2, 3)), id="blobs of two codings"),
]


@pytest.mark.parametrize(("one", "other"), SWAPS)
def test_a_build_puts_right_what_was_swapped(place: Path, one: Choice, other: Choice) -> None:
    swapped(one(place / "state")[0], other(place / "state")[0])
    assert_whole(place)


@pytest.mark.parametrize("lost", ["results", "index", "proved"])
@pytest.mark.parametrize("harm", [truncate, flip(0.5)])
def test_damage_is_found_although_what_was_known_is_lost(place: Path, lost: str, harm: Harm) -> None:
    for path in sorted((place / "state").glob("blobs/*/*")):
        harm(path)
    (place / "state" / lost).unlink()
    assert_whole(place)


def test_any_octet_of_the_catalog_counts(place: Path) -> None:
    catalog = place / "state/releases/2.cat"
    whole = catalog.read_bytes()
    for at in range(0, len(whole), 97):
        catalog.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        built = build(place / "root", place / "state")
        assert (2, False) == (built.number, built.changed)
        assert whole == catalog.read_bytes()


def test_what_was_damaged_is_told_and_where_it_lies(place: Path) -> None:
    (blob,) = blobs_of("page.css", slice(1))(place / "state")
    flip(0.5)(blob)
    (problem,) = build(place / "root", place / "state", locked=True).damage
    assert ("blob-mended", str(blob), "page.css (identity)") == (problem.reference, problem.where, problem.value)


def test_damage_is_no_warning_that_a_locked_build_refuses(place: Path) -> None:
    flip(0.5)(place / "state/releases/2.cat")
    built = build(place / "root", place / "state", locked=True)
    assert (2, False, ["release-corrupt"]) == (built.number, built.changed, [one.reference for one in built.damage])


def test_promises_outlive_the_catalog_that_made_them(place: Path) -> None:
    """The lock was never written, as where the root can't be; then older releases know as much."""
    root, state = place / "root", place / "state"
    (root / "manifest.lock").unlink()
    flip(0.5)(state / "releases/2.cat")
    (root / "npm/lib@1.0.0/a.js").write_bytes(b"changed")
    with pytest.raises(ConfigurationError, match="immutable-changed"):
        build(root, state)


def test_blobs_of_an_older_release_are_made_again_too(place: Path) -> None:
    root, state = place / "root", place / "state"
    (root / "page.css").write_bytes(b"other")
    build(root, state)
    whole = snapshot(state / "blobs")
    for blob in (*blobs_of("font.woff2", slice(1))(state), *blobs_of("npm/lib@1.0.0/a.js", slice(None))(state)):
        flip(0.5)(blob)
    build(root, state)
    assert whole == snapshot(state / "blobs")


@pytest.mark.parametrize("harm", [truncate, flip(0.5), Path.unlink], ids=["truncated", "changed", "deleted"])
def test_what_no_file_has_any_more_is_made_of_its_codings(place: Path, harm: Harm) -> None:
    """One that is right is enough, and the others are made again, too."""
    root, state = place / "root", place / "state"
    (root / "page.css").write_bytes(b"other")
    build(root, state)
    whole = snapshot(state / "blobs")
    for blob in blobs_of("page.css", slice(2))(state):
        harm(blob)
    build(root, state)
    assert whole == snapshot(state / "blobs")


def test_what_can_not_be_made_again_is_removed_and_told(place: Path) -> None:
    root, state = place / "root", place / "state"
    (root / "font.woff2").write_bytes(b"other")
    build(root, state)
    blobs = blobs_of("font.woff2", slice(None))(state)
    flip(0.5)(blobs[0])
    built = build(root, state)
    assert ["blob-corrupt"] == [problem.reference for problem in built.damage]
    assert not blobs[0].exists()
    assert Built(3, False) == build(root, state)
    with pytest.raises(ConfigurationError, match="blob-missing"):
        roll_back(root, state, 2)


@pytest.mark.parametrize("harm", [truncate, flip(0.5), Path.unlink])
@pytest.mark.parametrize("target", ["a blob", "current"])
def test_a_rollback_holds_through_damage(place: Path, target: str, harm: Harm) -> None:
    root, state = place / "root", place / "state"
    roll_back(root, state)
    blob = Store(state).blob(Store(state).read().assets["font.woff2"].identity.sha256)
    harm(blob if target == "a blob" else state / "current")
    built = build(root, state)
    assert (1, False) == (built.number, built.changed)
    assert "release-held" in [problem.reference for problem in built.warnings]
    assert {path: FILES[path] for path in FILES if path != "page.css"} == public_bytes(state)
    assert ["release-held"] == [problem.reference for problem in build(root, state).warnings]


def examined(place: Path) -> tuple[list[str], list[str]]:
    """Return the ids of what a deep check made good, and of what it could not."""
    mended = examine(place / "root", place / "state")
    return [problem.reference for problem in mended.again], [problem.reference for problem in mended.left]


@pytest.mark.parametrize("harm", [truncate, flip(0.5), Path.unlink], ids=["truncated", "changed", "deleted"])
@pytest.mark.parametrize("choose", TARGETS[:1] + TARGETS[2:-1])
def test_a_deep_check_makes_it_whole(place: Path, choose: Choice, harm: Harm) -> None:
    for path in choose(place / "state"):
        harm(path)
    assert [] == examined(place)[1]
    assert FILES == public_bytes(place / "state")
    assert ([], []) == examined(place)
    assert_whole(place)


@pytest.mark.parametrize("choose", TARGETS[6:11])
def test_a_deep_check_finds_what_no_signature_tells(place: Path, choose: Choice) -> None:
    """As a disk that rots: a build knows the files, and believes them."""
    root, state = place / "root", place / "state"
    blobs = choose(state)
    for path in blobs:
        flip(0.5)(path)
    note_proved(str(state), Proof(take_stock(str(state)).signatures(), frozenset()))
    assert Built(2, False) == build(root, state)
    assert (["blob-mended"] * len(blobs), []) == examined(place)
    assert FILES == public_bytes(state)


def test_a_deep_check_removes_an_older_release_that_is_damaged(place: Path) -> None:
    flip(0.5)(place / "state/releases/1.cat")
    assert ([], ["release-corrupt"]) == examined(place)
    assert (2,) == Store(place / "state").numbers()
    assert ([], []) == examined(place)


def test_a_deep_check_tells_what_it_can_not_make_again(place: Path) -> None:
    (blob,) = blobs_of("font.woff2", slice(1))(place / "state")
    content = (place / "root/font.woff2").read_bytes()
    (place / "root/font.woff2").write_bytes(b"other")
    flip(0.5)(blob)
    assert ([], ["blob-corrupt"]) == examined(place)
    assert ([], ["blob-missing"]) == examined(place)
    (place / "root/font.woff2").write_bytes(content)
    assert (["blob-mended"], []) == examined(place)


def test_a_deep_check_without_a_release_has_nothing_to_look_at(place: Path) -> None:
    assert Mended() == examine(place / "root", place / "nowhere")
    assert not (place / "nowhere").exists()


def test_a_deep_check_only_tells_where_nothing_can_be_written(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (blob,) = blobs_of("page.css", slice(1))(place / "state")
    flip(0.5)(blob)
    flip(0.5)(place / "state/releases/1.cat")
    before = snapshot(place / "state")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "makedirs", refuse)
    assert ([], ["blob-corrupt", "release-corrupt"]) == examined(place)
    assert before == snapshot(place / "state")


def test_a_deep_check_tells_a_full_disk(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "makedirs", refuse)
    with pytest.raises(ConfigurationError, match="disk-full"):
        examine(place / "root", place / "state")


NOBODY = 65_534
_AS_NOBODY = f"""
import os, sys
from pathlib import Path
from cdnserve.release import check, prebuilt, repair, writer
from cdnserve.release.build import build  # else not to be loaded any more
from tests.release.roots import public_bytes
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
root, state, name = map(Path, sys.argv[1:])
os.chmod(state / name, 0)
build(root, state)
print(len(public_bytes(state)), build(root, state).changed)
"""


@pytest.fixture
def owned(place: Path) -> Iterator[Path]:
    """A root and a state that belong to somebody whom modes stop, where nothing on the way stops him."""
    if os.geteuid() != 0:
        pytest.skip("to be somebody else takes root")
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(place, f"{folder}/copy")
        for path in (Path(folder), *Path(folder).rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        yield Path(folder, "copy")


@pytest.mark.parametrize("name", ["releases/2.cat", "current", "index", "proved", "results", "a blob"])
def test_what_can_not_be_read_is_made_again(owned: Path, name: str) -> None:
    (blob,) = blobs_of("page.css", slice(1))(owned / "state")
    name = str(blob.relative_to(owned / "state")) if name == "a blob" else name
    done = subprocess.run(
        [sys.executable, "-c", _AS_NOBODY, str(owned / "root"), str(owned / "state"), name],
        cwd=Path(__file__).parents[3],
        env=environment(**UNMEASURED),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ("", f"{len(FILES)} False\n") == (done.stderr, done.stdout)


def test_the_only_catalog_is_gone(place: Path) -> None:
    """The deep check makes the release again, and says so."""
    root, state = place / "root", place / "state"
    store = Store(state)
    number = store.pointed()
    store.catalog(number).unlink()
    mended = examine(root, state)
    assert mended.again
    assert store.pointed() in store.numbers()
    assert store.load().assets

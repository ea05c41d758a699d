"""Each file of the state folder, and each kind of what may lie in its place: made again, or told with its path."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.files import open_file
from cdnserve.release.build import build
from cdnserve.release.check import examine
from cdnserve.release.gc import GcOptions, collect
from cdnserve.release.history import roll_back
from cdnserve.release.immutable import forget
from cdnserve.release.state_files import read_hold
from cdnserve.release.store import Store
from cdnserve.server.live import Live
from tests.release.roots import SCRIPT, plant, public_bytes

SCRIPT_PATH = "npm/lib@1.0.0/a.js"
FILES: dict[str, bytes | str] = {SCRIPT_PATH: SCRIPT, "page.woff2": b"second"}
MINE = b"somebody's file, which is nowhere else"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whoever waits for a FIFO is told; and nothing here has to last."""

    def give_up(*_: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(os, "fsync", lambda _: None)
    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root, and a state folder that has every file which there may be; releases 2 and 3 are there, 3 is current."""
    place = tmp_path_factory.mktemp("made")
    root, state = place / "root", place / "state"
    build(plant(root, {SCRIPT_PATH: SCRIPT}), state)
    build(plant(root, {"page.woff2": b"first"}), state)
    roll_back(root, state)
    forget(root, state, [SCRIPT_PATH])
    build(plant(root, FILES), state)
    collect(state, GcOptions(keep=2, grace=0))
    return place


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    """A copy."""
    shutil.copytree(made, tmp_path / "copy", symlinks=True)
    return tmp_path / "copy"


@pytest.fixture
def seen(place: Path) -> Path:
    """A copy of which a build says that nothing has changed."""
    build(place / "root", place / "state")
    return place


def truncated(path: Path, octets: bytes) -> None:
    path.write_bytes(octets[: len(octets) // 2])


def garbage(path: Path, _: bytes) -> None:
    path.write_bytes(b"\x93\x02garbage" * 9)


def full_folder(path: Path, _: bytes) -> None:
    path.mkdir()
    (path / "mine").write_bytes(MINE)


def unix_socket(path: Path, _: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        before = os.getcwd()
        os.chdir(path.parent)  # the name of a socket has to be short
        listener.bind(path.name)
        os.chdir(before)


KINDS: dict[str, Callable[[Path, bytes], None]] = {
    "truncated": truncated,
    "empty": lambda path, _: path.touch(),
    "garbage": garbage,
    "a folder": lambda path, _: path.mkdir(),
    "a folder with files": full_folder,
    "a dangling link": lambda path, _: path.symlink_to("/nowhere/at/all"),
    "a FIFO": lambda path, _: os.mkfifo(path),
    "a socket": unix_socket,
}
NO_LOCKS = {"a folder", "a folder with files", "a dangling link", "a socket"}


def blob(state: Path) -> Path:
    return Store(state).blob(Store(state).read(3).assets["page.woff2"].identity.sha256)


# The place; what a deep check says of it, and a build that has to look; how a rollback ends.
FILE_TABLE: dict[str, tuple[Callable[[Path], Path], list[str], list[str], str]] = {
    "the pointer": (lambda state: state / "current", ["pointer-corrupt"], ["pointer-corrupt"], "pointer-corrupt"),
    "the catalog": (lambda state: state / "releases/3.cat", ["release-corrupt"], ["release-corrupt"], "2"),
    "an older catalog": (lambda state: state / "releases/2.cat", ["release-corrupt"], [], "release-corrupt"),
    "a blob": (blob, ["blob-mended"], ["blob-mended"], "2"),
    "a folder of blobs": (lambda state: blob(state).parent, ["blob-mended"], ["blob-mended"], "2"),
    "the index": (lambda state: state / "index", [], [], "2"),
    "what was proved": (lambda state: state / "proved", [], [], "2"),
    "the results": (lambda state: state / "results", [], [], "2"),
    "the record of a rollback": (lambda state: state / "held", ["record-damaged"], [], "2"),
    "the record of removed releases": (lambda state: state / "removed", ["record-damaged"], [], "2"),
    "the record of what was forgotten": (lambda state: state / "forgotten", ["record-damaged"], [], "2"),
    "the list for git": (lambda state: state / ".gitignore", [], [], "2"),
    "the lock": (lambda state: state / "build.lock", [], [], "2"),
    "all blobs": (lambda state: state / "blobs", ["state-failed"], ["state-failed"], "state-failed"),
    "all catalogs": (lambda state: state / "releases", ["state-failed"], ["state-failed"], "rollback-nowhere"),
    "the drafts": (lambda state: state / "drafts", ["state-failed"], [], "state-failed"),
}
# A link that leads nowhere is a file that is not there: no news for a pointer, and a catalog is told by another id.
ABSENT = {"the pointer": ([], [], "rollback-nowhere"), "the catalog": (["release-missing"], ["release-missing"], "2")}
ABSENT |= {"an older catalog": ([], [], "release-missing")}


def expected(name: str, kind: str) -> tuple[list[str], list[str], str]:
    checked, built, back = FILE_TABLE[name][1:]
    if name == "the lock" and kind in NO_LOCKS:
        return ["state-failed"], [], "state-failed"
    if kind == "a dangling link" and name in ABSENT:
        return ABSENT[name]
    return checked, built, back


def ids(place: Path, do: Callable[[], tuple[Problem, ...]], path: Path) -> list[str]:
    """Return the ids of what is told, each of it with a hint and a place."""
    try:
        told = do()
    except ConfigurationError as error:
        told = error.problems
    for problem in told:
        assert problem.hint
        inner = {str(place / "state"), str(path), *map(str, path.parents)}
        assert problem.where in inner or problem.where.startswith(f"{path}/"), problem
    return [problem.reference for problem in told]


def harmed(place: Path, name: str, kind: str) -> Path:
    path = FILE_TABLE[name][0](place / "state")
    octets = path.read_bytes() if path.is_file() else b""
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    KINDS[kind](path, octets)
    return path


def kept(state: Path) -> bool:
    """Return whether somebody's file is still somewhere."""
    return any(path.read_bytes() == MINE for path in state.rglob("mine"))


CASES = [
    pytest.param(name, kind, id=f"{name}, {kind}")
    for name, (where, *_) in FILE_TABLE.items()
    for kind in KINDS
    if not (name in {"all blobs", "all catalogs", "the drafts", "a folder of blobs"} and kind.startswith("a folder"))
]


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_deep_check(place: Path, name: str, kind: str) -> None:
    root, state = place / "root", place / "state"
    path = harmed(place, name, kind)
    told, _, _ = expected(name, kind)

    def look() -> tuple[Problem, ...]:
        mended = examine(root, state)
        return *mended.again, *mended.left

    assert told == ids(place, look, path)
    assert kept(state) is (kind == "a folder with files")
    if told != ["state-failed"]:
        assert [] == ids(place, look, path)
        assert FILES == public_bytes(state)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_start_of_the_server(seen: Path, name: str, kind: str) -> None:
    """Its build, which is that of `cdnserve build`, and then the release."""
    root, state = seen / "root", seen / "state"
    path = harmed(seen, name, kind)
    _, told, _ = expected(name, kind)
    assert told == ids(seen, lambda: build(root, state).told, path)
    assert kept(state) is (kind == "a folder with files")
    if told != ["state-failed"]:
        assert FILES.keys() == Live(Store(state)).origin.catalog.assets.keys()
        assert FILES == public_bytes(state)
        assert not build(root, state).changed


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_rollback(place: Path, name: str, kind: str) -> None:
    root, state = place / "root", place / "state"
    path = harmed(place, name, kind)
    _, _, back = expected(name, kind)

    def roll() -> tuple[Problem, ...]:
        assert back == str(roll_back(root, state).number)
        return ()

    assert ([] if back == "2" else [back]) == ids(place, roll, path)
    assert kept(state) is (kind == "a folder with files")
    if back == "2":
        assert b"second" != public_bytes(state)["page.woff2"]


@pytest.mark.parametrize("kind", ["gone", *KINDS])
def test_a_rollback_holds_though_its_record_is_damaged(seen: Path, kind: str) -> None:
    """Until something changes: nobody shall get back unasked what somebody has taken back."""
    root, state = seen / "root", seen / "state"
    roll_back(root, state)
    record = read_hold(str(state))
    octets = (state / "held").read_bytes()
    (state / "held").unlink()
    if kind != "gone":
        KINDS[kind](state / "held", octets)
    built = build(root, state)
    assert (2, ["record-damaged"]) == (built.number, [problem.reference for problem in built.damage])
    assert ["release-held"] == [problem.reference for problem in built.warnings]
    assert record == read_hold(str(state))
    assert () == build(root, state).damage
    (root / "page.woff2").write_bytes(b"third")
    assert (4, True) == ((built := build(root, state)).number, built.changed)


def test_a_rollback_holds_though_the_index_is_lost_as_well(seen: Path) -> None:
    root, state = seen / "root", seen / "state"
    roll_back(root, state)
    for name in ("held", "index"):
        (state / name).write_bytes(b"garbage")
    assert 2 == build(root, state).number
    assert 4 == build(root, state, despite_hold=True).number


def test_the_number_of_a_removed_release_is_not_given_again(seen: Path) -> None:
    root, state = seen / "root", seen / "state"
    roll_back(root, state)
    collect(state, GcOptions(keep=1, grace=0, forget=True))
    (state / "removed").write_bytes(b"garbage")
    built = build(root, state, despite_hold=True)
    assert (4, ["record-damaged"]) == (built.number, [problem.reference for problem in built.damage])
    assert 3 == Store(state).last_removed()


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"null", b'{"number": 1}', b"\xff", b'{"number": "3", "left": [], "root": 1}', b"[" * 10**5],
)
def test_a_note_of_another_shape_is_no_hold(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "held").write_bytes(text)
    assert read_hold(str(tmp_path)) is None


@pytest.mark.parametrize("path", ["/dev/null", "/"])
def test_what_is_no_file_is_not_opened_as_one(path: str) -> None:
    with pytest.raises(OSError, match=r"Is (no file|a directory)"):
        open_file(path)

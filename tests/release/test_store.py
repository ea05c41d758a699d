"""Content of an asset, as text."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.release.blobs import StoreError
from cdnserve.release.build import build
from cdnserve.release.catalog import SCHEMA
from cdnserve.release.store import CatalogUse, Store, Uses, read_text, state_folder, store_problem, unused
from tests.release.roots import SCRIPT, plant, public_bytes


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"let a = '\xc3\xbc';\r\n", "let a = 'ü';\r\n", id="UTF-8, line ends as they are"),
        pytest.param(b"\xff", "\ufffd", id="not UTF-8"),
        pytest.param(b"", "", id="nothing"),
    ],
)
def test_the_text_is_that_of_the_released_file(tmp_path: Path, content: bytes, expected: str) -> None:
    """Also when the file has been changed since."""
    root = tmp_path / "public"
    root.mkdir()
    (root / "manifest.toml").write_text('schema = 1\n[[publish]]\npath = "**"\n')
    (root / "a.js").write_bytes(content)
    build(root, tmp_path / "state")
    (root / "a.js").write_text("changed")
    store = Store(tmp_path / "state")
    assert expected == read_text(store, store.load().assets["a.js"])


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Two releases: b.js came with the second."""
    root, folder = tmp_path / "root", tmp_path / "state"
    build(plant(root, {"a.js": SCRIPT}), folder)
    build(plant(root, {"b.js": SCRIPT + b"b"}), folder)
    return folder


def problem(state: Path, number: int | None = None) -> Problem:
    with pytest.raises(ConfigurationError) as told:
        Store(state).load(number)
    [found] = told.value.problems
    return found


def test_the_current_release_is_loaded_unless_another_is_asked_for(state: Path) -> None:
    store = Store(state)
    assert 2 == store.current()
    assert (1, 2) == store.numbers()
    assert {"a.js", "b.js"} == set(store.load().assets)
    assert {"a.js"} == set(store.load(1).assets)
    assert (1, 2) == (store.load(1).number, store.load().number)


def test_every_blob_of_a_release_is_where_the_store_says(state: Path) -> None:
    assert {"a.js": SCRIPT, "b.js": SCRIPT + b"b"} == public_bytes(state)


def test_an_empty_state_has_no_release(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.current() is None
    assert () == store.numbers()
    assert set() == store.blobs()
    assert not store.holds(1)
    assert ("release-missing", "there is no release yet") == (problem(tmp_path).reference, problem(tmp_path).message)
    assert "cdnserve build" in problem(tmp_path).hint


def test_a_release_that_is_not_there(state: Path) -> None:
    assert ("release-missing", "release 9 is not there") == (problem(state, 9).reference, problem(state, 9).message)


def test_a_pointer_to_a_release_that_is_not_there(state: Path) -> None:
    (state / "releases/2.cat").unlink()
    assert "release-missing" == problem(state).reference
    assert not Store(state).holds(2)


def test_releases_without_a_pointer(state: Path) -> None:
    """So it looks when the very first build was killed just before its end."""
    (state / "current").unlink()
    assert Store(state).current() is None
    assert "release-missing" == problem(state).reference


POINTERS = [
    pytest.param(b"", id="empty"),
    pytest.param(b"0\n", id="zero"),
    pytest.param(b"two\n", id="a word"),
    pytest.param(b"+2\n", id="a sign"),
    pytest.param(b"1_0\n", id="an underscore"),
    pytest.param("²\n".encode(), id="a superscript"),
    pytest.param(b"../2\n", id="a path"),
    pytest.param(b"9" * 5000, id="thousands of digits"),
    pytest.param(b"\xff\xfe", id="no text"),
]


@pytest.mark.parametrize("octets", POINTERS)
def test_a_pointer_that_names_no_release(state: Path, octets: bytes) -> None:
    (state / "current").write_bytes(octets)
    found = problem(state)
    assert ("pointer-corrupt", "run cdnserve build") == (found.reference, found.hint)
    assert found.where.endswith("current")
    assert not Store(state).holds(2)


def test_a_damaged_catalog(state: Path) -> None:
    path = state / "releases/2.cat"
    path.write_bytes(path.read_bytes()[:-1])
    assert ("release-corrupt", str(path)) == (problem(state).reference, problem(state).where)
    assert {"a.js"} == set(Store(state).load(1).assets)


def test_a_catalog_of_another_version(state: Path) -> None:
    (state / "releases/2.cat").write_bytes(msgspec.msgpack.encode([SCHEMA + 1, b"", b""]))
    assert ("release-schema-unknown", f"schema {SCHEMA + 1}") == (problem(state).reference, problem(state).value)


def test_a_missing_blob(state: Path) -> None:
    """A server must not find out at the request; a file is named."""
    store = Store(state)
    catalog = store.load()
    store.blob(catalog.assets["b.js"].representations[-1].sha256).unlink()
    assert ("b.js",) == store.missing(catalog)
    assert ("blob-missing", "b.js") == (problem(state).reference, problem(state).value)
    store.blob(catalog.assets["a.js"].identity.sha256).unlink()
    assert "a.js and 1 more" == problem(state).value
    assert catalog == store.read()


def test_a_blob_of_another_size(state: Path) -> None:
    store = Store(state)
    blob = store.blob(store.load().assets["b.js"].identity.sha256)
    blob.write_bytes(blob.read_bytes()[:-1])
    assert ("blob-missing", "b.js") == (problem(state).reference, problem(state).value)


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        pytest.param("current", "pointer-corrupt", id="the pointer"),
        pytest.param("releases/2.cat", "release-corrupt", id="the catalog"),
    ],
)
def test_a_folder_in_place_of_a_file(state: Path, name: str, reference: str) -> None:
    (state / name).unlink()
    (state / name).mkdir()
    found = problem(state)
    assert reference == found.reference
    assert found.where.endswith(name)


def test_a_folder_that_can_not_be_listed(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> list[str]:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(ConfigurationError) as told:
        Store(state).numbers()
    [found] = told.value.problems
    assert ("state-unreadable", "Permission denied") == (found.reference, found.value)


def test_strangers_among_the_blobs_are_no_blobs(state: Path) -> None:
    before = Store(state).blobs()
    (state / "blobs/.DS_Store").write_bytes(b"")
    assert before == Store(state).blobs()


def test_strangers_in_the_folder_are_no_releases(state: Path) -> None:
    for name in ("x.cat", "03.cat", "3.cat.bak", "-1.cat"):
        (state / "releases" / name).write_bytes(b"")
    assert (1, 2) == Store(state).numbers()


FAILURES = [
    pytest.param(errno.ENOSPC, "disk-full", id="a full disk"),
    pytest.param(errno.EDQUOT, "disk-full", id="a used-up quota"),
    pytest.param(errno.EROFS, "state-unwritable", id="a read-only file system"),
    pytest.param(errno.EACCES, "state-unwritable", id="another user's folder"),
    pytest.param(errno.EPERM, "state-unwritable", id="a protected folder"),
    pytest.param(errno.EIO, "state-failed", id="a broken disk"),
]


@pytest.mark.parametrize(("number", "reference"), FAILURES)
def test_why_the_state_can_not_be_written(number: int, reference: str) -> None:
    found = store_problem(StoreError(OSError(number, os.strerror(number))), "/state")
    assert (reference, "/state", os.strerror(number)) == (found.reference, found.where, found.value)
    assert "--state or CDNSERVE_STATE" in found.hint
    assert not found.warning


def test_an_error_without_a_number_is_told_too() -> None:
    assert "strange" == store_problem(StoreError(OSError("strange")), "/state").value


@pytest.fixture
def catalogs(tmp_path: Path) -> list[Path]:
    for number in range(4):
        (tmp_path / f"{number}.cat").touch()
    return [tmp_path / f"{number}.cat" for number in range(4)]


def is_unused(catalog: Path) -> bool:
    with unused(catalog) as found:
        return found


def test_a_mark_is_seen_until_it_is_closed(catalogs: list[Path]) -> None:
    first, second = CatalogUse(catalogs[0]), CatalogUse(catalogs[0])
    assert not is_unused(catalogs[0])
    first.close()
    first.close()
    assert not is_unused(catalogs[0])
    second.close()
    assert is_unused(catalogs[0])
    assert is_unused(catalogs[1])


def test_a_catalog_that_is_not_there_is_not_in_use(tmp_path: Path) -> None:
    assert is_unused(tmp_path / "gone.cat")
    CatalogUse(tmp_path / "gone.cat").close()


def test_a_mark_goes_with_whoever_forgets_it(catalogs: list[Path]) -> None:
    CatalogUse(catalogs[0])
    assert is_unused(catalogs[0])


def test_a_mark_goes_with_a_process_that_is_killed(catalogs: list[Path]) -> None:
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom cdnserve.release.store import CatalogUse\n"
        "use = CatalogUse(Path(sys.argv[1]))\nprint('marked', flush=True)\nsys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(catalogs[0])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    with process:
        assert process.stdout
        assert b"marked\n" == process.stdout.readline()
        assert not is_unused(catalogs[0])
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert is_unused(catalogs[0])


def test_a_server_keeps_what_it_served_a_moment_ago(catalogs: list[Path]) -> None:
    """Answers may be under way, so a mark goes ten minutes after another release was taken up."""
    now = 0.0
    uses = Uses(lambda: now)
    for catalog in catalogs[:3]:
        with uses.next(catalog):
            pass
    assert [False, False, False, True] == [is_unused(catalog) for catalog in catalogs]
    now = 601.0
    with uses.next(catalogs[3]):
        pass
    assert [True, True, False, False] == [is_unused(catalog) for catalog in catalogs]


def test_what_can_not_be_loaded_is_not_in_use(catalogs: list[Path]) -> None:
    uses = Uses()
    with uses.next(catalogs[0]):
        pass
    with pytest.raises(ZeroDivisionError), uses.next(catalogs[1]):
        _ = 1 / 0
    assert [False, True] == [is_unused(catalog) for catalog in catalogs[:2]]


@pytest.mark.parametrize(("chosen", "expected"), [(None, "r/.cdnserve"), ("", "r/.cdnserve"), ("s", "s")])
def test_the_state_lies_in_the_root_unless_told(chosen: str | None, expected: str) -> None:
    assert Path(expected) == state_folder(Path("r"), chosen)


def test_a_state_that_can_not_be_looked_into_holds_no_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may not enter it is told so by whoever reads or writes there."""

    def stat(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "stat", stat)
    assert not Store(tmp_path).holds(0)

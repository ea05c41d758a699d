"""From the incoming folder to the public place, all or nothing."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.npm.spec import PinnedPackage
from cdnserve.npm.transaction import Changes, Placement, incoming_folder, is_pending, is_present, reported

SPEC, SCOPED = PinnedPackage("x", "1.0.0"), PinnedPackage("@s/y", "2.0.0")


def _ready(root: Path, spec: PinnedPackage, files: dict[str, str]) -> Placement:
    folder = root / "npm" / ".incoming" / spec.version
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    return Placement(spec, folder, len(files))


def _lying(root: Path, spec: PinnedPackage, files: dict[str, str]) -> None:
    for path, content in files.items():
        (root / spec.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (root / spec.folder / path).write_text(content)


@pytest.fixture
def folder(root: Path) -> Iterator[Path]:
    with incoming_folder(root) as given:
        yield given


def _public(root: Path) -> dict[str, bytes]:
    files = (path for path in root.rglob("*") if path.is_file() and ".incoming" not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def test_libraries_are_moved(root: Path, folder: Path) -> None:
    ready = [_ready(root, SPEC, {"a.js": "a"}), _ready(root, SCOPED, {"d/b.js": "b", "c.js": "c"})]
    with Changes(root, folder) as changes:
        assert [1, 2] == [changes.place(placement) for placement in ready]
        changes.keep()
    assert "a" == (root / "npm/x@1.0.0/a.js").read_text()
    assert "b" == (root / "npm/@s/y@2.0.0/d/b.js").read_text()
    assert not is_pending(folder)


def test_what_is_not_kept_is_undone(root: Path, folder: Path) -> None:
    _lying(root, PinnedPackage("old", "1.0.0"), {"o.js": "o"})
    _lying(root, SPEC, {"d/a.js": "a"})
    ready = [_ready(root, SPEC, {"d/a.js": "a", "e/f.js": "f"}), _ready(root, SCOPED, {"b.js": "b"})]
    (root / "manifest.toml").chmod(0o640)
    before = _public(root)

    def fail() -> None:
        with Changes(root, folder) as changes:
            for placement in ready:
                changes.place(placement)
            changes.take_away("npm/old@1.0.0")
            changes.take_away("npm/x@1.0.0/d/a.js")
            for name in ("manifest.toml", "manifest.lock"):
                changes.write(name, b"changed")
            assert before != _public(root)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert before == _public(root)
    assert {".incoming", "x@1.0.0", "old@1.0.0"} == set(os.listdir(root / "npm"))
    assert 0o640 == stat.S_IMODE((root / "manifest.toml").stat().st_mode)
    assert not (root / "npm/x@1.0.0/e").exists()
    assert not is_pending(folder)


def test_one_step_that_cannot_be_undone_does_not_stop_the_others(root: Path, folder: Path) -> None:
    ready = [_ready(root, SPEC, {"a.js": "a"}), _ready(root, SCOPED, {"b.js": "b"})]
    with Changes(root, folder) as changes:
        for placement in ready:
            changes.place(placement)
        ready[1].folder.mkdir()
        (ready[1].folder / "in the way").write_text("")
    assert not (root / SPEC.folder).exists()
    assert (root / SCOPED.folder).exists()


def test_what_can_not_be_undone_now_is_undone_by_the_next_command(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _lying(root, SPEC, {"a.js": "a"})
    before, rename = _public(root), os.rename

    def refuse(source: Path, target: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def fail() -> None:
        with incoming_folder(root) as folder, Changes(root, folder) as changes:
            changes.take_away(SPEC.folder)
            monkeypatch.setattr(os, "rename", refuse)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert before != _public(root)
    with pytest.raises(OSError, match="Input/output"), incoming_folder(root):
        pass
    monkeypatch.setattr(os, "rename", rename)
    with incoming_folder(root) as folder:
        assert [] == os.listdir(folder)
    assert before == _public(root)


def test_the_same_content_may_lie_there(root: Path, folder: Path) -> None:
    files = {"a.js": "a", "d/b.js": "b"}
    _lying(root, SPEC, files)
    with Changes(root, folder) as changes:
        assert 0 == changes.place(_ready(root, SPEC, files))
        changes.keep()
    assert "a" == (root / SPEC.folder / "a.js").read_text()


def test_an_empty_folder_is_as_good_as_none(root: Path, folder: Path) -> None:
    (root / SPEC.folder).mkdir(parents=True)
    with Changes(root, folder) as changes:
        assert 1 == changes.place(_ready(root, SPEC, {"a.js": "a"}))
        changes.keep()
    assert "a" == (root / SPEC.folder / "a.js").read_text()


def test_only_what_is_missing_is_moved(root: Path, folder: Path) -> None:
    files = {"a.js": "a", "d/e/b.js": "b", "d/c.js": "c"}
    _lying(root, SPEC, {"a.js": "a"})
    node = (root / SPEC.folder / "a.js").stat().st_ino
    with Changes(root, folder) as changes:
        assert 2 == changes.place(_ready(root, SPEC, files))
        changes.keep()
    assert files == _texts(root / SPEC.folder)
    assert node == (root / SPEC.folder / "a.js").stat().st_ino


def _texts(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("files", "difference"),
    [
        pytest.param({"a.js": "b", "d/b.js": "b"}, "a.js differs", id="another octet"),
        pytest.param({"a.js": "a\n", "d/b.js": "b"}, "a.js differs", id="another length"),
        pytest.param({"d/b.js": "c"}, "d/b.js differs, and 1 more", id="a file too few and another octet"),
        pytest.param({"a.js": "a", "d/b.js": "b", "c": ""}, "c is not in the package", id="a file too many"),
    ],
)
def test_other_content_is_never_changed(root: Path, folder: Path, files: dict[str, str], difference: str) -> None:
    _lying(root, SPEC, files)
    with Changes(root, folder) as changes, pytest.raises(ConfigurationError) as raised:
        changes.place(_ready(root, SPEC, {"a.js": "a", "d/b.js": "b"}))
    (problem,) = raised.value.problems
    assert ("library-changed", "npm/x@1.0.0") == (problem.reference, problem.where)
    assert problem.value.startswith(difference)
    assert files == _texts(root / SPEC.folder)


def test_other_files_may_lie_beside(root: Path, folder: Path) -> None:
    _lying(root, SPEC, {"mine.js": "mine"})
    with Changes(root, folder) as changes:
        assert 1 == changes.place(_ready(root, SPEC, {"a.js": "a"}), beside=True)
        changes.keep()
    assert {"a.js": "a", "mine.js": "mine"} == _texts(root / SPEC.folder)


def test_a_link_with_the_same_content_is_other_content(root: Path, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("a")
    (root / SPEC.folder).mkdir(parents=True)
    (root / SPEC.folder / "a.js").symlink_to(tmp_path / "a.js")
    with Changes(root, folder) as changes, pytest.raises(ConfigurationError, match=r"a\.js differs"):
        changes.place(_ready(root, SPEC, {"a.js": "a"}))


def test_a_linked_folder_with_the_same_content_is_other_content(root: Path, folder: Path, tmp_path: Path) -> None:
    _lying(tmp_path, SPEC, {"b.js": "b"})
    (root / SPEC.folder).mkdir(parents=True)
    (root / SPEC.folder / "d").symlink_to(tmp_path / SPEC.folder)
    with Changes(root, folder) as changes, pytest.raises(ConfigurationError, match="library-changed"):
        changes.place(_ready(root, SPEC, {"d/b.js": "b"}))
    with Changes(root, folder) as changes, pytest.raises(ConfigurationError, match="library-place"):
        changes.place(_ready(root, SPEC, {"d/c.js": "c"}), beside=True)
    assert {"b.js": "b"} == _texts(tmp_path / SPEC.folder)


@pytest.mark.parametrize("kind", ["file", "link"])
@pytest.mark.parametrize("beside", [False, True])
def test_something_else_in_the_place_is_refused(
    root: Path, folder: Path, tmp_path: Path, kind: str, beside: bool
) -> None:
    target = root / SPEC.folder
    target.parent.mkdir(exist_ok=True)
    if kind == "file":
        target.write_text("a")
    else:
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "b.js").write_text("b")
        target.symlink_to(tmp_path / "other")
    expected = "library-place" if beside else "library-changed"
    with Changes(root, folder) as changes, pytest.raises(ConfigurationError, match=expected):
        changes.place(_ready(root, SPEC, {"a.js": "a"}), beside=beside)
    assert kind == "file" or ["b.js"] == os.listdir(tmp_path / "other")


def test_a_linked_scope_is_refused(root: Path, folder: Path, tmp_path: Path) -> None:
    (root / "npm" / "@s").symlink_to(tmp_path)
    with Changes(root, folder) as changes, pytest.raises(ConfigurationError, match="library-place"):
        changes.place(_ready(root, SCOPED, {"a.js": "a"}))
    assert not (tmp_path / "y@2.0.0").exists()


def test_nobody_else_changes_the_governing_files_meanwhile(root: Path, folder: Path) -> None:
    with Changes(root, folder):
        descriptor = os.open(root, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)


def test_is_present(root: Path) -> None:
    (root / "file").write_text("")
    (root / "empty").mkdir()
    expected = {"": True, "file": True, "empty": False, "absent": False}
    assert expected == {name: is_present(root / name) for name in expected}


@pytest.mark.parametrize(
    ("error", "where", "message"),
    [
        pytest.param(OSError(errno.ENOSPC, "No space left", "/x/y"), "/x/y", "No space left", id="a full disk"),
        pytest.param(OSError(errno.EROFS, "Read-only", b"/x"), "/x", "Read-only", id="a name in octets"),
        pytest.param(OSError("odd"), "", "odd", id="no name"),
    ],
)
def test_what_the_disk_refuses_is_a_problem(root: Path, error: OSError, where: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as raised, reported(root):
        raise error
    (problem,) = raised.value.problems
    assert ("library-not-written", where or str(root)) == (problem.reference, problem.where)
    assert message in problem.message


def test_a_root_that_nothing_can_lock_is_told_as_that(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(_: int, __: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(ConfigurationError) as raised, reported(root), incoming_folder(root):
        pytest.fail("two commands at once would write over each other")
    (problem,) = raised.value.problems
    assert "library-not-written" == problem.reference
    assert "flock" in problem.hint


def _one(folder: Path, text: str) -> Path:
    place = folder / f"ready-{text}"
    place.write_text(text)
    return place


@pytest.mark.parametrize("links", [True, False], ids=["with hard links", "on a file system without hard links"])
@pytest.mark.parametrize("kept", [True, False])
def test_files_are_put_anywhere_below_the_root(
    root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, links: bool, kept: bool
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    (root / "app").mkdir()
    (root / "app" / "a.js").write_text("old")
    before = _public(root)
    if not links:
        monkeypatch.setattr(os, "link", refuse)
    with Changes(root, folder) as changes:
        changes.put({"app/a.js": _one(folder, "new"), "fonts/1/b.woff2": _one(folder, "font")}, ["app/a.js"])
        if kept:
            changes.keep()
    after = before | {"app/a.js": b"new", "fonts/1/b.woff2": b"font"}
    assert (after if kept else before) == _public(root)
    assert kept == (root / "fonts").exists()
    assert not is_pending(folder)


@pytest.mark.parametrize(
    ("place", "where"),
    [
        pytest.param("app/a.js", "app/a.js", id="where a file has come to lie"),
        pytest.param("linked/a.js", "linked", id="behind a link"),
        pytest.param("app/a.js/b.js", "app/a.js", id="below a file"),
    ],
)
def test_files_are_put_nowhere_else(root: Path, folder: Path, tmp_path: Path, place: str, where: str) -> None:
    (root / "app").mkdir()
    (root / "app" / "a.js").write_text("old")
    (tmp_path / "outside").mkdir()
    (root / "linked").symlink_to(tmp_path / "outside")
    before = _public(root)
    with pytest.raises(ConfigurationError) as raised, Changes(root, folder) as changes:
        changes.put({"b.js": _one(folder, "b"), place: _one(folder, "new")}, [])
    assert [("import-place", where)] == [(problem.reference, problem.where) for problem in raised.value.problems]
    assert before == _public(root)
    assert [] == os.listdir(tmp_path / "outside")
    assert not is_pending(folder)


def test_what_can_not_be_put_aside_is_not_replaced(root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (root / "a.js").write_text("old")
    monkeypatch.setattr(os, "link", full)
    with pytest.raises(OSError, match="No space"), Changes(root, folder) as changes:
        changes.put({"a.js": _one(folder, "new")}, ["a.js"])
    assert "old" == (root / "a.js").read_text()

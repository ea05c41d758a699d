"""From the incoming folder to the public place, all or nothing."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.libraries import Spec
from cdnserve.libraries.placing import Changes, Placement, is_present, replace_file, reported

SPEC, SCOPED = Spec("x", "1.0.0"), Spec("@s/y", "2.0.0")


def _ready(root: Path, spec: Spec, files: dict[str, str]) -> Placement:
    folder = root / "npm" / ".incoming" / spec.version
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    return Placement(spec, folder)


def _lying(root: Path, spec: Spec, files: dict[str, str]) -> None:
    for path, content in files.items():
        (root / spec.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (root / spec.folder / path).write_text(content)


def test_libraries_are_moved(root: Path) -> None:
    ready = [_ready(root, SPEC, {"a.js": "a"}), _ready(root, SCOPED, {"d/b.js": "b"})]
    with Changes(root) as changes:
        assert [True, True] == [changes.place(placement) for placement in ready]
        changes.keep()
    assert "a" == (root / "npm/x@1.0.0/a.js").read_text()
    assert "b" == (root / "npm/@s/y@2.0.0/d/b.js").read_text()


def test_what_is_not_kept_is_undone(root: Path) -> None:
    ready = [_ready(root, SPEC, {"a.js": "a"}), _ready(root, SCOPED, {"b.js": "b"})]
    before = (root / "manifest.toml").read_bytes()

    def fail() -> None:
        with Changes(root) as changes:
            for placement in ready:
                changes.place(placement)
            for name in ("manifest.toml", "manifest.lock"):
                changes.restore_later(root / name)
                replace_file(root / name, b"changed")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert {".incoming"} == set(os.listdir(root / "npm"))
    assert before == (root / "manifest.toml").read_bytes()
    assert not (root / "manifest.lock").exists()


def test_one_step_that_cannot_be_undone_does_not_stop_the_others(root: Path) -> None:
    ready = [_ready(root, SPEC, {"a.js": "a"}), _ready(root, SCOPED, {"b.js": "b"})]
    with Changes(root) as changes:
        for placement in ready:
            changes.place(placement)
        ready[1].folder.mkdir()
        (ready[1].folder / "in the way").write_text("")
    assert not (root / SPEC.folder).exists()
    assert (root / SCOPED.folder).exists()


def test_the_same_content_may_lie_there(root: Path) -> None:
    files = {"a.js": "a", "d/b.js": "b"}
    _lying(root, SPEC, files)
    with Changes(root) as changes:
        assert not changes.place(_ready(root, SPEC, files))
        changes.keep()
    assert "a" == (root / SPEC.folder / "a.js").read_text()


def test_an_empty_folder_is_as_good_as_none(root: Path) -> None:
    (root / SPEC.folder).mkdir(parents=True)
    with Changes(root) as changes:
        assert changes.place(_ready(root, SPEC, {"a.js": "a"}))
        changes.keep()
    assert "a" == (root / SPEC.folder / "a.js").read_text()


@pytest.mark.parametrize(
    ("files", "difference"),
    [
        pytest.param({"a.js": "b", "d/b.js": "b"}, "a.js differs", id="another octet"),
        pytest.param({"a.js": "a\n", "d/b.js": "b"}, "a.js differs", id="another length"),
        pytest.param({"d/b.js": "b"}, "a.js is missing", id="a file too few"),
        pytest.param({"a.js": "a", "d/b.js": "b", "c": ""}, "c is not in the package", id="a file too many"),
    ],
)
def test_other_content_is_never_changed(root: Path, files: dict[str, str], difference: str) -> None:
    _lying(root, SPEC, files)
    with Changes(root) as changes, pytest.raises(ConfigurationError) as raised:
        changes.place(_ready(root, SPEC, {"a.js": "a", "d/b.js": "b"}))
    (problem,) = raised.value.problems
    assert ("library-changed", "npm/x@1.0.0") == (problem.reference, problem.where)
    assert problem.value.startswith(difference)
    assert files == {
        path.relative_to(root / SPEC.folder).as_posix(): path.read_text()
        for path in (root / SPEC.folder).rglob("*")
        if path.is_file()
    }


def test_a_link_with_the_same_content_is_other_content(root: Path, tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("a")
    (root / SPEC.folder).mkdir(parents=True)
    (root / SPEC.folder / "a.js").symlink_to(tmp_path / "a.js")
    with Changes(root) as changes, pytest.raises(ConfigurationError, match=r"a\.js differs"):
        changes.place(_ready(root, SPEC, {"a.js": "a"}))


def test_a_linked_folder_with_the_same_content_is_other_content(root: Path, tmp_path: Path) -> None:
    _lying(tmp_path, SPEC, {"b.js": "b"})
    (root / SPEC.folder).mkdir(parents=True)
    (root / SPEC.folder / "d").symlink_to(tmp_path / SPEC.folder)
    with Changes(root) as changes, pytest.raises(ConfigurationError, match="d is not in the package"):
        changes.place(_ready(root, SPEC, {"d/b.js": "b"}))


@pytest.mark.parametrize("kind", ["file", "link"])
def test_something_else_in_the_place_is_other_content(root: Path, tmp_path: Path, kind: str) -> None:
    target = root / SPEC.folder
    target.parent.mkdir()
    if kind == "file":
        target.write_text("a")
    else:
        (tmp_path / "a.js").write_text("a")
        target.symlink_to(tmp_path)
    with Changes(root) as changes, pytest.raises(ConfigurationError, match="library-changed"):
        changes.place(_ready(root, SPEC, {"a.js": "a"}))


def test_a_linked_scope_is_refused(root: Path, tmp_path: Path) -> None:
    (root / "npm").mkdir()
    (root / "npm" / "@s").symlink_to(tmp_path)
    with Changes(root) as changes, pytest.raises(ConfigurationError, match="library-place"):
        changes.place(_ready(root, SCOPED, {"a.js": "a"}))
    assert not (tmp_path / "y@2.0.0").exists()


def test_is_present(root: Path) -> None:
    (root / "file").write_text("")
    (root / "empty").mkdir()
    expected = {"": True, "file": True, "empty": False, "absent": False}
    assert expected == {name: is_present(root / name) for name in expected}


def test_a_file_keeps_its_mode(root: Path) -> None:
    path = root / "manifest.toml"
    path.chmod(0o640)
    replace_file(path, b"new")
    assert (b"new", 0o640) == (path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
    assert ["manifest.toml"] == os.listdir(root)


def test_a_new_file_may_be_read_by_all(root: Path) -> None:
    replace_file(root / "new", b"new")
    assert 0o644 == stat.S_IMODE((root / "new").stat().st_mode)


def test_a_link_goes_on_pointing(root: Path, tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (root / "link").symlink_to(tmp_path / "real")
    replace_file(root / "link", b"new")
    assert (root / "link").is_symlink()
    assert "new" == (tmp_path / "real").read_text()


def test_a_failed_write_leaves_the_old_file_alone(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (root / "manifest.toml").read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        replace_file(root / "manifest.toml", b"new")
    assert before == (root / "manifest.toml").read_bytes()
    assert ["manifest.toml"] == os.listdir(root)


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

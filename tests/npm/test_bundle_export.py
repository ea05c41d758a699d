"""`export`: what an archive holds, and that it is the same octets each time."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.npm import bundle_export
from cdnserve.npm.bundle_export import export, gather
from tests.npm.bundles.roots import PUBLIC, exported, imported, make_root, tree


def told(root: Path, target: Path) -> list[tuple[str, str]]:
    with pytest.raises(ConfigurationError) as error:
        exported(root, target)
    return [(problem.reference, problem.where) for problem in error.value.problems]


def test_it_holds_what_is_public_and_the_libraries_whole(tmp_path: Path) -> None:
    exported(make_root(tmp_path / "r"), tmp_path / "a.tar")
    with tarfile.open(tmp_path / "a.tar") as archive:
        names = archive.getnames()
    first = ["cdnserve/index.json", "cdnserve/root/manifest.toml", "cdnserve/root/manifest.lock"]
    assert [*first, *(f"cdnserve/root/{path}" for path in PUBLIC)] == names


def test_nothing_in_it_depends_on_who_or_when(tmp_path: Path) -> None:
    exported(make_root(tmp_path / "r"), tmp_path / "a.tar")
    with tarfile.open(tmp_path / "a.tar") as archive:
        facts = {(one.mtime, one.uid, one.gid, one.uname, one.gname, one.mode) for one in archive.getmembers()}
    assert {(0, 0, 0, "", "", 0o644)} == facts


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.tgz", "a.tar.zst"])
def test_the_same_files_give_the_same_octets(tmp_path: Path, name: str) -> None:
    one, other = make_root(tmp_path / "1"), make_root(tmp_path / "2")
    for number, file in enumerate(sorted(other.rglob("*.js"))):
        os.utime(file, (number, number))
        file.chmod(0o600)
    # The lock has dates, so that is the one file that two people would share.
    (other / "manifest.lock").write_bytes((one / "manifest.lock").read_bytes())
    first, second = exported(one, tmp_path / name), exported(other, tmp_path / f"2{name}")
    assert (tmp_path / name).read_bytes() == (tmp_path / f"2{name}").read_bytes()
    assert first == second
    assert first.size == (tmp_path / name).stat().st_size


def test_codings_are_told_by_the_name(tmp_path: Path) -> None:
    root = make_root(tmp_path / "r")
    begins = {}
    for name in ("a.tar", "a.tar.gz", "a.tar.zst"):
        exported(root, tmp_path / name)
        begins[name] = (tmp_path / name).read_bytes()[:4]
    assert {"a.tar": b"cdns", "a.tar.gz": b"\x1f\x8b\x08\0", "a.tar.zst": b"\x28\xb5\x2f\xfd"} == begins


def test_a_stream_gets_it_plain(tmp_path: Path) -> None:
    root, stream = make_root(tmp_path / "r"), io.BytesIO()
    found = export(root, root / ".cdnserve", stream)
    exported(root, tmp_path / "a.tar")
    assert (tmp_path / "a.tar").read_bytes() == stream.getvalue()
    assert len(stream.getvalue()) == found.size


def test_a_file_behind_a_symbolic_link_is_a_file(tmp_path: Path) -> None:
    root = make_root(tmp_path / "r", built=False)
    (root / "app" / "link.js").symlink_to("1.0.0/a.js")
    exported(root, tmp_path / "a.tar")
    imported(tmp_path / "other", tmp_path / "a.tar")
    assert not (tmp_path / "other" / "app" / "link.js").is_symlink()
    assert "export {}\n" == (tmp_path / "other" / "app" / "link.js").read_text()


def test_releases_in_the_root_are_left_out(tmp_path: Path) -> None:
    root = make_root(tmp_path / "r", built=False)
    (root / "app" / "state").mkdir()
    (root / "app" / "state" / "blob").write_text("x")
    export(root, root / "app" / "state", tmp_path / "a.tar")
    with tarfile.open(tmp_path / "a.tar") as archive:
        assert not [name for name in archive.getnames() if "state" in name]


def test_a_broken_promise_is_told_and_the_old_archive_stays(tmp_path: Path) -> None:
    root = make_root(tmp_path / "r")
    (tmp_path / "a.tar").write_text("old")
    (root / "app" / "1.0.0" / "a.js").write_text("changed\n")
    assert [("immutable-changed", "app/1.0.0/a.js")] == told(root, tmp_path / "a.tar")
    assert "old" == (tmp_path / "a.tar").read_text()
    assert ["a.tar", "r"] == sorted(os.listdir(tmp_path))


def test_a_library_that_is_not_here_is_told(tmp_path: Path) -> None:
    root = make_root(tmp_path / "r")
    (root / "npm" / "x@1.0.0").rename(tmp_path / "away")
    assert [("export-absent", "npm/x@1.0.0")] == told(root, tmp_path / "a.tar")


def test_names_that_are_one_on_other_systems_are_told(tmp_path: Path) -> None:
    root = make_root(tmp_path / "r", built=False)
    (root / "app" / "1.0.0" / "A.js").write_text("x")
    assert [("export-name", "app/1.0.0/a.js")] == told(root, tmp_path / "a.tar")


def test_a_broken_manifest_is_told(tmp_path: Path) -> None:
    root = make_root(tmp_path / "r", built=False)
    (root / "manifest.toml").write_text("schema = 2\n")
    assert [("schema-unsupported", "manifest.toml:1")] == told(root, tmp_path / "a.tar")


def test_a_file_that_changes_meanwhile_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_root(tmp_path / "r")

    def slow(*arguments: str) -> object:
        load = gather(*arguments)
        (root / "app" / "1.0.0" / "a.js").write_text("export []\n")
        return load

    monkeypatch.setattr(bundle_export, "gather", slow)
    assert [("file-unstable", "app/1.0.0/a.js")] == told(root, tmp_path / "a.tar")
    assert not (tmp_path / "a.tar").exists()


def test_too_many_files_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_export, "LARGEST", 10)
    assert ["export-too-large"] == [one for one, _ in told(make_root(tmp_path / "r"), tmp_path / "a.tar")]


def test_the_root_is_left_as_it_is(tmp_path: Path) -> None:
    root = make_root(tmp_path / "r")
    before = tree(root)
    exported(root, tmp_path / "a.tar")
    assert before == tree(root)

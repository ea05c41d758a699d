"""A folder as a store: what is written has its name only once it lasts, is created once, and is whole."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cdnserve.release import object_folder
from cdnserve.release.objects import Objects, ObjectStoreError


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects(f"file://{tmp_path}")


def create(objects: Objects, name: str) -> None:
    assert objects.create(name, b"content")


def replace(objects: Objects, name: str) -> None:
    objects.replace(name, b"content")


def replace_file(objects: Objects, name: str) -> None:
    source = Path(objects.url.removeprefix("file://"), "source")
    source.write_bytes(b"content")
    objects.replace_file(name, source)


@pytest.mark.parametrize("write", [create, replace, replace_file])
def test_content_is_synced_before_its_name_and_the_name_after(
    objects: Objects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Objects, str], None]
) -> None:
    target, done = tmp_path / "a/b", list[str]()
    (tmp_path / "a").mkdir()

    def sync(descriptor: int) -> None:
        is_draft = os.path.realpath(f"/proc/self/fd/{descriptor}").endswith(".part")
        done.append("content" if is_draft and os.fstat(descriptor).st_size == len(b"content") else "other")
        assert not target.exists()

    def sync_folder(folder: str) -> None:
        if folder == str(target.parent):
            assert target.read_bytes() == b"content"
            done.append("name")

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(object_folder, "sync_folder", sync_folder)
    write(objects, "a/b")
    assert done == ["content", "name"]
    assert [] == os.listdir(tmp_path / "drafts")


def test_new_folders_last_as_well(objects: Objects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr(object_folder, "sync_folder", lambda folder: synced.append(str(folder)))
    objects.replace("blobs/aa/x", b"1")
    assert synced == [str(tmp_path), str(tmp_path), str(tmp_path / "blobs"), str(tmp_path / "blobs/aa")]


def test_of_many_who_create_one_does(objects: Objects, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(lambda number: objects.create("releases/1.cat", b"%d" % number * 1000), range(40)))
    assert won.count(True) == 1
    assert (tmp_path / "releases/1.cat").read_bytes() == b"%d" % won.index(True) * 1000
    assert [] == os.listdir(tmp_path / "drafts")


def test_a_folder_that_is_gone_is_not_made_anew(objects: Objects, tmp_path: Path) -> None:
    """It may be a disk that is not mounted: what is written where it was would be lost from sight."""
    shutil.rmtree(tmp_path)
    for write in (create, replace):
        with pytest.raises(ObjectStoreError) as caught:
            write(objects, "blobs/aa/x")
        (problem,) = caught.value.problems
        assert ("store-missing", "there is no such folder") == (problem.reference, problem.message)
    assert not tmp_path.exists()


@pytest.mark.parametrize("name", ["file/x", "folder"])
def test_what_lies_in_the_way_is_told(objects: Objects, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder/inner").mkdir(parents=True)
    with pytest.raises(ObjectStoreError) as caught:
        objects.replace(name, b"1")
    (problem,) = caught.value.problems
    assert (problem.reference, problem.value) in (
        ("store-failed", "Not a directory"),
        ("store-failed", "Is a directory"),
    )
    assert (tmp_path / "file").read_text() == "in the way"
    assert [] == os.listdir(tmp_path / "drafts")


def test_a_file_system_without_hard_links_is_told(
    objects: Objects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(source: str, target: str) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM), source, None, target)

    monkeypatch.setattr(os, "link", link)
    with pytest.raises(ObjectStoreError) as caught:
        create(objects, "releases/1.cat")
    (problem,) = caught.value.problems
    assert ("store-failed", "its file system has no hard links") == (problem.reference, problem.value)
    assert [] == os.listdir(tmp_path / "drafts") + os.listdir(tmp_path / "releases")

"""Sources: one read gives every digest, and whatever was swapped in since the scan is not read."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cdnserve.errors import Problem
from cdnserve.release.blobs import Blobs, blob_path
from cdnserve.release.read import CHUNK, FileContent, Sources, probe, read
from cdnserve.release.scan import signature
from cdnserve.rules.charsets import look

SIZES = [
    pytest.param(0, id="empty"),
    pytest.param(1, id="one octet"),
    pytest.param(CHUNK, id="the largest that is held whole"),
    pytest.param(CHUNK + 1, id="the smallest that is read in pieces"),
    pytest.param(3 * CHUNK, id="several whole pieces"),
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.fixture
def state(tmp_path: Path) -> str:
    for name in ("blobs", "drafts"):
        (tmp_path / "state" / name).mkdir(parents=True)
    return str(tmp_path / "state")


@pytest.fixture
def sources(root: Path) -> Iterator[Sources]:
    with Sources(str(root)) as opened:
        yield opened


def drafts(state: str) -> list[str]:
    return os.listdir(f"{state}/drafts")


@pytest.mark.parametrize("size", SIZES)
def test_one_read_gives_all_digests_and_the_blob(root: Path, state: str, sources: Sources, size: int) -> None:
    octets = bytes(range(256)) * (size // 256) + bytes(size % 256)
    (root / "a.bin").write_bytes(octets)
    with Blobs(state) as blobs:
        content = read(sources, "a.bin", blobs)
    expected = FileContent(
        hashlib.sha256(octets).digest(),
        hashlib.sha384(octets).digest(),
        hashlib.sha512(octets).digest(),
        signature((root / "a.bin").stat()),
        look(octets),
    )
    assert expected == content
    assert size == expected.size
    assert octets == Path(blob_path(state, expected.sha256.hex())).read_bytes()
    assert [] == drafts(state)


@pytest.mark.parametrize("size", SIZES)
def test_without_a_place_for_blobs_nothing_is_stored(root: Path, state: str, sources: Sources, size: int) -> None:
    (root / "a.bin").write_bytes(bytes(size))
    content = read(sources, "a.bin")
    assert isinstance(content, FileContent)
    assert hashlib.sha384(bytes(size)).digest() == content.sha384
    assert [] == os.listdir(f"{state}/blobs")


@pytest.mark.parametrize("size", SIZES)
def test_a_broken_promise_is_read_but_not_stored(root: Path, state: str, sources: Sources, size: int) -> None:
    (root / "a.bin").write_bytes(bytes(size))
    with Blobs(state) as blobs:
        assert isinstance(read(sources, "a.bin", blobs, hashlib.sha384(b"promised").digest()), FileContent)
    assert [] == os.listdir(f"{state}/blobs") + drafts(state)


@pytest.mark.parametrize("size", SIZES)
def test_a_kept_promise_is_stored(root: Path, state: str, sources: Sources, size: int) -> None:
    (root / "a.bin").write_bytes(bytes(size))
    with Blobs(state) as blobs:
        read(sources, "a.bin", blobs, hashlib.sha384(bytes(size)).digest())
    assert 1 == len(os.listdir(f"{state}/blobs"))


def test_files_of_several_folders_are_found_in_any_order(root: Path, sources: Sources) -> None:
    paths = ["a/b/1.js", "2.js", "a/b/c/3.js", "a/4.js", "a/b/5.js", "6.js"]
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    for path in (*paths, *reversed(paths)):
        content = read(sources, path)
        assert isinstance(content, FileContent)
        assert hashlib.sha256(path.encode()).digest() == content.sha256


def test_no_descriptor_stays_open(root: Path) -> None:
    (root / "a/b").mkdir(parents=True)
    (root / "a/b/c.js").write_text("x")
    before = len(os.listdir("/dev/fd"))
    with Sources(str(root)) as sources:
        read(sources, "a/b/c.js")
        read(sources, "a/none/c.js")
        read(sources, "a/none/deeper/c.js")
    assert before == len(os.listdir("/dev/fd"))


def swap_link(path: Path, secret: Path) -> None:
    path.symlink_to(secret)


def swap_fifo(path: Path, _: Path) -> None:
    os.mkfifo(path)


def swap_folder(path: Path, _: Path) -> None:
    path.mkdir()


SWAPS = [
    pytest.param(swap_link, id="a link out of the root"),
    pytest.param(swap_fifo, id="a FIFO that nobody writes to"),
    pytest.param(swap_folder, id="a folder"),
]


@pytest.mark.parametrize("swap", SWAPS)
def test_what_was_swapped_in_since_the_scan_is_not_read(
    root: Path, state: str, sources: Sources, swap: Callable[[Path, Path], None]
) -> None:
    """Neither a byte from outside of the root nor an endless wait: a problem."""
    secret = root.parent / "secret"
    secret.write_bytes(b"secret")
    swap(root / "a.js", secret)
    with Blobs(state) as blobs:
        problem = read(sources, "a.js", blobs)
    assert isinstance(problem, Problem)
    assert ("file-unstable", "a.js", False) == (problem.reference, problem.where, problem.warning)
    assert [] == os.listdir(f"{state}/blobs")


def test_a_folder_swapped_for_a_link_is_not_entered(root: Path, sources: Sources) -> None:
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "a.js").write_bytes(b"secret")
    (root / "lib").symlink_to(outside)
    problem = read(sources, "lib/a.js")
    assert isinstance(problem, Problem)
    assert "file-unstable" == problem.reference


def test_a_file_that_is_gone_is_absent(root: Path, sources: Sources) -> None:
    assert read(sources, "gone.js") is None
    assert read(sources, "no/folder/gone.js") is None
    assert probe(sources, "gone.js") is None


ERRORS = [
    pytest.param(errno.EACCES, "file-unreadable", True, id="not allowed"),
    pytest.param(errno.EPERM, "file-unreadable", True, id="forbidden"),
    pytest.param(errno.EIO, "file-unreadable", False, id="a broken disk"),
    pytest.param(errno.ELOOP, "file-unstable", False, id="a link"),
    pytest.param(errno.ENXIO, "file-unstable", False, id="a socket"),
]


@pytest.mark.parametrize(("number", "reference", "warning"), ERRORS)
def test_why_a_file_can_not_be_opened(
    root: Path, sources: Sources, monkeypatch: pytest.MonkeyPatch, number: int, reference: str, warning: bool
) -> None:
    """What is forbidden is left out; what fails must not pass for absent."""

    def refuse(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)
    for problem in (read(sources, "a.js"), probe(sources, "a.js")):
        assert isinstance(problem, Problem)
        assert (reference, "a.js", warning) == (problem.reference, problem.where, problem.warning)


def test_a_readable_file_has_no_problem(root: Path, sources: Sources) -> None:
    (root / "a.js").write_bytes(b"x")
    assert probe(sources, "a.js") is None


class Restless:
    """A writer that changes a file behind each read, so many times."""

    def __init__(self, path: Path, times: int) -> None:
        self.path, self.times, self.read = path, times, os.read

    def __call__(self, descriptor: int, length: int) -> bytes:
        octets = self.read(descriptor, length)
        if self.times:
            self.times -= 1
            with self.path.open("ab") as file:
                file.write(b"more")
        return octets


@pytest.mark.parametrize("size", SIZES)
def test_a_file_that_changes_while_it_is_read_is_read_again(
    root: Path, state: str, sources: Sources, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """What is stored is what the file held at the end, whole."""
    (root / "a.bin").write_bytes(bytes(size))
    monkeypatch.setattr(os, "read", Restless(root / "a.bin", 2))
    with Blobs(state) as blobs:
        content = read(sources, "a.bin", blobs)
    assert isinstance(content, FileContent)
    assert hashlib.sha512((root / "a.bin").read_bytes()).digest() == content.sha512
    assert 1 == len(os.listdir(f"{state}/blobs"))
    assert [] == drafts(state)


@pytest.mark.parametrize("size", SIZES)
def test_a_file_that_never_rests_is_a_problem(
    root: Path, state: str, sources: Sources, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """Also one that grows as fast as it is read comes to an end."""
    (root / "a.bin").write_bytes(bytes(size))
    monkeypatch.setattr(os, "read", Restless(root / "a.bin", 10**6))
    with Blobs(state) as blobs:
        problem = read(sources, "a.bin", blobs)
    assert isinstance(problem, Problem)
    assert "file-unstable" == problem.reference
    assert [] == os.listdir(f"{state}/blobs") + drafts(state)


def test_a_change_that_keeps_the_size_is_seen(
    root: Path, state: str, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = root / "a.bin"
    path.write_bytes(b"old")
    real = os.read

    def overwrite(descriptor: int, length: int) -> bytes:
        octets = real(descriptor, length)
        if octets == b"old":
            path.write_bytes(b"new")
            os.utime(path, ns=(0, 0))
        return octets

    monkeypatch.setattr(os, "read", overwrite)
    with Blobs(state) as blobs:
        content = read(sources, "a.bin", blobs)
    assert isinstance(content, FileContent)
    assert hashlib.sha256(b"new").digest() == content.sha256

"""Scan: which files count, and what is left out, silently or with a warning."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.display import printable
from cdnserve.release.scan import pack, scan, unpack

INTEGERS = st.integers(min_value=-(2**63), max_value=2**63 - 1)
NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1)


def write(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def told(root: Path) -> list[tuple[str, str]]:
    return [(problem.reference, problem.where) for problem in scan(str(root)).problems]


def test_files_are_listed_with_their_signatures(tmp_path: Path) -> None:
    """A signature is size, mtime, inode and ctime."""
    status = write(tmp_path / "a/b/c.js", b"12345").stat()
    tree = scan(str(tmp_path))
    expected = {"a/b/c.js": (5, status.st_mtime_ns, status.st_ino, status.st_ctime_ns)}
    assert expected == tree.signatures()
    assert () == tree.problems


SILENT = [
    pytest.param(".env", id="a dot-file"),
    pytest.param(".git/config", id="a file in a dot-folder"),
    pytest.param("a/.cache/b.js", id="a dot-folder below"),
    pytest.param("manifest.toml", id="the manifest"),
    pytest.param("manifest.lock", id="the lock"),
]


@pytest.mark.parametrize("path", SILENT)
def test_what_is_never_public_is_left_out_silently(tmp_path: Path, path: str) -> None:
    write(tmp_path / path)
    write(tmp_path / "public.js")
    tree = scan(str(tmp_path))
    assert ["public.js"] == tree.names
    assert () == tree.problems
    assert 4 == len(tree.facts)


KEPT = [
    pytest.param(".well-known/security.txt", id="a well-known resource"),
    pytest.param("a/manifest.toml", id="a manifest that governs nothing"),
    pytest.param("ünï/日本.css", id="letters of any language"),
    pytest.param("a\u3000b.js", id="a space of another script"),
    pytest.param("a b.js", id="a space"),
    pytest.param("A.js", id="an upper-case name"),
]


@pytest.mark.parametrize("path", KEPT)
def test_unusual_names_are_kept(tmp_path: Path, path: str) -> None:
    write(tmp_path / path)
    write(tmp_path / "a.js")
    assert {path, "a.js"} == set(scan(str(tmp_path)).names)
    assert [] == told(tmp_path)


REFUSED_NAMES = [
    pytest.param(b"a\xff.js", "is not valid UTF-8", id="no UTF-8"),
    pytest.param(b"a\nb.js", "holds a control character", id="a line feed"),
    pytest.param(b"a\x7f.js", "holds a control character", id="a delete"),
    pytest.param("a\x9b.js".encode(), "holds a control character", id="a C1 control"),
    pytest.param(b"a\\b.js", "holds a backslash", id="a backslash"),
    pytest.param("a\u202esj.exe".encode(), "holds an invisible character (U+202E)", id="a change of direction"),
    pytest.param("a\u200b.js".encode(), "holds an invisible character (U+200B)", id="a space without a width"),
    pytest.param("a\u2028.js".encode(), "holds an invisible character (U+2028)", id="a line separator"),
    pytest.param("a\u2029.js".encode(), "holds an invisible character (U+2029)", id="a paragraph separator"),
]


@pytest.mark.parametrize(("name", "fault"), REFUSED_NAMES)
def test_names_that_no_url_can_carry_are_left_out(tmp_path: Path, name: bytes, fault: str) -> None:
    with open(os.path.join(os.fsencode(tmp_path), name), "wb"):
        pass
    tree = scan(str(tmp_path))
    assert [] == tree.names
    assert [("name-refused", f"left out: the name {fault}")] == [(p.reference, p.message) for p in tree.problems]
    assert tree.problems[0].where.isprintable()
    assert tree.problems[0].warning


def test_a_folder_with_a_refused_name_is_left_out_once(tmp_path: Path) -> None:
    write(tmp_path / "a\\b/c.js")
    write(tmp_path / "a\\b/d.js")
    assert [] == scan(str(tmp_path)).names
    assert [("name-refused", "a\\b")] == told(tmp_path)


@pytest.fixture
def listener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    # The path of a socket has at most 108 octets, those of temporary folders have more.
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s.sock")
        yield tmp_path


def test_a_socket_is_left_out(listener: Path) -> None:
    assert [("file-special", "s.sock")] == told(listener)


def test_a_fifo_is_left_out(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "f.js")
    assert [("file-special", "f.js")] == told(tmp_path)


def test_a_link_to_a_fifo_is_left_out(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "f.js")
    (tmp_path / "g.js").symlink_to("f.js")
    assert [("file-special", "f.js"), ("file-special", "g.js")] == told(tmp_path)


def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    """The file is found under both names, and is opened where it lies."""
    status = write(tmp_path / "lib/1.0.0/a.js", b"12345").stat()
    (tmp_path / "a.js").symlink_to("lib/1.0.0/a.js")
    tree = scan(str(tmp_path))
    expected = (5, status.st_mtime_ns, status.st_ino, status.st_ctime_ns)
    assert {"a.js": expected, "lib/1.0.0/a.js": expected} == tree.signatures()
    assert ("lib/1.0.0/a.js", "lib/1.0.0/a.js") == (tree.real("a.js"), tree.real("lib/1.0.0/a.js"))


def test_a_link_to_a_folder_is_followed(tmp_path: Path) -> None:
    write(tmp_path / "lib/1.0.0/dist/a.js")
    write(tmp_path / "lib/1.0.0/b.js")
    (tmp_path / "lib/latest").symlink_to("1.0.0", target_is_directory=True)
    tree = scan(str(tmp_path))
    expected = {"lib/1.0.0/b.js", "lib/1.0.0/dist/a.js", "lib/latest/b.js", "lib/latest/dist/a.js"}
    assert expected == set(tree.names)
    assert "lib/1.0.0/dist/a.js" == tree.real("lib/latest/dist/a.js")
    assert "lib/1.0.0/b.js" == tree.real("lib/latest/b.js")


def test_a_root_that_is_reached_by_a_link_is_no_reason_to_leave_files_out(tmp_path: Path) -> None:
    write(tmp_path / "real/a.js")
    (tmp_path / "real/b.js").symlink_to(tmp_path / "real/a.js")
    (tmp_path / "root").symlink_to("real")
    assert {"a.js", "b.js"} == set(scan(os.path.realpath(tmp_path / "root")).names)


LINKS = [
    pytest.param("/etc/passwd", "link-leaves-root", id="to a file elsewhere"),
    pytest.param("/etc", "link-leaves-root", id="to a folder elsewhere"),
    pytest.param("../outside.js", "link-leaves-root", id="to a file beside the root"),
    pytest.param("../root-2/a.js", "link-leaves-root", id="to a folder whose name begins like the root's"),
    pytest.param(".env", "link-leaves-root", id="to a dot-file"),
    pytest.param("manifest.toml", "link-leaves-root", id="to the manifest"),
    pytest.param("Manifest.Lock", "link-leaves-root", id="to the lock, in other letters"),
    pytest.param(".git", "link-leaves-root", id="to a dot-folder"),
    pytest.param("state/blob", "link-leaves-root", id="into the state folder"),
    pytest.param("nowhere", "link-dangles", id="to nothing"),
    pytest.param("public.js/x", "link-dangles", id="through a file"),
    pytest.param("link", "link-loops", id="to itself"),
    pytest.param(".", "link-loops", id="to its own folder"),
    pytest.param("../root", "link-loops", id="to the root from outside"),
]


@pytest.mark.parametrize(("target", "reference"), LINKS)
def test_links_that_lead_nowhere_good_are_left_out(tmp_path: Path, target: str, reference: str) -> None:
    root = tmp_path / "root"
    for path in (
        ".env",
        "manifest.toml",
        "Manifest.Lock",
        ".git/config",
        "state/blob",
        "../outside.js",
        "../root-2/a.js",
    ):
        write(root / path)
    write(root / "public.js")
    (root / "link").symlink_to(target)
    tree = scan(str(root), str(root / "state"))
    assert {"public.js", "Manifest.Lock"} == set(tree.names)
    assert [(reference, "link")] == [(problem.reference, problem.where) for problem in tree.problems]
    assert tree.problems[0].warning


def test_links_that_lead_in_a_circle_over_two_folders_end(tmp_path: Path) -> None:
    write(tmp_path / "a/1.js")
    write(tmp_path / "b/2.js")
    (tmp_path / "a/to-b").symlink_to("../b")
    (tmp_path / "b/to-a").symlink_to("../a")
    tree = scan(str(tmp_path))
    assert {"a/1.js", "b/2.js", "a/to-b/2.js", "b/to-a/1.js"} == set(tree.names)
    assert [("link-loops", "a/to-b/to-a"), ("link-loops", "b/to-a/to-b")] == told(tmp_path)


def test_a_few_links_inside_each_other_can_not_name_a_million_paths(tmp_path: Path) -> None:
    """Two links in each of 20 folders would be 2^20 paths."""
    for number in range(20):
        write(tmp_path / f"{number}/a.js")
        for link in ("x", "y"):
            (tmp_path / f"{number}/{link}").symlink_to(f"../{number + 1}")
    tree = scan(str(tmp_path))
    assert len(tree.names) < 20 * 2**5
    assert {"link-loops", "link-dangles"} == {problem.reference for problem in tree.problems}


def test_the_state_folder_is_left_out(tmp_path: Path) -> None:
    write(tmp_path / "state/blobs/ab/abc")
    write(tmp_path / "a.js")
    assert ["a.js"] == scan(str(tmp_path), str(tmp_path / "state")).names


DENIALS = [
    pytest.param(errno.EACCES, True, id="not allowed"),
    pytest.param(errno.EIO, False, id="a broken disk"),
]


@pytest.mark.parametrize(("number", "warning"), DENIALS)
def test_a_folder_that_can_not_be_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, warning: bool
) -> None:
    """Without leave it is left out with a warning; a failing disk must not pass for an empty folder."""
    write(tmp_path / "a/b.js")
    write(tmp_path / "c.js")
    real = os.open

    def refuse(path: str, flags: int) -> int:
        if path.endswith("/a"):
            raise OSError(number, os.strerror(number))
        return real(path, flags)

    monkeypatch.setattr(os, "open", refuse)
    tree = scan(str(tmp_path))
    assert ["c.js"] == tree.names
    expected = [("folder-unreadable", "a/", os.strerror(number), warning)]
    assert expected == [(p.reference, p.where, p.value, p.warning) for p in tree.problems]


def test_a_path_that_is_too_long_is_told_as_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a/b.js")
    real = os.open

    def refuse(path: str, flags: int) -> int:
        if path.endswith("/a"):
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        return real(path, flags)

    monkeypatch.setattr(os, "open", refuse)
    [problem] = scan(str(tmp_path)).problems
    assert ("folder-unreadable", "File name too long", False) == (problem.reference, problem.value, problem.warning)
    assert problem.hint.startswith("shorten")


class Vanishing:
    """An entry whose file goes away before it is looked at."""

    name = "gone.js"

    def stat(self, *, follow_symlinks: bool) -> os.stat_result:
        raise FileNotFoundError(errno.ENOENT, "gone")


def test_a_root_that_can_not_be_listed_is_no_empty_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    [problem] = scan(str(tmp_path)).problems
    assert ("folder-unreadable", ".", False) == (problem.reference, problem.where, problem.warning)


def test_what_vanishes_during_the_scan_is_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a/b.js")
    write(tmp_path / "c.js")
    open_file, list_folder = os.open, os.scandir

    def open_or_miss(path: str, flags: int) -> int:
        if path.endswith("/a"):
            raise FileNotFoundError(errno.ENOENT, "gone")
        return open_file(path, flags)

    class Listing:
        def __init__(self, descriptor: int) -> None:
            self.entries = list_folder(descriptor)

        def __enter__(self) -> list[object]:
            return [Vanishing(), *self.entries]

        def __exit__(self, *_: object) -> None:
            self.entries.close()

    monkeypatch.setattr(os, "open", open_or_miss)
    monkeypatch.setattr(os, "scandir", Listing)
    tree = scan(str(tmp_path))
    assert ["c.js"] == tree.names
    assert () == tree.problems


def test_a_folder_that_is_swapped_for_a_link_is_not_entered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even the names of what lies elsewhere become known; the build stops, and the next one sees a link."""
    root = tmp_path / "root"
    write(root / "a/b.js")
    write(tmp_path / "elsewhere/secret.js")
    real = os.open

    def swap(path: str, flags: int) -> int:
        if path.endswith("/a"):
            (root / "a/b.js").unlink()
            (root / "a").rmdir()
            (root / "a").symlink_to(tmp_path / "elsewhere")
        return real(path, flags)

    monkeypatch.setattr(os, "open", swap)
    tree = scan(str(root))
    assert [] == tree.names
    assert [("folder-unreadable", False)] == [(problem.reference, problem.warning) for problem in tree.problems]


@given(st.dictionaries(NAMES, st.tuples(INTEGERS, INTEGERS, INTEGERS, INTEGERS), min_size=1))
def test_packing_loses_nothing(files: dict[str, tuple[int, int, int, int]]) -> None:
    packed = pack(list(files), [fact for facts in files.values() for fact in facts])
    assert files == unpack(packed, len(files))


def test_no_files_pack_to_nothing() -> None:
    assert {} == unpack(pack([], []), 0)


def test_numbers_beyond_63_bits_are_packed_alike_every_time() -> None:
    """An inode number may have 64 bits, and a date be after the year 2262."""
    packed = pack(["a.js"], [1, 32_503_680_000 * 10**9, 2**64 - 1, 0])
    assert packed == pack(["a.js"], [1, 32_503_680_000 * 10**9, 2**64 - 1, 0])
    assert packed != pack(["a.js"], [1, 32_503_680_000 * 10**9, 2**64 - 2, 0])
    assert (1, 0) == (unpack(packed, 1)["a.js"][0], unpack(packed, 1)["a.js"][3])


def test_a_shown_path_is_harmless_to_a_terminal() -> None:
    assert "a\\x1b[31m\\udcff" == printable("a\x1b[31m\udcff")

"""A release that was built elsewhere, in a state folder that can't be written: served as long as the files are its."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.release.blobs import StoreError
from cdnserve.release.build import build
from cdnserve.release.prebuilt import as_built
from cdnserve.release.scan import scan
from cdnserve.release.state_files import read_index
from cdnserve.release.store import Store
from cdnserve.release.writer import Built
from tests.cli.processes import UNMEASURED, environment
from tests.release.opened import Opened
from tests.release.roots import SCRIPT, plant, snapshot

FILES: dict[str, bytes | str] = {
    "npm/lib@1.0.0/a.js": SCRIPT,
    "page.css": SCRIPT + b"css",
    "unlisted/notes.txt": "not public",
}
LATER = 1_700_000_000


def copied(place: Path, to: Path) -> Path:
    """Copy a folder as layers of an image are: other inodes and ctimes, no fractions of seconds."""
    shutil.copytree(place, to, symlinks=True)
    for path in to.rglob("*"):
        if not path.is_symlink():
            second = int(path.stat().st_mtime)
            os.utime(path, (second, second))
    return to


def date_alike(root: Path, seconds: int = 0) -> None:
    """Give every file one date, as reproducible images have it."""
    for path in root.rglob("*"):
        os.utime(path, (seconds, seconds), follow_symlinks=False)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with its release in it, copied."""
    before = plant(tmp_path / "before", FILES)
    (before / "main.js").symlink_to("npm/lib@1.0.0/a.js")
    build(before, before / ".cdnserve")
    return copied(before, tmp_path / "root")


@pytest.fixture(params=[errno.EROFS, errno.EACCES, errno.EPERM], ids=errno.errorcode.get)
def denied(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody may write the state; the superuser, whom modes don't stop, stands for everybody."""
    real, state = os.open, str(tmp_path / "root/.cdnserve")

    def refuse(path: str, flags: int, *arguments: int, **named: Any) -> int:
        if flags & os.O_CREAT and os.fspath(path).startswith(state):
            raise OSError(request.param, os.strerror(request.param), path)
        return real(path, flags, *arguments, **named)

    monkeypatch.setattr(os, "open", refuse)


def told(root: Path, *, locked: bool = False) -> tuple[Problem, ...]:
    """Build, and give the problems."""
    with pytest.raises(ConfigurationError) as raised:
        build(root, root / ".cdnserve", locked=locked)
    return raised.value.problems


@pytest.mark.usefixtures("denied")
@pytest.mark.parametrize("locked", [False, True])
def test_the_same_files_are_served_as_built(root: Path, opened: Opened, locked: bool) -> None:
    before = snapshot(root)
    opened.among(FILES)
    assert Built(1, False) == build(root, root / ".cdnserve", locked=locked)
    assert [] == opened.among(FILES)
    assert before == snapshot(root)


@pytest.mark.usefixtures("denied")
def test_files_that_were_dated_alike_are_read_but_once(root: Path, opened: Opened) -> None:
    date_alike(root)
    opened.among(FILES)
    assert Built(1, False) == build(root, root / ".cdnserve", locked=True)
    assert ["a.js", "a.js", "page.css"] == sorted(opened.among(FILES))
    assert Built(1, False) == build(root, root / ".cdnserve")
    assert [] == opened.among(FILES)
    # The superuser of an image may still put another file there.
    (root / "page.css").write_bytes(b"X" + SCRIPT[1:] + b"css")
    assert "page.css" in told(root)[0].value
    (root / "page.css").write_bytes(SCRIPT + b"css")
    assert Built(1, False) == build(root, root / ".cdnserve")


def _manifest(root: Path) -> None:
    (root / "manifest.toml").write_bytes((root / "manifest.toml").read_bytes() + b"\n")


def _lock(root: Path) -> None:
    (root / "manifest.lock").unlink()


def _content(root: Path) -> None:
    (root / "page.css").write_bytes(SCRIPT + b"CSS")
    os.utime(root / "page.css", (LATER, LATER))


def _content_in_haste(root: Path) -> None:
    # In the very second that the index knows, perhaps: but a copy would have cut all of the fraction off, or nothing.
    (root / "page.css").write_bytes(SCRIPT + b"CSS")


def _size(root: Path) -> None:
    status = (root / "page.css").stat()
    (root / "page.css").write_bytes(SCRIPT)
    os.utime(root / "page.css", ns=(status.st_atime_ns, status.st_mtime_ns))


def _new(root: Path) -> None:
    (root / "new\x1bs.css").write_text("new")


def _gone(root: Path) -> None:
    (root / "unlisted/notes.txt").unlink()


def _link(root: Path) -> None:
    (root / "main.js").unlink()
    (root / "main.js").symlink_to("page.css")


def _pointer(root: Path) -> None:
    shutil.copy(root / ".cdnserve/releases/1.cat", root / ".cdnserve/releases/2.cat")
    (root / ".cdnserve/current").write_text("2\n")


@pytest.mark.usefixtures("denied")
@pytest.mark.parametrize(
    ("change", "named"),
    [
        pytest.param(_manifest, "manifest.toml", id="the manifest"),
        pytest.param(_lock, "manifest.lock", id="the lock"),
        pytest.param(_content, "page.css", id="content of the same size"),
        pytest.param(_content_in_haste, "page.css", id="content of the same size, a moment ago"),
        pytest.param(_size, "page.css", id="a size, under the same date"),
        pytest.param(_gone, "unlisted/notes.txt", id="a file that is gone"),
        pytest.param(_link, "main.js", id="a link that leads elsewhere"),
        pytest.param(_pointer, "current", id="the release that is current"),
    ],
)
def test_what_differs_is_named(root: Path, change: object, named: str) -> None:
    assert callable(change)
    change(root)
    (problem,) = told(root)
    assert ("state-unwritable", str(root / ".cdnserve")) == (problem.reference, problem.where)
    assert problem.value.endswith(f"; first difference: {named}")
    assert (problem,) == told(root)


@pytest.mark.usefixtures("denied")
def test_a_new_file_is_named_so_that_no_terminal_obeys_it(root: Path) -> None:
    (root / "new\x9b.css").write_text("left out by the scan, for its name")
    (root / "new\xa0.css").write_text("new")
    assert told(root)[0].value.endswith(r"; first difference: new\xa0.css")


@pytest.mark.usefixtures("denied")
def test_lost_blobs_are_told_too(root: Path) -> None:
    blob = Store(root / ".cdnserve").load().assets["page.css"].identity.sha256
    Store(root / ".cdnserve").blob(blob).unlink()
    built = build(root, root / ".cdnserve")
    assert (1, False, ["blob-missing"]) == (built.number, built.changed, [one.reference for one in built.warnings])
    assert ["state-unwritable", "blob-missing"] == [problem.reference for problem in told(root, locked=True)]


@pytest.mark.usefixtures("denied")
def test_a_damaged_catalog_is_told_with_what_helps(root: Path) -> None:
    catalog = root / ".cdnserve/releases/1.cat"
    catalog.write_bytes(catalog.read_bytes()[:-1])
    assert ["state-unwritable", "release-corrupt"] == [problem.reference for problem in told(root)]
    assert "build where it can be written" in told(root)[1].hint


@pytest.mark.usefixtures("denied")
def test_without_a_release_there_is_nothing_to_serve(tmp_path: Path) -> None:
    root = plant(tmp_path / "root", FILES)
    (problem,) = told(root)
    assert "state-unwritable" == problem.reference
    assert "difference" not in problem.value


@pytest.mark.usefixtures("denied")
def test_locked_takes_no_warning(root: Path) -> None:
    (root / "gone.js").symlink_to("nowhere")
    built = build(root, root / ".cdnserve")
    assert (1, False, ["link-dangles"]) == (built.number, built.changed, [one.reference for one in built.warnings])
    assert ["state-unwritable"] == [problem.reference for problem in told(root, locked=True)]


def test_a_disk_that_fails_is_no_protection(root: Path) -> None:
    state = str(root / ".cdnserve")
    failure = StoreError(OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(ConfigurationError) as raised:
        as_built(failure, scan(str(root), state), read_index(state), state, locked=False)
    assert ["disk-full"] == [problem.reference for problem in raised.value.problems]


NOBODY = 65_534


@pytest.fixture
def readable(root: Path) -> Iterator[Path]:
    """Let somebody else read the root, and all on the way to it."""
    if os.geteuid() != 0:
        pytest.skip("to be somebody else takes root")
    changed = [(path, path.stat().st_mode) for path in root.parents if path.stat().st_mode & 0o5 != 0o5]
    for path, mode in changed:
        path.chmod(mode | 0o5)
    yield root
    for path, mode in changed:
        path.chmod(mode)


def test_for_real_as_a_user_who_may_not_write(readable: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path;"
        "from cdnserve.release import prebuilt; from cdnserve.release.build import build;"
        f"os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY});"
        "print(build(Path(sys.argv[1]), Path(sys.argv[1], '.cdnserve')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(readable)],
        cwd=Path(__file__).parents[2],
        env=environment(**UNMEASURED),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ("", str(Built(1, False)) + "\n") == (done.stderr, done.stdout)

"""From the incoming folder to the public place: by renaming, all or nothing.

Never changes a file of a library that is there already.
"""

from __future__ import annotations

import contextlib
import filecmp
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.libraries.incoming import require_folder
from cdnserve.libraries.spec import Spec
from cdnserve.libraries.wording import shown


@dataclass(frozen=True, slots=True)
class Placement:
    """A library that lies ready in a folder of its own."""

    spec: Spec
    folder: Path


class Changes:
    """Changes to a root that are undone, last one first, unless they are kept."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._undo = contextlib.ExitStack()

    def __enter__(self) -> Changes:
        """Begin; what lies ready is on the disk before any of it is moved."""
        # One call for thousands of files: a quarter of the time that fsync takes for each.
        os.sync()
        return self

    def __exit__(self, *error: object) -> None:
        """Undo everything that was not kept."""
        self._undo.close()

    def keep(self) -> None:
        """Keep all changes."""
        self._undo.pop_all()

    def place(self, placement: Placement) -> bool:
        """Move a library to its place; say no if it lies there already, with the same content."""
        target = self._root / placement.spec.folder
        if is_present(target):
            _check_same(placement, target)
            return False
        if require_folder(target.parent, self._root):
            self._undo.callback(_quietly, target.parent.rmdir)
        os.rename(placement.folder, target)
        self._undo.callback(_quietly, lambda: os.rename(target, placement.folder))
        _sync_folder(target.parent)
        return True

    def restore_later(self, path: Path) -> None:
        """Remember a file as it is, to be put back if the changes are not kept."""
        before = path.read_bytes() if path.exists() else None
        undo = path.unlink if before is None else lambda: replace_file(path, before)
        self._undo.callback(_quietly, undo)


@contextlib.contextmanager
def reported(root: Path) -> Iterator[None]:
    """Turn what the disk refuses (full, read-only, not ours) into a problem."""
    try:
        yield
    except OSError as error:
        where = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else str(root)
        message = f"the libraries can't be changed: {error.strerror or error}"
        hint = "nothing was changed; make room, or let the user that runs cdnserve write there"
        problem = Problem("library-not-written", message, shown(where), hint=hint)
        raise ConfigurationError([problem]) from None


def is_present(folder: Path) -> bool:
    """Tell whether anything lies at a library's place; an empty folder is as good as none."""
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is not None
    except FileNotFoundError:
        return False
    except NotADirectoryError:
        return True


def replace_file(path: Path, data: bytes) -> None:
    """Write a file anew and put it in the old one's place, so that nobody ever sees half of it.

    Where the path is a symbolic link, the file that it points to is replaced.
    """
    real = Path(os.path.realpath(path))
    mode = stat.S_IMODE(real.stat().st_mode) if real.exists() else 0o644
    descriptor, name = tempfile.mkstemp(prefix=f".{real.name}.", dir=real.parent)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, real)
    except BaseException:
        os.unlink(name)
        raise
    _sync_folder(real.parent)


def _check_same(placement: Placement, target: Path) -> None:
    difference = _first_difference(placement.folder, target)
    if difference:
        message = "the library is here already with other content, and what was published must not change"
        hint = f"if nothing depends on it, delete {placement.spec.folder}/ and try again"
        raise ConfigurationError([Problem("library-changed", message, placement.spec.folder, difference, hint)])


def _first_difference(fresh: Path, present: Path) -> str:
    new, old = set(_files(fresh)), set(_files(present))
    for path in sorted(new | old):
        if path not in old:
            return f"{path} is missing"
        if path not in new:
            return f"{path} is not in the package, or not among its files that are kept"
        if (present / path).is_symlink() or not filecmp.cmp(fresh / path, present / path, shallow=False):
            return f"{path} differs"
    return ""


def _files(folder: Path) -> Iterator[str]:
    if not folder.is_dir() or folder.is_symlink():
        yield "."
        return
    for parent, folders, files in os.walk(folder):
        # A link to a folder counts as a file: no package has one.
        for name in [*files, *(name for name in folders if os.path.islink(os.path.join(parent, name)))]:
            yield Path(parent, name).relative_to(folder).as_posix()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _quietly(undo: Callable[[], object]) -> None:
    # One step that can't be undone must not keep the others from being tried.
    with contextlib.suppress(OSError):
        undo()

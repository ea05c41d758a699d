"""From the incoming folder to the public place: by renaming, all or nothing.

Never changes a file of a library that is there already.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import os
import shutil
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.libraries.changes.comparing import Comparison, compare_folders, files, first_difference
from cdnserve.libraries.changes.incoming import require_folder
from cdnserve.libraries.changes.journal import Journal, Step, roll_back
from cdnserve.libraries.spec import FOLDER, Spec
from cdnserve.libraries.wording import shown
from cdnserve.manifest.governing import changing, replace_file, sync_folder


@dataclass(frozen=True, slots=True)
class Placement:
    """A library that lies ready in a folder of its own."""

    spec: Spec
    folder: Path


class Changes:
    """Changes to a root that are undone, last one first, unless they are kept; `folder` is where they were made ready.

    While they are made nobody else writes the governing files.
    """

    def __init__(self, root: Path, folder: Path) -> None:
        self._root = root
        self._folder = folder
        self._numbers = itertools.count()
        self._kept = False

    def __enter__(self) -> Changes:
        """Begin; what lies ready is on the disk before any of it is moved."""
        # One call for thousands of files: a quarter of the time that fsync takes for each.
        os.sync()
        with contextlib.ExitStack() as held:
            held.enter_context(changing(self._root))
            self._journal = Journal(self._folder)
            self._held = held.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        """Undo everything that was not kept; what can't be undone now, the next command undoes."""
        with self._held:
            self._journal.close(done=self._kept)
            if not self._kept:
                with contextlib.suppress(OSError, ConfigurationError):
                    roll_back(self._root, self._folder)

    def keep(self) -> None:
        """Keep all changes."""
        self._kept = True

    def place(self, placement: Placement, *, beside: bool = False) -> int:
        """Move a library to its place, or only what is missing there; give how many files that were.

        What is there already must be the same; `beside` lets other files lie there too.
        """
        target = self._root / placement.spec.folder
        if is_present(target):
            difference = compare_folders(placement.folder, target)
            if difference.changed or (difference.extra and not beside):
                raise changed(placement.spec, difference)
            self.restore(placement, difference.absent)
            return len(difference.absent)
        self._require(target.parent)
        self._move(placement.folder, target)
        return sum(1 for _ in files(target))

    def restore(self, placement: Placement, paths: Iterable[str]) -> None:
        """Move some files of a library to where they are missing."""
        for path in paths:
            target = self._root / placement.spec.folder / path
            for parent in reversed(list(self._folders_above(target))):
                self._require(parent)
            self._move(placement.folder / path, target)

    def put(self, files: Mapping[str, Path], replaced: Collection[str]) -> None:
        """Move files that lie ready to their places, by their paths below the root; others lie where some are replaced.

        What is replaced is there all the time, in its old or its new form.
        """
        parents = {parent.as_posix() for path in files for parent in PurePosixPath(path).parents if parent.name}
        folders = sorted(parent for parent in parents if not os.path.lexists(self._root / parent))
        old = {path: self._aside() for path in replaced}
        for path in files:
            _require_place(self._root, path, is_new=path not in old)
        for path, place in old.items():
            _link(self._root / path, place)
        sync_folder(self._folder)
        makes = (Step("make", folder) for folder in folders)
        swaps = (Step("swap", path, self._relative(place)) for path, place in old.items())
        moves = (Step("move", path, self._relative(place)) for path, place in files.items() if path not in old)
        # All in one: a file each would wait for the disk a thousand times.
        self._journal.note(*makes, *swaps, *moves)
        for folder in folders:
            require_folder(self._root / folder, self._root)
        for path, place in files.items():
            _require_place(self._root, path, is_new=path not in old)
            os.replace(place, self._root / path)
        os.sync()

    def take_away(self, path: str) -> None:
        """Move a file or folder, by its path below the root, to where it goes with the command's own folder."""
        self._move(self._root / path, self._aside())

    def write(self, name: str, data: bytes) -> None:
        """Write a governing file."""
        path, before = self._root / name, self._aside()
        if path.exists():
            replace_file(before, path.read_bytes())
            before.chmod(stat.S_IMODE(path.stat().st_mode))
        source = before if path.exists() else None
        self._journal.note(Step("write", name, self._relative(source), hashlib.sha256(data).hexdigest()))
        replace_file(path, data)

    def _aside(self) -> Path:
        return self._folder / f"aside-{next(self._numbers)}"

    def _move(self, source: Path, target: Path) -> None:
        self._journal.note(Step("move", self._relative(target), self._relative(source)))
        os.rename(source, target)
        sync_folder(target.parent)

    def _require(self, folder: Path) -> None:
        if not os.path.lexists(folder):
            self._journal.note(Step("make", self._relative(folder)))
        require_folder(folder, self._root)

    def _folders_above(self, path: Path) -> Iterator[Path]:
        place = self._root / FOLDER
        yield from (parent for parent in path.parents if place in parent.parents)

    def _relative(self, path: Path | None) -> str:
        return path.relative_to(self._root).as_posix() if path else ""


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


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK):
            raise
        shutil.copy2(source, target, follow_symlinks=False)


def _require_place(root: Path, path: str, *, is_new: bool) -> None:
    if is_new and os.path.lexists(root / path):
        raise ConfigurationError([Problem("import-place", "something came to lie here meanwhile", path)])
    for parent in PurePosixPath(path).parents:
        if parent.name and os.path.lexists(root / parent) and not stat.S_ISDIR((root / parent).lstat().st_mode):
            message = "a folder is needed here, and no symbolic link to one"
            raise ConfigurationError([Problem("import-place", message, parent.as_posix(), hint="move it away")])


def changed(spec: Spec, difference: Comparison) -> ConfigurationError:
    """Say that a library's folder holds something else than the package does."""
    message = "the library here is not what the package holds, and what was published must not change"
    hint = f"if nothing depends on it, delete {spec.folder}/ and run the command again"
    value = shown(first_difference(difference))
    return ConfigurationError([Problem("library-changed", message, spec.folder, value, hint)])

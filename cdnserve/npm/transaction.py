"""From the incoming folder to the public place: by renaming, all or nothing."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import json
import os
import shutil
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cdnserve.display import excerpt
from cdnserve.errors import ConfigurationError, Problem
from cdnserve.files import NO_LOCKS, lock, replace_file, sync_folder
from cdnserve.manifest.files import LOCK, MANIFEST
from cdnserve.manifest.lock import Lock, changing, parse_lock, read_lock, write_lock
from cdnserve.manifest.model import is_unlisted
from cdnserve.modules.package_json import MADE
from cdnserve.npm.compare import Comparison, compare_folders, first_difference
from cdnserve.npm.spec import FOLDER, PinnedPackage

NAME = "journal"
_LARGEST = 2**30  # an import of a million files takes a tenth of it


@dataclass(frozen=True, slots=True)
class Step:
    """One step; paths are relative to the root.

    `move`: `target` was `source`. `swap`: the file `target` was what lies in `source`. `make`: the folder `target` was
    made. `write`: the governing file `target` was what lies in `source` (`""`: absent), and became what has the digest
    `after`.
    """

    kind: str
    target: str
    source: str = ""
    after: str = ""


class Journal:
    """The journal of one command, in its folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._file = self._path.open("xb")
        sync_folder(folder)

    def note(self, *steps: Step) -> None:
        """Write steps down, in their order; they are durable when this returns."""
        lines = (json.dumps([step.kind, step.target, step.source, step.after]) for step in steps)
        self._file.write("".join(f"{line}\n" for line in lines).encode())
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self, *, done: bool) -> None:
        """Close the journal; when all is done nothing can be taken back any more."""
        self._file.close()
        if done:
            self._path.unlink()
            sync_folder(self._path.parent)


def is_pending(folder: Path) -> bool:
    """Return whether a command left steps that are to be taken back."""
    return os.path.lexists(folder / NAME)


def roll_back(root: Path, folder: Path) -> None:
    """Take back the steps of the journal in a folder, last one first; raise OSError for what can't be.

    Whoever calls this has the right to change the governing files.
    """
    failures: list[OSError] = []
    for step in reversed(_steps(root, folder)):
        try:
            _take_back(root, step)
        except OSError as error:
            # One step that can't be taken back must not keep the others from being tried.
            failures.append(error)
    if failures:
        raise failures[0]
    (folder / NAME).unlink()


def _take_back(root: Path, step: Step) -> None:
    target, source = root / step.target, root / step.source
    match step.kind:
        case "move":
            # Where both are there the step was never taken.
            if os.path.lexists(target) and not os.path.lexists(source):
                os.rename(target, source)
        case "swap":
            if os.path.lexists(source):
                os.replace(source, target)
        case "make":
            with contextlib.suppress(OSError):
                target.rmdir()
        case _:
            _write_back(target, source if step.source else None, step.after)


def _write_back(target: Path, before: Path | None, after: str) -> None:
    if before and not before.exists():
        return  # it is back already
    if not target.exists() or hashlib.sha256(target.read_bytes()).hexdigest() == after:
        _put_back(target, before)
    elif target.name == LOCK:
        # A build has recorded files since; only the libraries go back.
        libraries = parse_lock(before.read_bytes()).libraries if before else {}
        write_lock(target, Lock(libraries, read_lock(target).immutable))
    # A manifest that a person has changed since is theirs.


def _put_back(target: Path, before: Path | None) -> None:
    if before is None:
        target.unlink(missing_ok=True)
        return
    try:
        # No room is needed for that, where the disk may be full.
        os.replace(before, os.path.realpath(target))
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        replace_file(target, before.read_bytes())


def _steps(root: Path, folder: Path) -> list[Step]:
    path = folder / NAME
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            data = file.read(_LARGEST)
        # What follows the last line's end was not durable, so its step was not taken.
        return [_step(root, line) for line in data.split(b"\n")[:-1]]
    except (ValueError, TypeError, RecursionError) as error:
        message = f"what an interrupted command left can't be read: {error}"
        hint = f"look into {folder.relative_to(root)}/ for files that you miss, then delete it"
        raise ConfigurationError([Problem("journal-damaged", message, str(path), hint=hint)]) from None


def _step(root: Path, line: bytes) -> Step:
    step = Step(*json.loads(line))
    if step.kind not in ("move", "swap", "make", "write") or not all(_is_ours(root, path) for path in _named(step)):
        raise ValueError("it names what no command may change")
    return step


def _named(step: Step) -> Iterator[str]:
    if step.kind != "write":
        yield step.target
    elif step.target not in (MANIFEST, LOCK):
        yield ""
    if step.source or step.kind in ("move", "swap"):
        yield step.source


def _is_ours(root: Path, path: object) -> bool:
    """Return whether a path lies in the root, with real folders only on the way, in no dot-folder but libraries'."""
    if not isinstance(path, str) or "\0" in path or path == FOLDER:
        return False
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts) or (parts[0] != FOLDER and is_unlisted(path)):
        return False
    parent = os.path.dirname(path)
    return os.path.realpath(root / parent) == str(Path(os.path.realpath(root), parent))


INCOMING = ".incoming"


@contextlib.contextmanager
def incoming_folder(root: Path) -> Iterator[Path]:
    """Yield an empty folder on the root's file system; it is gone again afterwards, whatever happened.

    While it is held no other command can change the root's libraries. What a killed one began is taken back first,
    and what it left there is removed.
    """
    place = root / FOLDER
    made = require_folder(place, root)
    folder = place / INCOMING
    try:
        with _held(folder, root):
            if is_pending(folder):
                with changing(root):
                    roll_back(root, folder)
            _empty(folder)
            yield folder
    finally:
        if made:
            # Not ours any more once a library lies in it.
            with contextlib.suppress(OSError):
                place.rmdir()


def require_folder(folder: Path, root: Path) -> bool:
    """Make sure that this is a real folder, and tell whether it had to be made.

    A symbolic link is refused: it could lead out of the root.
    """
    try:
        folder.mkdir()
    except FileExistsError:
        if not stat.S_ISDIR(folder.lstat().st_mode):
            where = folder.relative_to(root).as_posix()
            problem = Problem(
                "library-place", "libraries need a real folder here", where, hint="move what is there away"
            )
            raise ConfigurationError([problem]) from None
        return False
    return True


@contextlib.contextmanager
def _held(folder: Path, root: Path) -> Iterator[None]:
    descriptor = _locked(folder)
    if descriptor is None:
        hint = "wait until it has finished"
        problem = Problem("root-busy", "another command is changing the libraries here", str(root), hint=hint)
        raise ConfigurationError([problem])
    try:
        yield
    finally:
        # What could not be taken back must not be lost: the next command tries again.
        if not is_pending(folder):
            shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def _locked(folder: Path) -> int | None:
    """Make and lock the folder; the lock goes with the process, so a killed one leaves none behind."""
    while True:
        require_folder(folder, folder.parent.parent)
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except FileNotFoundError:
            continue
        if not lock(descriptor):
            os.close(descriptor)
            return None
        # Whoever held it before may have removed the folder that is locked now.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), folder.lstat()):
                return descriptor
        os.close(descriptor)


def _empty(folder: Path) -> None:
    for entry in list(os.scandir(folder)):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)


@dataclass(frozen=True, slots=True)
class Placement:
    """A library that lies ready in a folder of its own, with so many files."""

    spec: PinnedPackage
    folder: Path
    files: int


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

        What is there already must be the same; `beside` lets other files lie there too, as modules that were made of it
        may always.
        """
        target = self._root / placement.spec.folder
        if is_present(target):
            difference = compare_folders(placement.folder, target)
            strange = [path for path in difference.extra if not path.startswith(f"{MADE}/")]
            if difference.changed or (strange and not beside):
                raise changed(placement.spec, difference)
            self.restore(placement, difference.absent)
            return len(difference.absent)
        self._require(target.parent)
        self._move(placement.folder, target)
        return placement.files

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
        if error.errno in NO_LOCKS:
            hint = "nothing was changed; keep the root on a file system that has locks (flock)"
        problem = Problem("library-not-written", message, excerpt(where), hint=hint)
        raise ConfigurationError([problem]) from None


def is_present(folder: Path) -> bool:
    """Return whether anything lies at a library's place; an empty folder is as good as none."""
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


def changed(spec: PinnedPackage, difference: Comparison) -> ConfigurationError:
    """Return the problem of a library's folder that holds something else than the package does."""
    message = "the library here is not what the package holds, and what was published must not change"
    hint = f"if nothing depends on it, delete {spec.folder}/ and run the command again"
    value = excerpt(first_difference(difference))
    return ConfigurationError([Problem("library-changed", message, spec.folder, value, hint)])

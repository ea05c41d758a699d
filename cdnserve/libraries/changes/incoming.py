"""The place where libraries are unpacked before they are public: a dot-folder under the root, one command's at a time.

Never public (no rule can publish a dot-folder), never on another file system than the libraries' own place.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.libraries.changes.journal import is_pending, roll_back
from cdnserve.libraries.spec import FOLDER
from cdnserve.manifest.governing import changing

INCOMING = ".incoming"


@contextlib.contextmanager
def incoming_folder(root: Path) -> Iterator[Path]:
    """Give an empty folder on the root's file system; it is gone again afterwards, whatever happened.

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
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
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

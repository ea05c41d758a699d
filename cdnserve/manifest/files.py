"""The governing files: the manifest and its lock by name, replaced whole, by one writer at a time.

Never leaves half a file behind, and never takes the place of a symbolic link or of a file's mode.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

MANIFEST = "manifest.toml"
LOCK = "manifest.lock"

_DRAFT = re.compile(rf"\.(?:{re.escape(MANIFEST)}|{re.escape(LOCK)})\.[0-9a-f]{{16}}\.new")
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@contextlib.contextmanager
def changing(root: Path) -> Iterator[None]:
    """Hold the right to change the governing files of a root: whoever reads one to write it anew must have it.

    Waits for its turn. What a writer that was killed left half done is removed.
    """
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # A file system that can't lock a folder is one that no two commands should share anyway.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            _remove_drafts(root)
        yield
    finally:
        os.close(descriptor)


def replace_file(path: Path, data: bytes) -> None:
    """Write a file anew and put it in the old one's place, so that nobody ever sees half of it.

    Where the path is a symbolic link, the file that it points to is replaced; the mode stays.
    """
    real = Path(os.path.realpath(path))
    draft = real.with_name(f".{real.name}.{os.urandom(8).hex()}.new")
    try:
        with open(os.open(draft, _CREATE, 0o666), "wb") as file:
            file.write(data)
            if real.exists():
                os.fchmod(file.fileno(), stat.S_IMODE(real.stat().st_mode))
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, real)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(real.parent)


def sync_folder(folder: str | Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_drafts(root: Path) -> None:
    for name in os.listdir(root):
        if _DRAFT.fullmatch(name):
            os.unlink(root / name)

"""Files that are replaced whole, names that last, and locks (rename(2), fsync(2), flock(2))."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

READING = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
"""How a file is opened whose place may hold anything: a FIFO is not waited for."""
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


NO_FILE = (errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENXIO, errno.EINVAL, errno.ELOOP)
"""What the system, and `open_file`, say where something else lies in a file's place, or in a folder's."""
NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)
"""What the system says where a file system has no locks."""
# What it says of folders that it can't sync, as those of some network file systems (fsync(2): EINVAL).
_NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)


def open_file(path: str | Path, *, follow: bool = True) -> int:
    """Open a file for reading; raise OSError where it is none, as for a FIFO, which would be waited for.

    A symbolic link is none either, unless it is to be followed.
    """
    links = 0 if follow else os.O_NOFOLLOW
    descriptor = os.open(path, READING | links)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    number = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
    raise OSError(number, "Is a directory" if stat.S_ISDIR(mode) else "Is no file", os.fspath(path))


def read_file(path: str | Path) -> bytes:
    """Read a file; raises OSError where it is none."""
    with open(open_file(path), "rb") as file:
        return file.read()


def set_aside(path: str | Path) -> None:
    """Rename what lies in another's place, whatever it is, so that it is kept beside it; an empty folder goes."""
    with contextlib.suppress(OSError):
        os.rmdir(path)
        return
    os.rename(path, f"{os.fspath(path)}.{os.urandom(4).hex()}.aside")


def replace_file(path: str | Path, data: bytes, *, preserve: bool = True, draft: str = "") -> None:
    """Write a file anew and put it in the old one's place, so that nobody ever sees half of it.

    `preserve` and `draft` are as `replacing` takes them.
    """
    with replacing(path, preserve=preserve, draft=draft) as new:
        new.write(data)


@contextlib.contextmanager
def replacing(
    path: str | Path, *, preserve: bool = False, mode: int | None = None, draft: str = ""
) -> Iterator[NewFile]:
    """Yield a new file that takes the place of `path`, synced, if the block succeeds; else the old one stays.

    Where `path` is a symbolic link, it is replaced itself, unless asked to `preserve` it and the mode of the old file.
    The new file is written under the name `draft`, by default beside the old one.
    """
    target = os.path.realpath(path) if preserve else os.fspath(path)
    try:
        new = NewFile(draft or _draft_beside(target))
    except OSError as error:
        # Nobody asked for a file of the draft's name.
        raise OSError(error.errno, error.strerror, target) from None
    try:
        yield new
        if preserve and os.path.exists(target):
            mode = stat.S_IMODE(os.stat(target).st_mode)
        if mode is not None:
            os.fchmod(new.descriptor, mode)
        os.fsync(new.descriptor)
        new.rename(target)
    except BaseException:
        new.remove()
        raise
    sync_folder(os.path.dirname(target) or ".")


class NewFile:
    """A file under construction: it ends by being renamed to its place, or removed."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.descriptor = os.open(path, _CREATE, 0o666)

    def write(self, data: bytes) -> None:
        """Write all octets, however few of them the system takes at a time."""
        view = memoryview(data)
        while view:
            view = view[os.write(self.descriptor, view) :]

    def rename(self, target: str) -> None:
        """Put the file in its place, and close it."""
        os.replace(self.path, target)
        os.close(self.descriptor)

    def remove(self) -> None:
        """Close and delete the file."""
        os.close(self.descriptor)
        with contextlib.suppress(OSError):
            os.unlink(self.path)


def sync_folder(folder: str | Path) -> None:
    """Make the names in a folder durable, where its file system can be asked for that."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(descriptor)


def lock(descriptor: int, *, shared: bool = False, wait: bool = False) -> bool:
    """Lock an open file or folder, and return `False` where somebody else holds it; raise OSError where nothing locks.

    The lock goes with the descriptor, so a process that is killed leaves none behind.
    """
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def remove_drafts(folder: str | Path, names: Collection[str]) -> None:
    """Remove what writers that were killed left beside the files of these names."""
    draft = re.compile(rf"\.(?:{'|'.join(map(re.escape, names))})\.[0-9a-f]{{16}}\.new")
    for name in os.listdir(folder):
        if draft.fullmatch(name):
            os.unlink(os.path.join(folder, name))


def _draft_beside(target: str) -> str:
    folder, name = os.path.split(target)
    return os.path.join(folder, f".{name}.{os.urandom(8).hex()}.new")

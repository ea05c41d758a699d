"""Scan: which files lie below the root, and the signatures that tell whether they changed.

Never follows a symbolic link out of the root.
"""

from __future__ import annotations

import errno
import os
import stat
from array import array
from collections.abc import Iterable
from dataclasses import dataclass

from cdnserve.display import name_fault, printable
from cdnserve.errors import Problem
from cdnserve.manifest.files import LOCK, MANIFEST, Governing

Signature = tuple[int, int, int, int]
"""Size, mtime and inode number, and the ctime, which no program can set back; times in nanoseconds."""

_WELL_KNOWN = ".well-known"
# Links to folders may lie inside each other, but so that a few of them cannot name a million paths.
_NESTED_LINKS = 4


_FORMAT = 0o170000
_REGULAR = stat.S_IFREG
_FOLDER = stat.S_IFDIR
_LINK = stat.S_IFLNK


@dataclass(frozen=True, slots=True)
class Tree:
    """What a scan found: `names` are logical paths, `facts` their signatures, four numbers each.

    `targets` and `folders` say where paths really lie that lead through a symbolic link.
    """

    root: str
    names: list[str]
    facts: list[int]
    targets: dict[str, str]
    folders: dict[str, str]
    problems: tuple[Problem, ...]

    def real(self, path: str) -> str:
        """Return the path below the root, free of symbolic links, of a logical path."""
        folder, slash, name = path.rpartition("/")
        prefix = folder + slash
        return self.targets.get(path) or self.folders.get(prefix, prefix) + name

    def packed(self) -> bytes:
        """Return names and signatures as octets, equal when and only when nothing changed."""
        return pack(self.names, self.facts)

    def signatures(self) -> dict[str, Signature]:
        """Return the signature of each logical path."""
        return unpack(self.packed(), len(self.names))


@dataclass(frozen=True, slots=True)
class Look:
    """What a root was at one moment; `unquiet` are the paths that were otherwise at the look before, if there was one.

    Files that were as they are have `rested` then, for as long as lay between the two.
    """

    tree: Tree
    governing: Governing
    unquiet: frozenset[str] = frozenset()
    rested: bool = False


def signature(status: os.stat_result) -> Signature:
    """Return the signature of a file from its status."""
    return status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns


def pack(names: list[str], facts: list[int]) -> bytes:
    """Write names and signatures as octets; no name holds a line feed."""
    try:
        numbers = array("q", facts)
    except OverflowError:  # an inode number of 64 bits, or a time after the year 2262
        numbers = array("q", ((fact + 2**63) % 2**64 - 2**63 for fact in facts))
    return numbers.tobytes() + "\n".join(names).encode()


def unpack(octets: bytes, count: int) -> dict[str, Signature]:
    """Read what `pack` wrote for so many files.

    >>> unpack(pack(["a.js"], [10, 1_000, 7, 2_000]), 1)
    {'a.js': (10, 1000, 7, 2000)}
    """
    numbers = iter(array("q", octets[: 32 * count]))
    names = octets[32 * count :].decode().split("\n")
    return dict(zip(names, zip(numbers, numbers, numbers, numbers, strict=True), strict=False))


def scan(root: str, without: str = "") -> Tree:
    """List the files below `root`, a real path; `without` is a folder in it to leave out, as a real path.

    Dot-files, dot-folders, the manifest and its lock are left out silently, what is no readable file
    with a warning.
    """
    walk = _Walk(root, without)
    walk.run()
    for name in (MANIFEST, LOCK):
        if name in walk.names:
            at = walk.names.index(name)
            del walk.names[at], walk.facts[4 * at : 4 * at + 4]
    problems = tuple(sorted(walk.problems, key=lambda problem: problem.where))
    return Tree(root, walk.names, walk.facts, walk.targets, walk.folders, problems)


class _Walk:
    """One walk; a folder on the stack is its logical prefix, its real path and the folders whose links led to it."""

    def __init__(self, root: str, without: str) -> None:
        self.root = root
        self.base = root.rstrip("/") + "/"
        self.without = without
        self.names: list[str] = []
        self.facts: list[int] = []
        self.targets: dict[str, str] = {}
        self.folders: dict[str, str] = {}
        self.problems: list[Problem] = []
        self.stack: list[tuple[str, str, tuple[str, ...]]] = [("", root, ())]

    def run(self) -> None:
        while self.stack:
            prefix, path, trail = self.stack.pop()
            if trail:
                self.folders[prefix] = path[len(self.base) :] + "/"
            try:
                self.enter(prefix, path, trail)
            except FileNotFoundError:
                continue
            except OSError as error:
                self.problems.append(_folder_unreadable(prefix, error))

    def enter(self, prefix: str, path: str, trail: tuple[str, ...]) -> None:
        # By its descriptor: each status is then a look into one folder, not a walk down the path.
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            with os.scandir(descriptor) as entries:
                self.sort(prefix, path.rstrip("/"), trail, entries)
        finally:
            os.close(descriptor)

    def sort(self, prefix: str, path: str, trail: tuple[str, ...], entries: Iterable[os.DirEntry[str]]) -> None:
        # Runs for each of perhaps 100,000 files in every build: no call in it that is not needed.
        names, facts = self.names, self.facts
        for entry in entries:
            name = entry.name
            if name[0] == "." and name != _WELL_KNOWN:
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if ("\\" in name or not name.isprintable()) and self.refuses(prefix, name):
                continue
            kind = status.st_mode & _FORMAT
            if kind == _REGULAR:
                names.append(prefix + name)
                facts += (status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns)
            elif kind == _FOLDER:
                if f"{path}/{name}" != self.without:
                    self.stack.append((f"{prefix}{name}/", f"{path}/{name}", trail))
            elif kind == _LINK:
                self.link(prefix + name, path, f"{path}/{name}", trail)
            else:
                self.problems.append(_special(prefix + name))

    def refuses(self, prefix: str, name: str) -> bool:
        fault = name_fault(name)
        if fault:
            self.problems.append(_name_refused(prefix + name, fault))
        return bool(fault)

    def link(self, logical: str, folder: str, path: str, trail: tuple[str, ...]) -> None:
        try:
            real = os.path.realpath(path, strict=True)
            status = os.lstat(real)
        except OSError as error:
            self.problems.append(_broken_link(logical, error))
            return
        if self.leaves(real):
            self.problems.append(_leaving(logical))
        elif stat.S_ISREG(status.st_mode):
            self.names.append(logical)
            self.facts += signature(status)
            self.targets[logical] = real[len(self.base) :]
        elif not stat.S_ISDIR(status.st_mode):
            self.problems.append(_special(logical))
        elif len(trail) == _NESTED_LINKS or any(_within(visited, real) for visited in (*trail, folder)):
            self.problems.append(_looping(logical))
        else:
            self.stack.append((logical + "/", real, (*trail, folder)))

    def leaves(self, real: str) -> bool:
        if not _within(real, self.root) or (self.without and _within(real, self.without)):
            return True
        relative = real[len(self.base) :]
        hidden = any(part[:1] == "." for part in relative.removeprefix(_WELL_KNOWN + "/").split("/"))
        return hidden or relative.lower() in (MANIFEST, LOCK)


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _name_refused(path: str, fault: str) -> Problem:
    return Problem(
        "name-refused",
        f"left out: the name {fault}",
        where=printable(path),
        hint="rename it: no URL names such a file in the same way everywhere",
        warning=True,
    )


def _special(path: str) -> Problem:
    return Problem(
        "file-special",
        "left out: neither a file nor a folder",
        where=printable(path),
        hint="move sockets, FIFOs and devices out of the root",
        warning=True,
    )


def _folder_unreadable(prefix: str, error: OSError) -> Problem:
    return Problem(
        "folder-unreadable",
        "left out with all that is in it: the folder can't be listed",
        where=printable(prefix) or ".",
        value=error.strerror or "",
        hint="shorten the names of the folders above it, or move it out of the root"
        if error.errno == errno.ENAMETOOLONG
        else "let the user that builds read and enter it",
        # A root that can't be listed must not become a release of nothing.
        warning=bool(prefix) and error.errno in (errno.EACCES, errno.EPERM),
    )


def _broken_link(path: str, error: OSError) -> Problem:
    if error.errno == errno.ELOOP:
        return _looping(path)
    return Problem(
        "link-dangles",
        "left out: the symbolic link leads to nothing that can be reached",
        where=printable(path),
        value=error.strerror or "",
        hint="remove the link, or put a file where it leads",
        warning=True,
    )


def _leaving(path: str) -> Problem:
    return Problem(
        "link-leaves-root",
        "left out: the symbolic link leads out of the root, or to a file that is never public",
        where=printable(path),
        hint="copy the file to where it shall be public",
        warning=True,
    )


def _looping(path: str) -> Problem:
    return Problem(
        "link-loops",
        "left out: symbolic links lead in a circle, or lie too deep inside each other",
        where=printable(path),
        hint=f"remove the link; at most {_NESTED_LINKS} links to folders may lie inside each other",
        warning=True,
    )

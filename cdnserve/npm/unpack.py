"""A package's tarball: checked against its integrity metadata (SRI), then unpacked in bounded memory.

Never unpacks an octet of what has not been verified, and never writes outside the folder it is given.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cdnserve.decode import OversizeError
from cdnserve.display import excerpt
from cdnserve.errors import ConfigurationError, Problem
from cdnserve.npm.settings import DownloadLimits
from cdnserve.npm.spec import PinnedPackage
from cdnserve.npm.tar import Archive, CorruptError, DecodedReader, ForbiddenError, Member
from cdnserve.release.scan import name_fault
from cdnserve.rules.globs import matches
from cdnserve.rules.integrity import parse_metadata, strongest

LONGEST_PART = 255
DEEPEST = 32
_LICENSE = re.compile(
    r"(un)?licen[cs]e|copying|copyright|notice|ofl([-._]|$)|.*[-._]licen[cs]e(\.(txt|md))?$", re.IGNORECASE
)


def inner_path(name: str) -> str:
    """Return a member's path below the package's folder; only `Names` judges whether it is a path.

    As npm does, the first part is dropped whatever it is called (it is mostly `package`), and so is what leads nowhere.

    >>> inner_path("package/dist/jquery.js"), inner_path("package/./dist//x.js"), inner_path("package/../x.js")
    ('dist/jquery.js', 'dist/x.js', '../x.js')
    """
    *folders, last = name.partition("/")[2].split("/")
    return "/".join([*(part for part in folders if part not in ("", ".")), last])


def is_always_kept(path: str) -> bool:
    """Return whether a file stays whatever the manifest's globs say: package.json and licences, wherever they lie.

    >>> is_always_kept("package.json"), is_always_kept("fonts/OFL.txt"), is_always_kept("dist/jquery.js")
    (True, True, False)
    """
    return path == "package.json" or bool(_LICENSE.match(path.rpartition("/")[2]))


def is_kept(path: str, globs: Iterable[str]) -> bool:
    """Return whether a file of a package stays by the manifest's globs, of which none mean all.

    >>> is_kept("dist/x.js", ["*.css"]), is_kept("LICENSE", ["*.css"]), is_kept("dist/x.js", [])
    (False, True, True)
    """
    return is_named(path, globs) or is_always_kept(path)


def is_named(path: str, globs: Iterable[str]) -> bool:
    """Return whether globs, of which none mean all, name a file themselves."""
    several = tuple(globs)
    return not several or any(matches(glob, path) for glob in several)


class Names:
    """The files that have come so far; refuses a name that isn't one path, and no other's, on every system.

    `most` counts files and the folders they lie in, `longest` is in octets.
    """

    def __init__(self, most: int, longest: int) -> None:
        self._most = most
        self._longest = longest
        self._known: dict[str, tuple[str, bool]] = {}

    def add(self, path: str, member: Member) -> bool:
        """Remember a file's `inner_path` and the folders above it; return whether it is new.

        Raise ForbiddenError or OversizeError for what may not be.
        """
        if why := member.forbidden or self._fault(path, member.name):
            raise ForbiddenError(why, member.name)
        parts = path.split("/")
        for depth in range(1, len(parts)):
            self._add("/".join(parts[:depth]), member, is_folder=True)
        is_new = self._add(path, member, is_folder=False)
        if len(self._known) > self._most:
            raise OversizeError(f"it has more than {self._most} files and folders")
        return is_new

    def _fault(self, path: str, name: str) -> str:
        if fault := name_fault(name):
            return f"a name that {fault}"
        if name.startswith("/"):
            return "an absolute name"
        if not path:
            return "a file outside the package's folder"
        parts = path.split("/")
        if parts[-1] in ("", ".") or ".." in name.split("/"):
            return "a name with an empty, '.' or '..' part"
        if len(parts) > DEEPEST:
            return f"a name with more than {DEEPEST} parts"
        octets = [len(part.encode()) for part in parts]
        if max(octets) > LONGEST_PART or sum(octets) + len(parts) > self._longest:
            return "a name that is too long"
        return ""

    def _add(self, path: str, member: Member, *, is_folder: bool) -> bool:
        # macOS and Windows compare names without case, macOS without composition as well.
        plain = path if path.isascii() else unicodedata.normalize("NFC", path)
        folded = unicodedata.normalize("NFC", plain.casefold())
        if folded not in self._known:
            self._known[folded] = (path, is_folder)
            return True
        known, was_folder = self._known[folded]
        if known != path:
            why = f"a name that differs only by case or composition from {known!r}"
        elif was_folder != is_folder:
            why = "a name that is both a file's and a folder's"
        else:
            return False
        raise ForbiddenError(why, member.name)


@dataclass(frozen=True, slots=True)
class UnpackedTarball:
    """What was written: the files' paths below the folder, sorted, and all their octets."""

    files: tuple[str, ...]
    size: int


def satisfies(expression: str, integrity: str) -> bool:
    """Return whether a measured hash expression is among the strongest of integrity metadata.

    >>> satisfies("sha256-" + "A" * 43 + "=", "sha1-x sha256-" + "A" * 43 + "="), satisfies("", "")
    (True, False)
    """
    return bool(expression) and expression in map(str, strongest(parse_metadata(integrity)))


def unpack(
    tarball: BinaryIO, folder: Path, spec: PinnedPackage, keep: Callable[[str], bool], limits: DownloadLimits
) -> UnpackedTarball:
    """Write the files that are kept into a folder that is new and empty; raise ConfigurationError at the first flaw."""
    tarball.seek(0)
    archive = Archive(DecodedReader(tarball, "gzip", limits.unpacked), limits.members)
    try:
        files, size = _write(_kept(archive, keep, limits), archive, folder)
    except CorruptError as error:
        raise _refused(Problem("tarball-corrupt", f"{spec}: {error}")) from None
    except OversizeError as error:
        raise _refused(Problem("tarball-too-large", f"{spec}: {error}")) from None
    except ForbiddenError as error:
        message = f"{spec}: the tarball holds {error}"
        hint = "nothing was unpacked; tell whoever publishes the package, or choose what you need with --files"
        raise _refused(Problem("tarball-member", message, "", excerpt(error.value), hint)) from None
    return UnpackedTarball(tuple(sorted(files)), size)


def _kept(archive: Archive, keep: Callable[[str], bool], limits: DownloadLimits) -> Iterator[tuple[str, Member, bool]]:
    """Yield the files that are kept, each with whether it is new; what isn't kept is neither judged nor counted."""
    names = Names(limits.kept, limits.path)
    for member in archive:
        path = inner_path(member.name)
        if not member.is_folder and keep(path):
            yield path, member, names.add(path, member)


def _write(members: Iterator[tuple[str, Member, bool]], archive: Archive, folder: Path) -> tuple[list[str], int]:
    files: list[str] = []
    size = 0
    made = set[str]()
    for path, member, is_new in members:
        if not is_new:
            # Some packers write one file under two spellings of its path.
            if not holds(folder / path, archive.content()):
                raise ForbiddenError("a file that comes twice, with different content", member.name)
            continue
        parent, _, name = path.rpartition("/")
        if parent not in made:
            (folder / parent).mkdir(parents=True, exist_ok=True)
            made.add(parent)
        target = os.path.join(folder, parent, name)
        _write_file(target, archive.content())
        os.utime(target, (member.modified, member.modified))
        files.append(path)
        size += member.size
    return files, size


def _write_file(target: str, pieces: Iterator[bytes]) -> None:
    # Exclusive, so that a name that two checks saw differently still can't be written over or through.
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    with open(descriptor, "wb") as file:
        file.writelines(pieces)


def holds(path: Path, pieces: Iterator[bytes]) -> bool:
    """Return whether a regular file, no link to one, has just this content."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return False
        same = all(file.read(len(piece)) == piece for piece in pieces)
        return same and not file.read(1)


def _refused(problem: Problem) -> ConfigurationError:
    return ConfigurationError([problem])

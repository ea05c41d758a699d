"""A package's tarball: checked against its integrity metadata (SRI), then unpacked in bounded memory.

Never unpacks an octet of what has not been verified, and never writes outside the folder it is given.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.libraries.archives.archive import Archive, ForbiddenError, Member
from cdnserve.libraries.archives.gunzip import CorruptError, Gunzip, OversizeError
from cdnserve.libraries.archives.members import Names, inner_path
from cdnserve.libraries.settings import Limits
from cdnserve.libraries.spec import Spec
from cdnserve.libraries.wording import shown
from cdnserve.rules.integrity import parse_metadata, strongest


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What was written: the files' paths below the folder, sorted, and all their octets."""

    files: tuple[str, ...]
    size: int


def satisfies(expression: str, integrity: str) -> bool:
    """Tell whether a measured hash expression is among the strongest of integrity metadata.

    >>> satisfies("sha256-" + "A" * 43 + "=", "sha1-x sha256-" + "A" * 43 + "="), satisfies("", "")
    (True, False)
    """
    return bool(expression) and expression in map(str, strongest(parse_metadata(integrity)))


def unpack(tarball: BinaryIO, folder: Path, spec: Spec, keep: Callable[[str], bool], limits: Limits) -> Unpacked:
    """Write the files that are kept into a folder that is new and empty; raise ConfigurationError at the first flaw."""
    tarball.seek(0)
    archive = Archive(Gunzip(tarball, limits.unpacked), limits.members)
    try:
        files, size = _write(_kept(archive, keep, limits), archive, folder)
    except CorruptError as error:
        raise _refused(Problem("tarball-corrupt", f"{spec}: {error}")) from None
    except OversizeError as error:
        raise _refused(Problem("tarball-too-large", f"{spec}: {error}")) from None
    except ForbiddenError as error:
        message = f"{spec}: the tarball holds {error}"
        hint = "nothing was unpacked; tell whoever publishes the package, or choose what you need with --files"
        raise _refused(Problem("tarball-member", message, "", shown(error.value), hint)) from None
    return Unpacked(tuple(sorted(files)), size)


def _kept(archive: Archive, keep: Callable[[str], bool], limits: Limits) -> Iterator[tuple[str, Member, bool]]:
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
    """Tell whether a regular file, no link to one, has just this content."""
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

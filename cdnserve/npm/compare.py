"""A library's folder compared with what it should hold: octet for octet, file by file; no symbolic link is followed."""

from __future__ import annotations

import contextlib
import filecmp
import hashlib
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cdnserve.files import open_file
from cdnserve.npm.settings import DownloadLimits
from cdnserve.npm.unpack import Archive, DecodedReader, holds, inner_path
from cdnserve.rules.integrity import hash_expression


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a folder differs: paths below it, sorted."""

    absent: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Return whether there is any difference."""
        return bool(self.absent or self.changed or self.extra)


def compare_folders(fresh: Path, present: Path) -> Comparison:
    """Compare a library's folder with a fresh one."""

    def is_same(path: str) -> bool:
        return filecmp.cmp(fresh / path, present / path, shallow=False)

    return _compared(set(files(fresh)), present, is_same)


def compare_tarball(
    tarball: BinaryIO, present: Path, keep: Callable[[str], bool], limits: DownloadLimits
) -> Comparison:
    """Compare a library's folder with a tarball that has been verified and unpacked before."""
    tarball.seek(0)
    archive = Archive(DecodedReader(tarball, "gzip", limits.unpacked), limits.members)
    here = set(files(present))
    wanted, same = set[str](), set[str]()
    for member in archive:
        path = inner_path(member.name)
        if member.is_folder or not keep(path):
            continue
        wanted.add(path)
        if path in here and holds(present / path, archive.content()):
            same.add(path)
    return _compared(wanted, present, same.__contains__)


def files(folder: Path) -> Iterator[str]:
    """Yield the paths of all files below a folder; a link counts as a file, `.` stands for what is no folder."""
    if not folder.is_dir() or folder.is_symlink():
        yield "."
        return
    for parent, folders, names in os.walk(folder):
        # A link to a folder counts as a file: no package has one.
        for name in [*names, *(name for name in folders if os.path.islink(os.path.join(parent, name)))]:
            yield Path(parent, name).relative_to(folder).as_posix()


def first_difference(comparison: Comparison) -> str:
    """Return what differs first, as people read it; `""` for nothing."""
    kinds: tuple[tuple[Iterable[str], str], ...] = (
        (comparison.changed, "{} differs"),
        (comparison.absent, "{} is missing"),
        (comparison.extra, "{} is not in the package, or not among its files that are kept"),
    )
    several = [(paths, words) for paths, words in kinds if paths]
    if not several:
        return ""
    paths, words = several[0]
    more = sum(len(list(paths)) for paths, _ in several) - 1
    return words.format(next(iter(paths))) + (f", and {more} more" if more else "")


def _compared(wanted: Collection[str], present: Path, is_same: Callable[[str], bool]) -> Comparison:
    here = set(files(present))
    both = sorted(here.intersection(wanted))
    changed = [path for path in both if (present / path).is_symlink() or not _safely(is_same, path)]
    return Comparison(tuple(sorted(set(wanted) - here)), tuple(changed), tuple(sorted(here - set(wanted))))


def _safely(is_same: Callable[[str], bool], path: str) -> bool:
    # What can't be read, or is no regular file, is not what the package has.
    with contextlib.suppress(OSError):
        return is_same(path)
    return False


def digest_of(folder: Path) -> str:
    """Return one hash expression of all files in a folder, their paths and what they hold; `""` where it has none."""
    digest, is_empty = hashlib.sha512(), True
    for path in sorted(files(folder)) if folder.is_dir() and not folder.is_symlink() else ():
        is_empty = False
        content = _content(folder / path)
        digest.update(f"{hashlib.sha512(content).hexdigest()}  {path}\n".encode())
    return "" if is_empty else hash_expression("sha512", digest.digest())


def _content(path: Path) -> bytes:
    with open(open_file(path, follow=False), "rb") as file:
        return file.read()

"""Tarballs kept for the next command, by their digests: whole ones that were verified, and downloads under way.

Never returns a damaged tarball: whatever is taken out is verified again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cdnserve.files import lock
from cdnserve.npm.download import _PIECE, Measured, strong_validator
from cdnserve.npm.settings import NpmSettings
from cdnserve.rules.integrity import parse_metadata, strongest

_OFF = "off"
_LONGEST_NOTE = 256


def cache_folder(settings: NpmSettings) -> Path | None:
    """Return where tarballs are kept: CDNSERVE_CACHE, else below XDG_CACHE_HOME or ~/.cache; `None` for nowhere.

    `CDNSERVE_CACHE=off` turns the cache off.
    """
    said = settings.environment.get("CDNSERVE_CACHE", "")
    if not settings.caches or said == _OFF:
        return None
    if said:
        return settings.directory / said
    shared = Path(settings.environment.get("XDG_CACHE_HOME", ""))
    # XDG Base Directory Specification: a relative path is invalid and must be ignored.
    folder = shared if shared.is_absolute() else settings.home / ".cache"
    return folder / "cdnserve" if folder.is_absolute() else None


@dataclass(frozen=True, slots=True)
class Begun:
    """A download that may have been begun by an earlier command; `validator` is the entity tag of what the file holds.

    While it is open no other command continues it.
    """

    file: BinaryIO
    path: Path
    validator: str

    def note(self, validator: str) -> None:
        """Remember the entity tag of what begins to come; what has none can't be continued."""
        with contextlib.suppress(OSError):
            note = _note(self.path)
            note.unlink(missing_ok=True)
            if validator:
                with note.open("x", encoding="ascii") as file:
                    file.write(validator)

    def discard(self) -> None:
        """Remove what there is."""
        for path in (self.path, _note(self.path)):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


class TarballCache:
    """A folder of tarballs; safe in several threads and commands at once."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self._limit = limit

    def copy(self, integrity: str, sink: Measured) -> bool:
        """Copy the tarball that satisfies integrity metadata into a sink; say no if there is none that does.

        An entry that is damaged is removed.
        """
        for expression in strongest(parse_metadata(integrity)):
            entry = self._entry(expression.algorithm, expression.digest)
            with contextlib.suppress(OSError):
                if _copied(entry, sink, self._limit) and sink.expression == str(expression):
                    return True
                entry.unlink()
        return False

    @contextlib.contextmanager
    def begun(self, integrity: str) -> Iterator[Begun | None]:
        """Yield what there is of a tarball with this integrity, and the file for the rest, or `None`."""
        path = self._folder / "begun" / hashlib.sha256(integrity.encode()).hexdigest()
        file = _held(path)
        if file is None:
            yield None
            return
        begun = Begun(file, path, _noted(path))
        try:
            yield begun
        finally:
            # Where there is no room, whoever wrote has heard of it.
            with contextlib.suppress(OSError):
                file.flush()
            if not os.fstat(file.fileno()).st_size:
                begun.discard()
            with contextlib.suppress(OSError):
                file.close()

    def keep(self, begun: Begun, expression: str) -> None:
        """Make a whole download an entry, once it has been verified to have this hash expression."""
        (parsed,) = parse_metadata(expression)
        entry = self._entry(parsed.algorithm, parsed.digest)
        with contextlib.suppress(OSError):
            begun.file.flush()
            entry.parent.mkdir(parents=True, exist_ok=True)
            os.replace(begun.path, entry)
            _note(begun.path).unlink(missing_ok=True)

    def _entry(self, algorithm: str, digest: bytes) -> Path:
        name = digest.hex()
        return self._folder / "tarballs" / algorithm / name[:2] / f"{name}.tgz"


def _copied(entry: Path, sink: Measured, limit: int) -> bool:
    """Copy an entry, whose owner and permissions say nothing: what it holds is measured."""
    try:
        descriptor = os.open(entry, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
            return False
        sink.restart("")
        while piece := file.read(_PIECE):
            sink.write(piece)
    return True


def _held(path: Path) -> BinaryIO | None:
    """Open and lock a download's file; the lock goes with the process, so a killed one leaves none behind."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    except OSError:
        return None
    try:
        if lock(descriptor) and _is_ours(path, descriptor):
            return open(descriptor, "r+b")
    except OSError:
        pass
    os.close(descriptor)
    return None


def _is_ours(path: Path, descriptor: int) -> bool:
    """Return whether nobody else can write to the file that is locked, and it is still the one that lies there."""
    status = os.fstat(descriptor)
    alone = stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and not status.st_mode & 0o022
    return alone and status.st_uid == os.geteuid() and os.path.samestat(status, path.lstat())


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.etag")


def _noted(path: Path) -> str:
    try:
        with _note(path).open("rb") as note:
            said = note.read(_LONGEST_NOTE)
    except OSError:
        return ""
    return strong_validator(said.decode("ascii", "replace"))

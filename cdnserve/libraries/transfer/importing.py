"""`import`: what `export` wrote, into a root, all or nothing.

Never places anything before everything is verified, and never takes away a file that the archive does not have.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.libraries.changes.incoming import incoming_folder
from cdnserve.libraries.changes.placing import Changes, reported
from cdnserve.libraries.transfer.judging import Verdict, judge
from cdnserve.libraries.transfer.unpacking import Unpacked, unpack
from cdnserve.manifest.governing import LOCK, MANIFEST
from cdnserve.rules.integrity import hash_expression, matches, parse_metadata


@dataclass(frozen=True, slots=True)
class Imported:
    """How many files are new, were replaced, and lay there already."""

    new: int
    replaced: int
    same: int


def import_archive(root: Path, source: Path | BinaryIO, *, replace: bool = False, integrity: str = "") -> Imported:
    """Take an archive, from a file or a stream; raise ConfigurationError with every problem, and then nothing changed.

    `integrity` is the metadata that the archive itself must satisfy, `""` for none. A root that isn't there is made.
    """
    with reported(root), _made(root), incoming_folder(root) as folder:
        with _archive(source, folder) as archive:
            _check(archive, integrity)
            files = folder / "files"
            files.mkdir()
            unpacked = unpack(archive, files)
        with Changes(root, folder) as changes:
            verdict = judge(root, unpacked, replace=replace)
            _place(changes, unpacked, verdict)
            changes.keep()
    return Imported(len(verdict.new), len(verdict.replaced), verdict.same)


def _place(changes: Changes, unpacked: Unpacked, verdict: Verdict) -> None:
    files = [path for path in (*verdict.new, *verdict.replaced) if path != MANIFEST]
    changes.put({path: unpacked.places[path] for path in files}, [path for path in verdict.replaced if path in files])
    # The governing files last: they speak of what is there by then.
    if verdict.lock:
        changes.write(LOCK, verdict.lock)
    if MANIFEST in (*verdict.new, *verdict.replaced):
        changes.write(MANIFEST, unpacked.places[MANIFEST].read_bytes())


@contextlib.contextmanager
def _made(root: Path) -> Iterator[None]:
    """Make the root if it isn't there; it is gone again where nothing came into it."""
    made = not root.exists()
    if made:
        root.mkdir()
    try:
        yield
    finally:
        if made:
            with contextlib.suppress(OSError):
                root.rmdir()


@contextlib.contextmanager
def _archive(source: Path | BinaryIO, folder: Path) -> Iterator[BinaryIO]:
    """Give the archive as a file of our own, so that nobody changes it between two reads."""
    with tempfile.TemporaryFile(dir=folder) as copy:
        if isinstance(source, Path):
            with _opened(source) as file:
                shutil.copyfileobj(file, copy)
        else:
            shutil.copyfileobj(source, copy)
        copy.seek(0)
        yield copy


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        file = path.open("rb")
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigurationError([Problem("archive-unreadable", reason, str(path))]) from None
    with file:
        yield file


def _check(archive: BinaryIO, integrity: str) -> None:
    algorithms = {expression.algorithm for expression in parse_metadata(integrity)}
    digests = {}
    for algorithm in algorithms:
        archive.seek(0)
        digests[algorithm] = hashlib.file_digest(archive, algorithm).digest()  # type: ignore[arg-type] # it is readable
    if integrity and not matches(integrity, digests):
        message = "the archive is not the one that was meant"
        got = " ".join(hash_expression(algorithm, digest) for algorithm, digest in digests.items())
        value = f"expected {integrity}, got {got or 'nothing comparable'}"
        raise ConfigurationError([Problem("archive-integrity", message, "", value, "nothing was changed")])
    archive.seek(0)

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
from cdnserve.libraries.incoming import incoming_folder
from cdnserve.libraries.placing import reported
from cdnserve.libraries.transfer.judging import Verdict, judge
from cdnserve.libraries.transfer.plan import carry_out, is_pending, make_plan, take_back
from cdnserve.libraries.transfer.unpacking import Unpacked, unpack
from cdnserve.manifest.governing import LOCK, MANIFEST, changing
from cdnserve.rules.integrity import hash_expression, matches, parse_metadata

FOLDER = ".importing"
"""Where files lie that are not verified yet: a dot-folder of the root, so never public, and on its file system."""


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
    with reported(root), _made(root), incoming_folder(root), _own_folder(root) as folder:
        with _archive(source, folder) as archive:
            _check(archive, integrity)
            files = folder / "files"
            files.mkdir()
            unpacked = unpack(archive, files)
        with changing(root):
            verdict = judge(root, unpacked, replace=replace)
            _place(root, folder, unpacked, verdict)
    return Imported(len(verdict.new), len(verdict.replaced), verdict.same)


def _place(root: Path, folder: Path, unpacked: Unpacked, verdict: Verdict) -> None:
    new = {path: unpacked.places[path].relative_to(folder).as_posix() for path in verdict.new if path != MANIFEST}
    replaced = tuple(path for path in verdict.replaced if path != MANIFEST)
    governing = {LOCK: verdict.lock} if verdict.lock else {}
    if MANIFEST in (*verdict.new, *verdict.replaced):
        governing[MANIFEST] = unpacked.places[MANIFEST].read_bytes()
    if new or replaced or governing:
        plan = make_plan(root, new, replaced, governing)
        carry_out(root, folder, plan, unpacked.places, governing)


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
def _own_folder(root: Path) -> Iterator[Path]:
    """Give an empty dot-folder in the root, after what a killed import left has been taken back."""
    folder = root / FOLDER
    if is_pending(folder):
        with changing(root):
            take_back(root, folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        # What could not be taken back must not be lost.
        if not is_pending(folder):
            shutil.rmtree(folder, ignore_errors=True)


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

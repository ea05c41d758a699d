"""`export`: a root as one archive (POSIX.1-2017 pax), the same octets for the same files wherever it is made.

Never leaves half an archive where a whole one was asked for.
"""

from __future__ import annotations

import contextlib
import os
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.libraries.archives.archive import BLOCK, PIECE
from cdnserve.libraries.transfer.codings import Coding, Encoder, coding_of
from cdnserve.libraries.transfer.gathering import Load, gather
from cdnserve.libraries.transfer.index import FOLDER, LARGEST, NAME, OUTERMOST, Entry, encode_index
from cdnserve.manifest.governing import LOCK, MANIFEST
from cdnserve.release.build import find_places
from cdnserve.release.sources import Sources


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: the number of files, their octets, the archive's octets and its integrity metadata."""

    files: int
    content: int
    size: int
    integrity: str
    warnings: tuple[Problem, ...]


def export(root: Path, state: Path, target: Path | BinaryIO) -> Exported:
    """Write the archive to a file, with the coding that its name asks for, or plain to a stream.

    Raises ConfigurationError with every problem; a file that was there before is then left as it was.
    """
    places = find_places(root, state)
    load = gather(places.root, places.inner)
    if not isinstance(target, Path):
        return _write(load, target, "")
    with _draft(target) as file:
        return _write(load, file, coding_of(target.name))


@contextlib.contextmanager
def _draft(target: Path) -> Iterator[BinaryIO]:
    """Give a file that takes the target's place once it is whole."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        # Nobody asked for a file of the draft's name.
        raise OSError(error.errno, error.strerror, str(target)) from None
    try:
        with open(descriptor, "wb") as file:
            yield file
            os.fchmod(file.fileno(), 0o644)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


def _write(load: Load, target: BinaryIO, coding: Coding) -> Exported:
    encoder = Encoder(target, coding)
    governing = {name: Entry(len(octets), sha256(octets).hexdigest()) for name, octets in load.governing.items()}
    entries = load.entries | governing
    index = encode_index(entries)
    if len(index) > LARGEST:
        message = "the root has more files than one archive can hold"
        raise ConfigurationError([Problem("export-too-large", message, load.root, f"{len(entries):,} files")])
    _put_header(encoder, NAME, len(index))
    _put(encoder, index)
    # The governing files come before what they govern.
    for name in (MANIFEST, LOCK):
        if name in load.governing:
            _put_header(encoder, FOLDER + name, entries[name].size)
            _put(encoder, load.governing[name])
    with Sources(load.root) as sources:
        for path, real in load.files.items():
            _put_header(encoder, FOLDER + path, entries[path].size)
            _copy(encoder, sources.open(real), path, entries[path])
    encoder.write(bytes(2 * BLOCK))
    integrity = encoder.finish()
    content = sum(entry.size for entry in entries.values())
    return Exported(len(entries), content, encoder.size, integrity, load.warnings)


def _put_header(encoder: Encoder, name: str, size: int) -> None:
    # Owner, mode and time are the same for every file, whoever exports and whenever.
    member = tarfile.TarInfo(OUTERMOST + name)
    member.size, member.mode = size, 0o644
    encoder.write(member.tobuf(tarfile.PAX_FORMAT))


def _put(encoder: Encoder, octets: bytes) -> None:
    encoder.write(octets + bytes(-len(octets) % BLOCK))


def _copy(encoder: Encoder, descriptor: int, path: str, entry: Entry) -> None:
    digest, left = sha256(), entry.size
    with open(descriptor, "rb") as file:
        while left and (piece := file.read(min(left, PIECE))):
            digest.update(piece)
            encoder.write(piece)
            left -= len(piece)
        is_whole = not file.read(1)
    if left or not is_whole or digest.hexdigest() != entry.sha256:
        message = "the file was changed or replaced while it was read"
        hint = "export again once nothing writes there"
        raise ConfigurationError([Problem("file-unstable", message, path, hint=hint)])
    encoder.write(bytes(-entry.size % BLOCK))

"""`export`: a root as one archive (POSIX.1-2017 pax), the same octets for the same files wherever it is made.

Never leaves half an archive where a whole one was asked for.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from cdnserve.decode import PIECE, OversizeError
from cdnserve.display import excerpt
from cdnserve.errors import ConfigurationError, Problem
from cdnserve.files import replacing
from cdnserve.manifest.files import LOCK, MANIFEST
from cdnserve.manifest.lock import Lock, read_lock
from cdnserve.manifest.model import RuleMatcher
from cdnserve.manifest.reader import inspect_manifest
from cdnserve.npm.bundle_format import (
    BUNDLE_FOLDER,
    LARGEST,
    NAME,
    OUTERMOST,
    BundleEntry,
    Coding,
    Encoder,
    coding_of,
    encode_index,
)
from cdnserve.npm.spec import FOLDER
from cdnserve.npm.unpack import BLOCK, ForbiddenError, Member, Names, inner_path
from cdnserve.release.immutable import broken, promises
from cdnserve.release.read import FileContent, Sources, read
from cdnserve.release.scan import scan
from cdnserve.release.store import find_places

LONGEST_PATH = 1024
MOST_NAMES = 1_000_000


@dataclass(frozen=True, slots=True)
class BundleContents:
    """What goes into an archive: the governing files' content, the real paths of all others, and the index of all.

    Real paths are relative to the root and free of symbolic links.
    """

    root: str
    governing: dict[str, bytes]
    files: dict[str, str]
    entries: dict[str, BundleEntry]
    warnings: tuple[Problem, ...]


def gather(root: str, without: str) -> BundleContents:
    """Read every file once, for its digest; raise ConfigurationError with every problem.

    `root` is a real path; `without` is the folder of releases where it lies in the root, else `""`.
    """
    reading, lock = inspect_manifest(Path(root, MANIFEST)), read_lock(Path(root, LOCK))
    tree = scan(root, without)
    find = RuleMatcher(reading.manifest.rules).find
    public = {path: tree.real(path) for path in tree.names if find(path) is not None}
    absent = [_absent(library) for library in lock.libraries if not Path(root, FOLDER, library).is_dir()]
    files = dict(sorted((public | dict(_libraries(root, lock))).items()))
    contents, problems = _read(root, files)
    told = (*absent, *problems, *tree.problems, *broken(promises(lock), contents), *_names(files))
    if any(not problem.warning for problem in told):
        raise ConfigurationError([problem for problem in told if not problem.warning])
    governing = {name: Path(root, name).read_bytes() for name in (MANIFEST, LOCK) if Path(root, name).is_file()}
    entries = {path: BundleEntry(content.size, content.sha256.hex()) for path, content in contents.items()}
    kept = {path: files[path] for path in contents}
    return BundleContents(root, governing, kept, entries, (*reading.warnings, *told))


def _libraries(root: str, lock: Lock) -> Iterator[tuple[str, str]]:
    """Yield every file in the folders of the locked libraries, dot-files and licences too."""
    for library in lock.libraries:
        for parent, _, names in os.walk(os.path.join(root, FOLDER, library)):
            for name in names:
                path = os.path.relpath(os.path.join(parent, name), root)
                if not os.path.islink(os.path.join(root, path)):
                    yield path, path


def _read(root: str, files: dict[str, str]) -> tuple[dict[str, FileContent], list[Problem]]:
    contents: dict[str, FileContent] = {}
    problems: list[Problem] = []
    with Sources(root) as sources:
        for path, real in files.items():
            found = read(sources, real)
            if isinstance(found, FileContent):
                contents[path] = found
            elif found:
                problems.append(found)
    return contents, problems


def _names(files: dict[str, str]) -> Iterator[Problem]:
    """Yield a problem for each name that `import` would refuse, because it isn't one file on every system."""
    names = Names(MOST_NAMES, LONGEST_PATH)
    for path in files:
        member = Member(OUTERMOST + path, is_folder=False, size=0, modified=0)
        try:
            names.add(inner_path(member.name), member)
        except (ForbiddenError, OversizeError) as error:
            message = f"this can't be unpacked everywhere: {error}"
            yield Problem("export-name", message, excerpt(path), hint="rename it, or leave it out of every rule")


def _absent(library: str) -> Problem:
    message = "the lock has this library, but it is not here"
    return Problem("export-absent", message, f"{FOLDER}/{library}", hint="run cdnserve sync")


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
    with replacing(target, mode=0o644) as new, open(new.descriptor, "wb", closefd=False) as file:
        return _write(load, file, coding_of(target.name))


def _write(load: BundleContents, target: BinaryIO, coding: Coding) -> Exported:
    encoder = Encoder(target, coding)
    governing = {name: BundleEntry(len(octets), sha256(octets).hexdigest()) for name, octets in load.governing.items()}
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
            _put_header(encoder, BUNDLE_FOLDER + name, entries[name].size)
            _put(encoder, load.governing[name])
    with Sources(load.root) as sources:
        for path, real in load.files.items():
            _put_header(encoder, BUNDLE_FOLDER + path, entries[path].size)
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


def _copy(encoder: Encoder, descriptor: int, path: str, entry: BundleEntry) -> None:
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

"""From an archive to files that nobody sees yet, each compared with the index (POSIX.1-2017 pax).

Never takes a member that the index does not have, and never writes by a name that came from the archive.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256, sha384, sha512
from pathlib import Path
from typing import BinaryIO

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.libraries.archives.archive import BLOCK, Archive, ForbiddenError, Member
from cdnserve.libraries.archives.gunzip import CorruptError, OversizeError
from cdnserve.libraries.archives.members import Names, inner_path
from cdnserve.libraries.transfer.codings import decoded
from cdnserve.libraries.transfer.gathering import LONGEST_PATH, MOST_NAMES
from cdnserve.libraries.transfer.index import FOLDER, LARGEST, NAME, Entry, Index, decode_index, not_exported
from cdnserve.libraries.wording import counted, shown
from cdnserve.release.sources import Content

MOST_MEMBERS = 4_000_000
# A file has its own header, and an extended one where its name is long; what pads the end of the archive is short.
_OVERHEAD = 16 * BLOCK
_PADDING = 2**20


@dataclass(frozen=True, slots=True)
class Unpacked:
    """Files by logical path: where each lies now, and its digests."""

    places: dict[str, Path]
    contents: dict[str, Content]


def unpack(source: BinaryIO, folder: Path) -> Unpacked:
    """Write the files of a seekable archive into an empty folder, numbered; raise ConfigurationError at a flaw."""
    try:
        return _unpack(source, folder)
    except (CorruptError, OversizeError) as error:
        hint = "fetch or make it again; nothing was changed"
        raise ConfigurationError([Problem("archive-corrupt", f"no sound archive: {error}", hint=hint)]) from None
    except ForbiddenError as error:
        message = f"the archive holds {error}"
        hint = "cdnserve export writes no such thing: find out where the archive comes from"
        raise ConfigurationError([Problem("archive-member", message, "", shown(error.value), hint)]) from None


def _unpack(source: BinaryIO, folder: Path) -> Unpacked:
    stream = decoded(source, LARGEST + _PADDING)
    archive = Archive(stream, MOST_MEMBERS)
    members = iter(archive)
    index = _read_index(next(members, None), archive, folder)
    stream.limit += index.size + _OVERHEAD * len(index.files)
    unpacked = Unpacked({}, {})
    for path, member in _files(members):
        entry = index.files.get(path)
        if entry is None or member.size != entry.size:
            raise ForbiddenError("a file that its index does not have, or has in another size", member.name)
        place = folder / str(len(unpacked.places))
        unpacked.contents[path] = _write(place, archive.content(), path, entry)
        unpacked.places[path] = place
    missing = index.files.keys() - unpacked.places.keys()
    if missing:
        raise CorruptError(f"{len(missing)} of the files in its index are missing, {shown(min(missing))} for one")
    return unpacked


def _read_index(first: Member | None, archive: Archive, folder: Path) -> Index:
    if first is None or first.is_folder or first.forbidden or inner_path(first.name) != NAME:
        raise not_exported("it does not begin with an index")
    if first.size > LARGEST:
        raise OversizeError("its index is too large")
    index = decode_index(b"".join(archive.content()))
    free = shutil.disk_usage(folder).free
    if index.size > free:
        value = f"{counted(index.size)} are needed, {counted(free)} are free"
        raise ConfigurationError([Problem("archive-too-large", "there is no room for the files", str(folder), value)])
    return index


def _files(members: Iterator[Member]) -> Iterator[tuple[str, Member]]:
    names = Names(MOST_NAMES, LONGEST_PATH)
    for member in members:
        path = inner_path(member.name)
        if member.is_folder or not path.startswith(FOLDER):
            raise ForbiddenError("what is no file of a root", member.name)
        if not names.add(path, member):
            raise ForbiddenError("a file that comes twice", member.name)
        yield path.removeprefix(FOLDER), member


def _write(place: Path, pieces: Iterator[bytes], path: str, entry: Entry) -> Content:
    hashes = sha256(), sha384(), sha512()
    with place.open("xb") as file:
        for piece in pieces:
            file.write(piece)
            for algorithm in hashes:
                algorithm.update(piece)
    if hashes[0].hexdigest() != entry.sha256:
        raise CorruptError(f"{shown(path)} is not what its index says")
    return Content(hashes[0].digest(), hashes[1].digest(), hashes[2].digest(), (entry.size, 0, 0, 0))

"""`import`: what `export` wrote, into a root, all or nothing."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256, sha384, sha512
from pathlib import Path
from typing import BinaryIO

from cdnserve.decode import OversizeError
from cdnserve.display import excerpt, readable_size
from cdnserve.errors import ConfigurationError, Problem, Problems
from cdnserve.manifest.files import LOCK, MANIFEST
from cdnserve.manifest.lock import Lock, parse_lock, read_lock, render_lock
from cdnserve.manifest.model import RuleMatcher
from cdnserve.manifest.reader import parse_manifest
from cdnserve.npm.bundle_export import LONGEST_PATH, MOST_NAMES
from cdnserve.npm.bundle_format import (
    BUNDLE_FOLDER,
    LARGEST,
    NAME,
    BundleEntry,
    BundleIndex,
    decode_index,
    decoded,
    not_exported,
)
from cdnserve.npm.spec import FOLDER
from cdnserve.npm.transaction import Changes, incoming_folder, reported
from cdnserve.npm.unpack import BLOCK, Archive, CorruptError, ForbiddenError, Member, Names, inner_path
from cdnserve.release.immutable import broken, promises
from cdnserve.release.package_entries import library_folder
from cdnserve.release.read import FileContent, Sources, read
from cdnserve.rules.integrity import hash_expression, matches, parse_metadata

MOST_MEMBERS = 4_000_000
# A file has its own header, and an extended one where its name is long; what pads the end of the archive is short.
_OVERHEAD = 16 * BLOCK
_PADDING = 2**20


@dataclass(frozen=True, slots=True)
class UnpackedBundle:
    """Files by logical path: where each lies now, and its digests."""

    places: dict[str, Path]
    contents: dict[str, FileContent]


def unpack(source: BinaryIO, folder: Path) -> UnpackedBundle:
    """Write the files of a seekable archive into an empty folder, numbered; raise ConfigurationError at a flaw."""
    try:
        return _unpack(source, folder)
    except (CorruptError, OversizeError) as error:
        hint = "fetch or make it again; nothing was changed"
        raise ConfigurationError([Problem("archive-corrupt", f"no sound archive: {error}", hint=hint)]) from None
    except ForbiddenError as error:
        message = f"the archive holds {error}"
        hint = "cdnserve export writes no such thing: find out where the archive comes from"
        raise ConfigurationError([Problem("archive-member", message, "", excerpt(error.value), hint)]) from None


def _unpack(source: BinaryIO, folder: Path) -> UnpackedBundle:
    stream = decoded(source, LARGEST + _PADDING)
    archive = Archive(stream, MOST_MEMBERS)
    members = iter(archive)
    index = _read_index(next(members, None), archive, folder)
    stream.limit += index.size + _OVERHEAD * len(index.files)
    unpacked = UnpackedBundle({}, {})
    for path, member in _files(members):
        entry = index.files.get(path)
        if entry is None or member.size != entry.size:
            raise ForbiddenError("a file that its index does not have, or has in another size", member.name)
        place = folder / str(len(unpacked.places))
        unpacked.contents[path] = _write(place, archive.content(), path, entry)
        unpacked.places[path] = place
    missing = index.files.keys() - unpacked.places.keys()
    if missing:
        raise CorruptError(f"{len(missing)} of the files in its index are missing, {excerpt(min(missing))} for one")
    return unpacked


def _read_index(first: Member | None, archive: Archive, folder: Path) -> BundleIndex:
    if first is None or first.is_folder or first.forbidden or inner_path(first.name) != NAME:
        raise not_exported("it does not begin with an index")
    if first.size > LARGEST:
        raise OversizeError("its index is too large")
    index = decode_index(b"".join(archive.content()))
    free = shutil.disk_usage(folder).free
    if index.size > free:
        value = f"{readable_size(index.size)} are needed, {readable_size(free)} are free"
        raise ConfigurationError([Problem("archive-too-large", "there is no room for the files", str(folder), value)])
    return index


def _files(members: Iterator[Member]) -> Iterator[tuple[str, Member]]:
    names = Names(MOST_NAMES, LONGEST_PATH)
    for member in members:
        path = inner_path(member.name)
        if member.is_folder or not path.startswith(BUNDLE_FOLDER):
            raise ForbiddenError("what is no file of a root", member.name)
        if not names.add(path, member):
            raise ForbiddenError("a file that comes twice", member.name)
        yield path.removeprefix(BUNDLE_FOLDER), member


def _write(place: Path, pieces: Iterator[bytes], path: str, entry: BundleEntry) -> FileContent:
    hashes = sha256(), sha384(), sha512()
    with place.open("xb") as file:
        for piece in pieces:
            file.write(piece)
            for algorithm in hashes:
                algorithm.update(piece)
    if hashes[0].hexdigest() != entry.sha256:
        raise CorruptError(f"{excerpt(path)} is not what its index says")
    return FileContent(hashes[0].digest(), hashes[1].digest(), hashes[2].digest(), (entry.size, 0, 0, 0))


@dataclass(frozen=True, slots=True)
class BundleComparison:
    """The paths that are new and those that lie there with other content; `lock` are the octets of the joined lock."""

    new: tuple[str, ...]
    replaced: tuple[str, ...]
    same: int
    lock: bytes


def judge(root: Path, unpacked: UnpackedBundle, *, replace: bool) -> BundleComparison:
    """Decide about every file; raise ConfigurationError with everything that speaks against it."""
    incoming = _incoming_lock(unpacked)
    present = read_lock(root / LOCK)
    problems = Problems([*_strangers(unpacked, incoming), *_conflicts(incoming, present)])
    for promised in (promises(incoming), promises(present)):
        problems += broken(promised, unpacked.contents)
    joined = Lock(
        {**present.libraries, **incoming.libraries},
        {**incoming.immutable, **present.immutable},
    )
    found = {path: _compare(root, path, content) for path, content in unpacked.contents.items() if path != LOCK}
    problems += [problem for problem in found.values() if isinstance(problem, Problem)]
    different = tuple(sorted(path for path, state in found.items() if state is False))
    if not replace:
        problems += [_different(path) for path in different]
    problems.raise_errors()
    return BundleComparison(
        new=tuple(sorted(path for path, state in found.items() if state is None)),
        replaced=different,
        same=sum(state is True for state in found.values()),
        lock=b"" if joined == present and (root / LOCK).exists() else render_lock(joined),
    )


def _incoming_lock(unpacked: UnpackedBundle) -> Lock:
    place = unpacked.places.get(LOCK)
    return parse_lock(place.read_bytes()) if place else Lock()


def _strangers(unpacked: UnpackedBundle, lock: Lock) -> Iterator[Problem]:
    """Yield a problem for each file that neither a rule publishes nor a library of the lock has."""
    place = unpacked.places.get(MANIFEST)
    if place is None:
        raise not_exported("it has no manifest")
    try:
        text = place.read_bytes().decode()
    except UnicodeDecodeError:
        raise not_exported("its manifest is not UTF-8") from None
    find = RuleMatcher(parse_manifest(text).rules).find
    for path in unpacked.places:
        is_kept = library_folder(path).removeprefix(f"{FOLDER}/") in lock.libraries
        if path not in (MANIFEST, LOCK) and not is_kept and find(path) is None:
            message = "the archive holds a file that its manifest doesn't publish"
            hint = "cdnserve export writes no such thing: find out where the archive comes from"
            yield Problem("archive-member", message, "", excerpt(path), hint)


def _conflicts(incoming: Lock, present: Lock) -> Iterator[Problem]:
    for library, entry in incoming.libraries.items():
        known = present.libraries.get(library)
        if known and known.integrity != entry.integrity:
            message = f"{library}: the lock here records another tarball than the archive's"
            value = f"expected {known.integrity}, got {entry.integrity}"
            hint = "find out which of the two is the package before you remove either entry"
            yield Problem("import-lock", message, LOCK, value, hint)


def _compare(root: Path, path: str, content: FileContent) -> bool | Problem | None:
    """Return whether a file lies there with the same content; `None` where nothing does."""
    # The manifest may be a symbolic link, and stays one.
    real = (root / path).resolve() if path == MANIFEST else root / path
    try:
        with Sources(str(real.parent.resolve() if path == MANIFEST else root.resolve())) as sources:
            found = read(sources, real.name if path == MANIFEST else path)
    except FileNotFoundError:
        return None
    if isinstance(found, Problem):
        message = "what lies here is no regular file, or can't be read"
        return Problem("import-place", message, excerpt(path), found.value, "move it away")
    return found.sha256 == content.sha256 if found else None


def _different(path: str) -> Problem:
    if path == MANIFEST:
        message = "the manifest here differs from the archive's"
        return Problem("import-differs", message, path, hint="to have the archive's: cdnserve import --replace")
    message = "the file here differs from the archive's"
    return Problem("import-differs", message, excerpt(path), hint="to have the archive's: cdnserve import --replace")


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


def _place(changes: Changes, unpacked: UnpackedBundle, verdict: BundleComparison) -> None:
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
    """Yield the archive as a file of our own, so that nobody changes it between two reads."""
    with tempfile.TemporaryFile(dir=folder) as copy:
        if isinstance(source, Path):
            with _opened(source) as file:
                shutil.copyfileobj(file, copy)
        else:
            shutil.copyfileobj(source, copy)
        copy.seek(0)
        yield copy


_MAKE = "cdnserve export makes such an archive"


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        file = path.open("rb")
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigurationError([Problem("archive-unreadable", reason, str(path), hint=_MAKE)]) from None
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

"""Own builds: a folder, or a tarball as `npm pack` makes it (pax, gzip), hosted as a library that no registry has."""

from __future__ import annotations

import errno
import hashlib
import os
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast

from cdnserve.display import excerpt, readable_size
from cdnserve.errors import ConfigurationError, Problem
from cdnserve.files import open_file
from cdnserve.manifest.files import LOCK
from cdnserve.manifest.model import Revision, is_kept
from cdnserve.npm.add import AddOptions, begin_with, commit_all, require_options
from cdnserve.npm.apply import Added, Decision, read_project
from cdnserve.npm.download import DownloadProgress
from cdnserve.npm.fetch import Order, Session, StagedLibrary, require_kept
from cdnserve.npm.settings import DownloadLimits, NpmSettings
from cdnserve.npm.spec import checked_spec, parse_spec
from cdnserve.npm.transaction import Placement, incoming_folder, is_present, reported
from cdnserve.npm.unpack import MODIFIED, unpack
from cdnserve.rules.integrity import hash_expression

_IN_MEMORY = 2**23
_PIECE = 2**18
_LEFT_OUT = "node_modules"


def add_own(
    root: Path,
    source: Path,
    pin: str,
    settings: NpmSettings,
    progress: DownloadProgress | None = None,
    options: AddOptions | None = None,
) -> Added:
    """Host a folder or a tarball as NAME@VERSION; raise ConfigurationError with every problem, and nothing has changed.

    What is or was hosted under that version must be the same.
    """
    request, options = parse_spec(pin), options or AddOptions()
    spec = checked_spec(request.name, request.wanted)
    with begin_with(root, options) as is_first:
        require_options([request], options, read_project(root))
        with reported(root), incoming_folder(root) as folder, Session(settings, progress) as session:
            project = read_project(root)
            entry = project.entries.get(spec.name)
            files = entry.files if entry else options.files
            staged = _staged(
                source, Order(spec, files, project.lock.integrity(str(spec)), own=True), folder, settings.limits
            )
            _require_same(staged, root)
            revision = Revision(spec.name, added=(spec.version,), files=options.files)
            decision = Decision((staged,), revisions=(revision,))
            libraries, warnings = commit_all(root, folder, project, decision, options, session)
    return Added(libraries, warnings, is_first, (str(spec),))


def _staged(source: Path, order: Order, folder: Path, limits: DownloadLimits) -> StagedLibrary:
    """Unpack what a source holds into a folder of its own."""
    place = folder / order.spec.folder
    place.mkdir(parents=True)
    with tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(folder)) as temporary:
        tarball = cast(BinaryIO, temporary)
        coding = "identity" if source.is_dir() else "gzip"
        if source.is_dir():
            _pack(source, tarball, limits)
        else:
            _copy(source, tarball, limits.tarball)
        integrity = _integrity(tarball)
        try:
            unpacked = unpack(tarball, place, order.spec, lambda path: is_kept(path, order.files), limits, coding)
        except ConfigurationError as error:
            raise ConfigurationError(replace(problem, where=str(source)) for problem in error.problems) from None
    require_kept(unpacked, order)
    return StagedLibrary(order, Placement(order.spec, place, len(unpacked.files)), unpacked, integrity)


def _require_same(staged: StagedLibrary, root: Path) -> None:
    """Refuse what differs from what the lock records, where nothing lies here to be compared with."""
    order = staged.order
    if order.locked in ("", staged.integrity) or is_present(root / order.spec.folder):
        return
    message = f"{order.spec}: this is not the build that {LOCK} records, and what was published must not change"
    value = f"expected {order.locked}, got {staged.integrity}"
    hint = "give this build another version, or take the folder of the first one from where it still is"
    raise ConfigurationError([Problem("own-build-differs", message, order.spec.folder, value, hint)])


def _pack(source: Path, tarball: BinaryIO, limits: DownloadLimits) -> None:
    """Write the files of a folder into an archive, in an order and with times that are always the same."""
    size = 0
    with tarfile.open(fileobj=tarball, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8") as archive:
        for path in sorted(_files(source)):
            with _opened(source / path) as file:
                member = tarfile.TarInfo(f"package/{path}")
                member.size, member.mtime = os.fstat(file.fileno()).st_size, MODIFIED
                size += member.size
                if size > limits.unpacked:
                    raise _refused(f"it holds more than {readable_size(limits.unpacked)}", str(source))
                archive.addfile(member, file)


def _files(source: Path) -> Iterator[str]:
    """Yield the paths of all files below a folder, but for hidden ones and node_modules."""
    for parent, folders, names in os.walk(source, onerror=_raise):
        folders[:] = [name for name in folders if name != _LEFT_OUT and name[:1] != "."]
        links = [name for name in folders if Path(parent, name).is_symlink()]
        for name in (*names, *links):
            if name[:1] != ".":
                yield Path(parent, name).relative_to(source).as_posix()


def _raise(error: OSError) -> None:
    raise error


def _opened(path: Path) -> BinaryIO:
    """Open a regular file; raise ConfigurationError for what is none, which might be waited for or lead elsewhere."""
    try:
        return open(open_file(path, follow=False), "rb")
    except OSError as error:
        is_other = error.errno == errno.EINVAL
        why = "it is neither a file nor a folder" if is_other else f"it can't be read: {error.strerror}"
        raise _refused(why, str(path)) from None


def _copy(source: Path, tarball: BinaryIO, limit: int) -> None:
    with _opened(Path(os.path.realpath(source))) as file:
        while piece := file.read(_PIECE):
            tarball.write(piece)
            if tarball.tell() > limit:
                raise _refused(f"it is larger than {readable_size(limit)}", str(source))


def _integrity(tarball: BinaryIO) -> str:
    digest = hashlib.sha512()
    tarball.seek(0)
    while piece := tarball.read(_PIECE):
        digest.update(piece)
    return hash_expression("sha512", digest.digest())


def _refused(why: str, where: str) -> ConfigurationError:
    hint = "name a folder of regular files, or a .tgz from npm pack"
    return ConfigurationError(
        [Problem("own-build-unreadable", f"the build can't be added: {why}", excerpt(where), hint=hint)]
    )

"""The ES modules of several libraries: from the cache, where this machine made the same before, else made anew.

What comes from the cache is proved: by the digest in the lock, or by a seal.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.files import read_file, replace_file
from cdnserve.manifest.files import LOCK
from cdnserve.manifest.lock import LockedLibrary, LockedModules
from cdnserve.modules.made import OPTIONS, RECIPE
from cdnserve.modules.package_json import MADE, inside
from cdnserve.npm.cache import cache_folder
from cdnserve.npm.compare import digest_of
from cdnserve.npm.compare import files as files_below
from cdnserve.npm.esbuild import EsbuildFinder
from cdnserve.npm.fetch import Session, StagedLibrary
from cdnserve.npm.seal import find_seal
from cdnserve.npm.unpack import MODIFIED

_OPTIONS = " ".join(OPTIONS)
_LARGEST = 2**26


class ModuleMaker:
    """Makes modules with one esbuild, which is looked for once it is needed; of `libraries` as the lock says.

    `folder` is for what no cache keeps.
    """

    def __init__(self, folder: Path, session: Session, libraries: Mapping[str, LockedLibrary]) -> None:
        self._session = session
        self._libraries = libraries
        self._esbuild = EsbuildFinder(session, folder)
        cache = cache_folder(session.settings)
        self._cache = _ModuleCache(cache / "modules", session) if cache else None

    def made(self, staged: StagedLibrary) -> StagedLibrary:
        """Return a library with modules in its folder; raise ConfigurationError where none can be made.

        What the lock records must come out again.
        """
        library = self._libraries.get(str(staged.order.spec))
        locked = library.esm if library else None
        if locked and (locked.recipe, locked.options) != (RECIPE, _OPTIONS):
            raise _made_otherwise(staged)
        version = locked.esbuild if locked else self._esbuild.version
        if self._cache and (kept := self._cache.take(staged, version, locked)):
            return kept
        from cdnserve.npm.made_modules import make_modules  # noqa: PLC0415 - what reads JavaScript takes long to load

        warnings = make_modules(staged, self._esbuild.find(version), self._session)
        made = _with_modules(staged, version, warnings)
        if locked and made.esm != locked:
            raise _differs(made, locked)
        if self._cache:
            self._cache.keep(staged, version, warnings)
        return made

    def all_made(self, several: Sequence[StagedLibrary]) -> tuple[StagedLibrary, ...]:
        """Return libraries with modules; raise the problems of all of them together."""
        return tuple(self._session.all_at_once(self.made, several))


class _Kept(msgspec.Struct, frozen=True):
    """What was made of a library: files by their paths in the folder of modules, and what was left out."""

    files: dict[str, bytes]
    warnings: tuple[Problem, ...]


class _ModuleCache:
    """A folder of files, each with all modules of one library behind the seal of whoever made them."""

    def __init__(self, folder: Path, session: Session) -> None:
        self._folder = folder
        self._seal = find_seal(session.settings)

    def take(self, staged: StagedLibrary, version: str, locked: LockedModules | None) -> StagedLibrary | None:
        """Return a library with the modules that are kept, `None` for none; what can't be proved counts for nothing."""
        folder = staged.placement.folder / MADE
        if folder.exists():
            return None
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            kept = self._read(self._place(staged, version), trusting=locked is not None)
            if kept and _are_written(kept.files, folder):
                made = _with_modules(staged, version, kept.warnings)
                if locked in (None, made.esm):
                    return made
        shutil.rmtree(folder, ignore_errors=True)
        return None

    def _read(self, place: Path, *, trusting: bool) -> _Kept | None:
        """Return what a file holds, if it is sealed or proved later."""
        if place.stat().st_size > 2 * _LARGEST:
            return None
        seal, _, content = read_file(place).partition(b"\n")
        if self._seal and hmac.compare_digest(seal, self._sealed(place, content).encode()):
            return msgspec.msgpack.decode(content, type=_Kept)
        return _Kept(msgspec.msgpack.decode(content, type=_Kept).files, ()) if trusting else None

    def keep(self, staged: StagedLibrary, version: str, warnings: tuple[Problem, ...]) -> None:
        """Keep the modules in a library's folder; where that can't be, nobody misses them."""
        folder = staged.placement.folder / MADE
        paths = sorted(files_below(folder))
        if not self._seal or sum((folder / path).stat().st_size for path in paths) > _LARGEST:
            return
        content = msgspec.msgpack.encode(_Kept({path: (folder / path).read_bytes() for path in paths}, warnings))
        place = self._place(staged, version)
        with contextlib.suppress(OSError):
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            replace_file(place, f"{self._sealed(place, content)}\n".encode() + content, preserve=False)

    def _place(self, staged: StagedLibrary, version: str) -> Path:
        """Return where the modules lie: under the digest of all that they depend on."""
        made_of = (str(staged.order.spec), staged.integrity, *sorted(staged.unpacked.files))
        said = (version, str(RECIPE), _OPTIONS, *made_of)
        return self._folder / hashlib.sha256("\0".join(said).encode()).hexdigest()

    def _sealed(self, place: Path, content: bytes) -> str:
        return self._seal(f"modules {place.name}", content) if self._seal else ""


def _are_written(files: Mapping[str, bytes], folder: Path) -> bool:
    """Write files below a folder; say no for paths that lead out of it."""
    if not all(path and inside(path) == path for path in files):
        return False
    for path, octets in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(octets)
    return True


def _with_modules(staged: StagedLibrary, version: str, warnings: tuple[Problem, ...]) -> StagedLibrary:
    folder = staged.placement.folder / MADE
    paths = sorted(files_below(folder))
    for path in paths:
        os.utime(folder / path, (MODIFIED, MODIFIED))
    unpacked = replace(
        staged.unpacked,
        files=tuple(sorted((*staged.unpacked.files, *(f"{MADE}/{path}" for path in paths)))),
        size=staged.unpacked.size + sum((folder / path).stat().st_size for path in paths),
    )
    placement = replace(staged.placement, files=len(unpacked.files))
    esm = LockedModules(version, RECIPE, _OPTIONS, digest_of(folder))
    told = (*staged.warnings, *warnings)
    return replace(staged, unpacked=unpacked, placement=placement, warnings=told, esm=esm)


def _differs(made: StagedLibrary, locked: LockedModules) -> ConfigurationError:
    message = f"the modules that esbuild makes are not those that {LOCK} records"
    hint = "take the folder from where it still is; or add a version that is new here with --esm"
    value = f"expected {locked.digest}, got {made.esm.digest if made.esm else ''}"
    return ConfigurationError([Problem("esm-differs", message, f"{made.order.spec.folder}/{MADE}", value, hint)])


def _made_otherwise(staged: StagedLibrary) -> ConfigurationError:
    message = "its modules were made by another version of cdnserve, which made them otherwise"
    hint = f"use that version, or take {staged.order.spec.folder}/{MADE} from where it still is"
    return ConfigurationError([Problem("esm-recipe", message, str(staged.order.spec), hint=hint)])

"""`sync`: the libraries that the lock records, exactly these, and `sync --check`: whether they are there.

Never overwrites a file that was changed.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Literal, cast

from cdnserve.display import excerpt
from cdnserve.errors import Problem, Problems
from cdnserve.files import open_file
from cdnserve.manifest.files import LOCK
from cdnserve.manifest.lock import Lock, LockedModules, read_lock, unresolved
from cdnserve.manifest.model import is_kept
from cdnserve.modules.package_json import MADE
from cdnserve.npm.apply import Placed, Project, Synced, read_project
from cdnserve.npm.cache import TarballCache, cache_folder
from cdnserve.npm.compare import Comparison, compare_tarball, digest_of, first_difference
from cdnserve.npm.download import DownloadProgress, Measured
from cdnserve.npm.fetch import Order, Session, StagedLibrary
from cdnserve.npm.settings import NpmSettings
from cdnserve.npm.spec import FOLDER, checked_spec
from cdnserve.npm.transaction import INCOMING, changed, incoming_folder, is_pending, is_present, reported
from cdnserve.rules.integrity import hash_expression

Basis = Literal["tarball", "lock", "nothing"]
_IN_MEMORY = 2**23
_PIECE = 2**20


@dataclass(frozen=True, slots=True)
class Examined:
    """One hosted library: whether anything lies at its place, how that differs, and from what.

    `basis` is `"tarball"` where the cache had it (all is seen), `"lock"` where the lock records immutable files (those
    are seen), else `"nothing"`. `is_named` is false where neither the manifest names it nor another library imports it.
    """

    order: Order
    is_named: bool
    is_present: bool
    basis: Basis
    difference: Comparison


def hosted_orders(project: Project) -> Iterator[tuple[Order, bool]]:
    """Yield an order for each library of the lock, and whether the manifest names it; in the manifest's order."""
    entries = project.entries
    for name in dict.fromkeys((*entries, *project.lock.names)):
        entry = entries.get(name)
        for version in project.lock.hosted(name):
            spec = checked_spec(name, version)
            files = entry.files if entry else ()
            locked = project.lock.libraries[str(spec)]
            order = Order(spec, files, locked.integrity, own=locked.own)
            yield order, entry is not None or bool(locked.dependents)


def examine(root: Path, project: Project, settings: NpmSettings) -> Iterator[Examined]:
    """Examine every library that the lock records."""
    folder = cache_folder(settings)
    cache = TarballCache(folder, settings.limits.tarball) if folder else None
    for order, is_named in hosted_orders(project):
        place = root / order.spec.folder
        basis: Basis = "nothing"
        difference = Comparison()
        there = is_present(place)
        # What the manifest doesn't name has no globs to be compared by.
        if there and is_named:
            basis, difference = _compared(order, place, project.lock, cache, settings)
            difference = _with_modules(difference, place, project.lock.libraries[str(order.spec)].esm)
        yield Examined(order, is_named, there, basis, difference)


def _with_modules(difference: Comparison, place: Path, locked: LockedModules | None) -> Comparison:
    """Add modules that were made of a library to how it differs: as a whole, by their digest."""
    if locked is None:
        return difference
    extra = tuple(path for path in difference.extra if not path.startswith(f"{MADE}/"))
    absent = difference.absent if digest_of(place / MADE) == locked.digest else (*difference.absent, MADE)
    return replace(difference, absent=absent, extra=extra)


def surplus_folders(root: Path, lock: Lock) -> Iterator[str]:
    """Yield the folders in the libraries' place that the lock does not have, relative to the root, sorted."""
    for name in _visible(root / FOLDER):
        folders = [f"{name}/{inner}" for inner in _visible(root / FOLDER / name)] if name.startswith("@") else [name]
        surplus = (f"{FOLDER}/{folder}" for folder in folders if folder not in lock.libraries)
        yield from (folder for folder in surplus if is_present(root / folder))


def _compared(
    order: Order, place: Path, lock: Lock, cache: TarballCache | None, settings: NpmSettings
) -> tuple[Basis, Comparison]:
    with _kept_tarball(order, cache) as tarball:
        if tarball:
            keep = functools.partial(is_kept, globs=order.files)
            return "tarball", compare_tarball(tarball, place, keep, settings.limits)
    prefix = f"{order.spec.folder}/"
    recorded = {path.removeprefix(prefix): file for path, file in lock.immutable.items() if path.startswith(prefix)}
    promised = {path: file.integrity for path, file in recorded.items() if is_kept(path, order.files)}
    if not promised:
        return "nothing", Comparison()
    found = {path: _integrity(place / path) for path in promised}
    absent = tuple(sorted(path for path, integrity in found.items() if integrity is None))
    changed = tuple(sorted(path for path, got in found.items() if got not in (None, promised[path])))
    return "lock", Comparison(absent, changed)


@contextlib.contextmanager
def _kept_tarball(order: Order, cache: TarballCache | None) -> Iterator[BinaryIO | None]:
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as temporary:
        file = cast(BinaryIO, temporary)
        yield file if cache and cache.copy(order.locked, Measured(file, order.locked)) else None


def _integrity(path: Path) -> str | None:
    """Return a file's hash expression, `None` where nothing lies there, `""` where that is no file that can be read."""
    digest = hashlib.sha384()
    try:
        with open(open_file(path, follow=False), "rb") as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return ""
    return hash_expression("sha384", digest.digest())


def _visible(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted(e.name for e in entries if e.is_dir(follow_symlinks=False) and not e.name.startswith("."))


@dataclass(frozen=True, slots=True)
class Checked:
    """What `sync --check` found: every problem, and for each library of the lock what it was compared with."""

    libraries: tuple[Examined, ...]
    problems: tuple[Problem, ...]


def sync(root: Path, settings: NpmSettings, progress: DownloadProgress | None = None, *, prune: bool = False) -> Synced:
    """Restore what is missing; raise ConfigurationError with every problem, and then nothing has changed.

    `prune` removes the folders that the lock does not have, and files in its libraries' folders that are not theirs.
    """
    with reported(root):
        _tidy(root)
        project = read_project(root)
        examined = tuple(examine(root, project, settings))
        Problems([*_not_locked(project), *_damage(examined)]).raise_errors()
        folders, files = tuple(surplus_folders(root, project.lock)), tuple(_surplus_files(examined))
        surplus = (*folders, *files)
        restored = _mend(root, examined, settings, progress, surplus if prune else ())
    warnings = () if prune else _surplus(folders, files)
    back = {one.folder for one in restored}
    present = tuple(one.order.spec.folder for one in examined if one.is_present and one.order.spec.folder not in back)
    told = (*_unnamed(examined), *_own(examined), *warnings)
    return Synced(restored, present, told, surplus if prune else ())


def check(root: Path, settings: NpmSettings) -> Checked:
    """Compare what is there with the lock, without a network and without a change; raise ConfigurationError."""
    project = read_project(root)
    with reported(root):
        examined = tuple(examine(root, project, settings))
        surplus = tuple(_surplus(surplus_folders(root, project.lock), _surplus_files(examined)))
        begun = [_interrupted()] if is_pending(root / FOLDER / INCOMING) else []
    absent = (_absent(one) for one in examined if not one.is_present)
    problems = (*begun, *_not_locked(project), *absent, *_damage(examined), *_missing(examined))
    warnings = (*_unnamed(examined), *surplus)
    return Checked(examined, (*problems, *(replace(warning, warning=False) for warning in warnings)))


def _tidy(root: Path) -> None:
    """Take back what a command that was killed began, and remove what it left."""
    if (root / FOLDER / INCOMING).is_dir():
        with incoming_folder(root):
            pass


def _mend(
    root: Path,
    examined: Sequence[Examined],
    settings: NpmSettings,
    progress: DownloadProgress | None,
    swept: tuple[str, ...],
) -> tuple[Placed, ...]:
    orders = [one.order for one in examined if _is_incomplete(one) and not one.order.own]
    if not orders and not swept:
        return ()
    # Both take longer to load than looking through some libraries that are all there.
    from cdnserve.npm.apply import Decision, commit  # noqa: PLC0415
    from cdnserve.npm.fetch import prepare, stage  # noqa: PLC0415

    with incoming_folder(root) as folder, Session(settings, progress) as session:
        staged = _made_again(stage(prepare(orders, session), folder, session), read_lock(root / LOCK), folder, session)
        return commit(root, folder, Decision(staged, swept=swept), beside=True)


def _made_again(
    staged: tuple[StagedLibrary, ...], lock: Lock, folder: Path, session: Session
) -> tuple[StagedLibrary, ...]:
    """Make the modules again that the lock records; raise ConfigurationError where others come out."""
    wanted = {one.order.spec for one in staged if lock.libraries[str(one.order.spec)].esm}
    if not wanted:
        return staged
    from cdnserve.npm.module_maker import ModuleMaker  # noqa: PLC0415 - what knows of modules takes long to load

    maker = ModuleMaker(folder, session, lock.libraries)
    return tuple(session.all_at_once(lambda one: maker.made(one) if one.order.spec in wanted else one, staged))


def _is_incomplete(one: Examined) -> bool:
    return not one.is_present or bool(one.difference.absent)


def _own(examined: Iterable[Examined]) -> Iterator[Problem]:
    """Yield a warning for each own build that no registry can restore."""
    for one in examined:
        if one.order.own and _is_incomplete(one):
            spec = one.order.spec
            message = "an own build is missing, or files of it, and no registry has it"
            hint = (
                f"add it again: cdnserve add FOLDER --as {spec}; or take the folder from version control or an export"
            )
            yield Problem("own-build-absent", message, spec.folder, hint=hint, warning=True)


def _surplus_files(examined: Iterable[Examined]) -> Iterator[str]:
    for one in examined:
        yield from (f"{one.order.spec.folder}/{path}" for path in one.difference.extra)


def _damage(examined: Iterable[Examined]) -> Iterator[Problem]:
    for one in examined:
        if one.difference.changed:
            difference = replace(one.difference, absent=(), extra=())
            hint = f"if nothing depends on it, delete {one.order.spec.folder}/, then run cdnserve sync"
            yield from (replace(problem, hint=hint) for problem in changed(one.order.spec, difference).problems)


def _not_locked(project: Project) -> Iterator[Problem]:
    wanted: defaultdict[str, list[str]] = defaultdict(list)
    for library, requirement in unresolved(project.manifest, project.lock):
        wanted[library.name].append(requirement)
    for name, requirements in wanted.items():
        message = f"the lock lacks versions of {name} that the manifest wants"
        value = f"{name}@{', '.join(requirements)}"
        yield Problem("library-not-locked", message, LOCK, value, f"run cdnserve update {name}")


def _unnamed(examined: Iterable[Examined]) -> Iterator[Problem]:
    for one in examined:
        if not one.is_named:
            message = "the lock has this library, but the manifest does not name it"
            name = one.order.spec.name
            hint = f"add it to the manifest again: cdnserve add {one.order.spec}; or run cdnserve remove {name}"
            yield Problem("library-unnamed", message, LOCK, str(one.order.spec), hint, warning=True)


def _surplus(folders: Iterable[str], files: Iterable[str]) -> Iterator[Problem]:
    hint = "once nothing depends on it, run cdnserve sync --prune"
    for path in folders:
        message = "the lock has no such library; it is public if a rule says so"
        yield Problem("library-surplus", message, excerpt(path), hint=hint, warning=True)
    for path in files:
        message = "the library has no such file, or the manifest does not keep it; it is public if a rule says so"
        yield Problem("library-surplus", message, excerpt(path), hint=hint, warning=True)


def _absent(one: Examined) -> Problem:
    return Problem("library-absent", "the library is not here", one.order.spec.folder, hint="run cdnserve sync")


def _missing(examined: Iterable[Examined]) -> Iterator[Problem]:
    for one in examined:
        if one.difference.absent:
            message = "files of the library are missing"
            value = excerpt(first_difference(replace(one.difference, changed=(), extra=())))
            yield Problem("library-incomplete", message, one.order.spec.folder, value, "run cdnserve sync")


def _interrupted() -> Problem:
    message = "a command was interrupted here, and its changes are still to be taken back"
    return Problem("library-interrupted", message, f"{FOLDER}/{INCOMING}", hint="run cdnserve sync")

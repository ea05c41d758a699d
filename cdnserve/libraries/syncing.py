"""`sync`: the libraries that the lock records, exactly these, and `sync --check`: whether they are there.

Never takes the registry's word for what a tarball should be, and never removes or overwrites anything unasked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.libraries.changes.comparing import first_difference
from cdnserve.libraries.changes.incoming import INCOMING, incoming_folder
from cdnserve.libraries.changes.journal import is_pending
from cdnserve.libraries.changes.placing import changed, reported
from cdnserve.libraries.examining import Examined, examine, surplus_folders
from cdnserve.libraries.outcomes import Placed, Synced
from cdnserve.libraries.scene import Scene, read_scene
from cdnserve.libraries.settings import Progress, Settings, Silent
from cdnserve.libraries.spec import FOLDER
from cdnserve.libraries.wording import shown
from cdnserve.manifest.governing import LOCK
from cdnserve.manifest.requirements import unresolved


@dataclass(frozen=True, slots=True)
class Checked:
    """What `sync --check` found: every problem, and for each library of the lock what it was compared with."""

    libraries: tuple[Examined, ...]
    problems: tuple[Problem, ...]


def sync(root: Path, settings: Settings, progress: Progress | None = None, *, prune: bool = False) -> Synced:
    """Restore what is missing; raise ConfigurationError with every problem, and then nothing has changed.

    `prune` removes the folders that the lock does not have, and files in its libraries' folders that are not theirs.
    """
    with reported(root):
        _tidy(root)
        scene = read_scene(root)
        examined = tuple(examine(root, scene, settings))
        problems = [*_not_locked(scene), *_damage(examined)]
        if problems:
            raise ConfigurationError(problems)
        folders, files = tuple(surplus_folders(root, scene.lock)), tuple(_surplus_files(examined))
        surplus = (*folders, *files)
        restored = _mend(root, examined, settings, progress or Silent(), surplus if prune else ())
    warnings = () if prune else _surplus(folders, files)
    back = {one.folder for one in restored}
    present = tuple(one.order.spec.folder for one in examined if one.order.spec.folder not in back)
    return Synced(restored, present, (*_unnamed(examined), *warnings), surplus if prune else ())


def check(root: Path, settings: Settings) -> Checked:
    """Compare what is there with the lock, without a network and without a change; raise ConfigurationError."""
    scene = read_scene(root)
    with reported(root):
        examined = tuple(examine(root, scene, settings))
        surplus = tuple(_surplus(surplus_folders(root, scene.lock), _surplus_files(examined)))
        begun = [_interrupted()] if is_pending(root / FOLDER / INCOMING) else []
    absent = (_absent(one) for one in examined if not one.is_present)
    problems = (*begun, *_not_locked(scene), *absent, *_damage(examined), *_missing(examined))
    warnings = (*_unnamed(examined), *surplus)
    return Checked(examined, (*problems, *(replace(warning, warning=False) for warning in warnings)))


def _tidy(root: Path) -> None:
    """Take back what a command that was killed began, and remove what it left."""
    if (root / FOLDER / INCOMING).is_dir():
        with incoming_folder(root):
            pass


def _mend(
    root: Path, examined: Sequence[Examined], settings: Settings, progress: Progress, swept: tuple[str, ...]
) -> tuple[Placed, ...]:
    orders = [one.order for one in examined if not one.is_present or one.difference.absent]
    if not orders and not swept:
        return ()
    # Both take longer to load than looking through some libraries that are all there.
    from cdnserve.libraries.decisions import Decision, carry_out  # noqa: PLC0415
    from cdnserve.libraries.downloads.gathering import gather  # noqa: PLC0415

    with incoming_folder(root) as folder:
        gathered = gather(orders, folder, settings, progress)
        return carry_out(root, folder, Decision(gathered, swept=swept), beside=True)


def _surplus_files(examined: Iterable[Examined]) -> Iterator[str]:
    for one in examined:
        yield from (f"{one.order.spec.folder}/{path}" for path in one.difference.extra)


def _damage(examined: Iterable[Examined]) -> Iterator[Problem]:
    for one in examined:
        if one.difference.changed:
            difference = replace(one.difference, absent=(), extra=())
            hint = f"if nothing depends on it, delete {one.order.spec.folder}/, then run cdnserve sync"
            yield from (replace(problem, hint=hint) for problem in changed(one.order.spec, difference).problems)


def _not_locked(scene: Scene) -> Iterator[Problem]:
    wanted: defaultdict[str, list[str]] = defaultdict(list)
    for library, requirement in unresolved(scene.manifest, scene.lock):
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
        yield Problem("library-surplus", message, shown(path), hint=hint, warning=True)
    for path in files:
        message = "the library has no such file, or the manifest does not keep it; it is public if a rule says so"
        yield Problem("library-surplus", message, shown(path), hint=hint, warning=True)


def _absent(one: Examined) -> Problem:
    return Problem("library-absent", "the library is not here", one.order.spec.folder, hint="run cdnserve sync")


def _missing(examined: Iterable[Examined]) -> Iterator[Problem]:
    for one in examined:
        if one.difference.absent:
            message = "files of the library are missing"
            value = shown(first_difference(replace(one.difference, changed=(), extra=())))
            yield Problem("library-incomplete", message, one.order.spec.folder, value, "run cdnserve sync")


def _interrupted() -> Problem:
    message = "a command was interrupted here, and its changes are still to be taken back"
    return Problem("library-interrupted", message, f"{FOLDER}/{INCOMING}", hint="run cdnserve sync")

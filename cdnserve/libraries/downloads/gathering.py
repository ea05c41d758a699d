"""Several libraries at once: found, downloaded, verified and unpacked where nobody sees them yet.

Never touches the public place, and never unpacks a tarball whose integrity is unknown or wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.libraries.archives.members import is_kept, is_named
from cdnserve.libraries.archives.tarball import Unpacked, unpack
from cdnserve.libraries.changes.placing import Placement
from cdnserve.libraries.downloads.fetching import Prepared, fetch, prepare
from cdnserve.libraries.downloads.orders import Order
from cdnserve.libraries.downloads.workshop import Workshop
from cdnserve.libraries.registries.metadata import Package
from cdnserve.libraries.settings import Progress, Settings
from cdnserve.manifest.governing import MANIFEST

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Gathered:
    """A library that lies ready; `integrity` is what its tarball was verified against.

    Several libraries may bring the same warning (of their registry).
    """

    order: Order
    placement: Placement
    unpacked: Unpacked
    integrity: str
    warnings: tuple[Problem, ...] = ()


def find(names: Sequence[str], settings: Settings, progress: Progress) -> tuple[Package, ...]:
    """Fetch what the registry says of each package, in this order; raise the problems of all of them together."""
    with Workshop(settings, progress) as workshop:
        return tuple(_all_at_once(workshop.package, names, workshop))


def gather(
    orders: Sequence[Order], folder: Path, settings: Settings, progress: Progress, packages: Iterable[Package] = ()
) -> tuple[Gathered, ...]:
    """Fetch every order into the folder; raise the problems of all of them together.

    What `find` gave already is not asked for again.
    """
    with Workshop(settings, progress, packages) as workshop:
        # Every document before the first tarball: what the registry doesn't have is known at once.
        prepared = _all_at_once(lambda order: prepare(order, workshop), orders, workshop)
        return tuple(_all_at_once(lambda one: _gathered(*one, workshop), _placed(prepared, folder), workshop))


def _placed(prepared: Iterable[Prepared], folder: Path) -> list[tuple[Prepared, Path]]:
    return [(one, folder / str(number)) for number, one in enumerate(prepared)]


def _gathered(prepared: Prepared, folder: Path, workshop: Workshop) -> Gathered:
    order = prepared.order
    folder.mkdir()

    def keep(path: str) -> bool:
        # An interruption must not wait until thousands of files are written.
        workshop.require_going()
        return is_kept(path, order.files)

    with fetch(prepared, folder.parent, workshop) as fetched:
        unpacked = unpack(fetched.file, folder, order.spec, keep, workshop.settings.limits)
    if not any(is_named(path, order.files) for path in unpacked.files):
        raise _nothing_kept(order)
    workshop.progress.finish(str(order.spec))
    return Gathered(order, Placement(order.spec, folder), unpacked, fetched.integrity, prepared.warnings)


def _all_at_once(work: Callable[[Item], Result], items: Sequence[Item], workshop: Workshop) -> list[Result]:
    with ThreadPoolExecutor(workshop.settings.limits.at_once, "libraries") as threads:
        futures = [threads.submit(work, item) for item in items]
        try:
            wait(futures)
        except BaseException:
            # An interruption: the threads must not go on downloading while we leave.
            workshop.stop()
            threads.shutdown(cancel_futures=True)
            raise
    errors = [future.exception() for future in futures]
    problems = dict.fromkeys(p for error in errors if isinstance(error, ConfigurationError) for p in error.problems)
    if problems:
        raise ConfigurationError(problems)
    return [future.result() for future in futures]


def _nothing_kept(order: Order) -> ConfigurationError:
    message = f"{order.spec}: no file of the package is kept"
    hint = "correct the globs: they are relative to the package's folder"
    return ConfigurationError([Problem("library-files", message, MANIFEST, " ".join(order.files), hint)])

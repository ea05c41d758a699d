"""Several libraries at once: found, downloaded, verified and unpacked where nobody sees them yet.

Never touches the public place, and never unpacks a tarball whose integrity is unknown or wrong.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from io import BufferedRandom
from pathlib import Path
from typing import TypeVar

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.libraries.client import Client, Wanted
from cdnserve.libraries.configuration import Configuration, ask_npm, read_configuration
from cdnserve.libraries.connections import Connections
from cdnserve.libraries.members import is_always_kept
from cdnserve.libraries.metadata import Published, find_published, refused
from cdnserve.libraries.placing import Placement
from cdnserve.libraries.registry import Registry, find_registry
from cdnserve.libraries.settings import Progress, Settings
from cdnserve.libraries.spec import Spec
from cdnserve.libraries.tarball import Unpacked, measured, satisfies, unpack
from cdnserve.manifest.globs import matches
from cdnserve.manifest.values import Library

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Order:
    """One library that is wanted; `files` are globs of what is kept, empty for all.

    `locked` is the integrity that the lock demands, `""` if it has none. A first download must satisfy
    the registry's integrity too.
    """

    spec: Spec
    files: tuple[str, ...]
    locked: str
    is_first: bool

    @property
    def library(self) -> Library:
        """The order as the manifest has it."""
        return Library(self.spec.name, self.spec.version, self.files)


@dataclass(frozen=True, slots=True)
class Gathered:
    """A library that lies ready; `integrity` is what its tarball was verified against."""

    order: Order
    placement: Placement
    unpacked: Unpacked
    integrity: str
    registry: Registry


@dataclass(frozen=True, slots=True)
class _Workshop:
    """What all downloads of one command share."""

    folder: Path
    client: Client
    settings: Settings
    progress: Progress


def gather(orders: Sequence[Order], folder: Path, settings: Settings, progress: Progress) -> tuple[Gathered, ...]:
    """Fetch every order into the folder; raise the problems of all of them together."""
    configuration = read_configuration(settings)
    registries = _registries(orders, settings, configuration)
    connections = Connections(settings, configuration)
    client = Client(connections, settings)
    workshop = _Workshop(folder, client, settings, progress)

    def find(order: Order) -> Published:
        return find_published(order.spec, registries[order.spec], client, settings.limits.metadata)

    def fetch(pair: tuple[Order, Published]) -> Gathered:
        return _fetch(pair[0], pair[1], orders.index(pair[0]), workshop)

    try:
        published = _all_at_once(find, orders, workshop)
        return tuple(_all_at_once(fetch, list(zip(orders, published, strict=True)), workshop))
    finally:
        connections.close()


def _registries(orders: Iterable[Order], settings: Settings, configuration: Configuration) -> dict[Spec, Registry]:
    ask = functools.cache(lambda key: ask_npm(key, settings))
    registries: dict[Spec, Registry] = {}
    problems: dict[Problem, None] = {}
    for order in orders:
        try:
            registries[order.spec] = find_registry(order.spec, settings, configuration, ask)
        except ConfigurationError as error:
            problems |= dict.fromkeys(error.problems)
    if problems:
        raise ConfigurationError(problems)
    return registries


def _all_at_once(work: Callable[[Item], Result], items: Sequence[Item], workshop: _Workshop) -> list[Result]:
    with ThreadPoolExecutor(workshop.settings.limits.at_once, "libraries") as threads:
        futures = [threads.submit(work, item) for item in items]
        try:
            wait(futures)
        except BaseException:
            # An interruption: the threads must not go on downloading while we leave.
            workshop.client.stop()
            threads.shutdown(cancel_futures=True)
            raise
    errors = [future.exception() for future in futures]
    problems = [p for error in errors if isinstance(error, ConfigurationError) for p in error.problems]
    if problems:
        raise ConfigurationError(problems)
    return [future.result() for future in futures]


def _fetch(order: Order, published: Published, number: int, workshop: _Workshop) -> Gathered:
    folder = workshop.folder / str(number)
    folder.mkdir()
    with (workshop.folder / f"{number}.tgz").open("w+b") as tarball:
        _download(published, tarball, workshop)
        integrity = _verified(order, published, tarball)
        unpacked = unpack(tarball, folder, order.spec, lambda path: _is_kept(path, order), workshop.settings.limits)
    if not any(_is_kept(path, order, always=False) for path in unpacked.files):
        raise _nothing_kept(order)
    workshop.progress.finish(str(order.spec))
    return Gathered(order, Placement(order.spec, folder), unpacked, integrity, published.registry)


def _download(published: Published, tarball: BufferedRandom, workshop: _Workshop) -> None:
    library, registry, limits = str(published.spec), published.registry, workshop.settings.limits
    status = 404
    for address in published.tarballs:
        what = f"the tarball of {library}"
        wanted = Wanted(what, address, registry, limits.tarball, progress=workshop.progress, label=library)
        status = workshop.client.fetch(wanted, tarball).status
        if status == 200:
            return
    raise refused(published.spec, registry, status)


def _verified(order: Order, published: Published, tarball: BufferedRandom) -> str:
    """Check the tarball against all that it must satisfy; give the integrity to record."""
    spec = order.spec
    if not order.is_first:
        return _as_locked(order, tarball)
    if not published.integrity:
        hint = "choose a version that was published with sha256, sha384 or sha512 integrity"
        problem = Problem(
            "integrity-missing", f"{spec}: the registry gives no integrity that can be relied on", hint=hint
        )
        raise ConfigurationError([problem])
    got = measured(tarball, published.integrity)
    if not satisfies(got, published.integrity):
        message = f"{spec}: the tarball is not what the registry's integrity says; nothing was unpacked"
        raise _mismatch(Problem("integrity-mismatch", message, "", f"expected {published.integrity}, got {got}"))
    return _as_locked(order, tarball) if order.locked else got


def _as_locked(order: Order, tarball: BufferedRandom) -> str:
    got = measured(tarball, order.locked)
    if not satisfies(got, order.locked):
        message = f"{order.spec}: the tarball is not the one that manifest.lock records; nothing was unpacked"
        hint = "the registry gives other bytes than before: find out why before you remove the entry from manifest.lock"
        raise _mismatch(Problem("lock-mismatch", message, "", f"expected {order.locked}, got {got}", hint))
    return order.locked


def _mismatch(problem: Problem) -> ConfigurationError:
    return ConfigurationError([problem])


def _is_kept(path: str, order: Order, *, always: bool = True) -> bool:
    wanted = not order.files or any(matches(glob, path) for glob in order.files)
    return wanted or (always and is_always_kept(path))


def _nothing_kept(order: Order) -> ConfigurationError:
    message = f"{order.spec}: no file of the package is kept"
    hint = "correct the globs: they are relative to the package's folder"
    return ConfigurationError([Problem("library-files", message, "manifest.toml", " ".join(order.files), hint)])

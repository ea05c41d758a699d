"""Dependencies: what the ES modules of libraries import from other packages, in versions that each dependent allows."""

from __future__ import annotations

import contextlib
import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cdnserve.errors import ConfigurationError, Problem, Problems
from cdnserve.modules.graph import explored
from cdnserve.modules.hosted import Graph, ModuleRequest, ReadModules, package_of
from cdnserve.modules.made import declarations
from cdnserve.modules.package_json import MADE
from cdnserve.npm.apply import Project
from cdnserve.npm.compare import files
from cdnserve.npm.fetch import Order, Session, StagedLibrary, find, prepare, stage
from cdnserve.npm.hosted import read_description
from cdnserve.npm.package import choose
from cdnserve.npm.spec import FOLDER, PackageSpec, PinnedPackage, checked_spec, parse_spec
from cdnserve.rules.semver import ascending

if TYPE_CHECKING:
    from cdnserve.npm.module_maker import ModuleMaker

MOST_LIBRARIES = 500
_ABSENT = "module-not-hosted"
_FOR_BUNDLERS = b"process.env.NODE_ENV"
_NOT_FOR_BROWSERS = frozenset({"module-common-js", "module-for-bundlers", "module-excluded", "module-built-in"})


@dataclass(frozen=True, slots=True)
class Dependencies:
    """All libraries that lie ready, and for each (NAME@VERSION) those that import it; what is to be told."""

    staged: tuple[StagedLibrary, ...]
    dependents: Mapping[str, frozenset[str]]
    warnings: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Dependents:
    """The libraries whose dependencies come; a `maker` makes modules of those that a browser can't import."""

    pins: Sequence[PinnedPackage]
    maker: ModuleMaker | None = None


def with_dependencies(
    root: Path,
    folder: Path,
    project: Project,
    dependents: Dependents,
    staged: tuple[StagedLibrary, ...],
    session: Session,
) -> Dependencies:
    """Stage what libraries import from others, and what these import; raise ConfigurationError for what can't be had.

    What is hosted is taken where the dependent allows it. What only an `import()` asks for may be absent, and so may
    what only modules need that were made beside that of the main entry.
    """
    pins, maker = dependents.pins, dependents.maker
    asked = {one.order.spec for one in staged}
    wanted = [ModuleRequest(pin.name, pin.version) for pin in pins]
    given_up: set[PinnedPackage] = set()
    read: ReadModules = {}
    while True:
        libraries = UnpackedLibraries(root, project, staged)
        graph = explored(wanted, libraries, _others(pins, libraries), read)
        ready = {one.order.spec for one in staged} | given_up
        orders = tuple(_orders(graph, ready, project, session, libraries))
        unmade = _unmade(graph, staged, project, libraries) if maker and not orders else {}
        orders = orders or tuple(order for order in unmade if order.spec not in ready)
        if orders:
            _require_few(len(staged) + len(orders))
            staged += stage(prepare(orders, session), folder, session)
            continue
        made = _made(staged, unmade, maker) if maker else {}
        if not made:
            break
        given_up |= {spec for spec, one in made.items() if one is None}
        staged = tuple(one for old in staged if (one := made.get(old.order.spec, old)))
    told = tuple(problem for problem in graph.warnings if problem.reference == _ABSENT)
    imported = _dependents(graph)
    # What only a package imports that stays away goes again; what lacks the file that is imported of it doesn't.
    kept = {*imported, *(problem.where for problem in graph.warnings)}
    needed = tuple(one for one in staged if one.order.spec in asked or str(one.order.spec) in kept)
    return Dependencies(needed, imported, told)


def _require_few(number: int) -> None:
    if number > MOST_LIBRARIES:
        message = f"more than {MOST_LIBRARIES} packages import each other"
        raise ConfigurationError([Problem("dependencies-too-many", message, hint="use a bundled build")])


def _made(
    staged: Iterable[StagedLibrary], unmade: Mapping[Order, bool], maker: ModuleMaker
) -> dict[PinnedPackage, StagedLibrary | None]:
    """Return libraries with modules, and `None` for those of which none can be made, where they may be absent."""
    perhaps = {order.spec: may_be_absent for order, may_be_absent in unmade.items()}
    wanted = [one for one in staged if one.order.spec in perhaps]
    must = [one for one in wanted if not perhaps[one.order.spec]]
    made: dict[PinnedPackage, StagedLibrary | None] = {one.order.spec: one for one in maker.all_made(must)}
    for one in wanted:
        if one not in must:
            made[one.order.spec] = None
            with contextlib.suppress(ConfigurationError):
                made[one.order.spec] = maker.made(one)
    return made


def _orders(
    graph: Graph, ready: Collection[PinnedPackage], project: Project, session: Session, libraries: UnpackedLibraries
) -> Iterator[Order]:
    """Order what is imported and not there."""
    requests = dict(_requests(graph, libraries))
    with contextlib.suppress(ConfigurationError):
        find([request.name for request, absent in requests.items() if not absent.warning], session)
    problems = Problems()
    found: dict[PinnedPackage, None] = {}
    for request, absent in requests.items():
        with contextlib.suppress(ConfigurationError) if absent.warning else problems.caught():
            found[checked_spec(request.name, _version(request, absent.where, session))] = None
    problems.raise_errors()
    yield from (_order(spec, project) for spec in found if spec not in ready)


def _version(request: PackageSpec, dependent: str, session: Session) -> str:
    """Return the version that is taken; raise ConfigurationError, which says who imports the package, where none is."""
    try:
        return choose(request.wanted, session.package(request.name))
    except ConfigurationError as error:
        told = f"imported by {dependent}"
        problems = (replace(one, value=f"{one.value}, {told}" if one.value else told) for one in error.problems)
        raise ConfigurationError([*problems]) from None


def _others(pins: Sequence[PinnedPackage], libraries: UnpackedLibraries) -> list[ModuleRequest]:
    """Return what else a page may import of some libraries: all that modules were made for."""
    tables = ((pin, libraries.described(f"{pin.folder}/{MADE}").get("exports")) for pin in pins)
    subpaths = ((pin, subpath) for pin, table in tables if isinstance(table, Mapping) for subpath in table)
    return [ModuleRequest(pin.name, pin.version, str(subpath)) for pin, subpath in subpaths if subpath != "."]


def _unmade(
    graph: Graph, staged: Iterable[StagedLibrary], project: Project, libraries: UnpackedLibraries
) -> dict[Order, bool]:
    """Return the libraries with files that no browser can import, and whether they may be absent.

    Those that modules were made of are none of them.
    """
    locked = project.lock.libraries
    made = {str(one.order.spec) for one in staged if one.esm} | {pin for pin, one in locked.items() if one.esm}
    found: dict[str, bool] = {}
    for problem in graph.warnings:
        if problem.reference in _NOT_FOR_BROWSERS:
            pin = str(package_of(problem.where) or problem.where)
            found[pin] = found.get(pin, True) and problem.warning
    for path in graph.modules:
        package = package_of(path)
        if package and str(package) not in {*made, *found} and _FOR_BUNDLERS in libraries.source(path):
            found[str(package)] = True
    pins = ((pin.rpartition("@"), may_be_absent) for pin, may_be_absent in found.items() if pin not in made)
    specs = ((checked_spec(name, version), may_be_absent) for (name, _, version), may_be_absent in pins)
    return {_order(spec, project): may_be_absent for spec, may_be_absent in specs}


def _order(spec: PinnedPackage, project: Project) -> Order:
    entry = project.entries.get(spec.name)
    return Order(spec, entry.files if entry else (), project.lock.integrity(str(spec)))


def _requests(graph: Graph, libraries: UnpackedLibraries) -> Iterator[tuple[PackageSpec, Problem]]:
    """Yield what is imported and not there, with a warning where it may stay away; what is needed comes last."""
    absent = [problem for problem in graph.warnings if problem.reference == _ABSENT]
    for problem in sorted(absent, key=lambda problem: not problem.warning):
        # What a package.json demands may be nothing that a registry has.
        with contextlib.suppress(ConfigurationError):
            request = parse_spec(problem.value)
            if not (problem.warning and request.name in libraries.optional(problem.where)):
                yield request, problem


def _dependents(graph: Graph) -> dict[str, frozenset[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for edge in graph.edges:
        package = package_of(edge.path)
        if edge.dependent and package and package != edge.dependent:
            found[str(package)].add(str(edge.dependent))
    return {pin: frozenset(dependents) for pin, dependents in found.items()}


class UnpackedLibraries:
    """Libraries that lie ready or in the root, as the module graph asks for them: as if every file were public."""

    def __init__(self, root: Path, project: Project, staged: Iterable[StagedLibrary]) -> None:
        pins = project.lock.libraries
        self._places = {f"{FOLDER}/{pin}": root / FOLDER / pin for pin in pins if (root / FOLDER / pin).is_dir()}
        self._places |= {one.order.spec.folder: one.placement.folder for one in staged}
        self._files: dict[str, frozenset[str]] = {}

    def versions(self, name: str) -> Sequence[str]:
        """Return the versions that are there, ascending."""
        begin = f"{FOLDER}/{name}@"
        return ascending(folder.removeprefix(begin) for folder in self._places if folder.startswith(begin))

    def described(self, folder: str) -> Mapping[str, object]:
        """Return a folder's package.json; empty where there is none that can be read."""
        package = package_of(f"{folder}/")
        inner = folder.removeprefix(package.folder).removeprefix("/") if package else ""
        path = f"{inner}/package.json" if inner else "package.json"
        is_there = package and path in self._below(package.folder)
        return read_description(self._places[package.folder] / path) if package and is_there else {}

    def optional(self, pin: str) -> frozenset[str]:
        """Return what a library (NAME@VERSION) does without where it is absent."""
        return declarations(self.described(f"{FOLDER}/{pin}")).optional

    def is_public(self, path: str) -> bool:
        """Return whether a library has this file; what else lies on the disk counts for nothing."""
        package = package_of(path)
        return package is not None and path.removeprefix(f"{package.folder}/") in self._below(package.folder)

    def is_here(self, name: str) -> bool:
        """Return whether a package lies here in any version."""
        return bool(self.versions(name))

    def lies_unlisted(self, path: str) -> bool:  # noqa: ARG002 - the protocol's signature
        """Return whether a file is there that is not public: none is."""
        return False

    def below(self, folder: str) -> Sequence[str]:
        """Return the files below a folder, sorted."""
        package = package_of(f"{folder}/")
        paths = (f"{package.folder}/{path}" for path in self._below(package.folder)) if package else ()
        return sorted(path for path in paths if path.startswith(f"{folder}/"))

    def source(self, path: str) -> bytes:
        """Return the content of a file."""
        package = package_of(path)
        assert package is not None  # noqa: S101 - only what is_public has found is asked for
        place = self._places[package.folder] / path.removeprefix(f"{package.folder}/")
        with open(os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            return file.read()

    def _below(self, folder: str) -> frozenset[str]:
        if folder not in self._files:
            place = self._places.get(folder)
            found = files(place) if place else ()
            self._files[folder] = frozenset(path for path in found if place and not (place / path).is_symlink())
        return self._files[folder]

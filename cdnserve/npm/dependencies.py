"""Dependencies: what the ES modules of libraries import from other packages, in versions that each dependent allows."""

from __future__ import annotations

import contextlib
import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cdnserve.errors import ConfigurationError, Problem, Problems
from cdnserve.modules.graph import explored
from cdnserve.modules.hosted import Graph, ModuleRequest, package_of
from cdnserve.npm.apply import Project
from cdnserve.npm.compare import files
from cdnserve.npm.fetch import Order, Session, StagedLibrary, find, prepare, stage
from cdnserve.npm.hosted import read_description
from cdnserve.npm.package import choose
from cdnserve.npm.spec import FOLDER, PackageSpec, PinnedPackage, checked_spec, parse_spec
from cdnserve.rules.semver import ascending

MOST_LIBRARIES = 500
_ABSENT = "module-not-hosted"


@dataclass(frozen=True, slots=True)
class Dependencies:
    """All libraries that lie ready, and for each (NAME@VERSION) those that import it; what is to be told."""

    staged: tuple[StagedLibrary, ...]
    dependents: Mapping[str, frozenset[str]]
    warnings: tuple[Problem, ...]


def with_dependencies(
    root: Path,
    folder: Path,
    project: Project,
    pins: Sequence[PinnedPackage],
    staged: tuple[StagedLibrary, ...],
    session: Session,
) -> Dependencies:
    """Stage what libraries import from others, and what these import; raise ConfigurationError for what can't be had.

    What is hosted is taken where the dependent allows it. What only an `import()` asks for may be absent.
    """
    requests = [ModuleRequest(pin.name, pin.version) for pin in pins]
    while True:
        graph = explored(requests, _Libraries(root, project, staged))
        orders = tuple(_orders(graph, {one.order.spec for one in staged}, project, session))
        if not orders:
            break
        if len(staged) + len(orders) > MOST_LIBRARIES:
            message = f"more than {MOST_LIBRARIES} packages import each other"
            raise ConfigurationError([Problem("dependencies-too-many", message, hint="use a bundled build")])
        staged += stage(prepare(orders, session), folder, session)
    told = tuple(problem for problem in graph.warnings if problem.reference == _ABSENT)
    return Dependencies(staged, _dependents(graph), told)


def _orders(graph: Graph, ready: Collection[PinnedPackage], project: Project, session: Session) -> Iterator[Order]:
    """Order what is imported and not there."""
    requests = dict(_requests(graph))
    find([request.name for request, may_be_absent in requests.items() if not may_be_absent], session)
    problems = Problems()
    found: dict[PinnedPackage, None] = {}
    for request, may_be_absent in requests.items():
        with contextlib.suppress(ConfigurationError) if may_be_absent else problems.caught():
            found[checked_spec(request.name, choose(request.wanted, session.package(request.name)))] = None
    problems.raise_errors()
    for spec in found:
        entry = project.entries.get(spec.name)
        if spec not in ready:
            yield Order(spec, entry.files if entry else (), project.lock.integrity(str(spec)))


def _requests(graph: Graph) -> Iterator[tuple[PackageSpec, bool]]:
    """Yield what is imported and not there, and whether it may stay away; what is needed comes last, and counts."""
    absent = [problem for problem in graph.warnings if problem.reference == _ABSENT]
    for problem in sorted(absent, key=lambda problem: not problem.warning):
        # What a package.json demands may be nothing that a registry has.
        with contextlib.suppress(ConfigurationError):
            yield parse_spec(problem.value), problem.warning


def _dependents(graph: Graph) -> dict[str, frozenset[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for edge in graph.edges:
        package = package_of(edge.path)
        if edge.dependent and package and package != edge.dependent:
            found[str(package)].add(str(edge.dependent))
    return {pin: frozenset(dependents) for pin, dependents in found.items()}


class _Libraries:
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

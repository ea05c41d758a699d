"""Modules that CDNs make of packages which browsers can't import: made here instead, with all that they import.

What a page's import map must name besides comes with them; where not all of it can be had, the addresses stay.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cdnserve.cdns.mapped import Mapped, PackageFile
from cdnserve.errors import ConfigurationError, Problem
from cdnserve.migrate.counterpart import DIFFERS, NOT_IN_PACKAGE, Left, Moved, ScannedPage, mapped_files
from cdnserve.migrate.package_file import MOST_LISTED
from cdnserve.migrate.packages import RegistryAccess
from cdnserve.migrate.references import Reference
from cdnserve.migrate.rewrite import Counterpart, differs
from cdnserve.modules.graph import module_graph, module_map
from cdnserve.modules.hosted import Graph, ModuleRequest, package_of
from cdnserve.modules.package_json import MADE
from cdnserve.npm.add import AddOptions, add
from cdnserve.npm.apply import read_project
from cdnserve.npm.dependencies import UnpackedLibraries
from cdnserve.rules.semver import is_range
from cdnserve.snippets.subject import of_file

NOT_MADE = "no ES module can be made of the npm package, or of one that it imports"
_MADE_HERE = "an ES module that is made of the package here"
_OWN = "the package's own module; modules are made of what it imports"
_NEEDS_SCOPES = "it needs two versions of one package, or a name that means something to one package only"


Found = Mapping[Reference, Moved | Left]


def with_made(page: ScannedPage, found: Found, access: RegistryAccess) -> dict[Reference, Moved | Left]:
    """Return what becomes of a page's references, with modules made for those that a CDN makes modules for."""
    wanted = dict(_wanted(found))
    if not wanted:
        return dict(found)
    with tempfile.TemporaryDirectory(prefix="cdnserve-") as folder:
        root = Path(folder)
        try:
            made = dict(_made(page, wanted, root, access))
        except ConfigurationError as error:
            first = next(problem for problem in error.problems if not problem.warning)
            made = {reference: Left(_reason(first, file), NOT_MADE) for reference, file in wanted.items()}
    return {**found, **made}


def _reason(first: Problem, file: PackageFile) -> str:
    """Return why a module stays where it is; with others from the CDN the page might have a package twice."""
    reason = f"{first.message}{f' ({first.value})' if first.value else ''} ({first.where})"
    return reason if first.where.startswith(f"{file.name}@") else f"not all modules of the page can be made: {reason}"


def _wanted(found: Mapping[Reference, Moved | Left]) -> Iterator[tuple[Reference, PackageFile]]:
    """Yield the addresses of modules that a CDN makes, of which the package has none."""
    for reference, one in found.items():
        if isinstance(one, Left) and one.kind == NOT_IN_PACKAGE and reference.role in ("import", "inline"):
            mapped = mapped_files(reference)
            if isinstance(mapped, Mapped) and mapped.files[0].is_built:
                yield reference, mapped.files[0]


def _made(
    page: ScannedPage, wanted: Mapping[Reference, PackageFile], root: Path, access: RegistryAccess
) -> Iterator[tuple[Reference, Moved | Left]]:
    specs = dict.fromkeys(f"{one.name}@{one.requirement}" if one.requirement else one.name for one in wanted.values())
    add(root, [*specs], access.settings, access.progress, AddOptions(esm=True, deps=True, publish=True, begin=True))
    libraries = UnpackedLibraries(root, read_project(root), ())
    requests = {reference: _request(one) for reference, one in wanted.items()}
    for reference, request in requests.items():
        yield reference, _decided(reference, module_graph([request], libraries), libraries, page)


def _decided(reference: Reference, graph: Graph, libraries: UnpackedLibraries, page: ScannedPage) -> Moved | Left:
    table = module_map(graph, lambda path: path, dict.fromkeys(graph.modules, ""))
    if "scopes" in table:
        return Left(_NEEDS_SCOPES, NOT_MADE)
    if len(graph.modules) > MOST_LISTED:
        return Left(f"it loads more than {MOST_LISTED} modules", NOT_MADE)
    entry = next(edge.path for edge in graph.edges if edge.dependent is None)
    files = {path: Counterpart(path, of_file(path, libraries.source(path)).digests) for path in graph.modules}
    names = tuple((key, path) for key, path in sorted(_names(graph).items()) if key not in page.names)
    others = tuple(file for path, file in files.items() if path != entry)
    counterpart = Counterpart(entry, files[entry].digests, others, is_built=True, names=names)
    if differs(reference, [counterpart]):
        return Left(DIFFERS, DIFFERS)
    plain, made = _pins(graph.modules)
    return Moved((counterpart,), plain, _MADE_HERE if f"/{MADE}/" in entry else _OWN, made)


def _request(file: PackageFile) -> ModuleRequest:
    wanted = file.requirement if file.requirement and is_range(file.requirement) else None
    return ModuleRequest(file.name, wanted, f"./{file.files[0]}" if file.files else ".")


def _names(graph: Graph) -> dict[str, str]:
    """Return the names that modules import others by."""
    return {edge.key: edge.path for edge in graph.edges if edge.dependent is not None}


def _pins(modules: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the libraries that modules belong to: those whose files they are, and those that they were made of."""
    packages = {str(package): f"{package.folder}/{MADE}/" for path in modules if (package := package_of(path))}
    made = {pin for pin, folder in packages.items() if any(path.startswith(folder) for path in modules)}
    return tuple(pin for pin in packages if pin not in made), tuple(pin for pin in packages if pin in made)

"""Targets: what a person wants a tag for: a local file, a public path, a hosted library's file or a URL."""

from __future__ import annotations

import contextlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import starmap
from pathlib import Path
from typing import Protocol

from cdnserve.cdns.npm_mirrors import FIELDS
from cdnserve.display import alike, did_you_mean, excerpt, plural
from cdnserve.errors import ConfigurationError, Problem, Problems
from cdnserve.manifest.files import MANIFEST
from cdnserve.markup.urls import web_url
from cdnserve.modules.hosted import HostedPackage, ModuleRequest, Modules, ReadModules
from cdnserve.modules.package_json import MADE
from cdnserve.modules.resolve import ResolvedModule, Resolver
from cdnserve.modules.scripts import MainFiles, main_files
from cdnserve.npm.hosted import HostedLibraries
from cdnserve.npm.settings import NpmSettings
from cdnserve.npm.spec import FOLDER
from cdnserve.origin.aliases import HostedVersions, LibraryAddress, read_address
from cdnserve.origin.lookup import Origin
from cdnserve.release.catalog import Asset, Catalog, Entries
from cdnserve.release.store import Releases
from cdnserve.rules.media_types import destination
from cdnserve.rules.semver import ascending
from cdnserve.rules.urls import given_url
from cdnserve.snippets.importmap import HostedImportMap, hosted_import_map, module_requests, script_json
from cdnserve.snippets.subject import Options, Subject, of_asset, of_file, of_response
from cdnserve.snippets.tags import html

_MOST_LISTED = 10


class ReadableRelease(Protocol):
    """A release, and the content of its files."""

    @property
    def catalog(self) -> Catalog:
        """What the release publishes."""

    def read(self, asset: Asset) -> bytes:
        """Return an asset's content."""


@dataclass(frozen=True, slots=True)
class Hosted:
    """What is public: the root, and the release that was made of it."""

    root: Path
    store: Releases
    catalog: Catalog

    def read(self, asset: Asset) -> bytes:
        """Return an asset's content from the store."""
        return self.store.content(asset.identity)


def find_subjects(
    targets: Sequence[str],
    root: Path,
    hosted: Callable[[], Hosted],
    settings: NpmSettings,
    *,
    module: bool | None = None,
) -> list[Subject]:
    """Find the files that targets mean; raise ConfigurationError with the problems of all of them.

    Each is, in this order, a URL, a local file, a public path or a hosted library; one without a path may mean a
    script and a stylesheet, one without an exact version means the best that is hosted. `hosted` is asked only if it
    matters, and `module` decides whether scripts are modules.
    """
    subjects: list[Subject] = []
    problems = Problems()
    for target in targets:
        with problems.caught():
            subjects += _find(target, root, hosted, settings, module)
    problems.raise_errors()
    return subjects


def _find(
    target: str, root: Path, hosted: Callable[[], Hosted], settings: NpmSettings, module: bool | None
) -> Iterator[Subject]:
    if url := web_url(target):
        yield _fetched(given_url(url), settings, module)
        return
    file = Path(target)
    if not file.is_file():
        meant = _hosted_paths(target, hosted())
        alias = f"{target} is {meant.today} today" if meant.today else ""
        yield from (replace(public_subject(path, hosted(), module), alias=alias) for path in meant.paths)
        return
    logical = _logical_path(file, root)
    if logical and (root / MANIFEST).is_file() and logical in hosted().catalog.assets:
        yield public_subject(logical, hosted(), module)
    else:
        yield of_file(target, _read(file), module=module)


def _fetched(url: str, settings: NpmSettings, module: bool | None) -> Subject:
    from cdnserve.snippets.fetch import fetch  # noqa: PLC0415 - the HTTP client takes long to load

    answer = fetch(url, settings)
    if answer.varies:
        message = f"no integrity metadata is right for what it answers: {answer.varies}"
        hint = "browsers that get other bytes would block it; host the file, or load it without integrity"
        raise ConfigurationError([Problem("target-varies", message, answer.url, hint=hint)])
    return of_response(answer.url, answer.content, answer.media_type, module=module, remarks=answer.remarks)


def public_subject(path: str, hosted: ReadableRelease, module: bool | None = None) -> Subject:
    """Return what tags are made from of a public file; KeyError where the release has none."""
    is_script = destination(path) == "script"
    source = hosted.read(hosted.catalog.assets[path]).decode("utf-8", "replace") if is_script else ""
    return of_asset(hosted.catalog, path, source, module=module)


def _logical_path(file: Path, root: Path) -> str:
    try:
        return file.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return ""


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        problem = Problem("target-unreadable", "the file can't be read", str(file), error.strerror or "")
        raise ConfigurationError([problem]) from None


@dataclass(frozen=True, slots=True)
class _Meant:
    """The public files that a target means, and what it stands for today where that may change."""

    paths: tuple[str, ...]
    today: str = ""


def _hosted_paths(text: str, hosted: Hosted) -> _Meant:
    public, path = hosted.catalog.assets, text.removeprefix("/")
    if path in public:
        return _Meant((path,))
    address = read_address(path, "jsdelivr") or read_address(path, "unpkg")
    libraries = HostedVersions(sorted(public))
    if address and (found := _in_library(address, text, hosted, libraries)):
        return found
    # The addresses of other CDNs, where the site has them.
    served = Origin(hosted.catalog).locate(given_url(f"/{path}").encode("ascii")).path
    if served in public:
        return _Meant((served,), served)
    hint = did_you_mean(path, (*libraries.names, *public), "see what is public: cdnserve list")
    message = "neither a local file nor a public path nor a hosted library"
    raise ConfigurationError([Problem("target-unknown", message, text, hint=hint)])


def find_library(text: str, catalog: Catalog) -> tuple[str, str]:
    """Return name and version of the hosted library that NAME[@VERSION] means; VERSION may be a range or a tag."""
    libraries, address = HostedVersions(sorted(catalog.assets)), read_address(text.strip("/"), "unpkg")
    if address and not address.file and (version := _hosted_version(address, text, libraries)):
        return address.name, version
    hint = did_you_mean(text, libraries.names, "see what is public: cdnserve list; cdnserve add NAME hosts another")
    raise ConfigurationError([Problem("target-unknown", "no hosted library has this name", text, hint=hint)])


def _in_library(address: LibraryAddress, text: str, hosted: Hosted, libraries: HostedVersions) -> _Meant | None:
    """Find the files of a hosted library, `None` where there is no such library."""
    public, name = hosted.catalog.assets, address.name
    is_exact = any(_below(f"{FOLDER}/{name}@{address.version}", public))
    version = address.version if is_exact else _hosted_version(address, text, libraries)
    if version is None:
        return None
    folder = f"{FOLDER}/{name}@{version}"
    today = "" if is_exact else address.exact(version, address.file).removesuffix("/")
    if not address.file:
        return _Meant(main_library_files(folder, hosted), today)
    if f"{folder}/{address.file}" in public:
        return _Meant((f"{folder}/{address.file}",), today)
    pinned = f"{name}@{version}/{address.file}"
    message, hint = f"{folder} has no such public file", _near(pinned, folder, public)
    raise ConfigurationError([Problem("target-unknown", message, text, hint=hint)])


def _hosted_version(address: LibraryAddress, text: str, libraries: HostedVersions) -> str | None:
    """Return the hosted version that an address means, `None` where its library isn't hosted at all."""
    name, versions = address.name, libraries.versions(address.name)
    found = libraries.best(name, address.version)
    if found is None and versions:
        hint = f"say {name}@VERSION; hosted are {', '.join(versions[: -_MOST_LISTED - 1 : -1])}"
        raise ConfigurationError([Problem("target-unknown", "this version is not hosted", text, hint=hint)])
    return found


@dataclass(frozen=True, slots=True)
class _PublicFiles:
    """The public files of a library; paths are relative to its folder."""

    hosted: ReadableRelease
    folder: str
    files: frozenset[str]

    def source(self, path: str) -> bytes:
        return self.hosted.read(self.hosted.catalog.assets[f"{self.folder}/{path}"])


def main_library_files(folder: str, hosted: ReadableRelease) -> tuple[str, ...]:
    """Return the public paths of the script and the stylesheet that stand for a library; raise ConfigurationError."""
    return _paths(folder, _main_files(folder, hosted), hosted)


def _paths(folder: str, chosen: MainFiles, hosted: ReadableRelease) -> tuple[str, ...]:
    found = tuple(f"{folder}/{path}" for path in (chosen.script, chosen.style) if path)
    if found:
        return found
    if chosen.for_node:
        message = f"it has no script for a tag: {chosen.for_node} runs in Node.js only"
        pin = folder.removeprefix(f"{FOLDER}/")
        hint = f"its ES modules, if it has any: cdnserve importmap {pin}; to have some made: cdnserve add {pin} --esm"
        raise ConfigurationError([Problem("target-for-node", message, folder, hint=hint)])
    message = "no package.json in it names a public file for browsers"
    hint = f"say one of {_listed(_below(folder, hosted.catalog.assets))}"
    raise ConfigurationError([Problem("target-ambiguous", message, folder, hint=hint)])


def _main_files(folder: str, hosted: ReadableRelease) -> MainFiles:
    entries = hosted.catalog.packages.get(folder, Entries())
    files = frozenset(path.removeprefix(f"{folder}/") for path in _below(folder, hosted.catalog.assets))
    named = {field: getattr(entries, field) for field in FIELDS}
    name = folder.removeprefix(f"{FOLDER}/").rpartition("@")[0]
    chosen = main_files(name, named, _PublicFiles(hosted, folder, files))
    made = f"{MADE}/index.js" if f"{MADE}/index.js" in files else ""
    return replace(chosen, script=chosen.script or made)


@dataclass(frozen=True, slots=True)
class Snippets:
    """What a page needs of some libraries, ready to be pasted, and what keeps some from having any.

    `notes` say how to get what is left out because it is much.
    """

    text: str
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()


def library_snippets(pins: Sequence[str], hosted: Hosted, *, prefer_modules: bool = False) -> Snippets:
    """Write the tags of libraries (NAME@VERSION), and one import map for those that are ES modules.

    With `prefer_modules`, also for those that have a classic script as well. Where the package's own script is for
    Node.js alone, its ES modules are what a page can load.
    """
    packages = HostedLibraries(hosted.root, hosted.store, hosted.catalog)
    subjects: list[Subject] = []
    modules: list[ModuleRequest] = []
    problems = Problems()
    for pin in pins:
        with problems.caught():
            is_preferred = prefer_modules or _main_files(f"{FOLDER}/{pin}", hosted).for_node
            if is_preferred and (found := _entries(pin, packages)):
                modules += found
                continue
            files = library_subjects(pin, hosted)
            modules += module_requests([pin]) if any(one.kind == "module" for one in files) else []
            subjects += [one for one in files if one.kind != "module"]
    parts = [html(subjects, Options())] if subjects else []
    modules, others = _one_version_each(modules)
    shown = _for_pages(modules)
    if shown:
        with problems.caught():
            mapped = _import_map(shown, packages, hosted.catalog)
            problems += mapped.warnings
            parts.append(f'<script type="importmap">\n{script_json(mapped.map)}\n</script>')
    left = Counter(one.name for one in modules) - Counter(one.name for one in shown)
    more = (f"{plural(left[name], 'more module')} of {name}: {_LIST_THEM.format(name)}" for name in left)
    beside = (f"a map has one version of each: cdnserve importmap {pin} for that one" for pin in others)
    return Snippets("\n".join(parts), tuple(problems), (*more, *beside))


_MOST_ENTRIES = 20
# What names entries for servers, tests and development: pages import others.
_FOR_OTHERS = frozenset(
    {"bun", "debug", "deno", "dev", "development", "edge", "node", "profiling", "server", "static", "test", "tests"}
)
_WORD = re.compile(r"[a-z]+")
_LIST_THEM = "cdnserve info {0} lists them, cdnserve importmap {0}/NAME maps one"


def _for_pages(modules: Sequence[ModuleRequest]) -> list[ModuleRequest]:
    """Return the main entries, and those beside them that a page may want, where these are few."""
    entries = [one for one in modules if one.subpath == "." or not _FOR_OTHERS.intersection(_WORD.findall(one.subpath))]
    number = Counter(one.name for one in entries)
    return [one for one in entries if one.subpath == "." or number[one.name] <= _MOST_ENTRIES]


def _one_version_each(modules: Sequence[ModuleRequest]) -> tuple[list[ModuleRequest], list[str]]:
    """Return the modules of the newest version of each package, and the libraries that are left."""
    versions: defaultdict[str, set[str]] = defaultdict(set)
    for one in modules:
        versions[one.name].add(one.range or "")
    chosen = {name: ascending(several)[-1] for name, several in versions.items()}
    left = [f"{one.name}@{one.range}" for one in modules if one.range != chosen[one.name]]
    return [one for one in modules if one.range == chosen[one.name]], list(dict.fromkeys(left))


def _import_map(wanted: Sequence[ModuleRequest], packages: HostedLibraries, catalog: Catalog) -> HostedImportMap:
    """Return an import map without the entries that need what isn't hosted, if they aren't the main ones."""
    read: ReadModules = {}
    with contextlib.suppress(ConfigurationError):
        return hosted_import_map(wanted, packages, catalog, Options(), read=read)
    left: defaultdict[Problem, list[str]] = defaultdict(list)
    usable: list[ModuleRequest] = []
    for one in wanted:
        try:
            hosted_import_map([one], packages, catalog, Options(), read=read)
        except ConfigurationError as error:
            if one.subpath == ".":
                raise
            for problem in error.problems:
                left[problem].append(one.specifier)
        else:
            usable.append(one)
    mapped = hosted_import_map(usable, packages, catalog, Options(), read=read)
    return replace(mapped, warnings=(*mapped.warnings, *starmap(_left_out, left.items())))


def _left_out(problem: Problem, specifiers: Sequence[str]) -> Problem:
    message = f"the map leaves out {excerpt(', '.join(specifiers))}: {problem.message}"
    return replace(problem, message=message, warning=True)


def _entries(pin: str, packages: HostedLibraries) -> list[ModuleRequest]:
    """Return what a page may import of a library (NAME@VERSION) of ES modules: the main entry, and all that were made.

    Of several names of one module that is the shortest.
    """
    name, _, version = pin.rpartition("@")
    modules, package = Modules(packages), HostedPackage(name, version)
    made = modules.made(package)
    names = {str(file): subpath for subpath, file in sorted(_items(made), key=lambda one: (-len(one[0]), one[0]))}
    is_there = isinstance(Resolver(modules, {}).entry(package, "."), ResolvedModule)
    subpaths = [*(["."] if is_there else []), *sorted(one for one in names.values() if one != ".")]
    return [ModuleRequest(name, version, subpath) for subpath in subpaths]


def _items(made: object) -> Iterable[tuple[str, object]]:
    return made.items() if isinstance(made, Mapping) else ()


def library_subjects(pin: str, hosted: ReadableRelease) -> list[Subject]:
    """Return the files of a library (NAME@VERSION) that its package.json names for browsers."""
    folder = f"{FOLDER}/{pin}"
    chosen = _main_files(folder, hosted)
    return [_main_subject(path, folder, chosen, hosted) for path in _paths(folder, chosen, hosted)]


def _main_subject(path: str, folder: str, chosen: MainFiles, hosted: ReadableRelease) -> Subject:
    if path == f"{folder}/{chosen.script}" and chosen.runs_as:
        # It was looked into already, and has nothing to be told of.
        return of_asset(hosted.catalog, path, module=chosen.runs_as == "module")
    return public_subject(path, hosted)


def _below(folder: str, public: dict[str, Asset]) -> Iterator[str]:
    return (path for path in public if path.startswith(f"{folder}/"))


def _near(path: str, folder: str, public: dict[str, Asset]) -> str:
    near = alike(f"{FOLDER}/{path}", _below(folder, public), _MOST_LISTED)
    return f"say one of {_listed(iter(near) if near else _below(folder, public))}"


def _listed(paths: Iterator[str]) -> str:
    shown = [path.removeprefix(f"{FOLDER}/") for path in paths if destination(path) in ("script", "style")]
    more = f" and {len(shown) - _MOST_LISTED} more" if len(shown) > _MOST_LISTED else ""
    return ", ".join(shown[:_MOST_LISTED]) + more or "its files: cdnserve list"

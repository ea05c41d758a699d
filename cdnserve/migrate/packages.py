"""npm packages that pages ask public CDNs for, unpacked in a temporary folder to be looked into."""

from __future__ import annotations

import contextlib
import tempfile
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from cdnserve.cdns.cdnjs import cdnjs_names, npm_file
from cdnserve.cdns.mapped import CDNJS, PackageFile, unminified
from cdnserve.errors import ConfigurationError, Problem
from cdnserve.manifest.files import LOCK, MANIFEST
from cdnserve.manifest.lock import read_lock
from cdnserve.manifest.model import Manifest, RuleMatcher
from cdnserve.manifest.reader import read_manifest
from cdnserve.npm.apply import RULE
from cdnserve.npm.download import DownloadProgress, Silent
from cdnserve.npm.fetch import Order, Session, StagedLibrary, find, prepare, stage
from cdnserve.npm.package import LATEST, Packument, choose
from cdnserve.npm.settings import NpmSettings
from cdnserve.npm.spec import PinnedPackage, checked_spec
from cdnserve.npm.transaction import reported
from cdnserve.rules.semver import ascending, best, is_exact_version, is_package_name, is_range

_ABSENT = frozenset({"library-not-found", "version-not-found", "version-too-long"})
_MOST_MAJORS = 12

PackageRequest = tuple[str, str]
"""A package's name and a requirement: an exact version, a range, a tag, or `""`."""


@dataclass(frozen=True, slots=True)
class RegistryAccess:
    """What the registry is asked with, and the root whose manifest and lock decide what is taken of a package.

    Where all is `whole`, the manifest does not decide which files are.
    """

    root: Path
    settings: NpmSettings
    progress: DownloadProgress = field(default_factory=Silent)
    whole: bool = False


@dataclass(frozen=True, slots=True)
class UnpackedPackage:
    """An unpacked package in a temporary folder; paths are relative to it."""

    staged: StagedLibrary
    files: frozenset[str]

    @property
    def spec(self) -> PinnedPackage:
        """Its name and exact version."""
        return self.staged.order.spec

    def source(self, path: str) -> bytes:
        """Return the content of one of the files."""
        return self.staged.source(path)


@contextlib.contextmanager
def unpack(
    requests: Collection[PackageRequest], access: RegistryAccess
) -> Iterator[Mapping[PackageRequest, UnpackedPackage | str]]:
    """Unpack packages until the block ends, each at its exact version; where npm has none, yield why.

    Raise ConfigurationError where the registry can't be asked or lies.
    """
    with tempfile.TemporaryDirectory(prefix="cdnserve-") as folder, reported(access.root):
        with Session(access.settings, access.progress) as session:
            packages, absent = _find_packages(sorted({name for name, _ in requests}), session)
            chosen = {one: _choose(one, packages) if one[0] in packages else absent[one[0]] for one in requests}
            specs = list(dict.fromkeys(spec for spec in chosen.values() if isinstance(spec, PinnedPackage)))
            staged = stage(prepare(_orders(specs, access), session), Path(folder), session)
        ready = {one.order.spec: UnpackedPackage(one, frozenset(one.unpacked.files)) for one in staged}
        yield {one: ready[spec] if isinstance(spec, PinnedPackage) else spec for one, spec in chosen.items()}


def _find_packages(names: Sequence[str], session: Session) -> tuple[dict[str, Packument], dict[str, str]]:
    """Return the packages that the registry has, and why it does not have the others."""
    absent = {name: "npm can't have a package of this name" for name in names if not is_package_name(name)}
    names = [name for name in names if name not in absent]
    try:
        return {package.name: package for package in find(names, session)}, absent
    except ConfigurationError as error:
        _absence(error)
    packages = {}
    for name in names:
        try:
            packages[name] = session.package(name)
        except ConfigurationError as error:
            absent[name] = _absence(error)
    return packages, absent


def _choose(request: PackageRequest, packages: Mapping[str, Packument]) -> PinnedPackage | str:
    name, requirement = request
    try:
        return checked_spec(name, choose(requirement, packages[name]))
    except ConfigurationError as error:
        return _absence(error)


def _absence(error: ConfigurationError) -> str:
    """Return why npm lacks packages or versions; raise an error about anything else again."""
    if not all(problem.reference in _ABSENT for problem in error.problems):
        raise error
    return "; ".join(problem.message for problem in error.problems)


def _orders(specs: Iterable[PinnedPackage], access: RegistryAccess) -> tuple[Order, ...]:
    """Order what `add` would: with the manifest's globs, and as the lock demands."""
    manifest, lock = read_manifest(access.root / MANIFEST), read_lock(access.root / LOCK)
    files = {library.name: library.files for library in manifest.libraries if not access.whole}
    locked = {key: entry.integrity for key, entry in lock.libraries.items()}
    return tuple(Order(spec, files.get(spec.name, ()), locked.get(str(spec), "")) for spec in specs)


def earlier_version(file: PackageFile, newest: UnpackedPackage, access: RegistryAccess) -> str:
    """Return the newest version of a range, older than one that lacks a file, that has it; `""` for none.

    jsDelivr answers with that. Of each major version the last is looked into, then the ones between: a file that is
    gone from one release is taken to stay away until the next major version.
    """
    requirement = file.requirement or "*"
    if is_exact_version(requirement) or not (requirement == LATEST or is_range(requirement)):
        return ""
    with Session(access.settings, access.progress) as session:
        package = session.package(file.name)
    versions = [one for one in ascending(package.versions) if _is_in(one, requirement)]
    older = versions[: versions.index(newest.spec.version)] if newest.spec.version in versions else []

    def has(version: str) -> bool:
        with unpack({(file.name, version)}, access) as packages:
            found = packages[file.name, version]
            return isinstance(found, UnpackedPackage) and not found.files.isdisjoint(file.files)

    return _last_that(has, older)


def _is_in(version: str, requirement: str) -> bool:
    return "-" not in version and (requirement == LATEST or best(requirement, [version]) == version)


def _last_that(has: Callable[[str], bool], versions: Sequence[str]) -> str:
    """Return the last of ascending versions that has something, with few questions; `""` for none."""
    majors = [_major(one) for one in versions]
    lasts = [at for at, one in enumerate(majors) if majors[at + 1 : at + 2] != [one]]
    for last in reversed(lasts[-_MOST_MAJORS:]):
        start = next((at + 1 for at in reversed(lasts) if at < last), 0)
        if has(versions[last]):
            return versions[last]
        # It may have gone within this major version, if the first of it has it still.
        if has(versions[start]):
            found = bisect_left(range(start, last), True, key=lambda at: not has(versions[at])) + start
            return versions[found - 1]
    return ""


def _major(version: str) -> str:
    return version.partition(".")[0]


def as_npm(file: PackageFile, cdn: str) -> PackageFile:
    """Return what a CDN's address asks for in npm's names."""
    if cdn != CDNJS:
        return file
    found = npm_file(file.name, file.requirement, file.files[0], cdnjs_names())
    # cdnjs minifies files itself where the package has none that are.
    files, is_vouched = unminified(found.files), found.is_vouched
    return replace(file, name=found.package, requirement=found.version, files=files, is_vouched=is_vouched)


def unpublished(paths: Iterable[str], manifest: Manifest) -> tuple[Problem, ...]:
    """Return which of these paths pages of other origins could not load."""
    matcher = RuleMatcher(manifest.rules)
    problems: list[Problem] = []
    for path in dict.fromkeys(paths):
        index = matcher.find(path)
        if index is None:
            message = "no rule publishes this file, so pages that point to it would break"
            problems.append(Problem("migration-unlisted", message, path, hint=RULE))
        elif manifest.rules[index].cors.name == "none":
            message = 'its rule has cors = "none", so pages of other origins could not load it'
            where = f"{MANIFEST}:{manifest.rules[index].line}"
            problems.append(Problem("migration-without-cors", message, where, path, hint='say cors = "any"'))
    return tuple(problems)

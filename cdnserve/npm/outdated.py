"""`outdated`: which requirements of the manifest are behind the registry, and by how much."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cdnserve.display import did_you_mean, excerpt
from cdnserve.errors import ConfigurationError, Problem, Problems
from cdnserve.manifest.files import MANIFEST
from cdnserve.manifest.lock import Lock
from cdnserve.manifest.model import Library
from cdnserve.npm.apply import Project, read_project
from cdnserve.npm.download import DownloadProgress
from cdnserve.npm.fetch import Session, find
from cdnserve.npm.package import Packument, choose
from cdnserve.npm.settings import NpmSettings
from cdnserve.rules.semver import ascending, is_exact_version, resolve

# A bare number, or numbers with x in place of the last ones: they stay as many parts as they are.
_PARTIAL = re.compile(r"[0-9]+(\.[0-9]+)?((?:\.[xX*])*)")


@dataclass(frozen=True, slots=True)
class RequirementState:
    """One requirement: the hosted version that it stands for (`""` for none), the one it allows, and the latest.

    `leads` says that no other requirement of the library stands for a higher version.
    """

    package: Packument
    requirement: str
    current: str
    wanted: str
    latest: str
    leads: bool

    @property
    def name(self) -> str:
        """The library's name."""
        return self.package.name


def named(project: Project, names: Sequence[str]) -> tuple[Library, ...]:
    """Return the manifest's libraries of these names, without any all; raise ConfigurationError for unknown ones."""
    own = {name for name, pins in project.pins.items() if pins and all(pin.own for pin in pins)}
    entries = {name: entry for name, entry in project.entries.items() if name not in own}
    Problems(
        _own(name) if name in own else _unknown(name, entries) for name in names if name not in entries
    ).raise_errors()
    return tuple(entries[name] for name in dict.fromkeys(names or entries))


def newest_published(name: str, settings: NpmSettings, progress: DownloadProgress | None = None) -> str:
    """Return the version of a package that the registry calls the latest."""
    with Session(settings, progress) as session:
        return choose("", session.package(name))


def requirement_states(libraries: Sequence[Library], lock: Lock, session: Session) -> list[RequirementState]:
    """Ask the registry about every requirement; raise the problems of all of them together."""
    packages = find([library.name for library in libraries], session)
    states: list[RequirementState] = []
    problems = Problems()
    for library, package in zip(libraries, packages, strict=True):
        with problems.caught():
            states += _states(library, lock.hosted(library.name), package)
    problems.raise_errors()
    return states


def _states(library: Library, versions: Sequence[str], package: Packument) -> Iterator[RequirementState]:
    latest = choose("", package)
    current = {requirement: resolve(requirement, versions) or "" for requirement in library.versions}
    wanted = {requirement: _wanted(requirement, current[requirement], package) for requirement in library.versions}
    highest = higher(*wanted.values())
    for requirement, version in wanted.items():
        yield RequirementState(package, requirement, current[requirement], version, latest, version == highest)


def _wanted(requirement: str, current: str, package: Packument) -> str:
    try:
        return higher(current, choose(requirement, package))
    except ConfigurationError:
        # What is hosted here may have been taken back there.
        if current:
            return current
        raise


def higher(*versions: str) -> str:
    """Return the highest of some versions, of which some may be `""`.

    >>> higher("", "1.9.0", "1.10.0")
    '1.10.0'
    """
    return ascending(filter(None, versions))[-1]


def rewritten(requirement: str, version: str) -> str:
    """Return a requirement that allows a version, in the manner of one that doesn't.

    >>> [rewritten(old, "4.1.0") for old in ("^3.6", "~3.6.0", "3.7.1", "3", "3.7", "3.x", ">=2 <4")]
    ['^4.1.0', '~4.1.0', '4.1.0', '4', '4.1', '4.x', '^4.1.0']
    """
    if is_exact_version(requirement.lstrip("=v ")):
        return version
    parts = version.split(".")
    partial = _PARTIAL.fullmatch(requirement)
    if partial and "-" not in version:
        return ".".join(parts[: 1 + bool(partial[1])]) + partial[2]
    return f"{'~' if requirement.startswith('~') else '^'}{version}"


def _own(name: str) -> Problem:
    message = "an own build is not looked for in a registry, where the name may be somebody else's"
    return Problem("own-build", message, MANIFEST, name, f"add the next one: cdnserve add FOLDER --as {name}@VERSION")


def _unknown(text: str, names: Iterable[str]) -> Problem:
    hint = did_you_mean(text, names, "cdnserve add adds a library, or another version of one")
    return Problem("library-unknown", "the manifest has no library of this name", MANIFEST, excerpt(text), hint)


@dataclass(frozen=True, slots=True)
class OutdatedLibrary:
    """A requirement that is behind; `current` is `""` where nothing hosted satisfies it.

    Sizes are octets of all files, unpacked, as the registry counts them; `None` where it doesn't. `deprecated` is why
    the current version is.
    """

    name: str
    requirement: str
    current: str
    wanted: str
    latest: str
    current_size: int | None
    wanted_size: int | None
    latest_size: int | None
    deprecated: str

    @property
    def growth(self) -> int | None:
        """The change of size from the current version to the wanted one, or to the latest where they are the same."""
        target = self.latest_size if self.wanted == self.current else self.wanted_size
        return None if target is None or self.current_size is None else target - self.current_size


def outdated(
    root: Path, names: Sequence[str], settings: NpmSettings, progress: DownloadProgress | None = None
) -> tuple[OutdatedLibrary, ...]:
    """Return the requirements that are behind, or whose version is deprecated; raise ConfigurationError."""
    project = read_project(root)
    with Session(settings, progress) as session:
        states = requirement_states(named(project, names), project.lock, session)
    return tuple(_behind(state) for state in states if _is_behind(state))


def _is_behind(one: RequirementState) -> bool:
    # An older version that stands beside a newer one is meant to be old.
    overtaken = one.leads and higher(one.wanted, one.latest) != one.wanted
    return one.wanted != one.current or overtaken or bool(_deprecated(one))


def _behind(state: RequirementState) -> OutdatedLibrary:
    package, current = state.package, state.current
    return OutdatedLibrary(
        name=state.name,
        requirement=state.requirement,
        current=current,
        wanted=state.wanted,
        latest=state.latest,
        current_size=_size(package, current),
        wanted_size=_size(package, state.wanted),
        latest_size=_size(package, state.latest),
        deprecated=_deprecated(state),
    )


def _deprecated(state: RequirementState) -> str:
    package, current = state.package, state.current
    return excerpt(package.deprecated(current)) if current in package.versions else ""


def _size(package: Packument, version: str) -> int | None:
    # A version that was taken back may still be hosted here.
    return package.unpacked_size(version) if version in package.versions else None

"""The outlook: for each requirement of the manifest, what it stands for here and what the registry has for it.

Never changes anything, and never takes a step back: what is hosted is at least what is wanted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.libraries.choosing import choose
from cdnserve.libraries.downloads.gathering import find
from cdnserve.libraries.registries.metadata import Package
from cdnserve.libraries.scene import Scene
from cdnserve.libraries.settings import Progress, Settings
from cdnserve.libraries.wording import shown
from cdnserve.manifest.governing import MANIFEST
from cdnserve.manifest.lock import Lock
from cdnserve.manifest.packages import is_exact_version
from cdnserve.manifest.requirements import ascending, hosted, resolve
from cdnserve.manifest.values import Library

# A bare number, or numbers with x in place of the last ones: they stay as many parts as they are.
_PARTIAL = re.compile(r"[0-9]+(\.[0-9]+)?((?:\.[xX*])*)")


@dataclass(frozen=True, slots=True)
class Outlook:
    """One requirement: the hosted version that it stands for (`""` for none), the one it allows, and the latest.

    `leads` says that no other requirement of the library stands for a higher version.
    """

    package: Package
    requirement: str
    current: str
    wanted: str
    latest: str
    leads: bool

    @property
    def name(self) -> str:
        """The library's name."""
        return self.package.name


def named(scene: Scene, names: Sequence[str]) -> tuple[Library, ...]:
    """Give the manifest's libraries of these names, without any all; raise ConfigurationError for one that is none."""
    entries = scene.entries
    if problems := [_unknown(name, entries) for name in dict.fromkeys(names) if name not in entries]:
        raise ConfigurationError(problems)
    return tuple(entries[name] for name in dict.fromkeys(names or entries))


def look_out(libraries: Sequence[Library], lock: Lock, settings: Settings, progress: Progress) -> list[Outlook]:
    """Ask the registry about every requirement; raise the problems of all of them together."""
    if not libraries:
        return []
    packages = find([library.name for library in libraries], settings, progress)
    outlooks: list[Outlook] = []
    problems: list[Problem] = []
    for library, package in zip(libraries, packages, strict=True):
        versions = hosted(lock, library.name)
        try:
            outlooks += _outlooks(library, versions, package)
        except ConfigurationError as error:
            problems += error.problems
    if problems:
        raise ConfigurationError(problems)
    return outlooks


def _outlooks(library: Library, versions: Sequence[str], package: Package) -> Iterator[Outlook]:
    latest = choose("", package)
    current = {requirement: resolve(requirement, versions) or "" for requirement in library.versions}
    wanted = {requirement: _wanted(requirement, current[requirement], package) for requirement in library.versions}
    highest = higher(*wanted.values())
    for requirement, version in wanted.items():
        yield Outlook(package, requirement, current[requirement], version, latest, version == highest)


def _wanted(requirement: str, current: str, package: Package) -> str:
    try:
        return higher(current, choose(requirement, package))
    except ConfigurationError:
        # What is hosted here may have been taken back there.
        if current:
            return current
        raise


def higher(*versions: str) -> str:
    """Give the highest of some versions, of which some may be `""`.

    >>> higher("", "1.9.0", "1.10.0")
    '1.10.0'
    """
    return ascending(filter(None, versions))[-1]


def rewritten(requirement: str, version: str) -> str:
    """Give a requirement that allows a version, in the manner of one that doesn't.

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


def _unknown(text: str, names: Iterable[str]) -> Problem:
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

    near = get_close_matches(text, list(names), n=1)
    hint = f"did you mean {near[0]}?" if near else "cdnserve add adds a library, or another version of one"
    return Problem("library-unknown", "the manifest has no library of this name", MANIFEST, shown(text), hint)

"""NAME@VERSION: which npm package is meant, as the registry names packages and semver 2.0 writes versions.

Never accepts a name that could be another path than its own folder, or a version that isn't exact.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.libraries.wording import shown
from cdnserve.manifest.packages import exact_version_in, is_exact_version, is_package_name

FOLDER = "npm"
LONGEST_FOLDER = 255


@dataclass(frozen=True, slots=True)
class Spec:
    """One package at one exact version; only `parse_spec` and `checked_spec` make these."""

    name: str
    version: str

    @property
    def scope(self) -> str:
        """The `@scope` of a scoped name, else `""`."""
        return self.name.partition("/")[0] if self.name.startswith("@") else ""

    @property
    def folder(self) -> str:
        """The folder below the root, with `/` between its parts."""
        return f"{FOLDER}/{self}"

    def __str__(self) -> str:
        """Give NAME@VERSION."""
        return f"{self.name}@{self.version}"


def parse_spec(text: str) -> Spec:
    """Read NAME@VERSION; a range, a tag, an address or a path is a problem.

    >>> parse_spec("@fontsource/inter@5.1.0")
    Spec(name='@fontsource/inter', version='5.1.0')
    """
    name, _, version = text[1:].partition("@")
    return checked_spec(text[:1] + name, version)


def parse_specs(texts: Iterable[str]) -> tuple[Spec, ...]:
    """Read several; raise every problem at once, and one for a library that is asked for in two versions."""
    specs: dict[str, Spec] = {}
    problems: list[Problem] = []
    for text in texts:
        try:
            spec = parse_spec(text)
        except ConfigurationError as error:
            problems += error.problems
            continue
        if specs.setdefault(spec.name, spec) != spec:
            problems.append(_twice(spec, specs[spec.name]))
    if problems:
        raise ConfigurationError(problems)
    return tuple(specs.values())


def checked_spec(name: str, version: str) -> Spec:
    """Make a spec of a name and a version that came separately, checked as `parse_spec` does."""
    spec = Spec(name, version)
    problem = _name_problem(name) or _version_problem(name, version)
    if not problem and len(spec.folder.rpartition("/")[2]) > LONGEST_FOLDER:
        message = f"{name}: name and version together are too long for a folder's name"
        problem = Problem("version-too-long", message, "", shown(version))
    if problem:
        raise ConfigurationError([problem])
    return spec


def _name_problem(name: str) -> Problem | None:
    if is_package_name(name):
        return None
    hint = "say NAME@VERSION or @SCOPE/NAME@VERSION"
    return Problem("package-name", "npm has no package of this name", "", shown(name), hint)


def _version_problem(name: str, version: str) -> Problem | None:
    if is_exact_version(version):
        return None
    if not version:
        return Problem("version-missing", f"{name}: say which version", hint=f"for example {name}@1.2.3")
    near = exact_version_in(version)
    hint = f"say {name}@{near}" if near else "say an exact version such as 1.2.3; ranges and tags are not resolved"
    return Problem("version-not-exact", f"{name}: the version is not exact", "", shown(version), hint)


def _twice(spec: Spec, other: Spec) -> Problem:
    message = f"{spec.name} is asked for in two versions"
    return Problem("library-twice", message, "", f"{other.version} and {spec.version}", "name one version a library")

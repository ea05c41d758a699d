"""NAME@VERSION: which npm package is meant, as the registry names packages and semver 2.0 writes versions.

Never accepts a name that could be another path than its own folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from shlex import quote

from cdnserve.display import excerpt
from cdnserve.errors import ConfigurationError, Problem, Problems
from cdnserve.rules.semver import is_exact_version, is_package_name, is_requirement

FOLDER = "npm"
LONGEST_FOLDER = 255
# npm lets tags be almost anything; those that are used look so.
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)


@dataclass(frozen=True, slots=True)
class PinnedPackage:
    """One package at one exact version; only `checked_spec` makes these."""

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
        """Return NAME@VERSION."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class PackageSpec:
    """What a person asks for: a package, and an exact version, an npm range, a tag or `""`; from `parse_spec` only."""

    name: str
    wanted: str = ""

    def __str__(self) -> str:
        """Return NAME@WANTED, as it was written."""
        return f"{self.name}@{self.wanted}" if self.wanted else self.name


def parse_spec(text: str) -> PackageSpec:
    """Read NAME, NAME@VERSION, NAME@RANGE or NAME@TAG; an address or a path is a problem.

    >>> parse_spec("@fontsource/inter@^5"), parse_spec("vue")
    (PackageSpec(name='@fontsource/inter', wanted='^5'), PackageSpec(name='vue', wanted=''))
    """
    name, at, wanted = text[1:].partition("@")
    name, wanted = text[:1] + name, wanted.strip()
    if problem := _address_problem(text) or _name_problem(name) or (_wanted_problem(name, wanted) if at else None):
        raise ConfigurationError([problem])
    return PackageSpec(name, wanted)


def parse_specs(texts: Iterable[str]) -> tuple[PackageSpec, ...]:
    """Read several, each once; raise every problem at once."""
    specs: dict[PackageSpec, None] = {}
    problems = Problems()
    for text in texts:
        with problems.caught():
            specs[parse_spec(text)] = None
    problems.raise_errors()
    return tuple(specs)


def checked_spec(name: str, version: str) -> PinnedPackage:
    """Make a spec of a name and an exact version; raise ConfigurationError for what is none.

    >>> checked_spec("@fontsource/inter", "5.1.0").folder
    'npm/@fontsource/inter@5.1.0'
    """
    spec = PinnedPackage(name, version)
    problem = _name_problem(name) or _version_problem(name, version)
    if not problem and len(spec.folder.rpartition("/")[2]) > LONGEST_FOLDER:
        message = f"{name}: name and version together are too long for a folder's name"
        problem = Problem("version-too-long", message, "", excerpt(version))
    if problem:
        raise ConfigurationError([problem])
    return spec


def _address_problem(text: str) -> Problem | None:
    """Return the problem of an address on a public CDN, with the packages that its files are of."""
    if "//" not in text:
        return None
    # Only a mistake needs what knows the addresses of all CDNs, and that takes long to load.
    from cdnserve.cdns.mapped import Mapped  # noqa: PLC0415
    from cdnserve.cdns.registry import read_address  # noqa: PLC0415

    found = read_address(text)
    if not isinstance(found, Mapped):
        return None
    specs = dict.fromkeys(f"{one.name}@{one.requirement}" if one.requirement else one.name for one in found.files)
    hint = f"on {found.cdn} this is {' '.join(map(quote, specs))}: say that; cdnserve migrate does it for whole pages"
    return Problem("package-name", "an address is no package of a registry", "", excerpt(text), hint)


def _name_problem(name: str) -> Problem | None:
    if is_package_name(name):
        return None
    hint = "say NAME@VERSION or @SCOPE/NAME@VERSION, where VERSION may be a range or a tag"
    message = "npm has no package of this name"
    if ":" in name or name.startswith((".", "/", "~/")) or re.fullmatch(r"[^@/]+/.*", name, re.DOTALL):
        message = "an address or a path is no package of a registry"
        hint = "say NAME@VERSION or @SCOPE/NAME@VERSION; an own build is added with --as NAME@VERSION"
    return Problem("package-name", message, "", excerpt(name), hint)


def _wanted_problem(name: str, wanted: str) -> Problem | None:
    if is_requirement(wanted) or _TAG.fullmatch(wanted):
        return None
    message = f"{name}: this is neither a version nor a range nor a tag"
    hint = f"for example {name}@1.2.3, '{name}@^1.2' or {name}@latest"
    version, _, file = wanted.partition("/")
    if file and is_requirement(version):
        hint = f"say {quote(f'{name}@{version}')}; to keep this file alone, with --files {quote(file)}"
    return Problem("version-malformed", message, "", excerpt(wanted), hint)


def _version_problem(name: str, version: str) -> Problem | None:
    if is_exact_version(version):
        return None
    hint = "say one such as 1.2.3"
    return Problem("version-not-exact", f"{name}: the version is not exact", "", excerpt(version), hint)

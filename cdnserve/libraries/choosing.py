"""Which version a requirement means: an exact version, an npm range or a tag, picked as npm picks.

Never asks a network, and never takes a prerelease that npm's ranges would not let in.
"""

from __future__ import annotations

from cdnserve.errors import Problem
from cdnserve.libraries.registries.metadata import Package, version_not_found
from cdnserve.libraries.wording import shown
from cdnserve.manifest.packages import is_exact_version

LATEST = "latest"


def choose(requirement: str, package: Package) -> str:
    """Give the exact version that a requirement means; raise ConfigurationError if there is none.

    An exact version is that one, a tag the one it names, `""` the tag `latest`. Of a range: what `latest` names if it
    satisfies and isn't deprecated; else the highest that isn't deprecated, one without a prerelease before one with;
    else the highest of the deprecated ones, of which `deprecation` warns.
    """
    from cdnserve.rules.versions import is_range  # noqa: PLC0415 - npm's ranges take long to load

    if is_exact_version(requirement):
        found = requirement if requirement in package.versions else None
    elif requirement and not is_range(requirement):
        tagged = package.tags.get(requirement)
        found = tagged if tagged in package.versions else None
    else:
        found = _latest(requirement, package) or _highest(requirement or "*", package)
    if found is None:
        raise version_not_found(package, requirement or LATEST)
    return found


def deprecation(version: str, package: Package) -> Problem | None:
    """Warn of a version that is deprecated; the words are those of whoever publishes the package."""
    why = package.deprecated(version)
    if not why:
        return None
    hint = f"choose another version of {package.name}, or another library"
    message = f"{package.name}@{version} is deprecated"
    return Problem("version-deprecated", message, package.registry.address.shown, shown(why), hint, warning=True)


def _latest(requirement: str, package: Package) -> str | None:
    latest = package.tags.get(LATEST)
    if latest is None or latest not in package.versions:
        return None
    if not requirement:
        return latest
    from cdnserve.rules.versions import best  # noqa: PLC0415

    # npm: `*` lets even a prerelease in, where `latest` names it.
    satisfies = requirement.strip() == "*" or best(requirement, [latest]) == latest
    return latest if satisfies and not package.deprecated(latest) else None


def _highest(requirement: str, package: Package) -> str | None:
    from cdnserve.rules.versions import best  # noqa: PLC0415

    sound = [version for version in package.versions if not package.deprecated(version)]
    releases = [version for version in sound if "-" not in version]
    return best(requirement, releases) or best(requirement, sound) or best(requirement, package.versions)

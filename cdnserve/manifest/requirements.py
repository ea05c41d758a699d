"""Requirements: the exact versions and npm ranges of `[libraries]`, and which hosted version each stands for.

Never asks a registry: only versions that are told count.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

from cdnserve.rules.semver import is_exact_version

if TYPE_CHECKING:
    from cdnserve.manifest.lock import Lock
    from cdnserve.manifest.model import Library, Manifest

REQUIREMENT = r"[ <>=~^v|]*[0-9xX*][ 0-9A-Za-z.*+<>=~^|-]*"
"""What every requirement looks like, for editors; it lets some texts through that are none."""
_VERSION_LIKE = re.compile(REQUIREMENT)


def is_requirement(text: str) -> bool:
    """Return whether a text is an exact version or an npm range.

    >>> [is_requirement(text) for text in ("3.7.1", "^3.6", "1 || 2", "latest", "", " ")]
    [True, True, True, False, False, False]
    """
    if is_exact_version(text):
        return True
    # npm takes an empty text for any version; here it is rather something that was forgotten.
    if not _VERSION_LIKE.fullmatch(text):
        return False
    from cdnserve.rules.semver import is_range  # noqa: PLC0415 - npm's ranges take long to load, and are rare

    return is_range(text)


def resolve(requirement: str, versions: Collection[str]) -> str | None:
    """Return the version that a requirement stands for, the highest that it allows; `None` where it allows none.

    >>> resolve("^3.6", ["3.5.1", "3.6.0", "3.7.1"]), resolve("3.7.1", ["3.7.0"])
    ('3.7.1', None)
    """
    if is_exact_version(requirement):
        return requirement if requirement in versions else None
    from cdnserve.rules.semver import best  # noqa: PLC0415 - npm's ranges take long to load, and are rare

    return best(requirement, versions)


def ascending(versions: Iterable[str]) -> list[str]:
    """Sort exact versions by precedence.

    >>> ascending(["10.0.0", "9.0.0"])
    ['9.0.0', '10.0.0']
    """
    several = list(versions)
    if len(several) < 2:
        return several
    from cdnserve.rules.semver import ascending  # noqa: PLC0415 - npm's ranges take long to load, and are rare

    return ascending(several)


def hosted(lock: Lock, name: str) -> list[str]:
    """Return the versions of a library that the lock records, by precedence."""
    pins = (key.rpartition("@") for key in lock.libraries)
    return ascending(version for known, _, version in pins if known == name)


def hosted_names(lock: Lock) -> list[str]:
    """Return the names of the libraries that the lock records, sorted."""
    return sorted({key.rpartition("@")[0] for key in lock.libraries})


def unresolved(manifest: Manifest, lock: Lock) -> Iterator[tuple[Library, str]]:
    """Yield each requirement that no hosted version satisfies, with its library."""
    for library in manifest.libraries:
        versions = hosted(lock, library.name)
        for requirement in library.versions:
            if resolve(requirement, versions) is None:
                yield library, requirement

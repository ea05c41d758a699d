"""Requirements: the exact versions and npm ranges of `[libraries]`, and which locked version each stands for."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from cdnserve.manifest.lock import Lock
from cdnserve.manifest.model import Library, Manifest
from cdnserve.rules.semver import ascending, best, is_exact_version, is_range

REQUIREMENT = r"[ <>=~^v|]*[0-9xX*][ 0-9A-Za-z.*+<>=~^|-]*"
"""What every requirement looks like, for editors; it lets some texts through that are none."""
_VERSION_LIKE = re.compile(REQUIREMENT)


def is_requirement(text: str) -> bool:
    """Return whether a text is an exact version or an npm range.

    >>> [is_requirement(text) for text in ("3.7.1", "^3.6", "1 || 2", "latest", "", " ")]
    [True, True, True, False, False, False]
    """
    # npm takes an empty text for any version; here it is rather something that was forgotten.
    return is_exact_version(text) or (_VERSION_LIKE.fullmatch(text) is not None and is_range(text))


def resolve(requirement: str, versions: Collection[str]) -> str | None:
    """Return the version that a requirement stands for, the highest that it allows; `None` where it allows none.

    >>> resolve("^3.6", ["3.5.1", "3.6.0", "3.7.1"]), resolve("3.7.1", ["3.7.0"])
    ('3.7.1', None)
    """
    if is_exact_version(requirement):
        return requirement if requirement in versions else None
    return best(requirement, versions)


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

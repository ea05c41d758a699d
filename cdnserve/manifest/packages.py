"""Packages: npm's names and exact versions (Semantic Versioning 2.0.0), and what cdnjs calls them.

Never asks a registry, and never accepts a range or a tag: what is served is exactly what is written.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

import msgspec

from cdnserve.rules.cdnjs import Names

# Capitals are allowed, for some old packages have them; a scope never had any.
NAME = re.compile(r"(?:@[a-z0-9~-][a-z0-9._~-]*/)?[A-Za-z0-9~-][A-Za-z0-9._~-]*")
_LONGEST_NAME = 214
_RESERVED = frozenset({"node_modules", "favicon.ico"})

# Semantic Versioning 2.0.0; build metadata is no part of it, for npm drops it.
_NUMBER = r"(?:0|[1-9][0-9]{0,15})"
_PRERELEASE = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
VERSION = re.compile(rf"{_NUMBER}(?:\.{_NUMBER}){{2}}(?:-{_PRERELEASE}(?:\.{_PRERELEASE})*)?")
_LONGEST_VERSION = 256


def is_package_name(name: str) -> bool:
    """Tell whether npm could have a package of this name.

    >>> [is_package_name(name) for name in ("jquery", "@fontsource/inter", "../x", "@a/b/c")]
    [True, True, False, False]
    """
    whole = NAME.fullmatch(name) is not None and len(name) <= _LONGEST_NAME
    return whole and name.lower() not in _RESERVED


def is_exact_version(version: str) -> bool:
    """Tell whether a version is one version, neither a range nor a tag.

    >>> [is_exact_version(version) for version in ("3.7.1", "5.0.0-beta.1", "^3.7.1", "3.7", "latest")]
    [True, True, False, False, False]
    """
    return VERSION.fullmatch(version) is not None and len(version) <= _LONGEST_VERSION


def is_pin(text: str) -> bool:
    """Tell whether a text is a name and an exact version, as `name@version`.

    >>> is_pin("@fontsource/inter@5.1.0"), is_pin("jquery")
    (True, False)
    """
    name, _, version = text.rpartition("@")
    return is_package_name(name) and is_exact_version(version)


@cache
def cdnjs_names() -> Names:
    """Read what cdnjs calls the packages of npm; the file says where that was looked up, and when."""
    octets = files("cdnserve").joinpath("rules", "cdnjs.json").read_bytes()
    return msgspec.json.decode(octets, type=_CdnjsNames).libraries


class _CdnjsNames(msgspec.Struct):
    source: str
    libraries: dict[str, tuple[str, ...]]

"""The manifest package: text that people write becomes frozen values, or a list of all problems.

Never decides a response: it says what is public and by which policy, no more.
"""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cdnserve.manifest.globs import matches
    from cdnserve.manifest.lock import Lock, LockedFile, LockedLibrary, read_lock, write_lock
    from cdnserve.manifest.matching import RuleMatcher, is_unlisted
    from cdnserve.manifest.packages import is_exact_version, is_package_name
    from cdnserve.manifest.reading import Reading, inspect_manifest, manifest_warnings, parse_manifest, read_manifest
    from cdnserve.manifest.schema import manifest_schema
    from cdnserve.manifest.values import Documents, Library, Manifest, Rule, Site

__all__ = [
    "Documents",
    "Library",
    "Lock",
    "LockedFile",
    "LockedLibrary",
    "Manifest",
    "Reading",
    "Rule",
    "RuleMatcher",
    "Site",
    "inspect_manifest",
    "is_exact_version",
    "is_package_name",
    "is_unlisted",
    "manifest_schema",
    "manifest_warnings",
    "matches",
    "parse_manifest",
    "read_lock",
    "read_manifest",
    "write_lock",
]

# Loaded when asked for: a build that finds nothing changed needs no more than the names of the files.
_HOMES = MappingProxyType(
    dict.fromkeys(("Documents", "Library", "Manifest", "Rule", "Site"), "values")
    | dict.fromkeys(("Lock", "LockedFile", "LockedLibrary", "read_lock", "write_lock"), "lock")
    | dict.fromkeys(("Reading", "inspect_manifest", "manifest_warnings", "parse_manifest", "read_manifest"), "reading")
    | dict.fromkeys(("is_exact_version", "is_package_name"), "packages")
    | dict.fromkeys(("RuleMatcher", "is_unlisted"), "matching")
    | {"manifest_schema": "schema", "matches": "globs"}
)


def __getattr__(name: str) -> object:
    """Load what is asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

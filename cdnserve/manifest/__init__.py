"""The manifest package: text that people write becomes frozen values, or a list of all problems.

Never decides a response: it says what is public and by which policy, no more.
"""

from __future__ import annotations

from cdnserve.manifest.globs import matches
from cdnserve.manifest.lock import Lock, LockedFile, LockedLibrary, read_lock, write_lock
from cdnserve.manifest.matching import RuleMatcher, is_unlisted
from cdnserve.manifest.packages import is_exact_version, is_package_name
from cdnserve.manifest.reading import Reading, inspect_manifest, manifest_warnings, parse_manifest, read_manifest
from cdnserve.manifest.schema import manifest_schema
from cdnserve.manifest.values import Documents, Library, Manifest, Rule, Site

# `edit` is not imported here: it needs tomlkit, which takes longer to load than all the rest.
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

"""Why a path is not public: what the manifest and the disk say to the person who may read both.

Never part of an answer to a client: there, an unlisted file and an absent one look the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import takewhile
from pathlib import Path

from cdnserve.manifest.globs import matches
from cdnserve.manifest.governing import LOCK, MANIFEST
from cdnserve.manifest.matching import is_unlisted
from cdnserve.manifest.values import Rule

_ALIKE = 0.7


def reasons(path: str, rules: Sequence[Rule]) -> Iterator[str]:
    """Say why no rule publishes a logical path."""
    if is_unlisted(path):
        yield _never(path)
        return
    left_out = [reason for rule in rules for reason in _left_out(path, rule)]
    yield from left_out or ["no rule's path matches it"]
    if not left_out and (near := _nearest_glob(path, rules)):
        yield near


def on_disk(path: str, root: Path) -> Iterator[str]:
    """Say whether a file lies at a logical path, or at one that differs only in case."""
    file = root / path
    if file.is_file():
        yield f"the file exists: {file}"
    elif file.is_dir():
        yield f"{file} is a folder; only files have addresses"
    elif os.path.lexists(file):
        yield f"{file} exists, but is no file that can be read"
    elif actual := _other_case(path, root):
        yield f"there is no such file, but {actual}: upper and lower case differ"
    else:
        yield f"there is no such file in {root}"


def _never(path: str) -> str:
    if path.lower() in (MANIFEST, LOCK):
        return "the manifest and its lock are never public"
    if path.startswith("-/"):
        return "/-/ is the server's own; no rule can publish there"
    return "dot-files, and files in dot-folders other than .well-known, are never public"


def _left_out(path: str, rule: Rule) -> Iterator[str]:
    hits = [glob for glob in rule.excepts if matches(glob, path)]
    if hits and any(matches(glob, path) for glob in rule.paths):
        yield f"the rule at manifest.toml:{rule.line} matches it, but leaves it out: except {', '.join(hits)}"


def _nearest_glob(path: str, rules: Sequence[Rule]) -> str:
    globs = [(glob, rule.line) for rule in rules for glob in rule.paths]
    ranked = sorted(((_likeness(glob, path), glob, line) for glob, line in globs), reverse=True)
    if not ranked or ranked[0][0] < _ALIKE:
        return ""
    _, glob, line = ranked[0]
    near = f"the nearest is {glob} (manifest.toml:{line})"
    if matches(glob.lower(), path.lower()):
        return f"{near}: upper and lower case differ"
    if "**" not in glob and path.count("/") > glob.count("/"):
        return f"{near}; * stays within a folder, ** crosses folders"
    return near


def _likeness(glob: str, path: str) -> float:
    """Compare the folders that a glob names with as many of the path's."""
    named = list(takewhile(lambda segment: not any(sign in segment for sign in "*?["), glob.split("/")))
    if not named:
        return 0.0
    return SequenceMatcher(None, "/".join(named).lower(), "/".join(path.split("/")[: len(named)]).lower()).ratio()


def _other_case(path: str, root: Path) -> Path | None:
    """Find the file whose path differs from this one in case alone."""
    found = root
    for segment in path.split("/"):
        try:
            names = [child.name for child in found.iterdir() if child.name.casefold() == segment.casefold()]
        except OSError:
            return None
        if not names:
            return None
        found /= segment if segment in names else min(names)
    return found if found.is_file() else None

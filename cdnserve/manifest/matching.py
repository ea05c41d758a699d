"""Matching: which rule, if any, publishes a logical path; the first rule that matches decides.

Never looks at a disk: a path is public or not by its name alone, whether or not a file lies there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from cdnserve.manifest.globs import Glob, compile_glob
from cdnserve.manifest.governing import LOCK, MANIFEST
from cdnserve.manifest.values import Rule

_NEVER = r"/\\\x00-\x1f\x7f\ud800-\udfff"
_SEGMENT = rf"[^.{_NEVER}][^{_NEVER}]*"
# Segments that are not empty and don't begin with a dot, of characters that a URL path of ours can carry.
_PLAIN = re.compile(rf"(?:{_SEGMENT}/)*{_SEGMENT}")
_WELL_KNOWN = ".well-known/"
_OURS = "-/"
# A file system that ignores case would hand out `Manifest.toml` as the manifest.
_GOVERNING = frozenset({MANIFEST, LOCK})


def is_unlisted(path: str) -> bool:
    """Tell whether no rule can ever publish this logical path; so also every path that is not normal.

    >>> is_unlisted(".git/config"), is_unlisted("a/../b"), is_unlisted(".well-known/security.txt")
    (True, True, False)
    """
    return (
        _PLAIN.fullmatch(path.removeprefix(_WELL_KNOWN)) is None or path.startswith(_OURS) or path.lower() in _GOVERNING
    )


class RuleMatcher:
    """Finds the rule of a path; compiled once for a manifest, and never changed after."""

    __slots__ = ("_rules",)

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(
            (tuple(map(compile_glob, rule.paths)), tuple(map(compile_glob, rule.excepts))) for rule in rules
        )

    def find(self, path: str) -> int | None:
        """Give the index of the first rule that publishes a logical path, `None` where none does."""
        if is_unlisted(path):
            return None
        for index, (paths, excepts) in enumerate(self._rules):
            if _any_matches(paths, path) and not _any_matches(excepts, path):
                return index
        return None


def _any_matches(globs: Sequence[Glob], path: str) -> bool:
    for glob in globs:  # noqa: SIM110 - any() takes twice as long, and a build asks this for every file
        if glob.matches(path):
            return True
    return False

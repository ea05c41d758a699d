"""Where a member of a package may lie: npm's packing, held to names that are one path on every system.

Never mends a name but for parts that lead nowhere: what isn't one plain path is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from cdnserve.libraries.archives.archive import ForbiddenError, Member
from cdnserve.libraries.archives.gunzip import OversizeError
from cdnserve.manifest.globs import matches
from cdnserve.release.scan import name_fault

LONGEST_PART = 255
DEEPEST = 32
_LICENSE = re.compile(
    r"(un)?licen[cs]e|copying|copyright|notice|ofl([-._]|$)|.*[-._]licen[cs]e(\.(txt|md))?$", re.IGNORECASE
)


def inner_path(name: str) -> str:
    """Give a member's path below the package's folder; only `Names` judges whether it is a path.

    As npm does, the first part is dropped whatever it is called (it is mostly `package`), and so is what leads nowhere.

    >>> inner_path("package/dist/jquery.js"), inner_path("package/./dist//x.js"), inner_path("package/../x.js")
    ('dist/jquery.js', 'dist/x.js', '../x.js')
    """
    *folders, last = name.partition("/")[2].split("/")
    return "/".join([*(part for part in folders if part not in ("", ".")), last])


def is_always_kept(path: str) -> bool:
    """Tell whether a file stays whatever the manifest's globs say: package.json and licences, wherever they lie.

    >>> is_always_kept("package.json"), is_always_kept("fonts/OFL.txt"), is_always_kept("dist/jquery.js")
    (True, True, False)
    """
    return path == "package.json" or bool(_LICENSE.match(path.rpartition("/")[2]))


def is_kept(path: str, globs: Iterable[str]) -> bool:
    """Tell whether a file of a package stays by the manifest's globs, of which none mean all.

    >>> is_kept("dist/x.js", ["*.css"]), is_kept("LICENSE", ["*.css"]), is_kept("dist/x.js", [])
    (False, True, True)
    """
    return is_named(path, globs) or is_always_kept(path)


def is_named(path: str, globs: Iterable[str]) -> bool:
    """Tell whether globs, of which none mean all, name a file themselves."""
    several = tuple(globs)
    return not several or any(matches(glob, path) for glob in several)


class Names:
    """The files that have come so far; refuses a name that isn't one path, and no other's, on every system.

    `most` counts files and the folders they lie in, `longest` is in octets.
    """

    def __init__(self, most: int, longest: int) -> None:
        self._most = most
        self._longest = longest
        self._known: dict[str, tuple[str, bool]] = {}

    def add(self, path: str, member: Member) -> bool:
        """Remember a file's `inner_path` and the folders above it; return whether it is new.

        Raise ForbiddenError or OversizeError for what may not be.
        """
        if why := member.forbidden or self._fault(path, member.name):
            raise ForbiddenError(why, member.name)
        parts = path.split("/")
        for depth in range(1, len(parts)):
            self._add("/".join(parts[:depth]), member, is_folder=True)
        is_new = self._add(path, member, is_folder=False)
        if len(self._known) > self._most:
            raise OversizeError(f"it has more than {self._most} files and folders")
        return is_new

    def _fault(self, path: str, name: str) -> str:
        if fault := name_fault(name):
            return f"a name that {fault}"
        if name.startswith("/"):
            return "an absolute name"
        if not path:
            return "a file outside the package's folder"
        parts = path.split("/")
        if parts[-1] in ("", ".") or ".." in name.split("/"):
            return "a name with an empty, '.' or '..' part"
        if len(parts) > DEEPEST:
            return f"a name with more than {DEEPEST} parts"
        octets = [len(part.encode()) for part in parts]
        if max(octets) > LONGEST_PART or sum(octets) + len(parts) > self._longest:
            return "a name that is too long"
        return ""

    def _add(self, path: str, member: Member, *, is_folder: bool) -> bool:
        # macOS and Windows compare names without case, macOS without composition as well.
        plain = path if path.isascii() else unicodedata.normalize("NFC", path)
        folded = unicodedata.normalize("NFC", plain.casefold())
        if folded not in self._known:
            self._known[folded] = (path, is_folder)
            return True
        known, was_folder = self._known[folded]
        if known != path:
            why = f"a name that differs only by case or composition from {known!r}"
        elif was_folder != is_folder:
            why = "a name that is both a file's and a folder's"
        else:
            return False
        raise ForbiddenError(why, member.name)

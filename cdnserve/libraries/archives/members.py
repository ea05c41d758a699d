"""Where a member of a package may lie: npm's packing, held to names that are one path on every system.

Never mends a name: what isn't one plain path is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from cdnserve.libraries.archives.archive import ForbiddenError, Member
from cdnserve.manifest.globs import matches

LONGEST_PART = 255
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LICENSE = re.compile(
    r"(un)?licen[cs]e|copying|copyright|notice|ofl([-._]|$)|.*[-._]licen[cs]e(\.(txt|md))?$", re.IGNORECASE
)


def inner_path(member: Member, longest: int) -> str:
    """Give a member's path below the package's folder; `""` for the outermost folder itself.

    As npm does, the first part is dropped whatever it is called; it is mostly `package`.

    >>> inner_path(Member("package/dist/jquery.js", False, 0, 0), 1024)
    'dist/jquery.js'
    """
    name = member.name.removesuffix("/") if member.is_folder else member.name
    why = _name_problem(name, longest)
    if why:
        raise ForbiddenError(why, member.name)
    outermost, _, path = name.partition("/")
    if not path and not member.is_folder:
        raise ForbiddenError("a file outside the package's folder", outermost)
    return path


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
    """The names that have come so far; refuses one that another system would take for one of them."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, bool]] = {}

    def add(self, path: str, member: Member) -> None:
        """Remember a member's path and the folders above it, or raise ForbiddenError."""
        parts = path.split("/")
        for depth in range(1, len(parts)):
            self._add("/".join(parts[:depth]), member, is_folder=True)
        self._add(path, member, is_folder=member.is_folder)

    def _add(self, path: str, member: Member, *, is_folder: bool) -> None:
        # macOS and Windows compare names without case, macOS without composition as well.
        plain = path if path.isascii() else unicodedata.normalize("NFC", path)
        folded = unicodedata.normalize("NFC", plain.casefold())
        if folded not in self._known:
            self._known[folded] = (path, is_folder)
            return
        known, was_folder = self._known[folded]
        if known != path:
            why = f"a name that differs only by case or composition from {known!r}"
        elif was_folder != is_folder:
            why = "a name that is both a file's and a folder's"
        elif not is_folder:
            why = "a file that comes twice"
        else:
            return
        raise ForbiddenError(why, member.name)


def _name_problem(name: str, longest: int) -> str:
    if any("\udc80" <= character <= "\udcff" for character in name):
        return "a name that is not UTF-8"
    if _CONTROLS.search(name):
        return "a name with control characters"
    if "\\" in name:
        return "a name with a backslash"
    if name.startswith("/"):
        return "an absolute name"
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts):
        return "a name with an empty, '.' or '..' part"
    octets = [len(part.encode()) for part in parts]
    if max(octets) > LONGEST_PART or sum(octets) + len(parts) > longest:
        return "a name that is too long"
    return ""

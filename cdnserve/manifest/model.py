"""The manifest as frozen values: what is public, and which origins may read it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from cdnserve.manifest.files import LOCK, MANIFEST
from cdnserve.rules.caching import Cache
from cdnserve.rules.cors import ANY, Policy
from cdnserve.rules.globs import Glob, compile_glob, matches

Documents = Literal["sandbox", "live"]
Digest = Literal["repr", "unencoded"]
TagField = Literal["Cache-Tag", "Surrogate-Key"]
ContentCoding = Literal["br", "gzip", "zstd"]
# Whoever takes zstd takes br, which is smaller.
CODINGS: tuple[ContentCoding, ...] = ("br", "gzip")


@dataclass(frozen=True, slots=True)
class Site:
    """Who we are; `url` is the public base URL without a trailing slash, `""` when unknown.

    Hosted libraries have addresses in the shape of unpkg or cdnjs too, where these are set. `cache_tags` names the
    headers with tags that answers have, `codings` the content codings that a build makes of text.

    Unless `pages` is off, there are pages: `title` is their heading (`""`: the name), `logo` the logical path of an
    image; `color` and `dark_color` are what links and buttons have, as #rrggbb, by the colour scheme.
    """

    name: str = ""
    url: str = ""
    unpkg_addresses: bool = False
    cdnjs_addresses: bool = False
    cache_tags: tuple[TagField, ...] = ()
    codings: tuple[ContentCoding, ...] = CODINGS
    pages: bool = True
    title: str = ""
    logo: str = ""
    color: str = ""
    dark_color: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One `[[publish]]` table; `line` is where it begins in `manifest.toml`, `digests` are fields of its answers.

    `listed` is `None` where the manifest doesn't say whether pages and API show its files.
    """

    paths: tuple[str, ...]
    excepts: tuple[str, ...]
    cors: Policy
    cache: Cache
    documents: Documents
    line: int
    digests: tuple[Digest, ...] = ()
    listed: bool | None = None

    @property
    def is_listed(self) -> bool:
        """Whether pages and API show its files; unless the manifest says so, where every origin may read them."""
        return self.cors.name == ANY.name if self.listed is None else self.listed


@dataclass(frozen=True, slots=True)
class Library:
    """One npm package; `versions` are exact versions and npm ranges, `files` globs of what is kept, empty for all."""

    name: str
    versions: tuple[str, ...]
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """All of `manifest.toml`, valid; rules in the order in which they decide."""

    site: Site
    rules: tuple[Rule, ...]
    libraries: tuple[Library, ...]


@dataclass(frozen=True, slots=True)
class Revision:
    """Requirements of one library that are replaced (by `""`: dropped) and added; `files` of a new entry.

    Where it `extends`, an entry that is there already keeps these files too; no files mean all.
    """

    name: str
    replaced: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    added: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    extends: bool = False

    def revised(self, entry: Library | None) -> Library | None:
        """Return the entry as it shall be, `None` where it has no requirement left.

        >>> Revision("x", {"^1.0.0": "^2.0.0"}, ("0.9.0",)).revised(Library("x", ("^1.0.0", "1.5.0")))
        Library(name='x', versions=('^2.0.0', '1.5.0', '0.9.0'), files=())
        """
        kept = [self.replaced.get(version, version) for version in entry.versions] if entry else []
        versions = tuple(dict.fromkeys(version for version in (*kept, *self.added) if version))
        return Library(self.name, versions, self.kept(entry)) if versions else None

    def kept(self, entry: Library | None) -> tuple[str, ...]:
        """Return the globs of what the entry shall keep: never less than now.

        >>> Revision("x", files=("b.js",), extends=True).kept(Library("x", ("1.0.0",), ("a.js",)))
        ('a.js', 'b.js')
        """
        if entry is None or not self.extends:
            return entry.files if entry else self.files
        return tuple(dict.fromkeys((*entry.files, *self.files))) if entry.files and self.files else ()


_NEVER = r"/\\\x00-\x1f\x7f\ud800-\udfff"
_SEGMENT = rf"[^.{_NEVER}][^{_NEVER}]*"
# Segments that are not empty and don't begin with a dot, of characters that a URL path of ours can carry.
_PLAIN = re.compile(rf"(?:{_SEGMENT}/)*{_SEGMENT}")
_WELL_KNOWN = ".well-known/"
_OURS = "-/"
# A file system that ignores case would hand out `Manifest.toml` as the manifest.
_GOVERNING = frozenset({MANIFEST, LOCK})


def is_unlisted(path: str) -> bool:
    """Return whether no rule can ever publish this logical path; so also every path that is not normal.

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
        """Return the index of the first rule that publishes a logical path, `None` where none does."""
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


_LICENSE = re.compile(
    r"(un)?licen[cs]e|copying|copyright|notice|ofl([-._]|$)|.*[-._]licen[cs]e(\.(txt|md))?$", re.IGNORECASE
)


def is_always_kept(path: str) -> bool:
    """Return whether a file stays whatever the manifest's globs say: package.json and licences, wherever they lie.

    >>> is_always_kept("package.json"), is_always_kept("fonts/OFL.txt"), is_always_kept("dist/jquery.js")
    (True, True, False)
    """
    return path == "package.json" or bool(_LICENSE.match(path.rpartition("/")[2]))


def is_kept(path: str, globs: Iterable[str]) -> bool:
    """Return whether a file of a package stays by the manifest's globs, of which none mean all.

    >>> is_kept("dist/x.js", ["*.css"]), is_kept("LICENSE", ["*.css"]), is_kept("dist/x.js", [])
    (False, True, True)
    """
    return is_named(path, globs) or is_always_kept(path)


def is_named(path: str, globs: Iterable[str]) -> bool:
    """Return whether globs, of which none mean all, name a file themselves."""
    several = tuple(globs)
    return not several or any(matches(glob, path) for glob in several)

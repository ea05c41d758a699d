"""Looking up a request path in the compiled origin: a catalog with the policy, caching and headers of each rule ready.

It stays as it is made: a new release is a new origin, and a request keeps the one it began with.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from urllib.parse import unquote_to_bytes

from cdnserve.cdns.cdnjs import Names, cdnjs_names
from cdnserve.manifest.model import Rule, RuleMatcher
from cdnserve.origin.aliases import Aliases, AliasTarget
from cdnserve.origin.message import Fields
from cdnserve.release.catalog import Asset, Catalog
from cdnserve.rules import media_types
from cdnserve.rules.cors import CompiledPolicy

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ENCODED_SLASH = re.compile(rb"%2f", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SEPARATOR = re.compile(r"[/\\]")

# A library's HTML, SVG and XML must not become live pages of this host; but what they look like is their own.
_SANDBOX = (
    b"content-security-policy",
    b"sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:",
)
NO_SNIFF = (b"x-content-type-options", b"nosniff")
PAGES = "-/"
"""Where the pages begin; no rule can publish there."""


class NoPath(Enum):
    """Why octets are no logical path: against the grammar, or not in normal form (so never a file's)."""

    MALFORMED = 400
    NOT_NORMAL = 404


class PublishRule:
    """One rule of the manifest, with the parts of its answers that no request changes."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.policy = CompiledPolicy(rule.cors)
        self.cache_control = rule.cache.control.encode("latin-1")
        targeted = rule.cache.cdn_control.encode("latin-1")
        self.cdn_cache_control: Fields = ((b"cdn-cache-control", targeted),) if targeted else ()

    def describe(self, path: str, asset: Asset) -> Fields:
        """Return the headers that say what a file's content is and how it may be used."""
        kind = (b"content-type", asset.media_type(path).encode("latin-1"))
        if self.rule.documents == "sandbox" and media_types.is_document(path):
            return (kind, NO_SNIFF, _SANDBOX)
        return (kind, NO_SNIFF)

    def kind(self, path: str, asset: Asset) -> object:
        """Return what decides those headers: files of one rule for which it is the same have the same."""
        return media_types.type_ending(path), asset.form, asset.declared


@dataclass(frozen=True, slots=True)
class Match:
    """What a request path names: `rule` is the one that publishes it, `asset` the file that lies there.

    `path` is the file's own logical path, however it was asked for. Where the address is an alias there is no asset,
    but a `location`: the reference to `path`. No rule publishes the pages, to which the root leads. `hint` is what a
    404 may say. `flaw` is why the request path is no logical path: then there is no file, and `path` is only the
    nearest one.
    """

    path: str
    rule: PublishRule | None
    asset: Asset | None = None
    location: str = ""
    hint: str = ""
    flaw: NoPath | None = None


class Origin:
    """All that `respond` looks at besides the request; `clock` gives seconds since 1970."""

    def __init__(
        self,
        catalog: Catalog,
        clock: Callable[[], float] = time.time,
        cdnjs_names: Callable[[], Names] = cdnjs_names,
    ) -> None:
        self.catalog = catalog
        self._cdnjs_names = cdnjs_names
        self.clock = clock
        self.rules = tuple(PublishRule(rule) for rule in catalog.rules)
        self._matcher = RuleMatcher(catalog.rules)

    def locate(self, raw_path: bytes) -> Match:
        """Look up a request target's path, as it came."""
        path = logical_path(raw_path)
        if isinstance(path, str):
            return self.find(path)
        if index := self._index(raw_path):
            return index
        # No file's path ends in a slash, but a library's address may.
        folder = logical_path(raw_path.removesuffix(b"/"))
        target = self._aliases.find(folder, as_folder=True) if isinstance(folder, str) else None
        return self._follow(target) if target and target.location else self._flawed(raw_path, path)

    def _index(self, raw_path: bytes) -> Match | None:
        """Find what a folder's own address stands for: its live index.html, and for the root else the pages."""
        path = logical_path(raw_path + b"index.html") if raw_path.endswith(b"/") else None
        asset = self.catalog.assets.get(path) if isinstance(path, str) else None
        if asset is not None and self.rules[asset.rule].rule.documents == "live":
            return Match(str(path), self.rules[asset.rule], asset)
        if raw_path == b"/" and self.catalog.site.pages:
            return Match(PAGES, None, location=f"./{PAGES}")
        return None

    def find(self, path: str) -> Match:
        """Look up a logical path."""
        asset = self.catalog.assets.get(path)
        if asset is not None:
            return Match(path, self.rules[asset.rule], asset)
        target = self._aliases.find(path)
        if target is None:
            return Match(path, self._rule(path))
        found = self._follow(target)
        return found if found.rule else Match(path, self._rule(path), hint=target.hint)

    def _follow(self, target: AliasTarget) -> Match:
        asset = self.catalog.assets.get(target.path)
        if asset is None:
            return Match(target.path, self._rule(target.path), hint=target.hint)
        rule = self.rules[asset.rule]
        return Match(target.path, rule, None, target.location) if target.location else Match(target.path, rule, asset)

    def _flawed(self, raw_path: bytes, flaw: NoPath) -> Match:
        # A slash too many is the commonest slip of all: without the rule's CORS headers it looks like a CORS error.
        near = self.find(nearest_path(raw_path))
        return Match(near.path, near.rule, hint=near.hint, flaw=flaw)

    def _rule(self, path: str) -> PublishRule | None:
        at = self._matcher.find(path)
        return None if at is None else self.rules[at]

    @cached_property
    def _aliases(self) -> Aliases:
        return Aliases(self.catalog, self.paths, self.listed_paths, self._cdnjs_names)

    @cached_property
    def paths(self) -> Sequence[str]:
        """Every public logical path, sorted."""
        return sorted(self.catalog.assets)

    @cached_property
    def listed_paths(self) -> Sequence[str]:
        """Those that a 404 may name, sorted: what isn't listed is for those alone who know its address."""
        listed = [rule.is_listed for rule in self.catalog.rules]
        if all(listed):
            return self.paths
        assets = self.catalog.assets
        return [path for path in self.paths if listed[assets[path].rule]]


def logical_path(raw_path: bytes) -> str | NoPath:
    """Decode a target's path once; only one normal path without its leading slash comes back.

    >>> [logical_path(p) for p in (b"/a/b%20c.js", b"/a/../b", b"/a%2fb", b"/%zz")]
    ['a/b c.js', <NoPath.NOT_NORMAL: 404>, <NoPath.NOT_NORMAL: 404>, <NoPath.MALFORMED: 400>]
    """
    if _BAD_ESCAPE.search(raw_path):
        return NoPath.MALFORMED
    try:
        path = unquote_to_bytes(raw_path).decode("utf-8")
    except UnicodeDecodeError:
        return NoPath.MALFORMED
    if _CONTROL.search(path):
        return NoPath.MALFORMED
    segments = path.split("/")
    # An encoded slash is data, not a separator, and no file's name holds one.
    normal = not _ENCODED_SLASH.search(raw_path) and "\\" not in path and segments[0] == "" and len(segments) > 1
    if not normal or any(segment in ("", ".", "..") for segment in segments[1:]):
        return NoPath.NOT_NORMAL
    return path[1:]


def nearest_path(raw_path: bytes) -> str:
    """Return what is left of a path that is no logical path, `""` for nothing: to find its rule by, never a file.

    It begins as the path does, for as long as that is normal. Segments with dots are left out, not followed.

    >>> [nearest_path(path) for path in (b"/npm//x@1/a.js", b"/npm/@a%2fb/%zz.js", b"/open/../private", b"*")]
    ['npm/x@1/a.js', 'npm/@a/b/%zz.js', 'open/private', '']
    """
    if not raw_path.startswith(b"/"):
        return ""
    path = _CONTROL.sub("\ufffd", unquote_to_bytes(raw_path).decode("utf-8", "replace"))
    return "/".join(segment for segment in _SEPARATOR.split(path) if segment not in ("", ".", ".."))

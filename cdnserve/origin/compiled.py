"""The compiled origin: a catalog with each rule's policy, caching and headers made ready.

Never changes after it is made: a new release is a new origin, and a request keeps the one it began with.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from cdnserve.manifest.matching import RuleMatcher
from cdnserve.manifest.packages import cdnjs_names
from cdnserve.manifest.values import Rule
from cdnserve.origin.aliases import Aliases, Lead
from cdnserve.origin.message import Fields
from cdnserve.origin.paths import NoPath, logical_path, nearest_path
from cdnserve.release.catalog import Asset, Catalog
from cdnserve.rules import media_types
from cdnserve.rules.cdnjs import Names
from cdnserve.rules.cors import CompiledPolicy

# A library's HTML, SVG and XML must not become live pages of this host; but what they look like is their own.
_SANDBOX = (
    b"content-security-policy",
    b"sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:",
)
NO_SNIFF = (b"x-content-type-options", b"nosniff")


class PublishRule:
    """One rule of the manifest, with the parts of its answers that no request changes."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.policy = CompiledPolicy(rule.cors)
        self.cache_control = rule.cache.control.encode("latin-1")
        targeted = rule.cache.cdn_control.encode("latin-1")
        self.cdn_cache_control: Fields = ((b"cdn-cache-control", targeted),) if targeted else ()

    def describe(self, path: str, asset: Asset) -> Fields:
        """Give the headers that say what a file's content is and how it may be used."""
        kind = (b"content-type", asset.media_type(path).encode("latin-1"))
        if self.rule.documents == "sandbox" and media_types.is_document(path):
            return (kind, NO_SNIFF, _SANDBOX)
        return (kind, NO_SNIFF)


@dataclass(frozen=True, slots=True)
class Found:
    """What a request path names: `rule` is the one that publishes it, `asset` the file that lies there.

    `path` is the file's own logical path, however it was asked for. Where the address is an alias there is no asset,
    but a `location`: the reference to `path`. `hint` is what a 404 may say. `flaw` is why the request path is no
    logical path: then there is no file, and `path` is only the nearest one.
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

    def locate(self, raw_path: bytes) -> Found:
        """Look up a request target's path, as it came."""
        path = logical_path(raw_path)
        if isinstance(path, str):
            return self.find(path)
        # No file's path ends in a slash, but a library's address may.
        folder = logical_path(raw_path.removesuffix(b"/"))
        lead = self._aliases.find(folder, as_folder=True) if isinstance(folder, str) else None
        return self._follow(lead) if lead and lead.location else self._flawed(raw_path, path)

    def find(self, path: str) -> Found:
        """Look up a logical path."""
        asset = self.catalog.assets.get(path)
        if asset is not None:
            return Found(path, self.rules[asset.rule], asset)
        lead = self._aliases.find(path)
        if lead is None:
            return Found(path, self._rule(path))
        found = self._follow(lead)
        return found if found.rule else Found(path, self._rule(path), hint=lead.hint)

    def _follow(self, lead: Lead) -> Found:
        asset = self.catalog.assets.get(lead.path)
        if asset is None:
            return Found(lead.path, self._rule(lead.path), hint=lead.hint)
        rule = self.rules[asset.rule]
        return Found(lead.path, rule, None, lead.location) if lead.location else Found(lead.path, rule, asset)

    def _flawed(self, raw_path: bytes, flaw: NoPath) -> Found:
        # A slash too many is the commonest slip of all: without the rule's CORS headers it looks like a CORS error.
        near = self.find(nearest_path(raw_path))
        return Found(near.path, near.rule, hint=near.hint, flaw=flaw)

    def _rule(self, path: str) -> PublishRule | None:
        at = self._matcher.find(path)
        return None if at is None else self.rules[at]

    @cached_property
    def _aliases(self) -> Aliases:
        return Aliases(self.catalog, self.paths, self._cdnjs_names)

    @cached_property
    def paths(self) -> Sequence[str]:
        """Every public logical path, sorted."""
        return sorted(self.catalog.assets)

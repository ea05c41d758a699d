"""The compiled origin: a catalog with each rule's policy, caching and headers made ready.

Never changes after it is made: a new release is a new origin, and a request keeps the one it began with.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import cached_property

from cdnserve.manifest.matching import RuleMatcher
from cdnserve.manifest.values import Rule
from cdnserve.origin.message import Fields
from cdnserve.release.catalog import Asset, Catalog
from cdnserve.rules import media_types
from cdnserve.rules.cors import CompiledPolicy

# A library's HTML, SVG and XML must not become live pages of this host.
_SANDBOX = (b"content-security-policy", b"sandbox; default-src 'none'")
NO_SNIFF = (b"x-content-type-options", b"nosniff")


class PublishRule:
    """One rule of the manifest, with the parts of its answers that no request changes."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.policy = CompiledPolicy(rule.cors)
        self.cache_control = rule.cache.control.encode("latin-1")

    def describe(self, path: str) -> Fields:
        """Give the headers that say what a file's content is and how it may be used."""
        kind = (b"content-type", media_types.media_type(path).encode("latin-1"))
        if self.rule.documents == "sandbox" and media_types.is_document(path):
            return (kind, NO_SNIFF, _SANDBOX)
        return (kind, NO_SNIFF)


class Origin:
    """All that `respond` looks at besides the request; `clock` gives seconds since 1970."""

    def __init__(self, catalog: Catalog, clock: Callable[[], float] = time.time) -> None:
        self.catalog = catalog
        self.clock = clock
        self.rules = tuple(PublishRule(rule) for rule in catalog.rules)
        self._matcher = RuleMatcher(catalog.rules)

    def find(self, path: str) -> tuple[PublishRule | None, Asset | None]:
        """Look up a logical path: the rule that publishes it, and the asset if a file lies there."""
        asset = self.catalog.assets.get(path)
        if asset is not None:
            return self.rules[asset.rule], asset
        at = self._matcher.find(path)
        return (None if at is None else self.rules[at]), None

    @cached_property
    def paths(self) -> Sequence[str]:
        """Every public logical path, sorted."""
        return sorted(self.catalog.assets)

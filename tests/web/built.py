"""A site that was built, and what a server reads of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cdnserve.origin.lookup import Origin
from cdnserve.release.catalog import Asset
from cdnserve.release.store import Store


@dataclass(frozen=True, slots=True)
class BuiltSite:
    """A root, the state folder of its releases, and the second of these as a server has it."""

    root: Path
    store: Store
    origin: Origin

    def read(self, asset: Asset) -> bytes:
        """Return an asset's content."""
        return self.store.content(asset.identity)

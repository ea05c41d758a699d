"""Content of an asset, as text for those who look into it: never a path from outside, always a blob.

Never part of serving: the edges stream blobs without holding them.
"""

from __future__ import annotations

from cdnserve.release.catalog import Asset
from cdnserve.release.store import Store


def read_text(store: Store, asset: Asset) -> str:
    """Give an asset's content as text; octets that are not UTF-8 become replacement characters."""
    return store.blob(asset.identity.sha256).read_bytes().decode("utf-8", "replace")

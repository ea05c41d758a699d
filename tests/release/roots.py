"""Roots to build from, and what a release in a state folder really holds.

Never asks the code under test what is right: digests and codings are taken again from the blobs.
"""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import brotli
import zstandard

from cdnserve.release.catalog import Catalog
from cdnserve.release.store import Store

MANIFEST = """
schema = 1
[[publish]]
path = "npm/**"
cors = "any"
cache = "immutable"
[[publish]]
path = "**"
except = ["unlisted/**"]
cors = "any"
cache = "revalidate"
"""

SCRIPT = b"export const answer = 42; // the same words again and again, so that a coding pays\n" * 20

DECODERS: Mapping[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "br": brotli.decompress,
    "gzip": gzip.decompress,
    "zstd": zstandard.ZstdDecompressor().decompress,
}


def plant(root: Path, files: Mapping[str, bytes | str], manifest: str = MANIFEST) -> Path:
    """Write files below a root, and a manifest beside them."""
    for path, content in ({"manifest.toml": manifest} | dict(files)).items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def public_bytes(state: Path) -> dict[str, bytes]:
    """Return the content of every asset of the current release, having proved each blob of it."""
    store = Store(state)
    catalog = store.load()
    return {path: proved(store, catalog, path) for path in catalog.assets}


def proved(store: Store, catalog: Catalog, path: str) -> bytes:
    """Return an asset's bytes; every representation decodes to them, and every digest and size is right."""
    asset = catalog.assets[path]
    content = stored_bytes(store.blob(asset.identity.sha256))
    assert hashlib.sha384(content).digest() == asset.sha384
    assert hashlib.sha512(content).digest() == asset.sha512
    for representation in asset.representations:
        blob = stored_bytes(store.blob(representation.sha256))
        assert len(blob) == representation.size
        assert hashlib.sha256(blob).digest() == representation.sha256
        assert DECODERS[representation.coding](blob) == content
    return content


def stored_bytes(blob: Path) -> bytes:
    """Return a blob's octets, decoded where they lie there only coded."""
    return blob.read_bytes() if blob.exists() else brotli.decompress(coded(blob).read_bytes())


def coded(blob: Path) -> Path:
    """Return where a blob lies if it lies there only coded."""
    return blob.with_name(f"{blob.name}.br")


def age(path: Path, seconds: int = 3600) -> None:
    """Set a file's modification time back."""
    then = path.stat().st_mtime_ns - seconds * 10**9
    os.utime(path, ns=(then, then))


def snapshot(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder with their bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

"""What `serve` says when it listens: the address, how much is public, and one tag to try.

Never holds a whole catalog: it lives as long as the server.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from cdnserve.cli.terminal import Piece
from cdnserve.manifest.values import Site
from cdnserve.release.catalog import Catalog
from cdnserve.release.content import read_text
from cdnserve.release.store import Store
from cdnserve.rules.cors import ANY
from cdnserve.rules.media_types import destination
from cdnserve.snippets import Options, elements, of_asset

_ANYWHERE = {"//0.0.0.0:": "//127.0.0.1:", "//[::]:": "//[::1]:"}
_TRIED = ("script", "style", "font", "image")


@dataclass(frozen=True, slots=True)
class Welcome:
    """What is known before the server listens; `example` is a catalog of at most one asset, to make a tag of."""

    root: Path
    files: int
    example: Catalog
    source: str

    def lines(self, url: str) -> Iterator[tuple[Piece, ...]]:
        """Give the lines; the first one is for scripts too."""
        yield ("listening on ", ""), (url, "bold cyan")
        files = f"{self.files:,} public file{'s' * (self.files != 1)}"
        yield ((f"release {self.example.number}: {files}, watching {self.root} for changes", ""),)
        if tag := self._tag(url):
            yield ("to try: ", ""), (tag, "green")
        if not self.files:
            yield ((f"nothing is public yet: add a [[publish]] rule to {self.root / 'manifest.toml'}", "yellow"),)

    def _tag(self, url: str) -> str:
        if url.startswith("unix:"):
            return ""
        # No browser opens the address that means all interfaces.
        base = next((url.replace(all_, one) for all_, one in _ANYWHERE.items() if all_ in url), url)
        catalog = msgspec.structs.replace(self.example, site=Site(url=base))
        tags = (elements(of_asset(catalog, path, self.source), Options()) for path in catalog.assets)
        return next((written[-1] for written in tags if written), "")


def prepare(root: Path, store: Store, catalog: Catalog) -> Welcome:
    """Pick what is worth trying."""
    path = _example(catalog)
    assets = {path: catalog.assets[path]} if path else {}
    source = read_text(store, catalog.assets[path]) if path and destination(path) == "script" else ""
    return Welcome(root, len(catalog.assets), msgspec.structs.replace(catalog, assets=assets), source)


def _example(catalog: Catalog) -> str:
    """Give the public path nearest to the root that any origin may load: a script, else a stylesheet, font, image."""
    readable = (path for path, asset in catalog.assets.items() if catalog.rules[asset.rule].cors.name == ANY.name)
    ranked = ((_TRIED.index(kind), path.count("/"), path) for path in readable if (kind := destination(path)) in _TRIED)
    return min(ranked, default=(0, 0, ""))[2]

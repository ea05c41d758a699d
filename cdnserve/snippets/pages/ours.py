"""Ours: what the release says of the addresses that are ours.

Never asks a network: an address is ours by its host, and public if the release has it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from urllib.parse import urlsplit

from cdnserve.release.catalog import Asset, Catalog
from cdnserve.snippets.pages.urls import authority, resolve

_LONGEST = 256
_MOST = 400


@dataclass(frozen=True, slots=True)
class Place:
    """What a path of ours names: the asset's logical path and the asset; `target` is what an alias leads to today."""

    path: str
    asset: Asset | None = None
    target: str = ""

    @property
    def is_public(self) -> bool:
        """Tell whether the server answers with a file, perhaps by way of a redirect."""
        return self.asset is not None or bool(self.target)


Locate = Callable[[str], Place]
"""Gives what the path of a URL names, as the server that has the release would."""


@dataclass(frozen=True, slots=True)
class Ours:
    """The release and the hosts that serve it: the site's own and `hosts`; `paths` are all public ones, sorted."""

    catalog: Catalog | None = None
    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    locate: Locate = Place

    @classmethod
    def of(cls, catalog: Catalog | None, hosts: Iterable[str] = (), locate: Locate = Place) -> Ours:
        """Take a release, and hosts as people write them: with a scheme or without.

        >>> Ours.of(None, ["https://CDN.example/", "cdn.example:8443"]).hosts
        ('cdn.example', 'cdn.example:8443')
        """
        names = tuple(authority(resolve("https://", host if "//" in host else f"//{host}")) for host in hosts)
        return cls(catalog, names, tuple(catalog.assets) if catalog else (), locate)

    @property
    def site_url(self) -> str:
        """The public base URL, `""` where it is not known."""
        return self.catalog.site.url if self.catalog else ""

    @property
    def are_known(self) -> bool:
        """Tell whether there is a release, and a host that it is served from."""
        return self.catalog is not None and bool(self.site_url or self.hosts)

    def find(self, url: str) -> Place | None:
        """Find what an address of ours leads to, `None` of everyone else's."""
        if self.catalog is None or not authority(url) or authority(url) not in (*self._site(), *self.hosts):
            return None
        prefix, path = urlsplit(self.site_url).path, urlsplit(url).path
        return self.locate(path.removeprefix(prefix)) if path.startswith(f"{prefix}/") else Place(path)

    def nearest(self, path: str) -> str:
        """Give the public path that is most like this one, `""` where none is."""
        if len(path) > _LONGEST:
            return ""
        at = bisect_left(self.paths, path)
        near = [one for one in self.paths[max(0, at - _MOST // 2) : at + _MOST // 2] if len(one) <= _LONGEST]
        return next(iter(get_close_matches(path, near, n=1, cutoff=0.8)), "")

    def _site(self) -> tuple[str, ...]:
        return (authority(self.site_url),) if self.site_url else ()

"""Facts of a load: whose file it is, and which digests it really has."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from cdnserve.cdns.mapped import CDNJS, Mapped
from cdnserve.cdns.registry import read_address, varies
from cdnserve.display import alike
from cdnserve.manifest.model import Rule
from cdnserve.markup.loads import Load, Loads
from cdnserve.markup.urls import authority, origin, resolve
from cdnserve.release.catalog import Asset, Catalog
from cdnserve.rules.integrity import HashExpression, hash_expression, parse_metadata, strongest
from cdnserve.rules.semver import is_exact_version

_LONGEST = 256
_MOST = 400


@dataclass(frozen=True, slots=True)
class Place:
    """What a path of the site names: the logical path and the asset; `target` is what an alias leads to today."""

    path: str
    asset: Asset | None = None
    target: str = ""

    @property
    def is_public(self) -> bool:
        """Return whether the server answers with a file, perhaps by way of a redirect."""
        return self.asset is not None or bool(self.target)


Locate = Callable[[str], Place]
"""Returns what the path of a URL names, as the server that has the release would."""


@dataclass(frozen=True, slots=True)
class OwnSite:
    """The release and the hosts that serve it: the site's own and `hosts`; `paths` are all public ones, sorted."""

    catalog: Catalog | None = None
    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    locate: Locate = Place

    @classmethod
    def of(cls, catalog: Catalog | None, hosts: Iterable[str] = (), locate: Locate = Place) -> OwnSite:
        """Take a release, and hosts as people write them: with a scheme or without.

        >>> OwnSite.of(None, ["https://CDN.example/", "cdn.example:8443"]).hosts
        ('cdn.example', 'cdn.example:8443')
        """
        names = tuple(authority(resolve("https://", host if "//" in host else f"//{host}")) for host in hosts)
        return cls(catalog, names, tuple(catalog.assets) if catalog else (), locate)

    @property
    def url(self) -> str:
        """The public base URL, `""` where it is not known."""
        return self.catalog.site.url if self.catalog else ""

    @property
    def is_known(self) -> bool:
        """Return whether there is a release, and a host that it is served from."""
        return self.catalog is not None and bool(self.url or self.hosts)

    def find(self, url: str) -> Place | None:
        """Return what an address of this site leads to, `None` for any other address."""
        if self.catalog is None or not authority(url) or authority(url) not in (*self._site(), *self.hosts):
            return None
        prefix, path = urlsplit(self.url).path, urlsplit(url).path
        return self.locate(path.removeprefix(prefix)) if path.startswith(f"{prefix}/") else Place(path)

    def nearest(self, path: str) -> str:
        """Return the public path that is most like this one, `""` where none is."""
        if len(path) > _LONGEST:
            return ""
        at = bisect_left(self.paths, path)
        near = [one for one in self.paths[max(0, at - _MOST // 2) : at + _MOST // 2] if len(one) <= _LONGEST]
        return next(iter(alike(path, near, cutoff=0.8)), "")

    def _site(self) -> tuple[str, ...]:
        return (authority(self.url),) if self.url else ()


_MODULES = ("esm.sh", "cdn.esm.sh")

_PACKAGE = re.compile(r"/(?:gh/[^/]+/|@[^/@]+/)?[^/@]+(?:@(?P<version>[^/]*))?(?:/|\Z)")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_BUILD = re.compile(r"/(?:v[0-9]+|stable)/")


def is_unpinned(url: str) -> bool:
    """Return whether a public CDN's address leads to whatever version is newest one day.

    >>> [is_unpinned(f"https://unpkg.com/{path}") for path in ("vue", "vue@3/x.js", "@a/b@1.0.0", "vue@3.5.0/x.js")]
    [True, True, False, False]
    """
    found = read_address(url)
    if isinstance(found, Mapped):
        # What cdnjs and fonts call a version is one file, or none.
        return found.cdn != CDNJS and any(not one.family and not _is_pin(one.requirement) for one in found.files)
    host, path = authority(url), unquote(urlsplit(url).path)
    if host == "code.jquery.com":
        return "latest" in path
    is_of_packages = path.startswith("/gh/") if host == "cdn.jsdelivr.net" else host in _MODULES
    package = _PACKAGE.match(path) if is_of_packages and not _BUILD.match(path) else None
    return package is not None and not _is_pin(package["version"])


def _is_pin(version: str | None) -> bool:
    return version is not None and (is_exact_version(version.removeprefix("v")) or bool(_COMMIT.fullmatch(version)))


@dataclass(frozen=True, slots=True)
class FetchedDigests:
    """What a URL answered: digests by algorithm, or why there are none, or why they are those of one answer only."""

    digests: Mapping[str, bytes] = field(default_factory=dict)
    failure: str = ""
    varies: str = ""


@dataclass(frozen=True, slots=True)
class AuditInput:
    """What an audit knows: what the page loads, where it is served (`""` if unknown), its own site and what came."""

    loads: Loads
    url: str = ""
    site: OwnSite = field(default_factory=OwnSite)
    fetched: Mapping[str, FetchedDigests] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LoadFacts:
    """One load, and what is known of its file; `place` is `None` of a file of another site.

    An `is_alias` leads to other bytes one day. `varies` says why no integrity metadata is right for what is answered.
    """

    load: Load
    is_cross_origin: bool
    place: Place | None
    rule: Rule | None
    digests: Mapping[str, bytes]
    failure: str
    is_alias: bool
    varies: str

    @property
    def metadata(self) -> tuple[HashExpression, ...]:
        """The hash expressions that the browser compares."""
        return strongest(parse_metadata(self.load.integrity or ""))

    @property
    def right_metadata(self) -> str:
        """The integrity metadata that the file should have, `""` where that is not known."""
        digest = self.digests.get("sha384")
        return hash_expression("sha384", digest) if digest else ""


def facts(load: Load, known: AuditInput) -> LoadFacts:
    """Gather what is known of a load."""
    place = known.site.find(load.url)
    catalog, asset = known.site.catalog, place.asset if place else None
    fetched = known.fetched.get(load.url, FetchedDigests())
    differs = "" if place else varies(load.url) or fetched.varies
    digests = {} if differs else fetched.digests
    if asset and not asset.is_coded:
        digests = {"sha256": asset.identity.sha256, "sha384": asset.sha384, "sha512": asset.sha512}
    is_cross_origin = bool(authority(load.url)) and (not known.url or origin(load.url) != origin(known.url))
    public = catalog.assets.get(place.target or place.path) if catalog and place else None
    rule = catalog.rules[public.rule] if catalog and public else None
    is_alias = bool(place.target) if place else is_unpinned(load.url)
    return LoadFacts(load, is_cross_origin, place, rule, digests, fetched.failure, is_alias, differs)


def unknown(known: AuditInput) -> tuple[str, ...]:
    """Return the URLs whose files must be fetched to know their digests."""
    every = (facts(load, known) for load in known.loads.every if load.is_checked and not load.is_templated)
    strange = (one for one in every if one.place is None and not varies(one.load.url))
    urls = (one.load.url for one in strange if one.load.integrity or one.is_cross_origin)
    return tuple(dict.fromkeys(url for url in urls if origin(url)))

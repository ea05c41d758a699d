"""Facts of a load: whose file it is, and which digests it really has.

Never a verdict: the checks draw it from these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cdnserve.manifest.values import Rule
from cdnserve.rules.integrity import HashExpression, hash_expression, parse_metadata, strongest
from cdnserve.rules.public_cdns import varies
from cdnserve.snippets.pages.loads import Load, Loads
from cdnserve.snippets.pages.ours import Ours, Place
from cdnserve.snippets.pages.strangers import is_unpinned
from cdnserve.snippets.pages.urls import authority, origin


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a URL answered: digests by algorithm, or why there are none, or why they are those of one answer only."""

    digests: Mapping[str, bytes] = field(default_factory=dict)
    failure: str = ""
    varies: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """What an audit knows: what the page loads, where it is served (`""` if unknown), what is ours and what came."""

    loads: Loads
    url: str = ""
    ours: Ours = field(default_factory=Ours)
    fetched: Mapping[str, Fetched] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """One load, and what is known of its file; `place` is `None` of a file that is not ours.

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


def facts(load: Load, scene: Scene) -> Facts:
    """Gather what is known of a load."""
    place = scene.ours.find(load.url)
    catalog, asset = scene.ours.catalog, place.asset if place else None
    fetched = scene.fetched.get(load.url, Fetched())
    differs = "" if place else varies(load.url) or fetched.varies
    digests = {} if differs else fetched.digests
    if asset and not asset.is_coded:
        digests = {"sha256": asset.identity.sha256, "sha384": asset.sha384, "sha512": asset.sha512}
    is_cross_origin = bool(authority(load.url)) and (not scene.url or origin(load.url) != origin(scene.url))
    public = catalog.assets.get(place.target or place.path) if catalog and place else None
    rule = catalog.rules[public.rule] if catalog and public else None
    is_alias = bool(place.target) if place else is_unpinned(load.url)
    return Facts(load, is_cross_origin, place, rule, digests, fetched.failure, is_alias, differs)


def unknown(scene: Scene) -> tuple[str, ...]:
    """Give the URLs whose files must be fetched to know their digests."""
    every = (facts(load, scene) for load in scene.loads.every if load.is_checked and not load.is_templated)
    strange = (one for one in every if one.place is None and not varies(one.load.url))
    urls = (one.load.url for one in strange if one.load.integrity or one.is_cross_origin)
    return tuple(dict.fromkeys(url for url in urls if origin(url)))

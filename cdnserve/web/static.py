"""The pages' own stylesheet, script and icon: each under a name with its digest, so that it never changes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from hashlib import sha384
from importlib.resources import files

from cdnserve.manifest.model import Site
from cdnserve.rules.caching import IMMUTABLE
from cdnserve.rules.integrity import hash_expression
from cdnserve.rules.media_types import media_type
from cdnserve.web.message import WebContent, WebRequest
from cdnserve.web.view import CatalogView

FOLDER = "assets"


@dataclass(frozen=True, slots=True)
class OwnAsset:
    """A file of the pages; `name` is its address behind `/-/`, `integrity` its integrity metadata."""

    name: str
    content: bytes
    media_type: str
    integrity: str


@dataclass(frozen=True, slots=True)
class OwnAssets:
    """All files that a page loads; the stylesheet has the site's colours."""

    style: OwnAsset
    script: OwnAsset
    icon: OwnAsset

    def find(self, path: str) -> OwnAsset | None:
        """Return the one at an address behind `/-/`."""
        return next((one for one in (self.style, self.script, self.icon) if one.name == path), None)


def own_assets(site: Site) -> OwnAssets:
    """Return the files of a site's pages."""
    return _assets(site.color, site.dark_color)


def answer_own_asset(request: WebRequest, view: CatalogView) -> WebContent | None:
    """Answer with a file of the pages, under the name that it has today."""
    found = own_assets(view.site).find(request.path)
    return WebContent(found.media_type, found.content, cache_control=IMMUTABLE.control) if found else None


@cache
def _assets(color: str, dark_color: str) -> OwnAssets:
    style = _packaged("pages.css") + _colors(color, dark_color).encode("ascii")
    return OwnAssets(
        _asset("pages.css", style),
        _asset("pages.js", _packaged("pages.js")),
        _asset("icon.svg", _packaged("icon.svg")),
    )


def _packaged(name: str) -> bytes:
    return files("cdnserve.web").joinpath(FOLDER, name).read_bytes()


def _asset(name: str, content: bytes) -> OwnAsset:
    digest, (stem, ending) = sha384(content).digest(), name.split(".")
    address = f"{FOLDER}/{stem}-{digest.hex()[:16]}.{ending}"
    return OwnAsset(address, content, media_type(name), hash_expression("sha384", digest))


def _colors(color: str, dark_color: str) -> str:
    light = f":root {{ --accent: {color} }}\n" if color else ""
    # A rule for the dark must come last, also where the site says only how it is by day. Paper is never dark.
    dark = f"@media screen and (prefers-color-scheme: dark) {{ :root {{ --accent: {dark_color or '#8ab4f8'} }} }}\n"
    return light + dark if color or dark_color else ""

"""Strangers: the public CDNs that pages name, and what can be said of an address of theirs.

Never says that an address is pinned because it is not known: what can't be told counts as pinned.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote, urlsplit

from cdnserve.manifest.packages import is_exact_version
from cdnserve.rules.public_cdns import CDNJS, Mapped, cdn_of, read_address
from cdnserve.snippets.pages.urls import authority

# Beside those that `migrate` knows.
_OTHERS = frozenset(("cdn.skypack.dev", "ga.jspm.io", "kit.fontawesome.com"))
_STYLESHEETS = "fonts.googleapis.com"
_MODULES = ("esm.sh", "cdn.esm.sh")

_PACKAGE = re.compile(r"/(?:gh/[^/]+/|@[^/@]+/)?[^/@]+(?:@(?P<version>[^/]*))?(?:/|\Z)")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_BUILD = re.compile(r"/(?:v[0-9]+|stable)/")


def is_public_cdn(url: str) -> bool:
    """Tell whether an address points to a public CDN.

    >>> is_public_cdn("https://unpkg.com/vue"), is_public_cdn("https://cdn.example.com/vue.js")
    (True, False)
    """
    return bool(cdn_of(url)) or authority(url) in _OTHERS


def is_unpinned(url: str) -> bool:
    """Tell whether a public CDN's address leads to whatever version is newest one day.

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
    is_of_packages = path.startswith("/gh/") if host == "cdn.jsdelivr.net" else host in (*_MODULES, "cdn.skypack.dev")
    package = _PACKAGE.match(path) if is_of_packages and not _BUILD.match(path) else None
    return package is not None and not _is_pin(package["version"])


def differs_by_browser(url: str) -> bool:
    """Tell whether a public CDN gives each browser other bytes, so that no integrity metadata is right for all.

    >>> (
    ...     differs_by_browser("https://fonts.googleapis.com/css2?family=Inter"),
    ...     differs_by_browser("https://esm.sh/a@1.0.0"),
    ... )
    (True, True)
    """
    host, parts = authority(url), urlsplit(url)
    if host == _STYLESHEETS:
        return True
    # Without a target, esm.sh builds for the browser that asks.
    return host in _MODULES and "target" not in dict(parse_qsl(parts.query)) and "/es2" not in parts.path


def _is_pin(version: str | None) -> bool:
    return version is not None and (is_exact_version(version.removeprefix("v")) or bool(_COMMIT.fullmatch(version)))

"""Strangers: the public CDNs that pages name, and what can be said of an address of theirs.

Never says that an address is pinned because it is not known: what can't be told counts as pinned.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from cdnserve.manifest.packages import is_exact_version
from cdnserve.rules.public_cdns import CDNJS, Mapped, read_address
from cdnserve.snippets.pages.urls import authority

_MODULES = ("esm.sh", "cdn.esm.sh")

_PACKAGE = re.compile(r"/(?:gh/[^/]+/|@[^/@]+/)?[^/@]+(?:@(?P<version>[^/]*))?(?:/|\Z)")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_BUILD = re.compile(r"/(?:v[0-9]+|stable)/")


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
    is_of_packages = path.startswith("/gh/") if host == "cdn.jsdelivr.net" else host in _MODULES
    package = _PACKAGE.match(path) if is_of_packages and not _BUILD.match(path) else None
    return package is not None and not _is_pin(package["version"])


def _is_pin(version: str | None) -> bool:
    return version is not None and (is_exact_version(version.removeprefix("v")) or bool(_COMMIT.fullmatch(version)))

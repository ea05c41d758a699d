"""Strangers: the public CDNs that pages name, and whether an address of theirs names one version.

Never says that an address is pinned because it is not known: what can't be told counts as pinned.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from cdnserve.manifest.packages import is_exact_version

_BY_PACKAGE = {"cdn.jsdelivr.net": "/npm/", "unpkg.com": "/", "esm.sh": "/", "esm.run": "/", "cdn.skypack.dev": "/"}
_OTHERS = (
    "ajax.googleapis.com",
    "cdnjs.cloudflare.com",
    "code.jquery.com",
    "fonts.googleapis.com",
    "ga.jspm.io",
    "maxcdn.bootstrapcdn.com",
    "stackpath.bootstrapcdn.com",
    "use.fontawesome.com",
)
PUBLIC_CDNS = frozenset((*_BY_PACKAGE, *_OTHERS))

_PACKAGE = re.compile(r"(?:@[^/@]+/)?[^/@]+(?:@(?P<version>[^/]*))?(?:/|\Z)")
_REPOSITORY = re.compile(r"/gh/[^/]+/[^/@]+(?:@(?P<version>[^/]*))?(?:/|\Z)")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_BUILD = re.compile(r"/(?:v[0-9]+|stable)/")
_GOOGLE = re.compile(r"/ajax/libs/[^/]+/(?P<version>[0-9]+(?:\.[0-9]+)?)/")


def is_unpinned(url: str) -> bool:
    """Tell whether a public CDN's address leads to whatever version is newest one day.

    >>> [is_unpinned(f"https://unpkg.com/{path}") for path in ("vue", "vue@3/x.js", "@a/b@1.0.0", "vue@3.5.0/x.js")]
    [True, True, False, False]
    """
    parts = urlsplit(url)
    path = unquote(parts.path)
    if parts.netloc == "code.jquery.com":
        return "latest" in path
    if parts.netloc == "ajax.googleapis.com":
        return _GOOGLE.match(path) is not None
    prefix = _BY_PACKAGE.get(parts.netloc)
    if parts.netloc == "cdn.jsdelivr.net" and (repository := _REPOSITORY.match(path)):
        return not _is_pin(repository["version"])
    if prefix is None or not path.startswith(prefix) or _BUILD.match(path):
        return False
    package = _PACKAGE.match(path, len(prefix))
    return package is not None and not _is_pin(package["version"])


def _is_pin(version: str | None) -> bool:
    return version is not None and (is_exact_version(version.removeprefix("v")) or bool(_COMMIT.fullmatch(version)))

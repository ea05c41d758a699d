"""Purging: what an edge must forget after a release, as paths, addresses and cache tags (RFC 9111 section 4.4)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from cdnserve.origin.respond import tags
from cdnserve.rules.urls import public_url


@dataclass(frozen=True, slots=True)
class Purge:
    """What is answered otherwise since another release became current; all sorted, each once.

    `paths` are as a request has them, percent-encoded; `urls` are their addresses, none where the site's is not known.
    """

    release: int
    left: int
    paths: tuple[str, ...]
    urls: tuple[str, ...]
    tags: tuple[str, ...]

    def document(self) -> bytes:
        """Return this as JSON, one line."""
        return json.dumps(asdict(self)).encode() + b"\n"


def purge(release: int, left: int, paths: Sequence[str], site_url: str) -> Purge:
    """Return what to purge when the files of these logical paths have changed.

    >>> purge(7, 6, ["widgets/a b.js", "npm/x@1.2.0/x.js"], "https://cdn.example.com").tags
    ('widgets/', 'x', 'x@1.2.0')
    >>> purge(7, 6, ["widgets/a b.js"], "").paths
    ('/widgets/a%20b.js',)
    """
    changed = sorted(paths)
    return Purge(
        release,
        left,
        tuple(map(public_url, changed)),
        tuple(public_url(path, site_url) for path in changed) if site_url else (),
        tuple(sorted({tag for path in changed for tag in tags(path)})),
    )

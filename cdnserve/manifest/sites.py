"""The site: who publishes, the public base URL, the shapes of addresses, and the headers for edges.

Never checks that the URL leads to this server: it may belong to a CDN edge in front of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import get_args

from cdnserve.errors import Problem
from cdnserve.manifest.keys import SITE
from cdnserve.manifest.nodes import Node
from cdnserve.manifest.origins import serialize_origin
from cdnserve.manifest.shape import read_fields
from cdnserve.manifest.values import Site, TagField

_OUTLINE = re.compile(r"([^:/?#]+://[^/?#\\]*)([^?#]*)(.*)", re.DOTALL)
# RFC 3986 §3.3: each segment of one or more pchar.
_PATH = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+)*/?")
_DOT_SEGMENT = re.compile(r"/(?:\.|%2e){1,2}(?:/|\Z)", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


def read_site(table: Node, problems: list[Problem]) -> Site:
    """Read the `[site]` table."""
    fields = read_fields(table, SITE, problems)
    for node in fields.listed("name"):
        if _CONTROLS.search(str(node.value)):
            message = "a site's name is one line without control characters"
            problems.append(node.mark(Problem("site-name-invalid", message)))
    for node in fields.listed("url"):
        problems += (node.mark(problem) for problem in _url_problems(str(node.value)))
    return Site(
        name=fields.string("name"),
        url=fields.string("url").removesuffix("/"),
        unpkg_addresses=fields.flag("unpkg-addresses"),
        cdnjs_addresses=fields.flag("cdnjs-addresses"),
        cache_tags=_tag_fields(fields.strings("cache-tags")),
    )


def _tag_fields(written: tuple[str, ...]) -> tuple[TagField, ...]:
    # What is no choice is a problem already.
    return tuple(name for name in get_args(TagField) if name in written)


def _url_problems(url: str) -> Iterator[Problem]:
    example = "write an absolute URL: https://cdn.example.com"
    outline = _OUTLINE.fullmatch(url)
    if not outline:
        yield Problem("site-url-invalid", "the URL has no scheme and host", hint=example)
        return
    origin, path, rest = outline.groups()
    try:
        serialized = serialize_origin(origin)
    except ValueError as error:
        yield Problem("site-url-invalid", f"the URL is not absolute http or https: {error}", hint=example)
        return
    if origin != serialized:
        yield Problem(
            "site-url-invalid", "the URL is not in the form that browsers use", hint=f"write {serialized}{path}"
        )
    if rest:
        yield Problem("site-url-invalid", "a base URL has no query and no fragment", hint=f"write {serialized}{path}")
    if not _PATH.fullmatch(path) or _DOT_SEGMENT.search(path):
        yield Problem(
            "site-url-invalid", "the path of the URL is not normal", hint="each segment in ASCII, none empty, . or .."
        )

"""Reads the `[site]` table: who publishes, at which address, and how the pages look."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import get_args

from cdnserve.errors import Problem
from cdnserve.manifest.keys import SITE
from cdnserve.manifest.model import ContentCoding, Site, TagField, is_unlisted
from cdnserve.manifest.origins import serialize_origin
from cdnserve.manifest.toml import Fields, TomlNode, marked, read_fields
from cdnserve.rules.media_types import destination

_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_ABSOLUTE_URL = re.compile(r"([^:/?#]+://[^/?#\\]*)([^?#]*)(.*)", re.DOTALL)
# RFC 3986 §3.3: each segment of one or more pchar.
_URL_PATH = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+)*/?")
_DOT_SEGMENT = re.compile(r"/(?:\.|%2e){1,2}(?:/|\Z)", re.IGNORECASE)
_COLOR = re.compile(r"#[0-9A-Fa-f]{6}")

LIGHT, DARK = "#ffffff", "#101418"
"""What the pages have behind their text, by the colour scheme."""
# WCAG 2.2 §1.4.3, for text of the usual size.
_LEAST_CONTRAST = 4.5


def read_site(table: TomlNode, problems: list[Problem]) -> Site:
    """Return the site, and note every problem in its table."""
    fields = read_fields(table, SITE, problems)
    problems += marked((*fields.listed("name"), *fields.listed("title")), _site_name_problems)
    problems += marked(fields.listed("url"), _url_problems)
    problems += marked(fields.listed("logo"), _logo_problems)
    problems += _color_problems(fields)
    tags, codings = fields.strings("cache-tags"), fields.strings("codings")
    return Site(
        name=fields.string("name"),
        url=fields.string("url").removesuffix("/"),
        unpkg_addresses=fields.flag("unpkg-addresses"),
        cdnjs_addresses=fields.flag("cdnjs-addresses"),
        # What is no choice is a problem already.
        cache_tags=tuple(name for name in get_args(TagField) if name in tags),
        codings=tuple(name for name in get_args(ContentCoding) if name in codings),
        pages=fields.flag("pages"),
        title=fields.string("title"),
        logo=fields.string("logo"),
        color=fields.string("color"),
        dark_color=fields.string("dark-color"),
    )


def _site_name_problems(name: str) -> Iterator[Problem]:
    if _CONTROLS.search(name):
        yield Problem("site-name-invalid", "what a site is called is one line without control characters")


def _logo_problems(path: str) -> Iterator[Problem]:
    if path and is_unlisted(path):
        hint = 'write it as a rule would: "brand/logo.svg"'
        yield Problem("site-logo-invalid", "this is no path of a public file, relative to the root", hint=hint)
    elif path and destination(path) != "image":
        yield Problem("site-logo-invalid", "browsers show no image of this name", hint="write .svg, .png or .webp")


def _color_problems(fields: Fields) -> Iterator[Problem]:
    for name, behind in (("color", LIGHT), ("dark-color", DARK)):
        for node in fields.listed(name):
            if node.value and not _COLOR.fullmatch(str(node.value)):
                hint = "write # and six hexadecimal digits: #0b57d0"
                yield node.mark(Problem("site-color-invalid", "this is no colour", hint=hint))
            elif node.value and contrast(str(node.value), behind) < _LEAST_CONTRAST:
                ratio = f"{contrast(str(node.value), behind):.1f} to 1"
                message = f"links in this colour are hard to read: their contrast with {behind} is {ratio}"
                hint = f"take one with at least {_LEAST_CONTRAST} to 1: {'darker' if behind == LIGHT else 'lighter'}"
                yield node.mark(Problem("site-color-faint", message, hint=hint, warning=True))


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours (WCAG 2.2, definition), from 1 to 21.

    >>> contrast("#ffffff", "#000000"), round(contrast("#0b57d0", "#ffffff"), 1)
    (21.0, 6.4)
    """
    bright, dim = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def _luminance(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _url_problems(url: str) -> Iterator[Problem]:
    example = "write an absolute URL: https://cdn.example.com"
    parts = _ABSOLUTE_URL.fullmatch(url)
    if not parts:
        yield Problem("site-url-invalid", "the URL has no scheme and host", hint=example)
        return
    origin, path, rest = parts.groups()
    try:
        serialized = serialize_origin(origin)
    except ValueError as error:
        yield Problem("site-url-invalid", f"the URL is not absolute http or https: {error}", hint=example)
        return
    hint = f"write {serialized}{path}"
    if origin != serialized:
        yield Problem("site-url-invalid", "the URL is not in the form that browsers use", hint=hint)
    if rest:
        yield Problem("site-url-invalid", "a base URL has no query and no fragment", hint=hint)
    if not _URL_PATH.fullmatch(path) or _DOT_SEGMENT.search(path):
        hint = "each segment in ASCII, none empty, . or .."
        yield Problem("site-url-invalid", "the path of the URL is not normal", hint=hint)

"""Keys: every key that a manifest may have, its kind, meaning and default; the reader and the schema follow it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import get_args

from cdnserve.manifest.model import CODINGS, ContentCoding, Digest, Documents, TagField

SCHEMA = 1
"""The only value of `schema` that this version reads."""
LONGEST_AGE = 2**31 - 1
"""Seconds: RFC 9111 §1.2.2 lets a cache treat all that is longer as this; browsers cut preflights to a day or less."""


class Kind(Enum):
    """The shape of a value, as messages name it."""

    STRING = "a string"
    BOOLEAN = "true or false"
    INTEGER = "a whole number"
    STRINGS = "a list of strings"
    ONE_OR_MORE = "a string or a list of strings"
    TABLE = "a table"
    TABLES = "an array of tables"
    LIBRARY = "a version in quotes, a list of them or a table"


@dataclass(frozen=True, slots=True)
class KeySpec:
    """One key of a table; `default` is what holds where it isn't written, `most` the largest number it takes.

    `instead` returns what to write instead of a value that means something else, `""` where it means nothing.
    """

    name: str
    kind: Kind
    meaning: str
    default: str | bool | int | tuple[str, ...] | None = None
    required: bool = False
    choices: tuple[str, ...] = ()
    most: int | None = None
    may_be_empty: bool = False
    ignores_case: bool = False
    hint: str = ""
    instead: Callable[[object], str] = lambda _value: ""


def _cors_instead(value: object) -> str:
    """Return how a rule says what people write as in a header: `*`, or the origins themselves."""
    origins = value if isinstance(value, list) else [value]
    if origins == ["*"]:
        return 'write cors = "any": pages of every origin may read'
    written = [one.rstrip("/") for one in origins if isinstance(one, str) and "://" in one]
    if not written or len(written) < len(origins):
        return ""
    listed = json.dumps(written, ensure_ascii=False)
    return f'name a policy, cors = "pages", and add it to the manifest:\n[cors.pages]\nallow-origins = {listed}'


Keys = tuple[KeySpec, ...]

TOP: Keys = (
    KeySpec(
        "schema",
        Kind.INTEGER,
        "The version of this format.",
        required=True,
        hint=f"begin the manifest with: schema = {SCHEMA}",
    ),
    KeySpec("site", Kind.TABLE, "Who publishes.", hint="write it as a table: [site]"),
    KeySpec(
        "publish",
        Kind.TABLES,
        "The rules, in order: the first one that matches a path decides. What none matches is not public.",
        hint="each rule begins with [[publish]], in two pairs of brackets",
    ),
    KeySpec("cors", Kind.TABLE, "CORS policies by name.", hint="each policy is a table of its own: [cors.NAME]"),
    KeySpec("cache", Kind.TABLE, "Cache policies by name.", hint="each policy is a table of its own: [cache.NAME]"),
    KeySpec(
        "libraries",
        Kind.TABLE,
        "The npm packages kept under npm/NAME@VERSION/, each with the versions that are wanted.",
        hint="write it as a table: [libraries]",
    ),
)

SITE: Keys = (
    KeySpec("name", Kind.STRING, "The name of the site, for people.", ""),
    KeySpec(
        "url",
        Kind.STRING,
        "The public base URL, http or https; tags, pages and absolute links use it.",
        "",
    ),
    KeySpec("unpkg-addresses", Kind.BOOLEAN, "Whether libraries also answer at /NAME@VERSION/FILE.", False),
    KeySpec("cdnjs-addresses", Kind.BOOLEAN, "Whether libraries also answer at /ajax/libs/NAME/VERSION/FILE.", False),
    KeySpec(
        "cache-tags",
        Kind.STRINGS,
        "The headers that tell an edge the tags to purge an answer by: Cache-Tag, Surrogate-Key, or both.",
        (),
        choices=get_args(TagField),
        may_be_empty=True,
    ),
    KeySpec(
        "codings",
        Kind.STRINGS,
        "The content codings that a build makes of text: br, gzip, zstd.",
        CODINGS,
        choices=get_args(ContentCoding),
        may_be_empty=True,
    ),
    KeySpec("pages", Kind.BOOLEAN, "Whether there are pages below /-/, and / leads to them.", True),
    KeySpec("title", Kind.STRING, "The heading of the pages; without it, the site's name.", ""),
    KeySpec("logo", Kind.STRING, "The logical path of a public image that the pages show beside their heading.", ""),
    KeySpec("color", Kind.STRING, "The colour of the pages' links and buttons, as #0b57d0.", ""),
    KeySpec("dark-color", Kind.STRING, "The same in the dark, as #8ab4f8.", ""),
)

PUBLISH: Keys = (
    KeySpec(
        "path",
        Kind.ONE_OR_MORE,
        "A glob or several, relative to the root, of the files that the rule publishes; ** crosses folders.",
        required=True,
        hint='say which files the rule publishes: path = "npm/**"',
    ),
    KeySpec(
        "except",
        Kind.ONE_OR_MORE,
        "Globs of what this rule leaves to later rules.",
        (),
        may_be_empty=True,
        hint='write a glob in quotes: except = "**/*.map"',
    ),
    KeySpec(
        "cors",
        Kind.STRING,
        'Which origins may read: "any", "none", or the name of a [cors.*] policy.',
        "none",
        instead=_cors_instead,
    ),
    KeySpec(
        "cache",
        Kind.STRING,
        'How long an answer is fresh: "immutable", "revalidate", or the name of a [cache.*] policy.',
        "revalidate",
    ),
    KeySpec(
        "documents",
        Kind.STRING,
        'Whether HTML, SVG and XML are inert ("sandbox") or pages of this host ("live").',
        "sandbox",
        choices=get_args(Documents),
    ),
    KeySpec(
        "listed",
        Kind.BOOLEAN,
        'Whether pages and API show these files; without it, they do where cors = "any".',
    ),
    KeySpec(
        "digests",
        Kind.STRINGS,
        "Digest fields of the answers: repr is Repr-Digest; unencoded is Unencoded-Digest, with which Chromium fails"
        " HEAD, prefetches and opaque fetches of coded files, and doesn't stream them.",
        (),
        choices=get_args(Digest),
        may_be_empty=True,
    ),
)

CORS: Keys = (
    KeySpec(
        "allow-origins",
        Kind.STRINGS,
        "The origins whose pages may read; the left-most label of a host or the port may be *.",
        (),
        may_be_empty=True,
    ),
    KeySpec("allow-credentials", Kind.BOOLEAN, "Whether requests with cookies or client certificates may read.", False),
    KeySpec(
        "allow-methods",
        Kind.STRINGS,
        "The methods that a CORS-preflight request may ask for; the server itself answers GET, HEAD and OPTIONS.",
        ("GET", "HEAD"),
        may_be_empty=True,
    ),
    KeySpec(
        "allow-headers",
        Kind.STRINGS,
        "The request headers that a CORS-preflight request may ask for; * is all but Authorization.",
        (),
        may_be_empty=True,
        ignores_case=True,
    ),
    KeySpec(
        "expose-headers",
        Kind.STRINGS,
        "The response headers that a script may read; * is all, without credentials.",
        (),
        may_be_empty=True,
        ignores_case=True,
    ),
    KeySpec(
        "max-age",
        Kind.INTEGER,
        "For how many seconds a browser may keep the answer to a CORS-preflight request.",
        most=LONGEST_AGE,
    ),
    KeySpec(
        "allow-null-origin", Kind.BOOLEAN, 'Whether the origin "null" may read, as sandboxed frames send it.', False
    ),
    KeySpec(
        "allow-private-network", Kind.BOOLEAN, "Whether pages of the public network may read from a private one.", False
    ),
    KeySpec("tolerate-insecure-origins", Kind.BOOLEAN, "Lets http:// origins be listed that are not loopback.", False),
    KeySpec(
        "tolerate-public-suffixes", Kind.BOOLEAN, "Lets wildcards cover a public suffix, as https://*.github.io.", False
    ),
)

CACHE: Keys = (
    KeySpec(
        "max-age",
        Kind.INTEGER,
        "For how many seconds an answer is fresh; without it, caches revalidate before each use.",
        most=LONGEST_AGE,
    ),
    KeySpec(
        "shared-max-age",
        Kind.INTEGER,
        "For how many seconds it is fresh in a shared cache, such as a CDN edge.",
        most=LONGEST_AGE,
    ),
    KeySpec(
        "stale-while-revalidate",
        Kind.INTEGER,
        "For how many more seconds a cache may answer while it revalidates.",
        most=LONGEST_AGE,
    ),
    KeySpec(
        "cdn-max-age",
        Kind.INTEGER,
        "For how many seconds it is fresh in a CDN edge that knows CDN-Cache-Control, whatever the other keys say.",
        most=LONGEST_AGE,
    ),
    KeySpec(
        "cdn-stale-while-revalidate",
        Kind.INTEGER,
        "For how many more seconds such an edge may answer while it revalidates.",
        most=LONGEST_AGE,
    ),
)

LIBRARY: Keys = (
    KeySpec(
        "version",
        Kind.ONE_OR_MORE,
        "An exact version or an npm range, or a list of them for several versions side by side.",
        required=True,
        hint='say which version: version = "^1.2.3"',
    ),
    KeySpec("files", Kind.STRINGS, "Globs of the files to keep, relative to the package; all without it.", ()),
)


TYPES: dict[Kind, tuple[type, ...]] = {
    Kind.STRING: (str,),
    Kind.BOOLEAN: (bool,),
    Kind.INTEGER: (int,),
    Kind.STRINGS: (list,),
    Kind.ONE_OR_MORE: (str, list),
    Kind.TABLE: (dict,),
    Kind.TABLES: (list,),
    Kind.LIBRARY: (str, list, dict),
}


ELEMENTS = {
    Kind.STRINGS: "a string",
    Kind.ONE_OR_MORE: "a string",
    Kind.LIBRARY: "a string",
    Kind.TABLES: "a table",
}

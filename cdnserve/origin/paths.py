"""Request paths (RFC 3986 §3.3): from the octets of a request target to a logical path.

Never makes a file path: a logical path is only ever a key of the catalog.
"""

from __future__ import annotations

import re
from enum import Enum
from urllib.parse import unquote_to_bytes


class NoPath(Enum):
    """Why octets are no logical path: against the grammar, or not in normal form (so never a file's)."""

    MALFORMED = 400
    NOT_NORMAL = 404


_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ENCODED_SLASH = re.compile(rb"%2f", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SEPARATOR = re.compile(r"[/\\]")


def logical_path(raw_path: bytes) -> str | NoPath:
    """Decode a target's path once; only one normal path without its leading slash comes back.

    >>> [logical_path(p) for p in (b"/a/b%20c.js", b"/a/../b", b"/a%2fb", b"/%zz")]
    ['a/b c.js', <NoPath.NOT_NORMAL: 404>, <NoPath.NOT_NORMAL: 404>, <NoPath.MALFORMED: 400>]
    """
    if _BAD_ESCAPE.search(raw_path):
        return NoPath.MALFORMED
    try:
        path = unquote_to_bytes(raw_path).decode("utf-8")
    except UnicodeDecodeError:
        return NoPath.MALFORMED
    if _CONTROL.search(path):
        return NoPath.MALFORMED
    segments = path.split("/")
    # An encoded slash is data, not a separator, and no file's name holds one.
    normal = not _ENCODED_SLASH.search(raw_path) and "\\" not in path and segments[0] == "" and len(segments) > 1
    if not normal or any(segment in ("", ".", "..") for segment in segments[1:]):
        return NoPath.NOT_NORMAL
    return path[1:]


def nearest_path(raw_path: bytes) -> str:
    """Return what is left of a path that is no logical path, `""` for nothing: to find its rule by, never a file.

    It begins as the path does, for as long as that is normal. Segments with dots are left out, not followed.

    >>> [nearest_path(path) for path in (b"/npm//x@1/a.js", b"/npm/@a%2fb/%zz.js", b"/open/../private", b"*")]
    ['npm/x@1/a.js', 'npm/@a/b/%zz.js', 'open/private', '']
    """
    if not raw_path.startswith(b"/"):
        return ""
    path = _CONTROL.sub("\ufffd", unquote_to_bytes(raw_path).decode("utf-8", "replace"))
    return "/".join(segment for segment in _SEPARATOR.split(path) if segment not in ("", ".", ".."))

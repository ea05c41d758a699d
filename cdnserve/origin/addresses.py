"""Addresses of a library's files, in the shapes of jsDelivr and unpkg: a logical path taken apart, and put together.

Never says whether the library is hosted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

Shape = Literal["jsdelivr", "unpkg"]
_BEFORE: dict[Shape, str] = {"jsdelivr": "npm/", "unpkg": ""}
# What the path percent-encode set of the URL Standard leaves alone, but for what RFC 3986 §3.3 has in no segment.
_SAFE = "/!$&'()*+,;=:@"


@dataclass(frozen=True, slots=True)
class Address:
    """A library's file as it was asked for; `version` is `None` and `file` is `""` where nothing was said."""

    shape: Shape
    name: str
    version: str | None
    file: str

    def exact(self, version: str, file: str) -> str:
        """Give the logical path of a file of an exact version in the same shape."""
        return f"{_BEFORE[self.shape]}{self.name}@{version}/{file}"


def read_address(path: str, shape: Shape) -> Address | None:
    """Take a logical path apart, `None` where it is none of this shape.

    >>> read_address("npm/@scope/x@^1.2/dist/x.js", "jsdelivr")
    Address(shape='jsdelivr', name='@scope/x', version='^1.2', file='dist/x.js')
    >>> read_address("vue", "unpkg")
    Address(shape='unpkg', name='vue', version=None, file='')
    """
    before = _BEFORE[shape]
    if not path.startswith(before):
        return None
    rest = path.removeprefix(before)
    # The @ of a scope does not begin a version.
    scope, slash, rest = rest.partition("/") if rest.startswith("@") else ("", "", rest)
    pinned, _, file = rest.partition("/")
    name, at, version = pinned.partition("@")
    return Address(shape, scope + slash + name, version if at else None, file)


def relative_reference(folder: Sequence[str], path: str) -> str:
    """Give the reference (RFC 3986 §4.2) from a folder, by its segments, to a logical path.

    It begins with a dot, so that no segment passes for a scheme or a host, and whatever an edge puts before all paths
    stays as it is.

    >>> relative_reference(["npm", "jquery@3", "dist"], "npm/jquery@3.7.1/dist/jquery.min.js")
    '../../jquery@3.7.1/dist/jquery.min.js'
    >>> relative_reference([], "vue@3.5.0/a b.js")
    './vue@3.5.0/a%20b.js'
    """
    segments = path.split("/")
    shared = 0
    while shared < min(len(folder), len(segments) - 1) and folder[shared] == segments[shared]:
        shared += 1
    up = "../" * (len(folder) - shared) or "./"
    return up + quote("/".join(segments[shared:]), safe=_SAFE)

"""Templates: the head of the response to one file, filled in for every other file of its form."""

from __future__ import annotations

import re

from cdnserve.origin.files import entity_tag
from cdnserve.release.catalog import Asset, Representation
from cdnserve.rules.conditional import format_http_date
from cdnserve.server.metrics_count import Tally

# A GET whose target is a file's own path, as it stands in the catalog: not below `/-/`, and with no question to pages.
_PLAIN_LINE = re.compile(rb"GET /(?!-/)([!$&-.0-;=@-Z_a-z~/]+)(?:\?(?!meta)[!-~]*)? HTTP/1\.1")
# In the order of the head.
_CUT = (b"content-length", b"etag", b"last-modified")


def plain_path(line: bytes) -> str | None:
    """Return the path that a request line asks for, `None` where it has to be looked at more closely.

    >>> [plain_path(b"GET %b HTTP/1.1" % target) for target in (b"/a/b.js?v=1", b"/a%20b.js", b"/-/health")]
    ['a/b.js', None, None]
    """
    asked = _PLAIN_LINE.fullmatch(line)
    return asked[1].decode("ascii") if asked else None


class Template:
    """The head of a 200 to one file, from behind its Date, with length, entity tag and date cut out.

    `tally` is what such a response with one octet of content adds.
    """

    __slots__ = ("_at", "_head", "_tally")

    def __init__(self, head: bytes, asset: Asset, digest: bytes, tally: Tally) -> None:
        self._at = next(at for at, item in enumerate(asset.representations) if item.sha256 == digest)
        self._head = head.replace(b"%", b"%%")
        for name, value in zip(_CUT, _cut(asset, asset.representations[self._at]), strict=False):
            self._head = self._head.replace(b"%b: %b\r\n" % (name, value), name + b": %b\r\n", 1)
        self._tally = tally

    def fill(self, asset: Asset) -> tuple[bytes, Representation, Tally]:
        """Return the head for another file of the same form, what of the file it is for, and what that adds."""
        chosen = asset.representations[self._at]
        responses, (octets, _), *others = self._tally
        tally = (responses, (octets, chosen.size), *others) if chosen.size else (responses, *others)
        return self._head % _cut(asset, chosen), chosen, tally


def _cut(asset: Asset, representation: Representation) -> tuple[bytes, ...]:
    length, tag = b"%d" % representation.size, entity_tag(representation).encode("ascii")
    if asset.last_modified is None:
        return length, tag
    return length, tag, format_http_date(asset.last_modified).encode("ascii")

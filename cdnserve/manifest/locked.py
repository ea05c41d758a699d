"""What a lock pins, as frozen values: the integrity metadata (SRI §3.5) of libraries and of immutable files.

Never holds a date that HTTP can't say, nor an address: where a library came from is no part of what it is.
"""

from __future__ import annotations

import re

import msgspec

SCHEMA = 1
"""The only value of a lock's `schema` that this version reads."""

_SHA384 = r"sha384-[A-Za-z0-9+/]{64}"
_FILE = re.compile(_SHA384)
# The last letter before the padding carries 2 or 4 bits, so that only some letters can stand there (RFC 4648 §3.5).
_LIBRARY = re.compile(rf"sha512-[A-Za-z0-9+/]{{85}}[AQgw]==|{_SHA384}|sha256-[A-Za-z0-9+/]{{42}}[AEIMQUYcgkosw048]=")
# The years 1 to 9999 (RFC 9110 §5.6.7).
_EARLIEST, _LATEST = -62_135_596_800, 253_402_300_799


class LockedLibrary(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """The integrity metadata of a package's tarball: one hash expression, sha256, sha384 or sha512."""

    integrity: str

    def fault(self) -> str:
        """Say what is wrong with the values, empty where nothing is."""
        return "" if _LIBRARY.fullmatch(self.integrity) else "not one whole hash expression, as sha512-…"


class LockedFile(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """The integrity metadata of an immutable file, `sha384-…`, and when it was modified, in seconds since 1970."""

    integrity: str
    modified: int | None = None

    def fault(self) -> str:
        """Say what is wrong with the values, empty where nothing is."""
        if not _FILE.fullmatch(self.integrity):
            return "not one whole hash expression of sha384, as sha384-…"
        if self.modified is not None and not _EARLIEST <= self.modified <= _LATEST:
            return "modified is a date outside the years 1 to 9999"
        return ""


class Lock(msgspec.Struct, frozen=True):
    """All that is pinned: libraries by `name@version`, immutable files by logical path."""

    libraries: dict[str, LockedLibrary] = {}
    immutable: dict[str, LockedFile] = {}

"""Public CDNs: what an address on one of them stands for, as files of npm packages (facts of their documentation).

Never says that a file or a version exists: these are the places to look.
"""

from __future__ import annotations

from cdnserve.rules.public_cdns.hosts import cdn_of, find_addresses, read_address, varies
from cdnserve.rules.public_cdns.values import CDNJS, Mapped, PackageFile, Unmapped, unminified

__all__ = [
    "CDNJS",
    "Mapped",
    "PackageFile",
    "Unmapped",
    "cdn_of",
    "find_addresses",
    "read_address",
    "unminified",
    "varies",
]

"""The release package: files become an immutable release, once, and every byte is hashed.

Never answers a request: what is made here is looked up elsewhere.
"""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

from cdnserve.release.build import build
from cdnserve.release.built import Built
from cdnserve.release.progress import Phase, Progress, Silence
from cdnserve.release.store import Store

if TYPE_CHECKING:
    from cdnserve.release.catalog import Asset, Catalog, Coding, Representation
    from cdnserve.release.checking import check

__all__ = [
    "Asset",
    "Built",
    "Catalog",
    "Coding",
    "Phase",
    "Progress",
    "Representation",
    "Silence",
    "Store",
    "build",
    "check",
]

# Loaded when asked for: with what these need, a build that finds nothing changed would take twice as long.
_LATER = MappingProxyType(
    {"check": "checking"} | dict.fromkeys(("Asset", "Catalog", "Coding", "Representation"), "catalog")
)


def __getattr__(name: str) -> object:
    """Load what a build that finds nothing changed does not need (PEP 562)."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)

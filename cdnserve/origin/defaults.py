"""Default files: the one that a library has for those who name none, out of those that are public.

Never a file that is not public.
"""

from __future__ import annotations

from collections.abc import Container

from cdnserve.origin.addresses import Shape
from cdnserve.release.catalog import Entries
from cdnserve.rules.default_files import FIELDS, default_files
from cdnserve.rules.media_types import destination


def default_file(entries: Entries, shape: Shape, folder: str, public: Container[str]) -> str:
    """Give the path in the library's folder of its default file, `""` where none is public."""
    named = {field: getattr(entries, field) for field in FIELDS}
    found = default_files(named, shape, accepts=_is_loaded)
    return next((path for path in found if f"{folder}/{path}" in public), "")


def _is_loaded(path: str) -> bool:
    """Tell whether a page can load a file: a main file may be Sass or JSON."""
    return destination(path) in ("script", "style")

"""Default files: what a library is to those who name none of its files, as jsDelivr and unpkg have it.

Never a file that is not public.
"""

from __future__ import annotations

from collections.abc import Container, Iterator

from cdnserve.origin.addresses import Shape
from cdnserve.release.catalog import Entries
from cdnserve.rules.media_types import destination

# Its author's word for a CDN goes first; the other fields are meant for tools.
_FOR_CDNS: dict[Shape, tuple[str, ...]] = {"jsdelivr": ("jsdelivr", "unpkg"), "unpkg": ("unpkg", "jsdelivr")}
_FOR_TOOLS = ("browser", "main", "style")


def default_file(entries: Entries, shape: Shape, folder: str, public: Container[str]) -> str:
    """Give the path in the library's folder of its default file, `""` where none is public."""
    return next((path for path in _candidates(entries, shape) if f"{folder}/{path}" in public), "")


def _candidates(entries: Entries, shape: Shape) -> Iterator[str]:
    for field in _FOR_CDNS[shape]:
        yield from _spellings(getattr(entries, field))
    for field in _FOR_TOOLS:
        for path in _spellings(getattr(entries, field)):
            # A main file may be Sass or JSON, which no page can load.
            if destination(path) in ("script", "style"):
                # jsDelivr answers with what is minified.
                yield from (_minified(path), path) if shape == "jsdelivr" else (path,)
    yield "index.js"


def _spellings(path: str) -> Iterator[str]:
    # Node.js: a module's ending, or the file's name in a folder, may be left out.
    yield from (path, f"{path}.js", f"{path}/index.js") if path else ()


def _minified(path: str) -> str:
    stem, dot, ending = path.rpartition(".")
    return path if stem.endswith(".min") else f"{stem}.min{dot}{ending}"

"""Default files: what a library is to those who name none of its files (jsDelivr's and unpkg's documentation).

Never says that a file exists: these are places to look.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Literal

Mirror = Literal["jsdelivr", "unpkg"]
"""A CDN, by its field of package.json."""

FIELDS = ("jsdelivr", "unpkg", "browser", "main", "style")
"""The fields of package.json that name files for browsers."""
_OTHER: dict[Mirror, Mirror] = {"jsdelivr": "unpkg", "unpkg": "jsdelivr"}
_ENDING = re.compile(r"(?<!\.min)(\.[a-z]+)\Z")


def default_files(
    named: Mapping[str, str],
    mirror: Mirror,
    *,
    for_style: bool = False,
    accepts: Callable[[str], bool] = bool,
) -> Iterator[str]:
    """Give the files that an address without a file may mean, the likeliest first.

    `named` has paths by field; `for_style` says that a stylesheet is asked for. What the fields for tools name, which
    may be Sass or JSON, must be what `accepts` takes.

    >>> list(default_files({"unpkg": "a.js", "main": "b.js"}, "jsdelivr"))[:2]
    ['b.min.js', 'b.js']
    """
    yield from _spellings(named.get(mirror, ""))
    for field in ("style", "browser", "main") if for_style else ("browser", "main", "style"):
        for path in filter(accepts, _spellings(named.get(field, ""))):
            # jsDelivr answers with what is minified.
            yield from (_ENDING.sub(r".min\1", path), path) if mirror == "jsdelivr" else (path,)
    # What is for another CDN is better than nothing.
    yield from _spellings(named.get(_OTHER[mirror], ""))
    yield "index.js"


def _spellings(path: str) -> Iterator[str]:
    # Node.js: a module's ending, or the file's name in a folder, may be left out.
    yield from (path, f"{path}.js", f"{path}/index.js") if path else ()

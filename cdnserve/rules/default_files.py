"""Default files: what a library is to those who name none of its files.

As jsDelivr's README ("npm") and unpkg's source (`pkg-exports.ts`) said in 2026. Never says that a file exists: these
are places to look.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Literal

Mirror = Literal["jsdelivr", "unpkg"]
"""A CDN, by its field of package.json."""

FIELDS = ("jsdelivr", "unpkg", "browser", "main", "style", "exports")
"""The fields of package.json that name files for browsers; of `exports`, the path for unpkg."""
UNPKG_CONDITIONS = frozenset({"unpkg", "default"})
"""The conditions under which unpkg reads `exports`."""

_ORDERS: Mapping[Mirror, tuple[str, ...]] = {"jsdelivr": ("browser", "main"), "unpkg": ("exports", "main")}
_OTHER: Mapping[Mirror, Mirror] = {"jsdelivr": "unpkg", "unpkg": "jsdelivr"}
_ENDING = re.compile(r"(?<!\.min)(\.[a-z]+)\Z")


def default_files(
    named: Mapping[str, str],
    mirror: Mirror,
    *,
    for_style: bool = False,
    accepts: Callable[[str], bool] = bool,
) -> Iterator[str]:
    """Return the files that an address without a file may mean, the likeliest first.

    `named` has paths by field; `for_style` says that a stylesheet is asked for. What the fields for tools name, which
    may be Sass or JSON, must be what `accepts` takes. jsDelivr answers with what is minified, whatever names it.

    >>> list(default_files({"unpkg": "a.js", "main": "b.js"}, "jsdelivr"))[:2]
    ['b.min.js', 'b.js']
    """
    for_tools = ("style", *_ORDERS[mirror]) if for_style else (*_ORDERS[mirror], "style")
    yield from _spellings(named.get(mirror, ""), mirror)
    for field in for_tools:
        yield from filter(accepts, _spellings(named.get(field, ""), mirror))
    # What is for another CDN is better than nothing.
    yield from _spellings(named.get(_OTHER[mirror], ""), mirror)
    yield "index.js"


def minified(path: str) -> str:
    """Return the path that a minified file beside another one has.

    >>> minified("dist/a.js"), minified("a.min.js")
    ('dist/a.min.js', 'a.min.js')
    """
    return _ENDING.sub(r".min\1", path)


def _spellings(path: str, mirror: Mirror) -> Iterator[str]:
    # Node.js: a module's ending, or the file's name in a folder, may be left out.
    for spelling in (path, f"{path}.js", f"{path}/index.js") if path else ():
        yield from (minified(spelling), spelling) if mirror == "jsdelivr" else (spelling,)

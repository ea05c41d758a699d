"""Cache tags: by which names an edge can be told to forget an answer (Cache-Tag, Surrogate-Key).

Never says more than the address does: it does not matter whether a file lies there.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from cdnserve.manifest.packages import is_exact_version, is_package_name
from cdnserve.manifest.values import TagField
from cdnserve.origin.addresses import read_address
from cdnserve.origin.message import Fields

_SEPARATORS: dict[TagField, str] = {"Cache-Tag": ",", "Surrogate-Key": " "}
# Printable ASCII without space and comma, which part tags, and without what is special in a file's name to begin with.
_SAFE = "/@!$&'()*+;=:~"
# Fastly ignores a longer one and all behind it; no file's folder has one.
_LONGEST = 1024


def tag_fields(names: Sequence[TagField], path: str, *, is_alias: bool) -> Fields:
    """Give the fields with the tags of the answer for a logical path; `path` is where an alias leads."""
    listed = tags(path, is_alias=is_alias) if names else ()
    return tuple(
        (name.lower().encode("ascii"), _SEPARATORS[name].join(listed).encode("ascii")) for name in names if listed
    )


def tags(path: str, *, is_alias: bool = False) -> tuple[str, ...]:
    """Give the tags: a library and its version, else the first folder with a slash behind it.

    An alias may lead to another version tomorrow, so it has the library's alone.

    >>> tags("npm/@scope/x@1.2.0/x.js"), tags("npm/@scope/x@1.2.0/x.js", is_alias=True)
    (('@scope/x', '@scope/x@1.2.0'), ('@scope/x',))
    >>> tags("my fonts/a.woff2"), tags("robots.txt")
    (('my%20fonts/',), ('/',))
    """
    address = read_address(path, "jsdelivr")
    if address is None or not is_package_name(address.name):
        folder, slash, _ = path.partition("/")
        tag = quote(folder, safe=_SAFE) + slash if slash else "/"
        return (tag,) if len(tag) <= _LONGEST else ()
    if is_alias or not is_exact_version(address.version or ""):
        return (address.name,)
    return (address.name, f"{address.name}@{address.version}")

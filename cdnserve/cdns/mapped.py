"""What an address on a public CDN stands for, as values: files of npm packages, or why it is none."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

POLYFILLS = "it gives each browser other bytes; browsers of today need none of them, so take it out"
"""Why polyfills are left."""

CDNJS = "cdnjs"
"""The one CDN whose names are not npm's: `PackageFile.name` and `files` are as cdnjs has them."""

_SPEC = re.compile(r"(?P<name>(?:@[^/@]+/)?[^/@]+)(?:@(?P<requirement>[^/]*))?(?:/(?P<file>.*))?")


@dataclass(frozen=True, slots=True)
class PackageFile:
    """A file of an npm package.

    `requirement` is an exact version, a range or a tag, `""` for the newest. `files` are the places to look, in
    this order; none means the default file of a `mirror`. One that ends in `/` is a folder, `/` the whole package.
    `is_built` says that the CDN makes a module out of it, in which no bare import is left. `family` is the font family
    that the stylesheet must define. Where it is not `is_vouched` for, the package only has the same name: any file but
    one with the octets that the page demands may be somebody else's.
    """

    name: str
    requirement: str
    files: tuple[str, ...] = ()
    mirror: Literal["", "jsdelivr", "unpkg"] = ""
    is_built: bool = False
    family: str = ""
    is_vouched: bool = True


@dataclass(frozen=True, slots=True)
class Mapped:
    """An address that stands for files of npm packages; `remark` is what changes with them, `""` for nothing."""

    cdn: str
    files: tuple[PackageFile, ...]
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Unmapped:
    """An address on a public CDN that stands for no file of an npm package, and why."""

    cdn: str
    reason: str


def split_spec(path: str) -> tuple[str, str, str] | None:
    """Split `NAME@REQUIREMENT/FILE` of a decoded path without its first slash; `None` for what is none.

    >>> split_spec("@vue/runtime-dom@3/dist/a.js"), split_spec("vue"), split_spec("vue@3/")
    (('@vue/runtime-dom', '3', 'dist/a.js'), ('vue', '', ''), ('vue', '3', '/'))
    """
    found = _SPEC.fullmatch(path)
    if not found:
        return None
    name, requirement, file = found.group("name", "requirement", "file")
    if file is not None and file.rstrip("/") and not is_plain(file.removesuffix("/")):
        return None
    return name, requirement or "", "/" if file == "" else file or ""


def is_plain(path: str) -> bool:
    """Return whether a path has only segments that can name files.

    >>> is_plain("dist/a.js"), is_plain("dist/../a.js"), is_plain("a//b"), is_plain("")
    (True, False, False, False)
    """
    return all(segment not in ("", ".", "..") for segment in path.split("/")) and not re.search(r"[\x00-\x1f\\]", path)


def unminified(files: Iterable[str]) -> tuple[str, ...]:
    """Add the files that minified ones are made of.

    >>> unminified(["dist/a.min.js", "b.css"])
    ('dist/a.min.js', 'b.css', 'dist/a.js')
    """
    files = tuple(files)
    return tuple(dict.fromkeys((*files, *(re.sub(r"\.min(\.[a-z]+)\Z", r"\1", file) for file in files))))

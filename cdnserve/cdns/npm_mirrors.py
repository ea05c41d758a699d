"""CDNs that mirror npm, with paths as NAME@VERSION/FILE: jsDelivr, unpkg, esm.sh, jspm and Skypack.

The facts are those of their documentation. What they make out of several files stands for no file of npm's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Literal
from urllib.parse import parse_qsl

from cdnserve.cdns.mapped import Mapped, PackageFile, Unmapped, split_spec, unminified

JSDELIVR = "jsDelivr"
UNPKG = "unpkg"
ESM_SH = "esm.sh"
JSPM = "jspm"
SKYPACK = "Skypack"
_NO_PACKAGE = "it names no npm package"

_ESM = "+esm"
_OTHERS = {
    "gh": "it is a file of a GitHub repository, not of an npm package",
    "wp": "it is a file of WordPress, not of an npm package",
    "combine": "it is several files in one; give each a tag of its own",
    "g": "it is several files in one; give each a tag of its own",
}
# `v135/` and `stable/` pin esm.sh's own build; `*` leaves dependencies to the page's import map.
_PREFIX = re.compile(r"(?:v[0-9]{1,6}/|stable/)?\*?")
# These change how a module is packed, not what it does.
_HARMLESS = frozenset({"bundle", "bundle-deps", "external", "min", "no-bundle", "no-dts", "standalone", "target"})
_ELSEWHERE = ("gh/", "github.com/", "jsr/", "@jsr/", "pr/", "pkg.pr.new/", "http:/", "https:/")
_BUILD = re.compile(r"(?:.*/)?(?:es20[0-9]{2}|esnext|node|denonext|deno)/[^/]*\.m?js")
_SCRIPT = re.compile(r"(?:.*/)?[^/.]*(?:\.[^/]*\.[mc]?js|\.[mc]?js)?")


def jsdelivr(path: str, _query: str = "") -> Mapped | Unmapped:
    """Read an address of jsDelivr.

    >>> jsdelivr("npm/jquery@3.7.1/dist/jquery.min.js").files[0].files
    ('dist/jquery.min.js', 'dist/jquery.js')
    """
    kind, _, rest = path.partition("/")
    if kind != "npm":
        return Unmapped(JSDELIVR, _OTHERS.get(kind, "it is no file of an npm package"))
    spec = split_spec(rest)
    if not spec or "," in rest:
        return Unmapped(JSDELIVR, "it names no single file of an npm package")
    name, requirement, file = spec
    if file == _ESM or file.endswith(f"/{_ESM}"):
        return _module(JSDELIVR, name, requirement, file.removesuffix(_ESM).removesuffix("/"))
    files = unminified([file]) if file else ()
    return Mapped(JSDELIVR, (PackageFile(name, requirement, files, "jsdelivr"),))


def esm_run(path: str, _query: str = "") -> Mapped | Unmapped:
    """Read an address of esm.run, which leads to jsDelivr's modules."""
    return _module_at(JSDELIVR, path)


def unpkg(path: str, query: str = "") -> Mapped | Unmapped:
    """Read an address of unpkg."""
    options = {key for key, _ in parse_qsl(query, keep_blank_values=True)}
    spec = split_spec(path)
    if not spec or path.startswith("browse/") or "meta" in options:
        return Unmapped(UNPKG, "it names no file of an npm package")
    if changes := sorted(options & {"browser", "conditions"}):
        return Unmapped(UNPKG, f"its option {changes[0]} changes which file it serves")
    if "module" in options:
        return _module(UNPKG, *spec)
    name, requirement, file = spec
    return Mapped(UNPKG, (PackageFile(name, requirement, (file,) if file else (), "unpkg"),))


def esm_sh(path: str, query: str = "") -> Mapped | Unmapped:
    """Read an address of esm.sh."""
    path = _PREFIX.sub("", path, count=1)
    changes = sorted({key for key, _ in parse_qsl(query, keep_blank_values=True)} - _HARMLESS)
    if path.startswith(_ELSEWHERE):
        return Unmapped(ESM_SH, "it is not from npm")
    if changes:
        return Unmapped(ESM_SH, f"its option {changes[0]} changes what it serves")
    spec = split_spec(path)
    if not spec or "&" in path:
        return Unmapped(ESM_SH, _NO_PACKAGE)
    if _BUILD.fullmatch(spec[2]):
        return Unmapped(ESM_SH, "it is an inner file of a build that esm.sh made")
    return _module(ESM_SH, *spec, is_built=_SCRIPT.fullmatch(spec[2]) is not None)


def jspm(path: str, _query: str = "") -> Mapped | Unmapped:
    """Read an address of jspm, which leaves bare imports to the page's import map.

    >>> jspm("npm:htm@3.1.1/dist/htm.module.js").files[0].files
    ('dist/htm.module.js',)
    """
    if ":" in path and not path.startswith("npm:"):
        return Unmapped(JSPM, "it is not from npm")
    return _module_at(JSPM, path.removeprefix("npm:"))


def skypack(path: str, _query: str = "") -> Mapped | Unmapped:
    """Read an address of Skypack."""
    if path.startswith(("-/", "pin/", "new/", "error/")):
        return Unmapped(SKYPACK, "it is an inner file of a build that Skypack made")
    return _module_at(SKYPACK, path)


def _module_at(cdn: str, path: str) -> Mapped | Unmapped:
    spec = split_spec(path)
    return _module(cdn, *spec) if spec else Unmapped(cdn, _NO_PACKAGE)


def _module(cdn: str, name: str, requirement: str, file: str, *, is_built: bool = True) -> Mapped | Unmapped:
    if file.endswith("/"):
        return Unmapped(cdn, "it is a folder of modules that the CDN makes")
    return Mapped(cdn, (PackageFile(name, requirement, (file,) if file else (), is_built=is_built),))


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
    """Yield the files that an address without a file may mean, the likeliest first.

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

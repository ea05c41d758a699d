"""jsDelivr and unpkg: mirrors of npm whose paths are NAME@VERSION/FILE (facts of their documentation).

Never maps what they make themselves out of several files.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from cdnserve.rules.public_cdns.values import Mapped, PackageFile, Unmapped, split_spec, unminified

JSDELIVR = "jsDelivr"
UNPKG = "unpkg"

_ESM = "+esm"
_OTHERS = {
    "gh": "it is a file of a GitHub repository, not of an npm package",
    "wp": "it is a file of WordPress, not of an npm package",
    "combine": "it is several files in one; give each a tag of its own",
    "g": "it is several files in one; give each a tag of its own",
}


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
    spec = split_spec(path)
    if not spec or not spec[0]:
        return Unmapped(JSDELIVR, "it names no npm package")
    return _module(JSDELIVR, *spec)


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


def _module(cdn: str, name: str, requirement: str, file: str) -> Mapped | Unmapped:
    if file.endswith("/"):
        return Unmapped(cdn, "it is a folder of modules that the CDN makes")
    return Mapped(cdn, (PackageFile(name, requirement, (file,) if file else (), is_built=True),))

"""esm.sh, jspm and Skypack: modules that they build out of npm packages (facts of their documentation).

Never maps an option that changes what the module does.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from cdnserve.rules.public_cdns.values import Mapped, PackageFile, Unmapped, split_spec

ESM_SH = "esm.sh"
JSPM = "jspm"
SKYPACK = "Skypack"

# `v135/` and `stable/` pin esm.sh's own build; `*` leaves dependencies to the page's import map.
_PREFIX = re.compile(r"(?:v[0-9]{1,6}/|stable/)?\*?")
# These change how a module is packed, not what it does.
_HARMLESS = frozenset({"bundle", "bundle-deps", "external", "min", "no-bundle", "no-dts", "standalone", "target"})
_ELSEWHERE = ("gh/", "github.com/", "jsr/", "@jsr/", "pr/", "pkg.pr.new/", "http:/", "https:/")
_BUILD = re.compile(r"(?:.*/)?(?:es20[0-9]{2}|esnext|node|denonext|deno)/[^/]*\.m?js")
_SCRIPT = re.compile(r"(?:.*/)?[^/.]*(?:\.[^/]*\.[mc]?js|\.[mc]?js)?")


def esm_sh(path: str, query: str = "") -> Mapped | Unmapped:
    """Read an address of esm.sh."""
    path = _PREFIX.sub("", path, count=1)
    changes = sorted({key for key, _ in parse_qsl(query, keep_blank_values=True)} - _HARMLESS)
    if path.startswith(_ELSEWHERE):
        return Unmapped(ESM_SH, "it is not from npm")
    if changes:
        return Unmapped(ESM_SH, f"its option {changes[0]} changes what it serves")
    spec = split_spec(path)
    if not spec or not spec[0] or "&" in path:
        return Unmapped(ESM_SH, "it names no npm package")
    name, requirement, file = spec
    if _BUILD.fullmatch(file):
        return Unmapped(ESM_SH, "it is an inner file of a build that esm.sh made")
    if file.endswith("/"):
        return Unmapped(ESM_SH, "it is a folder of modules that the CDN makes")
    files = (file,) if file else ()
    return Mapped(ESM_SH, (PackageFile(name, requirement, files, is_built=_SCRIPT.fullmatch(file) is not None),))


def jspm(path: str, _query: str = "") -> Mapped | Unmapped:
    """Read an address of jspm, which leaves bare imports to the page's import map.

    >>> jspm("npm:htm@3.1.1/dist/htm.module.js").files[0].files
    ('dist/htm.module.js',)
    """
    if ":" in path and not path.startswith("npm:"):
        return Unmapped(JSPM, "it is not from npm")
    return _built(JSPM, path.removeprefix("npm:"))


def skypack(path: str, _query: str = "") -> Mapped | Unmapped:
    """Read an address of Skypack."""
    if path.startswith(("-/", "pin/", "new/", "error/")):
        return Unmapped(SKYPACK, "it is an inner file of a build that Skypack made")
    return _built(SKYPACK, path)


def _built(cdn: str, path: str) -> Mapped | Unmapped:
    spec = split_spec(path)
    if not spec or not spec[0]:
        return Unmapped(cdn, "it names no npm package")
    name, requirement, file = spec
    if file.endswith("/"):
        return Unmapped(cdn, "it is a folder of modules that the CDN makes")
    return Mapped(cdn, (PackageFile(name, requirement, (file,) if file else (), is_built=True),))

"""Google Hosted Libraries: their names and files as npm has them (facts of their documentation).

Never maps a library whose npm package holds sources only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from cdnserve.rules.public_cdns.projects import jquery_ui
from cdnserve.rules.public_cdns.values import Mapped, PackageFile, Unmapped, is_plain

GOOGLE = "Google Hosted Libraries"

# name → npm package, folders to look in
_LIBRARIES: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {
        "bootstrap": ("bootstrap", ("dist/",)),
        "bootstrap-table": ("bootstrap-table", ("",)),
        "cesiumjs": ("cesium", ("",)),
        "d3js": ("d3", ("dist/", "build/", "")),
        "hammerjs": ("hammerjs", ("",)),
        "indefinite-observable": ("indefinite-observable", ("dist/",)),
        "jquery": ("jquery", ("dist/", "")),
        "model-viewer": ("@google/model-viewer", ("dist/",)),
        "shaka-player": ("shaka-player", ("dist/",)),
        "spf": ("spf", ("dist/",)),
        "threejs": ("three", ("build/",)),
        "webfont": ("webfontloader", ("",)),
    }
)
_RENAMED = MappingProxyType({"webfont.js": "webfontloader.js"})
_REVISION = re.compile(r"r([0-9]{1,6})")
_ANGULAR = re.compile(r"(angular(?:-[a-z-]+?)?)(?:\.min)?\.(?:js|css)")


def google(path: str, _query: str = "") -> Mapped | Unmapped:
    """Read an address of Google Hosted Libraries.

    >>> google("ajax/libs/angularjs/1.8.2/angular-route.min.js").files[0].name
    'angular-route'
    """
    parts = path.split("/", 4)
    if parts[:2] != ["ajax", "libs"] or len(parts) < 5 or not is_plain(parts[4]):
        return Unmapped(GOOGLE, "it names no file of a library")
    _, _, name, version, file = parts
    found = _file(name, version, file)
    return Mapped(GOOGLE, (found,)) if found else Unmapped(GOOGLE, f"npm does not have the builds of {name}")


def _file(name: str, version: str, file: str) -> PackageFile | None:
    if name == "jqueryui":
        return jquery_ui(version, file)
    if name == "angularjs":
        return angular_file(version, file)
    if name not in _LIBRARIES:
        return None
    package, folders = _LIBRARIES[name]
    file = _RENAMED.get(file, file)
    return PackageFile(package, _REVISION.sub(r"0.\1.0", version), tuple(folder + file for folder in folders))


def angular_file(version: str, file: str) -> PackageFile | None:
    """Give the place of a file of AngularJS, each part of which is a package."""
    if file.startswith("i18n/"):
        return PackageFile("angular-i18n", version, (file.removeprefix("i18n/"),))
    part = _ANGULAR.fullmatch(file)
    return PackageFile(part[1], version, (file,)) if part else None

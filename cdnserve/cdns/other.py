"""cdnjs, and the CDNs of jQuery, Bootstrap and Font Awesome: their paths (facts of their documentation).

Never turns cdnjs' names into npm's: who asks knows both.
"""

from __future__ import annotations

import re

from cdnserve.cdns.mapped import CDNJS, POLYFILLS, Mapped, PackageFile, Unmapped, is_plain

JQUERY = "jQuery's CDN"
BOOTSTRAP_CDN = "BootstrapCDN"
FONT_AWESOME = "Font Awesome's CDN"

_NUMBER = r"[0-9]+\.[0-9]+(?:\.[0-9]+)?(?:-[0-9A-Za-z.]+?)?"
_ENDING = r"(?:\.slim)?(?P<module>\.module)?(?:\.min)?\.js"
_CORE = re.compile(rf"(?P<name>jquery|jquery-migrate)-(?P<version>{_NUMBER})(?P<ending>{_ENDING})")
_UI = re.compile(rf"ui/(?P<version>{_NUMBER})/(?P<file>.+)")
_ICONS = re.compile(rf"releases/v(?P<version>{_NUMBER})/(?P<file>(?:css|js)/[a-z0-9-]+)\.(?P<ending>css|js)")
_QUNIT = re.compile(rf"qunit/qunit-(?P<version>{_NUMBER})(?P<ending>\.js|\.css)")
_BASE_THEME = "themes/base/"
_PLACES = {
    "bootstrap": ("bootstrap", "dist/"),
    "font-awesome": ("font-awesome", ""),
    "bootswatch": ("bootswatch", "dist/"),
}


def cdnjs(path: str, _query: str = "") -> Mapped | Unmapped:
    """Read an address of cdnjs; the names in the answer are cdnjs' own."""
    if path.startswith("polyfill/"):
        return Unmapped(CDNJS, POLYFILLS)
    parts = path.split("/", 4)
    if parts[:2] != ["ajax", "libs"] or len(parts) < 5 or not all(parts) or not is_plain(parts[4].removesuffix("/")):
        return Unmapped(CDNJS, "it names no file of a library")
    return Mapped(CDNJS, (PackageFile(parts[2], parts[3], (parts[4],)),))


def jquery(path: str, _query: str = "") -> Mapped | Unmapped:
    """Read an address of code.jquery.com.

    >>> jquery("jquery-3.7.1.slim.min.js").files[0].files, jquery("ui/1.13.2/jquery-ui.min.js").files[0].name
    (('dist/jquery.slim.min.js',), 'jquery-ui')
    """
    if found := _CORE.fullmatch(path):
        name, version, ending = found.group("name", "version", "ending")
        folder = "dist-module" if found["module"] else "dist"
        return _one(JQUERY, name, whole(version), f"{folder}/{name}{ending}")
    if (found := _UI.fullmatch(path)) and is_plain(found["file"]):
        return Mapped(JQUERY, (jquery_ui(found["version"], found["file"]),))
    if found := _QUNIT.fullmatch(path):
        return _one(JQUERY, "qunit", whole(found["version"]), f"qunit/qunit{found['ending']}")
    return Unmapped(JQUERY, "it names no version, or a file that npm does not have")


def bootstrap_cdn(path: str, _query: str = "") -> Mapped | Unmapped:
    """Read an address of BootstrapCDN."""
    name, version, *rest = [*path.split("/", 2), "", ""]
    if name not in _PLACES or not is_plain(rest[0]):
        return Unmapped(BOOTSTRAP_CDN, "it names no file that npm has")
    package, folder = _PLACES[name]
    return _one(BOOTSTRAP_CDN, package, whole(version), folder + rest[0])


def font_awesome(path: str, _query: str = "") -> Mapped | Unmapped:
    """Read an address of use.fontawesome.com, whose files are npm's minified ones.

    >>> font_awesome("releases/v5.8.1/css/all.css").files[0].files
    ('css/all.min.css', 'css/all.css')
    """
    found = _ICONS.fullmatch(path)
    if not found:
        return Unmapped(FONT_AWESOME, "it is a kit, or a file that npm does not have")
    files = (f"{found['file']}.min.{found['ending']}", f"{found['file']}.{found['ending']}")
    return Mapped(FONT_AWESOME, (PackageFile("@fortawesome/fontawesome-free", found["version"], files),))


def jquery_ui(version: str, file: str) -> PackageFile:
    """Return the place of a file of jQuery UI, whose package has its builds since 1.13.

    Before, they are in a package of their own, with the base theme beside them.
    """
    numbers = [int(part) for part in re.findall(r"[0-9]{1,6}", version)[:2]]
    package = "jquery-ui" if numbers >= [1, 13] else "jquery-ui-dist"
    return PackageFile(package, version, tuple(dict.fromkeys((f"dist/{file}", file, file.removeprefix(_BASE_THEME)))))


def whole(version: str) -> str:
    """Write a version that has two numbers as npm does.

    >>> whole("1.12"), whole("3.7.1")
    ('1.12.0', '3.7.1')
    """
    return f"{version}.0" if re.fullmatch(r"[0-9]+\.[0-9]+", version) else version


def _one(cdn: str, name: str, version: str, file: str) -> Mapped:
    return Mapped(cdn, (PackageFile(name, version, (file,)),))

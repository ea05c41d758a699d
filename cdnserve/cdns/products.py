"""CDNs of one product each, and mirrors of other CDNs: which file of an npm package a path stands for.

Never maps a path without a version where the host and npm may mean different ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from cdnserve.cdns.google import angular_file, google_fonts
from cdnserve.cdns.mapped import CDNJS, Mapped, PackageFile, Unmapped, is_plain
from cdnserve.cdns.other import cdnjs, jquery_ui, whole

BUNNY = "Bunny Fonts"
DATATABLES = "DataTables' CDN"
MICROSOFT = "Microsoft's CDN"
ANGULAR = "AngularJS' CDN"
STATIC = "Google's static host"

_SEVERAL = "it is several files in one, or one that npm does not have; give each a tag of its own"
_NO_FILE = "it names no version, or a file that npm does not have"
_V = r"(?P<version>[0-9]+\.[0-9]+(?:\.[0-9]+)?(?:-[0-9A-Za-z.]+)?)"
_MAJOR = r"(?P<version>[0-9]+(?:\.[0-9]+){0,2})"
_FILE = r"(?P<file>[A-Za-z0-9._/-]+)"
_JS = r"(?P<js>(?:\.min)?\.js)"

_Form = tuple[str, str, tuple[str, ...]]
"""The form of a path, the package and the places of its file; these may name groups of the form."""

# host → its name, and the forms of its paths.
PRODUCTS: Mapping[str, tuple[str, tuple[_Form, ...]]] = MappingProxyType({
    "aframe.io": ("A-Frame's CDN", (
        (rf"releases/{_V}/aframe{_JS}", "aframe", ("dist/aframe-v{version}{js}", "dist/aframe{js}")),
    )),
    "ajax.aspnetcdn.com": (MICROSOFT, (
        (rf"ajax/j[qQ]uery/jquery-{_V}(?P<js>(?:\.slim)?(?:\.min)?\.js)", "jquery", ("dist/jquery{js}", "jquery{js}")),
        (rf"ajax/jquery\.migrate/jquery-migrate-{_V}{_JS}", "jquery-migrate", ("dist/jquery-migrate{js}",)),
        (rf"ajax/jquery\.validate/{_V}/{_FILE}", "jquery-validation", ("dist/{file}",)),
        (rf"ajax/bootstrap/{_V}/{_FILE}", "bootstrap", ("dist/{file}", "dist/js/{file}")),
    )),
    "api.mapbox.com": ("Mapbox' CDN", (
        (rf"mapbox-gl-js/v{_V}/(?P<file>mapbox-gl\.(?:js|css))", "mapbox-gl", ("dist/{file}",)),
    )),
    "cdn.babylonjs.com": ("Babylon.js' CDN", (
        (rf"v{_V}/(?P<file>babylon(?:\.max)?\.js)", "babylonjs", ("{file}",)),
        (rf"v{_V}/loaders/(?P<file>babylonjs\.loaders(?:\.min)?\.js)", "babylonjs-loaders", ("{file}",)),
        (rf"v{_V}/gui/(?P<file>babylon\.gui(?:\.min)?\.js)", "babylonjs-gui", ("{file}",)),
    )),
    "cdn.bokeh.org": ("Bokeh's CDN", (
        (rf"bokeh/release/(?P<file>bokeh[a-z-]*)-{_V}{_JS}", "@bokeh/bokehjs", ("build/js/{file}{js}",)),
    )),
    "cdn.ckeditor.com": ("CKEditor's CDN", (
        (rf"ckeditor5/{_V}/(?P<build>[a-z-]+)/{_FILE}", "@ckeditor/ckeditor5-build-{build}", ("build/{file}",)),
    )),
    "cdn.leafletjs.com": ("Leaflet's CDN", (
        (rf"leaflet(?:-|/v?){_V}/(?P<file>leaflet[a-z-]*\.(?:js|css))", "leaflet", ("dist/{file}",)),
    )),
    "cdn.materialdesignicons.com": ("Material Design Icons' CDN", (
        (rf"{_V}/(?P<file>css/materialdesignicons(?:\.min)?\.css)", "@mdi/font", ("{file}",)),
    )),
    "cdn.muicss.com": ("MUI's CDN", ((rf"mui-{_V}/{_FILE}", "muicss", ("dist/{file}",)),)),
    "cdn.plot.ly": ("Plotly's CDN", (
        (rf"plotly-{_V}\.min\.js", "plotly.js-dist-min", ("plotly.min.js",)),
        (rf"plotly-{_V}\.js", "plotly.js-dist", ("plotly.js",)),
        (rf"plotly-(?P<part>[a-z][a-z0-9]*)-{_V}\.min\.js", "plotly.js-{part}-dist-min", ("plotly-{part}.min.js",)),
        (rf"plotly-(?P<part>[a-z][a-z0-9]*)-{_V}\.js", "plotly.js-{part}-dist", ("plotly-{part}.js",)),
    )),
    "cdn.quilljs.com": ("Quill's CDN", ((rf"{_V}/(?P<file>quill[a-z.]*\.(?:js|css))", "quill", ("dist/{file}",)),)),
    "cdn.socket.io": ("Socket.IO's CDN", (
        (rf"{_V}/(?P<file>socket\.io[a-z.]*\.js)", "socket.io-client", ("dist/{file}", "{file}")),
        (rf"socket\.io-{_V}\.js", "socket.io-client", ("socket.io.js", "dist/socket.io.js")),
    )),
    "code.getmdl.io": ("Material Design Lite's CDN", (
        (rf"{_V}/(?P<file>material[a-z._-]*\.(?:js|css))", "material-design-lite", ("dist/{file}", "{file}")),
    )),
    "code.highcharts.com": ("Highcharts' CDN", (
        (rf"(?:(?:stock|maps|gantt)/)?{_V}/{_FILE}", "highcharts", ("{file}",)),
        (r"(?P<version>)(?:(?:stock|maps|gantt)/)?(?P<file>(?:[a-z]+/)?[a-z-]+\.js)", "highcharts", ("{file}",)),
    )),
    "code.iconify.design": ("Iconify's CDN", (
        (rf"[0-9]+/{_V}/iconify{_JS}", "@iconify/iconify", ("dist/iconify{js}",)),
        (rf"iconify-icon/{_V}/iconify-icon{_JS}", "iconify-icon", ("dist/iconify-icon{js}",)),
    )),
    "code.ionicframework.com": ("Ionic's CDN", ((rf"ionicons/{_V}/{_FILE}", "ionicons", ("{file}", "dist/{file}")),)),
    "d3js.org": ("D3's site", (
        (
            rf"(?P<name>(?:d3|topojson)(?:-[a-z]+)*)\.v{_MAJOR}{_JS}",
            *("{name}", ("dist/{name}{js}", "build/{name}{js}", "{name}{js}")),
        ),
    )),
    "openlayers.org": ("OpenLayers' site", (
        (rf"en/v{_V}/build/ol\.js", "ol", ("dist/ol.js", "build/ol.js")),
        (rf"en/v{_V}/css/ol\.css", "ol", ("ol.css", "css/ol.css")),
    )),
    "oss.maxcdn.com": ("MaxCDN", (
        (rf"(?:libs/)?html5shiv/{_V}/(?P<file>html5shiv[a-z.-]*\.js)", "html5shiv", ("dist/{file}",)),
        (rf"(?:libs/)?respond(?:\.js)?/{_V}/(?P<file>respond[A-Za-z.]*\.js)", "respond.js", ("dest/{file}",)),
    )),
    "unicons.iconscout.com": ("Unicons' CDN", (
        (rf"release/v{_V}/(?P<file>css/[a-z]+\.css)", "@iconscout/unicons", ("{file}",)),
    )),
    "vjs.zencdn.net": ("Video.js' CDN", (
        (rf"ie8/{_V}/(?P<file>videojs-ie8[a-z.]*\.js)", "videojs-ie8", ("dist/{file}",)),
        (rf"{_V}/(?P<file>(?:alt/)?video[a-z.-]*\.(?:js|css))", "video.js", ("dist/{file}",)),
    )),
    "yastatic.net": ("Yandex' CDN", (
        (rf"jquery/{_V}/(?P<file>jquery(?:\.min)?\.js)", "jquery", ("dist/{file}", "{file}")),
    )),
})  # fmt: skip

_EXTENSIONS = (
    *("autofill", "buttons", "colreorder", "datetime", "fixedcolumns", "fixedheader", "keytable", "responsive"),
    *("rowgroup", "rowreorder", "scroller", "searchbuilder", "searchpanes", "select", "staterestore"),
)
_DATATABLES = re.compile(
    rf"(?:(?P<part>{'|'.join(_EXTENSIONS)})/)?{_V}/"
    r"(?P<file>(?P<kind>css|js)/(?P<name>[A-Za-z0-9]+(?:\.(?!min\.)[A-Za-z0-9]+)?)(?:\.min)?\.(?:css|js))"
)
# How DataTables calls a look → the end of its package's name.
_LOOKS = MappingProxyType({
    "dataTables": "-dt", "bootstrap": "-bs", "bootstrap4": "-bs4", "bootstrap5": "-bs5", "bulma": "-bm",
    "foundation": "-zf", "jqueryui": "-jqui", "semanticui": "-se",
})  # fmt: skip
# Mirrors of cdnjs have Bootstrap under its own name too.
_MIRRORED = MappingProxyType({"bootstrap": "twitter-bootstrap"})
_VERSION = re.compile(_V)
_MICROSOFT_UI = re.compile(rf"ajax/jquery\.ui/{_V}/{_FILE}")
_FIREBASE = re.compile(r"firebasejs/(?P<version>(?P<major>[0-9]{1,3})\.[0-9.]+)/(?P<file>firebase[a-z-]*\.js)")
_BY_MODULES = 9


def product(host: str, path: str, _query: str = "") -> Mapped | Unmapped:
    """Read a path by the forms of its host.

    >>> product("vjs.zencdn.net", "8.10.0/video.min.js").files[0].files
    ('dist/video.min.js',)
    """
    cdn, forms = PRODUCTS[host]
    for form, package, files in forms:
        if is_plain(path) and (found := re.fullmatch(form, path)):
            groups = found.groupdict("")
            places = tuple(file.format_map(groups) for file in files)
            return Mapped(cdn, (PackageFile(package.format_map(groups), whole(groups["version"]), places),))
    return Unmapped(cdn, _NO_FILE)


def microsoft(path: str, _query: str = "") -> Mapped | Unmapped:
    """Read an address of Microsoft's CDN.

    >>> microsoft("ajax/jquery.ui/1.13.2/jquery-ui.min.js").files[0].name
    'jquery-ui'
    """
    if (found := _MICROSOFT_UI.fullmatch(path)) and is_plain(path):
        return Mapped(MICROSOFT, (jquery_ui(found["version"], found["file"]),))
    return product("ajax.aspnetcdn.com", path)


def datatables(path: str, _query: str = "") -> Mapped | Unmapped:
    """Read an address of cdn.datatables.net, whose looks and extensions are packages of their own.

    >>> datatables("buttons/2.4.1/css/buttons.bootstrap5.min.css").files[0].name
    'datatables.net-buttons-bs5'
    """
    found = _DATATABLES.fullmatch(path)
    if not found:
        return Unmapped(
            DATATABLES, "it is several files in one, or one that npm does not have; give each a tag of its own"
        )
    part, kind, name = found.group("part", "kind", "name")
    is_core = not part and kind == "js" and name in ("jquery.dataTables", "dataTables")
    look = "" if is_core else _LOOKS.get(name.rpartition(".")[2], "")
    package = f"datatables.net{f'-{part}' if part else ''}{look}"
    return Mapped(DATATABLES, (PackageFile(package, found["version"], (found["file"],)),))


def cdnjs_mirror(prefix: str, path: str, _query: str = "") -> Mapped | Unmapped:
    """Read an address of a mirror of cdnjs; `prefix` is what stands before the library's name.

    >>> cdnjs_mirror("", "bootstrap/3.3.7/css/bootstrap.min.css").files[0].name
    'twitter-bootstrap'
    """
    found = cdnjs(f"ajax/libs/{path.removeprefix(prefix)}") if path.startswith(prefix) else cdnjs("")
    if isinstance(found, Unmapped):
        return found
    (file,) = found.files
    name = _MIRRORED.get(file.name, file.name)
    return Mapped(CDNJS, (PackageFile(name, file.requirement, file.files),), found.remark)


def bunny(path: str, query: str = "") -> Mapped | Unmapped:
    """Read an address of Bunny Fonts, which are Google's but for the spelling of their names.

    >>> bunny("css", "family=open-sans:400,700i").files[0].name
    '@fontsource/open-sans'
    """
    found = google_fonts(path, query.replace("-", "+"))
    if isinstance(found, Unmapped):
        return Unmapped(BUNNY, found.reason)
    return Mapped(BUNNY, found.files, found.remark)


def angular(path: str, _query: str = "") -> Mapped | Unmapped:
    """Read an address of code.angularjs.org."""
    version, _, file = path.partition("/")
    found = angular_file(version, file) if is_plain(path) and _VERSION.fullmatch(version) else None
    return Mapped(ANGULAR, (found,)) if found else Unmapped(ANGULAR, _NO_FILE)


def static_google(path: str, _query: str = "") -> Mapped | Unmapped:
    """Read an address of www.gstatic.com, which has Firebase beside other things."""
    found = _FIREBASE.fullmatch(path)
    if not found:
        return Unmapped(STATIC, "it belongs to a service of Google's, which can't be hosted elsewhere")
    version, major, file = found.group("version", "major", "file")
    if int(major) >= _BY_MODULES and not file.endswith("-compat.js"):
        return Unmapped(STATIC, "Firebase's modules import each other from this host; build them into your own")
    return Mapped(STATIC, (PackageFile("firebase", version, (file,)),))

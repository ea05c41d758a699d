"""CDNs of one product each: which file of an npm package a path stands for (facts of their documentation)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from cdnserve.cdns.mapped import Mapped, PackageFile, Unmapped, is_plain

JQUERY = "jQuery's CDN"
BOOTSTRAP_CDN = "BootstrapCDN"
FONT_AWESOME = "Font Awesome's CDN"
DATATABLES = "DataTables' CDN"
MICROSOFT = "Microsoft's CDN"
ANGULAR = "AngularJS' CDN"

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
# Not greedy: what follows a prerelease begins with a dot, too.
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
_ANGULAR = re.compile(r"(angular(?:-[a-z-]+?)?)(?:\.min)?\.(?:js|css)")
_VERSION = re.compile(_V)
_MICROSOFT_UI = re.compile(rf"ajax/jquery\.ui/{_V}/{_FILE}")


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
            return Mapped(cdn, (PackageFile(package.format_map(groups), _whole(groups["version"]), places),))
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
        return Unmapped(DATATABLES, _SEVERAL)
    part, kind, name = found.group("part", "kind", "name")
    is_core = not part and kind == "js" and name in ("jquery.dataTables", "dataTables")
    look = "" if is_core else _LOOKS.get(name.rpartition(".")[2], "")
    package = f"datatables.net{f'-{part}' if part else ''}{look}"
    return Mapped(DATATABLES, (PackageFile(package, found["version"], (found["file"],)),))


def angular(path: str, _query: str = "") -> Mapped | Unmapped:
    """Read an address of code.angularjs.org."""
    version, _, file = path.partition("/")
    found = angular_file(version, file) if is_plain(path) and _VERSION.fullmatch(version) else None
    return Mapped(ANGULAR, (found,)) if found else Unmapped(ANGULAR, _NO_FILE)


def jquery(path: str, _query: str = "") -> Mapped | Unmapped:
    """Read an address of code.jquery.com.

    >>> jquery("jquery-3.7.1.slim.min.js").files[0].files, jquery("ui/1.13.2/jquery-ui.min.js").files[0].name
    (('dist/jquery.slim.min.js',), 'jquery-ui')
    """
    if found := _CORE.fullmatch(path):
        name, version, ending = found.group("name", "version", "ending")
        folder = "dist-module" if found["module"] else "dist"
        return _one(JQUERY, name, _whole(version), f"{folder}/{name}{ending}")
    if (found := _UI.fullmatch(path)) and is_plain(found["file"]):
        return Mapped(JQUERY, (jquery_ui(found["version"], found["file"]),))
    if found := _QUNIT.fullmatch(path):
        return _one(JQUERY, "qunit", _whole(found["version"]), f"qunit/qunit{found['ending']}")
    return Unmapped(JQUERY, _NO_FILE)


def bootstrap_cdn(path: str, _query: str = "") -> Mapped | Unmapped:
    """Read an address of BootstrapCDN."""
    name, version, *rest = [*path.split("/", 2), "", ""]
    if name not in _PLACES or not is_plain(rest[0]):
        return Unmapped(BOOTSTRAP_CDN, "it names no file that npm has")
    package, folder = _PLACES[name]
    return _one(BOOTSTRAP_CDN, package, _whole(version), folder + rest[0])


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


def angular_file(version: str, file: str) -> PackageFile | None:
    """Return the place of a file of AngularJS, each part of which is a package."""
    if file.startswith("i18n/"):
        return PackageFile("angular-i18n", version, (file.removeprefix("i18n/"),))
    part = _ANGULAR.fullmatch(file)
    return PackageFile(part[1], version, (file,)) if part else None


def jquery_ui(version: str, file: str) -> PackageFile:
    """Return the place of a file of jQuery UI, whose package has its builds since 1.13.

    Before, they are in a package of their own, with the base theme beside them.
    """
    numbers = [int(part) for part in re.findall(r"[0-9]{1,6}", version)[:2]]
    package = "jquery-ui" if numbers >= [1, 13] else "jquery-ui-dist"
    return PackageFile(package, version, tuple(dict.fromkeys((f"dist/{file}", file, file.removeprefix(_BASE_THEME)))))


def _whole(version: str) -> str:
    """Write a version that has two numbers as npm does.

    >>> _whole("1.12"), _whole("3.7.1")
    ('1.12.0', '3.7.1')
    """
    return f"{version}.0" if re.fullmatch(r"[0-9]+\.[0-9]+", version) else version


def _one(cdn: str, name: str, version: str, file: str) -> Mapped:
    return Mapped(cdn, (PackageFile(name, version, (file,)),))

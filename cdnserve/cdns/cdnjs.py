"""cdnjs and its mirrors: their addresses, their names of libraries, and where npm packages have their files.

A name is not npm's because both are spelled alike: anybody may own that name there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import msgspec

from cdnserve.cdns.mapped import CDNJS, POLYFILLS, Mapped, PackageFile, Unmapped, is_plain

Names = Mapping[str, Sequence[str]]
"""cdnjs's name → the npm package, then the folders of it that cdnjs copies (cdnjs's own descriptions)."""

# Where most packages have what browsers load; layouts change from version to version.
_USUAL = ("dist", "", "build", "umd", "dist/umd", "lib", "min", "dist/js", "dist/css")

# cdnjs takes these from repositories, and names no npm package: the one that is published from there.
_FROM_REPOSITORIES: Names = MappingProxyType({
    "1000hz-bootstrap-validator": ("bootstrap-validator",),
    "OwlCarousel2": ("owl.carousel",),
    "Sortable": ("sortablejs", ""),
    "URI.js": ("urijs", "src"),
    "ace": ("ace-builds", "src-min"),
    "animate.css": ("animate.css", ""),
    "bootbox.js": ("bootbox",),
    "bootstrap-datepicker": ("bootstrap-datepicker",),
    "bootstrap-daterangepicker": ("bootstrap-daterangepicker", ""),
    "bootstrap-table": ("bootstrap-table",),
    "c3": ("c3", ""),
    "chartist": ("chartist",),
    "chosen": ("chosen-js", ""),
    "cookieconsent2": ("cookieconsent", "build"),
    "crypto-js": ("crypto-js", ""),
    "cytoscape": ("cytoscape",),
    "fabric.js": ("fabric",),
    "fancybox": ("@fancyapps/fancybox",),
    "fetch": ("whatwg-fetch",),
    "flag-icon-css": ("flag-icon-css", ""),
    "flexslider": ("flexslider", ""),
    "foundation": ("foundation-sites",),
    "fullPage.js": ("fullpage.js",),
    "fuse.js": ("fuse.js",),
    "gsap": ("gsap",),
    "hammer.js": ("hammerjs", ""),
    "highcharts": ("highcharts", ""),
    "holder": ("holderjs", ""),
    "hover.css": ("hover.css", "css"),
    "howler": ("howler",),
    "html5shiv": ("html5shiv",),
    "htmx": ("htmx.org",),
    "ion-rangeslider": ("ion-rangeslider", ""),
    "jquery-cookie": ("jquery.cookie", ""),
    "jquery-mousewheel": ("jquery-mousewheel", ""),
    "jquery-scrollTo": ("jquery.scrollto", ""),
    "jquery-validate": ("jquery-validation",),
    "jquery.form": ("jquery-form",),
    "jquery.mask": ("jquery-mask-plugin",),
    "jquery.matchHeight": ("jquery-match-height",),
    "jquery.tablesorter": ("tablesorter",),
    "jspdf": ("jspdf",),
    "jszip": ("jszip",),
    "jwt-decode": ("jwt-decode", "build"),
    "konva": ("konva", ""),
    "lightbox2": ("lightbox2",),
    "list.js": ("list.js",),
    "lodash.js": ("lodash", ""),
    "magnific-popup.js": ("magnific-popup",),
    "markdown-it": ("markdown-it",),
    "masonry": ("masonry-layout",),
    "material-design-iconic-font": ("material-design-iconic-font",),
    "materialize": ("materialize-css",),
    "mathjax": ("mathjax", "", "es5"),
    "matter-js": ("matter-js", "build"),
    "mediaelement": ("mediaelement", "build"),
    "medium-editor": ("medium-editor",),
    "pace": ("pace-js", ""),
    "pako": ("pako",),
    "paper.js": ("paper",),
    "particles.js": ("particles.js", ""),
    "pdfmake": ("pdfmake", "build"),
    "perfect-scrollbar": ("perfect-scrollbar",),
    "picturefill": ("picturefill",),
    "pikaday": ("pikaday", ""),
    "plotly.js": ("plotly.js",),
    "raphael": ("raphael", ""),
    "require.js": ("requirejs", ""),
    "reveal.js": ("reveal.js", ""),
    "selectize.js": ("@selectize/selectize",),
    "semantic-ui": ("semantic-ui-css", ""),
    "showdown": ("showdown",),
    "simple-line-icons": ("simple-line-icons", ""),
    "snap.svg": ("snapsvg",),
    "spectrum": ("spectrum-colorpicker", ""),
    "tether": ("tether",),
    "toastr.js": ("toastr", "build", ""),
    "tooltipster": ("tooltipster",),
    "turbolinks": ("turbolinks",),
    "tweetnacl": ("tweetnacl", ""),
    "typed.js": ("typed.js", "lib"),
    "underscore.js": ("underscore", ""),
    "velocity": ("velocity-animate", ""),
    "vis": ("vis",),
    "waypoints": ("waypoints", "lib"),
    "wow": ("wowjs",),
})  # fmt: skip
# cdnjs's name → the first version that has the npm package of today, and the package before.
_EARLIER: Mapping[str, tuple[tuple[int, int], str]] = MappingProxyType({
    "angular-ui-router": ((1, 0), "angular-ui-router"),
    "babel-polyfill": ((7, 0), "babel-polyfill"),
    "babel-standalone": ((7, 0), "babel-standalone"),
    "font-awesome": ((5, 0), "font-awesome"),
    "jqueryui": ((1, 13), "jquery-ui-dist"),
    "popper.js": ((2, 0), "popper.js"),
    "selectize.js": ((0, 13), "selectize"),
    "svg.js": ((3, 0), "svg.js"),
})  # fmt: skip
# Packages for browsers that are much used, of which cdnjs names none.
_ALSO_USED = (
    *(
        "lit",
        "svelte",
        "solid-js",
        "zustand",
        "pinia",
        "lodash-es",
        "core-js",
        "es-module-shims",
        "regenerator-runtime",
    ),
    *("@hotwired/turbo", "@hotwired/stimulus", "unpoly", "hyperscript.org", "comlink", "idb", "zod", "yup", "ajv"),
    *("@material/web", "@shoelace-style/shoelace", "@awesome.me/webawesome", "@mui/material", "quasar", "@tabler/core"),
    *("@fontsource-variable/inter", "@mdi/font", "material-icons", "lucide", "flag-icons", "modern-normalize"),
    *("highlight.js", "dompurify", "papaparse", "i18next", "intl-tel-input", "flexsearch", "photoswipe", "tiny-slider"),
    *("@tiptap/core", "@floating-ui/dom", "@babylonjs/core", "cannon-es", "pusher-js", "@hpcc-js/wasm", "popper.js"),
)
# Folders of earlier versions, where they are none of the usual ones.
_EARLIER_FOLDERS: Mapping[str, tuple[str, ...]] = MappingProxyType({"js-cookie": ("src",), "rxjs": ("bundles",)})

# Mirrors of cdnjs have Bootstrap under its own name too.
_MIRRORED = MappingProxyType({"bootstrap": "twitter-bootstrap"})

# DataTables is one library at cdnjs, and a package for each way of styling at npm.
_DATATABLES = "datatables"
_STYLED = re.compile(r"(?:js|css)/dataTables\.(bootstrap[45]?|foundation|jqueryui|semanticui)\.")
_STYLINGS: Mapping[str, str] = MappingProxyType(
    {
        "bootstrap": "bs",
        "bootstrap4": "bs4",
        "bootstrap5": "bs5",
        "foundation": "zf",
        "jqueryui": "jqui",
        "semanticui": "se",
    }
)

# three.js called its versions revisions, and npm counts them as minor ones.
_REVISION = re.compile(r"r([0-9]{1,6})")
_REVISED = ("three.js",)


@dataclass(frozen=True, slots=True)
class NpmFile:
    """Where npm has a file of cdnjs: `files` are places to look, the likeliest first.

    Where it `is_vouched` for, cdnjs's own description or a table of this module says that the package is the library.
    If not, it only has the same name.
    """

    package: str
    version: str
    files: tuple[str, ...]
    is_vouched: bool


def cdnjs(path: str, _query: str = "") -> Mapped | Unmapped:
    """Read an address of cdnjs; the names in the answer are cdnjs' own."""
    if path.startswith("polyfill/"):
        return Unmapped(CDNJS, POLYFILLS)
    parts = path.split("/", 4)
    if parts[:2] != ["ajax", "libs"] or len(parts) < 5 or not all(parts) or not is_plain(parts[4].removesuffix("/")):
        return Unmapped(CDNJS, "it names no file of a library")
    return Mapped(CDNJS, (PackageFile(parts[2], parts[3], (parts[4],)),))


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


def npm_file(name: str, version: str, file: str, names: Names) -> NpmFile:
    """Return where npm has a file that cdnjs has.

    >>> npm_file("lodash.js", "4.17.21", "lodash.min.js", {}).package
    'lodash'
    >>> npm_file("twitter-bootstrap", "5.3.3", "css/x.css", {"twitter-bootstrap": ["bootstrap", "dist"]}).files[0]
    'dist/css/x.css'
    """
    package, *folders = names.get(name) or _FROM_REPOSITORIES.get(name) or (name,)
    is_vouched = name in names or name in _FROM_REPOSITORIES or name == _DATATABLES
    if name == _DATATABLES:
        package, folders = _datatables(file), [""]
    if name in _EARLIER and _begin(version) < _EARLIER[name][0]:
        package = _EARLIER[name][1]
    found = dict.fromkeys((*folders, *_EARLIER_FOLDERS.get(name, ()), *_USUAL))
    files = tuple(f"{folder}/{file}" if folder else file for folder in found)
    return NpmFile(package, _npm_version(name, version), files, is_vouched)


def copied_folders(name: str, names: Names) -> tuple[str, ...]:
    """Return the folders of an npm package that cdnjs copies, as far as anybody says so.

    >>> (
    ...     copied_folders("lodash.js", {}),
    ...     copied_folders("jquery", {"jquery": ["jquery", "dist"]}),
    ...     copied_folders("x", {}),
    ... )
    (('',), ('dist',), ())
    """
    _, *folders = names.get(name) or _FROM_REPOSITORIES.get(name) or (name,)
    return tuple(folders)


def _datatables(file: str) -> str:
    """Return the package of a file of DataTables.

    >>> _datatables("js/jquery.dataTables.js"), _datatables("js/dataTables.bootstrap4.js"), _datatables("css/x.css")
    ('datatables.net', 'datatables.net-bs4', 'datatables.net-dt')
    """
    if found := _STYLED.match(file):
        return f"datatables.net-{_STYLINGS[found[1]]}"
    return "datatables.net" if file.startswith("js/") else "datatables.net-dt"


def _npm_version(name: str, version: str) -> str:
    found = _REVISION.fullmatch(version) if name in _REVISED else None
    return f"0.{found[1]}.0" if found else version


def _begin(version: str) -> tuple[int, int]:
    """Return a version's first two numbers; 0 for what is none."""
    major, minor, *_ = (*version.split(".", 2), "", "")
    return _number(major), _number(minor)


def _number(text: str) -> int:
    # Nine digits are enough for any version, and int() refuses what is endless.
    return int(text[:9]) if text.isascii() and text.isdecimal() else 0


@cache
def cdnjs_names() -> Names:
    """Read what cdnjs calls the packages of npm; the file says where that was looked up, and when."""
    octets = files("cdnserve").joinpath("cdns", "cdnjs.json").read_bytes()
    return msgspec.json.decode(octets, type=_CdnjsNames).libraries


@cache
def browser_packages() -> frozenset[str]:
    """Return npm packages that are made for browsers: those that cdnjs takes, and some more that are much used."""
    named = (package for names in (cdnjs_names(), _FROM_REPOSITORIES) for package, *_ in names.values())
    return frozenset((*named, *_ALSO_USED))


class _CdnjsNames(msgspec.Struct):
    source: str
    libraries: dict[str, tuple[str, ...]]

"""cdnjs: its names of libraries, and where its files lie in npm packages.

Never says that a file exists: these are places to look, in the order in which they are worth it. What differs from
npm was looked up in cdnjs' description of each library: the npm package that it takes files from, or, where it takes
them from a repository, the package that is published from there; and the folders that it copies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

# Where most packages have what browsers load.
_USUAL = ("dist", "", "build", "umd", "dist/umd", "lib", "min", "dist/js", "dist/css")

# cdnjs's name → npm's, where they differ.
_PACKAGES: Mapping[str, str] = MappingProxyType({
    "Chart.js": "chart.js",
    "FileSaver.js": "file-saver",
    "KaTeX": "katex",
    "OwlCarousel2": "owl.carousel",
    "ScrollMagic": "scrollmagic",
    "Sortable": "sortablejs",
    "Swiper": "swiper",
    "URI.js": "urijs",
    "ace": "ace-builds",
    "angular.js": "angular",
    "aspnet-signalr": "@aspnet/signalr",
    "backbone.js": "backbone",
    "bodymovin": "lottie-web",
    "chosen": "chosen-js",
    "clipboard.js": "clipboard",
    "datatables": "datatables.net-dt",
    "fabric.js": "fabric",
    "fancybox": "@fancyapps/fancybox",
    "fetch": "whatwg-fetch",
    "foundation": "foundation-sites",
    "fullPage.js": "fullpage.js",
    "hammer.js": "hammerjs",
    "handlebars.js": "handlebars",
    "headroom": "headroom.js",
    "highlight.js": "@highlightjs/cdn-assets",
    "htmx": "htmx.org",
    "jquery-cookie": "jquery.cookie",
    "jquery-easing": "jquery.easing",
    "jquery-validate": "jquery-validation",
    "jquery.form": "jquery-form",
    "jquery.imagesloaded": "imagesloaded",
    "jquery.isotope": "isotope-layout",
    "jquery.mask": "jquery-mask-plugin",
    "limonte-sweetalert2": "sweetalert2",
    "lodash.js": "lodash",
    "magnific-popup.js": "magnific-popup",
    "masonry": "masonry-layout",
    "materialize": "materialize-css",
    "microsoft-signalr": "@microsoft/signalr",
    "moment.js": "moment",
    "mustache.js": "mustache",
    "noUiSlider": "nouislider",
    "normalize": "normalize.css",
    "numeral.js": "numeral",
    "p5.js": "p5",
    "pdf.js": "pdfjs-dist",
    "prism": "prismjs",
    "require.js": "requirejs",
    "semantic-ui": "semantic-ui-css",
    "socket.io": "socket.io-client",
    "three.js": "three",
    "toastr.js": "toastr",
    "twitter-bootstrap": "bootstrap",
    "underscore.js": "underscore",
    "velocity": "velocity-animate",
    "wow": "wowjs",
})  # fmt: skip
# cdnjs's name → the first version that has npm's second name, and both names.
_RENAMED: Mapping[str, tuple[tuple[int, int], str, str]] = MappingProxyType({
    "babel-standalone": ((7, 0), "babel-standalone", "@babel/standalone"),
    "font-awesome": ((5, 0), "font-awesome", "@fortawesome/fontawesome-free"),
    "jqueryui": ((1, 13), "jquery-ui-dist", "jquery-ui"),
    "popper.js": ((2, 0), "popper.js", "@popperjs/core"),
    "selectize.js": ((0, 13), "selectize", "@selectize/selectize"),
})  # fmt: skip

# three.js called its versions revisions, and npm counts them as minor ones.
_REVISION = re.compile(r"r([0-9]{1,6})")
_REVISED = ("three.js",)

# cdnjs's name → the folders that it copies, where they are not the first of the usual ones.
_FOLDERS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "ScrollMagic": ("scrollmagic/minified", "scrollmagic/uncompressed"),
    "Sortable": ("",),
    "Swiper": ("",),
    "URI.js": ("src",),
    "ace": ("src-min",),
    "angular.js": ("",),
    "animate.css": ("",),
    "animejs": ("dist/bundles", "lib"),
    "aspnet-signalr": ("dist/browser",),
    "babel-standalone": ("",),
    "babylonjs": ("",),
    "backbone.js": ("",),
    "bluebird": ("js/browser",),
    "bodymovin": ("build/player",),
    "bootstrap-icons": ("",),
    "bulma": ("",),
    "chosen": ("",),
    "codemirror": ("lib", ""),
    "crypto-js": ("",),
    "datatables": ("",),
    "dayjs": ("",),
    "font-awesome": ("",),
    "highlight.js": ("",),
    "jquery-cookie": ("",),
    "jquery-easing": ("",),
    "jquery.imagesloaded": ("",),
    "js-cookie": ("dist", "src"),
    "knockout": ("build/output",),
    "lodash.js": ("",),
    "luxon": ("build/global", "build"),
    "mathjax": ("", "es5"),
    "mathjs": ("lib/browser", "dist"),
    "microsoft-signalr": ("dist/browser",),
    "moment.js": ("min", ""),
    "mustache.js": ("",),
    "normalize": ("",),
    "numeral.js": ("min", ""),
    "p5.js": ("lib",),
    "pdf.js": ("build", "web"),
    "prism": ("",),
    "react": ("", "dist"),
    "react-dom": ("", "dist"),
    "require.js": ("",),
    "rxjs": ("dist/bundles", "bundles"),
    "semantic-ui": ("",),
    "slick-carousel": ("slick",),
    "three.js": ("build",),
    "toastr.js": ("build", ""),
    "underscore.js": ("",),
    "velocity": ("",),
})  # fmt: skip


def npm_package(name: str, version: str) -> str:
    """Give the npm package of what cdnjs calls `name`; the same name where nothing else is known.

    >>> npm_package("lodash.js", "4.17.21"), npm_package("font-awesome", "6.5.1"), npm_package("vue", "3.5.0")
    ('lodash', '@fortawesome/fontawesome-free', 'vue')
    """
    if name in _RENAMED:
        since, older, newer = _RENAMED[name]
        return newer if _begin(version) >= since else older
    return _PACKAGES.get(name, name)


def npm_version(name: str, version: str) -> str:
    """Give npm's version of what cdnjs calls `version`.

    >>> npm_version("three.js", "r128"), npm_version("three.js", "0.149.0"), npm_version("vue", "3.5.0")
    ('0.128.0', '0.149.0', '3.5.0')
    """
    found = _REVISION.fullmatch(version) if name in _REVISED else None
    return f"0.{found[1]}.0" if found else version


def places(name: str, file: str) -> tuple[str, ...]:
    """Give the paths in the npm package where a file that cdnjs has may lie, the likeliest first.

    >>> places("twitter-bootstrap", "css/bootstrap.min.css")[:2], places("luxon", "luxon.min.js")[:1]
    (('dist/css/bootstrap.min.css', 'css/bootstrap.min.css'), ('build/global/luxon.min.js',))
    """
    folders = dict.fromkeys((*_FOLDERS.get(name, ()), *_USUAL))
    return tuple(f"{folder}/{file}" if folder else file for folder in folders)


def _begin(version: str) -> tuple[int, int]:
    """Give a version's first two numbers; 0 for what is none."""
    major, minor, *_ = (*version.split(".", 2), "", "")
    return _number(major), _number(minor)


def _number(text: str) -> int:
    # Nine digits are enough for any version, and int() refuses what is endless.
    return int(text[:9]) if text.isascii() and text.isdecimal() else 0

"""Google's CDNs: fonts (CSS API, versions 1 and 2) as files of Fontsource's packages, hosted libraries, Firebase."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import product
from types import MappingProxyType
from urllib.parse import parse_qsl

from cdnserve.cdns.mapped import Mapped, PackageFile, Unmapped, is_plain
from cdnserve.cdns.products import angular_file, jquery_ui

GOOGLE_FONTS = "Google Fonts"
BUNNY = "Bunny Fonts"
GOOGLE = "Google Hosted Libraries"
STATIC = "Google's static host"

_FAMILY = re.compile(r"[A-Za-z0-9]+(?: [A-Za-z0-9]+)*")
# The names that version 1 has for weights, and for the slope behind them.
_STYLE = re.compile(r"(?P<weight>[1-9]00|[a-z]{0,10}?)(?P<italic>italic|i|)", re.IGNORECASE)
_WORDS = {
    100: "thin",
    200: "extralight ultralight",
    300: "light l",
    400: "regular normal book r",
    500: "medium",
    600: "semibold demibold",
    700: "bold b",
    800: "extrabold ultrabold",
    900: "black heavy",
}
_NAMED = {"": 400} | {word: weight for weight, words in _WORDS.items() for word in words.split()}
_WEIGHTS = tuple(range(100, 1000, 100))
_RANGE = "fixed weights stand for the range {}: weights between the hundreds look like the nearest one"
_OPTICAL = "the files have one optical size, where Google's have the axis opsz"
_DISPLAY = "the files say font-display: swap, not {}"
_EFFECT = "the effect {} is lost: its class is in Google's stylesheet alone"

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
_FIREBASE = re.compile(r"firebasejs/(?P<version>(?P<major>[0-9]{1,3})\.[0-9.]+)/(?P<file>firebase[a-z-]*\.js)")
_BY_MODULES = 9

Face = tuple[int, bool]
"""Weight, and whether it is italic."""
_Found = tuple[str, tuple[Face, ...], str]
"""A family, its faces, and a remark on them."""


class _UnmappableError(ValueError):
    """A family can't be mapped; the message says why."""


def google_fonts(path: str, query: str = "") -> Mapped | Unmapped:
    """Read the address of a stylesheet of Google Fonts.

    >>> [file.files for file in google_fonts("css2", "family=Inter:ital,wght@0,400;1,700").files]
    [('400.css',), ('700-italic.css',)]
    """
    options = parse_qsl(query, keep_blank_values=True)
    asked = [value for key, value in options if key == "family"]
    read = {"css": _families, "css2": _family}.get(path)
    if not read or not asked:
        return Unmapped(GOOGLE_FONTS, "only stylesheets of text fonts have a counterpart on npm")
    try:
        found = [one for value in asked for one in read(value)]
    except _UnmappableError as error:
        return Unmapped(GOOGLE_FONTS, str(error))
    remarks = dict.fromkeys(remark for _, _, remark in found if remark)
    # Without the parameter Google's stylesheet says nothing, which is `auto` (CSS Fonts 4 §4.8).
    display = dict(options).get("display", "auto")
    changed = [] if display == "swap" else [_DISPLAY.format(display)]
    changed += [_EFFECT.format(value) for key, value in options if key == "effect"]
    files = dict.fromkeys(file for family, faces, _ in found for file in _files(family, faces))
    return Mapped(GOOGLE_FONTS, tuple(files), "; ".join([*remarks, *changed]))


def bunny(path: str, query: str = "") -> Mapped | Unmapped:
    """Read an address of Bunny Fonts, which are Google's but for the spelling of their names.

    >>> bunny("css", "family=open-sans:400,700i").files[0].name
    '@fontsource/open-sans'
    """
    found = google_fonts(path, query.replace("-", "+"))
    if isinstance(found, Unmapped):
        return Unmapped(BUNNY, found.reason)
    return Mapped(BUNNY, found.files, found.remark)


def gstatic(_path: str, _query: str = "") -> Mapped | Unmapped:
    """Read the address of a font file, whose name says nothing."""
    return Unmapped(GOOGLE_FONTS, "the address of a font file does not say which font it is")


def _families(value: str) -> Iterator[_Found]:
    """Read the families of version 1: `Roboto:400,700i|Inter`."""
    for one in value.split("|"):
        family, _, styles = one.partition(":")
        named = styles.partition(":")[0] or "400"
        yield _name(family), tuple(_style(style.strip()) for style in named.split(",")), ""


def _style(text: str) -> Face:
    found = _STYLE.fullmatch(text)
    weight = found["weight"].lower() if found else text
    if not found or not (weight.isdecimal() or weight in _NAMED):
        raise _UnmappableError(f"the style {text} is not known")
    return int(weight) if weight.isdecimal() else _NAMED[weight], bool(found["italic"])


def _family(value: str) -> Iterator[_Found]:
    """Read a family of version 2: `Inter:ital,wght@0,400;1,700`, where a weight may be a range `100..900`."""
    family, _, rest = value.partition(":")
    axes, _, tuples = rest.partition("@")
    names = axes.split(",") if axes else []
    if not rest:
        yield _name(family), ((400, False),), ""
        return
    if other := [name for name in names if name not in ("ital", "opsz", "wght")]:
        raise _UnmappableError(f"the files of its package have no axis {other[0]}")
    if not tuples:
        # `:ital` alone asks for both slopes of the regular weight.
        yield _name(family), ((400, False), (400, True)) if names == ["ital"] else ((400, False),), ""
        return
    listed = [dict(zip(names, one.split(","), strict=False)) for one in tuples.split(";")]
    faces = [face for values in listed for face in _faces(values)]
    ranges = dict.fromkeys(values["wght"] for values in listed if ".." in values.get("wght", ""))
    optical = [_OPTICAL] if "opsz" in names else []
    yield _name(family), tuple(faces), "; ".join([*(_RANGE.format(one) for one in ranges), *optical])


def _faces(values: dict[str, str]) -> Iterator[Face]:
    slopes = [slope == "1" for slope in values.get("ital", "0").split("..")]
    return product(_weights(values.get("wght", "400")), dict.fromkeys(slopes))


def _weights(text: str) -> tuple[int, ...]:
    ends = text.split("..")
    if len(ends) > 2 or not all(re.fullmatch(r"[0-9]{1,4}", end) for end in ends):
        raise _UnmappableError(f"the weight {text} is not known")
    weights = tuple(weight for weight in _WEIGHTS if int(ends[0]) <= weight <= int(ends[-1]))
    if not weights:
        raise _UnmappableError(f"the files of its package have no weight {text}")
    return weights


def _name(text: str) -> str:
    name = text.strip().replace("+", " ")
    if not _FAMILY.fullmatch(name):
        raise _UnmappableError("the family's name is not known")
    if name.startswith(("Material Icons", "Material Symbols")):
        raise _UnmappableError("Google's stylesheet of icons has classes that npm's does not")
    return name


def _files(family: str, faces: tuple[Face, ...]) -> Iterator[PackageFile]:
    package = f"@fontsource/{family.lower().replace(' ', '-')}"
    for weight, italic in faces:
        yield PackageFile(package, "", (f"{weight}{'-italic' * italic}.css",), family=family)


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


def static_google(path: str, _query: str = "") -> Mapped | Unmapped:
    """Read an address of www.gstatic.com, which has Firebase beside other things."""
    found = _FIREBASE.fullmatch(path)
    if not found:
        return Unmapped(STATIC, "it belongs to a service of Google's, which can't be hosted elsewhere")
    version, major, file = found.group("version", "major", "file")
    if int(major) >= _BY_MODULES and not file.endswith("-compat.js"):
        return Unmapped(STATIC, "Firebase's modules import each other from this host; build them into your own")
    return Mapped(STATIC, (PackageFile("firebase", version, (file,)),))

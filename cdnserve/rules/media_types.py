"""Media types (RFC 9110 §8.3, RFC 9239, Fetch destinations): what a logical path's ending says.

The octets have a word in it too, by the form that they were seen to have.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Literal

UNKNOWN = "application/octet-stream"
BARE = "."
"""What stands for the ending of a name that has none: its octets say whether it is text."""
# The forms of octets that are UTF-8.
_UTF_8 = ("text", "utf-8")

# Where a type is registered it is that one (IANA media types). Code and templates that no browser knows are plain text.
_TEXT = {
    "text/javascript": "js mjs cjs",
    "text/css": "css",
    "text/html": "html htm",
    "text/plain": "txt text log ts mts cts tsx jsx flow vue svelte astro scss sass less styl coffee ls"
    " hbs handlebars mustache ejs pug jade njk liquid twig tmpl tpl"
    " glsl vert frag geom comp tesc tese vsh fsh hlsl metal srt ass ssa lrc"
    " graphql gql proto diff patch ini conf cfg properties po pot rst adoc tex bib"
    " sh bash ps1 py rb rs go java kt c h cpp hpp cs swift lua wat",
    "text/wgsl": "wgsl",
    "text/markdown": "md markdown mdx",
    "text/csv": "csv",
    "text/tab-separated-values": "tsv",
    "text/calendar": "ics ifb",
    "text/vcard": "vcf vcard",
    "text/turtle": "ttl",
    "text/n3": "n3",
    "text/vtt": "vtt",
    "text/cache-manifest": "appcache",
    "text/xml": "xml xsl xslt xsd rng opml",
}
# Text by nature, worth a content coding, but without a charset parameter in their registration.
_TEXT_LIKE = {
    "application/json": "json map topojson har",
    "application/json5": "json5",
    "application/jsonl": "jsonl",
    "application/x-ndjson": "ndjson",
    "application/manifest+json": "webmanifest",
    "application/ld+json": "jsonld",
    "application/geo+json": "geojson",
    "application/toml": "toml",
    "application/yaml": "yaml yml",
    "application/sql": "sql",
    "application/n-triples": "nt",
    "application/n-quads": "nq",
    "application/xml-dtd": "dtd",
    "application/rtf": "rtf",
    "application/wasm": "wasm",
    "application/vnd.apple.mpegurl": "m3u8",
    "application/vnd.ms-fontobject": "eot",
    "font/ttf": "ttf",
    "font/otf": "otf",
    "font/collection": "ttc",
    "image/bmp": "bmp",
    "image/x-icon": "ico cur",
    "model/gltf+json": "gltf",
    "model/obj": "obj",
    "model/mtl": "mtl",
    "model/stl": "stl",
    "model/step": "step stp",
    "model/vnd.usda": "usda",
    "application/x-protobuf": "pbf",
    "application/vnd.mapbox-vector-tile": "mvt",
    "application/x-tar": "tar",
}
# XML has a charset parameter, which outranks its own declaration (RFC 7303 §3).
_XML_LIKE = {
    "image/svg+xml": "svg svgz",
    "application/xhtml+xml": "xhtml xht",
    "application/rss+xml": "rss",
    "application/atom+xml": "atom",
    "application/rdf+xml": "rdf",
    "application/mathml+xml": "mathml mml",
    "application/dash+xml": "mpd",
    "application/ttml+xml": "ttml",
    "application/xliff+xml": "xlf",
    "application/vnd.google-earth.kml+xml": "kml",
    "application/gml+xml": "gml",
    "application/gpx+xml": "gpx",
    "application/vnd.citationstyles.style+xml": "csl",
    "model/x3d+xml": "x3d",
    "model/vnd.collada+xml": "dae",
}
_BINARY = {
    "font/woff": "woff",
    "font/woff2": "woff2",
    "image/png": "png",
    "image/apng": "apng",
    "image/jpeg": "jpg jpeg jfif",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/avif": "avif",
    "image/jxl": "jxl",
    "image/jp2": "jp2",
    "image/heic": "heic",
    "image/heif": "heif",
    "image/tiff": "tif tiff",
    "image/ktx": "ktx",
    "image/ktx2": "ktx2",
    "image/aces": "exr",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg oga opus spx",
    "audio/wav": "wav",
    "audio/mp4": "m4a m4b",
    "audio/aac": "aac",
    "audio/flac": "flac",
    "audio/webm": "weba",
    "audio/matroska": "mka",
    "audio/midi": "mid midi",
    "audio/aiff": "aif aiff",
    "audio/mpegurl": "m3u",
    "video/mp4": "mp4 m4v",
    "video/webm": "webm",
    "video/ogg": "ogv",
    "video/quicktime": "mov qt",
    "video/matroska": "mkv",
    "video/mpeg": "mpg mpeg",
    "video/3gpp": "3gp",
    "video/3gpp2": "3g2",
    "video/iso.segment": "m4s",
    "video/x-msvideo": "avi",
    "application/ogg": "ogx",
    "application/pdf": "pdf",
    "application/epub+zip": "epub",
    "application/zip": "zip",
    "application/gzip": "gz tgz",
    "application/zstd": "zst",
    "application/x-bzip2": "bz2",
    "application/x-xz": "xz",
    "application/x-7z-compressed": "7z",
    "application/vnd.rar": "rar",
    "application/java-archive": "jar",
    "application/vnd.google-earth.kmz": "kmz",
    "model/gltf-binary": "glb",
    "model/3mf": "3mf",
    "model/vnd.usdz+zip": "usdz",
}


def _by_ending(table: dict[str, str]) -> dict[str, str]:
    return {ending: media_type for media_type, endings in table.items() for ending in endings.split()}


_CODABLE = MappingProxyType(_by_ending(_TEXT) | _by_ending(_XML_LIKE) | _by_ending(_TEXT_LIKE))
_TYPES = MappingProxyType(_CODABLE | _by_ending(_BINARY))
# Formats that are stored under gzip while their type is that of what is inside (SVG 2, Appendix "Media Type
# Registration"; vector tiles). A .gz, .tgz or .js.gz is the coded file itself: whoever asks for it wants that.
_CODED_BY_NATURE = frozenset({"svgz", "mvt", "pbf"})
# Files of a package that are text by custom, whatever their octets: LICENSE, LICENSE-MIT, LICENSE.BSD.
_TEXT_NAME = re.compile(r"(?:licen[cs]e|copying|notice|readme|change(?:s|log)|authors)(?:[-.][a-z0-9.-]*)?")

_DESTINATIONS = MappingProxyType(
    {"text/javascript": "script", "text/css": "style", "font": "font", "image": "image", "audio": "audio"}
    | {"video": "video", "text/vtt": "track", "application/json": "json", "text/html": "document"}
)


def _ending(path: str) -> tuple[str, str]:
    name = path.rpartition("/")[2].lower()
    return name, name.rpartition(".")[2] if "." in name else ""


def type_ending(path: str) -> str:
    """Return all that a path says of the type: its ending if that is known, else one that stands for its name.

    A name that is text by custom says `txt`. One without a dot says `BARE`, any other that says nothing `""`.

    >>> type_ending("a/b.min.JS"), type_ending("LICENSE-MIT"), type_ending("a.b/NEWS"), type_ending("a.unknown")
    ('js', 'txt', '.', '')
    """
    name, ending = _ending(path)
    if ending in _TYPES:
        return ending
    if _TEXT_NAME.fullmatch(name):
        return "txt"
    return BARE if name and "." not in name else ""


def media_type(path: str, form: str | None = None, *, declared: bool = False) -> str:
    """Return the Content-Type of a logical path, whose octets have a form; one of text has `charset=utf-8` if they are.

    Without a form nobody has looked at the octets, and UTF-8 is taken for granted. `declared` says that they declare
    another encoding, which a charset would overrule in XML, HTML and CSS.

    >>> media_type("demo/1.0.0/greet.js"), media_type("a.woff2"), media_type("x.unknown")
    ('text/javascript; charset=utf-8', 'font/woff2', 'application/octet-stream')
    >>> media_type("a.svg", "other"), media_type("a.svg", "text", declared=True), media_type("NEWS", "text")
    ('image/svg+xml', 'image/svg+xml', 'text/plain; charset=utf-8')
    """
    kind = essence(path, form)
    is_utf8 = form in (None, *_UTF_8) and not (declared and _may_declare(kind))
    return f"{kind}; charset=utf-8" if is_utf8 and _has_charset(kind) else kind


def lacks_charset(path: str, form: str | None, *, declared: bool) -> bool:
    """Return whether octets say nowhere in which encoding they are, though their type needs one.

    >>> lacks_charset("a.js", "other", declared=True), lacks_charset("a.xml", "other", declared=True)
    (True, False)
    """
    kind = essence(path, form)
    if form in (None, *_UTF_8) or not _has_charset(kind) or coding_by_nature(path, form):
        return False
    return not (declared and _may_declare(kind))


def essence(path: str, form: str | None = None) -> str:
    """Return the media type of a logical path without parameters (MIME Sniffing §4.1).

    >>> essence("a.css"), essence("a.ts"), essence("a.ts", "mpeg")
    ('text/css', 'text/plain', 'video/mp2t')
    """
    ending = type_ending(path)
    if ending == "ts" and form == "mpeg":
        return "video/mp2t"
    if ending == BARE and form == "text":
        return "text/plain"
    return _TYPES.get(ending, UNKNOWN)


def is_text(path: str, form: str | None = None) -> bool:
    """Return whether a content coding is likely to make the content smaller."""
    if form in ("gzip", "mpeg"):
        return False
    return _ending(path)[1] in _CODABLE or essence(path, form) == "text/plain"


def coding_by_nature(path: str, form: str | None) -> Literal["gzip"] | None:
    """Return the content coding under which the file itself is stored, `None` for most.

    >>> coding_by_nature("a.svgz", "gzip"), coding_by_nature("a.svgz", "text"), coding_by_nature("a.js.gz", "gzip")
    ('gzip', None, None)
    """
    return "gzip" if form == "gzip" and _ending(path)[1] in _CODED_BY_NATURE else None


def _has_charset(kind: str) -> bool:
    return kind.startswith("text/") or kind.endswith("+xml")


def _may_declare(kind: str) -> bool:
    return kind in ("text/html", "text/css", "text/xml") or kind.endswith("+xml")


def is_document(path: str) -> bool:
    """Return whether a browser would run it as a page of this host: HTML, SVG and every other XML."""
    kind = essence(path)
    return kind in ("text/html", "text/xml", "application/xml") or kind.endswith("+xml")


def destination(path: str) -> str:
    """Return the Fetch destination that usually asks for such a file, `""` where there is none.

    >>> destination("a.mjs"), destination("f.woff2"), destination("a.wasm")
    ('script', 'font', '')
    """
    kind = essence(path)
    return _DESTINATIONS.get(kind) or _DESTINATIONS.get(kind.partition("/")[0], "")

"""Media types (RFC 9110 §8.3, RFC 9239, Fetch destinations): what a logical path's ending says.

Never asks the host's table: the same file has the same type on every machine.
"""

from __future__ import annotations

import re
from types import MappingProxyType

UNKNOWN = "application/octet-stream"

_TEXT = {
    "text/javascript": ("js", "mjs", "cjs"),
    "text/css": ("css",),
    "text/html": ("html", "htm"),
    "text/plain": ("txt", "text", "ts", "mts", "cts", "tsx", "jsx", "scss", "sass", "less", "styl", "coffee", "log"),
    "text/markdown": ("md", "markdown"),
    "text/csv": ("csv",),
    "text/vtt": ("vtt",),
    "text/xml": ("xml", "xsl", "xslt"),
}
# Text by nature, worth a content coding, but without a charset parameter in their registration.
_TEXT_LIKE = {
    "application/json": ("json", "map"),
    "application/manifest+json": ("webmanifest",),
    "application/ld+json": ("jsonld",),
    "application/geo+json": ("geojson",),
    "application/toml": ("toml",),
    "application/yaml": ("yaml", "yml"),
    "application/wasm": ("wasm",),
    "application/vnd.ms-fontobject": ("eot",),
    "font/ttf": ("ttf",),
    "font/otf": ("otf",),
    "font/collection": ("ttc",),
    "image/bmp": ("bmp",),
    "image/x-icon": ("ico", "cur"),
    "model/gltf+json": ("gltf",),
    "application/x-tar": ("tar",),
}
# XML has its own charset parameter (RFC 7303 §3), and ours is always UTF-8.
_XML_LIKE = {
    "image/svg+xml": ("svg",),
    "application/xhtml+xml": ("xhtml", "xht"),
    "application/rss+xml": ("rss",),
    "application/atom+xml": ("atom",),
}
_BINARY = {
    "font/woff": ("woff",),
    "font/woff2": ("woff2",),
    "image/png": ("png",),
    "image/apng": ("apng",),
    "image/jpeg": ("jpg", "jpeg"),
    "image/gif": ("gif",),
    "image/webp": ("webp",),
    "image/avif": ("avif",),
    "image/jxl": ("jxl",),
    "audio/mpeg": ("mp3",),
    "audio/ogg": ("ogg", "oga", "opus"),
    "audio/wav": ("wav",),
    "audio/mp4": ("m4a",),
    "video/mp4": ("mp4", "m4v"),
    "video/webm": ("webm",),
    "application/pdf": ("pdf",),
    "application/zip": ("zip",),
    "application/gzip": ("gz", "tgz"),
    "application/zstd": ("zst",),
    "model/gltf-binary": ("glb",),
}


def _by_ending(table: dict[str, tuple[str, ...]], suffix: str = "") -> dict[str, str]:
    return {ending: media_type + suffix for media_type, endings in table.items() for ending in endings}


_CODABLE = MappingProxyType(
    _by_ending(_TEXT, "; charset=utf-8") | _by_ending(_XML_LIKE, "; charset=utf-8") | _by_ending(_TEXT_LIKE)
)
_TYPES = MappingProxyType(_CODABLE | _by_ending(_BINARY))
# Files of a package that are text by custom: LICENSE, LICENSE-MIT, LICENSE.BSD.
_TEXT_NAME = re.compile(r"(?:licen[cs]e|copying|notice|readme|change(?:s|log)|authors)(?:[-.][a-z0-9.-]*)?")

_DESTINATIONS = MappingProxyType(
    {"text/javascript": "script", "text/css": "style", "font": "font", "image": "image", "audio": "audio"}
    | {"video": "video", "text/vtt": "track", "application/json": "json", "text/html": "document"}
)


def _ending(path: str) -> tuple[str, str]:
    name = path.rpartition("/")[2].lower()
    return name, name.rpartition(".")[2] if "." in name else ""


def media_type(path: str) -> str:
    """Give the Content-Type of a logical path; text types carry `charset=utf-8`.

    >>> media_type("demo/1.0.0/greet.js"), media_type("a.woff2"), media_type("x.unknown")
    ('text/javascript; charset=utf-8', 'font/woff2', 'application/octet-stream')
    """
    name, ending = _ending(path)
    return _TYPES.get(ending) or ("text/plain; charset=utf-8" if _TEXT_NAME.fullmatch(name) else UNKNOWN)


def essence(path: str) -> str:
    """Give the media type of a logical path without parameters (MIME Sniffing §4.1).

    >>> essence("a.css")
    'text/css'
    """
    return media_type(path).partition(";")[0]


def is_text(path: str) -> bool:
    """Tell whether a content coding is likely to make the content smaller."""
    name, ending = _ending(path)
    return ending in _CODABLE or (ending not in _TYPES and _TEXT_NAME.fullmatch(name) is not None)


def is_document(path: str) -> bool:
    """Tell whether a browser would run it as a page of this host: HTML, SVG and every other XML."""
    kind = essence(path)
    return kind in ("text/html", "text/xml", "application/xml") or kind.endswith("+xml")


def destination(path: str) -> str:
    """Give the Fetch destination that usually asks for such a file, `""` where there is none.

    >>> destination("a.mjs"), destination("f.woff2"), destination("a.wasm")
    ('script', 'font', '')
    """
    kind = essence(path)
    return _DESTINATIONS.get(kind) or _DESTINATIONS.get(kind.partition("/")[0], "")

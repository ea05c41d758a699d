"""Kinds (Fetch destinations, HTML script types): what a page would use a file as.

Never decides whether a file is safe to run: a kind only picks the element.
"""

from __future__ import annotations

from typing import Literal

from cdnserve.snippets.modules import looks_like_module

Kind = Literal["script", "module", "style", "font", "image", "audio", "video", "track", "json", "map", ""]

_ECMASCRIPT = ("ecmascript", "javascript", "x-ecmascript", "x-javascript")
# MIME Sniffing §4.6, "JavaScript MIME type".
JAVASCRIPT = frozenset(
    (
        *(f"{top}/{sub}" for top in ("application", "text") for sub in _ECMASCRIPT),
        *(f"text/javascript1.{number}" for number in range(6)),
        *("text/jscript", "text/livescript"),
    )
)
"""The essences that browsers take for JavaScript."""
_FONTS = ("font/", "application/font-", "application/x-font-", "application/vnd.ms-fontobject")


def kind_of(path: str, media_type: str, source: str = "", *, module: bool | None = None) -> Kind:
    """Tell what a page would use a file as, by its media type, its name and, for JavaScript, its source.

    JavaScript is a module when `module` says so, else when its name ends in `.mjs`, else when its source
    shows `import` or `export`.

    >>> kind_of("a.mjs", "text/javascript; charset=utf-8"), kind_of("f.woff2", "font/woff2")
    ('module', 'font')
    """
    essence = media_type.partition(";")[0].strip().lower()
    if essence in JAVASCRIPT:
        return "module" if _is_module(path, source, module) else "script"
    if path.endswith(".map"):
        return "map"
    return _by_essence(essence)


def _is_module(path: str, source: str, module: bool | None) -> bool:
    return module if module is not None else path.endswith(".mjs") or looks_like_module(source)


def _by_essence(essence: str) -> Kind:
    exact: dict[str, Kind] = {"text/css": "style", "text/vtt": "track", "application/json": "json", "text/json": "json"}
    families: dict[str, Kind] = {"image": "image", "audio": "audio", "video": "video"}
    if essence.startswith(_FONTS):
        return "font"
    if essence.endswith("+json"):
        return "json"
    return exact.get(essence) or families.get(essence.partition("/")[0], "")

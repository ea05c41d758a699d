"""Tags (HTML Standard §13.1.2) with the place of every part; the code of templates; what a page uses a file as."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from types import MappingProxyType
from typing import Literal

from cdnserve.modules.imports import looks_like_module

NEWLINE = re.compile(r"\r\n?|\n")
Span = tuple[int, int]
"""Where something begins and ends in the page's text, in characters."""
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

ScriptType = Literal["script", "module", "importmap", ""]
_SCRIPT_TYPES: Mapping[str, ScriptType] = MappingProxyType(
    {"": "script", "module": "module", "importmap": "importmap", **dict.fromkeys(JAVASCRIPT, "script")}
)


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute; `name` is in lower case, `value` is decoded, `""` where there is none.

    `value_span` includes the quotes, and is `None` where no value is written; `quote` is `'"'`, `"'"` or `""`.
    """

    name: str
    value: str
    name_span: Span
    value_span: Span | None
    quote: str


@dataclass(frozen=True, slots=True)
class Tag:
    """One start tag: `text` is the page's from `start` to `end`; line and column count from 1.

    `name` is that of an HTML element, or `svg:script`. `content` is what a script's end tag closes. An `inert` tag
    lies in a template: nothing is loaded until a script copies it into the page.
    """

    name: str
    start: int
    end: int
    line: int
    column: int
    attributes: tuple[Attribute, ...]
    text: str
    content: Span | None = None
    inert: bool = False

    def attribute(self, name: str) -> Attribute | None:
        """Return the attribute that counts: of several with one name the first."""
        return next((attribute for attribute in self.attributes if attribute.name == name), None)

    def value(self, name: str) -> str | None:
        """Return an attribute's value, `None` where there is no such attribute."""
        found = self.attribute(name)
        return None if found is None else found.value

    @property
    def script_type(self) -> ScriptType:
        """What browsers take a script element for, `""` for a data block and for other elements."""
        # HTML §4.12.1.1, "prepare the script element": an empty type, or none and no language, is JavaScript.
        written, language = self.value("type"), self.value("language")
        kind = (written if written is not None else f"text/{language}" if language else "").strip().lower()
        return _SCRIPT_TYPES.get(kind, "") if self.name == "script" else ""

    @property
    def is_import_map(self) -> bool:
        """Return whether this is a script element with an import map in it."""
        return self.script_type == "importmap"

    @property
    def is_module(self) -> bool:
        """Return whether this is a script element with a module in it, or one that loads a module."""
        return self.script_type == "module"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a page's text, such as an address in an import map; line and column count from 1."""

    start: int
    line: int
    column: int
    text: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page's text and its `script`, `link` and `base` tags and policies (`meta`), in the order of the text.

    `code` are the places of a template's own code. A template without an `html` element `is_part` of a page.
    """

    text: str
    tags: tuple[Tag, ...]
    lines: Lines
    code: tuple[Span, ...] = ()
    is_part: bool = False

    def content(self, tag: Tag) -> str:
        """Return the text inside a script element, `""` where it has none or is never closed."""
        return "" if tag.content is None else self.text[slice(*tag.content)]

    def line(self, offset: int) -> int:
        """Return the line of an offset, from 1."""
        return self.lines.place(offset)[0]


class Lines:
    """The lines of a text, found once."""

    def __init__(self, text: str) -> None:
        self._begins = [0, *(newline.end() for newline in NEWLINE.finditer(text))]

    def place(self, offset: int) -> tuple[int, int]:
        r"""Return line and column of an offset, both from 1.

        >>> [Lines("a\r\nbc").place(offset) for offset in (0, 1, 4)]
        [(1, 1), (1, 2), (2, 2)]
        """
        line = bisect_right(self._begins, offset)
        return line, offset - self._begins[line - 1] + 1


def is_module(tag: Tag) -> bool:
    """Return whether a tag loads or holds a module."""
    if tag.inert:
        return False
    if tag.name == "link":
        return "modulepreload" in (tag.value("rel") or "").lower().split()
    return tag.is_module


def with_attributes(tag: Tag, values: Mapping[str, str]) -> str:
    r"""Return the tag's text with these attributes; new ones come last.

    >>> from cdnserve.markup.parser import scan
    >>> with_attributes(scan("<link  href=a rel='x' />").tags[0], {"href": "b&c", "crossorigin": "anonymous"})
    '<link  href="b&amp;c" rel=\'x\' crossorigin="anonymous" />'
    """
    added = "".join(f' {name}="{escape(value)}"' for name, value in values.items() if not tag.attribute(name))
    end = _end(tag)
    changes = [(end, end, added), *(_change(tag, name, value) for name, value in values.items() if tag.attribute(name))]
    text = tag.text
    # From the right, so that no change moves another; what is added stands behind all.
    for start, stop, written in sorted(changes, key=lambda change: change[:2], reverse=True):
        text = text[: start - tag.start] + written + text[stop - tag.start :]
    return text


def _change(tag: Tag, name: str, value: str) -> tuple[int, int, str]:
    found = next(attribute for attribute in tag.attributes if attribute.name == name)
    if found.value_span is None:
        return found.name_span[1], found.name_span[1], f'="{escape(value)}"'
    quote = found.quote or '"'
    return *found.value_span, f"{quote}{escape(value)}{quote}"


def _end(tag: Tag) -> int:
    """Return where the last attribute ends, else the name."""
    if not tag.attributes:
        return tag.start + 1 + len(tag.name)
    last = tag.attributes[-1]
    return last.name_span[1] if last.value_span is None else last.value_span[1]


# What template languages write in the place of a value: Jinja, Liquid, Twig, Vue, ERB, PHP, JSP, JavaScript, Razor.
_EXPRESSION = re.compile(
    r"\{\{|\{%|\{!!|\{\$|<[%?]|[$#@]\{|\A\s*~/|@\(|@@|@(?:Url|Html|Model|Href|ViewBag|ViewData|Context)\b"
)
_LONGEST = 1000  # characters of an expression in braces, which stands on one line
_CLOSED: Mapping[str, str] = MappingProxyType({"<?": "?>", "<%": "%>", "{{": "}}", "{%": "%}", "{!!": "!!}"})
_OPENED = re.compile("|".join(map(re.escape, _CLOSED)))


def template_at(value: str) -> int | None:
    """Return where a template writes a part of a value, `None` where the whole value is known.

    >>> template_at("/static/{{ version }}/a.js"), template_at("/a.js")
    (8, None)
    """
    found = _EXPRESSION.search(value)
    return found.start() if found else None


def template_code(text: str) -> Iterator[Span]:
    """Yield the places of a template's code; what is never closed goes on to the end."""
    at = 0
    while found := _OPENED.search(text, at):
        closing, in_braces = _CLOSED[found[0]], found[0].startswith("{")
        end = text.find(closing, found.end(), found.end() + _LONGEST if in_braces else len(text))
        if in_braces and (end < 0 or NEWLINE.search(text, found.end(), end)):
            at = found.end()
            continue
        at = len(text) if end < 0 else end + len(closing)
        yield found.start(), at


Kind = Literal["script", "module", "style", "font", "image", "audio", "video", "track", "json", "map", ""]
_FONTS = ("font/", "application/font-", "application/x-font-", "application/vnd.ms-fontobject")


def kind_of(path: str, media_type: str, source: str = "", *, module: bool | None = None) -> Kind:
    """Return what a page would use a file as, by its media type, its name and, for JavaScript, its source.

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

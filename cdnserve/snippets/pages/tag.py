"""Tags (HTML Standard §13.1.2): start tags as they stand in a page, with the place of every part.

Never holds a tag that a browser makes no element of: what stands in a comment or a script is text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from cdnserve.snippets.kinds import JAVASCRIPT
from cdnserve.snippets.pages.lines import Lines

ScriptType = Literal["script", "module", "importmap", ""]
_SCRIPT_TYPES: Mapping[str, ScriptType] = MappingProxyType(
    {"": "script", "module": "module", "importmap": "importmap", **dict.fromkeys(JAVASCRIPT, "script")}
)

# What template languages write in the place of a value: Jinja, Liquid, Twig, Vue, ERB, PHP, JSP, JavaScript, Razor.
_EXPRESSION = re.compile(
    r"\{\{|\{%|\{!!|\{\$|<[%?]|[$#@]\{|\A\s*~/|@\(|@@|@(?:Url|Html|Model|Href|ViewBag|ViewData|Context)\b"
)

Span = tuple[int, int]
"""Where something begins and ends in the page's text, in characters."""


def template_at(value: str) -> int | None:
    """Give where a template writes a part of a value, `None` where the whole value is known.

    >>> template_at("/static/{{ version }}/a.js"), template_at("/a.js")
    (8, None)
    """
    found = _EXPRESSION.search(value)
    return found.start() if found else None


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
        """Give the attribute that counts: of several with one name the first."""
        return next((attribute for attribute in self.attributes if attribute.name == name), None)

    def value(self, name: str) -> str | None:
        """Give an attribute's value, `None` where there is no such attribute."""
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
        """Tell whether this is a script element with an import map in it."""
        return self.script_type == "importmap"

    @property
    def is_module(self) -> bool:
        """Tell whether this is a script element with a module in it, or one that loads a module."""
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
        """Give the text inside a script element, `""` where it has none or is never closed."""
        return "" if tag.content is None else self.text[slice(*tag.content)]

    def line(self, offset: int) -> int:
        """Give the line of an offset, from 1."""
        return self.lines.place(offset)[0]

"""Tags (HTML Standard §13.1.2): start tags as they stand in a page, with the place of every part.

Never holds a tag that a browser makes no element of: what stands in a comment or a script is text.
"""

from __future__ import annotations

from dataclasses import dataclass

Span = tuple[int, int]
"""Where something begins and ends in the page's text, in characters."""


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
    def is_import_map(self) -> bool:
        """Tell whether this is a script element with an import map in it."""
        return self.name == "script" and (self.value("type") or "").strip().lower() == "importmap"


@dataclass(frozen=True, slots=True)
class Page:
    """A page's text and its `script`, `link` and `base` tags and policies (`meta`), in the order of the text."""

    text: str
    tags: tuple[Tag, ...]

    def content(self, tag: Tag) -> str:
        """Give the text inside a script element, `""` where it has none or is never closed."""
        return "" if tag.content is None else self.text[slice(*tag.content)]

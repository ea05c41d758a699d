"""XML 1.0 as far as a CORS configuration needs it: elements and their text, namespaces looked through.

Never expands an entity, never reads a document type declaration, and never asks for anything outside of the text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.parsers import expat  # every declaration that could expand or fetch anything is refused

_DEEPEST = 8


class XmlError(Exception):
    """Says why the text is not taken."""


@dataclass(slots=True)
class Element:
    """An element by its local name, what is in it, and its own text."""

    name: str
    children: list[Element] = field(default_factory=list)
    text: str = ""


def parse_xml(data: bytes) -> Element:
    """Parse a document and give its outermost element; raise XmlError for what is refused or malformed."""
    document = Element("")
    stack = [document]

    def start(name: str, _: object) -> None:
        if len(stack) > _DEEPEST:
            raise XmlError("its elements lie too deep in each other")
        element = Element(name.rpartition(" ")[2])
        stack[-1].children.append(element)
        stack.append(element)

    def end(_: str) -> None:
        stack.pop()

    def text(characters: str) -> None:
        stack[-1].text += characters

    def refuse(*_: object) -> None:
        raise XmlError("it has a document type declaration")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    # Without a document type no entity can be declared, neither an internal one nor one to be fetched.
    parser.StartDoctypeDeclHandler = refuse
    parser.buffer_text = True
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise XmlError(f"it is not XML: {error}") from None
    return document.children[0]

"""Elements (HTML Standard §13.2.6): html5lib's tree construction without a tree, for what becomes an element.

Never keeps text, comments or elements that are closed: only the stack of open elements decides what a tag becomes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from html5lib.constants import namespaces
from html5lib.html5parser import HTMLParser
from html5lib.treebuilders.base import TreeBuilder

from cdnserve.snippets.pages.source import Source, TooComplexError
from cdnserve.snippets.pages.tag import Page, Tag
from cdnserve.snippets.pages.tokens import Tokenizer

_DEEPEST = 512  # as deep as Chromium nests elements
_CREATION = 1600
_IMPLIED = frozenset(("dd", "dt", "li", "option", "optgroup", "p", "rp", "rt"))
_MODES = {
    "td": "inCell",
    "th": "inCell",
    "tr": "inRow",
    "tbody": "inTableBody",
    "thead": "inTableBody",
    "tfoot": "inTableBody",
    "caption": "inCaption",
    "colgroup": "inColumnGroup",
    "table": "inTable",
}


class Node:
    """An element that knows its name and its parent."""

    def __init__(self, name: str = "", namespace: str | None = None) -> None:
        self.name = name
        self.namespace = namespace
        self.nameTuple = (namespace or namespaces["html"], name)  # html5lib's name
        self.attributes: dict[Any, str] = {}
        self.parent: Node | None = None

    def appendChild(self, node: Node) -> None:  # noqa: N802 # html5lib's name
        """Become the parent of a node."""
        node.parent = self

    def insertBefore(self, node: Node, _: Node) -> None:  # noqa: N802
        """Become the parent of a node."""
        node.parent = self

    def removeChild(self, node: Node) -> None:  # noqa: N802
        """Lose a child."""
        node.parent = None

    def reparentChildren(self, node: Node) -> None:  # noqa: N802
        """Give the children, which nobody knows, to another node."""

    def cloneNode(self) -> Node:  # noqa: N802
        """Give an element with the same name and attributes."""
        clone = Node(self.name, self.namespace)
        clone.attributes = dict(self.attributes)
        return clone

    def hasContent(self) -> bool:  # noqa: N802
        """Tell that there may be text."""
        return True


class Stack(TreeBuilder):
    """The open elements, and the tags that became elements."""

    documentClass = elementClass = commentClass = fragmentClass = Node  # noqa: N815 # html5lib's names
    openElements: list[Node]  # noqa: N815

    def __init__(self, namespace_elements: bool | None) -> None:
        self.tags: list[Tag] = []
        self.spend: Callable[[int], None] = lambda _: None
        super().__init__(namespace_elements)

    def createElement(self, token: Any) -> Node:  # noqa: ANN401, N802
        """Create an element, and note its tag."""
        self._note(token)
        element = Node(token["name"], token.get("namespace", self.defaultNamespace))
        element.attributes = token["data"]
        return element

    def insertElementNormal(self, token: Any) -> Node:  # noqa: ANN401, N802
        """Open an element."""
        element = self.createElement(token)
        self.openElements[-1].appendChild(element)
        self.openElements.append(element)
        return element

    def _note(self, token: Any) -> None:  # noqa: ANN401
        depth = len(self.openElements)
        if depth > _DEEPEST:
            raise TooComplexError
        self.spend(_CREATION + 100 * depth)
        tag, namespace = token.pop("tag", None), token.get("namespace", self.defaultNamespace)
        if tag and namespace == self.defaultNamespace:
            self.tags.append(replace(tag, inert=self.template() is not None))
        elif tag and tag.name == "script" and namespace == namespaces["svg"]:
            self.tags.append(replace(tag, name="svg:script", inert=self.template() is not None))

    def template(self) -> int | None:
        """Give the place of the innermost open template, `None` where none is open."""
        places = reversed(range(len(self.openElements)))
        return next((at for at in places if self.openElements[at].nameTuple == (namespaces["html"], "template")), None)

    def generateImpliedEndTags(self, exclude: str | None = None) -> None:  # noqa: N802
        """Close what needs no end tag; html5lib does it by recursion."""
        while self.openElements[-1].name in _IMPLIED and self.openElements[-1].name != exclude:
            self.openElements.pop()

    def insertText(self, data: str, parent: Any = None) -> None:  # noqa: ANN401, N802
        """Forget text."""

    def insertComment(self, token: Any, parent: Any = None) -> None:  # noqa: ANN401, N802
        """Forget a comment."""

    def insertDoctype(self, token: Any) -> None:  # noqa: ANN401, N802
        """Forget the document type."""


class Parser(HTMLParser):
    """html5lib's parser, brought up to today's standard: templates, and selects that hold more than options."""

    def __init__(self) -> None:
        super().__init__(Stack)
        # The standard has no insertion modes of their own for a select any more.
        self.phases |= dict.fromkeys(("inSelect", "inSelectInTable"), self.phases["inBody"])

    def read(self, text: str, *, scripting: bool) -> Page:
        """Read a page as a browser with or without scripting does; raise `TooComplexError`."""
        source = Source(text)
        self.innerHTMLMode, self.container, self.scripting = False, "div", scripting  # html5lib's names
        tokenizer = Tokenizer(source, self)
        self.tokenizer = tokenizer
        self.tree.spend = tokenizer.spend
        self.reset()
        self.mainLoop()
        return Page(text, tuple(self.tree.tags), source.lines)

    def parseError(self, errorcode: str = "", datavars: Any = None) -> None:  # noqa: ANN401, N802
        """Forget what browsers forgive."""

    def ended(self, name: str) -> bool:
        """Hear of an end tag; tell whether nothing more is to be done about it."""
        if name == "script" and self.phase is self.phases["text"]:
            self._end_script()
        if name in ("p", "br"):
            self._break_out()
        return name == "template" and self._end_template()

    def _end_script(self) -> None:
        tokenizer: Any = self.tokenizer
        tag = self.tree.tags[-1]
        self.tree.tags[-1] = replace(tag, content=(tag.end, tokenizer.stream.place(tokenizer.end_tag)))

    def _break_out(self) -> None:
        # HTML §13.2.6.5: in foreign content `</br>` and `</p>` do as `<br>` and `<p>` do; html5lib is older.
        elements = self.tree.openElements
        while elements and elements[-1].namespace != self.tree.defaultNamespace:
            if self.isMathMLTextIntegrationPoint(elements[-1]) or self.isHTMLIntegrationPoint(elements[-1]):
                break
            elements.pop()

    def _end_template(self) -> bool:
        at = self.tree.template()
        if at is None or self.phase is self.phases["text"]:
            return False
        del self.tree.openElements[at:]
        # "Reset the insertion mode appropriately", where html5lib's own method is for fragments only.
        names = [node.name for node in self.tree.openElements[::-1]]
        self.phase = self.phases[next((_MODES[name] for name in names if name in _MODES), "inBody")]
        return True

"""Scanning (HTML Standard §13.2): a page's text becomes the tags that a browser would make elements of.

The parser is html5lib; a page that it can't read in bounded time is refused.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

from html5lib._tokenizer import HTMLTokenizer
from html5lib.constants import namespaces, tokenTypes
from html5lib.html5parser import HTMLParser
from html5lib.treebuilders.base import TreeBuilder

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.markup.tag import NEWLINE, Attribute, Lines, Page, Tag, template_code

_BOM = "\ufeff"

LARGEST = 8 * 2**20  # characters
_BLANK = re.compile(r"[^\r\n]")
# A character that is in nobody's page.
_MASK = "\ufdd0"


class TooComplexError(Exception):
    """The page would take too long to read."""


def scan(text: str, *, scripting: bool = True, template: bool = False) -> Page:
    """Find the tags that load something or say how it is loaded; raise ConfigurationError for hostile pages.

    Without `scripting` what stands in `noscript` counts too, as it does where scripts are off. In a `template` its own
    code is no markup: `<?php … ?>` and `{{ a > b }}` end no tag.

    >>> [tag.value("src") for tag in scan("<!--<script src=a>--><script src='b'></script>").tags]
    ['b']
    """
    if len(text) > LARGEST:
        message = f"the page has more than {LARGEST:,} characters"
        raise ConfigurationError([Problem("page-too-large", message, hint="audit the pages that it is made of")])
    try:
        return _template(text, scripting=scripting) if template else Parser().read(text, scripting=scripting)
    except TooComplexError:
        message = "the page nests elements too deep, or has tags too long, to be read in bounded time"
    except (AssertionError, AttributeError, LookupError, TypeError, ValueError, RecursionError):
        message = "the page has markup that the HTML parser can't read"
    raise ConfigurationError([Problem("page-unreadable", message)])


def _template(text: str, *, scripting: bool) -> Page:
    """Scan a template: the parser sees blanks where its code is."""
    code = tuple(template_code(text))
    pieces, at = [], 0
    for start, end in code:
        pieces += [text[at:start], _BLANK.sub(_MASK, text[start:end])]
        at = end
    page = Parser().read("".join([*pieces, text[at:]]), scripting=scripting)
    is_part = "<html" not in text.lower()
    tags = tuple(_unmasked(tag, text) for tag in page.tags)
    return Page(text, tags, page.lines, code, is_part)


def _unmasked(tag: Tag, text: str) -> Tag:
    """Return a tag with the text and the values that the template has."""
    attributes = tuple(
        replace(one, value=text[slice(*one.value_span)].strip(one.quote or None))
        if one.value_span and _MASK in one.value
        else one
        for one in tag.attributes
    )
    return replace(tag, text=text[tag.start : tag.end], attributes=attributes)


class TokenizerInput:
    """The input stream as html5lib's tokenizer knows it, all of it in one piece."""

    charEncoding = (None, "certain")  # noqa: N815 # html5lib's name; a page's text is decoded before it comes here

    def __init__(self, text: str) -> None:
        self.page = text
        self.text = NEWLINE.sub("\n", text)
        self.errors: list[str] = []
        # "The byte order mark … is stripped": it is no character of the page.
        self.at = len(_BOM) if text.startswith(_BOM) else 0
        self.lines = Lines(text)
        # Each CRLF is one newline here: the k-th one stands k characters further on in the page.
        pairs = (newline.start() for newline in re.finditer("\r\n", text))
        self._pairs = [start - before for before, start in enumerate(pairs)]
        self._runs: dict[tuple[frozenset[str], bool], re.Pattern[str]] = {}

    def char(self) -> str | None:
        """Return the next character, `None` at the end."""
        if self.at >= len(self.text):
            return None
        self.at += 1
        return self.text[self.at - 1]

    def charsUntil(self, characters: Collection[str], opposite: bool = False) -> str:  # noqa: N802 # html5lib's name
        """Return all characters up to one of these (or the first that is none of these)."""
        key = (frozenset(characters), opposite)
        if key not in self._runs:
            listed = "".join(re.escape(character) for character in characters)
            self._runs[key] = re.compile(f"[{listed}]*" if opposite else f"[^{listed}]*")
        start = self.at
        run = self._runs[key].match(self.text, start)
        self.at = run.end() if run else start
        return self.text[start : self.at]

    def unget(self, char: str | None) -> None:
        """Take one character back."""
        self.at -= char is not None

    def position(self) -> tuple[int, int]:
        """Return no line and column: nobody reads html5lib's errors."""
        return (0, 0)

    def place(self, at: int) -> int:
        """Return the offset in the page of an offset in the normalized text."""
        return at + bisect_left(self._pairs, at)


_START, _END, _ERROR = (tokenTypes[name] for name in ("StartTag", "EndTag", "ParseError"))
_NAMES = frozenset(("script", "link", "base", "meta"))
# html5lib copies a token each time that it grows, compares each attribute with all before it, and looks through all
# open elements for most tags. What that costs is counted in characters copied, of which a second is good for about
# 10**10, so that a page made to be slow is refused before it is.
_ALLOWANCE = 30_000_000_000
_ALLOWANCE_PER_CHARACTER = 12_800
_COSTS = {_START: 800, _END: 3200}
_COST_OF_OTHERS = 100
_COST_OF_ATTRIBUTE = 1200
_COST_OF_END = 16  # per character of what may be the end tag of a script or a text: it is compared at each


@dataclass(slots=True)
class _Part:
    """Where an attribute stands, as far as it is known yet."""

    name: int
    name_end: int | None = None
    value: int | None = None
    value_end: int | None = None
    quote: str = ""


class Tokenizer(HTMLTokenizer):
    """Yields html5lib's tokens; a start tag of interest has a `Tag` as its `"tag"`."""

    stream: Any
    currentToken: Any  # noqa: N815

    def __init__(self, source: TokenizerInput, parser: Any) -> None:  # noqa: ANN401 # html5lib's types are nominal
        super().__init__("", parser=parser)
        self.stream = source
        self.end_tag = 0
        self.temporaryBuffer = ""  # html5lib's name
        self._begin = source.at
        self._parts: list[_Part] = []
        self._left = _ALLOWANCE + _ALLOWANCE_PER_CHARACTER * len(source.text)

    def __iter__(self) -> Iterator[Any]:
        """Yield token after token; raise `TooComplexError` when they take too long."""
        self.tokenQueue = deque()
        token_began = self.stream.at
        while self.state():
            self.spend(self.stream.at - token_began + _COST_OF_END * len(self.temporaryBuffer))
            while self.tokenQueue:
                token: Any = self.tokenQueue.popleft()
                if token["type"] == _ERROR:
                    continue  # also told in the middle of a token, and browsers forgive it
                token_began = self.stream.at
                self.spend(_COSTS.get(token["type"], _COST_OF_OTHERS) * len(self.parser.tree.openElements))
                if token["type"] != _END or not self.parser.ended(token["name"]):
                    yield token

    def spend(self, cost: int) -> None:
        """Count what reading the page has cost."""
        self._left -= cost
        if self._left < 0:
            raise TooComplexError

    def emitCurrentToken(self) -> None:  # noqa: N802 # html5lib's name
        """Add to a start tag of interest the places of its parts."""
        token = self.currentToken
        pairs = list(token["data"])
        super().emitCurrentToken()
        if token["type"] == _START and token["name"] in _NAMES:
            token["tag"] = self._tag(token["name"], pairs)

    def _tag(self, name: str, pairs: list[list[str]]) -> Tag:
        source: TokenizerInput = self.stream
        start, end = source.place(self._begin), source.place(source.at)
        attributes = [self._attribute(pair, part) for pair, part in zip(pairs, self._parts, strict=True)]
        text = source.page[start:end]
        return Tag(name, start, end, *source.lines.place(start), tuple(attributes), text)

    def _attribute(self, pair: list[str], part: _Part) -> Attribute:
        place, last = self.stream.place, self.stream.at - 1
        name_end = last if part.name_end is None else part.name_end
        value_end = last if part.value_end is None else part.value_end
        value_span = None if part.value is None else (place(part.value), place(value_end))
        return Attribute(pair[0], pair[1], (place(part.name), place(name_end)), value_span, part.quote)

    def tagOpenState(self) -> bool:  # noqa: N802
        """Note where a start tag begins."""
        began = self.stream.at - 1
        super().tagOpenState()
        if self.state == self.tagNameState:
            self._begin, self._parts = began, []
        return True

    def beforeAttributeNameState(self) -> bool:  # noqa: N802
        """Note where an attribute's name begins."""
        super().beforeAttributeNameState()
        return self._open()

    def afterAttributeNameState(self) -> bool:  # noqa: N802
        """Note where the next attribute's name begins."""
        super().afterAttributeNameState()
        return self._open()

    def _open(self) -> bool:
        if self.state == self.attributeNameState:
            self._parts.append(_Part(self.stream.at - 1))
            self.spend(_COST_OF_ATTRIBUTE * len(self._parts))
        return True

    def attributeNameState(self) -> bool:  # noqa: N802
        """Note where an attribute's name ends."""
        super().attributeNameState()
        if self.state != self.attributeNameState and self._parts and self._parts[-1].name_end is None:
            self._parts[-1].name_end = self.stream.at - 1
        return True

    def beforeAttributeValueState(self) -> bool:  # noqa: N802
        """Note where a value begins, and its quote."""
        began = self.stream.at
        super().beforeAttributeValueState()
        quotes = {"attributeValueDoubleQuotedState": '"', "attributeValueSingleQuotedState": "'"}
        state = self.state.__name__
        if self._parts and (state in quotes or state == "attributeValueUnQuotedState"):
            self._parts[-1].value, self._parts[-1].quote = began, quotes.get(state, "")
        return True

    def attributeValueDoubleQuotedState(self) -> bool:  # noqa: N802
        """Note where a value in double quotes ends."""
        super().attributeValueDoubleQuotedState()
        return self._close(self.stream.at)

    def attributeValueSingleQuotedState(self) -> bool:  # noqa: N802
        """Note where a value in single quotes ends."""
        super().attributeValueSingleQuotedState()
        return self._close(self.stream.at)

    def attributeValueUnQuotedState(self) -> bool:  # noqa: N802
        """Note where a value without quotes ends."""
        super().attributeValueUnQuotedState()
        return self._close(self.stream.at - 1)

    def _close(self, end: int) -> bool:
        ended = self.state in (self.afterAttributeValueState, self.beforeAttributeNameState)
        if ended and self._parts:
            self._parts[-1].value_end = end
        return True

    def scriptDataLessThanSignState(self) -> bool:  # noqa: N802
        """Note where a script's end tag may begin."""
        self.end_tag = self.stream.at - 1
        return super().scriptDataLessThanSignState()

    def scriptDataEscapedLessThanSignState(self) -> bool:  # noqa: N802
        """Note where a script's end tag may begin, after `<!--`."""
        self.end_tag = self.stream.at - 1
        return super().scriptDataEscapedLessThanSignState()


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


class ElementNode:
    """An element that knows its name and its parent."""

    def __init__(self, name: str = "", namespace: str | None = None) -> None:
        self.name = name
        self.namespace = namespace
        self.nameTuple = (namespace or namespaces["html"], name)  # html5lib's name
        self.attributes: dict[Any, str] = {}
        self.parent: ElementNode | None = None

    def appendChild(self, node: ElementNode) -> None:  # noqa: N802 # html5lib's name
        """Become the parent of a node."""
        node.parent = self

    def insertBefore(self, node: ElementNode, _: ElementNode) -> None:  # noqa: N802
        """Become the parent of a node."""
        node.parent = self

    def removeChild(self, node: ElementNode) -> None:  # noqa: N802
        """Lose a child."""
        node.parent = None

    def reparentChildren(self, node: ElementNode) -> None:  # noqa: N802
        """Do nothing: an element does not know its children."""

    def cloneNode(self) -> ElementNode:  # noqa: N802
        """Return an element with the same name and attributes."""
        clone = ElementNode(self.name, self.namespace)
        clone.attributes = dict(self.attributes)
        return clone

    def hasContent(self) -> bool:  # noqa: N802
        """Return that there may be text."""
        return True


class Stack(TreeBuilder):
    """The open elements, and the tags that became elements."""

    documentClass = elementClass = commentClass = fragmentClass = ElementNode  # noqa: N815 # html5lib's names
    openElements: list[ElementNode]  # noqa: N815

    def __init__(self, namespace_elements: bool | None) -> None:
        self.tags: list[Tag] = []
        self.spend: Callable[[int], None] = lambda _: None
        super().__init__(namespace_elements)

    def createElement(self, token: Any) -> ElementNode:  # noqa: ANN401, N802
        """Create an element, and note its tag."""
        self._note(token)
        element = ElementNode(token["name"], token.get("namespace", self.defaultNamespace))
        element.attributes = token["data"]
        return element

    def insertElementNormal(self, token: Any) -> ElementNode:  # noqa: ANN401, N802
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
        """Return the place of the innermost open template, `None` where none is open."""
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
        source = TokenizerInput(text)
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
        """Take note of an end tag; return whether nothing more is to be done about it."""
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

"""Tokens (HTML Standard §13.2.5): html5lib's tokenizer, which also says where each part of a start tag stands.

Never decides what a token is: every state is html5lib's own, only watched.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from html5lib._tokenizer import HTMLTokenizer
from html5lib.constants import tokenTypes

from cdnserve.snippets.pages.source import Source, TooComplexError
from cdnserve.snippets.pages.tag import Attribute, Tag

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
    """Gives html5lib's tokens; a start tag of interest has a `Tag` as its `"tag"`."""

    stream: Any
    currentToken: Any  # noqa: N815

    def __init__(self, source: Source, parser: Any) -> None:  # noqa: ANN401 # html5lib's types are nominal
        super().__init__("", parser=parser)
        self.stream = source
        self.end_tag = 0
        self.temporaryBuffer = ""  # html5lib's name
        self._begin = source.at
        self._parts: list[_Part] = []
        self._left = _ALLOWANCE + _ALLOWANCE_PER_CHARACTER * len(source.text)

    def __iter__(self) -> Iterator[Any]:
        """Give token after token; raise `TooComplexError` when they take too long."""
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
        source: Source = self.stream
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

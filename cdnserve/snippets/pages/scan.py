"""Scanning (HTML Standard §13.2): a page's text becomes the tags that a browser would make elements of.

Never guesses: the parser is html5lib, and a page that it can't read in bounded time is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.snippets.pages.lines import NEWLINE
from cdnserve.snippets.pages.source import TooComplexError
from cdnserve.snippets.pages.tag import Page, Span, Tag

LARGEST = 8 * 2**20  # characters
_LONGEST = 1000  # characters of an expression in braces, which stands on one line
_CLOSED: Mapping[str, str] = MappingProxyType({"<?": "?>", "<%": "%>", "{{": "}}", "{%": "%}", "{!!": "!!}"})
_OPENED = re.compile("|".join(map(re.escape, _CLOSED)))
_BLANK = re.compile(r"[^\r\n]")
# A character that is in nobody's page.
_MASK = "\ufdd0"


def scan(text: str, *, scripting: bool = True, template: bool = False) -> Page:
    """Find the tags that load something or say how it is loaded; raise ConfigurationError for hostile pages.

    Without `scripting` what stands in `noscript` counts too, as it does where scripts are off. In a `template` its own
    code is no markup: `<?php … ?>` and `{{ a > b }}` end no tag.

    >>> [tag.value("src") for tag in scan("<!--<script src=a>--><script src='b'></script>").tags]
    ['b']
    """
    from cdnserve.snippets.pages.elements import Parser  # noqa: PLC0415 # html5lib loads slowly

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
    from cdnserve.snippets.pages.elements import Parser  # noqa: PLC0415 # html5lib loads slowly

    code = tuple(_code(text))
    pieces, at = [], 0
    for start, end in code:
        pieces += [text[at:start], _BLANK.sub(_MASK, text[start:end])]
        at = end
    page = Parser().read("".join([*pieces, text[at:]]), scripting=scripting)
    is_part = "<html" not in text.lower()
    tags = tuple(_unmasked(tag, text) for tag in page.tags)
    return Page(text, tags, page.lines, code, is_part)


def _unmasked(tag: Tag, text: str) -> Tag:
    """Give a tag with the text and the values that the template has."""
    attributes = tuple(
        replace(one, value=text[slice(*one.value_span)].strip(one.quote or None))
        if one.value_span and _MASK in one.value
        else one
        for one in tag.attributes
    )
    return replace(tag, text=text[tag.start : tag.end], attributes=attributes)


def _code(text: str) -> Iterator[Span]:
    """Give the places of a template's code; what is never closed goes on to the end."""
    at = 0
    while found := _OPENED.search(text, at):
        closing, in_braces = _CLOSED[found[0]], found[0].startswith("{")
        end = text.find(closing, found.end(), found.end() + _LONGEST if in_braces else len(text))
        if in_braces and (end < 0 or NEWLINE.search(text, found.end(), end)):
            at = found.end()
            continue
        at = len(text) if end < 0 else end + len(closing)
        yield found.start(), at

"""Scanning (HTML Standard §13.2): a page's text becomes the tags that a browser would make elements of.

Never guesses: the parser is html5lib, and a page that it can't read in bounded time is refused.
"""

from __future__ import annotations

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.snippets.pages.source import TooComplexError
from cdnserve.snippets.pages.tag import Page

LARGEST = 8 * 2**20  # characters


def scan(text: str, *, scripting: bool = True) -> Page:
    """Find the tags that load something or say how it is loaded; raise ConfigurationError for hostile pages.

    Without `scripting` what stands in `noscript` counts too, as it does where scripts are off.

    >>> [tag.value("src") for tag in scan("<!--<script src=a>--><script src='b'></script>").tags]
    ['b']
    """
    from cdnserve.snippets.pages.elements import Parser  # noqa: PLC0415 # html5lib loads slowly

    if len(text) > LARGEST:
        message = f"the page has more than {LARGEST:,} characters"
        raise ConfigurationError([Problem("page-too-large", message, hint="audit the pages that it is made of")])
    try:
        return Parser().read(text, scripting=scripting)
    except TooComplexError:
        message = "the page nests elements too deep, or has tags too long, to be read in bounded time"
    except (AssertionError, AttributeError, LookupError, TypeError, ValueError, RecursionError):
        message = "the page has markup that the HTML parser can't read"
    raise ConfigurationError([Problem("page-unreadable", message)])

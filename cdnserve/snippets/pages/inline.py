"""Inline module scripts (HTML Standard §4.12.1, ECMAScript §16.2): what a page's own modules import.

Never looks into classic scripts, and never into other files: what these import is their own.
"""

from __future__ import annotations

from collections.abc import Iterator

from cdnserve.snippets.pages.tag import Page, Tag

_LONGEST = 1024  # characters of a specifier


def inline_imports(page: Page) -> Iterator[tuple[Tag, str]]:
    """Give the specifiers that inline module scripts import, each with the script's tag.

    >>> from cdnserve.snippets.pages.scan import scan
    >>> page = scan("<script type=module>import a from 'a'; import('https://b.example/b.js')</script>")
    >>> [specifier for _, specifier in inline_imports(page)]
    ['a', 'https://b.example/b.js']
    """
    for tag in page.tags:
        content = page.content(tag) if tag.is_module and not tag.attribute("src") else ""
        if "import" in content or "from" in content:
            yield from ((tag, specifier) for specifier in _imported(content) if len(specifier) <= _LONGEST)


def _imported(content: str) -> tuple[str, ...]:
    from cdnserve.snippets.modules import read_imports  # noqa: PLC0415 # the parser loads slowly

    found = read_imports(content.encode("utf-8", "replace"))
    return found.static + found.dynamic

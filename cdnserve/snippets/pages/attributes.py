"""Attributes (HTML Standard §13.1.2.3): a start tag with other attribute values, and nothing else changed.

Never touches an attribute that it is not asked to, not even its spelling or the space around it.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from cdnserve.snippets.pages.tag import Tag


def with_attributes(tag: Tag, values: Mapping[str, str]) -> str:
    r"""Give the tag's text with these attributes; new ones come last.

    >>> from cdnserve.snippets.pages.scan import scan
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
    """Give where the last attribute ends, else the name."""
    if not tag.attributes:
        return tag.start + 1 + len(tag.name)
    last = tag.attributes[-1]
    return last.name_span[1] if last.value_span is None else last.value_span[1]

"""Text for people: what others wrote made safe for a terminal, numbers and sizes in words, the nearest known name."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from types import MappingProxyType

_INVISIBLE = "holds an invisible character (U+{:04X})"


_FAULTS: Mapping[str, str] = MappingProxyType(
    {
        "Cs": "is not valid UTF-8",
        "Cc": "holds a control character",
        "Cf": _INVISIBLE,  # among them those that turn the direction of text, and those without a width
        "Zl": _INVISIBLE,
        "Zp": _INVISIBLE,
    }
)


LONGEST = 160


def printable(text: str, *, keep_tabs: bool = False) -> str:
    r"""Return text on one line, with escapes for what can't be printed.

    >>> printable("a\x1b[31m\u202e\udcff.js")
    'a\\x1b[31m\\u202e\\udcff.js'
    """
    if text.isprintable():
        return text
    kept = "\t" * keep_tabs
    return "".join(c if c.isprintable() or c in kept else c.encode("unicode_escape").decode("ascii") for c in text)


def printable_lines(text: str) -> list[str]:
    r"""Return text that is meant to be pasted, line by line, each with escapes for what can't be printed.

    >>> printable_lines("<script\r\n\tsrc='a\x1b.js'>")
    ['<script', "\tsrc='a\\x1b.js'>"]
    """
    return [printable(line.removesuffix("\r"), keep_tabs=True) for line in text.split("\n")]


def excerpt(text: object, longest: int = LONGEST) -> str:
    r"""Return printable text, cut to a length.

    >>> excerpt("a\n.js"), len(excerpt("x" * 999))
    ('a\\n.js', 160)
    """
    safe = printable(str(text))
    return safe if len(safe) <= longest else f"{safe[: longest - 1]}…"


def quoted(name: str) -> str:
    r"""Return a name as it is, or in quotes where it is empty or can't be printed.

    >>> quoted("max-age"), quoted(""), quoted("a\x1b")
    ('max-age', "''", "'a\\x1b'")
    """
    return name if name and name.isprintable() else repr(name)


def plural(number: int, noun: str) -> str:
    """Return a number of things.

    >>> plural(1, "file"), plural(1200, "public file")
    ('1 file', '1,200 public files')
    """
    return f"{number:,} {noun}{'s' * (number != 1)}"


def readable_size(octets: int) -> str:
    """Return a size as people read it.

    >>> readable_size(268435456), readable_size(2048), readable_size(7)
    ('256 MiB', '2 KiB', '7 octets')
    """
    for unit, size in (("MiB", 2**20), ("KiB", 2**10)):
        if octets >= size:
            return f"{octets / size:.4g} {unit}"
    return f"{octets} octet{'s' * (octets != 1)}"


def alike(word: str, known: Iterable[str], most: int = 1, cutoff: float = 0.6) -> list[str]:
    """Return the known words that are most like this one, the nearest first; `cutoff` is between 0 and 1.

    >>> alike("jqeury", ["jquery", "vue"]), alike("react", ["jquery", "vue"])
    (['jquery'], [])
    """
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

    return get_close_matches(word, tuple(known), most, cutoff)


def did_you_mean(word: str, known: Iterable[str], otherwise: str, cutoff: float = 0.6) -> str:
    """Return a hint that names the nearest known word, or says something else where none is near.

    >>> did_you_mean("jqeury", ["jquery", "vue"], "run cdnserve list")
    'did you mean jquery?'
    """
    near = alike(word, known, cutoff=cutoff)
    return f"did you mean {near[0]}?" if near else otherwise


def name_fault(name: str) -> str:
    r"""Return what no name may hold, `""` for nothing; by general category (Unicode §4.5).

    >>> name_fault("a\u202ejs.exe"), name_fault("a\\b"), name_fault("ünï 1.js")
    ('holds an invisible character (U+202E)', 'holds a backslash', '')
    """
    if name.isprintable():
        return "holds a backslash" if "\\" in name else ""
    categories = {unicodedata.category(character): character for character in name}
    for category, fault in _FAULTS.items():
        if category in categories:
            return fault.format(ord(categories[category]))
    return "holds a backslash" if "\\" in name else ""

"""Foreign text in messages: what registries and archives say, made safe for a terminal.

Never changes what is stored or compared, only what people are shown.
"""

from __future__ import annotations

LONGEST = 160


def shown(text: object) -> str:
    r"""Return text without control characters, escapes or undecodable octets, cut to a line's length.

    >>> shown("a\x1b[31m\n\udcff.js"), len(shown("x" * 999))
    ('a\\x1b[31m\\n\\udcff.js', 160)
    """
    safe = "".join(character if character.isprintable() else repr(character)[1:-1] for character in str(text))
    return safe if len(safe) <= LONGEST else f"{safe[: LONGEST - 1]}…"


def counted(octets: int) -> str:
    """Return a size as people read it.

    >>> counted(268435456), counted(2048), counted(7)
    ('256 MiB', '2 KiB', '7 octets')
    """
    for unit, size in (("MiB", 2**20), ("KiB", 2**10)):
        if octets >= size:
            return f"{octets / size:.4g} {unit}"
    return f"{octets} octet{'s' * (octets != 1)}"

"""Lines of a text (HTML Standard §13.2.3.5): where an offset stands, as editors count.

Never counts what else Unicode has for line ends: editors and browsers don't.
"""

from __future__ import annotations

import re
from bisect import bisect_right

NEWLINE = re.compile(r"\r\n?|\n")


class Lines:
    """The lines of a text, found once."""

    def __init__(self, text: str) -> None:
        self._begins = [0, *(newline.end() for newline in NEWLINE.finditer(text))]

    def place(self, offset: int) -> tuple[int, int]:
        r"""Give line and column of an offset, both from 1.

        >>> [Lines("a\r\nbc").place(offset) for offset in (0, 1, 4)]
        [(1, 1), (1, 2), (2, 2)]
        """
        line = bisect_right(self._begins, offset)
        return line, offset - self._begins[line - 1] + 1

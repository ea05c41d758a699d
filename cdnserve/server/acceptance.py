"""Acceptance: llhttp's word that octets are whole, valid requests, without a call for each field.

Never reads what a request says.
"""

from __future__ import annotations

import httptools


class Acceptance:
    """What llhttp says of the octets that it was fed, without a call for each field."""

    __slots__ = ("complete", "has_content", "parser")

    def __init__(self) -> None:
        self.complete = 0
        self.has_content = False
        self.parser = httptools.HttpRequestParser(self)
        # Octets after a request that closes the connection are not ours to judge.
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)

    def take(self) -> bool:
        """Tell whether the next head is a whole message, and count it as taken."""
        if self.has_content or not self.complete:
            return False
        self.complete -= 1
        return True

    def on_message_complete(self) -> None:
        """Count a message that is whole."""
        self.complete += 1

    def on_body(self, _: bytes) -> None:
        """Note that a message has content."""
        self.has_content = True

    def on_chunk_header(self) -> None:
        """Note that a message has content, be it of no octets."""
        self.has_content = True

"""Acceptance: llhttp's word that octets are whole, valid requests, without a call for each field.

Never reads what a request says.
"""

from __future__ import annotations

import httptools


def new_parser(callbacks: object) -> httptools.HttpRequestParser:
    """Make llhttp's parser as both lanes ask it."""
    parser = httptools.HttpRequestParser(callbacks)
    # Octets after a request that closes the connection are not ours to judge; nor is which versions we speak llhttp's.
    parser.set_dangerous_leniencies(lenient_data_after_close=True, lenient_version=True)
    return parser


class Acceptance:
    """What llhttp says of the octets that it was fed, without a call for each field."""

    __slots__ = ("complete", "has_content")

    def __init__(self) -> None:
        self.complete = 0
        self.has_content = False

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

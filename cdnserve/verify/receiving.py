"""Receiving: content as it comes, to digests and a few octets of it.

Never holds more than that, and never reads on past a limit.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256, sha384

from cdnserve.client import Decoder, UndecodableError, decoder
from cdnserve.verify.answers import ENDING, OPENING, Content


class _Plain:
    """What is left when the coding is off, while it can be taken off and is no longer than the limit."""

    def __init__(self, coding: str, limit: int) -> None:
        self._digest = sha384()
        self._left = limit
        self._decode: Decoder | None = None
        self.opening = b""
        try:
            self._decode = decoder(coding)
        except UndecodableError:
            return

    def take(self, octets: bytes) -> None:
        try:
            for piece in self._decode(octets) if self._decode else ():
                self._digest.update(piece)
                self.opening += piece[: OPENING - len(self.opening)]
                self._left -= len(piece)
                if self._left < 0:
                    self._decode = None
                    return
        except UndecodableError:
            self._decode = None

    @property
    def sha384(self) -> bytes | None:
        return self._digest.digest() if self._decode else None


def receive(pieces: Iterable[bytes], coding: str, limit: int) -> Content:
    """Take content in; neither it nor what it decodes to is read further than `limit` octets."""
    digest, length, opening, ending = sha256(), 0, b"", b""
    plain = _Plain(coding, limit)
    for piece in pieces:
        digest.update(piece)
        length += len(piece)
        opening += piece[: OPENING - len(opening)]
        ending = (ending + piece)[-ENDING:]
        plain.take(piece)
        if length > limit:
            break
    whole = plain.sha384 if length <= limit else None
    return Content(length, digest.digest(), whole, opening, ending, plain.opening)

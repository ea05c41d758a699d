"""Where downloads arrive (RFC 9110 §14): in memory or in a file, hashed on the way, continued where they broke off.

Never says that what arrived is right: whoever asked for it compares the digests.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable
from typing import BinaryIO, Protocol

from cdnserve.rules.integrity import DEFAULT_ALGORITHM, hash_expression, parse_metadata, strongest

PIECE = 2**18
# RFC 9110 §13.1.5: If-Range needs a strong validator; entity tags of any length would end up in files.
_STRONG = re.compile(r'"[\x21\x23-\x7e]{1,200}"', re.ASCII)


class Sink(Protocol):
    """Where the octets of one download go."""

    @property
    def size(self) -> int:
        """How many octets have come."""

    @property
    def validator(self) -> str:
        """The strong entity tag of what has come, `""` if it can't be continued."""

    def restart(self, validator: str) -> None:
        """Forget what has come; what comes now has this entity tag, `""` for none that is strong."""

    def write(self, piece: bytes) -> None:
        """Take the next octets."""


class Buffer:
    """A download in memory, which begins anew after each failure."""

    validator = ""

    def __init__(self) -> None:
        self._content = io.BytesIO()

    @property
    def size(self) -> int:
        """How many octets have come."""
        return self._content.tell()

    @property
    def data(self) -> bytes:
        """All that has come."""
        return self._content.getvalue()

    def restart(self, validator: str) -> None:  # noqa: ARG002 - the protocol's signature
        """Forget what has come."""
        self._content.seek(0)
        self._content.truncate()

    def write(self, piece: bytes) -> None:
        """Take the next octets."""
        self._content.write(piece)


class Measured:
    """A download in a file, with its digest; `begun` is the entity tag of what the file holds already.

    What is measured is the digest of the integrity's strongest algorithm. `note` is told the entity tag of what
    begins to come, so that another command may continue it.
    """

    def __init__(
        self,
        file: BinaryIO,
        integrity: str,
        begun: str = "",
        note: Callable[[str], None] = lambda _validator: None,
    ) -> None:
        self.file = file
        self._algorithm = algorithm_of(integrity)
        self._note = note
        self.validator = begun
        self._begin()
        if begun:
            file.seek(0)
            while piece := file.read(PIECE):
                self._count(piece)

    def restart(self, validator: str) -> None:
        """Forget what has come."""
        self.file.seek(0)
        self.file.truncate()
        self.validator = validator
        self._begin()
        self._note(validator)

    def write(self, piece: bytes) -> None:
        """Take the next octets."""
        self.file.write(piece)
        self._count(piece)

    @property
    def expression(self) -> str:
        """The hash expression of what has come, `""` where no algorithm is known to measure with."""
        return hash_expression(self._algorithm, self._digest.digest()) if self._algorithm else ""

    def _begin(self) -> None:
        self.size = 0
        self._digest = hashlib.new(self._algorithm or DEFAULT_ALGORITHM)

    def _count(self, piece: bytes) -> None:
        self.size += len(piece)
        self._digest.update(piece)


def algorithm_of(integrity: str) -> str:
    """Give the strongest algorithm of integrity metadata, `""` if it has none that counts.

    >>> algorithm_of("sha1-AAAA sha256-AAAA sha512-AAAA"), algorithm_of("sha1-AAAA")
    ('sha512', '')
    """
    return next((expression.algorithm for expression in strongest(parse_metadata(integrity))), "")


def strong_validator(entity_tag: str) -> str:
    """Give an ETag field's value if it is strong and well-formed, else `""`.

    >>> strong_validator('"x1"'), strong_validator('W/"x1"'), strong_validator("x1")
    ('"x1"', '', '')
    """
    return entity_tag if _STRONG.fullmatch(entity_tag) else ""


def continues(content_range: str, size: int) -> bool:
    """Tell whether a Content-Range (RFC 9110 §14.4) goes on behind so many octets.

    >>> continues("bytes 10-19/20", 10), continues("bytes 10-19/*", 9), continues("pages 10-19/20", 10)
    (True, False, False)
    """
    match = re.fullmatch(r"bytes ([0-9]{1,18})-([0-9]{1,18})/(?:[0-9]{1,18}|\*)", content_range, re.ASCII)
    return match is not None and int(match[1]) == size <= int(match[2])

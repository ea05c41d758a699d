"""Answers: what came back over the network, as values.

Never holds a whole file: digests say what it was.
"""

from __future__ import annotations

from dataclasses import dataclass

OPENING = 64 * 1024
ENDING = 64


@dataclass(frozen=True, slots=True)
class Content:
    """What was received: digests of the octets as they came, and of what is left when the content coding is off.

    `plain_sha384` is `None` where the coding is unknown or damaged, or the content endless. `opening` and `ending`
    are the first and the last octets as they came, `plain` the first ones without the coding.
    """

    length: int
    sha256: bytes
    plain_sha384: bytes | None
    opening: bytes
    ending: bytes
    plain: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """A response; field names are in lower case, one entry for each line."""

    status: int
    fields: tuple[tuple[str, str], ...]
    content: Content

    def values(self, name: str) -> tuple[str, ...]:
        """Give the value of each line of a field."""
        return tuple(value.strip() for key, value in self.fields if key == name)

    def value(self, name: str) -> str | None:
        """Give a field's combined value, `None` where the field is absent."""
        values = self.values(name)
        return ", ".join(values) if values else None

    @property
    def coding(self) -> str:
        """The content coding, in lower case."""
        return (self.value("content-encoding") or "identity").lower()


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Says in words why there is none."""

    reason: str

"""Messages (RFC 9110 §6): the facts of a request, and the reply to it."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

Fields = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """A request's head; `raw_path` is the target's path as it came, field names are in lower case."""

    method: str
    raw_path: bytes
    fields: Fields = ()
    http_version: str = "1.1"

    def values(self, name: bytes) -> list[str]:
        """Return the value of each line of a field, in order."""
        return [value.decode("latin-1").strip(" \t") for key, value in self.fields if key == name]

    def value(self, name: bytes) -> str | None:
        """Return a field's combined value (RFC 9110 §5.2), `None` where the field is absent."""
        values = self.values(name)
        return ", ".join(values) if values else None


# Made and hashed for each file that is asked for, in a tenth of the time that a dataclass takes.
class Stored(msgspec.Struct, frozen=True, gc=False):
    """Content in the store: `length` octets from `start` of the blob with this sha256 (32 octets)."""

    sha256: bytes
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole response but for the fields of the connection (Date, Connection)."""

    status: int
    headers: Fields
    body: bytes | Stored = b""

    def header(self, name: bytes) -> bytes | None:
        """Return the value of a header that stands at most once."""
        return next((value for key, value in self.headers if key == name), None)

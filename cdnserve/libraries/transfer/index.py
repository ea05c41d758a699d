"""The index of an exported archive: each file's size and sha256, the first member, so that all that follows is known.

Never vouches for who made the archive: whoever can change a file can change its entry too.
"""

from __future__ import annotations

import msgspec

from cdnserve.errors import ConfigurationError, Problem

SCHEMA = 1
"""The only value of an index's `schema` that this version reads."""
LARGEST = 2**26
"""The most octets of an index: half a million files, or some more."""
NAME = "index.json"
FOLDER = "root/"
"""Where the files of the root lie, below the archive's outermost folder."""
OUTERMOST = "cdnserve/"


class Entry(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One file: its octets, and their sha256 as 64 hexadecimal digits."""

    size: int
    sha256: str


class Index(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All files by their logical path."""

    schema: int
    files: dict[str, Entry]

    @property
    def size(self) -> int:
        """The octets of all files together."""
        return sum(entry.size for entry in self.files.values())


class _Schema(msgspec.Struct, frozen=True):
    schema: int


def encode_index(files: dict[str, Entry]) -> bytes:
    """Write an index as JSON, sorted, an entry a line.

    >>> print(encode_index({"a.js": Entry(1, "00")}).decode(), end="")
    {"schema":1,"files":{
    "a.js":{"size":1,"sha256":"00"}
    }}
    """
    encode = msgspec.json.encode
    lines = ",\n".join(f"{encode(path).decode()}:{encode(files[path]).decode()}" for path in sorted(files))
    return f'{{"schema":{SCHEMA},"files":{{\n{lines}\n}}}}\n'.encode()


def decode_index(octets: bytes) -> Index:
    """Read an index; raise ConfigurationError where it is none, or one of a later version."""
    try:
        schema = msgspec.json.decode(octets, type=_Schema).schema
        if schema != SCHEMA:
            message = f"this version of cdnserve reads only archives of schema {SCHEMA}"
            raise ConfigurationError([Problem("archive-schema", message, "", str(schema), "update cdnserve")])
        index = msgspec.json.decode(octets, type=Index)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise not_exported(f"its index is damaged: {error}") from None
    if any(entry.size < 0 for entry in index.files.values()):
        raise not_exported("its index has a size below zero")
    return index


def not_exported(why: str) -> ConfigurationError:
    """Say that a file is not what `export` writes."""
    hint = "take a file that cdnserve export wrote"
    return ConfigurationError([Problem("archive-foreign", f"not an archive of cdnserve: {why}", hint=hint)])

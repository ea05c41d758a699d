"""The index of an exported archive: each file's size and sha256, the first member, so that all that follows is known.

It proves nothing about who made the archive: whoever can change a file can change its entry too.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import BinaryIO, Literal, Protocol

import msgspec
import zstandard

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.npm.unpack import DecodedReader
from cdnserve.rules.integrity import DEFAULT_ALGORITHM, hash_expression

SCHEMA = 1
"""The only value of an index's `schema` that this version reads."""
LARGEST = 2**26
"""The most octets of an index: half a million files, or some more."""
NAME = "index.json"
BUNDLE_FOLDER = "root/"
"""Where the files of the root lie, below the archive's outermost folder."""
OUTERMOST = "cdnserve/"


class BundleEntry(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One file: its octets, and their sha256 as 64 hexadecimal digits."""

    size: int
    sha256: str


class BundleIndex(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All files by their logical path."""

    schema: int
    files: dict[str, BundleEntry]

    @property
    def size(self) -> int:
        """The octets of all files together."""
        return sum(entry.size for entry in self.files.values())


class _Schema(msgspec.Struct, frozen=True):
    schema: int


def encode_index(files: dict[str, BundleEntry]) -> bytes:
    """Write an index as JSON, sorted, an entry a line.

    >>> print(encode_index({"a.js": BundleEntry(1, "00")}).decode(), end="")
    {"schema":1,"files":{
    "a.js":{"size":1,"sha256":"00"}
    }}
    """
    encode = msgspec.json.encode
    lines = ",\n".join(f"{encode(path).decode()}:{encode(files[path]).decode()}" for path in sorted(files))
    return f'{{"schema":{SCHEMA},"files":{{\n{lines}\n}}}}\n'.encode()


def decode_index(octets: bytes) -> BundleIndex:
    """Read an index; raise ConfigurationError where it is none, or one of a later version."""
    try:
        schema = msgspec.json.decode(octets, type=_Schema).schema
        if schema != SCHEMA:
            message = f"this version of cdnserve reads only archives of schema {SCHEMA}"
            raise ConfigurationError([Problem("archive-schema", message, "", str(schema), "update cdnserve")])
        index = msgspec.json.decode(octets, type=BundleIndex)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise not_exported(f"its index is damaged: {error}") from None
    if any(entry.size < 0 for entry in index.files.values()):
        raise not_exported("its index has a size below zero")
    return index


def not_exported(why: str) -> ConfigurationError:
    """Return the problem of a file that `export` did not write."""
    hint = "take a file that cdnserve export wrote"
    return ConfigurationError([Problem("archive-foreign", f"not an archive of cdnserve: {why}", hint=hint)])


Coding = Literal["", "gzip", "zstd"]

ENDINGS: Mapping[str, Coding] = MappingProxyType(
    {".tar": "", ".tar.gz": "gzip", ".tgz": "gzip", ".tar.zst": "zstd", ".tzst": "zstd"}
)
"""The endings of an archive's name, and what they ask for."""
_GZIP = 16 + zlib.MAX_WBITS
# How a gzip member and a zstd frame begin (RFC 1952 §2.3.1, RFC 8878 §3.1.1).
_MAGIC = ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"))


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


class _Plain:
    def compress(self, data: bytes, /) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


def coding_of(name: str) -> Coding:
    """Return the coding that a file's name asks for.

    >>> coding_of("site.tar"), coding_of("site.tar.gz"), coding_of("site.tar.zst")
    ('', 'gzip', 'zstd')
    """
    return next((coding for ending, coding in ENDINGS.items() if name.lower().endswith(ending)), "")


class Encoder:
    """Writes to a stream through a coding, and hashes what comes out."""

    def __init__(self, target: BinaryIO, coding: Coding) -> None:
        self._target = target
        self._compressor = _compressor(coding)
        self._hash = hashlib.new(DEFAULT_ALGORITHM)
        self.size = 0

    def write(self, octets: bytes) -> None:
        """Write octets of the archive."""
        self._put(self._compressor.compress(octets))

    def finish(self) -> str:
        """Write what is left; give the integrity metadata of all that was written."""
        self._put(self._compressor.flush())
        return hash_expression(DEFAULT_ALGORITHM, self._hash.digest())

    def _put(self, octets: bytes) -> None:
        self._target.write(octets)
        self._hash.update(octets)
        self.size += len(octets)


def _compressor(coding: Coding) -> _Compressor:
    if coding == "gzip":
        # Its header has neither a time nor a name.
        return zlib.compressobj(wbits=_GZIP)
    if coding == "zstd":
        return zstandard.ZstdCompressor(level=10, write_checksum=True).compressobj()
    return _Plain()


def decoded(source: BinaryIO, limit: int) -> DecodedReader:
    """Return what reads a seekable archive without its coding, which its first octets name."""
    magic = source.read(4)
    source.seek(0)
    coding = next((coding for opening, coding in _MAGIC if magic.startswith(opening)), "identity")
    return DecodedReader(source, coding, limit, "its index says")

"""Content codings (RFC 9110 §8.4.1, RFC 7932, RFC 8878): a blob becomes smaller blobs, where that pays.

Never depends on the clock, the machine or the file's name: the same octets and encoder give the same octets.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Literal

import brotli
import zstandard

from cdnserve.release.blobs import Blobs, Draft, blob_path, storing

ContentCoding = Literal["br", "gzip", "zstd"]
Job = tuple[str, int, ContentCoding]
"""A blob's name, its size, and the coding that it shall get."""
Coded = tuple[int, bytes]
"""Size and sha256 of the coded octets."""
Result = tuple[str, ContentCoding, Coded | None]
"""A blob's name, the coding, and what came out; `None` when it does not save enough."""

# From here on the slowest effort costs minutes and saves little: brotli 11 takes about 1 MB a second.
LARGE = 16 << 20
_CHUNK = 1 << 20
# A coding is stored when what it leaves is at most so many per cent.
_WORTH = 95


@dataclass(frozen=True, slots=True)
class _Stream:
    """One encoder at work, fed piece by piece so that memory stays bounded."""

    feed: Callable[[bytes], bytes]
    finish: Callable[[], bytes]


def _brotli(size: int) -> _Stream:
    compressor = brotli.Compressor(quality=11 if size < LARGE else 9)
    return _Stream(compressor.process, compressor.finish)


def _gzip(_size: int) -> _Stream:
    # 31: a gzip wrapper with the largest window; zlib writes no name and a zero for the time.
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31, 9)
    return _Stream(compressor.compress, compressor.flush)


def _zstd(size: int) -> _Stream:
    # RFC 9659 §3: a window of no more than 8 MB; no level up to 19 takes a larger one.
    parameters = zstandard.ZstdCompressionParameters.from_level(19 if size < LARGE else 12, source_size=size)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj(size=size)
    return _Stream(compressor.compress, compressor.flush)


_STREAMS: Mapping[ContentCoding, Callable[[int], _Stream]] = MappingProxyType(
    {"br": _brotli, "gzip": _gzip, "zstd": _zstd}
)
ENCODERS: Mapping[ContentCoding, str] = MappingProxyType(
    {
        "br": f"brotli {brotli.__version__} 11/9",
        "gzip": f"zlib {zlib.ZLIB_RUNTIME_VERSION} 9",
        "zstd": f"zstandard {zstandard.__version__} {'.'.join(map(str, zstandard.ZSTD_VERSION))} 19/12",
    }
)
"""What made each coding: results are used again while this stays the same."""


def encode(blobs: Blobs, job: Job) -> Result:
    """Encode one blob and store what comes out, if it saves at least 5 %."""
    name, size, coding = job
    with storing(), Draft(blobs) as draft:
        coded = _run(_STREAMS[coding](size), blob_path(blobs.state, name), draft)
        if coded[0] * 100 > size * _WORTH:
            return name, coding, None
        draft.keep(coded[1].hex())
    return name, coding, coded


def encode_all(state: str, jobs: Iterable[Job]) -> list[Result]:
    """Encode blobs one after the other; all results are stored when this returns."""
    with Blobs(state) as blobs:
        return [encode(blobs, job) for job in jobs]


def _run(stream: _Stream, path: str, draft: Draft) -> Coded:
    digest = sha256()
    length = 0
    for piece in _pieces(stream, path):
        digest.update(piece)
        draft.write(piece)
        length += len(piece)
    return length, digest.digest()


def _pieces(stream: _Stream, path: str) -> Iterator[bytes]:
    with open(path, "rb") as blob:
        while octets := blob.read(_CHUNK):
            yield stream.feed(octets)
    yield stream.finish()

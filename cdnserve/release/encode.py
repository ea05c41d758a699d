"""Content codings (RFC 9110 §8.4.1, RFC 7932, RFC 8878): a blob becomes smaller blobs, where that pays.

The same octets and encoder give the same octets, whatever the clock, the machine or the name of the file.
"""

from __future__ import annotations

import os
import sys
import threading
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from queue import SimpleQueue
from types import MappingProxyType
from typing import Literal

import brotli
import msgspec
import zstandard

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.files import read_file
from cdnserve.release.blobs import Blobs, Draft, blob_path, storing, write_state_file
from cdnserve.release.catalog import Representation

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


class _StoppedError(Exception):
    """Nobody wants the result any more."""


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
# What encoders raise for lack of memory.
_FAILURES = (MemoryError, brotli.error, zlib.error, zstandard.ZstdError)


# A batch is what is stored, and counted, at once.
_BATCH = 512 << 10


def encode_all(state: str, jobs: Iterable[Job]) -> Generator[list[Result], None, None]:
    """Encode blobs side by side, and yield the results of each batch once they are stored.

    Raises ConfigurationError where there is not enough memory. Whoever stops listening stops the work.
    """
    batches = deque(batched(jobs))
    count = len(batches)
    done: SimpleQueue[list[Result] | Exception] = SimpleQueue()
    stopped = threading.Event()

    def work() -> None:
        _give_way()
        with suppress(IndexError):
            while not stopped.is_set():
                done.put(_encode_batch(state, batches.popleft(), stopped))

    try:
        for _ in range(min(cores(), count)):
            # All three encoders let the interpreter go. Nobody waits at Ctrl-C for a large piece to be done.
            threading.Thread(target=work, name="encoder", daemon=True).start()
        for _ in range(count):
            answer = done.get()
            if isinstance(answer, Exception):
                raise answer
            yield answer
    except (*_FAILURES, RuntimeError) as error:  # RuntimeError: a thread could not be started
        raise ConfigurationError([_encoder_died(error)]) from error
    finally:
        stopped.set()


def batched(jobs: Iterable[Job]) -> Iterator[list[Job]]:
    """Group jobs, largest first so that no thread ends long after the others.

    >>> [[size for _, size, _ in batch] for batch in batched([("a", 9, "br"), ("b", 600_000, "br"), ("c", 7, "br")])]
    [[600000], [9, 7]]
    """
    batch: list[Job] = []
    total = 0
    for job in sorted(jobs, key=lambda job: job[1], reverse=True):
        if batch and total + job[1] > _BATCH:
            yield batch
            batch, total = [], 0
        batch.append(job)
        total += job[1]
    if batch:
        yield batch


def cores() -> int:
    """Return how many threads this process may have run at the same time."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _give_way() -> None:
    # A server that builds beside its requests answers them first. On Linux each thread has a priority of its own.
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 5)


def _encode_batch(state: str, batch: Iterable[Job], stopped: threading.Event) -> list[Result] | Exception:
    try:
        with Blobs(state) as blobs:
            return [_encode(blobs, job, stopped) for job in batch]
    except Exception as error:  # whatever it is, who asked has to know
        return error


def _encode(blobs: Blobs, job: Job, stopped: threading.Event) -> Result:
    """Encode one blob and store what comes out, if it saves at least 5 %."""
    name, size, coding = job
    digest, length = sha256(), 0
    with storing(), Draft(blobs) as draft:
        for piece in _pieces(_STREAMS[coding](size), blob_path(blobs.state, name), stopped):
            digest.update(piece)
            draft.write(piece)
            length += len(piece)
        if length * 100 > size * _WORTH:
            return name, coding, None
        draft.keep(digest.hexdigest())
    return name, coding, (length, digest.digest())


def _pieces(stream: _Stream, path: str, stopped: threading.Event) -> Iterator[bytes]:
    with open(path, "rb") as blob:
        while octets := blob.read(_CHUNK):
            if stopped.is_set():
                raise _StoppedError
            yield stream.feed(octets)
    yield stream.finish()


def _encoder_died(error: Exception) -> Problem:
    return Problem(
        "encoder-died",
        "a content coding could not be made",
        value=str(error) or type(error).__name__,
        hint="give the build more memory, then build again: what was done is kept",
    )


_Known = dict[bytes, Coded | None]
_FILE = "results"


class Results:
    """Results by encoder and by the sha256 of what was encoded; those of other encoders are kept aside."""

    def __init__(self, known: dict[str, _Known], encoders: Mapping[ContentCoding, str] = ENCODERS) -> None:
        self._known = known
        self._current: dict[ContentCoding, _Known] = {
            coding: known.setdefault(encoder, {}) for coding, encoder in encoders.items()
        }

    @classmethod
    def load(cls, state: str) -> Results:
        """Read the results of earlier builds; none where they are lost or damaged, which only costs time."""
        try:
            return cls(msgspec.msgpack.decode(read_file(f"{state}/{_FILE}"), type=dict[str, _Known]))
        except (OSError, msgspec.DecodeError):
            return cls({})

    def save(self, state: str) -> None:
        """Write all results for builds to come."""
        write_state_file(state, _FILE, msgspec.msgpack.encode(self._known))

    def add(self, results: Iterable[Result]) -> None:
        """Remember what encoders gave."""
        for name, coding, coded in results:
            self._current[coding][bytes.fromhex(name)] = coded

    def jobs(self, sizes: Mapping[bytes, int], there: Mapping[str, int]) -> Iterator[Job]:
        """Yield what is left to encode of these blobs, when those `there` are right, each of so many octets."""
        for coding, known in self._current.items():
            for name, size in sizes.items():
                coded = known.get(name)
                if name not in known or (coded and there.get(coded[1].hex()) != coded[0]):
                    yield name.hex(), size, coding

    def representations(self, sha256: bytes) -> tuple[Representation, ...]:
        """Return the content codings of a blob that are worth it, from small to large."""
        coded = ((coding, known.get(sha256)) for coding, known in self._current.items())
        found = [Representation(coding, *result) for coding, result in coded if result]
        return tuple(sorted(found, key=lambda representation: (representation.size, representation.coding)))

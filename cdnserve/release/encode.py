"""Content codings (RFC 9110 §8.4.1, RFC 7932, RFC 8878): a blob becomes smaller blobs, where that pays.

The same octets, encoder and effort give the same octets, whatever the clock, the machine or the name of the file.
"""

from __future__ import annotations

import os
import sys
import threading
import zlib
from collections import deque
from collections.abc import Callable, Container, Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from queue import SimpleQueue
from types import MappingProxyType
from typing import Literal, NamedTuple, get_args

import brotli
import msgspec
import zstandard

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.files import read_file
from cdnserve.manifest.model import ContentCoding
from cdnserve.release.blobs import Blobs, Draft, append_to_state_file, blob_pieces, storing
from cdnserve.release.catalog import Entries, Representation
from cdnserve.release.state_files import RESULTS
from cdnserve.rules.charsets import Form
from cdnserve.rules.media_types import essence, is_text

Effort = Literal["full", "cheap"]


class Job(NamedTuple):
    """A blob's name and size, the coding that it shall get, and with which effort."""

    name: str
    size: int
    coding: ContentCoding
    effort: Effort = "full"


Coded = tuple[int, bytes]
"""Size and sha256 of the coded octets."""


class Result(NamedTuple):
    """What came out of a job; `None` when it does not save enough."""

    job: Job
    coded: Coded | None


# From here on the slowest effort costs minutes and saves little: brotli 11 takes less than 1 MB a second.
LARGE = 16 << 20
_CHUNK = 1 << 20
# A coding is stored when what it leaves is at most so many per cent.
_WORTH = 95


@dataclass(frozen=True, slots=True)
class _Stream:
    """One encoder at work, fed piece by piece so that memory stays bounded."""

    feed: Callable[[bytes], bytes]
    finish: Callable[[], bytes]


class EncodingStoppedError(Exception):
    """Nobody wants the result any more."""


def _brotli(size: int, effort: Effort) -> _Stream:
    slow = 11 if size < LARGE else 9
    compressor = brotli.Compressor(quality=slow if effort == "full" else 8)
    return _Stream(compressor.process, compressor.finish)


def _gzip(_size: int, effort: Effort) -> _Stream:
    # 31: a gzip wrapper with the largest window; zlib writes no name and a zero for the time.
    compressor = zlib.compressobj(9 if effort == "full" else 6, zlib.DEFLATED, 31, 9)
    return _Stream(compressor.compress, compressor.flush)


def _zstd(size: int, effort: Effort) -> _Stream:
    # RFC 9659 §3: a window of no more than 8 MB; no level up to 19 takes a larger one.
    level = 19 if effort == "full" and size < LARGE else 12
    parameters = zstandard.ZstdCompressionParameters.from_level(level, source_size=size)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj(size=size)
    return _Stream(compressor.compress, compressor.flush)


_STREAMS: Mapping[ContentCoding, Callable[[int, Effort], _Stream]] = MappingProxyType(
    {"br": _brotli, "gzip": _gzip, "zstd": _zstd}
)
_BROTLI, _ZLIB = f"brotli {brotli.__version__}", f"zlib {zlib.ZLIB_RUNTIME_VERSION}"
_ZSTD = f"zstandard {zstandard.__version__} {'.'.join(map(str, zstandard.ZSTD_VERSION))}"
ENCODERS: Mapping[tuple[ContentCoding, Effort], str] = MappingProxyType(
    {
        ("br", "full"): f"{_BROTLI} 11/9",
        ("br", "cheap"): f"{_BROTLI} 8",
        ("gzip", "full"): f"{_ZLIB} 9",
        ("gzip", "cheap"): f"{_ZLIB} 6",
        ("zstd", "full"): f"{_ZSTD} 19/12",
        ("zstd", "cheap"): f"{_ZSTD} 12",
    }
)
"""What makes each coding: results are used again while this stays the same."""
# What encoders raise for lack of memory.
_FAILURES = (MemoryError, brotli.error, zlib.error, zstandard.ZstdError)


# Of these and of what browsers take for plain text, tools and people are the readers.
_FOR_TOOLS = frozenset(("text/plain", "text/markdown", "application/yaml", "application/toml"))
_ENDINGS_FOR_TOOLS = (".map", ".cjs", ".cjs.js", ".dev.js")
_FONTS = ("ttf", "otf", "eot")
_NAMES_FOR_TOOLS = frozenset(("package.json", "package-lock.json", "tsconfig.json", "bower.json", "composer.json"))
_FOLDERS_FOR_TOOLS = frozenset(("src", "source", "cjs", "commonjs", "node", "test", "tests", "__tests__", "types"))


def effort(path: str, paths: Container[str]) -> Effort:
    """Return the effort that a file is worth beside the others: full for what pages load.

    Cheap are source maps, types, documents and sources, and what lies there minified, as a module or as WOFF 2 too.

    >>> effort("a.min.js", ["a.min.js"]), effort("a.js", ["a.js"]), effort("a.js", ["a.js", "a.min.js"])
    ('full', 'full', 'cheap')
    >>> effort("a.d.ts", []), effort("a.js.map", []), effort("LICENSE", []), effort("src/a.css", [])
    ('cheap', 'cheap', 'cheap', 'cheap')
    """
    folder, _, name = path.rpartition("/")
    stem, dot, ending = path.rpartition(".")
    is_for_tools = (
        name in _NAMES_FOR_TOOLS
        or name.endswith(_ENDINGS_FOR_TOOLS)
        or ".development." in name
        or essence(path, "text") in _FOR_TOOLS
        or not _FOLDERS_FOR_TOOLS.isdisjoint(folder.split("/"))
        or any(f"{stem}{mark}{dot}{ending}" in paths for mark in (".min", ".prod"))
        or (ending == "js" and f"{stem}.mjs" in paths)
        or (ending in _FONTS and f"{stem}.woff2" in paths)
    )
    return "cheap" if is_for_tools else "full"


# A batch is what is stored, and counted, at once.
_BATCH = 512 << 10


def encode_all(
    state: str, jobs: Iterable[Job], *, beside: bool = False, stopped: threading.Event | None = None
) -> Generator[list[Result], None, None]:
    """Encode blobs side by side, and yield the results of each batch once they are stored.

    Encoders give way to a server that works `beside`. Raises ConfigurationError where there is not enough memory,
    EncodingStoppedError once it is `stopped`. Whoever stops listening stops the work.
    """
    batches = deque(batched(jobs))
    count = len(batches)
    done: SimpleQueue[list[Result] | Exception] = SimpleQueue()
    stopped = stopped or threading.Event()

    def work() -> None:
        if beside:
            _give_way()
        with suppress(IndexError):
            while not stopped.is_set():
                done.put(_encode_batch(state, batches.popleft(), stopped, beside=beside))
            done.put(EncodingStoppedError())

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

    >>> [[job.size for job in batch] for batch in batched([Job("a", 9, "br"), Job("b", 600_000, "br")])]
    [[600000], [9]]
    """
    batch: list[Job] = []
    total = 0
    for job in sorted(jobs, key=lambda job: job.size, reverse=True):
        if batch and total + job.size > _BATCH:
            yield batch
            batch, total = [], 0
        batch.append(job)
        total += job.size
    if batch:
        yield batch


def cores() -> int:
    """Return how many threads this process may have run at the same time."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _give_way() -> None:
    # Requests are answered first; still a thread gets a third of what they get, however busy the machine is. On Linux
    # each thread has a priority of its own.
    if sys.platform == "linux":
        thread = threading.get_native_id()
        # Only root may take a higher one than the server was started with.
        os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + 5)


def _encode_batch(
    state: str, batch: Iterable[Job], stopped: threading.Event, *, beside: bool
) -> list[Result] | Exception:
    try:
        with Blobs(state, beside=beside) as blobs:
            return [_encode(blobs, job, stopped) for job in batch]
    except Exception as error:  # whatever it is, who asked has to know
        return error


def _encode(blobs: Blobs, job: Job, stopped: threading.Event) -> Result:
    """Encode one blob and store what comes out, if it saves at least 5 %."""
    digest, length = sha256(), 0
    stream = _STREAMS[job.coding](job.size, job.effort)
    with storing(), Draft(blobs) as draft:
        for piece in _pieces(stream, blob_pieces(blobs.state, job.name, _CHUNK), stopped):
            digest.update(piece)
            draft.write(piece)
            length += len(piece)
        if length * 100 > job.size * _WORTH:
            return Result(job, None)
        draft.keep(digest.hexdigest())
    return Result(job, (length, digest.digest()))


def _pieces(stream: _Stream, blob: Iterable[bytes], stopped: threading.Event) -> Iterator[bytes]:
    for octets in blob:
        if stopped.is_set():
            raise EncodingStoppedError
        yield stream.feed(octets)
    yield stream.finish()


def _encoder_died(error: Exception) -> Problem:
    return Problem(
        "encoder-died",
        "a content coding could not be made",
        value=str(error) or type(error).__name__,
        hint="give the build more memory, then build again: what was done is kept",
    )


@dataclass(frozen=True, slots=True)
class Encodable:
    """What is to be encoded: its size, the effort that it is worth, and the codings that it shall get."""

    size: int
    effort: Effort
    codings: tuple[ContentCoding, ...]


def find_texts(
    files: Mapping[str, tuple[bytes, int, Form | None]],
    packages: Mapping[str, Entries],
    codings: tuple[ContentCoding, ...],
) -> dict[bytes, Encodable]:
    """Return what of these files is to be encoded, by sha256; each is its sha256, size and form, by logical path.

    What lies under several paths is worth the highest effort of them, and what a package names for pages the full one.
    """
    named = {f"{folder}/{path}" for folder, entries in packages.items() for path in msgspec.structs.astuple(entries)}
    found: dict[bytes, Encodable] = {}
    for path, (digest, size, form) in files.items():
        if is_text(path, form) and not (digest in found and found[digest].effort == "full"):
            worth: Effort = "full" if path in named else effort(path, files)
            found[digest] = Encodable(size, worth, codings)
    return found


_Line = tuple[str, bytes, Coded | None]
"""The encoder, the sha256 of what was encoded, and what came out."""


class Results:
    """What each encoder made of each blob, by the sha256 of what was encoded; those of other encoders are kept too."""

    def __init__(self, lines: Iterable[_Line] = ()) -> None:
        self._known = {(encoder, sha256): coded for encoder, sha256, coded in lines}

    @classmethod
    def load(cls, state: str) -> Results:
        """Read the results of earlier builds; what is lost or damaged only costs time."""
        try:
            octets = read_file(f"{state}/{RESULTS}")
        except OSError:
            return cls()
        decoder = msgspec.json.Decoder(_Line)
        with suppress(msgspec.DecodeError, UnicodeDecodeError):
            return cls(decoder.decode_lines(octets))
        return cls(_whole(octets, decoder))

    def add(self, state: str, results: Iterable[Result]) -> None:
        """Remember what encoders gave, for builds to come too, however this one ends."""
        lines = [(_encoder(job), bytes.fromhex(job.name), coded) for job, coded in results]
        self._known |= {(encoder, sha256): coded for encoder, sha256, coded in lines}
        # One write, so that builders can add at the same time. A line that was cut off shall not spoil the next one.
        octets = b"\n" + msgspec.json.Encoder().encode_lines(lines)
        append_to_state_file(state, RESULTS, octets)

    def lacking(self, texts: Mapping[bytes, Encodable], there: Mapping[str, int]) -> Iterator[Job]:
        """Yield what is left to encode of these blobs, when those `there` are right, each of so many octets."""
        for digest, text in texts.items():
            for coding in text.codings:
                job = Job(digest.hex(), text.size, coding, text.effort)
                if not self._has(job, there):
                    yield job

    def _has(self, job: Job, there: Mapping[str, int]) -> bool:
        key = _encoder(job), bytes.fromhex(job.name)
        coded = self._known.get(key)
        return key in self._known and (coded is None or there.get(coded[1].hex()) == coded[0])

    def made(self, sha256: bytes, size: int, coding: ContentCoding, coded: Coded) -> tuple[Job, ...]:
        """Return the job that gave these octets; where nobody knows any more, those that may have."""
        jobs = tuple(Job(sha256.hex(), size, coding, effort) for effort in get_args(Effort))
        return tuple(job for job in jobs if self._known.get((_encoder(job), sha256)) == coded)[:1] or jobs

    def representations(self, sha256: bytes, text: Encodable, there: Mapping[str, int]) -> tuple[Representation, ...]:
        """Return the content codings of a blob that are worth it and `there`, from small to large."""
        found = []
        for coding in text.codings:
            coded = self._known.get((ENCODERS[coding, text.effort], sha256))
            if coded and there.get(coded[1].hex()) == coded[0]:
                found.append(Representation(coding, *coded))
        return tuple(sorted(found, key=lambda representation: (representation.size, representation.coding)))


def _encoder(job: Job) -> str:
    return ENCODERS[job.coding, job.effort]


def _whole(octets: bytes, decoder: msgspec.json.Decoder[_Line]) -> Iterator[_Line]:
    """Yield the lines that are whole."""
    for line in octets.splitlines():
        with suppress(msgspec.DecodeError, UnicodeDecodeError):
            yield decoder.decode(line)

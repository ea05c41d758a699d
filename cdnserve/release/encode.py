"""Content codings (RFC 9110 §8.4.1, RFC 7932, RFC 8878): a blob becomes smaller blobs, where that pays.

Never depends on the clock, the machine or the file's name: the same octets and encoder give the same octets.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import IO, Literal, cast

import brotli
import msgspec
import zstandard

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.release.blobs import Blobs, Draft, StoreError, blob_path, storing, write_state_file
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


# Starting a worker takes as long as encoding about so many octets; less is not worth one.
_SMALL = 256 << 10
_BATCH = 512 << 10


def run(state: str, jobs: Sequence[Job], workers: int) -> Generator[list[Result], None, None]:
    """Encode blobs, batch by batch as each is done; with one worker or little to do, in this process."""
    batches = list(batched(jobs))
    if sum(size for _, size, _ in jobs) <= _SMALL or min(workers, len(batches)) < 2 or not sys.executable:
        for batch in batches:
            yield encode_all(state, batch)
        return
    with _Pool(state, min(workers, len(batches))) as pool, ThreadPoolExecutor(pool.size) as threads:
        asked = [threads.submit(pool.ask, batch) for batch in batches]
        try:
            for answer in as_completed(asked):
                yield answer.result()
        except BaseException:
            pool.stop()
            threads.shutdown(cancel_futures=True)
            raise


def batched(jobs: Iterable[Job]) -> Iterator[list[Job]]:
    """Group jobs, largest first so that no worker ends long after the others.

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
    """Return how many processes this one may have run at the same time."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Pool:
    def __init__(self, state: str, size: int) -> None:
        self.size = size
        self._state = state
        self._all: list[subprocess.Popen[bytes]] = []
        self._idle: queue.SimpleQueue[subprocess.Popen[bytes]] = queue.SimpleQueue()

    def __enter__(self) -> _Pool:
        try:
            for _ in range(self.size):
                self._all.append(_start(self._state))
                self._idle.put(self._all[-1])
        except OSError as error:
            self.__exit__(None, None, None)
            raise ConfigurationError([_worker_died(error.strerror or str(error))]) from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for worker in self._all:
            with suppress(BrokenPipeError), worker:
                pass

    def stop(self) -> None:
        """Kill the workers: what they were writing is a temporary file."""
        for worker in self._all:
            worker.kill()

    def ask(self, batch: list[Job]) -> list[Result]:
        worker = self._idle.get()
        try:
            return _talk(worker, batch)
        finally:
            self._idle.put(worker)


def _start(state: str) -> subprocess.Popen[bytes]:
    # -P: no module is taken from the folder that the build happens to run in.
    command = [sys.executable, "-P", "-m", "cdnserve.release.encode", state]
    paths = [str(Path(__file__).parents[2]), *filter(None, sys.path)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)  # noqa: S603


def _talk(worker: subprocess.Popen[bytes], batch: list[Job]) -> list[Result]:
    # `_start` asked for both pipes.
    asking, answering = cast("IO[bytes]", worker.stdin), cast("IO[bytes]", worker.stdout)
    line = b""
    with suppress(BrokenPipeError):
        asking.write(json.dumps(batch).encode() + b"\n")
        asking.flush()
        line = answering.readline()
    if not line.endswith(b"\n"):
        status = worker.wait()
        raise ConfigurationError([_worker_died(f"signal {-status}" if status < 0 else f"exit status {status}")])
    answer = json.loads(line)
    if "failed" in answer:
        raise StoreError(OSError(*answer["failed"]))
    return [
        (name, coding, (coded[0], bytes.fromhex(coded[1])) if coded else None) for name, coding, coded in answer["done"]
    ]


def _worker_died(reason: str) -> Problem:
    return Problem(
        "encoder-died",
        "a process that makes content codings could not start, or ended too early",
        value=reason,
        hint="give the build more memory, then build again: what was done is kept",
    )


def serve(state: str, asking: IO[bytes], answering: IO[bytes]) -> None:
    """Answer batches of jobs, one line of JSON for each, until there are no more."""
    for line in asking:
        try:
            results = encode_all(state, [(name, size, coding) for name, size, coding in json.loads(line)])
            answer: dict[str, object] = {
                "done": [
                    (name, coding, (coded[0], coded[1].hex()) if coded else None) for name, coding, coded in results
                ]
            }
        except StoreError as failure:
            answer = {"failed": [failure.error.errno, failure.error.strerror]}
        answering.write(json.dumps(answer).encode() + b"\n")
        answering.flush()


def main(state: str) -> None:
    """Be a worker."""
    # Ctrl-C reaches the whole process group; the builder closes our input when it stops.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A server that builds beside its requests answers them first.
    os.nice(5)
    serve(state, sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main(sys.argv[1])


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
            return cls(msgspec.msgpack.decode(Path(state, _FILE).read_bytes(), type=dict[str, _Known]))
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

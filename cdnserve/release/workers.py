"""Workers: processes that encode blobs side by side, one for each core.

Never runs the caller's main module again, and never keeps a lock: a worker is a program of its own.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, cast

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.release.blobs import StoreError
from cdnserve.release.encode import Job, Result, encode_all

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
    """Give how many processes this one may have run at the same time."""
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
    command = [sys.executable, "-P", "-m", "cdnserve.release.workers", state]
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

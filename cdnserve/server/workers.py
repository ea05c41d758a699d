"""Workers: processes that share one listening socket, and the parent that keeps them running.

Never serves in the parent: it builds releases, and each worker takes them up from the store.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess

from cdnserve.server.settings import Settings
from cdnserve.server.watch import rebuild

logger = logging.getLogger("cdnserve")

_START_SECONDS = 30
# A worker that dies sooner than this is started again only after a pause.
_SHORT_LIFE_SECONDS = 1.0

Work = Callable[[Settings, socket.socket, Callable[[], None]], None]


class Workers:
    """As many worker processes as the settings say; one that dies is replaced, the others don't notice."""

    def __init__(self, work: Work, settings: Settings, listener: socket.socket) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._work = work
        self._settings = settings
        self._listener = listener
        self._ready = self._context.Semaphore(0)
        self._processes: list[SpawnProcess] = []
        self._stopping = threading.Event()

    def run(self, on_started: Callable[[], None]) -> bool:
        """Run until SIGTERM or SIGINT, then let all workers drain; tell whether they started."""
        with _handling(self._stopping), self._building():
            self._processes = [self._start() for _ in range(self._settings.workers)]
            started = self._await_ready()
            if started:
                on_started()
                self._keep_running()
            self._stop()
        return started

    def _start(self) -> SpawnProcess:
        arguments = (self._work, self._settings, self._listener, self._ready)
        process = self._context.Process(target=_in_worker, args=arguments, daemon=True)
        process.start()
        return process

    def _await_ready(self) -> bool:
        deadline = time.monotonic() + _START_SECONDS
        ready = 0
        while ready < len(self._processes) and time.monotonic() < deadline and not self._stopping.is_set():
            ready += self._ready.acquire(timeout=0.1)
            if any(process.exitcode is not None for process in self._processes):
                return False
        return ready == len(self._processes)

    def _keep_running(self) -> None:
        begun = time.monotonic()
        while not self._stopping.is_set():
            wait([process.sentinel for process in self._processes], timeout=0.2)
            for at, process in enumerate(self._processes):
                if process.exitcode is not None and not self._stopping.is_set():
                    logger.error("worker %s ended with %s and is replaced", process.pid, process.exitcode)
                    if time.monotonic() - begun < _SHORT_LIFE_SECONDS:
                        self._stopping.wait(_SHORT_LIFE_SECONDS)
                    begun = time.monotonic()
                    self._processes[at] = self._start()

    def _stop(self) -> None:
        # Else who comes while the workers drain would wait in the backlog, for nobody.
        self._listener.close()
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join()

    @contextmanager
    def _building(self) -> Iterator[None]:
        builder = threading.Thread(target=self._build, daemon=True)
        builder.start()
        try:
            yield
        finally:
            self._stopping.set()
            builder.join()

    def _build(self) -> None:
        asyncio.run(self._rebuild())

    async def _rebuild(self) -> None:
        stop = asyncio.Event()
        task = asyncio.create_task(rebuild(self._settings, stop))
        await asyncio.to_thread(self._stopping.wait)
        stop.set()
        await task


def _in_worker(work: Work, settings: Settings, listener: socket.socket, ready: threading.Semaphore) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    work(settings, listener, ready.release)


def _end_with_parent() -> None:
    """Drain when the parent is gone, however it ended: nobody would build releases or stop this worker."""
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def _handling(stopping: threading.Event) -> Iterator[None]:
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: stopping.set()) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

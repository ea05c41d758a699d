"""The supervisor: it builds releases, and keeps the workers running, which share one listening socket."""

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
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from queue import SimpleQueue

from cdnserve.server.access_log import WORKER_REPLACED, event
from cdnserve.server.contents import scrub
from cdnserve.server.metrics_shared import SharedMetrics, SupervisorMetrics
from cdnserve.server.process import log_delay, log_drain, log_drained
from cdnserve.server.replica import source_of
from cdnserve.server.settings import ServerSettings
from cdnserve.server.watch import Terminal

logger = logging.getLogger("cdnserve")

_START_SECONDS = 30
_PAUSE_SECONDS = 0.1
# A worker that dies sooner than this is started again only after a pause.
_SHORT_LIFE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """What a worker is given: sockets to listen on, the numbers it shares with others, and its own number."""

    listener: socket.socket
    admin: socket.socket | None
    shared: SharedMetrics
    number: int = 1


Work = Callable[[ServerSettings, WorkerContext, Callable[[], None]], None]


class Supervisor:
    """As many worker processes as the settings say; one that dies is replaced, the others don't notice."""

    def __init__(self, work: Work, settings: ServerSettings, context: WorkerContext) -> None:
        self._spawn = multiprocessing.get_context("spawn")
        self._work = work
        self._settings = settings
        self._context = context
        self._metrics = SupervisorMetrics(context.shared)
        self._ready = self._spawn.Semaphore(0)
        self._processes: list[SpawnProcess] = []
        self._stopping = threading.Event()
        self._hurries = False
        self._terminal = Terminal()
        # What the builder does besides watching: build now (True), or end. A signal handler may put into it any time.
        self._calls = SimpleQueue[bool]()

    def run(self, on_started: Callable[[], None]) -> bool:
        """Run until SIGTERM or SIGINT, then let all workers drain; return `False` if they could not start."""
        with _handling(self._take_signal), self._building():
            self._processes = [self._start(at) for at in range(1, self._settings.workers + 1)]
            started = self._await_ready()
            # Whoever ends it that early has not seen it fail.
            failed = not started and not self._stopping.is_set()
            if started:
                on_started()
                self._keep_running()
                self._delay()
                self._settings.notices.stopping()
                log_drain(self._settings.drain_seconds)
            began = time.monotonic()
            self._stop()
            if started:
                log_drained(time.monotonic() - began)
        return not failed

    def _take_signal(self, number: int, _: object) -> None:
        if number == signal.SIGHUP and not self._terminal.is_gone():
            self._calls.put(True)
            return
        self._hurries = self._stopping.is_set() or number == signal.SIGINT
        self._stopping.set()
        self._calls.put(False)

    def _delay(self) -> None:
        """Let the workers serve on while load balancers see that /-/ready fails."""
        self._metrics.draining = True
        if not self._settings.shutdown_delay or self._hurries:
            return
        log_delay(self._settings.shutdown_delay)
        ends = time.monotonic() + self._settings.shutdown_delay
        while time.monotonic() < ends and not self._hurries:
            time.sleep(_PAUSE_SECONDS)

    def _start(self, number: int) -> SpawnProcess:
        arguments = (self._work, self._settings, replace(self._context, number=number), self._ready)
        process = self._spawn.Process(target=_in_worker, args=arguments, daemon=True)
        process.start()
        return process

    def _await_ready(self) -> bool:
        deadline = time.monotonic() + _START_SECONDS
        ready = 0
        while ready < len(self._processes) and time.monotonic() < deadline and not self._stopping.is_set():
            ready += self._ready.acquire(timeout=0.1)
            if any(process.exitcode is not None for process in self._processes):
                return False
        if ready < len(self._processes) and not self._stopping.is_set():
            logger.error("the workers were not ready within %d seconds", _START_SECONDS)
        return ready == len(self._processes)

    def _keep_running(self) -> None:
        begun = notified = time.monotonic()
        while not self._stopping.is_set():
            wait([process.sentinel for process in self._processes], timeout=0.2)
            if time.monotonic() >= notified + 1:
                notified = time.monotonic()
                self._settings.notices.alive()
            for number, process in enumerate(self._processes, 1):
                if process.exitcode is not None and not self._stopping.is_set():
                    self._log_replaced(number, process)
                    if time.monotonic() - begun < _SHORT_LIFE_SECONDS:
                        self._stopping.wait(_SHORT_LIFE_SECONDS)
                    begun = time.monotonic()
                    self._processes[number - 1] = self._start(number)

    def _log_replaced(self, number: int, process: SpawnProcess) -> None:
        self._metrics.count_restart(number)
        facts = event(WORKER_REPLACED, worker=number, pid=process.pid, status=process.exitcode)
        logger.error("worker %s ended with %s and is replaced", process.pid, process.exitcode, extra=facts)

    def _stop(self) -> None:
        # Else whoever connects while the workers drain would wait in the backlog for nobody.
        self._context.listener.close()
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join()

    @contextmanager
    def _building(self) -> Iterator[None]:
        builder = threading.Thread(target=lambda: asyncio.run(self._rebuild()), daemon=True)
        builder.start()
        try:
            yield
        finally:
            self._stopping.set()
            self._calls.put(False)
            builder.join()

    def _next_call(self) -> bool:
        """Wait for what the builder does next; whatever was asked for while it built is asked for once."""
        builds = self._calls.get()
        while not self._calls.empty():
            builds = self._calls.get() and builds
        return builds

    async def _rebuild(self) -> None:
        stop = asyncio.Event()
        source = source_of(self._settings, self._metrics)
        task = asyncio.create_task(source.follow(self._settings, stop, self._metrics.count_build))
        # Here, so that one process does it for all.
        scrubbing = asyncio.create_task(scrub(self._metrics.count_damage, self._settings, stop))
        while await asyncio.to_thread(self._next_call) and not self._stopping.is_set():
            with self._settings.notices.reloading():
                await source.look(self._settings, self._metrics.count_build)
        stop.set()
        await task
        await scrubbing


def _in_worker(work: Work, settings: ServerSettings, context: WorkerContext, ready: threading.Semaphore) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    work(settings, context, ready.release)


def _end_with_parent() -> None:
    """Drain when the parent is gone, however it ended: nobody would build releases or stop this worker."""
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def _handling(handler: Callable[[int, object], None]) -> Iterator[None]:
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, handler) for number in signals}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)

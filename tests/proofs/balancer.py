"""A balancer as Kubernetes' Services are: it gives each connection to a server that says it is ready.

Never looks into what it carries, and never moves a connection.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

Address = tuple[str, int]

_PROBE = b"GET /-/ready HTTP/1.1\r\nHost: balancer.example\r\nConnection: close\r\n\r\n"
_EVERY_SECONDS = 0.1
_PIECE = 1 << 16


class Balancer:
    """Listens on a free port; runs in a thread of its own."""

    def __init__(self) -> None:
        self.address: Address = ("", 0)
        self.started = threading.Event()
        self._stop = asyncio.Event()
        self._known: set[Address] = set()
        self._ready: list[Address] = []
        self._turn = itertools.count()
        self._probed = threading.Condition()

    def add(self, server: Address) -> None:
        """Learn of a server, and wait until it gets connections."""
        with self._probed:
            self._known.add(server)
            assert self._probed.wait_for(lambda: server in self._ready, 30)

    def wait_without(self, server: Address) -> None:
        """Wait until a server gets no connections any more."""
        with self._probed:
            assert self._probed.wait_for(lambda: server not in self._ready, 30)

    def forget(self, server: Address) -> None:
        """Forget a server that has ended."""
        with self._probed:
            self._known.discard(server)

    async def run(self) -> None:
        """Carry connections and probe servers, until told to stop."""
        self._loop = asyncio.get_running_loop()
        async with await asyncio.start_server(self._carry, "127.0.0.1", 0, backlog=512) as listener:
            self.address = listener.sockets[0].getsockname()
            self.started.set()
            while not self._stop.is_set():
                known = sorted(self._known)
                answers = await asyncio.gather(*map(_is_ready, known))
                with self._probed:
                    self._ready = [server for server, ready in zip(known, answers, strict=True) if ready]
                    self._probed.notify_all()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), _EVERY_SECONDS)
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()

    def stop(self) -> None:
        """Tell it to stop."""
        self._loop.call_soon_threadsafe(self._stop.set)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = self._ready[next(self._turn) % len(self._ready)]
        inner, outer = await asyncio.open_connection(host, port)
        await asyncio.gather(_pump(reader, outer), _pump(inner, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        with suppress(OSError):
            while piece := await reader.read(_PIECE):
                writer.write(piece)
                await writer.drain()
    finally:
        writer.close()


async def _is_ready(server: Address) -> bool:
    try:
        reader, writer = await asyncio.open_connection(*server)
    except OSError:
        return False
    try:
        writer.write(_PROBE)
        return (await reader.read()).startswith(b"HTTP/1.1 200 ")
    except OSError:
        return False
    finally:
        writer.close()


@contextmanager
def balancing() -> Iterator[Balancer]:
    """Run a balancer while the block runs."""
    balancer = Balancer()
    thread = threading.Thread(target=lambda: asyncio.run(balancer.run()), daemon=True)
    thread.start()
    assert balancer.started.wait(30)
    try:
        yield balancer
    finally:
        balancer.stop()
        thread.join(30)

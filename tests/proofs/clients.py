"""Clients that ask on connections which they keep, as fast as they are answered, until told to stop.

Never judges an answer: what each was given, and whether its connection broke, is for the tests.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from tests.contract.wire import Connection, FramingError, Response


class Client:
    """One connection, in a thread."""

    def __init__(self, connection: Connection, requests: list[bytes], take: Callable[[Response], None]) -> None:
        self.connection = connection
        self.answers = 0
        self.broken: Exception | None = None
        self.failure: BaseException | None = None
        self._requests, self._take = requests, take
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                for request in self._requests:
                    self._take(self.connection.exchange(request))
                    self.answers += 1
        except (OSError, FramingError) as error:
            self.broken = error
        except BaseException as failure:
            self.failure = failure

    def stop(self) -> None:
        """Let it end after the answers to a round of requests."""
        self._stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive()


@contextmanager
def asking(
    connections: list[Connection], requests: list[bytes], take: Callable[[int, Response], None]
) -> Iterator[list[Client]]:
    """Have a client ask on each connection while the block runs; `take` gets each answer, with its client's number."""
    with ExitStack() as stack:
        for connection in connections:
            stack.enter_context(connection)
        clients = [Client(connection, requests, partial(take, number)) for number, connection in enumerate(connections)]
        for client in clients:
            stack.callback(client.stop)
        yield clients

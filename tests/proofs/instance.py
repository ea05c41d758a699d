"""`cdnserve serve` as a service runs it: several beside each other, on sockets of their own or on one that they share.

Never outlives its block, and neither do its workers.
"""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cli.processes import COMMAND, UNMEASURED, Serving, environment
from tests.contract.wire import Connection, Response, message

PATIENCE = 30


@dataclass(frozen=True, slots=True)
class Instance:
    """One running server."""

    address: tuple[str, int]
    server: Serving

    @property
    def process(self) -> int:
        """The process that was started; workers are children of it."""
        return self.server.process.pid

    def connect(self) -> Connection:
        """Open a connection of one's own."""
        return Connection(self.address, PATIENCE)

    def get(self, target: str, *fields: tuple[str, str]) -> Response:
        """GET on a connection of its own."""
        with self.connect() as connection:
            return connection.exchange(message("GET", target, fields))

    def refuses(self) -> bool:
        """Return whether nobody listens any more."""
        try:
            self.connect().close()
        except ConnectionRefusedError:
            return True
        return False

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process that was started."""
        self.server.process.send_signal(number)

    def end(self) -> int:
        """Send SIGTERM, wait for the end, and give the exit status."""
        self.signal(signal.SIGTERM)
        return self.ended()

    def ended(self) -> int:
        """Wait for the end, and give the exit status."""
        return self.server.process.wait(PATIENCE)

    def told(self) -> list[str]:
        """Return the lines on standard error, once the server has ended."""
        return self.server.stderr.rest()


@contextmanager
def instance(root: Path, *options: str, listener: socket.socket | None = None) -> Iterator[Instance]:
    """Run a server on a free port, or on a socket that listens already."""
    where = ("--port", "0") if listener is None else ("--fd", str(listener.fileno()))
    process = subprocess.Popen(
        [*COMMAND, "serve", str(root), *where, *options],
        cwd=root.parent,
        env=environment(**UNMEASURED),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=() if listener is None else (listener.fileno(),),
    )
    with process:
        try:
            server = Serving(process)
            host, _, port = server.stdout.until("listening on").rpartition("//")[2].rpartition(":")
            yield Instance((host, int(port)), server)
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()

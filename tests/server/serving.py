"""A server in a process of its own, as `cdnserve serve` runs it, with settings that a test chooses.

Never outlives the block that it was started for, and never listens anywhere but on a free loopback port.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from cdnserve.server.settings import ServerLimits, ServerSettings
from tests.contract.wire import Connection, Response, message
from tests.forked import Forked

LANES = ("fast", "asgi")
PATIENCE = 60
_PROJECT = Path(__file__).parents[2]

_LAUNCH = """
import logging, pickle, sys
from cdnserve.server.run import run
logging.basicConfig(format="%(levelname)s %(message)s", level="INFO")
settings = pickle.loads(bytes.fromhex(sys.argv[1]))
sys.exit(0 if run(settings, lambda url: print(url, flush=True)) else 1)
"""


def settings(root: Path, state: Path, lane: str = "fast", limits: ServerLimits | None = None) -> ServerSettings:
    """Return settings for a lane, on a free port."""
    return ServerSettings(root, state, port=0, fast_lane=lane == "fast", limits=limits or ServerLimits())


@dataclass(slots=True)
class Served:
    """A running server: where it listens, what it logs, and its process."""

    address: tuple[str, int]
    log: Path
    process: subprocess.Popen[bytes]
    _output: Path

    def written(self) -> list[str]:
        """Return the lines on standard output, below the address; not one that is being written."""
        return self._output.read_text().rpartition("\n")[0].splitlines()[1:]

    def connect(self, timeout: float = PATIENCE) -> Connection:
        """Open a connection of one's own."""
        return Connection(self.address, timeout)

    def get(self, target: str, *fields: tuple[str, str]) -> Response:
        """GET on a connection of its own."""
        with self.connect() as connection:
            return connection.exchange(message("GET", target, fields))

    def told(self) -> str:
        """Return what was logged so far."""
        return self.log.read_text(errors="replace")

    def terminate(self) -> None:
        """Ask the server to drain and end."""
        self.process.send_signal(signal.SIGTERM)

    def ended(self) -> int:
        """Wait for the end; gives the exit status."""
        return self.process.wait(PATIENCE)

    def resident(self) -> int:
        """Return the resident memory in octets."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def opened(self) -> set[str]:
        """Return what the open descriptors lead to."""
        return opened(self.process.pid)

    def descriptors(self) -> int:
        """Count the open descriptors."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


def opened(process: int) -> set[str]:
    """Return what the open descriptors of a process lead to."""
    found = set()
    with suppress(OSError):  # the process may end meanwhile, and descriptors be closed
        for link in Path(f"/proc/{process}/fd").iterdir():
            with suppress(OSError):
                found.add(os.readlink(link))
    return found


def eventually(is_so: Callable[[], bool]) -> bool:
    """Return whether something comes true while patience lasts."""
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@contextmanager
def serving(wanted: ServerSettings, log: Path, descriptors: tuple[int, ...] = ()) -> Iterator[Served]:
    """Serve the current release until the block ends, in a process that is passed descriptors."""
    packed = pickle.dumps(replace(wanted, root=wanted.root.resolve(), state=wanted.state.resolve())).hex()
    output = log.with_suffix(".out")
    with log.open("wb") as errors, output.open("wb") as lines:
        command = [sys.executable, "-c", _LAUNCH, packed]
        process = Forked(command, stdout=lines, stderr=errors, cwd=_PROJECT, pass_fds=descriptors)
        try:
            assert eventually(lambda: process.poll() is not None or output.read_bytes().count(b"\n") > 0)
            assert process.poll() is None, log.read_text()
            yield Served(_address(output.read_text().split("\n")[0]), log, process, output)
        finally:
            _stop(process)


def _address(url: str) -> tuple[str, int]:
    if url.startswith("unix:"):
        return url.removeprefix("unix:"), 0
    host, _, port = url.partition("://")[2].rpartition(":")
    return host.strip("[]"), int(port)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

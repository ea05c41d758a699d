"""Commands as processes of their own: in pipes, on a pseudo-terminal, or serving.

Never leaves one behind.
"""

from __future__ import annotations

import fcntl
import os
import pty
import queue
import re
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tests.forked import COVERAGE, Forked, run

HERE = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "cdnserve")
SECONDS = 60

UNMEASURED = {COVERAGE: ""}
"""For the environment of a child whose modules or stderr are looked at: measuring it would load some and warn there."""


def environment(**more: str) -> dict[str, str]:
    """Return an environment in which this checkout is what runs, on a plain terminal, with buffers as usual."""
    dropped = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "PYTHONUNBUFFERED")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return {**kept, "PYTHONPATH": str(HERE), "TERM": "xterm-256color", **more}


def run_in_pipe(*arguments: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command with both outputs in pipes."""
    return run([*COMMAND, *arguments], cwd=cwd, env=environment(**more), text=True)


def run_on_terminal(*arguments: str, cwd: Path, columns: int = 100, typed: bytes = b"", **more: str) -> tuple[int, str]:
    """Run a command on a terminal, where somebody has typed ahead; give the exit status and all that was written."""
    leader, follower = pty.openpty()
    try:
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        process = Forked(
            [*COMMAND, *arguments], cwd=cwd, env=environment(**more), stdin=follower, stdout=follower, stderr=follower
        )
    finally:
        os.close(follower)
    try:
        os.write(leader, typed)
        written = b"".join(_pieces(leader))
        return process.wait(SECONDS), written.decode()
    finally:
        process.kill()
        process.wait()
        os.close(leader)


def bare(written: str) -> str:
    """Return what a terminal shows without colours and movements of the cursor."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written)


def _pieces(leader: int) -> Iterator[bytes]:
    while True:
        try:
            piece = os.read(leader, 4096)
        except OSError:  # how Linux says that the last process has closed the terminal
            return
        if not piece:
            return
        yield piece


class Lines:
    """The lines of a stream as they come."""

    def __init__(self, stream: IO[str]) -> None:
        self.seen: list[str] = []
        self._coming: queue.Queue[str | None] = queue.Queue()
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self._coming.put(line.rstrip("\n"))
        self._coming.put(None)

    def until(self, part: str) -> str:
        """Wait for a line with this part in it."""
        while (line := self._coming.get(timeout=SECONDS)) is not None:
            self.seen.append(line)
            if part in line:
                return line
        raise AssertionError(f"no line with {part!r} in {self.seen}")

    def rest(self) -> list[str]:
        """Wait for the end, and give all lines."""
        while (line := self._coming.get(timeout=SECONDS)) is not None:
            self.seen.append(line)
        return self.seen


class Serving:
    """A running `cdnserve serve`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout
        assert process.stderr
        self.process = process
        self.stdout, self.stderr = Lines(process.stdout), Lines(process.stderr)

    def stop(self, number: int) -> int:
        """Send a signal and give the exit status."""
        self.process.send_signal(number)
        return self.process.wait(SECONDS)


@contextmanager
def serving(*arguments: str, cwd: Path, **more: str) -> Iterator[Serving]:
    """Run `cdnserve serve` in pipes while the block runs."""
    process = Forked(
        [*COMMAND, "serve", *arguments],
        cwd=cwd,
        env=environment(**more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield Serving(process)
        finally:
            process.kill()

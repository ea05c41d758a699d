"""Load: h2load, which counts every request that got no whole answer, again and again until told to stop.

Never goes on without a pause: between two runs others get their turn.
"""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

_SECONDS = 60
_PAUSE_SECONDS = 0.02
_REQUESTS = re.compile(
    r"requests: (\d+) total, (\d+) started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout"
)
_STATUSES = re.compile(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx")


@dataclass(slots=True)
class Count:
    """What became of the requests: `lost` got no answer, `refused` another than 2xx; `runs` of h2load, to tell."""

    good: int = 0
    lost: int = 0
    refused: int = 0
    runs: list[str] = field(default_factory=list)

    def add(self, output: str) -> None:
        """Count what one run says."""
        requests, statuses = _REQUESTS.search(output), _STATUSES.search(output)
        assert requests, output
        assert statuses, output
        total, *_, failed, errored, timeout = map(int, requests.groups())
        good, *refused = map(int, statuses.groups())
        # What h2load never came to is lost as well.
        lost = total - good - sum(refused)
        assert lost >= failed - sum(refused), output
        self.good += good
        self.lost += max(lost, errored, timeout)
        self.refused += sum(refused)
        if lost or sum(refused):
            self.runs.append(output)


def run(urls: Sequence[str], *options: str) -> str:
    """Run h2load once; give what it prints."""
    # Its --rps would pace it, but with that it asks no more after a reconnect.
    command = ["h2load", "--h1", f"--connection-inactivity-timeout={_SECONDS}s", *options, *urls]
    done = subprocess.run(command, capture_output=True, text=True, timeout=2 * _SECONDS, check=False)
    return done.stdout + done.stderr


class Load:
    """Runs of h2load in a thread."""

    def __init__(self, urls: Sequence[str], *options: str) -> None:
        self.count = Count()
        self._urls, self._options = urls, options
        self._stop = threading.Event()
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._stop.wait(_PAUSE_SECONDS):
                self.count.add(run(self._urls, *self._options))
        except BaseException as failure:
            self._failed = failure

    def stop(self) -> Count:
        """End after the run under way; give what was counted."""
        self._stop.set()
        self._thread.join()
        if self._failed:
            raise self._failed
        return self.count


@contextmanager
def loaded(urls: Sequence[str], *, kept: int) -> Iterator[dict[str, Count]]:
    """While the block runs, ask on connections that are kept alive, and on one for each request; then give the counts.

    `kept` requests are asked on four connections before these are closed.
    """
    loads = {
        "kept alive": Load(urls, "-n", str(kept), "-c", "4"),
        "short": Load(urls, "-n", "60", "-c", "3", "-H", "connection: close"),
    }
    counts: dict[str, Count] = {}
    try:
        yield counts
    finally:
        counts |= {name: load.stop() for name, load in loads.items()}

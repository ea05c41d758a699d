"""SIGHUP: look again, now: build what has changed, and take up the current release.

Never ends a server by itself, but where the terminal that it ran on was closed.
"""

from __future__ import annotations

import asyncio
import os
import signal

from cdnserve.server.live import Live
from cdnserve.server.settings import Settings
from cdnserve.server.watch import OnBuild, look_again, take_up


class Terminal:
    """The terminal that the process was started from, if any."""

    def __init__(self) -> None:
        self._was_there = _is_there()

    def is_gone(self) -> bool:
        """Tell whether it was closed since: then SIGHUP means what it always meant."""
        return self._was_there and not _is_there()


def _is_there() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


async def obey_hangups(live: Live, settings: Settings, stop: asyncio.Event, on_build: OnBuild) -> None:
    """Build and take up at each SIGHUP until told to stop; only in the main thread, which has the signals."""
    loop, terminal, hung_up = asyncio.get_running_loop(), Terminal(), asyncio.Event()
    before = signal.getsignal(signal.SIGHUP)
    loop.add_signal_handler(signal.SIGHUP, hung_up.set)
    stopping = asyncio.create_task(stop.wait())
    try:
        while await _comes_first(hung_up, stopping):
            hung_up.clear()
            if terminal.is_gone():
                os.kill(os.getpid(), signal.SIGTERM)
                continue
            with settings.notices.reloading():
                await look_again(settings, on_build)
                # Where the kernel tells of no change, nobody else would look for a minute.
                await take_up(live)
    finally:
        stopping.cancel()
        loop.remove_signal_handler(signal.SIGHUP)
        signal.signal(signal.SIGHUP, before)


async def _comes_first(event: asyncio.Event, stopping: asyncio.Task[bool]) -> bool:
    waiting = asyncio.create_task(event.wait())
    await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    return not stopping.done()

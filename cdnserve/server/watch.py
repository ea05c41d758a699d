"""Watching: files that change become a new release, and a new release is served, while requests go on.

A build that fails is logged, and the last good release stays; a root that is being written has to rest first.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Collection, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Literal

from watchfiles import Change, awatch

from cdnserve.display import printable, readable_size
from cdnserve.errors import ConfigurationError, Problem
from cdnserve.release.blobs import StoreError
from cdnserve.release.build import build, look
from cdnserve.release.catalog import Catalog
from cdnserve.release.read import SETTLING_SECONDS, still_written
from cdnserve.release.scan import Look
from cdnserve.release.store import is_denied, store_problem
from cdnserve.release.writer import Built, Phase, Silence
from cdnserve.server.access_log import BUILD, ENCODING, RECOVERED, SWAP, WAITING, event, refusal
from cdnserve.server.live import Live
from cdnserve.server.settings import ServerSettings

logger = logging.getLogger("cdnserve")

_DEBOUNCE_MS = 200
# Not every change is told: not those between the first build and the watch, on some file systems, or of a root that
# was replaced as a whole.
_LOOK_AGAIN_MS = 60_000
# So often the root may be found in motion; then all that rests in it is taken, and the rest is left as it was.
_LOOKS = 10
_SERVED_ON = "the last good release is served on"

Outcome = Literal["made", "unchanged", "refused", "failed"]
OnBuild = Callable[[Outcome], None]
Watcher = Callable[[ServerSettings, asyncio.Event, OnBuild], Coroutine[None, None, None]]
LookNow = Callable[[ServerSettings, OnBuild], Coroutine[None, None, None]]


def _unheard(_: Outcome) -> None:
    """Take no notice of how builds end."""


async def rebuild(settings: ServerSettings, stop: asyncio.Event, on_build: OnBuild = _unheard) -> None:
    """Build a release whenever manifest, lock or files have changed; `on_build` gets to know how each build ends."""
    root = settings.root.resolve()
    state = settings.state.resolve()

    def concerns_us(_: Change, path: str) -> bool:
        return not Path(path).is_relative_to(state)

    looks = awatch(
        root,
        watch_filter=concerns_us,
        debounce=_DEBOUNCE_MS,
        stop_event=stop,
        yield_on_timeout=True,
        rust_timeout=_LOOK_AGAIN_MS,
    )
    builder, looked = _Builder(settings, stop), asyncio.Event()
    looked.set()
    completing = asyncio.create_task(_complete(builder, settings, looked, stop, on_build))
    try:
        async for changes in looks:
            async for outcome in builder.build_rested(again=bool(changes)):
                on_build(outcome)
            looked.set()
    finally:
        completing.cancel()
        with suppress(asyncio.CancelledError):
            await completing


async def _complete(
    builder: _Builder, settings: ServerSettings, looked: asyncio.Event, stop: asyncio.Event, on_build: OnBuild
) -> None:
    """Whenever somebody has looked: encode in the background what the release lacks, then release it."""
    state = str(settings.state.resolve())
    while not stop.is_set():
        await looked.wait()
        looked.clear()
        if await _encode_beside(state):
            async for outcome in builder.build_rested(again=False):
                on_build(outcome)


async def _encode_beside(state: str) -> bool:
    """Encode in a thread for which nobody waits at the end: a large piece may take it long."""
    loop, stopped = asyncio.get_running_loop(), threading.Event()
    done: asyncio.Future[bool] = loop.create_future()

    def tell(made: bool) -> None:
        if not done.cancelled():
            done.set_result(made)

    def work() -> None:
        made = False
        try:
            made = _encode(state, stopped)
        except Exception:  # be it a module that can't be loaded: somebody waits for the end
            logger.exception(_SERVED_ON)
        with suppress(RuntimeError):  # the loop may have ended
            loop.call_soon_threadsafe(tell, made)

    threading.Thread(target=work, name="second stage", daemon=True).start()
    try:
        return await done
    finally:
        stopped.set()


def _encode(state: str, stopped: threading.Event) -> bool:
    from cdnserve.release.encode import EncodingStoppedError  # noqa: PLC0415 - a server whose release is complete needs neither
    from cdnserve.release.make import encode_rest  # noqa: PLC0415

    try:
        return encode_rest(state, stopped, _EncodingLog())
    except EncodingStoppedError:
        pass
    except StoreError as failure:
        if not is_denied(failure):  # a protected state is served as it is
            logger.warning("%s", store_problem(failure, state))
    except ConfigurationError as error:
        _log_refusal(error)
    return False


class _EncodingLog(Silence):
    """Logs that codings follow in the background."""

    def start(self, phase: Phase, files: int, octets: int) -> None:  # the protocol's signature
        """Log how much there is to do."""
        message = "%d codings of %s follow in the background"
        logger.info(message, files, readable_size(octets), extra=event(ENCODING, codings=files, octets=octets))


async def look_again(settings: ServerSettings, on_build: OnBuild = _unheard) -> None:
    """Build what has changed, now, and tell every problem again."""
    if outcome := await _Builder(settings, asyncio.Event()).build(again=True, rested=False):
        on_build(outcome)


class _Builder:
    """Builds, and remembers what was told: the problems, and the files that are waited for."""

    def __init__(self, settings: ServerSettings, stop: asyncio.Event) -> None:
        self._settings = settings
        self._stop = stop
        self._told: tuple[Problem, ...] = ()
        self._seen: Look | None = None
        self._waits_for: tuple[str, ...] = ()
        self._building = asyncio.Lock()

    async def build_rested(self, *, again: bool) -> AsyncIterator[Outcome]:
        """Build once the root rests, and again while files were left as they were because they are being written."""
        outcome = await self.build(again=again)
        while outcome or self._waits_for:
            if outcome:
                yield outcome
            outcome = await self.build(again=False) if self._waits_for else None

    async def build(self, *, again: bool, rested: bool = True) -> Outcome | None:
        """Build once, unless there is nothing to do; problems that were told before are told only `again`."""
        async with self._building:
            return await self._build(again=again, rested=rested)

    async def _build(self, *, again: bool, rested: bool) -> Outcome | None:
        try:
            seen = await (self._rested() if rested else self._look())
            if self._stop.is_set() or await asyncio.to_thread(self._is_as_left, seen):
                return None
            built = await asyncio.to_thread(build, self._settings.root, self._settings.state, quick=True, seen=seen)
        except ConfigurationError as error:
            if again or error.problems != self._told:
                _log_refusal(error)
            self._told, self._waits_for = error.problems, ()
            return "refused"
        except Exception:  # whatever it is, the next change gets its turn
            logger.exception(_SERVED_ON)
            self._told, self._waits_for = (), ()
            return "failed"
        self._log_built(built)
        self._seen = seen
        return "made" if built.changed else "unchanged"

    async def _look(self, before: Look | None = None) -> Look:
        return await asyncio.to_thread(look, self._settings.root, self._settings.state, before)

    async def _rested(self) -> Look:
        """Look until nothing is otherwise than a settling time before; after many looks something may still be."""
        seen = await self._look()
        for turn in range(_LOOKS):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), SETTLING_SECONDS)
            seen = await self._look(seen)
            if not seen.unquiet or self._stop.is_set():
                break
            if turn == 1:
                _log_waiting("waiting until nothing is written here any more", seen.unquiet)
        return seen

    def _is_as_left(self, seen: Look) -> bool:
        before, paths = self._seen, self._waits_for
        if not before or not paths or (before.tree, before.governing) != (seen.tree, seen.governing):
            return False
        return still_written(seen.tree.root, map(seen.tree.real, paths))

    def _log_built(self, built: Built) -> None:
        if self._told:
            logger.info("the build works again", extra=event(RECOVERED))
        if built.changed:
            logger.info("release %d is built", built.number, extra=event(BUILD, release=built.number))
            for warning in built.warnings:
                if warning.reference != "file-unstable":  # told below, and once
                    logger.warning("%s", warning)
        for problem in built.damage:
            logger.warning("%s", problem)
        if set(built.unquiet) - set(self._waits_for):
            _log_waiting("left as in the release before until nothing writes them any more", built.unquiet)
        self._told, self._waits_for = (), built.unquiet


def _log_waiting(message: str, paths: Collection[str]) -> None:
    first = min(paths)
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    logger.info("%s: %s%s", message, printable(first), more, extra=event(WAITING, path=first, files=len(paths)))


async def follow(live: Live, stop: asyncio.Event) -> None:
    """Serve each new release of the store as it appears."""
    folder = live.store.state.resolve()

    def is_current(_: Change, path: str) -> bool:
        return path == str(folder / "current")

    looks = awatch(
        folder,
        watch_filter=is_current,
        debounce=_DEBOUNCE_MS,
        stop_event=stop,
        yield_on_timeout=True,
        rust_timeout=_LOOK_AGAIN_MS,
        recursive=False,
    )
    async for _ in looks:
        await take_up(live)


async def take_up(live: Live) -> None:
    """Serve the current release of the store, if it is another than the served one."""
    before = live.origin.catalog.number
    try:
        if await asyncio.to_thread(live.reload):
            _log_swap(before, live.origin.catalog)
    except ConfigurationError as error:
        _log_refusal(error)
    except Exception:
        logger.exception(_SERVED_ON)


def _log_swap(before: int, now: Catalog) -> None:
    facts = event(SWAP, before=before, now=now.number, files=len(now.assets))
    logger.info("release %d is served: %d files are public", now.number, len(now.assets), extra=facts)


def _log_refusal(error: ConfigurationError) -> None:
    for problem in error.problems:
        logger.error("%s", problem)
    logger.error(_SERVED_ON, extra=refusal(error.problems))


class Terminal:
    """The terminal that the process was started from, if any."""

    def __init__(self) -> None:
        self._was_there = _is_there()

    def is_gone(self) -> bool:
        """Return whether it was closed since: then SIGHUP means what it always meant."""
        return self._was_there and not _is_there()


def _is_there() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


async def obey_hangups(
    live: Live, look: LookNow, settings: ServerSettings, stop: asyncio.Event, on_build: OnBuild
) -> None:
    """At each SIGHUP look for a release, and take it up; only in the main thread, which has the signals."""
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
                await look(settings, on_build)
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

"""Watching: files → new release → served, while requests go on.

Never takes the served release down: a build that fails is reported, and the last good one stays.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Literal

from watchfiles import Change, awatch

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.release import build
from cdnserve.release.catalog import Catalog
from cdnserve.server.events import BUILD, RECOVERED, SWAP, event, refusal
from cdnserve.server.live import Live
from cdnserve.server.settings import Settings

logger = logging.getLogger("cdnserve")

_DEBOUNCE_MS = 200
# Not every change is told: not those between the first build and the watch, on some file systems, or of a root that
# was replaced as a whole.
_LOOK_AGAIN_MS = 60_000
_SERVED_ON = "the last good release is served on"

Outcome = Literal["made", "unchanged", "refused", "failed"]
OnBuild = Callable[[Outcome], None]
Watcher = Callable[[Settings, asyncio.Event, OnBuild], Coroutine[None, None, None]]


def _unheard(_: Outcome) -> None:
    """Take no notice of how builds end."""


async def rebuild(settings: Settings, stop: asyncio.Event, on_build: OnBuild = _unheard) -> None:
    """Build a release whenever manifest, lock or files change; `on_build` gets to know how each build ends."""
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
    told: tuple[Problem, ...] = ()
    async for changes in looks:
        outcome, told = await _build(settings, told, again=bool(changes))
        on_build(outcome)


async def look_again(settings: Settings, on_build: OnBuild = _unheard) -> None:
    """Build what has changed, now, and tell every problem again."""
    outcome, _ = await _build(settings, (), again=True)
    on_build(outcome)


async def _build(settings: Settings, told: tuple[Problem, ...], *, again: bool) -> tuple[Outcome, tuple[Problem, ...]]:
    """Build once, and give the problems; those that were told before are told only `again`."""
    try:
        built = await asyncio.to_thread(build, settings.root, settings.state)
    except ConfigurationError as error:
        if again or error.problems != told:
            _tell(error)
        return "refused", error.problems
    except Exception:  # whatever it is, the next change gets its turn
        logger.exception(_SERVED_ON)
        return "failed", ()
    if told:
        logger.info("the build works again", extra=event(RECOVERED))
    if built.changed:
        logger.info("release %d is built", built.number, extra=event(BUILD, release=built.number))
        for warning in built.warnings:
            logger.warning("%s", warning)
    return ("made" if built.changed else "unchanged"), ()


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
            _tell_swap(before, live.origin.catalog)
    except ConfigurationError as error:
        _tell(error)
    except Exception:
        logger.exception(_SERVED_ON)


def _tell_swap(before: int, now: Catalog) -> None:
    facts = event(SWAP, before=before, now=now.number, files=len(now.assets))
    logger.info("release %d is served: %d files are public", now.number, len(now.assets), extra=facts)


def _tell(error: ConfigurationError) -> None:
    for problem in error.problems:
        logger.error("%s", problem)
    logger.error(_SERVED_ON, extra=refusal(error.problems))

"""Watching: files → new release → served, while requests go on.

Never takes the served release down: a build that fails is reported, and the last good one stays.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path

from watchfiles import Change, awatch

from cdnserve.errors import ConfigurationError
from cdnserve.release import build
from cdnserve.server.live import Live
from cdnserve.server.settings import Settings

logger = logging.getLogger("cdnserve")

_DEBOUNCE_MS = 200


Watcher = Callable[[Settings, asyncio.Event], Coroutine[None, None, None]]


async def rebuild(settings: Settings, stop: asyncio.Event) -> None:
    """Build a release whenever manifest, lock or files change."""
    root = settings.root.resolve()
    state = settings.state.resolve()

    def concerns_us(_: Change, path: str) -> bool:
        return not Path(path).is_relative_to(state)

    works = True
    async for _ in awatch(root, watch_filter=concerns_us, debounce=_DEBOUNCE_MS, stop_event=stop):
        worked, works = works, False
        with _reported():
            built = await asyncio.to_thread(build, settings.root, settings.state)
            works = True
            if not worked:
                logger.info("the build works again")
            for warning in built.warnings if built.changed else ():
                logger.warning("%s", warning)
            if built.changed:
                logger.info("release %d is built", built.number)


async def follow(live: Live, stop: asyncio.Event) -> None:
    """Serve each new release of the store as it appears."""
    folder = live.store.state.resolve()

    def is_current(_: Change, path: str) -> bool:
        return path == str(folder / "current")

    async for _ in awatch(folder, watch_filter=is_current, debounce=_DEBOUNCE_MS, stop_event=stop, recursive=False):
        with _reported():
            if await asyncio.to_thread(live.reload):
                catalog = live.origin.catalog
                logger.info("release %d is served: %d files are public", catalog.number, len(catalog.assets))


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except ConfigurationError as error:
        for problem in error.problems:
            logger.error("%s", problem)
        logger.error("the last good release is served on")
    except Exception:  # whatever it is, the next change gets its turn
        logger.exception("the last good release is served on")

"""A replica: it has no files of its own, and takes releases from an object store into its state folder.

There each is as a build leaves it, but that blobs come when they are asked for: so workers serve it as any other.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.files import read_file
from cdnserve.release.blobs import StoreError, remove_state_file, storing, write_state_file
from cdnserve.release.catalog import Catalog, encode
from cdnserve.release.objects import Timeouts
from cdnserve.release.remote import Pointer, open_store
from cdnserve.release.store import POINTER, Store, catalog_name, store_problem, unused
from cdnserve.server.access_log import STORE_BACK, STORE_LOST, event
from cdnserve.server.blob_cache import BlobCache, remove_abandoned
from cdnserve.server.contents import Contents
from cdnserve.server.live import Live
from cdnserve.server.metrics_shared import SupervisorMetrics
from cdnserve.server.replica_contents import ReplicaContents
from cdnserve.server.settings import ReplicaSettings, ServerSettings
from cdnserve.server.watch import LookNow, OnBuild, Watcher, look_again, rebuild

logger = logging.getLogger("cdnserve")

# Who waits for content has no time for more.
TIMEOUTS = Timeouts(connect=5, read=10, whole=300, retries=1)
# A pointer is a few octets: who sends them one by one is as good as gone.
_LOOKING = Timeouts(connect=5, read=10, whole=20, retries=1)
_JITTER = 0.2
_AT_ONCE = 16
# Catalogs that stay, so that a rollback needs nothing of the store.
_KEPT = 5
_SEEN = "seen"
"""The file that says which store this is a cache of, and when the pointer was written that was followed last."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen last of a store: its URL, and when its pointer was written, by its own clock."""

    store: str
    written: float = 0.0


class Replica:
    """The releases of a store in a state folder."""

    def __init__(self, settings: ReplicaSettings, state: Path) -> None:
        self._settings = settings
        self._state = str(state)
        self._local = Store(state)
        self._remote = open_store(settings.store, TIMEOUTS)
        self._pointers = open_store(settings.store, _LOOKING)
        self._pointer: Pointer | None = None
        self._seen = self._prepare()

    def _prepare(self) -> Seen:
        """Make the folder one for this store; refuse one that holds anything else."""
        try:
            seen = _read_seen(self._state) or Seen(self._settings.store)
            if seen.store != self._settings.store or (self._local.numbers() and not _read_seen(self._state)):
                raise ConfigurationError([_of_another(self._state, seen.store)])
            with storing():
                for folder in ("blobs", "releases", "drafts"):
                    os.makedirs(f"{self._state}/{folder}", exist_ok=True)
                remove_abandoned(self._state)
            write_state_file(self._state, _SEEN, _written(seen))
        except StoreError as failure:
            raise ConfigurationError([store_problem(failure, self._state)]) from failure
        return seen

    def look(self) -> bool:
        """Look which release is current, and take it; return whether it is another than before.

        Raises ConfigurationError: then the release before is served on.
        """
        pointer = self._pointers.pointer(self._pointer)
        if pointer is None:
            raise ConfigurationError([_nothing_published(self._settings.store)])
        if pointer is self._pointer:
            return False
        is_other = pointer.number != self._local.pointed()
        if is_other and pointer.content.written < self._seen.written:
            raise ConfigurationError([_old(f"{self._remote.place}/{POINTER}", pointer.number)])
        try:
            self._take(pointer.number)
            seen = Seen(self._seen.store, pointer.content.written)
            write_state_file(self._state, _SEEN, _written(seen))
        except StoreError as failure:
            raise ConfigurationError([store_problem(failure, self._state)]) from failure
        self._pointer, self._seen = pointer, seen
        return is_other

    def _take(self, number: int) -> None:
        try:
            catalog = self._local.read(number)
        except ConfigurationError:
            catalog = self._fetch(number)
        if self._settings.prefetch:
            self._prefetch(catalog)
        if number != self._local.pointed():
            write_state_file(self._state, POINTER, b"%d\n" % number)
            self._remove_old(number)

    def _fetch(self, number: int) -> Catalog:
        catalog = self._remote.read(number)
        name = catalog_name(number)
        if catalog.number != number:
            raise ConfigurationError([_wrong_release(f"{self._remote.place}/{name}", catalog.number)])
        write_state_file(self._state, name, encode(catalog))
        return catalog

    def _prefetch(self, catalog: Catalog) -> None:
        """Fetch what is not here, as far as there is room; what can't be had now is fetched when it is asked for."""
        blobs = BlobCache(self._state, self._remote.blob, self._settings.cache_size)
        items = {item.sha256: item for asset in catalog.assets.values() for item in asset.representations}
        left, wanted = self._settings.cache_size // 2, []
        for item in sorted(items.values(), key=lambda item: item.size):
            left -= item.size
            if left >= 0 and not blobs.has(item):
                wanted.append(item)
        with ThreadPoolExecutor(_AT_ONCE, "prefetch") as threads:
            for done in [threads.submit(blobs.bring, item) for item in wanted]:
                if isinstance(error := done.exception(), ConfigurationError):
                    threads.shutdown(wait=True, cancel_futures=True)
                    raise error

    def _remove_old(self, current: int) -> None:
        """Remove the oldest catalogs, unless a process serves them."""
        with storing():
            for number in [number for number in self._local.numbers() if number != current][:-_KEPT]:
                path = self._local.catalog(number)
                with unused(path) as is_unused:
                    if is_unused:
                        remove_state_file(str(path))


def acquire(settings: ReplicaSettings, state: Path) -> tuple[Problem, ...]:
    """Take the current release before anything is served; return what kept it from that, if one is here already.

    Raises ConfigurationError where there is none to serve.
    """
    try:
        Replica(settings, state).look()
    except ConfigurationError as error:
        if not Store(state).pointed() or error.problems[0].reference == "replica-foreign":
            raise
        return error.problems
    return ()


def open_live(settings: ServerSettings) -> Live:
    """Return what is served: of a replica, contents that come from its store."""
    store = Store(settings.state)
    return Live(store, _contents(settings.replica, store, settings.workers) if settings.replica else None)


def _contents(settings: ReplicaSettings, store: Store, workers: int) -> Contents:
    # Not before it is needed: a folder on a network file system may not be there yet.
    remote = cache(partial(open_store, settings.store, TIMEOUTS))
    blobs = BlobCache(str(store.state), lambda item: remote().blob(item), settings.cache_size, workers)
    return ReplicaContents(store, blobs, settings.patience)


@dataclass(frozen=True, slots=True)
class Source:
    """Where new releases come from: `follow` runs beside the server, and `look` is for SIGHUP."""

    follow: Watcher
    look: LookNow


def source_of(settings: ServerSettings, metrics: SupervisorMetrics) -> Source:
    """Return what brings releases: builds of the root, or a replica's store."""
    if settings.replica is None:
        return Source(rebuild, look_again)
    looker = _Looker(settings.replica, settings.state, metrics)
    return Source(looker.follow, looker.look)


class _Looker:
    """Looks for another release again and again, and tells once what keeps it from that."""

    def __init__(self, settings: ReplicaSettings, state: Path, metrics: SupervisorMetrics) -> None:
        self._settings = settings
        self._state = state
        self._metrics = metrics
        self._replica: Replica | None = None
        self._told: tuple[Problem, ...] = ()
        self._looking = asyncio.Lock()

    async def follow(self, _: ServerSettings, stop: asyncio.Event, __: OnBuild) -> None:
        """Look until told to stop; each replica at times of its own, so that they don't all come at once."""
        while not stop.is_set():
            await self._look()
            pause = self._settings.look_seconds * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 # no secret
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)

    async def look(self, _: ServerSettings, __: OnBuild) -> None:
        """Look now, and tell every problem again."""
        self._told = ()
        await self._look()

    async def _look(self) -> None:
        async with self._looking:
            problems = await asyncio.to_thread(self._problems)
            if self._metrics.note_store(answers=not problems):
                text = "the store does not answer as it should" if problems else "the store answers again"
                logger.log(
                    logging.WARNING if problems else logging.INFO,
                    "%s: what is here is served on" if problems else "%s",
                    text,
                    extra=event(STORE_LOST if problems else STORE_BACK, store=self._settings.store),
                )
            if problems != self._told:
                for problem in problems:
                    logger.error("%s", problem)
            self._told = problems

    def _problems(self) -> tuple[Problem, ...]:
        try:
            self._replica = self._replica or Replica(self._settings, self._state)
            self._replica.look()
        except ConfigurationError as error:
            return error.problems
        except Exception:  # whatever it is, the next look gets its turn
            logger.exception("the store could not be looked at")
            return (_failed(self._settings.store),)
        return ()


def _read_seen(state: str) -> Seen | None:
    try:
        found = json.loads(read_file(f"{state}/{_SEEN}"))
        return Seen(str(found["store"]), float(found["written"]))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _written(seen: Seen) -> bytes:
    return json.dumps({"store": seen.store, "written": seen.written}).encode() + b"\n"


def _of_another(state: str, store: str) -> Problem:
    message = "this folder holds releases of another store, or of a build"
    hint = "give the replica a folder of its own with --state or CDNSERVE_STATE, or empty this one"
    return Problem("replica-foreign", message, state, store, hint)


def _nothing_published(store: str) -> Problem:
    hint = "run cdnserve publish, or correct the URL"
    return Problem("release-missing", "there is no release yet", store, hint=hint)


def _old(place: str, number: int) -> Problem:
    message = "the pointer is older than the one that was followed last, so it is not followed"
    hint = "a cache or a copy in front of the store is behind; after a restore, empty the replicas' state folders"
    return Problem("store-pointer-old", message, place, f"release {number}", hint)


def _wrong_release(place: str, number: int) -> Problem:
    message = "another release lies under this one's name, so it is not served"
    return Problem(
        "store-release-wrong", message, place, f"release {number}", "publish again: that makes a new release"
    )


def _failed(store: str) -> Problem:
    return Problem("store-failed", "the store could not be looked at", store, hint="the log says why")

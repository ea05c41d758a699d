"""Contents of a replica: blobs that are brought on first use, one fetch for all that wait, off the event loop."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from io import BufferedReader

from cdnserve.display import printable
from cdnserve.errors import ConfigurationError
from cdnserve.files import lock
from cdnserve.origin.message import Stored
from cdnserve.release.catalog import Catalog, Representation
from cdnserve.release.store import Store
from cdnserve.server.blob_cache import BlobCache
from cdnserve.server.contents import LARGEST_IN_MEMORY, Awaited, Contents, ContentUnavailableError

logger = logging.getLogger("cdnserve")

# So many are fetched at once by a worker; large ones apart, so that none waits for those.
_AT_ONCE, _LARGE_AT_ONCE = 16, 8
_LARGE = 8 << 20
# For so long nobody asks again for what could not be had, nor for anything where the store can't be reached.
_REST_SECONDS = 1.0
_TOLD_SECONDS = 60.0
_ANYTHING = b""


class ReplicaContents(Contents):
    """The blobs of a replica; a cold one is held back until all of it is here and found right.

    A fetch that takes longer than `patience` seconds goes on, but who asks meanwhile is told to come again.
    """

    is_partial = True
    mending = "they are fetched from the store again"

    def __init__(self, store: Store, cache: BlobCache, patience: float) -> None:
        super().__init__(store)
        self._cache = cache
        self._patience = patience
        cache.in_memory = self._in_memory
        self._threads = ThreadPoolExecutor(_AT_ONCE, "fetch")
        self._large_threads = ThreadPoolExecutor(_LARGE_AT_ONCE, "fetch-large")
        self._flights: dict[bytes, tuple[asyncio.Future[None], float]] = {}  # and when each began
        self._failed: dict[bytes, float] = {}  # when, by digest
        self._logged: dict[str, float] = {}
        self._catalogs: tuple[Catalog, ...] = ()
        self._items: dict[bytes, Representation] = {}

    def load(self, number: int | None) -> Catalog:
        """Read a release; its blobs need not be here."""
        return self._store.read(number)

    def expect(self, catalog: Catalog) -> None:
        """Learn what a release has, besides the one before, from which answers are under way."""
        self._catalogs = (*self._catalogs[-1:], catalog)
        assets = (asset for one in self._catalogs for asset in one.assets.values())
        self._items = {item.sha256: item for asset in assets for item in asset.representations}

    def read(self, stored: Stored) -> bytes | Stored:
        """Read small content and prove it; raises `Awaited` for what is not here."""
        self._cache.used[stored.sha256.hex()] = time.time()
        try:
            return super().read(stored)
        except FileNotFoundError:
            if self._rests(stored.sha256):
                raise _unavailable() from None
            raise Awaited(stored) from None

    def open_blob(self, digest: bytes) -> int:
        """Open a blob; for as long as it is open it is not removed."""
        descriptor = super().open_blob(digest)
        self._cache.used[digest.hex()] = time.time()
        with suppress(OSError):
            lock(descriptor, shared=True)
        return descriptor

    def open(self, stored: Stored) -> tuple[BufferedReader, Callable[[], bool]]:
        """Open a blob that is right; one that is not here is fetched meanwhile, so this is for threads."""
        with suppress(FileNotFoundError):
            return super().open(stored)
        if self._rests(stored.sha256):
            raise _unavailable()
        self._bring(self._items[stored.sha256])
        return super().open(stored)

    async def provide(self, stored: Stored) -> None:
        """Have a blob here, and a large one proved; one fetch is for all who wait."""
        digest = stored.sha256
        item = self._items[digest]
        if self._is_ready(item):
            return
        if digest not in self._flights:
            if self._rests(digest) and not self._cache.has(item):
                raise _unavailable()
            threads = self._large_threads if item.size > _LARGE else self._threads
            flight = asyncio.get_running_loop().run_in_executor(threads, self._bring, item)
            self._flights[digest] = flight, time.monotonic()
            flight.add_done_callback(partial(self._landed, digest))
        flight, began = self._flights[digest]
        try:
            # Since it began: a request that goes from the fast lane to the other one must not wait twice.
            await asyncio.wait_for(asyncio.shield(flight), began + self._patience - time.monotonic())
        except TimeoutError:
            raise _unavailable() from None

    def close(self) -> None:
        """Fetch nothing more."""
        self._cache.is_closed = True
        for threads in (self._threads, self._large_threads):
            threads.shutdown(wait=False, cancel_futures=True)

    def _in_memory(self) -> Collection[bytes]:
        return self.in_memory()

    def _is_ready(self, item: Representation) -> bool:
        try:
            status = os.stat(self._store.blob(item.sha256))
        except OSError:
            return False
        is_small = item.size <= LARGEST_IN_MEMORY
        return status.st_size == item.size and (is_small or self.is_proved(item.sha256, status))

    def _landed(self, digest: bytes, flight: asyncio.Future[None]) -> None:
        del self._flights[digest]
        if not flight.cancelled():
            flight.exception()  # there may be nobody left who waits

    def _bring(self, item: Representation) -> None:
        digest = item.sha256
        try:
            found = self._cache.bring(item)
        except ConfigurationError as error:
            self._note_failure(digest, error)
            raise _unavailable() from error
        except OSError as error:
            self._failed[digest] = time.monotonic()
            self._log("", f"stored bytes can't be kept: {printable(str(error))}")
            raise _unavailable() from error
        if found:
            self.believe(digest, found)
        elif item.size > LARGEST_IN_MEMORY:
            super().open(Stored(digest, 0, item.size))[0].close()

    def _rests(self, digest: bytes) -> bool:
        since = time.monotonic() - _REST_SECONDS
        return max(self._failed.get(digest, since), self._failed.get(_ANYTHING, since)) > since

    def _note_failure(self, digest: bytes, error: ConfigurationError) -> None:
        if len(self._failed) > len(self._items):
            self._failed.clear()
        lost = error.problems[0].reference == "store-unreachable"
        self._failed[_ANYTHING if lost else digest] = time.monotonic()
        for problem in error.problems:
            self._log(problem.reference + ("" if lost else problem.where), str(problem))

    def _log(self, key: str, text: str) -> None:
        now = time.monotonic()
        if now - self._logged.get(key, -_TOLD_SECONDS) >= _TOLD_SECONDS:
            self._logged[key] = now
            logger.error("%s", text)


def _unavailable() -> OSError:
    return ContentUnavailableError("the content can't be had at the moment")

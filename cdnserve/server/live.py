"""The release that is served now: one origin, replaced as a whole.

A request takes `origin` once and keeps it to its end, so no response mixes two releases.
"""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from cdnserve.origin.lookup import Origin
from cdnserve.origin.message import Reply, Request, Stored
from cdnserve.origin.respond import failure, respond
from cdnserve.release.catalog import Asset, Catalog
from cdnserve.release.store import Store, Uses
from cdnserve.server.connection import DescriptorShortage, is_out_of_descriptors
from cdnserve.server.contents import Contents, ContentUnavailableError

if TYPE_CHECKING:
    from cdnserve.web.answers import WebAnswers

logger = logging.getLogger("cdnserve")

# RFC 9110 §10.2.3: after so many seconds it is worth asking again.
_RETRY_AFTER = (b"retry-after", b"5")


class Live:
    """Holds the origin of the store's current release; `reload` swaps it with one assignment."""

    def __init__(self, store: Store, contents: Contents | None = None) -> None:
        self.store = store
        self.shortage = DescriptorShortage()
        self._uses = Uses()
        self._swapping = threading.Lock()
        self.contents = contents or Contents(store)
        # What is damaged is told, and answered with 503: the rest of it is served.
        self.origin = self._take(store.current(), store.read)
        # A catalog holds no cycles and lives long: the garbage collector need not walk it again and again. But only
        # before there are connections: those of that moment would stay for ever.
        gc.freeze()
        self._on_swap: list[Callable[[], None]] = []
        # What answers below `/-/`, once somebody has asked there.
        self.web: WebAnswers | None = None

    def on_swap(self, callback: Callable[[], None]) -> None:
        """Have something done whenever another release has been taken up."""
        self._on_swap.append(callback)

    def reload(self) -> bool:
        """Take up the current release if it is another than the served one; tell whether it was."""
        with self._swapping:
            number = self.store.current()
            if number is None or number == self.origin.catalog.number:
                return False
            self.origin = self._take(number, self.contents.load)
            for callback in self._on_swap:
                callback()
            return True

    def _take(self, number: int | None, load: Callable[[int | None], Catalog]) -> Origin:
        """Load a release, marked as in use before anything of it is read."""
        if number is None:
            return Origin(load(None))  # tells that there is none
        with self._uses.next(self.store.catalog(number)):
            catalog = load(number)
            self.contents.expect(catalog)
            return Origin(catalog)

    def open_web(self) -> WebAnswers:
        """Return what answers below `/-/`; loads it the first time, so call it where that holds up nobody."""
        with self._swapping:
            if self.web is None:
                from cdnserve.web.answers import WebAnswers  # noqa: PLC0415 - whoever serves files alone does without

                self.web = WebAnswers(self.store, self.read)
            return self.web

    def read(self, asset: Asset) -> bytes:
        """Return the content of an asset, proved right; raises OSError where it is damaged or gone."""
        file, _ = self.contents.open(Stored(asset.identity.sha256, 0, asset.identity.size))
        with file:
            return file.read()

    def reply(self, request: Request, origin: Origin) -> Reply:
        """Decide the reply; a defect of ours becomes a 500 that carries the path's CORS headers."""
        try:
            return respond(request, origin)
        except Exception:
            logger.exception("no reply could be decided")
            return failure(request, origin, 500, "The server failed.")

    def lost(self, request: Request, origin: Origin, stored: Stored, error: OSError) -> Reply:
        """Reply for content that the release names and that is damaged or gone, or for which descriptors lack."""
        if is_out_of_descriptors(error):
            self.shortage.log()
            return failure(request, origin, 503, "The server has too many open files.")
        if isinstance(error, ContentUnavailableError):
            reply = failure(request, origin, 503, "The content can't be had at the moment.")
            return replace(reply, headers=(*reply.headers, _RETRY_AFTER))
        self.contents.report(stored)
        return failure(request, origin, 503, "The content is damaged, and is being made again.")

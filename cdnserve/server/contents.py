"""Stored content: proved by its sha256 before the first octet is sent, scrubbed meanwhile, made again if damaged."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Collection
from hashlib import sha256
from io import BufferedReader, BytesIO
from weakref import WeakValueDictionary

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.files import READING, open_file
from cdnserve.origin.message import Stored
from cdnserve.release.blobs import (
    LARGEST_CODED,
    blob_file,
    blob_path,
    is_right,
    read_coded,
    remove_state_file,
    take_stock,
)
from cdnserve.release.catalog import Catalog
from cdnserve.release.scan import Signature, signature
from cdnserve.release.state_files import known_blobs
from cdnserve.release.store import Store
from cdnserve.server.settings import ServerSettings

logger = logging.getLogger("cdnserve")

# Larger content goes from the page cache to the socket, never through the heap.
LARGEST_IN_MEMORY = 256 * 1024
_CHUNK = 1 << 20
# From here on it is faster to look up what the build has proved than to read the blob.
_LARGE = 32 << 20
_MOST_REMEMBERED = 100_000
# So many octets are in memory at most of blobs that lie there only coded, for those who take them slowly.
_MOST_DECODED = 64 << 20
# A file costs the scrubber as much as so many octets, and a pass lasts so many seconds at least.
_LEAST, _PASS_SECONDS = 16 * 1024, 10
_PAUSE_SECONDS = 0.05
_AGAIN_SECONDS = 60.0


_Proof = tuple[Signature, float]
"""The file that was found right, and how often the scrubber had told by then that it is wrong."""


def name_file(name: str, now: Signature) -> str:
    """Return what names the very file that a blob is now: what is made again in its place has another name."""
    return f"{name[:32]} {now[2] % 2**64:x} {now[3] % 2**64:x}"


class Awaited(Exception):
    """Content that `Contents.provide` has to bring before it can be sent."""

    def __init__(self, stored: Stored) -> None:
        self.stored = stored
        super().__init__(stored.sha256.hex())


class ContentUnavailableError(OSError):
    """Content that can't be had at the moment, though nothing here is damaged."""


class _Decoded:
    """The octets of a blob that lies there only coded."""

    __slots__ = ("__weakref__", "octets")

    def __init__(self, octets: bytes) -> None:
        self.octets = octets


class _DecodedFile(BytesIO):
    """A file of them; all share the octets, which are there for as long as one of these is."""

    def __init__(self, decoded: _Decoded) -> None:
        super().__init__(decoded.octets)
        self._decoded = decoded


class Contents:
    """The blobs of a store as one process reads them; `damaged` has the names of those that wait to be made again."""

    is_partial = False
    """Whether blobs may lack that `provide` brings; then a blob stays open for as long as it is being sent."""
    mending = "they are made again if the file is as it was; cdnserve check --deep tells what can't be"
    """What becomes of stored bytes that are damaged."""

    def __init__(self, store: Store) -> None:
        self.damaged: set[str] = set()
        self.told: dict[str, float] = {}  # when, by the name of a blob that is not made again yet
        self.found = asyncio.Event()  # something was damaged
        self.in_memory: Callable[[], Collection[bytes]] = frozenset  # the digests of what is answered without a read
        self._store = store
        self._state = str(store.state)
        self._times_told: Callable[[str], float] = lambda _: 0.0
        self._right: dict[bytes, _Proof] = {}
        self._wrong: dict[bytes, Signature] = {}
        self._decoded: WeakValueDictionary[bytes, _Decoded] = WeakValueDictionary()
        self._one_at_a_time = threading.Lock()

    def follow(self, times_told: Callable[[str], float]) -> None:
        """Believe no proof from before the scrubber told that a file is wrong; this says how often it did."""
        self._times_told = times_told

    def load(self, number: int | None) -> Catalog:
        """Read a release whose contents can be served."""
        return self._store.load(number)

    def expect(self, catalog: Catalog) -> None:
        """Learn which release is served from now on."""

    async def provide(self, stored: Stored) -> None:
        """Bring what is not here. Raises OSError."""

    def open_blob(self, digest: bytes) -> int:
        """Open a blob to be sent, right or not. Raises OSError."""
        return open_file(blob_path(self._state, digest.hex()))

    def read(self, stored: Stored) -> bytes | Stored:
        """Read small content and prove it; content of a large blob is given back as it is. Raises OSError.

        Where it is not here yet, raises `Awaited`.
        """
        if (whole := self._read_whole(stored)) is not None:
            return whole
        name = stored.sha256.hex()
        try:
            descriptor = open_file(blob_path(self._state, name))
        except FileNotFoundError:
            return _part(read_coded(self._state, name), stored)
        try:
            size = os.fstat(descriptor).st_size
            if size > LARGEST_IN_MEMORY:
                return stored
            octets = os.read(descriptor, size)
        finally:
            os.close(descriptor)
        if sha256(octets).digest() != stored.sha256:
            raise _damaged()
        return _part(octets, stored)

    def _read_whole(self, stored: Stored) -> bytes | None:
        """Read content that is a whole blob and right, `None` where it has to be looked at more closely.

        What has this digest is the content, whatever it was read from: so the file itself need not be asked what it is.
        """
        if stored.start:
            return None
        try:
            descriptor = os.open(blob_path(self._state, stored.sha256.hex()), READING)
            try:
                octets = os.read(descriptor, stored.length + 1)
            finally:
                os.close(descriptor)
        except OSError:
            return None
        is_right = len(octets) == stored.length and sha256(octets).digest() == stored.sha256
        return octets if is_right else None

    def is_proved(self, digest: bytes, status: os.stat_result) -> bool:
        """Return whether a blob was found right, its file is as it was then, and the scrubber has not told since."""
        now = signature(status)
        return self._right.get(digest) == (now, self._times_told(name_file(digest.hex(), now)))

    def doubts(self, digest: bytes, status: os.stat_result) -> Callable[[], bool]:
        """Return what says whether the scrubber has told from now on that this file is wrong."""
        name = name_file(digest.hex(), signature(status))
        before = self._times_told(name)
        return lambda: self._times_told(name) != before

    def open(self, stored: Stored) -> tuple[BufferedReader, Callable[[], bool]]:
        """Open a blob that is right; reads all of it the first time. Raises OSError.

        Gives the file, and what says whether the scrubber has told since that it is wrong.
        """
        try:
            descriptor = self.open_blob(stored.sha256)
        except FileNotFoundError:
            return self._open_decoded(stored), lambda: False
        try:
            status = os.fstat(descriptor)
            if status.st_size < stored.start + stored.length:
                raise _damaged()
            doubts = self.doubts(stored.sha256, status)
            self._prove(stored.sha256, descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return open(descriptor, "rb"), doubts

    def _open_decoded(self, stored: Stored) -> BufferedReader:
        """Decode what lies there only coded, once for all who are sending it; it is in memory for no longer."""
        with self._one_at_a_time:
            decoded = self._decoded.get(stored.sha256)
            if decoded is None:
                if sum(len(other.octets) for other in self._decoded.values()) > _MOST_DECODED - LARGEST_CODED:
                    raise ContentUnavailableError("as much as may be is decoded at the moment")
                decoded = self._decoded[stored.sha256] = _Decoded(read_coded(self._state, stored.sha256.hex()))
        _part(decoded.octets, stored)
        return BufferedReader(_DecodedFile(decoded))

    def _prove(self, digest: bytes, descriptor: int) -> None:
        status = os.fstat(descriptor)
        if self.is_proved(digest, status):
            return
        with self._one_at_a_time:
            now = signature(status)
            told = self._times_told(name_file(digest.hex(), now))
            if self._wrong.get(digest) == now:
                raise _damaged()
            if not self.is_proved(digest, status) and not self._is_right(digest, descriptor, now, told):
                self._wrong[digest] = now
                raise _damaged()
            if len(self._right) >= _MOST_REMEMBERED:
                self._right.clear()
            self._right[digest] = now, told
        if not self.is_proved(digest, status):  # it was told while it was read
            raise _damaged()

    def believe(self, digest: bytes, found: Signature) -> None:
        """Note a file that was found right as it was made."""
        self._right[digest] = found, self._times_told(name_file(digest.hex(), found))

    def close(self) -> None:
        """Bring nothing more."""

    def _is_right(self, digest: bytes, descriptor: int, now: Signature, told: float) -> bool:
        # Once the scrubber has told, what the build has proved is not believed any more.
        if now[0] >= _LARGE and not told and known_blobs(self._state).get(digest.hex()) == now:
            return True
        found, at = sha256(), 0
        while octets := os.pread(descriptor, _CHUNK, at):
            found.update(octets)
            at += len(octets)
        return found.digest() == digest

    def report(self, stored: Stored) -> None:
        """Note that a blob is damaged or gone, and tell it; not again for a while, if it can't be made again."""
        name, now = stored.sha256.hex(), time.monotonic()
        if now - self.told.get(name, -_AGAIN_SECONDS) >= _AGAIN_SECONDS:
            self.told[name] = now
            self.damaged.add(name)
            self.found.set()
            logger.error("%s", _not_served(blob_file(self._state, name), self.mending))


async def mend_damage(contents: Contents, settings: ServerSettings, stop: asyncio.Event) -> None:
    """Make again what was found damaged as it was to be sent; at most once a minute where that fails."""
    stopping = asyncio.create_task(stop.wait())
    while not stop.is_set():
        finding = asyncio.create_task(contents.found.wait())
        await asyncio.wait({finding, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finding.cancel()
        if stop.is_set():
            break
        contents.found.clear()
        names, contents.damaged = frozenset(contents.damaged), set()
        if await asyncio.to_thread(mend, settings, names):
            contents.told = {name: when for name, when in contents.told.items() if name not in names}
    stopping.cancel()


def mend(settings: ServerSettings, names: frozenset[str]) -> bool:
    """Make these blobs again, tell what came of it, and whether all are right; a replica fetches them on next use."""
    if settings.replica:
        for name in names:
            remove_state_file(blob_path(str(settings.state), name))
        return True
    # Only who has to waits for what makes content codings.
    from cdnserve.release.check import examine  # noqa: PLC0415

    try:
        mended = examine(settings.root, settings.state, names)
    except ConfigurationError as error:
        for problem in error.problems:
            logger.error("%s", problem)
        return False
    for problem in mended.again:
        logger.warning("%s", problem)
    for problem in mended.left:
        logger.error("%s", problem)
    return not mended.left


async def scrub(tell: Callable[[str], None], settings: ServerSettings, stop: asyncio.Event) -> None:
    """Read all blobs again and again, so slowly that nobody notices, and have made again what is damaged.

    `tell` is given the name of a file that is damaged before anything else is done about it.
    """
    ended = threading.Event()
    reading = asyncio.create_task(asyncio.to_thread(_scrub, tell, settings, ended)) if settings.scrub_rate else None
    await stop.wait()
    ended.set()
    if reading:
        await reading


class _EndedError(Exception):
    """The server ends while a blob is read."""


def _scrub(tell: Callable[[str], None], settings: ServerSettings, ended: threading.Event) -> None:
    pace = _pace(settings.scrub_rate, ended)
    state = str(settings.state.resolve())
    wrong: dict[str, Signature] = {}
    while not ended.is_set():
        began = time.monotonic()
        try:
            for name in take_stock(state).names:
                pace(_LEAST)
                now = _look(state, name)
                # What can't be made again is told once for each file that lies there.
                if wrong.get(name) == now or is_right(state, name, pace):
                    continue
                if now and now == _look(state, name):  # not what was made again meanwhile
                    wrong[name] = now
                    tell(name_file(name, now))
                    mend(settings, frozenset({name}))
        except _EndedError:
            return
        except Exception:  # whatever it is, the next pass gets its turn
            logger.exception("stored bytes could not be looked after")
        ended.wait(max(0.0, began + _PASS_SECONDS - time.monotonic()))


def _look(state: str, name: str) -> Signature | None:
    try:
        return signature(os.lstat(blob_file(state, name)))
    except OSError:
        return None


def _pace(rate: int, ended: threading.Event) -> Callable[[int], None]:
    """Make what waits so long that no more than `rate` octets a second are read."""
    debt = 0.0

    def pace(octets: int) -> None:
        nonlocal debt
        debt += octets / rate
        if debt >= _PAUSE_SECONDS:
            ended.wait(debt)
            debt = 0.0
        if ended.is_set():
            raise _EndedError

    return pace


def _part(octets: bytes, stored: Stored) -> bytes:
    content = octets[stored.start : stored.start + stored.length]
    if len(content) != stored.length:
        raise _damaged()
    return content


def too_short() -> OSError:
    """Return the error of a blob that was cut."""
    return OSError("the blob is shorter than the release says")


def _damaged() -> OSError:
    return OSError("the blob is damaged")


def _not_served(place: str, hint: str) -> Problem:
    return Problem(
        "blob-corrupt",
        "stored bytes are damaged or gone, and are not served",
        where=place,
        hint=hint,
    )

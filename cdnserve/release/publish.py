"""Publishing: a release of the state folder into an object store, blobs first, then its catalog, then the pointer.

Killed at any moment it leaves the store naming a whole release, and what was uploaded is there for the next one.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing, suppress
from dataclasses import dataclass
from dataclasses import replace as replace_field
from functools import partial
from hashlib import sha256
from pathlib import Path
from threading import Lock

from msgspec.structs import replace

from cdnserve.errors import ConfigurationError, Problem, Problems
from cdnserve.release.blobs import is_right
from cdnserve.release.catalog import Catalog, Representation, encode
from cdnserve.release.history import Differences, compare
from cdnserve.release.immutable import binding, changed, immutable
from cdnserve.release.objects import ObjectStoreError
from cdnserve.release.remote import Pointer, RemoteStore, blob_name
from cdnserve.release.store import CatalogUse, Store
from cdnserve.release.writer import BuildProgress

_AT_ONCE = 16
# Larger ones are sent in parts, one file at a time, so that no more than this times `_AT_ONCE` lies in memory.
_LARGE = 8 << 20
# A blob that the current release does not name may be collected, once it is hours old; so old ones are written again.
_FRESH_SECONDS = 1800.0
_LONG_SECONDS = 3600.0
# So often the pointer is tried to be set while others publish.
_TRIES = 20
_PURGE_SECONDS = 600.0
# Listings are late by moments, in which nobody publishes more than this.
_MOST_UNLISTED = 50


@dataclass(frozen=True, slots=True)
class Publication:
    """The release that is current in the store, whether it was made by this call, and what was sent.

    `left` is the release that was current before, 0 where there was none; `differences` are those between the two.
    """

    number: int
    changed: bool
    left: int
    blobs: int
    octets: int
    differences: Differences
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class _Known:
    """What was current in the store when we looked; damage is told as warnings, for this call makes it good."""

    pointer: Pointer | None
    catalog: Catalog | None
    warnings: tuple[Problem, ...] = ()


def publish(
    state: Path, number: int, remote: RemoteStore, progress: BuildProgress, now: Callable[[], float] = time.time
) -> Publication:
    """Put a release of the state folder into the store, and make it the current one there.

    Raises ConfigurationError where an immutable file would change, another publisher was faster, stored bytes are
    damaged, or the store fails.
    """
    local = Store(state)
    with closing(CatalogUse(local.catalog(number))):
        catalog = local.read(number)
        known, others = _look(remote), _OtherReleases(remote)
        # Before anything is sent; and once more before the number is taken, for what was published meanwhile.
        others.check(catalog)
        blobs, octets = _Upload(local, remote, progress, now).run(catalog, known.catalog)
        others.check(catalog)
        chosen, made = others.take_number(catalog)
    current, moved = _point(remote, chosen, known.pointer)
    warnings = known.warnings if current == chosen else (*known.warnings, _overtaken(remote, chosen, current))
    differences = compare(known.catalog, catalog) if moved else Differences()
    left = known.pointer.number if known.pointer else 0
    return Publication(chosen, made or moved, left, blobs, octets, differences, warnings)


def _look(remote: RemoteStore) -> _Known:
    pointer = remote.pointer(lenient=True)
    try:
        return _Known(pointer, remote.read(pointer.number or remote.current()) if pointer else None)
    except ObjectStoreError:
        raise
    except ConfigurationError as error:
        hint = "this publication makes it good"
        return _Known(pointer, None, tuple(replace_field(one, hint=hint, warning=True) for one in error.problems))


class _OtherReleases:
    """The releases that are in the store, what they promised, and the newest of them; each is read once."""

    def __init__(self, remote: RemoteStore) -> None:
        self._remote = remote
        self._forgotten = remote.forgotten()
        kept = remote.kept_promises().items()
        self._promised = {path: it for path, it in kept if it.hex() not in self._forgotten.get(path, ())}
        self._read: set[int] = set()
        self._newest: Catalog | None = None
        self._highest = self._given = 0

    def check(self, catalog: Catalog) -> None:
        """Read what is new, and raise ConfigurationError where a release promised other bytes of a file.

        A release that can't be read promises nothing that anybody could keep.
        """
        # First these, then the listing: a number may only be taken if all before it were looked at.
        removed, pointed = self._remote.last_removed(), self._remote.pointed()
        listed = self._remote.numbers()
        for number in (*listed, *_unlisted(max(listed, default=0), pointed)):
            if number in self._read:
                continue
            found = next(iter(self._remote.whole([number])), None)
            if found or number in listed:
                self._read.add(number)
                self._highest, self._newest = number, found
            self._promised |= binding(found, self._forgotten) if found else {}
        self._given = max(self._highest, removed, pointed)
        Problems(changed(self._promised, catalog, self._remote.place)).raise_errors()

    def take_number(self, catalog: Catalog) -> tuple[int, bool]:
        """Return the number of the release in the store, and whether it was made now.

        It follows the highest that was given when promises were checked, so whoever published since has it. The newest
        release is taken up where it is the same: a publisher may have been killed before it pointed there.
        """
        newest, number = self._newest, self._given + 1
        if newest and self._highest == self._given and replace(newest, number=0) == replace(catalog, number=0):
            return self._highest, False
        if not self._remote.create_release(number, encode(replace(catalog, number=number))):
            raise ConfigurationError([_raced(self._remote, number)])
        return number, True


def _unlisted(listed: int, pointed: int) -> range:
    """Return the numbers that may be there though a listing has come too late for them, as in Swift."""
    return range(max(listed + 1, pointed - _MOST_UNLISTED), pointed + 1)


class _Upload:
    """One upload: what the store lacks, several blobs at once."""

    def __init__(self, local: Store, remote: RemoteStore, progress: BuildProgress, now: Callable[[], float]) -> None:
        self._local = local
        self._remote = remote
        self._progress = progress
        self._now = now
        self._lock = Lock()
        self._sent = self._octets = 0

    def run(self, catalog: Catalog, current: Catalog | None) -> tuple[int, int]:
        """Send all that is lacking, and return how many blobs of how many octets."""
        wanted = {item.sha256.hex(): item for asset in catalog.assets.values() for item in asset.representations}
        named = current.blobs() if current else frozenset[str]()
        while True:
            began = self._now()
            lacking = dict(self._lacking(wanted, named, began))
            if lacking:
                self._send(lacking, wanted)
            # After a long upload somebody may have collected what was there when it began.
            if self._now() - began < _LONG_SECONDS:
                return self._sent, self._octets

    def _lacking(
        self, wanted: Mapping[str, Representation], named: Iterable[str], now: float
    ) -> Iterator[tuple[str, bool]]:
        """Yield the blobs to send, and whether one of that name is there and has to be replaced."""
        there = {entry.name: entry for entry in self._remote.blobs() if entry.name in wanted}
        safe = set(named)
        for name, item in wanted.items():
            entry = there.get(name)
            if entry is None:
                yield name, False
            elif entry.size != item.size or (name not in safe and entry.written < now - _FRESH_SECONDS):
                yield name, True

    def _send(self, lacking: Mapping[str, bool], wanted: Mapping[str, Representation]) -> None:
        sizes = {name: wanted[name].size for name in lacking}
        self._progress.start("uploading", len(sizes), sum(sizes.values()))
        try:
            small = sorted(name for name in sizes if sizes[name] <= _LARGE)
            _all_at_once([partial(self._small, wanted[name], there=lacking[name]) for name in small])
            for name in sorted(sizes.keys() - set(small)):
                self._large(wanted[name])
        finally:
            self._progress.finish()

    def _small(self, item: Representation, *, there: bool) -> None:
        name = item.sha256.hex()
        octets = b""
        with suppress(OSError):
            octets = self._local.content(item)
        if sha256(octets).digest() != item.sha256:
            raise ConfigurationError([_damaged(self._local, name)])
        objects, place = self._remote.objects, blob_name(name)
        # Another publisher may just have written it, or a request of ours whose answer got lost: it is compared.
        if there or not (objects.create(place, octets) or self._is_right(item)):
            objects.replace(place, octets)
        self._count(item)

    def _large(self, item: Representation) -> None:
        name = item.sha256.hex()
        if not is_right(str(self._local.state), name):
            raise ConfigurationError([_damaged(self._local, name)])
        self._remote.objects.replace_file(blob_name(name), self._local.blob(item.sha256))
        self._count(item)

    def _is_right(self, item: Representation) -> bool:
        try:
            return self._remote.content(item) is not None
        except ObjectStoreError as error:
            if error.passing:
                raise
            return False

    def _count(self, item: Representation) -> None:
        with self._lock:
            self._sent, self._octets = self._sent + 1, self._octets + item.size
            self._progress.advance(1, item.size)


def store_promises(remote: RemoteStore) -> dict[str, set[str]]:
    """Return what releases of an object store have promised: by path, sha384 in hexadecimal."""
    found = {path: {digest.hex()} for path, digest in remote.kept_promises().items()}
    for catalog in remote.whole(remote.numbers()):
        for path, digest in immutable(catalog).items():
            found.setdefault(path, set()).add(digest.hex())
    return found


def forget_in_store(remote: RemoteStore, paths: Iterable[str]) -> None:
    """Take back what an object store's releases promised of these paths; the next publication promises anew."""
    forgotten, promised = dict(remote.forgotten()), store_promises(remote)
    for path in paths:
        forgotten[path] = sorted({*forgotten.get(path, ()), *promised.get(path, ())})
    remote.forget(forgotten)


def _all_at_once(tasks: Sequence[Callable[[], None]]) -> None:
    """Do everything in a few threads; the first failure ends it."""
    executor = ThreadPoolExecutor(_AT_ONCE)
    try:
        for done in as_completed([executor.submit(task) for task in tasks]):
            done.result()
    finally:
        executor.shutdown(cancel_futures=True)


def _point(remote: RemoteStore, number: int, known: Pointer | None) -> tuple[int, bool]:
    """Make a release the current one unless a newer one is; return which one is current, and whether it was moved.

    Where the store has no conditions, a slow publisher may set an older one over a newer; so it looks once more.
    """
    moved = False
    for _ in range(_TRIES):
        if known and known.number == number:
            newest = max(remote.numbers(), default=number)
            # Whoever made the newer release may have been killed, but it is whole.
            if not moved or newest <= number:
                return number, moved
            number = newest
        if known and known.number > number:
            return known.number, moved
        before, moved = known, remote.point_to(number, known) or moved
        known = remote.pointer(lenient=True)
        if known and known == before:
            # It was not moved, though nobody else did: the store's entity tags are none to rely on.
            remote.set_pointer(number)
            moved, known = True, remote.pointer(lenient=True)
    raise ConfigurationError([replace_field(_overtaken(remote, number, known.number if known else 0), warning=False)])


def _raced(remote: RemoteStore, number: int) -> Problem:
    return Problem(
        "publish-raced",
        f"another publisher made release {number} meanwhile",
        where=remote.place,
        hint="run cdnserve publish again: what was uploaded is there",
    )


def _overtaken(remote: RemoteStore, number: int, current: int) -> Problem:
    return Problem(
        "publish-overtaken",
        f"release {number} is stored, but another publisher made release {current} the current one meanwhile",
        where=remote.place,
        hint=f"cdnserve rollback {number} --store {remote.place} makes it current, if that is what you want",
        warning=True,
    )


def _damaged(local: Store, name: str) -> Problem:
    return Problem(
        "blob-corrupt",
        "stored bytes are damaged, so nothing was published",
        where=str(local.blob(bytes.fromhex(name))),
        hint="run cdnserve check --deep: it makes again what it can",
    )


def run_purge_command(command: str, document: bytes, seconds: float = _PURGE_SECONDS) -> Problem | None:
    """Run a command with a document on its stdin; return what went wrong: the release is current all the same."""
    try:
        # A person wrote the command, as in a crontab; nothing of the document becomes part of it.
        # What it prints is no result of ours: it goes to stderr.
        done = subprocess.run(command, shell=True, input=document, stdout=2, timeout=seconds, check=False)  # noqa: S602
    except subprocess.TimeoutExpired:
        return _purge_failed(command, f"still running after {seconds:g} seconds")
    except OSError as error:
        return _purge_failed(command, error.strerror or "")
    if done.returncode == 0:
        return None
    status = done.returncode
    return _purge_failed(command, f"exit status {status}" if status > 0 else f"ended by signal {-status}")


def _purge_failed(command: str, value: str) -> Problem:
    return Problem(
        "purge-failed",
        "the release is current, but the purge command failed: edges may have old answers",
        where=command,
        value=value,
        hint="run it again by hand; cdnserve publish --json says what to purge",
    )

"""Releases in an object store: the layout of the state folder, read by replicas and written by `publish`.

Several may write at once: a number belongs to whoever creates its catalog, and the pointer only ever follows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar

import msgspec

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.release.blobs import CODED, LARGEST_CODED, decode_blob
from cdnserve.release.objects import Content, ObjectEntry, Objects, ObjectStoreError, Timeouts
from cdnserve.release.state_files import HOLD_FILE, Hold
from cdnserve.release.store import POINTER, REMOVED, Releases, blob_missing, catalog_name, release_numbers

if TYPE_CHECKING:
    from cdnserve.release.catalog import Catalog, Representation

MOST_IN_CATALOG = 1 << 29
_MOST_IN_POINTER = 64
_BLOB = re.compile(rf"([0-9a-f]{{2}})/(\1[0-9a-f]{{62}}(?:{re.escape(CODED)})?)")
_BLOBS, _CATALOGS, _PROMISES = "blobs", "releases", "promised"
_PROMISED = re.compile(r"([1-9][0-9]{0,14})\.json")
FORGOTTEN = "forgotten"

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Pointer:
    """The number of the current release, and what the store said it is."""

    number: int
    content: Content


def blob_name(sha256_hex: str) -> str:
    """Return where a blob lies in a store.

    >>> blob_name("ab" * 32)[:12]
    'blobs/ab/aba'
    """
    return f"{_BLOBS}/{sha256_hex[:2]}/{sha256_hex}"


def open_store(url: str, timeouts: Timeouts | None = None) -> RemoteStore:
    """Return the store at a URL, `s3://`, `gs://`, `az://` or `file://`; nothing is asked yet."""
    return RemoteStore(Objects(url, timeouts))


class RemoteStore(Releases):
    """Releases in an object store; safe to use from several threads.

    Every method may raise ConfigurationError; it is an ObjectStoreError where the store failed.
    """

    def __init__(self, objects: Objects) -> None:
        self.objects = objects
        self.place = objects.url

    def fetch(self, name: str) -> bytes | None:
        """Read the pointer or a catalog."""
        found = self.objects.get(name, MOST_IN_CATALOG if name.startswith(_CATALOGS) else _MOST_IN_POINTER)
        return found.octets if found else None

    def pointer(self, known: Pointer | None = None, *, lenient: bool = False) -> Pointer | None:
        """Return what the pointer names, `None` before the first release; `known` itself if nothing has changed.

        That is asked as a condition, so that an answer is short. Who is `lenient` takes a damaged one as number 0.
        """
        content = self.objects.get(POINTER, _MOST_IN_POINTER, known.content if known else None)
        if content is None:
            return None
        if known and content is known.content:
            return known
        try:
            return Pointer(self.pointer_number(content.octets), content)
        except ConfigurationError:
            if not lenient:
                raise
            return Pointer(0, content)

    def numbers(self) -> tuple[int, ...]:
        """List the releases."""
        return release_numbers(entry.name for entry in self.objects.list(_CATALOGS))

    def catalogs(self) -> dict[int, float]:
        """List the releases, with the time at which each was written."""
        found = {entry.name: entry.written for entry in self.objects.list(_CATALOGS)}
        return {number: found[f"{number}.cat"] for number in release_numbers(found)}

    def made(self, number: int) -> float:
        """Return when a release was written."""
        return self.catalogs().get(number, 0.0)

    def last_removed(self) -> int:
        """Return the highest number of a release that was removed, 0 where none was; it is not given again."""
        octets = self.fetch(REMOVED)
        return self.pointer_number(octets) if octets else 0

    def blobs(self, folder: str = "") -> Iterator[ObjectEntry]:
        """Yield the blobs by their names in hexadecimal; of all, or of those that begin with two digits.

        The name of one that is coded has an ending, as in a state folder.
        """
        below = f"{_BLOBS}/{folder}" if folder else _BLOBS
        for entry in self.objects.list(below):
            if found := _BLOB.fullmatch(f"{folder}/{entry.name}" if folder else entry.name):
                yield ObjectEntry(found[2], entry.size, entry.written)

    def blob(self, item: Representation) -> Iterator[bytes]:
        """Yield a blob in pieces; nothing is proved until the end, which raises if the octets are wrong.

        A blob that is not there is a problem as well, unless it is there coded, as in a state folder.
        """
        name, digest = item.sha256.hex(), sha256()
        try:
            for piece in self.objects.stream(blob_name(name), item.size):
                digest.update(piece)
                yield piece
        except ObjectStoreError as error:
            if error.problems[0].reference != "blob-missing" or (octets := self._decoded(item)) is None:
                raise
            yield octets
            return
        if digest.digest() != item.sha256:
            raise ObjectStoreError(self._wrong(name))

    def _decoded(self, item: Representation) -> bytes | None:
        name = item.sha256.hex()
        found = self.objects.get(blob_name(name) + CODED, min(item.size, LARGEST_CODED))
        if found is None:
            return None
        with suppress(OSError):
            octets = decode_blob(found.octets, name)
            if len(octets) == item.size:
                return octets
        raise ObjectStoreError(self._wrong(name + CODED))

    def content(self, item: Representation) -> bytes:
        """Read the octets of a representation, which are proved."""
        return b"".join(self.blob(item))

    def load(self, number: int | None = None) -> Catalog:
        """Read a release; it is whole, and its blobs are listed in their sizes."""
        catalog = self.read(number)
        if lacking := self.lacking(catalog):
            raise ObjectStoreError(blob_missing(self.place, lacking))
        return catalog

    def lacking(self, catalog: Catalog) -> tuple[str, ...]:
        """Return the logical paths of assets that lack a blob, or have one of another size."""
        there = {entry.name: entry.size for entry in self.blobs()}
        return catalog.lacking(there, {name.removesuffix(CODED) for name in there if name.endswith(CODED)})

    def create_release(self, number: int, catalog: bytes) -> bool:
        """Write a catalog whose blobs are stored; return whether the number is ours.

        Where there is one already, it may be ours, written by a request whose answer got lost: it is compared.
        """
        name = catalog_name(number)
        return self.objects.create(name, catalog) or self.fetch(name) == catalog

    def point_to(self, number: int, known: Pointer | None) -> bool:
        """Make a release the current one if the pointer is still the `known` one; return whether it was.

        A store without that condition is told all the same; who publishes looks whether a newer release is there.
        """
        octets = b"%d\n" % number
        if known is None:
            return self.objects.create(POINTER, octets) or self.fetch(POINTER) == octets
        return self.objects.exchange(POINTER, octets, known.content)

    def set_pointer(self, number: int) -> None:
        """Make a release the current one, whichever was."""
        self.objects.replace(POINTER, b"%d\n" % number)

    def note_removed(self, number: int) -> None:
        """Note that a release is about to be removed, so that its number is never given again."""
        if number > self.last_removed():
            self.objects.replace(REMOVED, b"%d\n" % number)

    def hold(self) -> Hold | None:
        """Return the last rollback, `None` where there was none; it means nothing once another release is current."""
        held = self._json(HOLD_FILE, dict[str, int])
        return Hold(held["number"], held["left"], "") if held.keys() == {"number", "left"} else None

    def write_hold(self, number: int, left: int) -> None:
        """Write that a rollback is about to make a release the current one."""
        self.objects.replace(HOLD_FILE, json.dumps({"number": number, "left": left}).encode())

    def kept_promises(self) -> dict[str, bytes]:
        """Return the sha384 that each path must have because a release that was removed has promised it."""
        names = (_PROMISED.fullmatch(entry.name) for entry in self.objects.list(_PROMISES))
        if not (newest := max((int(name[1]) for name in names if name), default=0)):
            return {}
        found = self._json(f"{_PROMISES}/{newest}.json", dict[str, str])
        try:
            return {path: bytes.fromhex(digest) for path, digest in found.items()}
        except ValueError:
            raise ConfigurationError([self._damaged(f"{_PROMISES}/{newest}.json")]) from None

    def keep_promises(self, number: int, promised: Mapping[str, bytes]) -> None:
        """Write what releases up to this number promised, before they are removed."""
        text = json.dumps({path: digest.hex() for path, digest in sorted(promised.items())}, indent=0)
        self.objects.replace(f"{_PROMISES}/{number}.json", text.encode())

    def forgotten(self) -> Mapping[str, Sequence[str]]:
        """Return the sha384 in hexadecimal that nobody is held to any more, by path."""
        return self._json(FORGOTTEN, dict[str, list[str]])

    def forget(self, forgotten: Mapping[str, Sequence[str]]) -> None:
        """Write what is forgotten, all of it."""
        self.objects.replace(FORGOTTEN, json.dumps(forgotten, indent=1, sort_keys=True).encode())

    def _json(self, name: str, shape: type[_T]) -> _T:
        """Return a record, empty where there is none; a damaged one is a problem, for promises depend on it."""
        content = self.objects.get(name, MOST_IN_CATALOG)
        try:
            return msgspec.json.decode(content.octets if content else b"{}", type=shape)
        except msgspec.DecodeError:
            raise ConfigurationError([self._damaged(name)]) from None

    def _damaged(self, name: str) -> Problem:
        message = "this record of the object store can't be read"
        hint = (
            "restore it from a backup; without `promised/` and `forgotten`, releases that were removed promise nothing"
        )
        return Problem("store-record", message, self.objects.place(name), hint=hint)

    def _wrong(self, name: str) -> Problem:
        return Problem(
            "blob-corrupt",
            "stored bytes are not what their name says",
            where=self.objects.place(blob_name(name)),
            hint="nothing of them is used; cdnserve publish stores them anew where it has the file",
        )

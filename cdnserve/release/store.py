"""The store: releases as a server reads them, wherever they are, and those in a local folder."""

from __future__ import annotations

import errno
import os
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.files import NO_FILE, NO_LOCKS, lock, open_file, read_file
from cdnserve.manifest.files import missing_hint
from cdnserve.release.blobs import StoreError, blob_path, read_blob, take_stock

if TYPE_CHECKING:
    from cdnserve.release.catalog import Asset, Catalog, Representation

# Far below the largest that a catalog may have, for it is counted on from here.
# The line feed says that nothing is cut off.
_NUMBER = re.compile(r"[1-9][0-9]{0,14}\n")
_CATALOG = re.compile(r"([1-9][0-9]{0,17})\.cat")
_FULL = (errno.ENOSPC, errno.EDQUOT)
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)
POINTER = "current"
"""The file that has the number of the release to serve."""
REMOVED = "removed"
"""The file that has the highest number of a release that was removed."""


def catalog_name(number: int) -> str:
    """Return where the catalog of a release lies in a store.

    >>> catalog_name(7)
    'releases/7.cat'
    """
    return f"releases/{number}.cat"


def release_numbers(names: Iterable[str]) -> tuple[int, ...]:
    """Return the releases whose catalogs have these names in their folder, sorted.

    >>> release_numbers(["10.cat", "9.cat", "01.cat", "README"])
    (9, 10)
    """
    matches = map(_CATALOG.fullmatch, names)
    return tuple(sorted(int(match[1]) for match in matches if match))


def state_folder(root: Path, chosen: str | None) -> Path:
    """Return the folder of the releases: the chosen one, else a dot-folder of the root, which is never public."""
    return Path(chosen) if chosen else root / ".cdnserve"


@dataclass(frozen=True, slots=True)
class BuildPaths:
    """Where a build reads and writes, as real paths; `inner` is the state where it lies in the root, else empty."""

    root: str
    state: str

    @property
    def inner(self) -> str:
        """The folder that a scan has to leave out."""
        return self.state if self.state.startswith(self.root.rstrip("/") + "/") else ""


def find_places(root: Path, state: Path) -> BuildPaths:
    """Resolve the two folders; raise ConfigurationError when they can't serve as such."""
    places = BuildPaths(os.path.realpath(root), os.path.realpath(state))
    if not os.path.isdir(places.root):
        raise ConfigurationError([_root_missing(root)])
    if places.root == places.state:
        raise ConfigurationError([_state_is_root(state)])
    return places


class Releases(ABC):
    """Numbered catalogs, the blobs that they name, and the pointer to the current one, wherever they are kept.

    `place` is where messages say it is: a folder, or the URL of an object store.
    """

    place: str

    @abstractmethod
    def fetch(self, name: str) -> bytes | None:
        """Return the octets of the pointer or a catalog, `None` where there is none; raise ConfigurationError."""

    @abstractmethod
    def numbers(self) -> tuple[int, ...]:
        """Return the numbers of all releases that are there, sorted."""

    @abstractmethod
    def made(self, number: int) -> float:
        """Return when a release was made, in seconds since 1970; 0 if somebody removed it a moment ago."""

    @abstractmethod
    def content(self, item: Representation) -> bytes:
        """Return the octets of a representation."""

    @abstractmethod
    def load(self, number: int | None = None) -> Catalog:
        """Read a release, the current one unless told; it is whole, and its blobs are there in their sizes."""

    def current(self) -> int | None:
        """Return the number of the release to serve, `None` before the first; a damaged pointer is a problem."""
        octets = self.fetch(POINTER)
        return None if octets is None else self.pointer_number(octets)

    def pointer_number(self, octets: bytes) -> int:
        """Return the number that a pointer of these octets names; raise ConfigurationError where it names none."""
        text = octets.decode("ascii", "replace")
        if not _NUMBER.fullmatch(text):
            raise ConfigurationError([_pointer_corrupt(f"{self.place}/{POINTER}", repr(text[:40]))])
        return int(text)

    def pointed(self) -> int:
        """Return the number that the pointer names, 0 where it is gone or damaged."""
        try:
            return self.current() or 0
        except ConfigurationError:
            return 0

    def read(self, number: int | None = None) -> Catalog:
        """Read a release without looking for its blobs."""
        # A build that finds nothing changed must not wait for msgspec.
        from cdnserve.release.catalog import CatalogDamageError, CatalogSchemaError, decode  # noqa: PLC0415

        number = self.current() if number is None else number
        octets = self.fetch(catalog_name(number)) if number else None
        if octets is None:
            raise ConfigurationError([_release_missing(self.place, number or 0)])
        place = f"{self.place}/{catalog_name(number or 0)}"
        try:
            return decode(octets)
        except CatalogSchemaError as unknown:
            raise ConfigurationError([_release_unknown(place, unknown)]) from unknown
        except CatalogDamageError as corrupt:
            raise ConfigurationError([_release_corrupt(place)]) from corrupt

    def left_behind(self) -> Iterator[Catalog]:
        """Yield the releases that are newer than the current one, as a rollback leaves them; not the damaged ones.

        Where the pointer is lost, these are all.
        """
        current = self.pointed()
        yield from self.whole(number for number in self.numbers() if number > current)

    def whole(self, numbers: Iterable[int]) -> Iterator[Catalog]:
        """Yield those of these releases whose catalogs can be read."""
        for number in numbers:
            with suppress(ConfigurationError):
                yield self.read(number)


class Store(Releases):
    """Releases in a state folder."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.place = str(state)

    def fetch(self, name: str) -> bytes | None:
        """Read the pointer or a catalog."""
        path = str(self.state / name)
        try:
            return read_file(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno not in NO_FILE:
                problem = _unreadable(path, error)
            elif name == POINTER:
                problem = _pointer_corrupt(path, error.strerror or "")
            else:
                problem = _release_corrupt(path)
            raise ConfigurationError([problem]) from error

    def holds(self, number: int) -> bool:
        """Return whether this release is the current one and there."""
        return self.pointed() == number and os.path.exists(self.catalog(number))

    def numbers(self) -> tuple[int, ...]:
        """Return the numbers of all releases that are there, sorted."""
        return release_numbers(self._names("releases"))

    def last_removed(self) -> int:
        """Return the highest number of a release that was removed, 0 where none was; it is not given again."""
        try:
            text = read_file(self.state / REMOVED).decode("ascii", "replace")
        except OSError:
            return 0
        return int(text) if _NUMBER.fullmatch(text) else 0

    def load(self, number: int | None = None) -> Catalog:
        """Read a release, the current one unless told; it is whole, and its blobs are there in their sizes."""
        catalog = self.read(number)
        if damage := self.damage(catalog):
            raise ConfigurationError(damage)
        return catalog

    def damage(self, catalog: Catalog) -> tuple[Problem, ...]:
        """Return which blobs of a release are not there in their sizes."""
        missing = self.missing(catalog)
        return (blob_missing(self.place, missing),) if missing else ()

    def blob(self, sha256: bytes) -> Path:
        """Return the file that holds the octets with this digest, unless they lie there only coded."""
        return Path(blob_path(str(self.state), sha256.hex()))

    def content(self, item: Representation) -> bytes:
        """Read the octets of a representation."""
        return read_blob(str(self.state), item.sha256.hex())

    def blobs(self) -> set[str]:
        """List the names of the files of all blobs: in hexadecimal, with an ending where one is coded."""
        folders = self._names("blobs")
        return {name for folder in folders for name in self._names(f"blobs/{folder}")}

    def missing(self, catalog: Catalog) -> tuple[str, ...]:
        """Return the logical paths of assets that lack a blob, or have one of another size."""
        stock = take_stock(str(self.state))
        return catalog.lacking(stock.sizes(), stock.coded)

    def catalog(self, number: int) -> Path:
        """Return the file that holds a release's catalog."""
        return self.state / catalog_name(number)

    def made(self, number: int) -> float:
        """Return when a release was made, in seconds since 1970; 0 if somebody removed it a moment ago."""
        try:
            return self.catalog(number).stat().st_mtime
        except OSError:
            return 0.0

    def _names(self, folder: str) -> list[str]:
        path = self.state / folder
        try:
            return os.listdir(path)
        except (FileNotFoundError, NotADirectoryError):  # before the first build; what some desktops leave everywhere
            return []
        except OSError as error:
            raise ConfigurationError([_unreadable(str(path), error)]) from error


def is_denied(failure: StoreError) -> bool:
    """Return whether the state folder is protected from whoever builds."""
    return failure.error.errno in _DENIED


def is_full(failure: StoreError) -> bool:
    """Return whether the state folder's disk is full."""
    return failure.error.errno in _FULL


def store_problem(failure: StoreError, state: str) -> Problem:
    """Return why the state folder could not be written."""
    reason = failure.error.strerror or str(failure.error)
    if is_full(failure):
        return Problem(
            "disk-full",
            "there is no room in the state folder; the last release stays",
            where=state,
            value=reason,
            hint="free some space, as with cdnserve gc, or put the state elsewhere with --state or CDNSERVE_STATE",
        )
    if is_denied(failure):
        return Problem(
            "state-unwritable",
            "the state folder can't be written",
            where=state,
            value=reason,
            hint="let the user that builds write it, or put the state elsewhere with --state or CDNSERVE_STATE",
        )
    hint = "look after the disk, or put the state elsewhere with --state or CDNSERVE_STATE"
    if failure.error.errno in NO_FILE:
        hint = "move away what lies in the way, then run cdnserve build"
    elif failure.error.errno in NO_LOCKS:
        hint = "put the state on a file system that has locks (flock), with --state or CDNSERVE_STATE"
    message = "writing the state folder failed; the last release stays"
    return Problem("state-failed", message, _place(failure.error, state), reason, hint)


def _place(error: OSError, state: str) -> str:
    """Return which place in the state folder an error tells of, but no draft, whose name says nothing."""
    places = (str(name) for name in (error.filename2, error.filename) if name)
    inner = (place for place in places if place.startswith(f"{state}/") and not place.startswith(f"{state}/drafts/"))
    return next(inner, state)


def again(place: str, here: str = "run cdnserve build") -> str:
    """Return what makes good what is wrong with releases: in an object store publishing, in a folder what is given."""
    return "run cdnserve publish" if "://" in place else here


def _pointer_corrupt(pointer: str, value: str) -> Problem:
    return Problem("pointer-corrupt", "this names no release", where=pointer, value=value, hint=again(pointer))


def _release_missing(place: str, number: int) -> Problem:
    return Problem(
        "release-missing",
        f"release {number} is not there" if number else "there is no release yet",
        where=place,
        hint=again(place),
    )


def _release_unknown(place: str, unknown: Exception) -> Problem:
    return Problem(
        "release-schema-unknown",
        "another version of cdnserve wrote this release",
        where=place,
        value=f"schema {unknown}",
        hint=f"install that version, or {again(place)} to make a release that this one knows",
    )


def _release_corrupt(place: str) -> Problem:
    hint = again(place, "run cdnserve check --deep: it makes the current release again")
    return Problem("release-corrupt", "the catalog is damaged", where=place, hint=hint)


def _unreadable(path: str, error: OSError) -> Problem:
    return Problem(
        "state-unreadable",
        "the state folder can't be read",
        where=path,
        value=error.strerror or "",
        hint="let the user that serves read it",
    )


def blob_missing(place: str, missing: tuple[str, ...]) -> Problem:
    """Return that these files of a release lack stored bytes."""
    more = f" and {len(missing) - 1} more" if missing[1:] else ""
    return Problem(
        "blob-missing",
        "stored bytes of the release are gone, or have another length",
        where=place,
        value=missing[0] + more,
        hint=again(place, "run cdnserve check --deep: it makes again what it can"),
    )


def _root_missing(root: Path) -> Problem:
    return Problem(
        "root-missing",
        "there is no such folder",
        where=str(root),
        hint=missing_hint(root),
    )


def _state_is_root(state: Path) -> Problem:
    return Problem(
        "state-is-root",
        "releases can't be kept in the folder that they are made of",
        where=str(state),
        hint="give another folder with --state or CDNSERVE_STATE; by default it is .cdnserve in the root",
    )


def read_text(store: Releases, asset: Asset) -> str:
    """Return an asset's content as text; octets that are not UTF-8 become replacement characters."""
    return store.content(asset.identity).decode("utf-8", "replace")


# How long answers from a release may go on after another one has been taken up.
_LINGERING_SECONDS = 600.0


class CatalogUse:
    """A mark on one catalog, from its making until it is closed; there may be many on one."""

    def __init__(self, catalog: Path) -> None:
        self._descriptor = -1
        # What can't be opened is told by whoever reads it; a file system without locks has none to offer.
        with suppress(OSError):
            self._descriptor = open_file(catalog)
            lock(self._descriptor, shared=True, wait=True)

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Take the mark away."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class Uses:
    """The marks of one server: on the release that it serves, and on those from which answers may be under way.

    `clock` gives seconds and only ever measures.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._current: CatalogUse | None = None
        self._past: list[tuple[float, CatalogUse]] = []

    @contextmanager
    def next(self, catalog: Path) -> Iterator[None]:
        """Mark the release that the block loads; only if that succeeds it is the one that is served."""
        use = CatalogUse(catalog)
        try:
            yield
        except BaseException:
            use.close()
            raise
        now = self._clock()
        for until, past in self._past:
            if until < now:
                past.close()
        self._past = [(until, past) for until, past in self._past if until >= now]
        if self._current:
            self._past.append((now + _LINGERING_SECONDS, self._current))
        self._current = use


@contextmanager
def unused(catalog: Path) -> Iterator[bool]:
    """Return whether no server uses this catalog; while the block runs, none begins to."""
    try:
        descriptor = open_file(catalog)
    except OSError as error:
        # What is no file nobody can use.
        if error.errno not in (errno.ENOENT, *NO_FILE):
            raise
        yield True
        return
    try:
        is_unused = False
        # On a file system that knows no locks it may be in use.
        with suppress(OSError):
            is_unused = lock(descriptor)
        yield is_unused
    finally:
        os.close(descriptor)

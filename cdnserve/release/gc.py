"""Collecting: old releases go, and then the blobs that no release names any more.

Never removes the current release, nor one that a server still answers from.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.files import sync_folder
from cdnserve.release.blobs import CODED, StoreError, blob_path, remove_state_file, storing, take_stock
from cdnserve.release.state_files import Hold, Proof, known_blobs, note_proved, read_hold, read_index
from cdnserve.release.store import POINTER, Releases, Store, again, is_full, store_problem, unused
from cdnserve.release.writer import BuildProgress, Silence, Writer

_FILE = re.compile(rf"[0-9a-f]{{64}}(?:{re.escape(CODED)})?")

Reason = Literal["current", "among the newest", "rolled back from", "current a moment ago", "in use"]


@dataclass(frozen=True, slots=True)
class GcOptions:
    """What to keep: so many of the newest releases, and what was current in the last `grace` seconds.

    `forget` gives up the release that was rolled back from, too. `dry_run` only tells. `now` is in seconds.
    """

    keep: int
    grace: float = 300.0
    forget: bool = False
    dry_run: bool = False
    now: float | None = None

    def clock(self) -> float:
        """Return the time."""
        return time.time() if self.now is None else self.now


@dataclass(frozen=True, slots=True)
class Collected:
    """Removed releases, how many blobs of how many octets went, and why each other release is still there."""

    releases: tuple[int, ...]
    blobs: int
    octets: int
    kept: Mapping[int, Reason]
    warnings: tuple[Problem, ...] = ()


def collect(state: Path, options: GcOptions, progress: BuildProgress | None = None) -> Collected:
    """Remove old releases and unnamed blobs; raise ConfigurationError where the state can't be written or read.

    A build that is under way is waited for, and none begins meanwhile.
    """
    if not Store(state).numbers():
        return Collected((), 0, 0, MappingProxyType({}))
    real = os.path.realpath(state)
    try:
        with Writer(real, progress or Silence()) as writer, storing():
            return _collect(writer, options)
    except StoreError as failure:
        raise ConfigurationError([store_problem(failure, real)]) from failure


def _collect(writer: Writer, options: GcOptions) -> Collected:
    store = writer.store
    kept = kept_releases(store, _local_facts(store), options)
    removed = tuple(_remove_catalogs(writer, kept, dry_run=options.dry_run))
    kept = dict(sorted(kept.items()))
    named, warnings = named_blobs(store, kept)
    if named is None:
        return Collected(removed, 0, 0, kept, warnings)
    files = filter(_FILE.fullmatch, store.blobs())
    going = sorted(name for name in files if name.removesuffix(CODED) not in named)
    gone = [status for name in going if (status := _remove_blob(writer.state, name, dry_run=options.dry_run))]
    # What lies there only coded shares its file with the coding.
    octets = sum({status.st_ino: status.st_size for status in gone}.values())
    if not options.dry_run:
        _note(writer.state, kept)
    return Collected(removed, len(gone), octets, kept, warnings)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of releases: which is current, the last rollback, and when catalogs and pointer were written."""

    current: int | None
    hold: Hold | None
    written: Mapping[int, float]
    pointed: float


def _local_facts(store: Store) -> Facts:
    written = {number: _written(store.catalog(number)) for number in store.numbers()}
    return Facts(store.current(), read_hold(str(store.state)), written, _written(store.state / POINTER))


def kept_releases(store: Releases, facts: Facts, options: GcOptions) -> dict[int, Reason]:
    """Return the releases that stay by rule; those that servers use show when they are to go."""
    current, numbers, hold = facts.current, sorted(facts.written), facts.hold
    if current is None:
        raise ConfigurationError([_no_current(store)])
    left = hold.left if hold and hold.number == current else None
    kept: dict[int, Reason] = {current: "current"}
    if left is not None and left in facts.written and not options.forget:
        kept[left] = "rolled back from"
    newest = _newest(store, [number for number in numbers if not (options.forget and number == left)], options.keep)
    kept |= {number: "among the newest" for number in sorted(newest) if number not in kept}
    for number in _lately_current(facts, options.clock() - options.grace):
        kept.setdefault(number, "current a moment ago")
    return kept


def _newest(store: Releases, numbers: list[int], count: int) -> list[int]:
    """Return so many of the newest releases; one that only lacks codings of the next one counts for nothing."""
    found: list[int] = []
    after = None
    for number in reversed(numbers):
        if len(found) == count:
            break
        now = next((catalog.without_codings() for catalog in store.whole([number])), None)
        if now is None or now != after:
            found.append(number)
        after = now
    return found


def _lately_current(facts: Facts, since: float) -> Iterator[int]:
    """Yield the releases that may have been current after `since`: a process may be about to take one up."""
    for number, successor in pairwise(sorted(facts.written)):
        if facts.written[successor] > since:
            yield number
    if facts.pointed > since and facts.hold:
        yield from (number for number in (facts.hold.number, facts.hold.left) if number in facts.written)


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _remove_catalogs(writer: Writer, kept: dict[int, Reason], *, dry_run: bool) -> Iterator[int]:
    """Remove the catalogs that nobody needs, and note in `kept` those that a server uses."""
    store = writer.store
    going = [number for number in store.numbers() if number not in kept]
    if going and not dry_run:
        _note_removed(writer, max(going))
    for number in going:
        with unused(store.catalog(number)) as is_unused:
            if not is_unused:
                kept[number] = "in use"
                continue
            if not dry_run:
                remove_state_file(str(store.catalog(number)))
            yield number
    if going and not dry_run:
        # Before any blob goes: no power cut shall leave a catalog that names what is not there.
        sync_folder(f"{writer.state}/releases")


def _note_removed(writer: Writer, number: int) -> None:
    """Note the highest number that goes; without room for that, go on where a higher one stays: it makes room."""
    try:
        writer.note_removed(number)
    except StoreError as failure:
        if not is_full(failure) or number == max(writer.store.numbers()):
            raise


def named_blobs(store: Releases, kept: Iterable[int]) -> tuple[set[str] | None, tuple[Problem, ...]]:
    """Return the names of all blobs that the kept releases need, `None` where that can't be known."""
    named: set[str] = set()
    for number in kept:
        try:
            named |= store.read(number).blobs()
        except ConfigurationError as error:
            return None, (*(replace(problem, warning=True) for problem in error.problems), _unknown(store, number))
    return named, ()


def _remove_blob(state: str, name: str, *, dry_run: bool) -> os.stat_result | None:
    """Remove a blob's file and return its status, `None` where it is not one of ours."""
    path = blob_path(state, name)
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    if not dry_run:
        os.unlink(path)
    return status


def _note(state: str, kept: Iterable[int]) -> None:
    """Let the next build know that all that is left is as it was, so that it need not look."""
    index = read_index(state)
    if index and index.number not in kept:
        os.unlink(f"{state}/index")
    before = known_blobs(state)
    found = take_stock(state).signatures()
    note_proved(state, Proof(found, frozenset(name for name in found if found[name] != before.get(name))))


def _unknown(store: Releases, number: int) -> Problem:
    return Problem(
        "release-unreadable",
        f"no stored bytes are removed: what release {number} needs is not known",
        where=store.place,
        hint="keep fewer releases, so that it goes as well",
        warning=True,
    )


def _no_current(store: Releases) -> Problem:
    return Problem(
        "release-missing",
        "no release is the current one, so nothing is removed",
        where=store.place,
        hint=again(store.place),
    )

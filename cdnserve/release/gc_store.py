"""Collecting in an object store: nobody can lock there, so what goes has not been needed for hours.

A blob goes only if no release names it and it was written before the grace time; `publish` writes old ones anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType

from cdnserve.release.blobs import CODED
from cdnserve.release.gc import Collected, Facts, GcOptions, kept_releases, named_blobs
from cdnserve.release.immutable import binding
from cdnserve.release.objects import ObjectEntry
from cdnserve.release.remote import RemoteStore, blob_name
from cdnserve.release.store import catalog_name

LEAST_GRACE = 10_800
"""The seconds that a publication may take, and servers may be behind, with room for clocks that differ."""
_AT_ONCE = 16
_BATCH = 500


def collect_store(remote: RemoteStore, options: GcOptions) -> Collected:
    """Remove old releases and unnamed blobs of an object store; raise ConfigurationError where it fails."""
    pointer, written = remote.pointer(), remote.catalogs()
    if not written:
        return Collected((), 0, 0, MappingProxyType({}))
    current, pointed = (pointer.number, pointer.content.written) if pointer else (None, 0.0)
    kept = kept_releases(remote, Facts(current, remote.hold(), written, pointed), options)
    going = [number for number in sorted(written) if number not in kept]
    if going and not options.dry_run:
        _remove_releases(remote, going)
    kept = dict(sorted(kept.items()))
    named, warnings = named_blobs(remote, kept)
    if named is None:
        return Collected(tuple(going), 0, 0, kept, warnings)
    since = options.clock() - options.grace
    old = (entry for entry in remote.blobs() if entry.written < since)
    unnamed = [entry for entry in old if entry.name.removesuffix(CODED) not in named]
    if not options.dry_run:
        unnamed = list(_remove_blobs(remote, unnamed, set(written), since))
    return Collected(tuple(going), len(unnamed), sum(entry.size for entry in unnamed), kept)


def _remove_releases(remote: RemoteStore, going: Sequence[int]) -> None:
    """Remove catalogs, after what they promised and their numbers are noted."""
    remote.note_removed(max(going))
    promised = remote.kept_promises()
    for catalog in remote.whole(going):
        promised |= binding(catalog, {})
    remote.keep_promises(remote.last_removed(), promised)
    remote.objects.delete([catalog_name(number) for number in going])


def _remove_blobs(
    remote: RemoteStore, unnamed: Sequence[ObjectEntry], known: set[int], since: float
) -> Iterator[ObjectEntry]:
    """Remove blobs, a batch at a time, but for those that a publisher has written or named since; yield what went."""
    for first in range(0, len(unnamed), _BATCH):
        batch = unnamed[first : first + _BATCH]
        with ThreadPoolExecutor(_AT_ONCE) as executor:
            written = list(executor.map(lambda entry: remote.objects.written(blob_name(entry.name)), batch))
        old = [entry for entry, when in zip(batch, written, strict=True) if when is not None and when < since]
        new = [number for number in remote.numbers() if number not in known]
        # A new release that can't be read may need any of them.
        named, _ = named_blobs(remote, new)
        if named is None:
            return
        going = [entry for entry in old if entry.name.removesuffix(CODED) not in named]
        if going:
            remote.objects.delete([blob_name(entry.name) for entry in going])
        yield from going

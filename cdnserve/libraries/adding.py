"""`add`: exact versions from the registry into the root, the manifest and the lock, all or nothing.

Never changes what is published already, and never writes before everything is verified.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from cdnserve.errors import Problem
from cdnserve.libraries.gathering import Gathered, Order, gather
from cdnserve.libraries.incoming import LOCK, MANIFEST, incoming_folder
from cdnserve.libraries.outcomes import Added, Placed, placed, unnamed
from cdnserve.libraries.placing import Changes, is_present, replace_file, reported
from cdnserve.libraries.settings import Progress, Settings, Silent
from cdnserve.libraries.spec import Spec, parse_specs
from cdnserve.manifest import edit
from cdnserve.manifest.lock import Lock, LockedLibrary, read_lock, write_lock
from cdnserve.manifest.matching import RuleMatcher
from cdnserve.manifest.reading import read_manifest
from cdnserve.manifest.values import Manifest

_RULE = '[[publish]]\npath = "npm/**"\ncors = "any"\ncache = "immutable"'


def add(root: Path, specs: Sequence[str], settings: Settings, progress: Progress | None = None) -> Added:
    """Add libraries (`NAME@VERSION`); raise ConfigurationError with every problem, and then nothing has changed.

    A library that the manifest has in another version gets the new one, with the same globs of files.
    """
    wanted = parse_specs(specs)
    # Before anything is touched: there must be a manifest that is whole.
    read_manifest(root / MANIFEST)
    with reported(root), incoming_folder(root) as folder:
        manifest, lock = read_manifest(root / MANIFEST), read_lock(root / LOCK)
        gathered = gather(_orders(wanted, manifest, lock), folder, settings, progress or Silent())
        outcome = _publish(root, gathered)
        return Added(outcome, tuple(_warnings(root, gathered, manifest)))


def _orders(specs: Iterable[Spec], manifest: Manifest, lock: Lock) -> tuple[Order, ...]:
    files = {library.name: library.files for library in manifest.libraries}
    locked = {key: entry.integrity for key, entry in lock.libraries.items()}
    return tuple(Order(s, files.get(s.name, ()), locked.get(str(s), ""), is_first=True) for s in specs)


def _publish(root: Path, gathered: Sequence[Gathered]) -> tuple[Placed, ...]:
    entries = {str(one.order.spec): LockedLibrary(one.integrity) for one in gathered}
    # Read again, since a build or an editor may have written them during the downloads.
    lock = read_lock(root / LOCK)
    text = before = (root / MANIFEST).read_bytes().decode()
    for one in gathered:
        text = edit.set_library(text, one.order.library)
    with Changes(root) as changes:
        outcome = tuple(placed(one, is_new=changes.place(one.placement)) for one in gathered)
        # The lock first: an entry that no manifest names does no harm, a library without an entry does.
        if not entries.items() <= lock.libraries.items():
            changes.restore_later(root / LOCK)
            write_lock(root / LOCK, Lock({**lock.libraries, **entries}, lock.immutable))
        if text != before:
            changes.restore_later(root / MANIFEST)
            replace_file(root / MANIFEST, text.encode())
        changes.keep()
    return outcome


def _warnings(root: Path, gathered: Sequence[Gathered], manifest: Manifest) -> Iterator[Problem]:
    matcher = RuleMatcher(manifest.rules)
    before = {library.name: library for library in manifest.libraries}
    for address in dict.fromkeys(one.registry.address for one in gathered if not one.registry.address.is_private):
        message = "the registry is not reached by https: whoever is on the way could have changed what came"
        yield Problem("registry-plain-http", message, address.shown, hint="use its https address", warning=True)
    for one in gathered:
        spec = one.order.spec
        if not any(matcher.find(f"{spec.folder}/{path}") is not None for path in one.unpacked.files):
            message = "no rule publishes this library: it is there, but not public"
            yield Problem("library-unlisted", message, spec.folder, hint=_RULE, warning=True)
        old = before.get(spec.name)
        if old and old.version != spec.version and is_present(root / Spec(old.name, old.version).folder):
            yield unnamed(Spec(old.name, old.version).folder)

"""What the commands on releases share: the build, the release, and its folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cdnserve.cli.progress import build_progress
from cdnserve.release.build import build, look
from cdnserve.release.store import Store, find_places, state_folder
from cdnserve.release.writer import Built

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdnserve.errors import Problem
    from cdnserve.release.catalog import Catalog
    from cdnserve.release.remote import RemoteStore
    from cdnserve.release.store import Releases


def build_release(root: Path, state: str | None, *, lines: bool = True) -> Built:
    """Build what has changed, with progress on stderr; raise ConfigurationError with every problem.

    Files that are being written are left as they were, and what is dear to encode is left for later. `lines` of
    progress are written unless stderr is for machines.
    """
    folder = state_folder(root, state)
    with build_progress(lines=lines) as progress:
        return build(root, folder, quick=True, progress=progress, seen=look(root, folder))


def releases_folder(root: Path, state: str | None) -> Path:
    """Return where releases are kept; raise ConfigurationError for an absent root, unless `state` is given."""
    folder = state_folder(root, state)
    if not state:
        find_places(root, folder)
    return folder


def open_release(root: Path, state: str | None, built: Built) -> tuple[Store, Catalog]:
    """Return the store and the catalog of what was built; the build has seen to it that all blobs are there.

    Raise ConfigurationError where another program has removed that release since.
    """
    store = Store(state_folder(root, state))
    return store, store.read(built.number)


def needed_store(url: str) -> RemoteStore:
    """Return the object store at a URL; raise `click.UsageError` where none is named."""
    if not url:
        raise click.UsageError("say where to: --store URL, or CDNSERVE_STORE")
    from cdnserve.release.remote import open_store

    return open_store(url)


def current_release(root: Path, state: str | None, store: str) -> tuple[Releases, Catalog, Sequence[Problem]]:
    """Return the releases, the current one and what to tell: of the object store if one is named, else of a build."""
    if store:
        remote = needed_store(store)
        return remote, remote.read(), ()
    built = build_release(root, state)
    return *open_release(root, state, built), built.told

"""Surroundings of the process, as values for the rooms that never look at them: environment, home, folder.

Never looked at before a command needs them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cdnserve.cli.progress import build_progress
from cdnserve.cli.terminal import write
from cdnserve.display import plural, readable_size
from cdnserve.npm.settings import NpmSettings
from cdnserve.release.build import build, look
from cdnserve.release.store import Store, find_places, state_folder
from cdnserve.release.writer import Built

if TYPE_CHECKING:
    from cdnserve.npm.apply import Placed
    from cdnserve.release.catalog import Catalog


def library_settings(registry: str = "") -> NpmSettings:
    """Return what commands on libraries are given; `registry` is what the command line says."""
    # Where nobody says where home is, `~` stays as it is: a folder that doesn't exist.
    home = Path(os.path.expanduser("~"))
    return NpmSettings(environment=os.environ, home=home, directory=Path.cwd(), registry=registry)


def build_release(root: Path, state: str | None) -> Built:
    """Build what has changed, with progress on a terminal; raise ConfigurationError with every problem.

    Files that are being written are left as they were.
    """
    folder = state_folder(root, state)
    with build_progress() as progress:
        return build(root, folder, progress=progress, seen=look(root, folder))


def releases_folder(root: Path, state: str | None) -> Path:
    """Return where releases are kept; raise ConfigurationError for an absent root, unless `state` is given."""
    folder = state_folder(root, state)
    if not state:
        find_places(root, folder)
    return folder


def open_release(root: Path, state: str | None, built: Built) -> tuple[Store, Catalog]:
    """Return the store and the catalog of what was built; the build has seen to it that all blobs are there."""
    store = Store(state_folder(root, state))
    return store, store.read(built.number)


def write_libraries(root: Path, libraries: Sequence[Placed]) -> None:
    """Write name, version, size and folder of each library to stdout."""
    rows = [(str(one), _size(one), str(root / one.folder)) for one in libraries]
    first, second = (max((len(row[at]) for row in rows), default=0) for at in (0, 1))
    write([(f"{name:<{first}}", "bold"), (f"  {size:<{second}}  {folder}", "")] for name, size, folder in rows)


def _size(one: Placed) -> str:
    """Return what there is of a library, and what of it is new.

    >>> from cdnserve.npm.apply import Placed
    >>> _size(Placed("x", "1.0.0", "npm/x@1.0.0", "sha512-…", files=1200, size=98831340, is_new=True))
    '1,200 files, 94.25 MiB'
    >>> _size(Placed("x", "1.0.0", "npm/x@1.0.0", "sha512-…", files=1, size=7, is_new=False))
    '1 file, 7 octets, here already'
    """
    back = f", {one.restored:,} restored" if one.restored else ", here already"
    return f"{plural(one.files, 'file')}, {readable_size(one.size)}{'' if one.is_new else back}"

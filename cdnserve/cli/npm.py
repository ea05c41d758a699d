"""What the commands on libraries share: their settings, and the table of what they did."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cdnserve.cli.command import default_root, report
from cdnserve.cli.terminal import write
from cdnserve.display import plural, readable_size
from cdnserve.errors import ConfigurationError
from cdnserve.manifest.files import MANIFEST
from cdnserve.npm.settings import NpmSettings

if TYPE_CHECKING:
    from cdnserve.npm.apply import Placed


def library_settings(registry: str = "") -> NpmSettings:
    """Return what commands on libraries are given; `registry` is what the command line says."""
    # Where nobody says where home is, `~` stays as it is: a folder that doesn't exist.
    home = Path(os.path.expanduser("~"))
    return NpmSettings(environment=os.environ, home=home, directory=Path.cwd(), registry=registry)


def write_libraries(root: Path, libraries: Sequence[Placed], *, begun: bool = False) -> None:
    """Write name, version, size and folder of each library to stdout, and whether there is a first manifest, too."""
    if begun:
        write([[(f"there was no manifest: {root / MANIFEST} is a first one", "")]])
    rows = [(str(one), _size(one), str(root / one.folder)) for one in libraries]
    first, second = (max((len(row[at]) for row in rows), default=0) for at in (0, 1))
    write([(f"{name:<{first}}", "bold"), (f"  {size:<{second}}  {folder}", "")] for name, size, folder in rows)


def write_tags(root: Path, state: str | None, pins: Sequence[str], *, prefer_modules: bool = False) -> None:
    """Write the tags of libraries as they are served now, and the next command, to stdout.

    What keeps a tag from being written is a warning: the libraries are there all the same.
    """
    from cdnserve.cli.release import build_release, open_release
    from cdnserve.snippets.targets import Hosted, Snippets, library_snippets

    found, is_hostless = Snippets("", ()), False
    try:
        if pins:
            hosted = Hosted(root, *open_release(root, state, build_release(root, state)))
            found = library_snippets(pins, hosted, prefer_modules=prefer_modules)
            is_hostless = not hosted.catalog.site.url
    except ConfigurationError as error:
        found = Snippets("", error.problems)
    report([replace(problem, warning=True) for problem in found.problems])
    following = "cdnserve serve" if root == Path(default_root()) else f"cdnserve serve {shlex.quote(str(root))}"
    lines = ["", *found.text.split("\n")] if found.text else []
    write([(line, "")] for line in (*lines, "", *found.notes))
    if found.text and is_hostless:
        write_hostless(root, to_stderr=False)
    write([[(f"next: {following}", "")]])


def write_hostless(root: Path, *, to_stderr: bool = True) -> None:
    """Write where to set the host that addresses lack."""
    text = f'these addresses have no host: set url = "https://…" in [site] of {root / MANIFEST}'
    write([[(text, "yellow")]], to_stderr=to_stderr)


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

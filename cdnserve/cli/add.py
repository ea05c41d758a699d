"""`cdnserve add`: npm packages, in exact versions, into the root, the manifest and the lock.

Never a range or a tag: what is published must be known.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from cdnserve.cli.command import Command
from cdnserve.cli.options import json_option, registry_option, root_option
from cdnserve.cli.placed import write_libraries
from cdnserve.cli.problems import as_objects, report
from cdnserve.cli.progress import download_progress
from cdnserve.cli.surroundings import library_settings
from cdnserve.cli.terminal import write_json
from cdnserve.libraries import add


@click.command(cls=Command)
@click.argument("specs", nargs=-1, required=True, metavar="NAME@VERSION...")
@root_option
@registry_option
@json_option
def command(specs: tuple[str, ...], root: Path, registry: str, as_json: bool) -> None:
    """Add npm packages to the public libraries.

    Each tarball is verified before anything of it is unpacked into ROOT/npm/NAME@VERSION/. Version and
    integrity are recorded in the manifest and its lock. Nothing is changed unless all goes well.
    """
    with download_progress() as progress:
        added = add(root, specs, library_settings(registry), progress)
    if as_json:
        libraries = [asdict(one) for one in added.libraries]
        write_json({"libraries": libraries, "problems": as_objects(added.warnings)})
        return
    report(added.warnings)
    write_libraries(root, added.libraries)

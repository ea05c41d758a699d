"""`cdnserve add`: npm packages into the root, the manifest and the lock.

Never adds what was not verified, and never replaces a version that is hosted.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from cdnserve.cli.command import Command, as_objects, json_option, registry_option, report, root_option
from cdnserve.cli.npm import download_progress, library_settings, write_libraries
from cdnserve.cli.terminal import write_json


@click.command(cls=Command)
@click.argument("specs", nargs=-1, required=True, metavar="NAME[@VERSION]...")
@click.option("--files", multiple=True, metavar="GLOB", help="Keep these files only; may be repeated.")
@click.option("--exact", is_flag=True, help="Write the exact version into the manifest, no range.")
@root_option
@registry_option
@json_option
def command(
    specs: tuple[str, ...], files: tuple[str, ...], exact: bool, root: Path, registry: str, as_json: bool
) -> None:
    """Add npm packages to the public libraries.

    VERSION is an exact version, an npm range in quotes, or a tag; without it the tag "latest" is meant. Each
    tarball is verified before anything of it is unpacked into ROOT/npm/NAME@VERSION/. The manifest gets the range
    or version, the lock the exact version and its integrity. Versions that are here already stay beside the new
    one. Nothing is changed unless all goes well.
    """
    from cdnserve.npm.add import AddOptions, add

    with download_progress() as progress:
        added = add(root, specs, library_settings(registry), progress, AddOptions(files, exact))
    if as_json:
        libraries = [asdict(one) for one in added.libraries]
        write_json({"libraries": libraries, "problems": as_objects(added.warnings)})
        return
    report(added.warnings)
    write_libraries(root, added.libraries)

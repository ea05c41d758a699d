"""`cdnserve remove`: npm packages out of the root, the manifest and the lock."""

from __future__ import annotations

from pathlib import Path

import click

from cdnserve.cli.command import Command, as_objects, complete_library, json_option, report, root_option
from cdnserve.cli.terminal import write, write_json


@click.command(cls=Command, examples=("remove jquery", "remove 'jquery@^3'"))
@click.argument("specs", nargs=-1, required=True, metavar="NAME[@VERSION]...", shell_complete=complete_library)
@root_option
@json_option
def command(specs: tuple[str, ...], root: Path, as_json: bool) -> None:
    """Remove npm packages from the public libraries.

    NAME removes all versions of a library; NAME@VERSION the one, and with a range those that satisfy it. Folder,
    entry of the manifest and entry of the lock go together or not at all. The lock goes on recording the bytes
    that were published as immutable. What was added for the library alone goes with it; what others import stays.
    """
    from cdnserve.npm.remove import remove

    removed = remove(root, specs)
    if as_json:
        told = {"removed": list(removed.libraries), "requirements": list(removed.requirements)}
        write_json({**told, "problems": as_objects(removed.warnings)})
        return
    report(removed.warnings)
    write([(one, "bold"), ("  removed", "")] for one in removed.libraries)
    write([(one, "bold"), ("  removed from the manifest", "")] for one in removed.requirements)

"""`cdnserve sync`: the libraries of the manifest, exactly as the lock records them.

Never a newer version, and never bytes that the lock does not know.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from cdnserve.cli.command import Command
from cdnserve.cli.options import json_option, registry_option, root_argument
from cdnserve.cli.placed import write_libraries
from cdnserve.cli.problems import as_objects, report
from cdnserve.cli.progress import download_progress
from cdnserve.cli.surroundings import library_settings
from cdnserve.cli.terminal import write_json
from cdnserve.libraries import sync


@click.command(cls=Command)
@root_argument
@registry_option
@json_option
def command(root: Path, registry: str, as_json: bool) -> None:
    """Restore the libraries of ROOT that are not there.

    Each one must have the integrity that manifest.lock records. What is there is left as it is.
    """
    with download_progress() as progress:
        synced = sync(root, library_settings(registry), progress)
    if as_json:
        restored = [asdict(one) for one in synced.restored]
        write_json({"restored": restored, "present": synced.present, "problems": as_objects(synced.warnings)})
        return
    report(synced.warnings)
    write_libraries(root, synced.restored)
    click.echo(f"{len(synced.restored)} restored, {len(synced.present)} already here")

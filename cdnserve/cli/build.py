"""`cdnserve build`: make a release of what has changed, and stop."""

from __future__ import annotations

from pathlib import Path

import click

from cdnserve.cli.command import Command, as_objects, json_option, report, root_argument, state_option
from cdnserve.cli.release import build_progress, open_release
from cdnserve.cli.terminal import write_json
from cdnserve.display import plural
from cdnserve.release.build import build
from cdnserve.release.store import state_folder


@click.command(cls=Command)
@root_argument
@state_option
@click.option("--locked", is_flag=True, help="Refuse what manifest.lock does not have; warnings are problems.")
@json_option
def command(root: Path, state: str | None, locked: bool, as_json: bool) -> None:
    """Make a release of ROOT and stop.

    Only what has changed is read. Where nothing has, the release stays the same. A running server takes a
    new release up by itself.
    """
    with build_progress() as progress:
        built = build(root, state_folder(root, state), locked=locked, despite_hold=True, progress=progress)
    if as_json:
        write_json({"release": built.number, "changed": built.changed, "problems": as_objects(built.told)})
        return
    report(built.told)
    if built.changed:
        files = len(open_release(root, state, built)[1].assets)
        click.echo(f"release {built.number}: {plural(files, 'public file')}")
    else:
        click.echo(f"release {built.number}: nothing has changed")

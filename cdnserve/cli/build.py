"""`cdnserve build`: make a release of what has changed, and stop."""

from __future__ import annotations

from pathlib import Path

import click

from cdnserve.cli.command import Command, as_objects, json_option, report, root_argument, state_option
from cdnserve.cli.progress import build_progress
from cdnserve.cli.release import open_release
from cdnserve.cli.terminal import write_json
from cdnserve.display import plural
from cdnserve.release.build import build
from cdnserve.release.store import state_folder


@click.command(cls=Command, examples=("build", "build public --json"))
@root_argument
@state_option
@click.option("--locked", is_flag=True, help="Refuse what manifest.lock does not have; warnings are problems.")
@click.option("--quick", is_flag=True, help="Leave what is dear to encode: a server or the next build makes it.")
@json_option
def command(root: Path, state: str | None, locked: bool, quick: bool, as_json: bool) -> None:
    """Make a release of ROOT and stop.

    Only what has changed is read. Where nothing has, the release stays the same. A running server takes a
    new release up by itself.
    """
    with build_progress() as progress:
        folder = state_folder(root, state)
        built = build(root, folder, locked=locked, despite_hold=True, quick=quick, progress=progress)
    if as_json:
        write_json(
            {
                "release": built.number,
                "changed": built.changed,
                "complete": built.complete,
                "problems": as_objects(built.told),
            }
        )
        return
    report(built.told)
    left = "" if built.complete else "; codings are left to make"
    if built.changed:
        files = len(open_release(root, state, built)[1].assets)
        click.echo(f"release {built.number}: {plural(files, 'public file')}{left}")
    else:
        click.echo(f"release {built.number}: nothing has changed{left}")

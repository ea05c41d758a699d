"""`cdnserve check`: every problem in manifest, lock and files; for a person, an editor or CI.

Never writes anything, and never lets a warning pass.
"""

from __future__ import annotations

from pathlib import Path

import click

from cdnserve.cli.command import Command
from cdnserve.cli.options import json_option, root_argument, state_option
from cdnserve.cli.problems import as_objects, count, report
from cdnserve.cli.terminal import write_json
from cdnserve.release import check
from cdnserve.server.settings import state_folder


@click.command(cls=Command)
@root_argument
@state_option
@json_option
@click.pass_context
def command(ctx: click.Context, root: Path, state: str | None, as_json: bool) -> None:
    """Show every problem in the manifest, the lock and the files of ROOT.

    Nothing is written. The exit status is 1 if there is any problem, or only a warning.
    """
    problems = check(root, state_folder(root, state))
    if as_json:
        write_json({"problems": as_objects(problems)})
    else:
        report(problems)
        click.echo(count(problems) or "no problems")
    ctx.exit(1 if problems else 0)

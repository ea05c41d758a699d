"""`cdnserve check`: every problem in manifest, lock and files; for a person, an editor or CI.

Never lets a warning pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cdnserve.cli.command import Command, as_objects, count, json_option, report, root_argument, state_option
from cdnserve.cli.progress import build_progress
from cdnserve.cli.terminal import write_json
from cdnserve.errors import Problem
from cdnserve.release.check import check
from cdnserve.release.store import state_folder

if TYPE_CHECKING:
    from cdnserve.release.repair import Mended


@click.command(cls=Command, examples=("check", "check --deep"))
@root_argument
@state_option
@click.option("--deep", is_flag=True, help="Also read all stored bytes, and make again what is damaged.")
@json_option
@click.pass_context
def command(ctx: click.Context, root: Path, state: str | None, deep: bool, as_json: bool) -> None:
    """Show every problem in the manifest, the lock and the files of ROOT.

    Nothing is written, unless --deep finds damage in the folder of releases: it is made good from the files
    of ROOT. The exit status is 1 if there is any problem, or only a warning; not for what was made good.
    """
    folder = state_folder(root, state)
    mended = _examine(root, folder) if deep else None
    problems = (*check(root, folder), *(mended.left if mended else ()))
    again = mended.again if mended else ()
    if as_json:
        write_json({"problems": as_objects(problems)} | ({"mended": as_objects(again)} if deep else {}))
    else:
        report((*again, *problems))
        click.echo(_count(problems, again))
    ctx.exit(1 if problems else 0)


def _examine(root: Path, state: Path) -> Mended:
    # Only who looks deep waits for what makes content codings.
    from cdnserve.release.check import examine

    with build_progress() as progress:
        return examine(root, state, progress=progress)


def _count(problems: Sequence[Problem], again: Sequence[Problem]) -> str:
    said = count(problems) or "no problems"
    return f"{said}, {len(again)} made good" if again else said

"""`cdnserve forget`: the deliberate way back from a promise, for a file that became immutable by mistake.

Never forgets without a yes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from cdnserve.cli.command import Command, json_option, root_option, state_option
from cdnserve.cli.progress import build_progress
from cdnserve.cli.terminal import write_json
from cdnserve.display import printable
from cdnserve.release.immutable import find_promised, forget
from cdnserve.release.store import state_folder

_MOST_SHOWN = 10
_MEANING = """\
Whoever has the old bytes keeps them for up to a year: browsers and CDNs don't ask again. Integrity metadata in pages
refuses the new ones. A new path spares both."""


@click.command(
    cls=Command, examples=("forget npm/jquery@3.7.1/dist/jquery.js --yes", "forget 'npm/jquery@3.7.1/**' --yes")
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@root_option
@state_option
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
@click.pass_context
def command(
    ctx: click.Context, paths: tuple[str, ...], root: Path, state: str | None, yes: bool, as_json: bool
) -> None:
    """Take back the promise that the files at PATH never change.

    PATH is relative to the root, or a glob as in the manifest ('lib/1.0.0/**'). The next build, also that of
    a running server, takes the files as they are then, and records them anew.
    """
    folder = state_folder(root, state)
    found = find_promised(root, folder, paths)
    if not yes:
        if as_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise click.UsageError("this can't be undone, and there is no terminal to ask on: add --yes", ctx)
        click.echo("\n".join(_question(found)), err=True)
        if not click.confirm("Forget?", err=True):
            click.echo("nothing is forgotten", err=True)
            ctx.exit(1)
    with build_progress() as progress:
        forget(root, folder, found, progress)
    if as_json:
        write_json({"forgotten": found, "problems": []})
    else:
        click.echo(f"{_number(found)} forgotten: commit manifest.lock after the next build, and purge edges")


def _question(found: Sequence[str]) -> Iterator[str]:
    yield f"{_number(found)} promised never to change:"
    yield from (f"  {printable(path)}" for path in found[:_MOST_SHOWN])
    if len(found) > _MOST_SHOWN:
        yield f"  and {len(found) - _MOST_SHOWN:,} more"
    yield _MEANING


def _number(found: Sequence[str]) -> str:
    return f"{len(found):,} path{'s are' if len(found) != 1 else ' is'}"

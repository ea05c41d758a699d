"""`cdnserve forget`: the deliberate way back from a promise, for a file that became immutable by mistake.

Never forgets without a yes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cdnserve.cli.command import Command, json_option, root_option, state_option, store_option
from cdnserve.cli.progress import build_progress
from cdnserve.cli.release import needed_store
from cdnserve.cli.terminal import write_json
from cdnserve.display import printable
from cdnserve.release.immutable import choose_promised, find_promised, forget
from cdnserve.release.store import state_folder

if TYPE_CHECKING:
    from cdnserve.release.remote import RemoteStore

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
@store_option
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    paths: tuple[str, ...],
    root: Path,
    state: str | None,
    store: str,
    yes: bool,
    as_json: bool,
) -> None:
    """Take back the promise that the files at PATH never change.

    PATH is relative to the root, or a glob as in the manifest ('lib/1.0.0/**'). The next build, also that of
    a running server, takes the files as they are then, and records them anew. With --store, publishers may change
    them once there; what the lock and the folder of ROOT promise is another matter.
    """
    remote, folder = needed_store(store) if store else None, state_folder(root, state)
    found = _in_store(remote, paths) if remote else find_promised(root, folder, paths)
    if not yes:
        if as_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise click.UsageError("this can't be undone, and there is no terminal to ask on: add --yes", ctx)
        click.echo("\n".join(_question(found)), err=True)
        if not click.confirm("Forget?", err=True):
            click.echo("nothing is forgotten", err=True)
            ctx.exit(1)
    if remote:
        from cdnserve.release.publish import forget_in_store

        forget_in_store(remote, found)
    else:
        with build_progress() as progress:
            forget(root, folder, found, progress)
    if as_json:
        write_json({"forgotten": found, "problems": []})
    else:
        then = "run cdnserve publish" if remote else "commit manifest.lock after the next build"
        click.echo(f"{_number(found)} forgotten: {then}, and purge edges")


def _in_store(remote: RemoteStore, paths: Sequence[str]) -> tuple[str, ...]:
    from cdnserve.release.publish import store_promises

    return choose_promised(store_promises(remote), paths, "")


def _question(found: Sequence[str]) -> Iterator[str]:
    yield f"{_number(found)} promised never to change:"
    yield from (f"  {printable(path)}" for path in found[:_MOST_SHOWN])
    if len(found) > _MOST_SHOWN:
        yield f"  and {len(found) - _MOST_SHOWN:,} more"
    yield _MEANING


def _number(found: Sequence[str]) -> str:
    return f"{len(found):,} path{'s are' if len(found) != 1 else ' is'}"

"""`cdnserve rollback`: an earlier release becomes the current one again."""

from __future__ import annotations

from pathlib import Path

import click

from cdnserve.cli.command import Command, json_option, root_option, state_option, store_option
from cdnserve.cli.progress import build_progress
from cdnserve.cli.release import needed_store
from cdnserve.cli.terminal import write_json
from cdnserve.release.history import RolledBack, roll_back, roll_back_store
from cdnserve.release.store import state_folder


@click.command(cls=Command, examples=("rollback", "rollback 1"))
@click.argument("number", required=False, type=click.IntRange(min=1))
@root_option
@state_option
@store_option
@json_option
def command(number: int | None, root: Path, state: str | None, store: str, as_json: bool) -> None:
    """Make release NUMBER the current one; without it, the one before the current.

    A running server takes it up by itself. It stays the current one until a file, the manifest or the lock
    changes, or until you run cdnserve build; in an object store, until somebody publishes. NUMBER may be a newer
    release as well.
    """
    done = roll_back_store(needed_store(store), number) if store else _in_folder(number, root, state)
    paths = done.differences.paths
    if as_json:
        write_json({"release": done.number, "left": done.left, "paths": paths, "problems": []})
    elif done.number == done.left:
        click.echo(f"release {done.number} is the current one already")
    else:
        click.echo(f"release {done.number} is current, release {done.left} was")
        answers = f"{len(paths):,} path{'s are' if len(paths) != 1 else ' is'} answered otherwise"
        click.echo(
            f"{answers}: purge {'them' if len(paths) != 1 else 'it'} from edges" if paths else "the files are the same"
        )


def _in_folder(number: int | None, root: Path, state: str | None) -> RolledBack:
    with build_progress() as progress:
        return roll_back(root, state_folder(root, state), number, progress)

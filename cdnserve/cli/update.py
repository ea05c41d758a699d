"""`cdnserve update`: newer versions of the libraries, as far as the manifest lets them in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cdnserve.cli.command import (
    Command,
    as_objects,
    complete_library,
    json_option,
    registry_option,
    report,
    root_option,
)
from cdnserve.cli.npm import library_settings
from cdnserve.cli.progress import download_progress
from cdnserve.cli.terminal import Piece, write, write_json

if TYPE_CHECKING:
    from cdnserve.npm.apply import Move, Updated


@click.command(cls=Command, examples=("update --dry-run", "update jquery --latest"))
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete_library)
@click.option("--latest", is_flag=True, help="Go beyond what the manifest allows, and rewrite it.")
@click.option("--prune", is_flag=True, help="Remove the versions that the manifest no longer means.")
@click.option("--dry-run", is_flag=True, help="Say what would happen, and change nothing.")
@root_option
@registry_option
@json_option
def command(
    names: tuple[str, ...], latest: bool, prune: bool, dry_run: bool, root: Path, registry: str, as_json: bool
) -> None:
    """Add the newest versions that the manifest allows.

    Without a NAME all libraries are updated. Older versions stay: pages that name them go on working. With
    --latest the highest requirement of a library is rewritten in its own manner, ^3.6 to ^4.0.0. Nothing is
    changed unless all goes well.
    """
    from cdnserve.npm.update import UpdateOptions, update

    with download_progress() as progress:
        updated = update(root, names, library_settings(registry), progress, UpdateOptions(latest, prune, dry_run))
    if as_json:
        write_json(
            {
                "updates": [asdict(move) for move in updated.moves],
                "libraries": [asdict(one) for one in updated.libraries],
                "pruned": list(updated.pruned),
                "problems": as_objects(updated.warnings),
            }
        )
        return
    report(updated.warnings)
    write(_lines(updated, "would be " * dry_run))
    if not updated.moves and not updated.pruned:
        click.echo("everything is as new as the manifest allows")


def _lines(updated: Updated, would: str) -> Iterator[list[Piece]]:
    moves = ((f"{move.name}@{move.version}", f"{_beside(move)}{_rewritten(move)}") for move in updated.moves)
    # Two requirements may stand for the same versions.
    for library, told in dict.fromkeys(moves):
        yield [(library, "bold"), (f"  {would}{told}", "")]
    for one in updated.pruned:
        yield [(one, "bold"), (f"  {would}removed", "")]


def _beside(move: Move) -> str:
    if move.current in ("", move.version):
        return "added" if not move.current else "kept"
    return f"added beside {move.current}"


def _rewritten(move: Move) -> str:
    return f", the manifest says {move.rewritten} for {move.requirement}" if move.rewritten != move.requirement else ""

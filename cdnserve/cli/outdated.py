"""`cdnserve outdated`: which libraries are behind the registry."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cdnserve.cli.command import Command, complete_library, json_option, registry_option, root_option
from cdnserve.cli.npm import library_settings
from cdnserve.cli.progress import download_progress
from cdnserve.cli.terminal import Column, write_json, write_table
from cdnserve.display import printable, readable_size

if TYPE_CHECKING:
    from cdnserve.npm.outdated import OutdatedLibrary

_COLUMNS = (
    Column("library", style="bold"),
    Column("requirement"),
    Column("current"),
    Column("wanted", style="green"),
    Column("latest", style="cyan"),
    Column("size", is_number=True),
    Column("deprecated", style="yellow"),
)


@click.command(cls=Command, examples=("outdated", "outdated jquery --check"))
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete_library)
@click.option("--check", is_flag=True, help="Exit with status 1 if anything is behind.")
@root_option
@registry_option
@json_option
@click.pass_context
def command(ctx: click.Context, names: tuple[str, ...], check: bool, root: Path, registry: str, as_json: bool) -> None:
    """Show which libraries are behind the registry.

    "wanted" is what update would add, "latest" what update --latest would. "size" is how much larger or smaller
    the wanted version is, unpacked; the latest one where the wanted is here. On a terminal this is a table; in a
    pipe each line has the fields with tabs between them, the size in octets.
    """
    from cdnserve.npm.outdated import outdated

    with download_progress() as progress:
        behind = outdated(root, names, library_settings(registry), progress)
    if as_json:
        write_json({"outdated": [{**asdict(one), "growth": one.growth} for one in behind]})
    elif sys.stdout.isatty() and behind:
        _write_table([_row(one, _human(one.growth)) for one in behind])
    elif behind:
        click.echo("\n".join(map(_line, behind)))
    else:
        click.echo("nothing is behind", err=True)
    ctx.exit(1 if check and behind else 0)


def _write_table(rows: Sequence[Sequence[str]]) -> None:
    """Write a table without the columns that have nothing to say."""
    told = [at for at in range(len(_COLUMNS)) if any(row[at] for row in rows)]
    write_table([_COLUMNS[at] for at in told], ([row[at] for at in told] for row in rows))


def _line(one: OutdatedLibrary) -> str:
    octets = "" if one.growth is None else f"{one.growth:+}"
    return "\t".join(map(printable, _row(one, octets)))


def _row(one: OutdatedLibrary, size: str) -> tuple[str, ...]:
    return one.name, one.requirement, one.current, one.wanted, one.latest, size, one.deprecated


def _human(octets: int | None) -> str:
    """Return a change of size as people read it.

    >>> _human(1536), _human(-3 * 2**20), _human(0), _human(None)
    ('+1.5 KiB', '-3 MiB', '0', '')
    """
    if not octets:
        return "" if octets is None else "0"
    return ("+" if octets > 0 else "-") + readable_size(abs(octets))

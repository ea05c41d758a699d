"""`cdnserve sync`: the libraries, exactly as the lock records them."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cdnserve.cli.command import Command, as_objects, count, json_option, registry_option, report, root_argument
from cdnserve.cli.npm import library_settings, write_libraries
from cdnserve.cli.progress import download_progress
from cdnserve.cli.terminal import write, write_json

if TYPE_CHECKING:
    from cdnserve.npm.sync import Checked

_BASES = (
    ("tarball", "compared with the tarball"),
    ("lock", "compared with the immutable files of the lock"),
    ("nothing", "here, with nothing to compare them with"),
)


@click.command(cls=Command, examples=("sync", "sync --check"))
@click.option("--check", "only_check", is_flag=True, help="Change nothing; exit with status 1 if anything differs.")
@click.option("--prune", is_flag=True, help="Remove what the lock does not have.")
@root_argument
@registry_option
@json_option
@click.pass_context
def command(ctx: click.Context, only_check: bool, prune: bool, root: Path, registry: str, as_json: bool) -> None:
    """Restore the libraries of ROOT that manifest.lock records.

    Libraries and files that are missing come back, with the integrity of the lock. A file that was changed is a
    problem, never overwritten. What the lock does not have is told, and removed only with --prune. --check asks no
    network: it compares with tarballs in the cache, else with the immutable files of the lock.
    """
    from cdnserve.npm.sync import check, sync

    if only_check and prune:
        raise click.UsageError("--check changes nothing, so there is nothing to prune")
    if only_check:
        ctx.exit(_check(check(root, library_settings(registry)), as_json=as_json))
    with download_progress() as progress:
        synced = sync(root, library_settings(registry), progress, prune=prune)
    if as_json:
        restored, problems = [asdict(one) for one in synced.restored], as_objects(synced.warnings)
        write_json({"restored": restored, "present": synced.present, "pruned": synced.pruned, "problems": problems})
        return
    report(synced.warnings)
    write_libraries(root, synced.restored)
    write([(one, "bold"), ("  removed", "")] for one in synced.pruned)
    click.echo(f"{len(synced.restored)} restored, {len(synced.present)} already here")


def _check(checked: Checked, *, as_json: bool) -> int:
    libraries = [(str(one.order.spec), one.basis) for one in checked.libraries if one.is_present]
    if as_json:
        compared = [{"library": library, "compared": basis} for library, basis in libraries]
        write_json({"libraries": compared, "problems": as_objects(checked.problems)})
    else:
        report(checked.problems)
        bases = Counter[str](basis for _, basis in libraries)
        write([(f"{bases[basis]} {words}", "")] for basis, words in _BASES if basis in bases)
        click.echo(count(checked.problems) or "all is as the lock says")
    return 1 if checked.problems else 0

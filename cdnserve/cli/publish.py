"""`cdnserve publish`: a release in an object store, for any number of servers."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from cdnserve.cli.command import Command, as_objects, json_option, report, root_argument, state_option, store_option
from cdnserve.cli.progress import build_progress
from cdnserve.cli.release import needed_store
from cdnserve.cli.terminal import write_json
from cdnserve.display import plural, readable_size
from cdnserve.release.build import build
from cdnserve.release.store import Store, state_folder


@click.command(
    cls=Command,
    examples=("publish --store s3://releases/cdn", "publish --store s3://releases/cdn --purge-command ./purge"),
)
@root_argument
@state_option
@store_option
@click.option("--locked", is_flag=True, help="Refuse what manifest.lock does not have; warnings are problems.")
@click.option(
    "--purge-command",
    default="",
    metavar="COMMAND",
    help="Run this afterwards, with what edges must forget as JSON on stdin, unless that is nothing.",
)
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    root: Path,
    state: str | None,
    store: str,
    locked: bool,
    purge_command: str,
    as_json: bool,
) -> None:
    """Build ROOT, and put the release into an object store.

    Only what the store lacks is uploaded: a publication that broke off is taken up where it stopped. Servers take the
    release up by themselves. Of several publishers at once one makes the release; the others are told, and can go
    again. A file that any release in the store has promised never to change is held to that.
    """
    from cdnserve.origin.purge import purge
    from cdnserve.release.publish import publish, run_purge_command

    remote, folder = needed_store(store), state_folder(root, state)
    with build_progress() as progress:
        built = build(root, folder, locked=locked, despite_hold=True, progress=progress)
        done = publish(folder, built.number, remote, progress)
    site_url = Store(folder).read(built.number).site.url
    orders = purge(done.number, done.left, done.differences.paths, site_url)
    failed = run_purge_command(purge_command, orders.document()) if purge_command and orders.paths else None
    told = (*built.told, *done.warnings, *((failed,) if failed else ()))
    if as_json:
        facts = {"release": done.number, "left": done.left, "changed": done.changed, "local_release": built.number}
        sent = {"stored_files": done.blobs, "octets": done.octets}
        write_json({**facts, **sent, "purge": asdict(orders), "problems": as_objects(told)})
    else:
        report(told)
        what = "is current" if done.changed else "nothing has changed"
        uploaded = f"{plural(done.blobs, 'stored file')} uploaded ({readable_size(done.octets)})"
        click.echo(f"release {done.number} in {remote.place}: {what}; {uploaded}")
    ctx.exit(1 if failed else 0)

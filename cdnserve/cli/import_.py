"""`cdnserve import`: what `cdnserve export` wrote, into a root."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from cdnserve.cli.command import Command, json_option, root_option
from cdnserve.cli.terminal import write_json


@click.command(cls=Command, examples=("import cdn.tar.zst", "import cdn.tar.zst --replace"))
@click.argument("file", type=click.Path(dir_okay=False))
@root_option
@click.option("--replace", is_flag=True, help="Take the archive's manifest and files instead of those that differ.")
@click.option("--integrity", default="", metavar="HASH", help="What export said: the archive must have it.")
@json_option
def command(file: str, root: Path, replace: bool, integrity: str, as_json: bool) -> None:
    """Take what export wrote, verified.

    Each file is compared with the archive's index and with both locks before any is put into ROOT. What
    differs from a file that lies there is a problem; with --replace the archive's file takes its place, but
    never that of an immutable one. FILE may be - for stdin. Nothing is changed unless all goes well.
    """
    from cdnserve.npm.bundle_import import import_archive

    source = sys.stdin.buffer if file == "-" else Path(file)
    imported = import_archive(root, source, replace=replace, integrity=integrity)
    if as_json:
        write_json({**asdict(imported), "problems": []})
        return
    click.echo(f"{imported.new:,} new, {imported.replaced:,} replaced, {imported.same:,} already here")

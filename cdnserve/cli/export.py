"""`cdnserve export`: manifest, lock and files of a root as one archive."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from cdnserve.cli.command import Command, as_objects, json_option, report, root_option, state_option
from cdnserve.cli.terminal import write, write_json
from cdnserve.display import plural
from cdnserve.release.store import state_folder


@click.command(cls=Command, examples=("export cdn.tar.zst", "export - > cdn.tar"))
@click.argument("file", type=click.Path(dir_okay=False))
@root_option
@state_option
@json_option
def command(file: str, root: Path, state: str | None, as_json: bool) -> None:
    """Write manifest, lock and files into one archive.

    FILE is a tar archive, compressed as its name says: .tar, .tar.gz or .tar.zst; - is stdout, plain. It holds
    what the manifest makes public and the libraries whole, with the sha256 of each file. The same files give
    the same archive. Its integrity is for whoever takes it: cdnserve import FILE --integrity.
    """
    from cdnserve.npm.bundle_export import export
    from cdnserve.npm.bundle_format import ENDINGS

    is_stream = file == "-"
    if not is_stream and not file.lower().endswith(tuple(ENDINGS)):
        raise click.UsageError(f"FILE must end in one of {', '.join(ENDINGS)}, or be -")
    if is_stream and (as_json or sys.stdout.isatty()):
        raise click.UsageError("stdout can't hold the archive: it is a terminal, or wanted for JSON")
    target = sys.stdout.buffer if is_stream else Path(file)
    exported = export(root, state_folder(root, state), target)
    if as_json:
        summary = {key: value for key, value in asdict(exported).items() if key != "warnings"}
        write_json({"file": file, **summary, "problems": as_objects(exported.warnings)})
        return
    report(exported.warnings)
    files = plural(exported.files, "file")
    summary_line = f"{files}, {exported.content:,} octets, in {exported.size:,}"
    write([[(f"{file}  ", "bold"), (summary_line, "")], [(exported.integrity, "")]], to_stderr=is_stream)

"""`cdnserve schema`: the JSON Schema of the manifest, for editors that complete and check it."""

from __future__ import annotations

import click

from cdnserve.cli.command import Command
from cdnserve.cli.terminal import write_json
from cdnserve.manifest.schema import manifest_schema


@click.command(cls=Command, examples=("schema", "schema > manifest.schema.json"))
def command() -> None:
    """Print the JSON Schema of manifest.toml.

    An editor that knows it completes and checks the manifest as you type.
    """
    write_json(manifest_schema())

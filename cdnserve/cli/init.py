"""`cdnserve init`: a first manifest, which is right for most."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from cdnserve.cli.command import Command, default_root, json_option, root_argument
from cdnserve.cli.terminal import write, write_json
from cdnserve.errors import ConfigurationError, Problem
from cdnserve.manifest.files import MANIFEST


@click.command(cls=Command, examples=("init", "init site --url https://cdn.example.com"))
@root_argument
@click.option("--url", default="", metavar="URL", help="The public address of this host; tags begin with it.")
@click.option(
    "--origins", multiple=True, metavar="ORIGIN", help="Only pages of it may read your own files; repeatable."
)
@json_option
def command(root: Path, url: str, origins: tuple[str, ...], as_json: bool) -> None:
    """Write a first manifest into ROOT, which is made if it is absent.

    It publishes libraries, npm/**, for any page and for good, and all other files of ROOT, for any page or for those of
    --origins. A manifest that is there is left alone.
    """
    from cdnserve.manifest.reader import parse_manifest
    from cdnserve.manifest.starter import first_manifest, write_first

    text = first_manifest(url, [part for origin in origins for part in origin.replace(",", " ").split()])
    parse_manifest(text)
    root.mkdir(parents=True, exist_ok=True)
    path = root / MANIFEST
    if not write_first(root, text):
        hint = f"change it by hand; cdnserve check {shlex.quote(str(root))} says what is wrong with it"
        raise ConfigurationError([Problem("manifest-there", "there is a manifest already", str(path), hint=hint)])
    if as_json:
        write_json({"manifest": str(path)})
        return
    where = "" if root == Path(default_root()) else f" --root {shlex.quote(str(root))}"
    write([[(f"wrote {path}", "bold")], [(f"next: cdnserve add jquery{where}", "")]])

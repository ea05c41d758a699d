"""`cdnserve import-cors`: an object store's CORS configuration as a policy of the manifest."""

from __future__ import annotations

from pathlib import Path

import click

from cdnserve.cli.command import Command, as_objects, json_option, report, root_option
from cdnserve.cli.terminal import write, write_json
from cdnserve.manifest.files import MANIFEST
from cdnserve.manifest.s3_cors_translate import append_policy, policy_text, translate_file


@click.command(cls=Command, examples=("import-cors cors.json", "import-cors cors.json --path 'fonts/**' --write"))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--path", "paths", multiple=True, metavar="GLOB", help="The files to publish with it; repeatable.")
@click.option("--name", default="", show_default="the rule's ID, else object-store", help="The policy's name.")
@click.option("--any", "take_any", is_flag=True, help='Take cors = "any" for AllowedOrigin *, though it is wider.')
@click.option("--write", "to_manifest", is_flag=True, help="Write behind ROOT/manifest.toml instead of to stdout.")
@root_option
@json_option
def command(  # one for each option
    file: Path,
    paths: tuple[str, ...],
    name: str,
    take_any: bool,
    to_manifest: bool,
    root: Path,
    as_json: bool,
) -> None:
    """Translate an object store's CORS configuration.

    FILE is S3's JSON or XML, which MinIO, R2 and Ceph have too. All its rules that let pages read become one
    [cors.*] policy and one [[publish]] rule, as TOML to paste. The policy lets in no origin, header or method
    that the store keeps out: what can't be said exactly is left out, and told.
    """
    policy, differences = translate_file(file, root, name, take_any=take_any)
    text = policy_text(policy, paths)
    told = (*differences, *(append_policy(root, text) if to_manifest else ()))
    if as_json:
        write_json({"name": policy.name, "toml": text, "problems": as_objects(told)})
        return
    report(told)
    if to_manifest:
        click.echo(f'written to {root / MANIFEST}: cors = "{policy.name}"')
        return
    write([[(line, "")] for line in text.rstrip("\n").split("\n")])

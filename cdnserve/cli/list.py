"""`cdnserve list`: what is public, with sizes, policy, caching and integrity."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from cdnserve.cli.command import Command, as_objects, json_option, report, root_argument, state_option
from cdnserve.cli.release import build_release, open_release
from cdnserve.cli.terminal import Column, write, write_json, write_table
from cdnserve.display import plural
from cdnserve.release.catalog import Asset, Catalog
from cdnserve.rules.integrity import hash_expression
from cdnserve.rules.media_types import essence
from cdnserve.rules.urls import public_url

_CODINGS = ("identity", "br", "gzip", "zstd")
_COLUMNS = (
    Column("path", style="bold"),
    Column("media type"),
    Column("cors", style="cyan"),
    Column("cache"),
    Column("octets", is_number=True),
    *(Column(coding, is_number=True) for coding in _CODINGS[1:]),
    Column("integrity", style="dim"),
)


@click.command(cls=Command)
@root_argument
@state_option
@json_option
def command(root: Path, state: str | None, as_json: bool) -> None:
    """List what is public in ROOT, after a build of what has changed.

    On a terminal this is a table, as much of it as fits. In a pipe each file is one line of fields with tabs
    between them: path, media type, cors, cache, octets, octets as br, as gzip, as zstd, integrity.
    """
    built = build_release(root, state)
    catalog = open_release(root, state, built)[1]
    if as_json:
        assets = [_as_object(path, asset, catalog) for path, asset in catalog.assets.items()]
        write_json({"release": catalog.number, "assets": assets, "problems": as_objects(built.told)})
        return
    report(built.told)
    if sys.stdout.isatty():
        write_table(_COLUMNS, _rows(catalog, "{:,}"))
        files = len(catalog.assets)
        write([[(f"{plural(files, 'public file')} in release {catalog.number}", "bold")]])
    elif catalog.assets:
        click.echo("\n".join("\t".join(row) for row in _rows(catalog, "{}")))


def _rows(catalog: Catalog, number: str) -> Iterator[tuple[str, ...]]:
    for path, asset in catalog.assets.items():
        rule, sizes = catalog.rules[asset.rule], _sizes(asset)
        digest = hash_expression("sha384", asset.sha384)
        octets = (number.format(sizes[coding]) if coding in sizes else "" for coding in _CODINGS)
        yield path, essence(path, asset.form), rule.cors.name, rule.cache.name, *octets, digest


def _sizes(asset: Asset) -> dict[str, int]:
    return {representation.coding: representation.size for representation in asset.representations}


def _as_object(path: str, asset: Asset, catalog: Catalog) -> dict[str, object]:
    rule = catalog.rules[asset.rule]
    return {
        "path": path,
        "url": public_url(path, catalog.site.url),
        "media_type": asset.media_type(path),
        "octets": _sizes(asset),
        "cors": rule.cors.name,
        "cache": rule.cache.name,
        "cache_control": rule.cache.control,
        "rule": f"manifest.toml:{rule.line}",
        "integrity": hash_expression("sha384", asset.sha384),
        "last_modified": asset.last_modified,
    }

"""`cdnserve list`: what is public, by library and folder, or file by file with sizes, policy and integrity."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from cdnserve.cli.command import (
    Command,
    as_objects,
    json_option,
    named_root,
    one_root,
    report,
    root_option,
    state_option,
    store_option,
)
from cdnserve.cli.release import current_release
from cdnserve.cli.terminal import Column, write, write_json, write_table
from cdnserve.display import did_you_mean, plural, readable_size
from cdnserve.errors import ConfigurationError, Problem
from cdnserve.manifest.files import MANIFEST
from cdnserve.npm.hosted import HostedGroup, hosted_groups, public_files
from cdnserve.release.catalog import Asset, Catalog
from cdnserve.rules.integrity import hash_expression
from cdnserve.rules.media_types import essence
from cdnserve.rules.urls import public_url

_CODINGS = ("identity", "br", "gzip", "zstd")
_FILES = (
    Column("path", style="bold"),
    Column("media type"),
    Column("cors", style="cyan"),
    Column("cache"),
    Column("octets", is_number=True),
    *(Column(coding, is_number=True) for coding in _CODINGS[1:]),
    Column("integrity", style="dim"),
)
# The versions come last: where they don't fit, the oldest are cut off.
_GROUPS = (
    Column("name", style="bold"),
    Column("files", is_number=True),
    Column("as served", is_number=True),
    Column("cors", style="cyan"),
    Column("cache"),
    Column("versions"),
)


@click.command(cls=Command, examples=("list", "list jquery"))
@click.argument("operands", nargs=-1, metavar="[ROOT] [NAME]")
@click.option("--files", is_flag=True, help="Every file, on a terminal too.")
@root_option
@state_option
@store_option
@json_option
def command(operands: tuple[str, ...], files: bool, root: Path, state: str | None, store: str, as_json: bool) -> None:
    """List what is public in ROOT, after a build of what has changed; with --store, what is public there.

    On a terminal this is a table of the libraries and of your own folders, with their size in the content codings that
    are smallest. NAME shows the files of one: a library, NAME@VERSION or a folder. A folder with a manifest is ROOT.
    In a pipe each file is one line of fields with tabs between them: path, media type, cors, cache, octets, octets as
    br, as gzip, as zstd, integrity.
    """
    root, name = _operands(operands, root)
    _, catalog, problems = current_release(root, state, store)
    groups = hosted_groups(catalog)
    assets = _assets(name, catalog, groups)
    if as_json:
        listed = [_as_object(path, asset, catalog) for path, asset in assets.items()]
        told = {"problems": as_objects(problems), "groups": [asdict(group) for group in groups]}
        write_json({"release": catalog.number, "assets": listed, **told})
        return
    report(problems)
    if not sys.stdout.isatty():
        click.echo("".join("\t".join(row) + "\n" for row in _rows(assets, catalog, "{}")), nl=False)
    elif name or files:
        write_table(_FILES, _rows(assets, catalog, "{:,}"))
        write([[(f"{plural(len(assets), 'public file')} in release {catalog.number}", "bold")]])
    else:
        _write_groups(groups, catalog.number)


def _operands(operands: Sequence[str], root: Path) -> tuple[Path, str]:
    """Return root and name; a single operand is the root where a manifest lies in it."""
    if len(operands) > 2:
        raise click.UsageError("say [ROOT] [NAME], no more")
    places = [named_root(text) for text in operands]
    if len(operands) == 2 or (operands and (places[0] / MANIFEST).is_file()):
        return one_root(places[0], root), "".join(operands[1:])
    return root, "".join(operands)


def _assets(name: str, catalog: Catalog, groups: Sequence[HostedGroup]) -> Mapping[str, Asset]:
    """Return the files that are asked for, by path."""
    found = public_files(catalog, name) if name else catalog.assets
    if found or not name:
        return found
    hint = did_you_mean(name, [group.name for group in groups], "see all names: cdnserve list")
    message = "no public library or folder has this name, and no manifest makes it a root"
    raise ConfigurationError([Problem("target-unknown", message, name, hint=hint)])


def _write_groups(groups: Sequence[HostedGroup], release: int) -> None:
    if groups:
        write_table(_GROUPS, map(_group_row, groups))
    files, octets = sum(group.files for group in groups), sum(group.octets for group in groups)
    write(
        [
            [
                (f"{plural(files, 'public file')} in release {release}", "bold"),
                (f", {readable_size(octets)} as served", ""),
            ]
        ]
    )


def _group_row(group: HostedGroup) -> tuple[str, ...]:
    policies = (", ".join(group.cors), ", ".join(group.cache))
    name = group.name if group.is_library else f"{group.name.rstrip('/')}/"
    return name, f"{group.files:,}", readable_size(group.octets), *policies, ", ".join(group.versions)


def _rows(assets: Mapping[str, Asset], catalog: Catalog, number: str) -> Iterator[tuple[str, ...]]:
    for path, asset in assets.items():
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

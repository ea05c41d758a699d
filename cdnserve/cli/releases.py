"""`cdnserve releases`: the releases that are there, and what each one changed."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from cdnserve.cli.command import Command, json_option, root_argument, state_option, store_option
from cdnserve.cli.release import needed_store, releases_folder
from cdnserve.cli.terminal import Column, write_json, write_table
from cdnserve.release.history import ReleaseEntry, history, store_history

_COLUMNS = (
    Column("release", is_number=True, style="bold"),
    Column("made"),
    Column("files", is_number=True),
    Column("octets", is_number=True),
    # Whole words would leave no room for the state on a terminal of 80 columns.
    Column("+", is_number=True, style="green"),
    Column("-", is_number=True, style="red"),
    Column("~", is_number=True, style="yellow"),
    Column("state", style="cyan"),
)


@click.command(cls=Command, examples=("releases", "releases public --json"))
@root_argument
@state_option
@store_option
@json_option
def command(root: Path, state: str | None, store: str, as_json: bool) -> None:
    """List the releases of ROOT, or of an object store, the oldest first.

    Each is compared with the one before it. On a terminal this is a table, with added (+), removed (-) and changed
    (~) files. In a pipe each release is one line of fields with tabs between them: number, when it was made, files,
    their octets, added, removed and changed files, state.
    """
    entries = list(store_history(needed_store(store)) if store else history(releases_folder(root, state)))
    if as_json:
        write_json({"releases": [_as_object(entry) for entry in entries], "problems": []})
    elif sys.stdout.isatty() and entries:
        write_table(_COLUMNS, _rows(entries, "{:,}"))
    elif entries:
        click.echo("\n".join("\t".join(row) for row in _rows(entries, "{}")))
    elif sys.stdout.isatty():
        click.echo("there is no release yet")


def _rows(entries: Iterable[ReleaseEntry], number: str) -> Iterator[tuple[str, ...]]:
    for entry in entries:
        found = entry.differences
        counts = (entry.files, entry.octets, len(found.added), len(found.removed), len(found.changed))
        shown = ("",) * len(counts) if entry.problem else tuple(map(number.format, counts))
        yield str(entry.number), _date(entry), *shown, _state(entry)


def _state(entry: ReleaseEntry) -> str:
    if entry.problem:
        return f"unreadable: {entry.problem.message}"
    return "current" if entry.is_current else "rolled back from" if entry.left else ""


def _date(entry: ReleaseEntry) -> str:
    return datetime.fromtimestamp(int(entry.made), UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _as_object(entry: ReleaseEntry) -> dict[str, object]:
    facts: dict[str, object] = {
        "release": entry.number,
        "made": int(entry.made),
        "current": entry.is_current,
        "rolled_back_from": entry.left,
        "unreadable": entry.problem.reference if entry.problem else None,
    }
    if entry.problem:
        return facts
    found = entry.differences
    return facts | {
        "files": entry.files,
        "octets": entry.octets,
        "added": found.added,
        "removed": found.removed,
        "changed": found.changed,
    }

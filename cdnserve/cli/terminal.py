"""The terminal: whether there is one, and what may be written to it.

Never lets a control character of a name, a value or an answer through, and never styles what goes into a pipe.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import click

from cdnserve.display import printable

Piece = tuple[str, str]
"""Text and its style; `""` for none."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    heading: str
    is_number: bool = False
    style: str = ""


def write(lines: Iterable[Iterable[Piece]], *, to_stderr: bool = False, keep_tabs: bool = False) -> None:
    """Write lines, with their styles where they go to a terminal."""
    stream = sys.stderr if to_stderr else sys.stdout
    if stream.isatty():
        from cdnserve.cli.screen import print_lines

        print_lines(stream, lines, keep_tabs=keep_tabs)
    elif written := "".join("".join(printable(text, keep_tabs=keep_tabs) for text, _ in line) + "\n" for line in lines):
        click.echo(written, stream, nl=False)


def write_table(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """Write a table to the terminal that stdout is."""
    from cdnserve.cli.screen import print_table

    print_table(sys.stdout, columns, rows)


def write_json(value: object) -> None:
    """Write JSON to stdout; in ASCII, so that whatever a name holds is escaped."""
    click.echo(json.dumps(value, indent=2))

"""The terminal: text and tables, drawn with rich where somebody looks, and plain in a pipe.

rich takes longer to load than most commands take to run, so only what draws loads it.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

import click

from cdnserve.display import printable

if TYPE_CHECKING:
    from rich.console import Console, JustifyMethod, OverflowMethod
    from rich.text import Text

_INDENT = 8
_GAP = 2  # the space behind a column and the one before the next
_SHORTEST = 16

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
        print_lines(stream, lines, keep_tabs=keep_tabs)
    elif written := "".join("".join(printable(text, keep_tabs=keep_tabs) for text, _ in line) + "\n" for line in lines):
        click.echo(written, stream, nl=False)


def write_table(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """Write a table to the terminal that stdout is."""
    print_table(sys.stdout, columns, rows)


def write_json(value: object) -> None:
    """Write JSON to stdout; in ASCII, so that whatever a name holds is escaped."""
    click.echo(json.dumps(value, indent=2))


def as_groups(counts: Counter[str], remedies: Mapping[str, str]) -> Iterator[Sequence[Piece]]:
    """Yield the reasons, the most common first, each with its number and below it what would resolve it."""
    for reason, number in counts.most_common():
        yield [(f"{number:6} {reason}", "")]
        yield [("       hint: ", "dim"), (remedies[reason], "green")]


def print_lines(stream: TextIO, lines: Iterable[Iterable[Piece]], *, keep_tabs: bool = False) -> None:
    """Print lines with their styles; long ones are left to the terminal."""
    screen = console_of(stream)
    for line in lines:
        screen.print(_text(line, keep_tabs=keep_tabs), soft_wrap=True)


def print_rows(stream: TextIO, rows: Iterable[Sequence[Piece]]) -> None:
    """Print rows of a label and a text beside it; one without a label goes on with the row before, further in.

    The terminal breaks what is too long: what it is told to break can't be pasted any more.
    """
    known = list(rows)
    width = max(len(label) for (label, _), *_ in known)
    begun = ((f"{label:{width}} " if label else " " * _INDENT, style) for (label, style), *_ in known)
    print_lines(stream, ([first, *row[1:]] for first, row in zip(begun, known, strict=True)), keep_tabs=True)


def print_table(stream: TextIO, columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """Print a table: the last column is cut to what is left; columns that do not fit are left out from the right."""
    from rich import box
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    cells = [[printable(cell) for cell in row] for row in rows]
    screen = console_of(stream)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    left = screen.width
    for at, column in enumerate(columns):
        widest = max(cell_len(text) for text in (column.heading, *(row[at] for row in cells)))
        width = min(widest, max(left - _GAP, _SHORTEST)) if at in (0, len(columns) - 1) else widest
        left -= width + _GAP
        if at and left < 0:
            break
        justify: JustifyMethod = "right" if column.is_number else "left"
        overflow: OverflowMethod = "ellipsis" if at else "fold"
        table.add_column(
            column.heading, justify=justify, style=column.style, width=width, no_wrap=at > 0, overflow=overflow
        )
    for row in cells:
        table.add_row(*map(Text, row[: len(table.columns)]))
    screen.print(table)


def console_of(stream: TextIO) -> Console:
    """Return a console that shows text as it is, and obeys NO_COLOR and TERM."""
    from rich.console import Console

    return Console(file=stream, highlight=False, markup=False, emoji=False)


def _text(pieces: Iterable[Piece], *, keep_tabs: bool = False) -> Text:
    from rich.text import Text

    return Text.assemble(*((printable(text, keep_tabs=keep_tabs), style) for text, style in pieces))

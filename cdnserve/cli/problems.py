"""Problems on the command line: styled on a terminal, one fact a line elsewhere, or JSON.

Never leaves one out, and never writes to stdout but as JSON.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace

import click

from cdnserve.cli.terminal import Piece, printable, printable_lines
from cdnserve.errors import Problem


def report(problems: Sequence[Problem]) -> None:
    """Write problems to stderr."""
    if not sys.stderr.isatty():
        for problem in problems:
            click.echo(plain(problem), err=True)
    elif problems:
        from cdnserve.cli.screen import print_rows

        for problem in problems:
            print_rows(sys.stderr, _rows(problem))


def plain(problem: Problem) -> str:
    r"""Give a problem as plain text; it begins as compilers begin, so that editors find the place.

    >>> print(plain(Problem("file-left-out", "no file", "a\n.js", warning=True)))
    a\n.js: warning: no file [file-left-out]
    """
    message = f"warning: {problem.message}" if problem.warning else problem.message
    where, value, hint = printable(problem.where), printable(problem.value), "\n".join(printable_lines(problem.hint))
    return str(replace(problem, message=printable(message), where=where, value=value, hint=hint))


def as_objects(problems: Sequence[Problem]) -> list[dict[str, object]]:
    """Give problems as JSON objects."""
    return [asdict(problem) for problem in problems]


def count(problems: Sequence[Problem]) -> str:
    """Say how many there are.

    >>> count([Problem("a", "b"), Problem("c", "d", warning=True), Problem("e", "f", warning=True)])
    '1 problem, 2 warnings'
    """
    warnings = sum(problem.warning for problem in problems)
    numbers = ((len(problems) - warnings, "problem"), (warnings, "warning"))
    return ", ".join(f"{number} {word}{'s' * (number != 1)}" for number, word in numbers if number)


def _rows(problem: Problem) -> Iterator[tuple[Piece, ...]]:
    """Yield rows of a label and the text beside it; what is to be pasted has no label."""
    label = ("warning", "bold yellow") if problem.warning else ("error", "bold red")
    where = f"{problem.where}: " if problem.where else ""
    yield label, (where, "bold"), (problem.message, ""), (f" [{problem.reference}]", "dim")
    if problem.value:
        yield ("  value", "dim"), (problem.value, "magenta")
    if problem.hint:
        first, *rest = printable_lines(problem.hint)
        yield ("  hint", "dim"), (first, "green")
        yield from ((("", ""), (line, "green")) for line in rest)

"""Findings of an audit as people and programs read them: rows on a terminal, lines in a pipe, JSON.

Never leaves one out, and never lets a page's text through unescaped.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cdnserve.cli.problems import as_objects
from cdnserve.cli.terminal import Piece, printable_lines, write
from cdnserve.errors import Problem
from cdnserve.snippets.pages.finding import LEVELS, Finding, Level

_STYLES: dict[Level, str] = {"error": "bold red", "warning": "bold yellow", "note": "bold cyan"}


@dataclass(frozen=True, slots=True)
class Audited:
    """A page that was audited: its name, and what was found in the order of the page."""

    page: str
    findings: tuple[Finding, ...]


def is_bad(audited: Sequence[Audited]) -> bool:
    """Tell whether there is more than notes."""
    return any(finding.level != "note" for one in audited for finding in one.findings)


def write_findings(audited: Sequence[Audited]) -> None:
    """Write all findings, and how many there are."""
    if sys.stdout.isatty():
        from cdnserve.cli.screen import print_rows

        for one in audited:
            if one.findings:
                write([[(one.page, "bold underline")]])
                print_rows(sys.stdout, (row for finding in one.findings for row in _rows(finding)))
    else:
        lines = (line for one in audited for finding in one.findings for line in _lines(one.page, finding))
        write(lines, keep_tabs=True)
    write([[(summary(audited), "bold")]])


def summary(audited: Sequence[Audited]) -> str:
    """Say how many findings there are, in how many pages, and by which rules.

    >>> summary([Audited("a.html", ())])
    'nothing found in 1 page'
    """
    counts = Counter(finding.level for one in audited for finding in one.findings)
    words = ", ".join(f"{counts[level]} {level}{'s' * (counts[level] != 1)}" for level in LEVELS if counts[level])
    rules = Counter(finding.rule for one in audited for finding in one.findings).most_common()
    by_rule = ": " * bool(rules) + ", ".join(f"{number} {rule}" for rule, number in rules)
    return f"{words or 'nothing found'} in {len(audited)} page{'s' * (len(audited) != 1)}{by_rule}"


def as_object(audited: Sequence[Audited], problems: Sequence[Problem]) -> dict[str, object]:
    """Give all as one JSON object."""
    pages = [{"page": one.page, "findings": [_finding(finding) for finding in one.findings]} for one in audited]
    return {"pages": pages, "problems": as_objects(problems)}


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "rule": finding.rule,
        "level": finding.level,
        "line": finding.place.line,
        "column": finding.place.column,
        "url": finding.url,
        "message": finding.message,
        "hint": finding.hint,
        "tag": finding.tag.text,
        "fix": finding.fix,
    }


def _facts(finding: Finding) -> Iterator[tuple[str, str, str]]:
    """Yield label, text and style; a line of what is to be pasted has no label."""
    if finding.url:
        yield "url", finding.url, "magenta"
    if finding.hint:
        yield "hint", finding.hint, "green"
    fix = printable_lines(finding.fix)
    if finding.fix and len(fix) == 1:
        yield "fix", finding.fix, "green"
    elif finding.fix:
        yield from (("fix", "", ""), *(("", line, "green") for line in fix))


def _rows(finding: Finding) -> Iterator[tuple[Piece, ...]]:
    place = f"{finding.place.line}:{finding.place.column}"
    level = (f"{finding.level} ", _STYLES[finding.level])
    yield (place, "bold"), level, (finding.message, ""), (f" [{finding.rule}]", "dim")
    for label, text, style in _facts(finding):
        yield (f"  {label}" if label else "", "dim"), (text, style)


def _lines(page: str, finding: Finding) -> Iterator[tuple[Piece, ...]]:
    place = f"{page}:{finding.place.line}:{finding.place.column}"
    yield ((f"{place}: {finding.level}: {finding.message} [{finding.rule}]", ""),)
    for label, text, _ in _facts(finding):
        beginning = f"    {f'{label}:':6}" if label else " " * 8
        yield ((f"{beginning}{text}".rstrip(), ""),)

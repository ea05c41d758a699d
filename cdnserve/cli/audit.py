"""`cdnserve audit`: what is wrong with the script and link tags of HTML pages."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import click
from click.core import ParameterSource

from cdnserve.audit.findings import LEVELS, RULES, Audited, Finding, Level, as_sarif
from cdnserve.audit.run import AuditOptions, AuditReport, audit_pages, read_pages
from cdnserve.cli.command import Command, as_objects, json_option, report, root_option, state_option, store_option
from cdnserve.cli.npm import library_settings
from cdnserve.cli.progress import count_progress
from cdnserve.cli.release import build_release, current_release, open_release
from cdnserve.cli.terminal import Piece, as_groups, print_rows, write, write_json
from cdnserve.display import plural, printable_lines
from cdnserve.manifest.files import MANIFEST
from cdnserve.release.catalog import Catalog


@click.command(cls=Command, examples=("audit index.html", "audit site --host cdn.example.org"))
@click.argument("pages", nargs=-1, required=True, metavar="PAGE...")
@click.option("--host", "hosts", multiple=True, metavar="HOST", help="Another host that serves ROOT; repeatable.")
@click.option("--fetch", is_flag=True, help="Ask other hosts for their files, to compare and compute integrity.")
@root_option
@state_option
@store_option
@json_option
@click.option("--sarif", "to_sarif", is_flag=True, help="Write SARIF 2.1.0, for code hosts.")
@click.pass_context
def command(
    context: click.Context,
    pages: tuple[str, ...],
    hosts: tuple[str, ...],
    fetch: bool,
    root: Path,
    state: str | None,
    store: str,
    as_json: bool,
    to_sarif: bool,
) -> None:
    """Audit how HTML pages load scripts, styles and modules.

    PAGE is an HTML file or a template, a folder (all that lie in it and in its folders), or a URL. Each tag is
    compared with the release of ROOT, if there is a manifest, or with that of --store.

    The exit status is 1 if there is an error or a warning; notes alone do not count.
    """
    if as_json and to_sarif:
        raise click.UsageError("--json and --sarif are two formats; say one.")
    if store:
        catalog: Catalog | None = current_release(root, state, store)[1]
    else:
        catalog = _catalog(root, state, context.get_parameter_source("root"))
    with count_progress("auditing pages") as on_page:
        read = read_pages(pages, root, library_settings(), on_page)
        found = audit_pages(read, catalog, AuditOptions(hosts, fetch), library_settings())
    if as_json:
        write_json(_as_object(found))
    elif to_sarif:
        write_json(as_sarif(found.pages, found.problems))
        report(found.problems)
    else:
        if found.pages:
            _write_findings(found.pages)
        report(found.problems)
    context.exit(1 if found.is_bad else 0)


def _catalog(root: Path, state: str | None, source: ParameterSource | None) -> Catalog | None:
    """Return the release of ROOT; `None` where it has no manifest, but a folder that was asked for must be there."""
    if not (root / MANIFEST).is_file() and (root.is_dir() or source is ParameterSource.DEFAULT):
        return None
    return open_release(root, state, build_release(root, state))[1]


_STYLES: Mapping[Level, str] = MappingProxyType({"error": "bold red", "warning": "bold yellow", "note": "bold cyan"})


def _write_findings(audited: Sequence[Audited]) -> None:
    if sys.stdout.isatty():
        for one in audited:
            if one.findings:
                write([[(one.page, "bold underline")]])
                print_rows(sys.stdout, (row for finding in one.findings for row in _rows(finding)))
    else:
        lines = (line for one in audited for finding in one.findings for line in _lines(one.page, finding))
        write(lines, keep_tabs=True)
    names = {rule: f"{rule}: {known.summary}" for rule, known in RULES.items()}
    counts = Counter(names[finding.rule] for one in audited for finding in one.findings)
    groups = as_groups(counts, {names[rule]: known.remedy for rule, known in RULES.items()})
    write([[(_summary(audited), "bold")], *groups])


def _summary(audited: Sequence[Audited]) -> str:
    """Return how many findings there are, and in how many pages.

    >>> _summary([Audited("a.html", ())])
    'nothing found in 1 page'
    """
    counts = Counter(finding.level for one in audited for finding in one.findings)
    words = ", ".join(plural(counts[level], level) for level in LEVELS if counts[level])
    return f"{words or 'nothing found'} in {plural(len(audited), 'page')}"


def _as_object(found: AuditReport) -> dict[str, object]:
    pages = [{"page": one.page, "findings": [_finding(finding) for finding in one.findings]} for one in found.pages]
    return {"pages": pages, "problems": as_objects(found.problems)}


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
    """Yield label, text and style; the lines of a fix have no label."""
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

"""`cdnserve audit`: what is wrong with the script and link tags of HTML pages.

Never changes a page, and never asks a network but for pages that are URLs and for `--fetch`.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from cdnserve.audit.findings import LEVELS, Audited, Finding, Level
from cdnserve.cli.command import Command, as_objects, json_option, report, root_option, state_option
from cdnserve.cli.context import build_release, library_settings, open_release
from cdnserve.cli.terminal import Piece, write, write_json
from cdnserve.display import plural, printable_lines
from cdnserve.errors import Problem, Problems
from cdnserve.manifest.files import MANIFEST
from cdnserve.rules.urls import public_url

if TYPE_CHECKING:
    from cdnserve.audit.facts import Ours, Place
    from cdnserve.audit.pages import PageFile
    from cdnserve.origin.lookup import Origin
    from cdnserve.release.catalog import Catalog


@click.command(cls=Command)
@click.argument("pages", nargs=-1, required=True, metavar="PAGE...")
@click.option("--host", "hosts", multiple=True, metavar="HOST", help="Another host that serves ROOT; repeatable.")
@click.option("--fetch", is_flag=True, help="Ask other hosts for their files, to compare and compute integrity.")
@root_option
@state_option
@json_option
@click.option("--sarif", "as_sarif", is_flag=True, help="Write SARIF 2.1.0, for code hosts.")
@click.pass_context
def command(
    context: click.Context,
    pages: tuple[str, ...],
    hosts: tuple[str, ...],
    fetch: bool,
    root: Path,
    state: str | None,
    as_json: bool,
    as_sarif: bool,
) -> None:
    """Audit how HTML pages load scripts, styles and modules.

    PAGE is an HTML file or a template, a folder (all that lie in it and in its folders), or a URL. Each tag is
    compared with the release of ROOT, if there is a manifest.

    The exit status is 1 if there is an error or a warning; notes alone do not count.
    """
    from cdnserve.audit.findings import as_sarif as sarif_log
    from cdnserve.audit.pages import read_pages

    if as_json and as_sarif:
        raise click.UsageError("--json and --sarif are two formats; say one.")
    is_asked_for = context.get_parameter_source("root") is not ParameterSource.DEFAULT
    ours = _ours(root, state, hosts, is_asked_for=is_asked_for)
    audited, problems = _audit_all(read_pages(pages, root, library_settings()), ours, fetch=fetch)
    if as_json:
        write_json(as_object(audited, problems))
    elif as_sarif:
        write_json(sarif_log(audited, problems))
        report(problems)
    else:
        write_findings(audited)
        report(problems)
    if problems or is_bad(audited):
        raise click.exceptions.Exit(1)


def _ours(root: Path, state: str | None, hosts: Sequence[str], *, is_asked_for: bool) -> Ours:
    """Return the release of ROOT; none where it has no manifest, but a folder that was asked for must be there."""
    from cdnserve.audit.facts import Ours

    if not (root / MANIFEST).is_file() and (root.is_dir() or not is_asked_for):
        return Ours.of(None, hosts)
    return served(open_release(root, state, build_release(root, state))[1], hosts)


def served(catalog: Catalog, hosts: Iterable[str] = ()) -> Ours:
    """Return a release as a server of it would answer: with aliases, default files and further addresses."""
    from cdnserve.audit.facts import Ours
    from cdnserve.origin.lookup import Origin

    return Ours.of(catalog, hosts, partial(_place, Origin(catalog)))


def _place(origin: Origin, path: str) -> Place:
    from cdnserve.audit.facts import Place

    found = origin.locate(path.encode("utf-8", "surrogatepass"))
    if found.flaw:
        return Place(path)
    return Place(found.path, found.asset, found.path if found.location else "")


def _audit_all(pages: Iterable[PageFile | Problem], ours: Ours, *, fetch: bool) -> tuple[list[Audited], list[Problem]]:
    audited: list[Audited] = []
    problems = Problems()
    for page in pages:
        if isinstance(page, Problem):
            problems.append(page)
            continue
        with problems.caught(page.name):
            audited.append(_audit(page, ours, fetch=fetch))
    return audited, problems


def _audit(page: PageFile, ours: Ours, *, fetch: bool) -> Audited:
    from cdnserve.audit.checks import audit
    from cdnserve.audit.facts import AuditInput, FetchedDigests, unknown
    from cdnserve.audit.pages import fetch_digests
    from cdnserve.markup.decode import decode
    from cdnserve.markup.files import is_template
    from cdnserve.markup.loads import loads
    from cdnserve.markup.parser import scan

    text, _ = decode(page.content, page.charset)
    url = page.url or (public_url(page.path, ours.site_url) if page.path and ours.site_url else "")
    template = not page.url and is_template(Path(page.name))
    scene = AuditInput(loads(scan(text, template=template), url), url, ours)
    if fetch:
        came = fetch_digests(unknown(scene), library_settings())
        found = {address: FetchedDigests(one.by_algorithm, one.failure, one.varies) for address, one in came.items()}
        scene = replace(scene, fetched=found)
    return Audited(page.name, audit(scene))


_STYLES: dict[Level, str] = {"error": "bold red", "warning": "bold yellow", "note": "bold cyan"}


def is_bad(audited: Sequence[Audited]) -> bool:
    """Return whether there is more than notes."""
    return any(finding.level != "note" for one in audited for finding in one.findings)


def write_findings(audited: Sequence[Audited]) -> None:
    """Write all findings, and how many there are."""
    if sys.stdout.isatty():
        from cdnserve.cli.terminal import print_rows

        for one in audited:
            if one.findings:
                write([[(one.page, "bold underline")]])
                print_rows(sys.stdout, (row for finding in one.findings for row in _rows(finding)))
    else:
        lines = (line for one in audited for finding in one.findings for line in _lines(one.page, finding))
        write(lines, keep_tabs=True)
    write([[(summary(audited), "bold")]])


def summary(audited: Sequence[Audited]) -> str:
    """Return how many findings there are, in how many pages, and by which rules.

    >>> summary([Audited("a.html", ())])
    'nothing found in 1 page'
    """
    counts = Counter(finding.level for one in audited for finding in one.findings)
    words = ", ".join(plural(counts[level], level) for level in LEVELS if counts[level])
    rules = Counter(finding.rule for one in audited for finding in one.findings).most_common()
    by_rule = ": " * bool(rules) + ", ".join(f"{number} {rule}" for rule, number in rules)
    return f"{words or 'nothing found'} in {plural(len(audited), 'page')}{by_rule}"


def as_object(audited: Sequence[Audited], problems: Sequence[Problem]) -> dict[str, object]:
    """Return all as one JSON object."""
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

"""`cdnserve audit`: what is wrong with the script and link tags of HTML pages.

Never changes a page, and never asks a network but for pages that are URLs and for `--fetch`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from cdnserve.cli.command import Command
from cdnserve.cli.current import build_release, open_release
from cdnserve.cli.options import json_option, root_option, state_option
from cdnserve.cli.problems import report
from cdnserve.cli.surroundings import library_settings
from cdnserve.cli.terminal import write_json
from cdnserve.errors import ConfigurationError, Problem
from cdnserve.manifest.governing import MANIFEST
from cdnserve.snippets.addresses import public_url

if TYPE_CHECKING:
    from cdnserve.cli.findings import Audited
    from cdnserve.libraries.pages import PageFile
    from cdnserve.origin import Origin
    from cdnserve.release.catalog import Catalog
    from cdnserve.snippets.pages.ours import Ours, Place


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
    from cdnserve.cli.findings import as_object, is_bad, write_findings
    from cdnserve.cli.sarif import as_sarif as sarif_log
    from cdnserve.libraries.pages import read_pages

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
    """Give the release of ROOT; none where it has no manifest, but a folder that was asked for must be there."""
    from cdnserve.snippets.pages.ours import Ours

    if not (root / MANIFEST).is_file() and (root.is_dir() or not is_asked_for):
        return Ours.of(None, hosts)
    return served(open_release(root, state, build_release(root, state))[1], hosts)


def served(catalog: Catalog, hosts: Iterable[str] = ()) -> Ours:
    """Give a release as a server of it would answer: with aliases, default files and further addresses."""
    from cdnserve.origin import Origin
    from cdnserve.snippets.pages.ours import Ours

    return Ours.of(catalog, hosts, partial(_place, Origin(catalog)))


def _place(origin: Origin, path: str) -> Place:
    from cdnserve.snippets.pages.ours import Place

    found = origin.locate(path.encode("utf-8", "surrogatepass"))
    if found.flaw:
        return Place(path)
    return Place(found.path, found.asset, found.path if found.location else "")


def _audit_all(pages: Iterable[PageFile | Problem], ours: Ours, *, fetch: bool) -> tuple[list[Audited], list[Problem]]:
    audited: list[Audited] = []
    problems: list[Problem] = []
    for page in pages:
        if isinstance(page, Problem):
            problems.append(page)
            continue
        try:
            audited.append(_audit(page, ours, fetch=fetch))
        except ConfigurationError as error:
            problems += (replace(problem, where=page.name) for problem in error.problems)
    return audited, problems


def _audit(page: PageFile, ours: Ours, *, fetch: bool) -> Audited:
    from cdnserve.cli.findings import Audited
    from cdnserve.libraries.page_files import is_template
    from cdnserve.libraries.pages import fetch_digests
    from cdnserve.snippets.pages.audit import audit
    from cdnserve.snippets.pages.decoding import decode
    from cdnserve.snippets.pages.facts import Fetched, Scene, unknown
    from cdnserve.snippets.pages.loads import loads
    from cdnserve.snippets.pages.scan import scan

    text, _ = decode(page.content, page.charset)
    url = page.url or (public_url(page.path, ours.site_url) if page.path and ours.site_url else "")
    template = not page.url and is_template(Path(page.name))
    scene = Scene(loads(scan(text, template=template), url), url, ours)
    if fetch:
        came = fetch_digests(unknown(scene), library_settings())
        found = {address: Fetched(one.by_algorithm, one.failure, one.varies) for address, one in came.items()}
        scene = replace(scene, fetched=found)
    return Audited(page.name, audit(scene))

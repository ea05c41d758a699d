"""`cdnserve verify`: what a live URL answers, compared with the release; for a person or for CI."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from cdnserve.cli.command import Command, json_option, root_option, state_option, store_option
from cdnserve.cli.progress import count_progress
from cdnserve.cli.release import needed_store
from cdnserve.cli.terminal import Piece, write, write_json
from cdnserve.display import plural
from cdnserve.release.store import Store, state_folder
from cdnserve.verify.client import TIMEOUT, ClientOptions, parse_target
from cdnserve.verify.findings import Group
from cdnserve.verify.run import Choice, Report, verify

_SAMPLE = re.compile(r"(?P<number>[0-9]{1,9})|(?P<per_cent>[0-9]{1,3}(?:\.[0-9]{1,3})?)%", re.ASCII)
_FIELD = re.compile(
    r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(?:([\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)[ \t]*)?", re.ASCII
)


def _sample(_: click.Context, __: click.Parameter, value: str | None) -> tuple[int | None, float | None]:
    if value is None:
        return None, None
    found = _SAMPLE.fullmatch(value)
    number = int(found["number"]) if found and found["number"] else None
    per_cent = float(found["per_cent"]) if found and found["per_cent"] else None
    if number == 0 or per_cent == 0 or (number is None and per_cent is None) or (per_cent or 0) > 100:
        raise click.BadParameter(f"{value!r} is neither a number nor per cent, as 500 or 10%")
    return number, per_cent


def _fields(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    found = [_FIELD.fullmatch(value) for value in values]
    for value, match in zip(values, found, strict=True):
        if not match:
            raise click.BadParameter(f"{value!r} is no header field, as 'Name: value'")
    return tuple((match[1], match[2] or "") for match in found if match)


@click.command(cls=Command, examples=("verify https://cdn.example.com", "verify https://cdn.example.com --sample 10%"))
@click.argument("url")
@root_option
@state_option
@store_option
@click.option("--path", "globs", multiple=True, metavar="GLOB", help="Only paths that match; may be repeated.")
@click.option("--sample", callback=_sample, metavar="NUMBER|N%", help="Only so many paths, chosen at random.")
@click.option("--seed", default=0, show_default=True, metavar="NUMBER", help="What the sample is chosen by.")
@click.option(
    "--concurrency",
    default=8,
    type=click.IntRange(1, 64),
    metavar="NUMBER",
    show_default=True,
    help="How many paths are asked for at once.",
)
@click.option(
    "--timeout",
    default=TIMEOUT,
    type=click.FloatRange(1, 86_400),
    metavar="SECONDS",
    show_default=True,
    help="How long all that is asked of one path may take.",
)
@click.option("--resolve", default="", metavar="ADDRESS", help="Connect to this HOST or HOST:PORT instead.")
@click.option("--header", "fields", multiple=True, callback=_fields, help="A field for every request; may be repeated.")
@click.option(
    "--ca", default="", type=click.Path(), metavar="FILE", help="Certificates to trust instead of the system's."
)
@click.option("--insecure", is_flag=True, help="Trust any certificate.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    url: str,
    root: Path,
    state: str | None,
    store: str,
    globs: tuple[str, ...],
    sample: tuple[int | None, float | None],
    seed: int,
    concurrency: int,
    timeout: float,
    resolve: str,
    fields: tuple[tuple[str, str], ...],
    ca: str,
    insecure: bool,
    as_json: bool,
) -> None:
    """Compare what URL answers with the current release of ROOT.

    Asks for every public path: each content coding, as pages of allowed and of other origins, with a
    precondition, for ranges, with preflights; and for paths where no file lies. What an edge may do is no
    difference; docs/verify.md explains those that are. The exit status is 1 if there is any.
    """
    choice = Choice(globs, *sample, seed=seed)
    target = parse_target(url, resolve)
    releases = needed_store(store) if store else Store(state_folder(root, state))
    with count_progress("verifying paths") as on_path:
        report = verify(target, releases, choice, ClientOptions(fields, ca, insecure, concurrency, timeout), on_path)
    if as_json:
        write_json(_as_object(target.url, report))
    else:
        write(_lines(report))
    ctx.exit(1 if report.groups else 0)


def _lines(report: Report) -> Iterator[list[Piece]]:
    for group in report.groups:
        yield [(group.says, "bold red"), (f" [{group.reference}]", "dim")]
        yield [(f"    {plural(group.answers, 'answer')} for {plural(group.paths, 'path')}, such as", "")]
        for finding in group.examples:
            yield [(f"    /{finding.path}", "bold"), (f"  {finding.asked}", "dim")]
            yield [(f"        {finding.detail}", "magenta")]
    asked = f"{plural(report.paths, 'path')} of release {report.release}, {plural(report.requests, 'request')}"
    if report.groups:
        yield [(f"{plural(len(report.groups), 'finding')} in {asked}", "bold red")]
    else:
        yield [(f"no findings in {asked}", "bold green")]


def _as_object(url: str, report: Report) -> dict[str, object]:
    return {
        "url": url,
        "release": report.release,
        "paths": report.paths,
        "requests": report.requests,
        "findings": [_finding(group) for group in report.groups],
        "problems": [],
    }


def _finding(group: Group) -> dict[str, object]:
    examples = [{"path": one.path, "asked": one.asked, "detail": one.detail} for one in group.examples]
    counts = {"answers": group.answers, "paths": group.paths}
    return {"id": group.reference, "says": group.says, **counts, "examples": examples}

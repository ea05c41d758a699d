"""`cdnserve migrate`: pages that load from public CDNs load the same files from here, with integrity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from difflib import unified_diff
from pathlib import Path

import click

from cdnserve.cli.command import Command, as_objects, json_option, registry_option, report, root_option
from cdnserve.cli.npm import library_settings, write_libraries
from cdnserve.cli.progress import count_progress, download_progress
from cdnserve.cli.terminal import Piece, as_groups, write, write_json
from cdnserve.display import plural
from cdnserve.migrate.loaded import LibraryPart
from cdnserve.migrate.plan import MigrateOptions, Migration, PagePlan, Plan, ReferenceOutcome, migrate
from cdnserve.npm.apply import Added

_STYLES = {"+": "green", "-": "red", "@": "cyan"}
_FATES = {"moved": "green", "left": "yellow", "unneeded": "dim", "needed": "dim", "unknown": "yellow"}


@click.command(cls=Command, examples=("migrate site --dry-run", "migrate site"))
@click.argument("targets", nargs=-1, required=True, metavar="PAGE...", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Print what would change as a diff, and change nothing.")
@click.option("--lean", is_flag=True, help="Host only the files that pages name, and what these load.")
@click.option("--url", default="", metavar="URL", show_default="[site] url", help="The public base URL of ROOT.")
@click.option("--host", "hosts", multiple=True, metavar="HOST", help="Another host to load from as now; repeatable.")
@root_option
@registry_option
@json_option
def command(  # one for each option
    targets: tuple[Path, ...],
    dry_run: bool,
    lean: bool,
    url: str,
    hosts: tuple[str, ...],
    root: Path,
    registry: str,
    as_json: bool,
) -> None:
    """Leave public CDNs: host what pages load from them, and rewrite the pages.

    PAGE is an HTML file or a template, or a folder of them. Its scripts, stylesheets, preloads, import maps and module
    imports that point to public CDNs get the address of the same file here, with integrity and crossorigin; nothing
    else in the page is touched. The libraries are added from npm. Whatever else comes from another host is listed with
    the reason and left, and the exit status is 1.

    With --lean only the files are hosted that pages name, and the modules, stylesheets, fonts and workers that these
    load. A library that loads more when it runs is kept whole, and so is one that is hosted whole already.
    """
    options = MigrateOptions(url, hosts, dry_run, lean)
    with count_progress("reading pages") as on_page, download_progress() as progress:
        migration = migrate(targets, root, options, library_settings(registry), progress, on_page)
    plan, added = migration.plan, migration.added
    if as_json:
        write_json(_as_object(plan, added))
    else:
        _show(migration, root, dry_run=dry_run)
    if plan.left:
        raise click.exceptions.Exit(1)


def _show(migration: Migration, root: Path, *, dry_run: bool) -> None:
    plan, added = migration.plan, migration.added
    report(added.warnings)
    told = [(page, outcome) for page in plan.pages for outcome in page.outcomes]
    if dry_run:
        write((line for page in plan.pages for line in _diff(page)), keep_tabs=True)
        # The diff says the rest.
        write((_line(page, one) for page, one in told if one.fate != "left" and one.remark), to_stderr=True)
        write(([("would add ", "bold"), (library, "")] for library in migration.absent), to_stderr=True)
    else:
        write_libraries(root, added.libraries)
    write((_part(part) for part in plan.parts), to_stderr=dry_run)
    if not dry_run:
        write(_line(page, one) for page, one in told if one.fate != "left")
    write((_line(page, one) for page, one in told if one.fate == "left"), to_stderr=True)
    write(_summary(plan, dry_run=dry_run), to_stderr=dry_run)


def _diff(page: PagePlan) -> Iterator[Sequence[Piece]]:
    before, after = (text.splitlines() for text in (page.text, page.after))
    name = page.file.path.as_posix()
    for line in unified_diff(before, after, f"a/{name}", f"b/{name}", lineterm=""):
        yield [(line, _STYLES.get(line[:1], ""))]


def _line(page: PagePlan, outcome: ReferenceOutcome) -> Sequence[Piece]:
    reference = outcome.reference
    to = f" -> {' '.join(outcome.urls)}" if outcome.urls else ""
    why = f" ({outcome.remark})" if outcome.urls and outcome.remark else f": {outcome.remark}" * bool(outcome.remark)
    place = (f"{page.file.path}:{reference.line}: ", "bold")
    return [place, (outcome.fate, _FATES[outcome.fate]), (f" {reference.url}{to}{why}", "")]


def _part(part: LibraryPart) -> Sequence[Piece]:
    number = f"all {part.total:,}" if part.reason else f"{part.kept:,} of {part.total:,}"
    why = f" ({part.reason})" if part.reason else ""
    return [(part.library, "bold"), (f"  {number} files kept{why}", "")]


def _summary(plan: Plan, *, dry_run: bool) -> Iterator[Sequence[Piece]]:
    """Yield how many addresses were moved and left, and how many of these for each reason, with what resolves it."""
    moved = sum(outcome.fate == "moved" for page in plan.pages for outcome in page.outcomes)
    changed = sum(page.is_changed for page in plan.pages)
    would = "would be " * dry_run
    pages = f"{changed:,} of {plural(len(plan.pages), 'page')}"
    known = f", {plan.unknown} that only a template knows" if plan.unknown else ""
    yield [(f"{moved} address{'es' * (moved != 1)} {would}moved in {pages}, {plan.left} left{known}", "")]
    yield from as_groups(plan.reasons, plan.remedies)


def _as_object(plan: Plan, added: Added) -> dict[str, object]:
    return {
        "libraries": [*plan.libraries, *plan.made],
        "left": dict(plan.reasons.most_common()),
        "remedies": plan.remedies,
        "parts": [asdict(part) for part in plan.parts],
        "added": [asdict(one) for one in added.libraries],
        "pages": [
            {
                "path": str(page.file.path),
                "changed": page.is_changed,
                "references": [
                    {
                        "line": one.reference.line,
                        "url": one.reference.url,
                        "fate": one.fate,
                        "to": list(one.urls),
                        "remark": one.remark,
                    }
                    for one in page.outcomes
                ],
            }
            for page in plan.pages
        ],
        "problems": as_objects(added.warnings),
    }

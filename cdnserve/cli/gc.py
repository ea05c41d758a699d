"""`cdnserve gc`: old releases go, and the stored bytes that only they needed."""

from __future__ import annotations

from pathlib import Path

import click

from cdnserve.cli.command import Command, as_objects, json_option, report, root_argument, state_option
from cdnserve.cli.progress import build_progress
from cdnserve.cli.release import releases_folder
from cdnserve.cli.terminal import write_json
from cdnserve.display import plural
from cdnserve.release.gc import Collected, GcOptions, collect

_NEWEST = 5


@click.command(cls=Command, examples=("gc --dry-run", "gc --keep 3"))
@root_argument
@state_option
@click.option(
    "--keep",
    default=_NEWEST,
    type=click.IntRange(min=1),
    metavar="NUMBER",
    show_default=True,
    help="How many of the newest releases to keep.",
)
@click.option(
    "--grace",
    default=300,
    type=click.IntRange(min=0),
    metavar="SECONDS",
    show_default=True,
    help="Keep what was current in the last so many seconds.",
)
@click.option("--forget", is_flag=True, help="Give up the release that was rolled back from, too.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@json_option
def command(root: Path, state: str | None, keep: int, grace: int, forget: bool, dry_run: bool, as_json: bool) -> None:
    """Remove old releases of ROOT, and stored bytes that no release needs.

    The current release stays, so does one that a running server answers from, and one that was rolled back
    from. A build that is under way is waited for.
    """
    options = GcOptions(keep, float(grace), forget, dry_run)
    with build_progress() as progress:
        done = collect(releases_folder(root, state), options, progress)
    if as_json:
        write_json(_as_object(done, options))
        return
    report(done.warnings)
    click.echo("\n".join(_lines(done, options)))


def _lines(done: Collected, options: GcOptions) -> list[str]:
    verb, freed = ("would be removed", "would be freed") if options.dry_run else ("removed", "freed")
    which = f": {', '.join(map(str, done.releases))}" if done.releases else ""
    lines = [f"{plural(len(done.releases), 'release')} {verb}{which}"]
    lines.append(f"{plural(done.blobs, 'stored file')} {verb}, {done.octets:,} octets {freed}")
    return lines + [f"release {number} stays: {reason}" for number, reason in done.kept.items()]


def _as_object(done: Collected, options: GcOptions) -> dict[str, object]:
    return {
        "removed": done.releases,
        "stored_files": done.blobs,
        "octets": done.octets,
        "kept": [{"release": number, "reason": reason} for number, reason in done.kept.items()],
        "dry_run": options.dry_run,
        "problems": as_objects(done.warnings),
    }

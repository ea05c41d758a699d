"""`cdnserve gc`: old releases go, and the stored bytes that only they needed."""

from __future__ import annotations

from pathlib import Path

import click

from cdnserve.cli.command import Command, as_objects, json_option, report, root_argument, state_option, store_option
from cdnserve.cli.progress import build_progress
from cdnserve.cli.release import needed_store, releases_folder
from cdnserve.cli.terminal import write_json
from cdnserve.display import plural
from cdnserve.release.gc import Collected, GcOptions, collect

_NEWEST = 5
_GRACE, _STORE_GRACE = 300, 86_400


@click.command(cls=Command, examples=("gc --dry-run", "gc --keep 3"))
@root_argument
@state_option
@store_option
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
    default=None,
    type=click.IntRange(min=0),
    metavar="SECONDS",
    show_default=f"{_GRACE}; {_STORE_GRACE} with --store",
    help="Keep what was current in the last so many seconds; in a store, also what was written then.",
)
@click.option("--forget", is_flag=True, help="Give up the release that was rolled back from, too.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@json_option
def command(
    root: Path,
    state: str | None,
    store: str,
    keep: int,
    grace: int | None,
    forget: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Remove old releases of ROOT, or of an object store, and stored bytes that no release needs.

    The current release stays, so does one that a running server answers from, and one that was rolled back
    from. A build that is under way is waited for. In a store nobody can see who answers from what, so what was
    needed within the grace time stays.
    """
    seconds = (_STORE_GRACE if store else _GRACE) if grace is None else grace
    options = GcOptions(keep, float(seconds), forget, dry_run)
    done = _in_store(store, options) if store else _in_folder(root, state, options)
    if as_json:
        write_json(_as_object(done, options))
        return
    report(done.warnings)
    click.echo("\n".join(_lines(done, options)))


def _in_folder(root: Path, state: str | None, options: GcOptions) -> Collected:
    with build_progress() as progress:
        return collect(releases_folder(root, state), options, progress)


def _in_store(store: str, options: GcOptions) -> Collected:
    from cdnserve.release.gc_store import LEAST_GRACE, collect_store

    if options.grace < LEAST_GRACE:
        raise click.UsageError(
            f"in a store the grace time is at least {LEAST_GRACE} seconds: somebody may be publishing"
        )
    return collect_store(needed_store(store), options)


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
